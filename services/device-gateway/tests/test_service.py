"""The service as the program runs it: PostgreSQL, the real voucher service over HTTP, a virtual
printer. A voucher sold in one store pays at a till in another, and the paper comes out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import asyncpg
import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import text

from device_gateway.adapters.pairing_tries import TRIES_PER_SOURCE_MAX, PostgresPairingTries
from device_gateway.adapters.terminal_leases import PostgresTerminalLeases
from device_gateway.adapters.unfinished import PostgresUnfinished
from device_gateway.service import SERVICE
from device_gateway.testing.terminal import TerminalSimulator
from events import Recorded
from events.reaction import Incoming
from events.store.connection import engine_for
from events.store.migrate import migrate
from events.store.pool import pool_for
from events.store.postgres import PostgresEventStore
from events.subscription import run_projection
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.problems import install_problem_handlers
from kassenverbund.kit.secrets import Secrets
from kassenverbund.kit.service import Opened, Runtime, Service
from voucher.service import SERVICE as VOUCHER

DEADLINE_S = 30


async def eventually(look: Callable[[], Awaitable[Any]]) -> Any:
    """What `look` finds, as soon as it finds something."""
    async with asyncio.timeout(DEADLINE_S):
        while not (found := await look()):  # noqa: ASYNC110  (the database tells nobody)
            await asyncio.sleep(0.02)
    return found


def incoming(recorded: Recorded, source: str) -> Incoming:
    return Incoming(
        event_id=recorded.event_id,
        name=recorded.name,
        version=recorded.schema_version,
        source=source,
        subject=recorded.stream,
        sequence=recorded.version,
        time=recorded.recorded_at,
        key="",
        data=recorded.data,
        headers={},
    )


@dataclass
class Shop:
    """Both services in one process, and a bus that is a loop over their logs."""

    gateway: Opened
    voucher: Opened
    store: PostgresEventStore
    engine: Any
    http: httpx.AsyncClient
    papers: Path
    passed: int = 0
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)

    async def pass_on(self, verdict: Callable[[Any], dict[str, Any]]) -> None:
        """Bring new bookings to the voucher service, and sign them."""
        for recorded in await self.store.read(after=self.passed, records_max=1000):
            self.passed = recorded.position
            for reaction in self.voucher.reactions:
                if recorded.name in reaction.events:
                    await reaction.handle([incoming(recorded, "device-gateway")])
            if recorded.name == "booking.recorded":
                made = Incoming(
                    event_id=uuid4(), name="signature.made", version=1, source="fiscal-signer",
                    subject="tse", sequence=1, time=datetime.now(UTC), key="", headers={},
                    data=json.dumps(verdict(recorded.event)).encode(),
                )  # fmt: skip
                await self.gateway.reactions[0].handle([made])

    async def till(self, store_id: str) -> Callable[..., Awaitable[httpx.Response]]:
        def key() -> dict[str, str]:
            return {"idempotency-key": uuid4().hex, "authorization": "Bearer manager"}

        offered = await self.http.post(f"/stores/{store_id}/v1/pairings", json={}, headers=key())
        code = offered.json()["code"]
        paired = (
            await self.http.post(f"/stores/{store_id}/v1/pair", json={"code": code}, headers=key())
        ).json()
        base = f"/stores/{store_id}/v1/tills/{paired['till_id']}/bookings"

        async def post(path: str, body: Any) -> httpx.Response:
            headers = {**key(), "authorization": f"Bearer {paired['token']}"}
            return await self.http.post(base + path, json=body, headers=headers)

        return post


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(
    database_url: str, tmp_path_factory: pytest.TempPathFactory, make_rig: Any, chain: Chain
) -> AsyncIterator[Shop]:
    tokens = make_rig().tokens
    tokens.people["gateway"] = Caller("service", "device-gateway", frozenset({"service"}))
    app = FastAPI()
    app.state.authenticator = tokens
    install_problem_handlers(app)
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://voucher",
        headers={"authorization": "Bearer gateway"},
    )
    var = tmp_path_factory.mktemp("var")
    opened: dict[str, Opened] = {}
    tasks: list[asyncio.Task[Any]] = []

    async def start(
        service: Service, store: PostgresEventStore, engine: Any, pool: asyncpg.Pool[Any]
    ) -> Opened:
        runtime = Runtime(
            chain=chain,
            store=store,
            engine=engine,
            pool=pool,
            client=lambda name: client,
            authenticator=tokens,
            secrets=Secrets(root=bytes(range(32)), key_id="test"),
            clock=lambda: datetime.now(UTC),
            var=var,
            sign_within_s=30.0,
        )
        made = await service.open(runtime)
        app.include_router(made.router, prefix=service.mount or f"/{service.name}")
        if made.startup:
            await made.startup()
        for projection in made.projections:
            run = run_projection(store, engine, projection, schema=service.schema)
            tasks.append(asyncio.create_task(run))
        tasks.extend(asyncio.ensure_future(task()) for task in made.tasks)
        return made

    stack: list[Any] = []
    try:
        for service in (VOUCHER, SERVICE):
            await migrate(database_url, schema=service.schema, folder=service.migrations)
            opening = PostgresEventStore.open(
                database_url,
                service=service.name,
                schema=service.schema,
                registry=service.registry,
            )
            store = await opening.__aenter__()
            engine = engine_for(database_url, schema=service.schema)
            pool = await pool_for(database_url, schema=service.schema)
            stack.append((opening, engine, pool))
            opened[service.name] = await start(service, store, engine, pool)
        http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop")
        yield Shop(
            opened["device-gateway"], opened["voucher"], store, engine, http, var, tasks=tasks
        )
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for opening, engine, pool in reversed(stack):
            await pool.close()
            await engine.dispose()
            await opening.__aexit__(None, None, None)


async def test_a_voucher_sold_in_one_store_pays_in_another_and_the_paper_comes_out(
    shop: Shop, words: Any, signature_of: Any
) -> None:
    berlin, koeln = await shop.till("berlin"), await shop.till("koeln")
    sold = (await berlin("", words.sale([words.voucher_sale(5000)], words.cash(5000)))).json()
    assert (sold["state"], sold["number"]) == ("recorded", 1), sold
    await shop.pass_on(signature_of)
    code = sold["vouchers"][0]["code"]
    paid = (await koeln("", words.sale([words.article(500)], words.voucher(code)))).json()
    assert paid["payments"][0]["voucher_remaining"] == words.eur(4500), paid
    await shop.pass_on(signature_of)
    again = (await koeln("", words.sale([words.article(4600)], words.voucher(code)))).json()
    assert (again["code"], again["open_amount"]) == ("booking.open_amount", words.eur(100))

    async def printed() -> int:
        log = await shop.store.read(after=0, records_max=1000)
        return sum(entry.name == "receipt.printed" for entry in log) == 3

    await eventually(printed)  # Two receipts and one voucher slip.

    async def finished() -> bool:
        async with shop.engine.connect() as connection:
            rows = await connection.execute(text("SELECT phase FROM unfinished_booking"))
            return [row.phase for row in rows] == ["open"]

    assert await eventually(finished)
    assert not [task for task in shop.tasks if task.done()]


async def test_the_unfinished_bookings_are_found_by_how_long_nobody_touched_them(
    shop: Shop, words: Any
) -> None:
    till = await shop.till("berlin")
    opened = (await till("", {"lines": [words.article(500)]})).json()
    unfinished = PostgresUnfinished(shop.engine)

    async def listed(since: datetime) -> set[str]:
        rows = await unfinished.list(untouched_since=since, bookings_max=100)
        return {row.booking_id for row in rows}

    async def seen() -> bool:
        return opened["booking_id"] in await listed(datetime.now(UTC) + timedelta(minutes=1))

    assert await eventually(seen)
    assert opened["booking_id"] not in await listed(datetime.now(UTC) - timedelta(minutes=1))


async def test_wrong_tries_to_pair_are_counted_for_all_processes(shop: Shop) -> None:
    now = datetime(2026, 11, 20, 10, 0, 15, tzinfo=UTC)
    one, other = PostgresPairingTries(shop.engine), PostgresPairingTries(shop.engine)
    for number in range(TRIES_PER_SOURCE_MAX):
        tries = one if number % 2 else other
        assert await tries.admit(store_id="hamburg", source="10.0.0.1", now=now) is None
    assert await one.admit(store_id="hamburg", source="10.0.0.1", now=now) == 45.0
    assert await one.admit(store_id="hamburg", source="10.0.0.2", now=now) is None


async def test_a_right_try_to_pair_is_taken_off_again(shop: Shop) -> None:
    now = datetime(2026, 11, 20, 10, 0, 15, tzinfo=UTC)
    tries = PostgresPairingTries(shop.engine)
    for _ in range(3 * TRIES_PER_SOURCE_MAX):
        assert await tries.admit(store_id="bremen", source="10.0.0.1", now=now) is None
        await tries.succeeded(store_id="bremen", source="10.0.0.1", now=now)


async def test_a_paired_card_terminal_takes_a_payment(shop: Shop, words: Any) -> None:
    till = await shop.till("berlin")
    async with TerminalSimulator(clock=lambda: datetime.now(ZoneInfo("Europe/Berlin"))) as terminal:
        headers = {"idempotency-key": uuid4().hex, "authorization": "Bearer manager"}
        device = {"kind": "card_terminal", "name": "Terminal", "address": terminal.address}
        path = "/stores/berlin/v1/devices/ec-1"
        paired = await shop.http.put(path, json=device, headers=headers)
        assert paired.status_code in (200, 201), paired.text

        async def known() -> bool:
            asked = await shop.http.get("/stores/berlin/v1/terminals/ec-1", headers=headers)
            return asked.status_code == 200

        await eventually(known)
        sale = words.sale([words.article(700)], {"kind": "card", "terminal": True})
        told = (await till("", sale)).json()
        if told.get("code") == "terminal.busy":  # The room was just looking whether it is there.
            told = (await till("", sale)).json()
        assert (told["state"], terminal.debits) == ("recorded", [700]), told


async def test_a_terminal_is_talked_to_by_one_process_at_a_time(shop: Shop) -> None:
    now = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
    until = now + timedelta(seconds=15)
    one, other = PostgresTerminalLeases(shop.engine), PostgresTerminalLeases(shop.engine)
    assert await one.take("ec-9", owner="a", now=now, until=until)
    assert not await other.take("ec-9", owner="b", now=now, until=until)
    assert await other.want_abort("ec-9")
    assert await one.renew("ec-9", owner="a", until=until)
    assert await other.take("ec-9", owner="b", now=until, until=until + timedelta(seconds=15))
    assert not await other.renew("ec-9", owner="b", until=until)
    await one.give_back("ec-9", owner="a")
    assert not await one.take("ec-9", owner="a", now=now, until=until)
    await other.give_back("ec-9", owner="b")
    assert not await one.want_abort("ec-9")
