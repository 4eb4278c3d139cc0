"""On a real PostgreSQL: the software TSE's memory, the leases, the whole service with its read
models, and its routes."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events import DomainError, Transient
from events.reaction import Incoming
from events.store.connection import connect, engine_for
from events.store.migrate import migrate
from events.store.pool import pool_for
from events.store.postgres import PostgresEventStore
from fiscal_signer.adapters.postgres import PostgresDeviceStorage, PostgresLeases
from fiscal_signer.adapters.software_tse import DeviceMemory, new_device
from fiscal_signer.country.de import log_message
from fiscal_signer.events import REGISTRY
from fiscal_signer.ports import Signed, TseError, TseFault
from fiscal_signer.service import SERVICE
from fiscal_signer.testing import NOON, Clock, recorded, started
from kassenverbund.fiscal.archives import Judge, verify_archive
from kassenverbund.fiscal.certificates import Certificates
from kassenverbund.kit.auth import Caller, Unauthenticated
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.secrets import Secrets
from kassenverbund.kit.service import Opened, Runtime

ROOT = Path(__file__).parents[3]
SOON = NOON + timedelta(seconds=30)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def signer_url(database_url: str) -> str:
    await migrate(database_url, schema=SERVICE.schema, folder=SERVICE.migrations)
    return database_url


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def signer_engine(signer_url: str) -> AsyncIterator[AsyncEngine]:
    made = engine_for(signer_url, schema=SERVICE.schema)
    yield made
    await made.dispose()


# -- the device's memory ---------------------------------------------------------------------


def device(tse_id: str, curve: str = "P-384") -> tuple[DeviceMemory, Signed]:
    return new_device(tse_id, curve, sealing_key=bytes(32), nonce=bytes(12), now=NOON)


@pytest.mark.parametrize("curve", ["P-256", "P-384", "brainpoolP384r1"])
async def test_a_devices_memory_comes_back_as_it_was_stored(
    signer_engine: AsyncEngine, curve: str
) -> None:
    storage = PostgresDeviceStorage(signer_engine)
    memory, log = device(f"memory-{curve}", curve)
    await storage.create(memory, log)
    assert await storage.load(memory.tse_id) == memory
    assert await storage.logs_after(memory.tse_id, 0, 10) == [log.log_message]


async def test_a_device_is_never_set_up_twice(signer_engine: AsyncEngine) -> None:
    storage = PostgresDeviceStorage(signer_engine)
    first, log = device("twice")
    second, other = device("twice")
    await storage.create(first, log)
    await storage.create(second, other)
    assert await storage.load("twice") == first
    assert len(await storage.logs_after("twice", 0, 10)) == 1


async def test_a_device_that_somebody_else_used_is_not_overwritten(
    signer_engine: AsyncEngine,
) -> None:
    storage = PostgresDeviceStorage(signer_engine)
    memory, log = device("fence")
    await storage.create(memory, log)
    after = replace(memory, signature_counter=2, open_transactions={1: "KV-1"})
    entry = replace(log, signature_counter=2)
    await storage.save(memory, after, [entry])
    with pytest.raises(TseFault) as fault:
        await storage.save(memory, after, [entry])
    assert fault.value.code is TseError.STORAGE_FAILURE
    assert await storage.load("fence") == after
    assert len(await storage.logs_after("fence", 0, 10)) == 2


async def test_a_connection_that_broke_is_not_used_again(signer_url: str) -> None:
    engine = engine_for(signer_url, schema=SERVICE.schema, pool_max=1)
    storage, leases = PostgresDeviceStorage(engine), PostgresLeases(engine)
    memory, log = device("broken")
    await storage.create(memory, log)
    after = replace(memory, signature_counter=2)
    entry = replace(log, signature_counter=2)

    async def break_it() -> None:
        async with engine.connect() as connection:
            pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        other = await connect(signer_url, schema=SERVICE.schema)
        await other.execute("SELECT pg_terminate_backend($1, 5000)", pid)
        await other.close()

    await break_it()
    with pytest.raises(TseFault):
        await storage.save(memory, after, [entry])
    await storage.save(memory, after, [entry])
    await break_it()
    with pytest.raises(Transient):
        await leases.hold("broken", "a", 60)
    assert await leases.hold("broken", "a", 60) == 1
    await engine.dispose()


async def test_the_private_key_is_not_stored_in_the_clear(signer_engine: AsyncEngine) -> None:
    storage = PostgresDeviceStorage(signer_engine)
    memory, log = device("sealed")
    await storage.create(memory, log)
    # A PKCS8 key begins with a SEQUENCE and the version; sealed bytes end in a tag instead.
    async with signer_engine.connect() as connection:
        sealed = (
            await connection.execute(
                text("SELECT sealed_key FROM software_tse WHERE tse_id = 'sealed'")
            )
        ).scalar_one()
    assert memory.public_key not in sealed
    assert memory.public_key[1:49] not in sealed


# -- leases ----------------------------------------------------------------------------------


async def test_a_lease_keeps_its_epoch_until_somebody_else_holds_it(
    signer_engine: AsyncEngine,
) -> None:
    leases = PostgresLeases(signer_engine)
    assert await leases.hold("lease", "a", 60) == 1
    assert await leases.hold("lease", "a", 60) == 1
    assert await leases.hold("lease", "b", 60) is None
    assert await leases.hold("lease", "a", -1) == 1
    assert await leases.hold("lease", "b", 60) == 2
    assert await leases.hold("lease", "a", 60) is None


# -- the service -----------------------------------------------------------------------------


class Callers:
    """Tokens of the test: a role, or a role and a store (`manager@berlin`)."""

    async def caller(self, token: str) -> Caller:
        role, _, store = token.partition("@")
        if role == "nobody":
            raise Unauthenticated
        return Caller("person", "p1", frozenset({role}), store_id=store or None)

    def accept(self, prefix: str, check: Callable[[str], Awaitable[Caller | None]]) -> None:
        raise AssertionError("the signer pairs no devices")


class Signer:
    def __init__(self, opened: Opened, store: PostgresEventStore, engine: AsyncEngine) -> None:
        self.opened = opened
        self.store = store
        self.engine = engine
        self._position = 0
        app = FastAPI()
        app.include_router(opened.router, prefix="/fiscal-signer")
        app.state.authenticator = Callers()
        app.add_exception_handler(DomainError, _problem)
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://signer/fiscal-signer/v1/"
        )

    async def hear(self, *records: Incoming) -> None:
        """Bring events of the gateway to the service, and its own to the read models."""
        await self.opened.reactions[0].handle(records)
        while page := await self.store.read(after=self._position, records_max=100):
            async with self.engine.begin() as tx:
                for projection in self.opened.projections:
                    await projection.apply(tx, page)
            self._position = page[-1].position

    async def get(self, path: str, *, token: str = "auditor", **params: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"}
        return await self.http.get(path, params=params, headers=headers)

    async def check(self, qr: str) -> dict[str, Any]:
        answer = await self.http.post(
            "qr-checks", json={"qr": qr}, headers={"authorization": "Bearer auditor"}
        )
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        return found


async def _problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DomainError)
    return JSONResponse({"code": error.code}, status_code=error.status)


@asynccontextmanager
async def opened_signer(url: str, engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[Signer]:
    chain = Chain.model_validate(yaml.safe_load((ROOT / "chain.yaml").read_text()))
    async with (
        PostgresEventStore.open(
            url, service=SERVICE.name, schema=SERVICE.schema, registry=REGISTRY
        ) as store,
        pool_for(url, schema=SERVICE.schema) as pool,
    ):
        runtime = Runtime(
            chain=chain,
            store=store,
            engine=engine,
            pool=pool,
            client=lambda name: httpx.AsyncClient(),
            authenticator=Callers(),
            secrets=Secrets(root=bytes(32), key_id="test"),
            clock=Clock(),
            var=tmp_path,
            sign_within_s=10,
        )
        opened = await SERVICE.open(runtime)
        assert opened.startup is not None
        assert opened.close is not None
        await opened.startup()
        try:
            yield Signer(opened, store, engine)
        finally:
            await opened.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def signer(
    signer_url: str, signer_engine: AsyncEngine, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Signer]:
    folder = tmp_path_factory.mktemp("var")
    async with opened_signer(signer_url, signer_engine, folder) as opened:
        await opened.hear(started("b1"), recorded("b1"), recorded("b2"))
        await opened.hear(recorded("late", sign_by=NOON - timedelta(seconds=1)))
        await opened.hear(recorded("k1", store="koeln"), recorded("h1", store="hamburg"))
        yield opened


async def test_every_booking_has_its_verdict(signer: Signer) -> None:
    verdicts = {}
    for booking in ("b1", "b2", "late", "k1", "h1"):
        answer = await signer.get(f"signatures/{booking}")
        verdicts[booking] = answer.json()["verdict"]
    assert verdicts == {
        "b1": "signed", "b2": "signed", "late": "unsigned", "k1": "signed", "h1": "signed",
    }  # fmt: skip


async def test_the_qr_code_of_every_curve_is_ours(signer: Signer) -> None:
    for booking in ("b1", "k1", "h1"):
        event = (await signer.get(f"signatures/{booking}")).json()["event"]
        answer = await signer.check(event["qr"])
        assert answer["valid"]
        assert answer["ours"], answer


async def test_a_changed_qr_code_is_neither_valid_nor_ours(signer: Signer) -> None:
    code = (await signer.get("signatures/b1")).json()["event"]["qr"]
    answer = await signer.check(code.replace("11.90", "11.91", 1))
    assert not answer["valid"]
    assert not answer["ours"]


async def test_a_genuine_code_of_another_chain_is_valid_and_not_ours(signer: Signer) -> None:
    vectors = yaml.safe_load((Path(__file__).parent / "vectors.json").read_text())
    answer = await signer.check(vectors["B"]["qr"])
    assert {check["name"]: check["passed"] for check in answer["checks"]} == {
        "format": True, "public_key": True, "signature": True, "own_tse": False,
        "recorded": False,
    }  # fmt: skip
    assert not answer["ours"]


async def test_the_tses_are_listed_with_what_they_did(signer: Signer) -> None:
    items = {item["tse_id"]: item for item in (await signer.get("tses")).json()["items"]}
    assert set(items) == {"tse-berlin", "tse-koeln", "tse-hamburg"}
    berlin = items["tse-berlin"]
    assert (berlin["signed"], berlin["unsigned"], berlin["certified"]) == (2, 1, False)
    assert (berlin["transaction_number"], berlin["outage"]) == (2, None)


async def test_signatures_come_in_counter_order_without_gaps(signer: Signer) -> None:
    counters: list[int] = []
    after: int | None = 0
    while after is not None:
        page = (await signer.get("signatures", tse="tse-berlin", after=after, limit=2)).json()
        counters += [item["signature_counter"] for item in page["items"]]
        after = page["next_after"]
    assert counters == list(range(1, len(counters) + 1))
    assert len(counters) == 6


async def test_the_stored_log_messages_are_readable(signer: Signer) -> None:
    import base64

    page = (await signer.get("signatures", tse="tse-berlin")).json()
    for item in page["items"]:
        log = log_message.parse(base64.b64decode(item["log_message"]))
        assert log.signature_counter == item["signature_counter"]


async def exported(signer: Signer, **period: str) -> bytes:
    answer = await signer.get("tses/tse-berlin/tar", **period)
    assert answer.headers["content-type"] == "application/x-tar"
    return answer.content


async def test_an_auditor_downloads_the_export_of_a_tse(signer: Signer) -> None:
    answer = await signer.get("tses/tse-berlin/tar")
    assert answer.headers["content-disposition"] == 'attachment; filename="tse-berlin_1-6.tar"'
    findings = list(verify_archive(io.BytesIO(answer.content), "x.tar", Judge(Certificates())))
    assert [one.code for one in findings].count("signature_right") == 6
    assert all(one.passed for one in findings)


async def test_an_export_is_the_same_from_another_process(
    signer: Signer, signer_url: str, signer_engine: AsyncEngine, tmp_path: Path
) -> None:
    before = await exported(signer)
    async with opened_signer(signer_url, signer_engine, tmp_path) as other:
        assert await exported(other) == before


async def test_an_export_of_a_period_holds_no_more(signer: Signer) -> None:
    whole = await exported(signer)
    assert await exported(signer, to="2100-01-01T00:00:00Z") == whole
    nothing = await exported(signer, **{"from": "2100-01-01T00:00:00+02:00"})
    assert b"_Log-" not in nothing
    assert b"info.csv" in nothing


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("tses", "nobody", 401),
        ("tses", "cashier", 403),
        ("tses/none", "auditor", 404),
        ("tses/tse-koeln", "manager@berlin", 404),
        ("signatures/k1", "manager@berlin", 404),
        ("signatures?tse=tse-koeln", "manager@berlin", 404),
        ("signatures/none", "auditor", 404),
        ("signatures", "auditor", 422),
        ("signatures?tse=tse-berlin&after=-1", "auditor", 422),
        ("signatures?tse=tse-berlin&limit=501", "auditor", 422),
        ("tses/a%00b", "auditor", 422),
        ("tses/none/tar", "auditor", 404),
        ("tses/tse-berlin/tar", "manager@berlin", 403),
        ("tses/tse-berlin/tar", "operator", 403),
        ("tses/tse-koeln/tar", "auditor@berlin", 404),
        ("tses/tse-berlin/tar", "auditor@berlin", 200),
        ("tses/tse-berlin/tar?from=2026-01-01T00:00:00", "auditor", 422),
        ("tses/tse-berlin/tar?from=2027-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", "auditor", 422),
        ("tses/tse-koeln", "manager@koeln", 200),
    ],
)
async def test_who_may_see_what(signer: Signer, path: str, token: str, status: int) -> None:
    answer = await signer.http.get(path, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == status


@pytest.mark.parametrize("body", [{}, {"qr": ""}, {"qr": "V0" * 4_000}, {"qr": 1}, {"x": "V0"}])
async def test_a_question_that_is_none_is_refused(signer: Signer, body: dict[str, Any]) -> None:
    answer = await signer.http.post(
        "qr-checks", json=body, headers={"authorization": "Bearer auditor"}
    )
    assert answer.status_code == 422


async def test_a_code_with_control_characters_is_looked_at_and_fails(signer: Signer) -> None:
    assert not (await signer.check("V0;\x00;\ud800".encode("utf-8", "replace").decode()))["valid"]


async def test_two_processes_never_sign_one_booking_twice(
    signer: Signer, signer_url: str, signer_engine: AsyncEngine, tmp_path: Path
) -> None:
    async with opened_signer(signer_url, signer_engine, tmp_path) as other:
        records = [recorded(f"r{number}", store="koeln", sign_by=SOON) for number in range(20)]
        await signer.hear(*records)
        async with signer_engine.begin() as connection:
            await connection.execute(text("UPDATE tse_lease SET until = clock_timestamp()"))
        await other.opened.reactions[0].handle(records)
    async with signer_engine.connect() as connection:
        signed = await connection.execute(
            text(
                "SELECT count(*), count(DISTINCT data->>'booking_id') FROM event"
                " WHERE type = 'signature.made' AND data->>'booking_id' LIKE 'r%'"
            )
        )
        assert signed.one() == (20, 20)
