"""Every mood of a printer, from the till's order to the shelf where the papers lie: what is said of
the job, and that a second paper always says KOPIE, whoever asks for it and when."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Literal

import pytest

from device_gateway.adapters.print_queue import PostgresPrintQueue
from device_gateway.adapters.printer_transport import TcpPrinter, Waits
from device_gateway.adapters.virtual_printer import Mode, VirtualPrinter
from device_gateway.events import StorePrinter
from device_gateway.printing.job import JobState, PrintJob
from device_gateway.printing.office import PrintOffice
from device_gateway.printing.owner import Patience
from device_gateway.receipt import examples

SHORT = Waits(
    connect_s=1.0, status_s=0.5, write_s=0.5, confirm_s=1.0, look_every_s=0.1, close_s=0.2
)
PATIENT = Waits(status_s=5.0, write_s=10.0, confirm_s=15.0, look_every_s=0.1)
WITHOUT_AN_ANSWER = {Mode.MUTE, Mode.OFFLINE_MID_JOB, Mode.ACCEPT_NO_READ}
PATIENCE = Patience(look_every_s=0.05, backoff_s=(0.05,), keep_trying_s=0.2, report_again_s=0.1)
DEADLINE_S = 20.0

CONFIRMED, SENT, UNKNOWN, FAILED = (
    JobState.CONFIRMED, JobState.SENT, JobState.UNKNOWN, JobState.FAILED,
)  # fmt: skip

MOODS = [
    (Mode.OK, "sensor", CONFIRMED, ""),
    (Mode.OK, "process_id", CONFIRMED, ""),
    (Mode.OK, "none", SENT, ""),
    (Mode.MUTE, "sensor", SENT, "mute"),
    (Mode.PAPER_NEAR_END, "sensor", CONFIRMED, "paper_near_end"),
    (Mode.PAPER_OUT, "sensor", FAILED, "paper_out"),
    (Mode.COVER_OPEN, "sensor", FAILED, "cover_open"),
    (Mode.OFFLINE_MID_JOB, "sensor", UNKNOWN, "paper_out"),
    (Mode.OFFLINE_MID_JOB, "process_id", UNKNOWN, "paper_out"),
    (Mode.REFUSE, "sensor", FAILED, "unreachable"),
    (Mode.ACCEPT_NO_READ, "sensor", UNKNOWN, "stalled"),
    (Mode.RESET_MID_JOB, "process_id", UNKNOWN, "connection_lost"),
]


class Deaf:
    async def printed(self, job: PrintJob) -> None:
        """Who is told is another test's matter."""


@pytest.mark.parametrize(("mode", "confirm_by", "state", "reason"), MOODS)
async def test_a_mood_leads_to_its_state_and_never_to_two_papers_without_copy(
    queue: PostgresPrintQueue,
    mode: Mode,
    confirm_by: Literal["sensor", "process_id", "none"],
    state: JobState,
    reason: str,
) -> None:
    numbers = count(1)
    async with VirtualPrinter(mode=mode) as printer:
        if not printer.port:
            await printer.switch(Mode.OK)
            await printer.switch(mode)
        declared = StorePrinter(printer_id="bon-1", host="127.0.0.1", port=printer.port)
        # Only where no answer comes there is nothing to wait for.
        waits = SHORT if mode in WITHOUT_AN_ANSWER else PATIENT
        office = PrintOffice(
            queue,
            clock=lambda: datetime.now(UTC),
            link=lambda known: TcpPrinter(
                "127.0.0.1", known.port, confirm_by=confirm_by, waits=waits
            ),
            patience=PATIENCE,
        )
        office.listener = Deaf()
        order = replace(examples.ORDER, master_data=examples.store(printers=(declared,)))
        # The picture of the code makes the job as large as jobs get: it does not fit a segment.
        pictured = declared.model_copy(update={"qr": "image"})
        large = replace(order, master_data=examples.store(printers=(pictured,)))

        async def printed() -> PrintJob:
            """A till asks for the receipt, and something comes of it."""
            job_id = f"j-{next(numbers)}"
            await office.desk.enqueue(large, job_id=job_id)
            async with asyncio.timeout(DEADLINE_S):
                while True:
                    job = await queue.find(job_id)
                    if job is not None and job.state.is_final:
                        return job
                    await asyncio.sleep(0.02)

        office.know("berlin", [declared])
        task = asyncio.create_task(office.run())
        first = await printed()
        await printer.switch(Mode.REFUSE)  # Off, and on again: connections end.
        await printer.switch(Mode.OK)
        # Twice somebody is not content with what he has.
        again = [await printed(), await printed()]
        task.cancel()
        await asyncio.wait({task})
        papers = [paper for paper in printer.papers if "SUMME" in paper.text]
    assert (first.state, first.reason) == (state, reason)
    assert all(job.state.is_on_paper for job in again)
    assert sum("KOPIE" not in paper.text for paper in papers) <= 1
    assert [job.is_copy for job in again] == [state is not FAILED, True]
