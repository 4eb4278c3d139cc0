"""Exports from end to end: gateway events on a bus, signed, kept, asked for over HTTP, made in a
process of their own. Also: a store that signs in its box."""

from __future__ import annotations

import asyncio
import hashlib
import io
import tarfile
import zipfile
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml
from fastapi import FastAPI

from events.bridge import run_bridge
from events.bus.contract import Bus
from events.bus.postgres import PostgresBus
from events.event import Event
from events.receiver import Receiver
from events.relay import run_relay
from events.store.checkpoints import PostgresCheckpoints
from events.store.connection import engine_for, raw
from events.store.dead_letters import PostgresDeadLetters
from events.store.migrate import migrate
from events.store.pool import pool_for
from events.store.postgres import PostgresEventStore
from events.subscription import run_projection
from events.testing.memory_bus import MemoryBus
from fiscal_signer.events import (
    REGISTRY,
    ExportCreated,
    ExportRequested,
    LeftUnsigned,
    SignatureMade,
)
from fiscal_signer.service import service_for
from fiscal_signer.testing import Clock
from fiscal_signer.testing.books import TillBooks, card, cash, line, master, record_of
from kassenverbund.kit.auth import Caller, Unauthenticated
from kassenverbund.kit.chain import Chain, SigningPlace
from kassenverbund.kit.problems import install_problem_handlers
from kassenverbund.kit.secrets import Secrets
from kassenverbund.kit.service import Opened, Runtime

ROOT = Path(__file__).parents[3]
MORNING = datetime(2026, 11, 3, 8, 0, tzinfo=UTC)
NOVEMBER = {"begin": "2026-11-01", "end": "2026-11-30"}
WAIT_S = 60.0

BOX, CENTER = frozenset({SigningPlace.BOX}), frozenset({SigningPlace.CENTER})


class Callers:
    async def caller(self, token: str) -> Caller:
        role, _, store = token.partition("@")
        if role not in ("auditor", "operator", "manager"):
            raise Unauthenticated
        return Caller("person", role, frozenset({role}), store_id=store or None)

    def accept(self, prefix: str, check: object) -> None:
        del prefix, check


def chain(*, in_box: str = "") -> Chain:
    """The example chain; one store may sign in its box."""
    document = yaml.safe_load((ROOT / "chain.yaml").read_text())
    for store in document["stores"]:
        store["tses"][0]["curve"] = "P-256"
        if store["id"] == in_box:
            store["signing_place"] = "box"
    return Chain.model_validate(document)


class Signer:
    """One process of the service, with everything that runs in it."""

    def __init__(self, opened: Opened, store: PostgresEventStore) -> None:
        self.opened = opened
        self.store = store
        app = FastAPI()
        install_problem_handlers(app)
        app.include_router(opened.router, prefix="/fiscal-signer")
        app.state.authenticator = Callers()
        transport = httpx.ASGITransport(app=app)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://s/fiscal-signer/v1/")

    async def events(self, *kinds: type[Event]) -> list[Any]:
        page = await self.store.read(after=0, records_max=2_000)
        return [entry.event for entry in page if isinstance(entry.event, kinds)]

    async def ask(self, key: str, *, token: str = "auditor", **body: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}", "idempotency-key": key}
        return await self.http.post("exports", json=body, headers=headers)

    async def get(self, path: str, *, token: str = "auditor") -> httpx.Response:
        return await self.http.get(path, headers={"authorization": f"Bearer {token}"})

    async def finished(self, export_id: str) -> dict[str, Any]:
        async with asyncio.timeout(WAIT_S):
            while True:
                view: dict[str, Any] = (await self.get(f"exports/{export_id}")).json()
                if view["state"] in ("done", "failed"):
                    return view
                await asyncio.sleep(0.05)

    async def file(self, export_id: str) -> bytes:
        async with asyncio.timeout(WAIT_S):
            while True:
                answer = await self.get(f"exports/{export_id}/file")
                if answer.status_code == 200:
                    return answer.content
                assert answer.status_code == 409, answer.text
                assert answer.headers["retry-after"]
                await asyncio.sleep(0.05)


