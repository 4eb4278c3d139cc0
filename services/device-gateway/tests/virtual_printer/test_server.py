"""The virtual printer on its TCP port, in every mood."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from device_gateway.adapters.virtual_printer import Drawer, Mode, VirtualPrinter, server
from device_gateway.adapters.virtual_printer.picture import GivenUp, png

RECEIPT = b"\x1b@\x1bt\x13Buch\n" + b"19,99 \xd5\n" * 40 + b"\x1dV\x00"
CONFIRM = b"\x1d(H\x06\x0000KV01"
CONFIRMED = b"\x37\x22KV01\x00"
PAPER_STATUS, OFFLINE_STATUS, PRINTER_STATUS = b"\x10\x04\x04", b"\x10\x04\x02", b"\x10\x04\x01"
DEADLINE_S = 60.0


async def connect(
    printer: VirtualPrinter,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", printer.port)


async def ask(printer: VirtualPrinter, question: bytes, answer_bytes: int) -> bytes:
    """Sends, reads so many bytes, goes."""
    reader, writer = await connect(printer)
    writer.write(question)
    async with asyncio.timeout(DEADLINE_S):
        answer = await reader.readexactly(answer_bytes)
    writer.close()
    await writer.wait_closed()
    return answer


def papers_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def send(printer: VirtualPrinter, data: bytes) -> None:
    _, writer = await connect(printer)
    writer.write(data)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110  (the printer's inside has no event to wait for)
            await asyncio.sleep(0.005)


async def test_a_job_is_saved_as_text_picture_and_bytes(tmp_path: Path) -> None:
    async with VirtualPrinter(tmp_path, name="bon") as printer:
        await send(printer, RECEIPT)
        (paper,) = await printer.wait_for_papers(1)
        await until((tmp_path / "bon-0001.png").exists)
    assert (tmp_path / "bon-0001.bin").read_bytes() == RECEIPT == paper.raw
    assert (tmp_path / "bon-0001.txt").read_text("utf-8").startswith("Buch\n19,99 €\n")
    assert (tmp_path / "bon-0001.png").read_bytes().startswith(b"\x89PNG")


async def test_a_picture_comes_without_waiting_for_the_end(tmp_path: Path) -> None:
    async with VirtualPrinter(tmp_path, name="bon") as printer:
        await send(printer, RECEIPT)
        await until((tmp_path / "bon-0001.png").exists)


async def test_every_paper_has_its_picture_in_the_end(tmp_path: Path) -> None:
    async with VirtualPrinter(tmp_path) as printer:
        for _ in range(5):
            assert await ask(printer, RECEIPT + CONFIRM, len(CONFIRMED)) == CONFIRMED
        await until(lambda: len(pictures(tmp_path)) == 5)


def pictures(folder: Path) -> list[Path]:
    return list(folder.glob("*.png"))


async def test_a_restart_goes_on_counting(tmp_path: Path) -> None:
    for _ in range(2):
        async with VirtualPrinter(tmp_path, name="bon", pictures=False) as printer:
            await send(printer, RECEIPT)
            await printer.wait_for_papers(1)
    assert (tmp_path / "bon-0001.bin").exists()
    assert (tmp_path / "bon-0002.bin").exists()


async def test_a_confirmation_comes_after_what_was_sent_before_it() -> None:
    async with VirtualPrinter() as printer:
        assert await ask(printer, RECEIPT + CONFIRM, len(CONFIRMED)) == CONFIRMED
        await printer.wait_for_papers(1)


async def test_a_mute_printer_prints_and_says_nothing() -> None:
    async with VirtualPrinter(mode=Mode.MUTE) as printer:
        reader, writer = await connect(printer)
        writer.write(RECEIPT + CONFIRM + PRINTER_STATUS)
        await printer.wait_for_papers(1)
        writer.write_eof()
        async with asyncio.timeout(DEADLINE_S):
            assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize(
    ("mode", "question", "answer"),
    [
        (Mode.OK, PRINTER_STATUS, b"\x12"),
        (Mode.OK, PAPER_STATUS, b"\x12"),
        (Mode.PAPER_NEAR_END, PAPER_STATUS, b"\x1e"),
        (Mode.PAPER_NEAR_END, PRINTER_STATUS, b"\x12"),
        (Mode.PAPER_OUT, PAPER_STATUS, b"\x7e"),
        (Mode.PAPER_OUT, PRINTER_STATUS, b"\x1a"),
        (Mode.PAPER_OUT, OFFLINE_STATUS, b"\x32"),
        (Mode.COVER_OPEN, OFFLINE_STATUS, b"\x16"),
        (Mode.PAPER_NEAR_END, b"\x1dr\x01", b"\x03"),
        (Mode.COVER_OPEN, b"\x10\x04\x03", b"\x12"),
    ],
)
async def test_a_status_tells_the_mood(mode: Mode, question: bytes, answer: bytes) -> None:
    async with VirtualPrinter(mode=mode) as printer:
        assert await ask(printer, question, 1) == answer


async def test_an_automatic_status_comes_when_something_changes() -> None:
    async with VirtualPrinter() as printer:
        reader, writer = await connect(printer)
        writer.write(b"\x1da\xff")
        async with asyncio.timeout(DEADLINE_S):
            assert await reader.readexactly(4) == b"\x10\x00\x00\x00"
            await printer.switch(Mode.COVER_OPEN)
            assert await reader.readexactly(4) == b"\x38\x00\x00\x00"
        writer.close()


@pytest.mark.parametrize("mode", [Mode.PAPER_OUT, Mode.COVER_OPEN])
async def test_an_offline_printer_prints_what_it_kept_when_it_is_ready_again(mode: Mode) -> None:
    async with VirtualPrinter(mode=mode) as printer:
        reader, writer = await connect(printer)
        writer.write(RECEIPT + CONFIRM + PRINTER_STATUS)
        async with asyncio.timeout(DEADLINE_S):
            # The real-time question is answered, the one in the buffer is not.
            assert await reader.readexactly(1) == b"\x1a"
            assert not printer.papers
            await printer.switch(Mode.OK)
            assert await reader.readexactly(len(CONFIRMED)) == CONFIRMED
        assert len(await printer.wait_for_papers(1)) == 1
        writer.close()


async def test_a_job_repeated_while_paper_is_missing_comes_out_twice() -> None:
    async with VirtualPrinter(mode=Mode.OFFLINE_MID_JOB) as printer:
        await send(printer, RECEIPT)
        await until(lambda: printer.sensors.paper_end)
        assert not printer.papers
        await send(printer, RECEIPT)
        await ask(printer, PRINTER_STATUS, 1)
        await printer.switch(Mode.OK)
        first, second = await printer.wait_for_papers(2)
    assert first.lines == second.lines


async def test_a_slow_printer_prints_everything_all_the_same() -> None:
    async with VirtualPrinter(mode=Mode.SLOW) as printer:
        await send(printer, RECEIPT)
        (paper,) = await printer.wait_for_papers(1)
    assert paper.raw == RECEIPT


async def test_nobody_listens_on_a_refusing_printers_port_until_it_is_back() -> None:
    async with VirtualPrinter() as printer:
        port = printer.port
        await printer.switch(Mode.REFUSE)
        with pytest.raises(ConnectionRefusedError):
            await connect(printer)
        await printer.switch(Mode.OK)
        assert printer.port == port
        await send(printer, RECEIPT)
        await printer.wait_for_papers(1)


async def test_a_printer_that_reads_nothing_makes_the_host_wait() -> None:
    async with VirtualPrinter(mode=Mode.ACCEPT_NO_READ) as printer:
        with socket.create_connection(("127.0.0.1", printer.port)) as client:
            client.settimeout(0.2)
            with pytest.raises(TimeoutError):
                client.sendall(RECEIPT * 200_000)
        assert not printer.papers


async def test_a_broken_connection_loses_the_rest_of_the_job() -> None:
    async with VirtualPrinter(mode=Mode.RESET_MID_JOB) as printer:
        reader, writer = await connect(printer)
        writer.write(RECEIPT)
        async with asyncio.timeout(DEADLINE_S):
            with pytest.raises(ConnectionResetError):
                assert await reader.read() is None
        assert not printer.papers
        assert printer.paper.lines[0] == "Buch"
        writer.close()


async def test_a_second_host_waits_until_the_first_has_gone() -> None:
    async with VirtualPrinter() as printer:
        _, first = await connect(printer)
        first.write(b"first")
        await until(lambda: printer.paper.raw == b"first")
        await send(printer, b"second\n\x1dV\x00")
        first.write(b" goes on\n\x1dV\x00")
        await printer.wait_for_papers(1)
        first.close()
        papers = await printer.wait_for_papers(2)
    assert [paper.lines[0] for paper in papers] == ["first goes on", "second"]


async def test_a_drawer_pulse_without_a_receipt_is_seen() -> None:
    async with VirtualPrinter() as printer:
        await ask(printer, b"\x1bp\x00\x19\xfa" + PRINTER_STATUS, 1)
        await until(lambda: printer.drawer_pulses == 1)
        assert Drawer(pin=2, on_ms=50, off_ms=500) in printer.paper.facts


async def test_a_printer_may_be_switched_on_again(tmp_path: Path) -> None:
    printer = VirtualPrinter(tmp_path)
    for count in (1, 2):
        async with printer:
            await send(printer, RECEIPT)
            await printer.wait_for_papers(count)
            await until((tmp_path / f"printer-000{count}.png").exists)


async def test_closing_does_not_wait_for_a_host_that_stays(tmp_path: Path) -> None:
    printer = VirtualPrinter(tmp_path)
    await printer.open()
    _, writer = await connect(printer)
    writer.write(RECEIPT)
    await printer.wait_for_papers(1)
    closing: Awaitable[None] = printer.close()
    async with asyncio.timeout(DEADLINE_S):
        await closing
    writer.close()


async def test_closing_gives_up_the_pictures_and_keeps_the_papers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "DRAW_AT_CLOSE_S", 0.0)
    monkeypatch.setattr(server, "QUIET_S", DEADLINE_S)  # Nothing is drawn before it closes.
    async with VirtualPrinter(tmp_path) as printer:
        await send(printer, RECEIPT)
        await printer.wait_for_papers(1)
    assert {path.suffix for path in papers_in(tmp_path)} == {".bin", ".txt"}
    assert not [thread for thread in threading.enumerate() if "draws" in thread.name]


async def test_a_picture_that_nobody_wants_any_more_is_given_up() -> None:
    async with VirtualPrinter() as printer:
        await send(printer, RECEIPT)
        (paper,) = await printer.wait_for_papers(1)
    with pytest.raises(GivenUp):
        png(paper, enough=lambda: True)
