"""The whole service with a TSE of fiskaly: opened from `chain.yaml` and the settings, over HTTP,
with its read models on PostgreSQL."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
import yaml
from fastapi import FastAPI

from events.reaction import Incoming
from events.store.connection import engine_for
from events.store.migrate import migrate
from events.store.pool import pool_for
from events.store.postgres import PostgresEventStore
from fiscal_signer.events import REGISTRY
from fiscal_signer.handlers import Watch
from fiscal_signer.service import SERVICE
from fiscal_signer.testing import recorded
from fiscal_signer.testing.fiskaly import TROUBLES
from fiscal_signer.testing.fiskaly_line import KEY, PIN, SECRET, TSE, TSS_ID, Line
from kassenverbund.fiscal.archives import Judge, verify_archive
from kassenverbund.fiscal.books import verify_event
from kassenverbund.fiscal.certificates import Certificates
from kassenverbund.fiscal.verdicts import Level
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.problems import install_problem_handlers
from kassenverbund.kit.secrets import Secrets
from kassenverbund.kit.service import FiskalyAccess, Opened, Runtime
from kassenverbund.kit.testing import KnownTokens

ROOT = Path(__file__).parents[3]


class Shop:
    """The service, and a till that talks to it as the gateway does."""

    def __init__(self, opened: Opened, store: PostgresEventStore, engine: Any, line: Line) -> None:
        self.opened = opened
        self.store = store
        self.engine = engine
        self.line = line
        self._read_up_to = 0
        app = FastAPI()
        install_problem_handlers(app, body_bytes_max=10_000)
        app.include_router(opened.router)
        app.state.authenticator = KnownTokens(
            {"auditor": Caller("person", "p1", frozenset({"auditor"}))}
        )
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url="http://signer/v1/",
            headers={"authorization": "Bearer auditor"},
        )

    async def hear(self, *records: Incoming) -> None:
        await self.opened.reactions[0].handle(records)
        await self.project()

    async def project(self) -> None:
        while page := await self.store.read(after=self._read_up_to, records_max=100):
            async with self.engine.begin() as tx:
                for projection in self.opened.projections:
                    wanted = [one for one in page if one.name in (projection.reads or ())]
                    if wanted:
                        await projection.apply(tx, wanted)
            self._read_up_to = page[-1].position

    async def sell(self, name: str) -> str:
        by = self.line.clock() + timedelta(minutes=1)
        await self.hear(recorded(name, sign_by=by))
        answer = (await self.http.get(f"signatures/{name}")).json()
        return str(answer["event"].get("reason", answer["verdict"]))

    async def tse(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.http.get(f"tses/{TSE}")).json()
        return found

    async def look_after(self, *, seconds: int, step: int = 1) -> None:
        """Let time pass, with the service's own watch over its devices."""
        watch = getattr(self.opened.tasks[0], "__self__", None)
        assert isinstance(watch, Watch)
        for _ in range(0, seconds, step):
            self.line.clock.pass_by(step)
            self.line.seconds += step
            await watch.round(wait=True)
            await self.project()


@pytest_asyncio.fixture
async def shop(line: Line, database_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    for name, content in {"api_key": KEY, "api_secret": SECRET, f"admin_pin.{TSE}": PIN}.items():
        (tmp_path / name).write_text(content)
    declared = yaml.safe_load((ROOT / "chain.yaml").read_text())
    declared["stores"] = declared["stores"][:1]
    declared["stores"][0]["tses"] = [{"id": TSE, "kind": "fiskaly", "tss_id": str(TSS_ID)}]
    await migrate(database_url, schema=SERVICE.schema, folder=SERVICE.migrations)
    engine = engine_for(database_url, schema=SERVICE.schema)
    async with (
        PostgresEventStore.open(
            database_url, service=SERVICE.name, schema=SERVICE.schema, registry=REGISTRY
        ) as store,
        pool_for(database_url, schema=SERVICE.schema) as pool,
    ):
        runtime = Runtime(
            chain=Chain.model_validate(declared),
            store=store,
            engine=engine,
            pool=pool,
            client=lambda name: httpx.AsyncClient(),
            authenticator=KnownTokens({}),
            secrets=Secrets(root=bytes(32), key_id="test"),
            clock=line.clock,
            var=tmp_path,
            sign_within_s=10,
            fiskaly=FiskalyAccess(line.url, tmp_path),
        )
        opened = await SERVICE.open(runtime)
        assert opened.close is not None
        try:
            yield Shop(opened, store, engine, line)
        finally:
            await opened.close()
            await engine.dispose()


def logs_in(content: bytes) -> list[bytes]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        files = [archive.extractfile(one) for one in archive if "_Log-" in one.name]
        return sorted(file.read() for file in files if file is not None)


async def test_a_store_with_a_tss_of_fiskaly_sells_from_outage_to_audit(shop: Shop) -> None:
    line = shop.line
    assert await shop.sell("b1") == "signed"
    assert (await shop.tse())["certified"]

    # It stops signing, and says of itself that it is well. It is back within minutes.
    line.tss.trouble = TROUBLES["clock_not_set"]
    assert await shop.sell("b2") == "outage"
    assert (await shop.tse())["outage"]["reason"] == "time_not_set"
    line.tss.trouble = None
    await shop.look_after(seconds=10)
    assert (await shop.tse())["outage"] is None
    assert await shop.sell("b3") == "signed"

    # What only its exports hold is read when no booking is there, and no counter is left over.
    assert (await shop.tse())["unread"] > 0
    await shop.look_after(seconds=3_000, step=60)
    tse = await shop.tse()
    assert (tse["unread"], tse["warnings"], tse["upkeep"]["failed"]) == (0, [], [])
    assert tse["upkeep"]["certificate_until"] is not None
    page = (await shop.http.get("signatures", params={"tse": TSE})).json()["items"]
    assert [one["signature_counter"] for one in page] == list(range(1, line.tss.counter + 1))
    assert all(one["log_message"] for one in page)

    answer = await shop.http.get(f"tses/{TSE}/tar")
    assert answer.headers["content-disposition"].endswith(f'"{TSE}_1-{line.tss.counter}.tar"')
    findings = list(verify_archive(io.BytesIO(answer.content), "x.tar", Judge(Certificates())))
    assert [one.code for one in findings].count("signature_right") == line.tss.counter
    assert [one for one in findings if one.level is Level.WRONG] == []
    assert line.cloud.overlaps == 0

    # The same from our own log, without a word to the vendor.
    line.cloud.calls.clear()
    own = await shop.http.get(f"tses/{TSE}/tar", params={"source": "log"})
    findings = list(verify_archive(io.BytesIO(own.content), "x.tar", Judge(Certificates())))
    assert [one.code for one in findings].count("signature_right") == line.tss.counter
    assert logs_in(own.content) == logs_in(answer.content)
    assert line.cloud.calls == []

    # And `kassenverbund fiscal verify log` finds no gap in the signer's log.
    judge = Judge(Certificates())
    told = [
        finding
        for entry in await shop.store.read(after=0, records_max=500)
        for finding in verify_event(entry.name, json.loads(entry.data), "log", judge)
    ]
    told += judge.end()
    assert [one.code for one in told].count("signature_right") == line.tss.counter
    assert [one for one in told if one.level is Level.WRONG] == []

    line.tss.system("logOut", b"")
    line.tss.export_looks, line.cloud.export_after_s = 99, 60
    answer = await shop.http.get(f"tses/{TSE}/tar")
    assert (answer.status_code, answer.json()["code"]) == (503, "tse.tar_not_ready")
    assert answer.headers["retry-after"] == "30"
