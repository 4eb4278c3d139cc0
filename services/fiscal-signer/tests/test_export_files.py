"""How an export becomes a file: the archive, wide certificates, and who works on it."""

from __future__ import annotations

import asyncio
import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from events import Ask
from events.store.connection import engine_for, raw
from events.store.migrate import migrate
from events.testing.memory import MemoryEventStore
from events.testing.waiting import until
from fiscal_signer.adapters.exports.archive import WAITING_MAX, DiskLimit, Spool
from fiscal_signer.adapters.exports.jobs import PostgresJobs
from fiscal_signer.country.de.dsfinvk.tables import TABLES, dtd, table_of_tses
from fiscal_signer.decider.exports import RequestExport
from fiscal_signer.events import REGISTRY, ExportRequested
from fiscal_signer.handlers.exports import Exports, Far, Result
from fiscal_signer.service import SERVICE

NOW = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize("wide_from", [0xFFFFFFFF, 0])
def test_files_that_grew_side_by_side_come_out_whole(tmp_path: Path, wide_from: int) -> None:
    """Also with the sizes of archives over 4 GiB."""
    out = io.BytesIO()
    with Spool(tmp_path) as spool:
        for number in range(3_000):
            spool.write("a.csv", f"{number};" + 100 * "x" + "\r\n")
            spool.write("b.csv", f"ä{number}\r\n")
        digest, size = spool.pack(
            out, [("index.xml", b"<x/>")], ["b.csv", "a.csv"], wide_from=wide_from
        )
    assert size == len(out.getvalue())
    assert len(digest) == 64
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["index.xml", "b.csv", "a.csv"]
        assert archive.read("b.csv").decode().split("\r\n")[2_999] == "ä2999"
        assert len(archive.read("a.csv").splitlines()) == 3_000
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}


def test_an_export_that_takes_too_much_disk_is_given_up(tmp_path: Path) -> None:
    text = "".join(f"{number * 7919 % 1_000_003}\r\n" for number in range(100_000))
    with Spool(tmp_path, bytes_max=1_000) as spool:
        for _ in range(WAITING_MAX):
            spool.write("a.csv", text)
        with pytest.raises(DiskLimit):
            spool.pack(io.BytesIO(), (), ["a.csv"])
    assert list(tmp_path.iterdir()) == []


def test_a_long_certificate_needs_further_columns() -> None:
    official = [column.name for column in table_of_tses(1).columns[-2:]]
    assert official == ["TSE_ZERTIFIKAT_I", "TSE_ZERTIFIKAT_II"]
    assert table_of_tses(3).columns[-1].name == "TSE_ZERTIFIKAT_III"
    columns = sum(len(table.columns) for table in TABLES.values() if table.file != "tse.csv")
    assert columns + len(table_of_tses(2).columns) == 219


def test_the_dtd_is_part_of_the_program() -> None:
    assert b"<!ELEMENT DataSet" in dtd()


async def test_an_export_whose_worker_died_is_taken_by_another(database_url: str) -> None:
    await migrate(database_url, schema=SERVICE.schema, folder=SERVICE.migrations)
    engine = engine_for(database_url, schema=SERVICE.schema)
    jobs = PostgresJobs(engine)
    async with raw(engine) as connection:
        await connection.execute(
            "INSERT INTO export_job (export_id, kind, request, state, requested_at)"
            " VALUES ('e', 'dsfinvk', '{}', 'waiting', $1)", NOW,
        )  # fmt: skip
    assert await jobs.take("first", lease_s=60) == "e"
    assert await jobs.take("second", lease_s=60) is None
    await jobs.renew("e", "first", Far(rows=7), lease_s=0)
    assert await jobs.take("second", lease_s=60) == "e"
    await jobs.fail("e", "first", "export.disk", "it was overtaken")
    async with raw(engine) as connection:
        assert await connection.fetchval("SELECT state FROM export_job") == "waiting"
    await engine.dispose()


class Broken:
    """Makes nothing."""

    async def make(self, request: ExportRequested, out: Path, far: Far) -> Result:
        raise OSError(28, "No space left on device")


async def test_a_full_disk_fails_the_export_and_stops_nothing(tmp_path: Path) -> None:
    failures: list[tuple[str, str]] = []

    class Waiting:
        async def take(self, worker: str, *, lease_s: float) -> str | None:
            return None if failures else "e"

        async def renew(self, export_id: str, worker: str, far: Far, *, lease_s: float) -> None:
            pass

        async def give_back(self, export_id: str, worker: str) -> None:
            raise AssertionError("it would be tried for ever")

        async def fail(self, export_id: str, worker: str, code: str, detail: str) -> None:
            failures.append((export_id, code))

    store = MemoryEventStore("fiscal-signer", REGISTRY, clock=lambda: NOW)
    exports = Exports(
        store, Waiting(), {"dsfinvk": Broken()}, folder=tmp_path, worker="w", clock=lambda: NOW
    )
    day = NOW.date()
    command = RequestExport("e", "dsfinvk", (), (), day, day, 1, "person:auditor", NOW)
    await exports.request(command, Ask.of("key", "body"))
    working = asyncio.create_task(exports.work())
    await until(lambda: bool(failures))
    assert not working.done()
    working.cancel()
    assert failures == [("e", "export.disk")]
