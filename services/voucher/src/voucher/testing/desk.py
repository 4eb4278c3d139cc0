"""The service behind HTTP, in process, with its background work."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from events import EventStore
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.chain_policies import VoucherPolicy
from kassenverbund.kit.problems import install_problem_handlers
from kassenverbund.kit.secrets import Secrets
from kassenverbund.kit.service import Opened, Runtime
from kassenverbund.kit.testing import KnownTokens
from voucher.projections_catalogue import CatalogueBook
from voucher.service import SERVICE
from voucher.testing.fakes import pool_of

BATCH_WAIT_S = 60.0
"""How long a test waits for the background work of a small batch."""

POLL_S = 0.02

CALLERS: Mapping[str, Caller] = {
    "gateway": Caller(kind="service", id="device-gateway", roles=frozenset({"service"})),
    "till": Caller(kind="till", id="t1", store_id="koeln", till_id="t1"),
    "cashier": Caller(kind="person", id="c", roles=frozenset({"cashier"}), store_id="koeln"),
    "manager": Caller(kind="person", id="m", roles=frozenset({"manager"})),
    "auditor": Caller(kind="person", id="r", roles=frozenset({"auditor"})),
    "office": Caller(kind="person", id="o", roles=frozenset({"back_office"})),
    "store-office": Caller(
        kind="person", id="s", roles=frozenset({"back_office"}), store_id="koeln"
    ),
}


@dataclass
class Desk:
    """Asks as one of `CALLERS`."""

    client: httpx.AsyncClient
    opened: Opened
    store: EventStore
    engine: AsyncEngine
    after: int = 0

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        by: str = "office",
        key: str = "",
        content: Any = None,
        params: Mapping[str, Any] | None = None,
        media_type: str = "text/csv",
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {by}", "idempotency-key": key or uuid4().hex}
        if content is not None:
            headers["content-type"] = media_type
        return await self.client.request(
            method,
            f"/voucher{path}",
            json=body,
            content=content,
            params=params,
            headers=headers,
        )

    async def get(self, path: str, *, by: str = "office", **params: Any) -> httpx.Response:
        return await self.send("GET", path, by=by, params=params)

    async def take(
        self, content: Any, count: int, total: int, /, *, key: str = "", **params: Any
    ) -> httpx.Response:
        """Send an import. `total` in minor units."""
        asked = {"count": count, "total": total, "legal_entity_id": "kette", **params}
        return await self.send("POST", "/v1/imports", content=content, params=asked, key=key)

    async def until(self, batch_id: str, *states: str) -> dict[str, Any]:
        """Wait until the background work has brought a batch to one of `states`."""
        async with asyncio.timeout(BATCH_WAIT_S):
            while True:
                batch: dict[str, Any] = (await self.get(f"/v1/batches/{batch_id}")).json()
                if batch["state"] in states:
                    return batch
                await asyncio.sleep(POLL_S)

    async def catch_up(self) -> None:
        """Bring the lists of the catalogue up to date."""
        book = CatalogueBook()
        while records := await self.store.read(after=self.after, records_max=500):
            async with self.engine.begin() as tx:
                await book.apply(tx, records)
            self.after = records[-1].position

    async def printed(self, batch_id: str, cards: int, **more: Any) -> list[dict[str, str]]:
        """A finished run that was handed out; its rows."""
        body = {"cards": cards, "template_id": "gift", "legal_entity_id": "kette", **more}
        answer = await self.send("PUT", f"/v1/batches/{batch_id}", body)
        assert answer.status_code == 202, answer.text
        await self.until(batch_id, "completed")
        file = await self.send("POST", f"/v1/batches/{batch_id}/export")
        assert file.status_code == 200, file.text
        digest = hashlib.sha256(file.content).hexdigest()
        done = await self.send("POST", f"/v1/batches/{batch_id}/exported", {"sha256": digest})
        assert done.status_code == 200, done.text
        head, *lines = file.text.splitlines()
        names = head.split(",")
        return [dict(zip(names, line.split(","), strict=True)) for line in lines]


@asynccontextmanager
async def open_desk(
    store: EventStore,
    engine: AsyncEngine,
    *,
    chain: Chain,
    secrets: Secrets,
    clock: Callable[[], datetime],
    var: Path,
) -> AsyncIterator[Desk]:
    """The service's own composition over a migrated database."""
    authenticator = KnownTokens(CALLERS)
    opened = await SERVICE.open(
        Runtime(
            # A chain that comes from another system.
            chain=chain.model_copy(update={"vouchers": VoucherPolicy(foreign_codes=True)}),
            store=store,
            engine=engine,
            pool=pool_of(engine),
            client=lambda _: httpx.AsyncClient(),
            authenticator=authenticator,
            secrets=secrets,
            clock=clock,
            var=var,
            sign_within_s=10,
        )
    )
    app = FastAPI()
    app.state.authenticator = authenticator
    app.include_router(opened.router, prefix="/voucher")
    install_problem_handlers(app)
    app.state.streamed.update({f"/voucher{path}": most for path, most in opened.streamed.items()})
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        loops = [asyncio.ensure_future(task()) for task in opened.tasks]
        try:
            yield Desk(client, opened, store, engine)
        finally:
            for loop in loops:
                loop.cancel()
            ended = await asyncio.gather(*loops, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended
