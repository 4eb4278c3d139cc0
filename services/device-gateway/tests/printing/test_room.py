"""From the order to the paper and back to the gateway: desk, queue, owner, line, printer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from device_gateway.adapters.escpos import PrinterProfile, profile_of
from device_gateway.adapters.print_queue import PostgresPrintQueue
from device_gateway.adapters.printer_lines import line_to
from device_gateway.adapters.printer_transport import TcpPrinter, Waits
from device_gateway.adapters.virtual_printer import Drawer, Mode, VirtualPrinter
from device_gateway.events import StorePrinter
from device_gateway.ports import ReceiptDesk, ReceiptOrder, SoldVoucher
from device_gateway.printing.desk import PrintingDesk
from device_gateway.printing.job import JobState, PrintJob
from device_gateway.printing.owner import Patience
from device_gateway.printing.ports import PrinterLink
from device_gateway.printing.room import PrintingRoom
from device_gateway.receipt import examples
from events import Transient
from kassenverbund.kit.secrets import Secrets
from money import euro

DEADLINE_S = 20.0
QUICK = Patience(
    lease_s=10.0, renew_every_s=0.5, look_every_s=0.1, backoff_s=(0.05,), report_again_s=0.1
)
WAITS = Waits(status_s=5.0, confirm_s=15.0, look_every_s=0.1)
CODE = "K7QM-4XTR-9WHC-2PLD"
SOLD = SoldVoucher(voucher_id="v-1", serial="GS-2026-004812", value=euro("50.00"), code=CODE)


def clock() -> datetime:
    return datetime.now(UTC)


@dataclass
class Heard:
    """What the gateway was told."""

    jobs: list[PrintJob] = field(default_factory=list)
    deaf_for: int = 0
    """So many reports fail first."""

    async def printed(self, job: PrintJob) -> None:
        if self.deaf_for:
            self.deaf_for -= 1
            raise ConnectionError("the gateway is away")
        self.jobs.append(job)


@dataclass
class Shop:
    """One printer, one desk, one room."""

    queue: PostgresPrintQueue
    printer: VirtualPrinter
    heard: Heard
    desk: PrintingDesk
    room: PrintingRoom
    order: ReceiptOrder

    async def job(self, job_id: str, *states: JobState) -> PrintJob:
        """The job, once it is in one of `states`."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                job = await self.queue.find(job_id)
                if job is not None and job.state in states:
                    return job
                await asyncio.sleep(0.01)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():  # noqa: ASYNC110  (the reporter tells nobody but the listener)
                await asyncio.sleep(0.01)


@asynccontextmanager
async def shop(
    queue: PostgresPrintQueue,
    *,
    mode: Mode = Mode.OK,
    running: bool = True,
    patience: Patience = QUICK,
    profile: Callable[[StorePrinter], PrinterProfile] = profile_of,
    deaf_for: int = 0,
) -> AsyncIterator[Shop]:
    async with VirtualPrinter(mode=mode) as printer:
        declared = StorePrinter(printer_id="bon-1", host="127.0.0.1", port=printer.port or 1)
        heard = Heard(deaf_for=deaf_for)

        def link(known: StorePrinter) -> PrinterLink:
            return TcpPrinter("127.0.0.1", known.port, waits=WAITS)

        room = PrintingRoom(queue, heard, link=link, clock=clock, patience=patience)
        desk = PrintingDesk(queue, clock=clock, queued=room.wake, profile=profile)
        room.know("berlin", [declared])
        order = replace(examples.ORDER, master_data=examples.store(printers=(declared,)))
        made = Shop(queue, printer, heard, desk, room, order)
        task = asyncio.create_task(room.run()) if running else None
        try:
            yield made
        finally:
            if task is not None:
                task.cancel()
                await asyncio.wait({task})


async def test_an_order_becomes_paper_and_the_gateway_hears_of_it(
    queue: PostgresPrintQueue,
) -> None:
    async with shop(queue) as store:
        await store.desk.enqueue(store.order, job_id="j-1")
        (paper,) = await store.printer.wait_for_papers(1)
        await store.until(lambda: len(store.heard.jobs) == 1)
    assert paper.qr_codes == (examples.QR,)
    assert any("94,97 €" in line for line in paper.lines)
    assert (store.heard.jobs[0].job_id, store.heard.jobs[0].state) == ("j-1", JobState.CONFIRMED)


async def test_the_same_job_twice_is_one_paper(queue: PostgresPrintQueue) -> None:
    async with shop(queue) as store:
        for _ in range(3):
            await store.desk.enqueue(store.order, job_id="j-1")
        await store.desk.enqueue(store.order, job_id="j-2")
        papers = await store.printer.wait_for_papers(2)
        await store.job("j-2", JobState.CONFIRMED)
    assert len(store.printer.papers) == 2
    assert "KOPIE" not in papers[0].text


async def test_a_second_paper_says_copy_even_when_nobody_asked(
    queue: PostgresPrintQueue,
) -> None:
    async with shop(queue) as store:
        await store.desk.enqueue(store.order, job_id="j-1")
        await store.job("j-1", JobState.CONFIRMED)
        await store.desk.enqueue(store.order, job_id="j-2")
        papers = await store.printer.wait_for_papers(2)
    assert "KOPIE" in papers[1].text


async def test_an_unknown_job_is_not_repeated_by_itself(queue: PostgresPrintQueue) -> None:
    async with shop(queue, mode=Mode.RESET_MID_JOB) as store:
        await store.desk.enqueue(store.order, job_id="j-1")
        await store.job("j-1", JobState.UNKNOWN)
        await store.printer.switch(Mode.OK)
        await store.desk.enqueue(store.order, job_id="j-2")
        (paper,) = await store.printer.wait_for_papers(1)
        await store.job("j-2", JobState.CONFIRMED)
        assert [job.job_id for job in await store.room.attention("berlin")] == ["j-1"]
    assert "KOPIE" in paper.text
    assert len(store.printer.papers) == 1


async def test_an_unknown_job_is_not_reported_as_printed(queue: PostgresPrintQueue) -> None:
    async with shop(queue, mode=Mode.RESET_MID_JOB) as store:
        await store.desk.enqueue(store.order, job_id="j-1")
        await store.job("j-1", JobState.UNKNOWN)
    assert await queue.unreported(jobs_max=10) == []
    assert store.heard.jobs == []


async def test_a_printer_without_paper_prints_when_it_has_some_again(
    queue: PostgresPrintQueue,
) -> None:
    async with shop(queue, mode=Mode.PAPER_OUT) as store:
        await store.desk.enqueue(store.order, job_id="j-1")
        async with asyncio.timeout(DEADLINE_S):
            job = await queue.find("j-1")
            while job is None or job.reason != "paper_out":
                await asyncio.sleep(0.01)
                job = await queue.find("j-1")
        await store.printer.switch(Mode.OK)
        done = await store.job("j-1", JobState.CONFIRMED)
        (paper,) = await store.printer.wait_for_papers(1)
    assert done.tries >= 2
    assert "KOPIE" not in paper.text


async def test_a_printer_that_stays_away_fails_the_job_in_the_end(
    queue: PostgresPrintQueue,
) -> None:
    async with shop(queue, mode=Mode.REFUSE, patience=replace(QUICK, keep_trying_s=0.3)) as store:
        await store.desk.enqueue(store.order, job_id="j-1")
        failed = await store.job("j-1", JobState.FAILED)
    assert failed.reason == "unreachable"


async def test_a_job_whose_moment_has_passed_is_not_printed_any_more(
    queue: PostgresPrintQueue,
) -> None:
    now = clock()
    late = PrintJob(
        job_id="j-1", printer_id="bon-1", store_id="berlin", till_id="t", booking_id="j-1",
        document="drawer", is_copy=False, queued_at=now, give_up_at=now,
    )  # fmt: skip
    await queue.put(late, b"\x1b@\x1bt\x13\x1bp\x00\x32\x32")
    async with shop(queue) as store:
        assert (await store.job("j-1", JobState.FAILED)).reason == "too_late"
    assert store.printer.drawer_pulses == 0


async def test_jobs_queued_before_a_restart_are_printed_after_it(
    queue: PostgresPrintQueue,
) -> None:
    async with shop(queue, running=False) as before:
        await before.desk.enqueue(before.order, job_id="j-1")
    async with shop(queue) as after:
        (paper,) = await after.printer.wait_for_papers(1)
    assert paper.qr_codes == (examples.QR,)


async def test_a_job_that_was_being_sent_when_the_process_died_is_unknown(
    queue: PostgresPrintQueue,
) -> None:
    async with shop(queue, running=False) as before:
        await before.desk.enqueue(before.order, job_id="j-1")
    now = clock()
    await queue.lease("bon-1", owner="dead", now=now, until=now)
    await queue.lease("bon-1", owner="dead", now=now, until=now.replace(year=2100))
    assert await queue.take("bon-1", owner="dead", now=now) is not None
    await queue.lease("bon-1", owner="dead", now=now, until=now)
    async with shop(queue) as after:
        assert (await after.job("j-1", JobState.UNKNOWN)).reason == "interrupted"
    assert len(after.printer.papers) == 0


class Unsteady(PostgresPrintQueue):
    """The real queue behind a database that is away for a while after each delivery."""

    away_for = 2

    async def finish(self, job_id: str, **what: Any) -> bool:
        if self.away_for:
            self.away_for -= 1
            raise Transient("the database is away")
        return await super().finish(job_id, **what)


async def test_what_was_printed_while_the_database_was_away_is_not_forgotten(
    queue: PostgresPrintQueue, pool: asyncpg.Pool[Any], secrets: Secrets
) -> None:
    async with shop(Unsteady(pool, secrets)) as store:
        await store.desk.enqueue(store.order, job_id="j-1")
        await store.until(lambda: len(store.heard.jobs) == 1)
    assert store.heard.jobs[0].state is JobState.CONFIRMED
    assert len(store.printer.papers) == 1


async def test_a_report_that_fails_is_repeated(queue: PostgresPrintQueue) -> None:
    async with shop(queue, deaf_for=2) as store:
        await store.desk.enqueue(store.order, job_id="j-1")
        await store.until(lambda: len(store.heard.jobs) == 1)
    assert store.heard.deaf_for == 0


async def test_a_voucher_slip_is_a_paper_of_its_own_with_its_code(
    queue: PostgresPrintQueue,
) -> None:
    async with shop(queue) as store:
        await store.desk.enqueue(store.order, job_id="receipt")
        await store.desk.enqueue_voucher_slips(
            store.order, job_id="slips", vouchers=[SOLD, replace(SOLD, serial="GS-2", code="B" * 8)]
        )
        receipt, first, second = await store.printer.wait_for_papers(3)
    assert first.qr_codes == (CODE,)
    assert second.qr_codes == ("B" * 8,)
    assert CODE not in receipt.text


async def test_the_code_of_a_slip_is_nowhere_in_the_database(
    queue: PostgresPrintQueue, spool: AsyncEngine
) -> None:
    async with shop(queue, running=False) as store:
        await store.desk.enqueue_voucher_slips(store.order, job_id="slips", vouchers=[SOLD])
    async with spool.connect() as tx:
        row = await tx.scalar(text("SELECT print_job::text FROM print_job"))
        payload = await tx.scalar(text("SELECT payload FROM print_job"))
    assert row is not None
    assert payload is not None
    assert CODE not in row
    assert CODE.encode() not in payload


async def test_a_voucher_whose_code_is_gone_gets_no_slip(queue: PostgresPrintQueue) -> None:
    async with shop(queue, running=False) as store:
        await store.desk.enqueue_voucher_slips(
            store.order, job_id="slips", vouchers=[replace(SOLD, code=None)]
        )
    assert await queue.find("slips") is None


async def test_a_till_without_a_printer_still_gets_its_receipt_on_the_screen(
    queue: PostgresPrintQueue,
) -> None:
    order = replace(examples.ORDER, master_data=examples.store(printers=()))
    async with shop(queue, running=False) as store:
        await store.desk.enqueue(order, job_id="j-1")
        assert "SUMME" in store.desk.text(order)
    assert await queue.find("j-1") is None


async def test_a_till_prints_on_its_own_printer_before_a_shared_one(
    queue: PostgresPrintQueue,
) -> None:
    shared = StorePrinter(printer_id="shared", host="h")
    own = StorePrinter(printer_id="own", till_id="till-1", host="h")
    other = StorePrinter(printer_id="other", till_id="till-2", host="h")
    order = replace(examples.ORDER, master_data=examples.store(printers=(other, shared, own)))
    async with shop(queue, running=False) as store:
        await store.desk.enqueue(order, job_id="j-1")
    job = await queue.find("j-1")
    assert job is not None
    assert job.printer_id == "own"


@pytest.mark.parametrize(("is_copy", "pulses"), [(False, 1), (True, 0)])
async def test_the_drawer_opens_for_cash_and_never_for_a_copy(
    queue: PostgresPrintQueue, is_copy: bool, pulses: int
) -> None:
    def with_drawer(printer: StorePrinter) -> PrinterProfile:
        return replace(profile_of(printer), drawer_pin=2)

    async with shop(queue, profile=with_drawer) as store:
        await store.desk.enqueue(replace(store.order, is_copy=is_copy), job_id="j-1")
        (paper,) = await store.printer.wait_for_papers(1)
    assert sum(isinstance(fact, Drawer) for fact in paper.facts) == pulses


async def test_two_rooms_share_one_printer_without_a_double_print(
    queue: PostgresPrintQueue,
) -> None:
    async with shop(queue) as store:
        other = PrintingRoom(
            queue, store.heard, clock=clock, patience=QUICK,
            link=lambda known: TcpPrinter("127.0.0.1", known.port, waits=WAITS),
        )  # fmt: skip
        other.know("berlin", store.order.master_data.printers)
        second = asyncio.create_task(other.run())
        for number in range(6):
            booking = examples.booking().model_copy(update={"booking_id": f"b-{number}"})
            await store.desk.enqueue(replace(store.order, booking=booking), job_id=f"j-{number}")
        await store.printer.wait_for_papers(6)
        await store.job("j-5", JobState.CONFIRMED)
        second.cancel()
        await asyncio.wait({second})
    assert len(store.printer.papers) == 6


async def test_a_virtual_printer_keeps_its_paper_as_files(
    queue: PostgresPrintQueue, tmp_path: Path
) -> None:
    declared = StorePrinter(printer_id="bon-v", virtual=True)
    heard = Heard()
    room = PrintingRoom(queue, heard, link=line_to(tmp_path), clock=clock, patience=QUICK)
    room.know("berlin", [declared])
    desk = PrintingDesk(queue, clock=clock, queued=room.wake)
    task = asyncio.create_task(room.run())
    order = replace(examples.ORDER, master_data=examples.store(printers=(declared,)))
    await desk.enqueue(order, job_id="j-1")
    async with asyncio.timeout(DEADLINE_S):
        while not heard.jobs:  # noqa: ASYNC110  (the reporter tells nobody but the listener)
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait({task})
    assert "94,97" in (tmp_path / "bon-v" / "bon-v-0001.txt").read_text("utf-8")
    assert heard.jobs[0].state is JobState.CONFIRMED


def test_the_desk_is_the_desk_that_the_gateway_asks_for(
    queue: PostgresPrintQueue, secrets: Secrets
) -> None:
    desk: ReceiptDesk = PrintingDesk(queue, clock=clock)
    assert desk.escpos(examples.ORDER).endswith(b"\x1dV\x00")
