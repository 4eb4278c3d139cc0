"""A program that a browser can reach, tills in that browser, and what a test looks at."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import uvicorn
import yaml
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page
from pydantic import SecretStr

from kassenverbund.chain_file import load_chain
from kassenverbund.http import publish_health
from kassenverbund.kit.chain import Chain
from kassenverbund.settings import Settings
from tests.support.whole import Whole, whole_program

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "var" / "screenshots"
AXE = Path(__file__).parent / "vendor" / "axe.min.js"

SCREENS = {
    "desk": (1280, 800), "tablet": (1024, 768), "portrait": (800, 1280), "zoomed": (640, 400),
}  # fmt: skip
"""`zoomed`: as 1280×800 at 200 %."""

ASKED, READY = b"\x10\x04\x01", b"\x16"
"""ESC/POS: the question for the printer's state (DLE EOT 1), and that all is well."""

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip

AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

QUIET_CONSOLE = ("Failed to load resource",)
"""A status of 4xx is an answer here; whatever else the console says fails the test."""


class _Clock:
    """The time, for a program that people look at."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class Shop:
    """The program and the browser in front of it."""

    whole: Whole
    base_url: str
    browser: Browser
    tills: int = 0

    async def pairing_code(self, store: str = "berlin", name: str | None = None) -> str:
        """As the back office makes it."""
        self.tills += 1
        asked = await self.whole.ask(
            "POST", f"/stores/{store}/v1/pairings", {"name": name or f"Kasse {self.tills}"},
            token=self.whole.token("manager"), key=f"browser-{uuid4()}",
        )  # fmt: skip
        return str(asked["code"])

    async def enrolled(
        self, number: str, name: str, *, role: str = "cashier", pin: str = "4711",
        card: str | None = None, store: str = "berlin",
    ) -> None:  # fmt: skip
        """Somebody who may sign in."""
        body = {"name": name, "role": role, "pin": pin}
        if card is not None:
            body["code"] = card
        await self.whole.ask(
            "PUT", f"/stores/{store}/v1/cashiers/{number}", body,
            token=self.whole.token("manager"), key=f"enroll-{uuid4()}",
        )  # fmt: skip

    async def screen(
        self, store: str = "berlin", *, language: str = "de", size: str = "desk",
        touch: bool = False,
    ) -> Till:  # fmt: skip
        """A browser in front of nobody's till yet."""
        width, height = SCREENS[size]
        context = await self.browser.new_context(
            base_url=self.base_url,
            locale={"de": "de-DE", "en": "en-IE"}[language],
            timezone_id="Europe/Berlin",
            viewport={"width": width, "height": height},
            has_touch=touch,
            reduced_motion="reduce",
        )
        context.set_default_timeout(8_000)
        page = await context.new_page()
        till = Till(self, context, page, store, language)
        page.on("console", till.heard)
        page.on("pageerror", lambda fault: till.complaints.append(f"script: {fault}"))
        return till

    async def till(
        self, store: str = "berlin", *, language: str = "de", size: str = "desk",
        touch: bool = False, name: str | None = None,
    ) -> Till:  # fmt: skip
        """A browser that was just paired, by its own page."""
        till = await self.screen(store, language=language, size=size, touch=touch)
        code = await self.pairing_code(store, name)
        await till.go("pair")
        await till.page.fill("#code", code)
        await till.page.press("#code", "Enter")
        await till.page.wait_for_url(lambda url: not url.endswith("/pair"))
        return till


