"""The whole program inside the test's own process: every service over a real PostgreSQL, asked over
ASGI, with a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from events import EventStore
from kassenverbund import background
from kassenverbund.assembly import Assembled, assembled
from kassenverbund.kit.chain import Chain
from kassenverbund.services import find_services
from kassenverbund.settings import Settings
from kassenverbund.supervisor import Supervisor


class MovedClock:
    """Stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **delta: float) -> None:
        self.now += timedelta(**delta)


@dataclass(frozen=True)
class Whole:
    """A program that runs."""

    built: Assembled
    client: httpx.AsyncClient
    supervisor: Supervisor

    def store(self, service: str) -> EventStore:
        return next(part.store for part in self.built.parts if part.service.name == service)

    def token(self, *roles: str) -> str:
        """Tokens go by the real time."""
        return self.built.issuer.person(
            "anna", roles, now=datetime.now(UTC), valid_for=timedelta(hours=1)
        )

    async def ask(
        self, method: str, path: str, body: Any = None, *, token: str, key: str = ""
    ) -> Any:
        """What the program answers. An answer that is none of success fails the test."""
        headers = {"authorization": f"Bearer {token}"}
        if key:
            headers["idempotency-key"] = key
        sent = None if method == "GET" else body or {}
        answer = await self.client.request(method, path, json=sent, headers=headers)
        assert answer.is_success, f"{method} {path} {body}: {answer.status_code} {answer.text}"
        if answer.headers["content-type"].startswith("application/json"):
            return answer.json()
        return answer.content

    async def events(self, service: str, *names: str) -> Sequence[Any]:
        """The entries of a service's log."""
        store, found, after = self.store(service), [], 0
        while page := await store.read(after=after, records_max=1_000):
            after = page[-1].position
            found += [one for one in page if not names or one.name in names]
        return found


@asynccontextmanager
async def whole_program(
    settings: Settings, chain: Chain, url: str, clock: MovedClock
) -> AsyncIterator[Whole]:
    """All services, running. A part that fails, fails the test."""
    async with AsyncExitStack() as stack:
        built = await stack.enter_async_context(
            assembled(settings, chain, find_services(), url, clock=clock)
        )
        supervisor = Supervisor()
        stack.push_async_callback(supervisor.end)
        await background.start(built.parts, built.bus, supervisor, url)
        transport = httpx.ASGITransport(built.app)
        client = await stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60)
        )
        yield Whole(built, client, supervisor)
        supervisor.stop.set()
    if supervisor.failure is not None:
        raise supervisor.failure


async def until(condition: Any, *, wait_s: float = 20.0) -> Any:
    """What `condition` answers, once it is true. Raises TimeoutError."""
    async with asyncio.timeout(wait_s):
        while not (found := await condition()):  # noqa: ASYNC110 - it lies behind HTTP
            await asyncio.sleep(0.02)
    return found
