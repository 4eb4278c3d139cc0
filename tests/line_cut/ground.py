"""A store and a center as processes, and the two lines between them.

The store: the gateway on a database of its own, its printers as TCP printers. The center: vouchers,
cost centers and the signer on theirs. Kafka (or the bus in PostgreSQL) stands at the center. The
store reaches it, and the services, over lines that can be cut.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml
from sqlalchemy.engine import make_url

from device_gateway.adapters.virtual_printer import Profile, VirtualPrinter
from events.bus.local_kafka import LocalKafka
from events.testing.database import fresh_database
from kassenverbund.issuer import Issuer
from kassenverbund.simulate.till import Shelf, SimulatedTill
from tests.line_cut.proxy import Line, Mood
from tests.support.office import Office
from tests.support.program import ROOT, Program, free_port

STORE = "berlin"
CENTER_NUMBER = "400100"
CENTER_SERVICES = ("voucher", "costcenter", "fiscal-signer")
START_WAIT_S = 90.0
SIGN_WITHIN_S = 1.0
"""Short: without a line papers come out with the outage mark, and a test does not wait long."""
CONNECTIONS_MAX = 4
CALL_S = 15.0


@dataclass
class Ground:
    """Everything that runs."""

    store: Program
    center: Program
    services: Line
    bus: Line
    printer: VirtualPrinter
    papers: Path
    store_url: str
    center_url: str
    http: httpx.AsyncClient
    """To the gateway."""
    tills: list[SimulatedTill]
    shelf: Shelf
    kills: int = 0
    moods: list[str] = field(default_factory=list)

    def turn(self, mood: Mood) -> None:
        """Both lines."""
        self.moods.append(mood)
        self.services.turn(mood)
        self.bus.turn(mood)

    def reset(self) -> None:
        """Everything that is open breaks off once."""
        self.moods.append("reset")
        self.services.reset()
        self.bus.reset()

    async def kill_store(self) -> None:
        """kill -9 of the gateway, and a new start, line or no line."""
        assert self.store.process is not None
        self.store.process.kill()
        self.store.process.wait()
        self.kills += 1
        self.store.start()
        await alive(self.store)


async def alive(program: Program) -> None:
    """Wait until it answers: ready it is only with a bus. Raises TimeoutError."""
    async with asyncio.timeout(START_WAIT_S):
        while True:
            assert program.process is not None
            assert program.process.poll() is None, program.tail()
            with contextlib.suppress(OSError, httpx.HTTPError):
                async with program.client(timeout_s=2.0) as client:
                    if (await client.get("/health/live")).status_code == 200:
                        return
            await asyncio.sleep(0.1)


@asynccontextmanager
async def ground(
    folder: Path, postgres_url: str, *, tills: int, kafka_jars: Path | None
) -> AsyncIterator[Ground]:
    """All of it, ready to sell. `kafka_jars` None: the bus is PostgreSQL."""
    async with AsyncExitStack() as stack:
        store_url = await stack.enter_async_context(fresh_database(postgres_url))
        center_url = await stack.enter_async_context(fresh_database(postgres_url))
        papers = folder / "papers"
        printer = await stack.enter_async_context(
            VirtualPrinter(papers, name="bon", profile=Profile(dots=576), pictures=False)
        )
        chain = _chain(folder, printer.port)
        center_port = free_port()
        services = await stack.enter_async_context(Line(free_port(), to_port=center_port))
        bus, near, far = await _bus(stack, folder, postgres_url, kafka_jars)
        shared = {
            "KASSENVERBUND_CHAIN": str(chain),
            "KASSENVERBUND_DATABASE_CONNECTIONS_MAX": str(CONNECTIONS_MAX),
            "KASSENVERBUND_SIGN_WITHIN_S": str(SIGN_WITHIN_S),
        }
        center = Program(
            folder / "center", ("serve", *CENTER_SERVICES), port=center_port,
            environment={**shared, **near, "DATABASE_URL": center_url},
        )  # fmt: skip
        secrets = center.var / "secrets"
        store = Program(
            folder / "store", ("serve", "device-gateway"),
            environment={
                **shared, **far, "DATABASE_URL": store_url,
                "KASSENVERBUND_ROOT_KEY_FILE": str(secrets / "root.key"),
                "KASSENVERBUND_ISSUER_KEY_FILE": str(secrets / "issuer.pem"),
                "KASSENVERBUND_PEER_CA": str(center.var / "tls" / "ca.pem"),
                "KASSENVERBUND_URL_VOUCHER": f"https://localhost:{services.port}",
                "KASSENVERBUND_URL_COSTCENTER": f"https://localhost:{services.port}",
            },
        )  # fmt: skip
        for program in (center, store):
            stack.callback(program.kill_everything)  # There is nobody to say goodbye to.
        center.start()
        await alive(center)
        store.start()
        await alive(store)
        http = await stack.enter_async_context(store.client(timeout_s=CALL_S))
        shelf = Shelf()
        made = await _tills(center, http, shelf, tills)
        async with center.client() as office:
            token = _token(center.var, "back_office")
            await Office(office, token).center(CENTER_NUMBER)
        yield Ground(
            store, center, services, bus, printer, papers, store_url, center_url, http, made, shelf
        )


async def _bus(
    stack: AsyncExitStack, folder: Path, postgres_url: str, jars: Path | None
) -> tuple[Line, Mapping[str, str], Mapping[str, str]]:
    """The line to the bus, and how the center and the store find it."""
    if jars is None:
        url = await stack.enter_async_context(fresh_database(postgres_url))
        near = make_url(url)
        socket_folder = str(near.query.get("host", ""))
        port = near.port or 5432
        if socket_folder:
            line = Line(free_port(), to_socket=f"{socket_folder}/.s.PGSQL.{port}")
        else:
            line = Line(free_port(), to_port=port)
        await stack.enter_async_context(line)
        far = near.set(host="127.0.0.1", port=line.port, query={})
        return line, {"KASSENVERBUND_BUS_URL": url}, {
            "KASSENVERBUND_BUS_URL": far.render_as_string(hide_password=False)
        }  # fmt: skip
    door = free_port()
    line = await stack.enter_async_context(Line(free_port(), to_port=door))
    kafka = LocalKafka(folder / "kafka", jars=jars, far=(door, line.port))
    await asyncio.to_thread(kafka.start)
    stack.callback(kafka.kill)
    return line, {"KAFKA_BOOTSTRAP": kafka.bootstrap}, {
        "KAFKA_BOOTSTRAP": f"127.0.0.1:{line.port}"
    }  # fmt: skip


def _chain(folder: Path, printer_port: int) -> Path:
    document: dict[str, Any] = yaml.safe_load((ROOT / "chain.yaml").read_text())
    document["stores"] = [store for store in document["stores"] if store["id"] == STORE]
    document["stores"][0]["printers"] = [
        {"id": "bon", "host": "127.0.0.1", "port": printer_port, "columns": 48}
    ]
    path = folder / "chain.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True))
    return path


def _token(var: Path, role: str) -> str:
    issuer = Issuer.from_file(
        var / "secrets" / "issuer.pem",
        name="urn:kassenverbund:buchkette",
        audience="kassenverbund",
        make=False,
    )
    return issuer.person(role, [role], now=datetime.now(UTC), valid_for=timedelta(hours=2))


async def _tills(
    center: Program, http: httpx.AsyncClient, shelf: Shelf, count: int
) -> list[SimulatedTill]:
    from kassenverbund.cli.simulate import paired

    known = await paired(http, STORE, count, _token(center.var, "manager"))
    return [
        SimulatedTill(http, STORE, till_id, token, shelf, "cut", center=CENTER_NUMBER)
        for till_id, token in known
    ]
