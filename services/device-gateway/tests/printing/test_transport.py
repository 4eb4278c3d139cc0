"""The TCP line against printers in every mood: what may be said about the paper."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from device_gateway.adapters.printer_transport import TcpPrinter, Waits, process_id
from device_gateway.adapters.virtual_printer import Mode, VirtualPrinter
from device_gateway.printing.job import Delivery, JobState

SHORT = Waits(status_s=1.5, write_s=1.5, confirm_s=2.0, look_every_s=0.1, close_s=0.5)
PATIENT = Waits(status_s=5.0, write_s=10.0, confirm_s=15.0, look_every_s=0.1)
JOB = b"\x1b@\x1bt\x13" + b"Beleg 128\n" * 60 + b"\x1bd\x06\x1dV\x00"
DEADLINE_S = 20.0


async def deliver(
    printer: VirtualPrinter, *, job: bytes = JOB, waits: Waits = PATIENT, by: str = "sensor"
) -> Delivery:
    line = TcpPrinter(
        "127.0.0.1", printer.port, waits=waits,
        confirm_by="process_id" if by == "process_id" else "sensor" if by == "sensor" else "none",
    )  # fmt: skip
    async with asyncio.timeout(DEADLINE_S):
        return await line.deliver(job, job_id="job-1")


@pytest.mark.parametrize("by", ["sensor", "process_id"])
async def test_a_printer_in_order_confirms(by: str) -> None:
    async with VirtualPrinter(mode=Mode.OK) as printer:
        assert await deliver(printer, by=by) == Delivery(JobState.CONFIRMED)
        (paper,) = await printer.wait_for_papers(1)
    assert paper.lines.count("Beleg 128") == 60


async def test_paper_that_runs_low_is_told_with_the_confirmation() -> None:
    async with VirtualPrinter(mode=Mode.PAPER_NEAR_END) as printer:
        delivery = await deliver(printer)
    assert delivery == Delivery(JobState.CONFIRMED, "paper_near_end")


async def test_a_mute_printer_gets_no_better_than_sent() -> None:
    async with VirtualPrinter(mode=Mode.MUTE) as printer:
        assert await deliver(printer, waits=SHORT) == Delivery(JobState.SENT, "mute")
        await printer.wait_for_papers(1)


async def test_a_slow_printer_is_waited_for() -> None:
    async with VirtualPrinter(mode=Mode.SLOW) as printer:
        assert (await deliver(printer)).outcome is JobState.CONFIRMED


@pytest.mark.parametrize(
    ("mode", "reason"), [(Mode.PAPER_OUT, "paper_out"), (Mode.COVER_OPEN, "cover_open")]
)
async def test_a_printer_that_is_offline_gets_nothing_and_the_job_may_be_repeated(
    mode: Mode, reason: str
) -> None:
    async with VirtualPrinter(mode=mode) as printer:
        assert await deliver(printer) == Delivery(JobState.FAILED, reason)
        await printer.switch(Mode.OK)
        assert printer.paper.rows == ()


async def test_a_printer_nobody_reaches_has_printed_nothing() -> None:
    async with VirtualPrinter(mode=Mode.OK) as printer:
        await printer.switch(Mode.REFUSE)
        assert await deliver(printer, waits=SHORT) == Delivery(JobState.FAILED, "unreachable")


async def test_paper_that_runs_out_within_a_job_leaves_it_unknown() -> None:
    async with VirtualPrinter(mode=Mode.OFFLINE_MID_JOB) as printer:
        delivery = await deliver(printer, waits=SHORT)
    assert delivery == Delivery(JobState.UNKNOWN, "paper_out")


async def test_paper_refilled_in_time_ends_in_a_confirmation() -> None:
    async with VirtualPrinter(mode=Mode.OFFLINE_MID_JOB) as printer:
        sending = asyncio.create_task(deliver(printer))
        async with asyncio.timeout(DEADLINE_S):
            while not printer.sensors.paper_end:  # noqa: ASYNC110  (the printer has no event)
                await asyncio.sleep(0.01)
        await printer.switch(Mode.OK)
        assert (await sending).outcome is JobState.CONFIRMED


async def test_a_connection_that_breaks_within_a_job_leaves_it_unknown() -> None:
    async with VirtualPrinter(mode=Mode.RESET_MID_JOB) as printer:
        delivery = await deliver(printer, waits=SHORT)
    assert delivery == Delivery(JobState.UNKNOWN, "connection_lost")


async def test_a_printer_that_takes_nothing_more_leaves_the_job_unknown() -> None:
    big = b"\x1b@" + b"Beleg 128\n" * 400_000
    async with VirtualPrinter(mode=Mode.ACCEPT_NO_READ) as printer:
        delivery = await deliver(printer, job=big, waits=SHORT)
    assert delivery == Delivery(JobState.UNKNOWN, "stalled")


async def test_the_next_job_finds_the_printer_free() -> None:
    async with VirtualPrinter(mode=Mode.OK) as printer:
        for _ in range(3):
            assert (await deliver(printer)).outcome is JobState.CONFIRMED
        assert len(await printer.wait_for_papers(3)) == 3


# Printers that lie or stammer: by hand, for the virtual one is too well-behaved.


@asynccontextmanager
async def device(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[TcpPrinter]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield TcpPrinter("127.0.0.1", port, waits=SHORT, confirm_by="process_id")
    finally:
        server.close()


async def test_the_answer_to_another_job_is_no_confirmation() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(4_096):
            writer.write(b"\x16" * chunk.count(b"\x10\x04"))
            if b"\x1d(H" in chunk:
                writer.write(b"\x37\x22" + process_id("another job") + b"\x00")

    async with device(talk) as line:
        delivery = await line.deliver(JOB, job_id="job-1")
    assert delivery == Delivery(JobState.SENT, "unconfirmed")


async def test_a_printer_switched_off_before_its_confirmation_leaves_the_job_unknown() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(3)
        writer.write(b"\x16")
        await reader.readuntil(b"\x1d(H")

    async with device(talk) as line:
        delivery = await line.deliver(JOB, job_id="job-1")
    assert delivery == Delivery(JobState.UNKNOWN, "connection_lost")


async def test_a_printer_that_hangs_up_on_the_first_question_has_printed_nothing() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(3)

    async with device(talk) as line:
        delivery = await line.deliver(JOB, job_id="job-1")
    assert delivery == Delivery(JobState.FAILED, "connection_lost")


def test_the_process_id_is_printable_and_the_jobs_own() -> None:
    ids = {process_id(f"job-{number}") for number in range(500)}
    assert len(ids) == 500
    assert all(32 <= byte <= 126 for identity in ids for byte in identity)