@asynccontextmanager
async def running(
    url: str, bus: Bus, folder: Path, *, places: frozenset[SigningPlace] = BOX | CENTER,
    declared: Chain | None = None,
) -> AsyncIterator[Signer]:  # fmt: skip
    service = service_for(places)
    await migrate(url, schema=service.schema, folder=service.migrations)
    async with AsyncExitStack() as stack:
        engine = engine_for(url, schema=service.schema)
        stack.push_async_callback(engine.dispose)
        store = await stack.enter_async_context(
            PostgresEventStore.open(
                url, service=service.name, schema=service.schema, registry=REGISTRY
            )
        )
        runtime = Runtime(
            chain=declared or chain(), store=store, engine=engine,
            pool=await stack.enter_async_context(pool_for(url, schema=service.schema)),
            client=lambda name: httpx.AsyncClient(), authenticator=Callers(),
            secrets=Secrets(root=bytes(32), key_id="test"), clock=Clock(MORNING), var=folder,
            sign_within_s=10,
        )  # fmt: skip
        opened = await service.open(runtime)
        assert opened.startup is not None
        assert opened.close is not None
        stack.push_async_callback(opened.close)
        await opened.startup()
        letters = PostgresDeadLetters(engine, schema=service.schema)
        checkpoints = PostgresCheckpoints(engine, schema=service.schema)
        assert service.publication is not None
        loops = [
            *(run_projection(store, engine, one, schema=service.schema)
              for one in opened.projections),
            run_relay(store, bus, service.publication, checkpoints),
            Receiver(bus, service.name, opened.reactions, letters).run(),
            *(task() for task in opened.tasks),
        ]  # fmt: skip
        tasks = [asyncio.ensure_future(loop) for loop in loops]
        try:
            yield Signer(opened, store)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def a_day(store: str) -> TillBooks:
    books = TillBooks(store, begin=MORNING)
    books.open()
    books.sell([line(1190)], [cash(1190)])
    books.sell([line(500, vat="reduced"), line(250)], [card(750)])
    books.close()
    return books


async def published(bus: Bus, books: Iterable[TillBooks]) -> None:
    for one in books:
        events = [master(one.store, at=MORNING), *one.events]
        await bus.publish("device-gateway", [record_of(event) for event in events])


async def until_kept(url: str, closings: int) -> None:
    """Until the journal has the verdict of so many closings."""
    engine = engine_for(url, schema="fiscal_signer")
    query = (
        "SELECT count(*) FROM journal AS closed JOIN journal AS verdict USING (booking_id)"
        " WHERE closed.name = 'till.closed' AND verdict.kind = 'verdict'"
    )
    try:
        async with asyncio.timeout(WAIT_S):
            while True:
                async with raw(engine) as connection:
                    if await connection.fetchval(query) == closings:
                        return
                await asyncio.sleep(0.05)
    finally:
        await engine.dispose()


def rows_of(content: bytes, table: str) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(f"{table}.csv").decode().split("\r\n")[1:-1]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def signer(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Signer]:
    """Its bus is that of PostgreSQL, as on one machine."""
    async with PostgresBus.open(database_url) as bus:
        folder = tmp_path_factory.mktemp("one")
        async with running(database_url, bus, folder) as made:
            await published(bus, [a_day("berlin"), a_day("koeln")])
            await until_kept(database_url, 2)
            yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def done(signer: Signer) -> dict[str, Any]:
    """An export of everything that an operator asked for."""
    asked = await signer.ask("november", token="operator", kind="dsfinvk", **NOVEMBER)
    assert asked.status_code == 202, asked.text
    return await signer.finished(asked.json()["export_id"])


async def test_an_export_is_asked_for_watched_and_fetched(
    signer: Signer, done: dict[str, Any]
) -> None:
    assert (done["state"], done["closings"], done["differences"]) == ("done", 2, 0)
    content = await signer.file(done["export_id"])
    assert hashlib.sha256(content).hexdigest() == done["sha256"]
    assert len(content) == done["bytes"]
    assert len(rows_of(content, "transactions")) == 6


async def test_a_repeated_request_is_the_same_export(signer: Signer, done: dict[str, Any]) -> None:
    again = await signer.ask("november", token="operator", kind="dsfinvk", **NOVEMBER)
    assert again.json() == done
    assert len(await signer.events(ExportRequested)) == 1


async def test_what_was_exported_is_recorded_with_its_hash(
    signer: Signer, done: dict[str, Any]
) -> None:
    (fact,) = await signer.events(ExportCreated)
    assert (fact.sha256, fact.store_ids, fact.closings) == (done["sha256"], (), 2)
    assert fact.journal_position == done["journal_position"] > 0
    assert fact.requested_by == "person:operator"


async def test_another_process_makes_the_same_bytes(
    signer: Signer, done: dict[str, Any], database_url: str, tmp_path: Path
) -> None:
    async with running(database_url, MemoryBus(), tmp_path) as other:
        assert await other.file(done["export_id"]) == await signer.file(done["export_id"])


async def test_a_period_without_a_closing_is_no_export(signer: Signer) -> None:
    asked = await signer.ask("before", begin="2025-01-01", end="2025-01-31")
    failed = await signer.finished(asked.json()["export_id"])
    assert (failed["state"], failed["failure"]) == ("failed", "export.no_closing")
    answer = await signer.get(f"exports/{failed['export_id']}/file")
    assert answer.json()["code"] == "export.unfinished"


async def test_a_manager_does_not_export(signer: Signer) -> None:
    assert (await signer.ask("mine", token="manager", **NOVEMBER)).status_code == 403


