"""An import takes over all of a file, or nothing of it, whatever dies in between."""

from __future__ import annotations

import pytest

from events import Recorded, Transient
from events.testing.memory import MemoryEventStore
from money import euro
from voucher import codes
from voucher.events import VoucherBlocked, VoucherIssued
from voucher.handlers.imports import ImportRefused
from voucher.handlers.names import serial_of
from voucher.testing.office import MemoryBatchParts, MemoryBatchWork, Office

ROWS = 600  # three parts


def a_file(rows: int = ROWS, *, first: int = 0, serials: bool = True) -> bytes:
    """Vouchers of 1.00 with six-character codes."""
    numbers = range(first, first + rows)
    lines = [f"{f'S{n}' if serials else ''},A{n:05},1.00,2029-12-31" for n in numbers]
    return "\n".join(["serial,code,balance,valid_until", *lines]).encode()


async def log_of(office: Office) -> list[Recorded]:
    return await office.store.read(after=0, records_max=10_000)


async def issued_by(office: Office) -> list[VoucherIssued]:
    return [entry.event for entry in await log_of(office) if isinstance(entry.event, VoucherIssued)]


async def test_a_file_is_taken_over_whole(office: Office) -> None:
    batch = await office.take(a_file(), count=ROWS, total="600.00")
    await office.batches.work()
    issued = await issued_by(office)
    assert [one.serial for one in issued] == [f"S{n}" for n in range(ROWS)]
    assert {(one.status, one.origin, one.code_kind) for one in issued} == {
        ("active", "import", "weak")
    }
    done = await office.batches.batch(batch.batch_id)
    assert (done.state, done.done, done.total) == ("completed", ROWS, euro("600.00"))


async def test_nothing_is_left_behind(office: Office) -> None:
    await office.take(a_file(), count=ROWS, total="600.00")
    await office.batches.work()
    assert isinstance(office.parts, MemoryBatchParts)
    assert isinstance(office.work, MemoryBatchWork)
    assert (office.parts.rows, office.work.rows) == ({}, {})


async def test_no_code_is_kept_or_recorded(office: Office) -> None:
    await office.take(a_file(3), count=3, total="3.00")
    assert isinstance(office.parts, MemoryBatchParts)
    assert all(b"A00001" not in content for content, _ in office.parts.rows.values())
    await office.batches.work()
    assert all(b"A00001" not in entry.data for entry in await log_of(office))


async def test_a_code_opens_the_voucher(office: Office) -> None:
    await office.take(a_file(1), count=1, total="1.00")
    await office.batches.work()
    (issued,) = await issued_by(office)
    hashed = codes.hashed("A00000", office.secrets)
    assert issued.code_hash == hashed.value
    owner = await office.store.owner_of(f"code:{hashed.value}")
    assert owner == f"voucher-{issued.voucher_id}"
    assert await office.store.owner_of("serial:S0") == owner


async def test_a_voucher_without_a_serial_gets_one(office: Office) -> None:
    await office.take(a_file(1, serials=False), count=1, total="1.00")
    await office.batches.work()
    (issued,) = await issued_by(office)
    assert issued.serial == serial_of(issued.voucher_id)


async def test_a_voucher_without_a_last_day_gets_the_legal_one(office: Office) -> None:
    content = b"code,balance,issued_on\nABC123,1,2025-03-14\n"
    await office.take(content, count=1, total="1.00")
    await office.batches.work()
    (issued,) = await issued_by(office)
    assert issued.valid_until is not None
    assert (issued.valid_until.isoformat(), issued.opened.isoformat()) == (
        "2028-12-31",
        "2025-03-14",
    )


async def test_a_blocked_voucher_arrives_blocked(office: Office) -> None:
    await office.take(b"code,balance,blocked\nABC123,1,lost\n", count=1, total="1.00")
    await office.batches.work()
    (issued,) = await issued_by(office)
    last = (await office.store.load(f"voucher-{issued.voucher_id}"))[-1].event
    assert isinstance(last, VoucherBlocked)
    assert last.reason == "lost"


@pytest.mark.parametrize(("count", "total"), [(2, "3.00"), (3, "2.99"), (3, "3.01")])
async def test_sums_that_differ_refuse_the_file(office: Office, count: int, total: str) -> None:
    with pytest.raises(ImportRefused) as refused:
        await office.take(a_file(3), count=count, total=total)
    assert refused.value.extra["rows"] == 3
    assert refused.value.extra["total"] == {"amount": 300, "currency": "EUR"}
    await office.batches.work()
    assert await log_of(office) == []


