"""The service behind HTTP, in process, over PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from events.reaction import Incoming
from events.store.postgres import PostgresEventStore
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.problems import install_problem_handlers
from kassenverbund.kit.service import Opened, Runtime
from kassenverbund.kit.testing import KnownTokens
from voucher.projections import VoucherBook
from voucher.service import SERVICE
from voucher.testing.fakes import SECRETS, pool_of

CALLERS = {
    "gateway": Caller(kind="service", id="device-gateway", roles=frozenset({"service"})),
    "box": Caller(kind="service", id="box", roles=frozenset({"service"}), store_id="hamburg"),
    "till": Caller(kind="till", id="t1", store_id="koeln", till_id="t1"),
    "roled-till": Caller(kind="till", id="t9", roles=frozenset({"service", "back_office"})),
    "foreign-till": Caller(kind="till", id="t7", store_id="hamburg", till_id="t7"),
    "manager": Caller(kind="person", id="m", roles=frozenset({"manager"})),
    "office": Caller(kind="person", id="o", roles=frozenset({"back_office"})),
    "analyst": Caller(kind="person", id="a", roles=frozenset({"analyst"})),
}


class Shop:
    """The service behind HTTP, with its read models brought up to date on request."""

    def __init__(
        self, opened: Opened, client: httpx.AsyncClient, store: PostgresEventStore,
        engine: AsyncEngine,
    ) -> None:  # fmt: skip
        self.opened, self.client, self.store, self.engine = opened, client, store, engine
        self.after = 0

    async def send(
        self, method: str, path: str, body: Any = None, *, by: str = "gateway", key: str = ""
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {by}", "idempotency-key": key or uuid4().hex}
        return await self.client.request(method, path, json=body, headers=headers)

    async def prepare(self, voucher_id: str, worth: int = 5000, /, **other: Any) -> httpx.Response:
        body = {
            "value": eur(worth),
            "legal_entity_id": "kette",
            "store_id": "berlin",
            "till_id": "t1",
            "booking_id": f"sale-{voucher_id}",
            "line_id": "L1",
        }
        path = f"/voucher/v1/prepared/{voucher_id}"
        return await self.send("PUT", path, {**body, **other})

    async def hear(self, *records: Incoming) -> None:
        await self.opened.reactions[0].handle(records)

    async def hold(
        self, hold_id: str, code: str, amount: int, /, *, by: str = "gateway", **other: Any
    ) -> httpx.Response:
        body = {
            "code": code,
            "amount": eur(amount),
            "mode": "exact",
            "store_id": "koeln",
            "till_id": "t1",
            "booking_id": "B2",
            "payment_id": "P1",
        }
        return await self.send("PUT", f"/voucher/v1/holds/{hold_id}", {**body, **other}, by=by)

    async def redeem(
        self, redemption_id: str, code: str, amount: int, *, by: str = "office", key: str = ""
    ) -> httpx.Response:
        body = {"code": code, "amount": eur(amount), "mode": "exact", "store_id": "koeln",
                "redemption_id": redemption_id}  # fmt: skip
        return await self.send("POST", "/voucher/v1/redemptions", body, by=by, key=key)

    async def look_up(self, code: str, by: str = "till") -> httpx.Response:
        return await self.send("POST", "/voucher/v1/lookups", {"code": code}, by=by)

    async def catch_up(self) -> None:
        book = VoucherBook()
        while records := await self.store.read(after=self.after, records_max=500):
            async with self.engine.begin() as tx:
                await book.apply(tx, records)
            self.after = records[-1].position


def eur(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


@asynccontextmanager
async def open_shop(
    *,
    store: PostgresEventStore,
    engine: AsyncEngine,
    chain: Chain,
    clock: Callable[[], datetime],
    var: Path,
) -> AsyncIterator[Shop]:
    """The service as the program opens it, and a client that knows one token per caller."""
    authenticator = KnownTokens(CALLERS)
    opened = await SERVICE.open(
        Runtime(
            chain=chain,
            store=store,
            engine=engine,
            pool=pool_of(engine),
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
    app.include_router(opened.router, prefix="/voucher")
    install_problem_handlers(app)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield Shop(opened, client, store, engine)
