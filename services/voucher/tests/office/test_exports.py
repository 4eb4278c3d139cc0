"""What an export holds: all that is worth something, as of one position, without a code."""

from __future__ import annotations

import csv
import io

import pytest

from events.store.postgres import PostgresEventStore
from voucher.adapters import streams
from voucher.testing.office import Office

FILE = b"""serial,code,balance,blocked,funding,reason,status,value,valid_until,issued_on
X1,EXPA01,12.50,,,,,,2029-12-31,2026-03-01
X2,EXPA02,7.50,stolen,,,,,2029-12-31,2025-03-01
X3,EXPA03,5.00,,donated,Sommerfest,,,2027-01-31,2026-11-01
X4,EXPA04,0,,,,inactive,25.00,,2026-11-01
"""


def rows_of(content: bytes) -> dict[str, dict[str, str]]:
    rows = csv.DictReader(io.StringIO(content.decode(), newline=""))
    return {row["serial"]: row for row in rows}


@pytest.fixture
async def filled(office: Office) -> Office:
    await office.take(FILE, count=4, total="25.00")
    await office.batches.work()
    return office


async def test_dates_blocks_and_blank_cards_are_in_the_file(filled: Office) -> None:
    content, sums = await filled.export()
    rows = rows_of(content)
    assert (sums.count, sums.total) == (4, 2500)
    assert rows["X1"]["valid_until"] == "2029-12-31"
    assert (rows["X2"]["blocked"], rows["X2"]["issued_on"]) == ("stolen", "2025-03-01")
    assert rows["X3"]["consideration"] == "0.00"
    assert (rows["X4"]["status"], rows["X4"]["value"]) == ("inactive", "25.00")
    assert {row["code_kind"] for row in rows.values()} == {"weak"}


async def test_no_code_is_in_the_file(filled: Office) -> None:
    content, _ = await filled.export()
    assert b"EXPA" not in content


async def test_later_facts_are_not_in_the_file(filled: Office) -> None:
    sums = await filled.exports.begin()
    await filled.take(b"code,balance\nLATER1,1\n", count=1, total="1.00")
    await filled.batches.work()
    content = b"".join([page async for page in filled.exports.lines(sums)])
    assert len(rows_of(content)) == 4


async def test_the_log_in_postgresql_is_read_page_by_page(
    real_office: Office, postgres: PostgresEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "PAGE_STREAMS", 3)
    lines = [f"P{number:03},PAGE{number:03},1.00" for number in range(10)]
    content = "\n".join(["serial,code,balance", *lines]).encode()
    await real_office.take(content, count=10, total="10.00")
    await real_office.batches.work()
    exported, sums = await real_office.export()
    assert {serial for serial in rows_of(exported) if serial.startswith("P")} == {
        f"P{number:03}" for number in range(10)
    }
    assert sums.position == await postgres.head()