async def test_one_refused_line_refuses_the_file(office: Office) -> None:
    with pytest.raises(ImportRefused) as refused:
        await office.take(a_file(2) + b"\nX,?,1\n", count=3, total="3.00")
    assert refused.value.extra["refused"] == [
        {"line": 4, "column": None, "reason": "cells", "other_line": None}
    ]
    assert await log_of(office) == []


async def test_an_empty_file_is_refused(office: Office) -> None:
    with pytest.raises(ImportRefused):
        await office.take(b"code,balance\n", count=0, total="0.00")


async def test_what_the_log_knows_already_is_refused(office: Office) -> None:
    await office.take(a_file(2), count=2, total="2.00")
    await office.batches.work()
    report = await office.check(a_file(2, first=1), count=2, total="2.00")
    assert [(one.line, one.column, one.reason) for one in report.refused] == [
        (2, "code", "code.taken"),
        (2, "serial", "serial.taken"),
    ]


async def test_a_check_changes_nothing(office: Office) -> None:
    report = await office.check(a_file(3), count=3, total="3.00")
    assert report.acceptable
    assert (report.rows, report.total, report.weak) == (3, euro("3.00"), 3)
    await office.batches.work()
    assert await log_of(office) == []


async def test_the_same_request_again_answers_how_far_it_is(office: Office) -> None:
    first = await office.take(a_file(3), count=3, total="3.00", key="one")
    await office.batches.work()
    again = await office.take(a_file(3), count=3, total="3.00", key="one")
    assert (again.batch_id, again.state) == (first.batch_id, "completed")
    assert len(await issued_by(office)) == 3


@pytest.mark.parametrize("fault", ["fail_before", "lose_answer"])
@pytest.mark.parametrize("at", range(6))
async def test_a_process_that_dies_at_any_append_takes_over_each_voucher_once(
    office: Office, memory: MemoryEventStore, fault: str, at: int
) -> None:
    batch = await office.take(a_file(), count=ROWS, total="600.00")
    appends, append = 0, memory.append

    async def counting(request):  # type: ignore[no-untyped-def]  # as the store's own
        nonlocal appends
        if appends == at:
            setattr(memory, fault, True)
        appends += 1
        return await append(request)

    memory.append = counting  # type: ignore[method-assign]  # a crash at a chosen append
    with pytest.raises(Transient):
        await office.batches.work()
    memory.streams.forget(f"batch-{batch.batch_id}")  # another process takes over
    await office.batches.work()
    issued = await issued_by(office)
    assert len(issued) == len({one.serial for one in issued}) == ROWS
    assert (await office.batches.batch(batch.batch_id)).state == "completed"


@pytest.mark.parametrize("dies", [False, True])
async def test_of_two_imports_of_one_code_the_slower_takes_over_nothing(
    office: Office, memory: MemoryEventStore, dies: bool
) -> None:
    """Both files were checked while neither was in the log. The code is in the last part."""
    slow = await office.take(a_file(ROWS), count=ROWS, total="600.00")
    waiting = dict(office.work.rows)  # type: ignore[attr-defined]  # the memory's
    office.work.rows.clear()  # type: ignore[attr-defined]
    fast = await office.take(a_file(1, first=ROWS - 1), count=1, total="1.00")
    await office.batches.work()
    office.work.rows.update(waiting)  # type: ignore[attr-defined]

    if dies:
        give_back, append = "give-back/1", memory.append

        async def failing(request):  # type: ignore[no-untyped-def]  # as the store's own
            memory.fail_before = request.key.endswith(give_back)
            return await append(request)

        memory.append = failing  # type: ignore[method-assign]  # a crash amid the undoing
        with pytest.raises(Transient):
            await office.batches.work()
        memory.append = append  # type: ignore[method-assign]
    await office.batches.work()

    assert (await office.batches.batch(fast.batch_id)).state == "completed"
    assert (await office.batches.batch(slow.batch_id)).state == "voided"
    assert [one.serial for one in await issued_by(office)] == [f"S{ROWS - 1}"]
    assert await office.store.owner_of("serial:S0") is None
    again = await office.take(a_file(ROWS - 1), count=ROWS - 1, total="599.00")
    await office.batches.work()
    assert (await office.batches.batch(again.batch_id)).state == "completed"
