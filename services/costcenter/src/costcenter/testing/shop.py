"""The service behind HTTP, in process, over PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from costcenter.service import SERVICE
from costcenter.testing.fakes import SECRETS, Clock
from costcenter.testing.world import World, build_world
from events.reaction import Incoming
from events.store.pool import pool_for
from events.store.postgres import PostgresEventStore
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.problems import install_problem_handlers
from kassenverbund.kit.service import Opened, Runtime
from kassenverbund.kit.testing import KnownTokens
from money import euro

CALLERS = {
    "gateway": Caller(kind="service", id="device-gateway", roles=frozenset({"service"})),
    "till": Caller(kind="till", id="t1", store_id="berlin", till_id="t1"),
    "cashier": Caller(kind="person", id="k", roles=frozenset({"cashier"}), store_id="berlin"),
    "manager": Caller(kind="person", id="m", roles=frozenset({"manager"}), store_id="berlin"),
    "office": Caller(kind="person", id="o", roles=frozenset({"back_office"})),
    "auditor": Caller(kind="person", id="p", roles=frozenset({"auditor"})),
    "analyst": Caller(kind="person", id="a", roles=frozenset({"analyst"})),
}


class Shop:
    """The service behind HTTP, with its read models brought up to date on request."""

    def __init__(
        self, opened: Opened, client: httpx.AsyncClient, world: World, engine: AsyncEngine
    ) -> None:
        self.opened, self.client, self.world, self.engine = opened, client, world, engine
        self._after: dict[str, int] = {}

    async def send(
        self, method: str, path: str, body: Any = None, *, by: str = "gateway", key: str = ""
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {by}", "idempotency-key": key or uuid4().hex}
        return await self.client.request(method, f"/costcenter{path}", json=body, headers=headers)

    async def hold(
        self, hold_id: str, card: dict[str, Any], amount: str, /, *, by: str = "gateway",
        key: str = "", **other: Any,
    ) -> httpx.Response:  # fmt: skip
        body = {
            "card": card,
            "amount": eur(amount),
            "mode": "exact",
            "basket": [line(amount)],
            "store_id": "berlin",
            "till_id": "t1",
            "booking_id": f"b-{hold_id}",
            "payment_id": "P1",
            **other,
        }
        return await self.send("PUT", f"/v1/charges/{hold_id}", body, by=by, key=key)

    async def hear(self, *records: Incoming) -> None:
        await self.opened.reactions[0].handle(records)

    async def catch_up(self) -> None:
        """Bring the read models to the end of the log."""
        for projection in self.opened.projections:
            after = self._after.get(projection.name, 0)
            while records := await self.world.store.read(after=after, records_max=500):
                async with self.engine.begin() as tx:
                    await projection.apply(tx, records)
                after = records[-1].position
            self._after[projection.name] = after


def eur(text: str) -> dict[str, Any]:
    return euro(text).model_dump()


def line(gross: str, **other: Any) -> dict[str, Any]:
    """A line of a basket at 7 %."""
    return {"vat": "reduced", "rate": 700, "dsfinvk_key": 2, "gross": eur(gross), **other}


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


@asynccontextmanager
async def open_shop(
    *, store: PostgresEventStore, engine: AsyncEngine, chain: Chain, clock: Clock, var: Path
) -> AsyncIterator[Shop]:
    """The service as the program opens it, and a client that knows one token per caller."""
    authenticator = KnownTokens(CALLERS)
    url = engine.url.render_as_string(hide_password=False)
    opened = await SERVICE.open(
        Runtime(
            chain=chain,
            store=store,
            engine=engine,
            pool=pool_for(url, schema=SERVICE.schema),
            client=lambda _: httpx.AsyncClient(),
            authenticator=authenticator,
            secrets=SECRETS,
            clock=clock,
            var=var,
            sign_within_s=10,
        )
    )
    app = FastAPI()
    app.state.authenticator = authenticator
    app.include_router(opened.router, prefix="/costcenter")
    install_problem_handlers(app)
    streamed = {f"/costcenter{path}": most for path, most in opened.streamed.items()}
    app.state.streamed.update(streamed)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield Shop(opened, client, build_world(store, clock, chain), engine)