@dataclass
class Till:
    """One browser window."""

    shop: Shop
    context: BrowserContext
    page: Page
    store: str
    language: str
    complaints: list[str] = field(default_factory=list)
    """What the console said that it must not say: faults of scripts, breaches of the policy."""

    def heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(QUIET_CONSOLE):
            self.complaints.append(f"{message.type}: {message.text}")

    @property
    def home(self) -> str:
        return f"/stores/{self.store}/till"

    async def go(self, path: str = "") -> Page:
        await self.page.goto(f"{self.home}/{path}" if path else self.home)
        return self.page

    async def till_id(self) -> str:
        live = await self.page.get_attribute("body", "data-live")
        assert live
        return live.split("/")[5]

    async def token(self) -> str:
        """As its cookie has it: for what a test does beside the browser."""
        return next(c["value"] for c in await self.context.cookies() if c["name"] == "kv_till")

    async def text(self, selector: str) -> str:
        """As it is shown, with no-break spaces as they are."""
        return await self.page.locator(selector).first.inner_text()

    async def shot(self, name: str) -> Path:
        """Kept as an artefact: `var/screenshots/<name>-<language>.png`."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}-{self.language}.png"
        await self.page.screenshot(path=path, full_page=True)
        return path

    async def settled(self) -> None:
        """htmx has nothing under way, and the status bar has been filled."""
        await self.page.wait_for_function("() => !document.querySelector('.htmx-request')")
        if await self.page.locator("#status").count():
            await self.page.wait_for_selector("#status li", state="attached")

    async def accessible(self) -> None:
        """axe-core finds nothing on this page. The script comes in over the debugging line: the
        page's own policy would not let it in."""
        await self.settled()
        await self.page.evaluate(AXE.read_text(encoding="utf-8") + "; undefined")
        found: dict[str, Any] = await self.page.evaluate(
            "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", AXE_TAGS
        )
        faults = [
            f"{rule['id']}: {rule['help']}: {node['html'][:160]} {node.get('failureSummary', '')}"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]
        assert not faults, f"{self.page.url}\n" + "\n".join(faults)

    async def whole_width(self) -> None:
        """Nothing stands out sideways."""
        wide, room = await self.page.evaluate(
            "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert wide <= room, f"{self.page.url}: {wide} px in a window of {room} px"

    async def close(self) -> None:
        await self.context.close()
        assert not self.complaints, "\n".join(self.complaints)


@asynccontextmanager
async def served(whole: Whole) -> AsyncIterator[str]:
    """The program's application on a port of localhost, which browsers take for secure."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        server = uvicorn.Server(
            uvicorn.Config(
                whole.built.app, log_level="error", lifespan="off", timeout_graceful_shutdown=3
            )
        )
        stopping = whole.built.app.state.stopping = asyncio.Event()  # By which streams end.
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://localhost:{port}"
        finally:
            stopping.set()
            server.should_exit = True
            with contextlib.suppress(asyncio.CancelledError):
                await serving


@asynccontextmanager
async def breaking_printer() -> AsyncIterator[int]:
    """The port of a printer that says it is ready, and whose line breaks in the middle of every
    job."""

    async def half_a_job(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readexactly(len(ASKED))
            writer.write(READY)
            await reader.readexactly(400)
        writer.transport.abort()

    server = await asyncio.start_server(half_a_job, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def chain_with(port: int) -> Chain:
    """The example chain; Hamburg's printer is the one at `port`."""
    declared = yaml.safe_load((ROOT / "chain.yaml").read_text(encoding="utf-8"))
    hamburg = next(store for store in declared["stores"] if store["id"] == "hamburg")
    hamburg["printers"] = [{"id": "bon-hamburg-1", "host": "127.0.0.1", "port": port}]
    return Chain.model_validate(declared)


@asynccontextmanager
async def program(url: str, var: Path, chain: Chain | None = None) -> AsyncIterator[Whole]:
    """All services in this process, by the real time."""
    settings = Settings(
        var=var, database_url=SecretStr(url), database_roles=False, log_level="error"
    )
    declared = chain or load_chain(ROOT / "chain.yaml")
    async with whole_program(settings, declared, url, _Clock()) as whole:  # type: ignore[arg-type]  # a clock is what tells the time
        publish_health(whole.built.app, _unready)  # By which the gateway watches its lines.
        yield whole


AWAY = set[str]()
"""Services whose line a test has cut."""


async def _unready() -> Sequence[str]:
    return [f"{service}: cut off by a test" for service in AWAY]