async def test_whoever_belongs_to_a_store_sees_its_exports_alone(
    signer: Signer, done: dict[str, Any]
) -> None:
    own = (await signer.ask("own", token="auditor@koeln", **NOVEMBER)).json()
    assert own["store_ids"] == ["koeln"]
    refused = await signer.ask("foreign", token="auditor@koeln", store_ids=["berlin"], **NOVEMBER)
    assert refused.status_code == 403
    answer = await signer.get(f"exports/{done['export_id']}", token="auditor@koeln")
    assert answer.status_code == 404
    listed = (await signer.get("exports", token="auditor@koeln")).json()["items"]
    assert [one["export_id"] for one in listed] == [own["export_id"]]


async def test_the_archives_of_tses_come_as_one_file_once_their_days_are_over(
    signer: Signer, tmp_path: Path
) -> None:
    today = await signer.ask("today", kind="tar", begin="2026-11-01", end="2026-11-03")
    assert (today.status_code, today.json()["code"]) == (422, "export.period_open")
    asked = await signer.ask("tar", kind="tar", begin="2026-10-01", end="2026-11-02")
    tars = await signer.finished(asked.json()["export_id"])
    content = await signer.file(tars["export_id"])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        with tarfile.open(fileobj=io.BytesIO(archive.read("tse-berlin.tar"))) as tar:
            assert tar.getnames()[0] == "info.csv"
    assert names == [
        "hinweise.txt",
        *(f"tse-{name}.tar" for name in ("berlin", "hamburg", "koeln")),
    ]


async def test_a_period_that_ends_before_it_begins_is_refused(signer: Signer) -> None:
    answer = await signer.ask("backwards", begin="2026-11-30", end="2026-11-01")
    assert (answer.status_code, answer.json()["code"]) == (422, "export.period_empty")


async def test_the_journal_keeps_each_event_once(signer: Signer, database_url: str) -> None:
    async with PostgresBus.open(database_url) as bus:
        await published(bus, [a_day("berlin"), a_day("hamburg")])
    await until_kept(database_url, 3)
    engine = engine_for(database_url, schema="fiscal_signer")
    async with raw(engine) as connection:
        twice = await connection.fetchval(
            "SELECT count(*) FROM (SELECT name FROM journal WHERE booking_id <> ''"
            " GROUP BY name, booking_id HAVING count(*) > 1) AS twice"
        )
    await engine.dispose()
    assert twice == 0
    assert signer.opened


async def test_the_center_exports_what_a_box_signed_and_never_signs_it(
    postgres_url: str, tmp_path: Path
) -> None:
    """Two services with a database each, two buses, and the bridge between them."""
    declared = chain(in_box="berlin")
    async with AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(fresh(postgres_url)) for _ in range(2)]
        box_bus, bus = MemoryBus(), MemoryBus()
        for topic in ("device-gateway", "fiscal-signer"):
            bridge = asyncio.create_task(run_bridge(box_bus, bus, topic, name="bridge"))
            stack.callback(bridge.cancel)
        box = await stack.enter_async_context(
            running(urls[0], box_bus, tmp_path / "box", places=BOX, declared=declared)
        )
        center = await stack.enter_async_context(
            running(urls[1], bus, tmp_path / "center", places=CENTER, declared=declared)
        )
        await published(box_bus, [a_day("berlin")])
        await published(bus, [a_day("koeln")])
        await until_kept(urls[1], 2)
        stores = {event.store_id for event in await center.events(SignatureMade, LeftUnsigned)}
        assert stores == {"koeln"}
        export_id = (await center.ask("chain", **NOVEMBER)).json()["export_id"]
        done = await center.finished(export_id)
        assert (done["closings"], done["differences"]) == (2, 0)
        content = await center.file(export_id)
        by_box = {event.value for event in await box.events(SignatureMade)}
        assert len(by_box) == 3
        signatures = "".join(rows_of(content, "transactions_tse"))
        assert all(value in signatures for value in by_box)


@asynccontextmanager
async def fresh(postgres_url: str) -> AsyncIterator[str]:
    from uuid import uuid4

    import asyncpg
    from sqlalchemy.engine import make_url

    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(postgres_url)
    await admin.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
    try:
        yield make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    finally:
        await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await admin.close()


async def test_the_report_of_recording_systems_is_an_export_like_others(signer: Signer) -> None:
    asked = await signer.ask("146a", kind="report_146a", store_ids=["berlin"], **NOVEMBER)
    view = await signer.finished(asked.json()["export_id"])
    assert (view["state"], view["rows"]) == ("done", 1)
    content = await signer.file(view["export_id"])
    assert hashlib.sha256(content).hexdigest() == view["sha256"]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        # The TSEs of the example are software: a draft, and it says why.
        assert archive.namelist() == ["146a-berlin-ENTWURF.xml", "146a-berlin.txt"]
        assert "nicht zertifiziert" in archive.read("146a-berlin.txt").decode()


async def test_a_report_of_a_day_before_the_store_was_is_none(signer: Signer) -> None:
    asked = await signer.ask("146a-old", kind="report_146a", begin="2020-01-01", end="2020-12-31")
    view = await signer.finished(asked.json()["export_id"])
    assert (view["state"], view["failure"]) == ("failed", "export.empty")
