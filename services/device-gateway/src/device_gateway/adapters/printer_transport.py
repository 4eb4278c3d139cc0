"""A line to a receipt printer, with what can be learned about the paper; TCP (port 9100) first.

That a socket took the bytes proves nothing: a job that fits one segment "succeeds" on a printer
whose plug was pulled. So the printer is asked before (is it online?), and again behind the last
byte: `GS ( H` is answered when everything before it is printed, `GS r 1` in stream order. A
printer that answers nothing gets no better than `sent`.

One connection per job: most printers take one client, and sockets left open block the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import socket
import sys
import termios
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from device_gateway.adapters.printer_status import (
    PaperSensor,
    ProcessDone,
    RealTime,
    StatusParser,
)
from device_gateway.printing.job import Delivery, JobState

CHUNK_BYTES = 4_096
SEND_BUFFER_BYTES = 16_384
"""Small, so that a printer that stopped reading is noticed while the job is being written."""

ASK_PRINTER = b"\x10\x04\x01"
ASK_CAUSE = b"\x10\x04\x02"
ASK_PAPER = b"\x10\x04\x04"
ASK_SENSOR = b"\x1dr1"
ASK_PROCESS = b"\x1d(H\x06\x0000"
"""`GS ( H`; four characters of identity follow."""

OFFLINE = 0x08
COVER_OPEN = 0x04
PAPER_STOP = 0x20
PAPER_END = 0x60
NEAR_END = 0x0C


@dataclass(frozen=True, slots=True)
class Waits:
    """How long each step may take, in seconds."""

    connect_s: float = 3.0
    status_s: float = 1.0
    write_s: float = 10.0
    """For each `CHUNK_BYTES`: a slow printer takes a long job piece by piece."""
    confirm_s: float = 20.0
    """From the last byte to the answer that it is on paper; a refill of paper fits in."""
    look_every_s: float = 1.0
    close_s: float = 1.0


class NotOpened(Exception):
    """There is no line: surely nothing is printed. `reason` is a code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Lost(Exception):
    """The connection ended."""


class _Stalled(Exception):
    """The printer takes no more bytes."""


ConfirmBy = Literal["process_id", "sensor", "none"]


class AskedPrinter(ABC):
    """See `printing.ports.PrinterLink`. What every line has in common; how it opens is its own.

    `confirm_by`: `process_id` where the model has `GS ( H` (cheap ones print it as text), else
    `sensor`; `none` for a printer that answers nothing of use.
    """

    def __init__(self, *, confirm_by: ConfirmBy = "sensor", waits: Waits | None = None) -> None:
        self._confirm_by = confirm_by
        self._waits = waits or Waits()

    @abstractmethod
    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Raises `NotOpened`. Bounded by `connect_s`."""

    async def deliver(self, job: bytes, *, job_id: str) -> Delivery:
        """Open, ask, write, ask again, close."""
        try:
            reader, writer = await self._open()
        except NotOpened as fault:
            return Delivery(JobState.FAILED, fault.reason)
        line = _Line(reader, writer, self._waits)
        try:
            return await self._deliver(line, job, job_id)
        finally:
            await line.close()

    async def look(self) -> str | None:
        """Open, ask, close."""
        try:
            reader, writer = await self._open()
        except NotOpened as fault:
            return fault.reason
        line = _Line(reader, writer, self._waits)
        try:
            status = await line.real_time(ASK_PRINTER)
            if status is None:
                return None
            return await line.why_offline() if status & OFFLINE else await line.warning()
        except (_Lost, _Stalled, OSError):
            return "connection_lost"
        finally:
            await line.close()

    async def close(self) -> None:  # noqa: B027 (a promise that is kept by doing nothing)
        """Nothing stays open between jobs."""

    async def _deliver(self, line: _Line, job: bytes, job_id: str) -> Delivery:
        try:
            before = await line.real_time(ASK_PRINTER)
            if before is not None and before & OFFLINE:
                return Delivery(JobState.FAILED, await line.why_offline())
        except (_Lost, _Stalled, OSError):
            # Three bytes of a question are no receipt: nothing was printed.
            return Delivery(JobState.FAILED, "connection_lost")
        try:
            if before is None or self._confirm_by == "none":
                await line.write(job)
                await line.gone_out()
                return Delivery(JobState.SENT, "mute" if before is None else "")
            identity = process_id(job_id)
            by_id = self._confirm_by == "process_id"
            await line.write(job + (ASK_PROCESS + identity if by_id else ASK_SENSOR))
            return await self._confirmed(line, identity)
        except _Stalled:
            return Delivery(JobState.UNKNOWN, "stalled")
        except (_Lost, OSError):
            return Delivery(JobState.UNKNOWN, "connection_lost")

    async def _confirmed(self, line: _Line, identity: bytes) -> Delivery:
        """What became of a job behind which the printer was asked."""
        reason = ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._waits.confirm_s):
                while True:
                    delivery = await line.answer_behind_the_job(identity)
                    if delivery is not None:
                        return delivery
                    # No answer yet: printing, or stopped. A refill may still bring it on.
                    status = await line.real_time(ASK_PRINTER)
                    offline = status is not None and bool(status & OFFLINE)
                    reason = await line.why_offline() if offline else ""
        if reason:
            return Delivery(JobState.UNKNOWN, reason)
        return Delivery(JobState.SENT, "unconfirmed")


class TcpPrinter(AskedPrinter):
    """A printer in the network."""

    def __init__(
        self,
        host: str,
        port: int = 9100,
        *,
        confirm_by: ConfirmBy = "sensor",
        waits: Waits | None = None,
    ) -> None:
        super().__init__(confirm_by=confirm_by, waits=waits)
        self._host = host
        self._port = port

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            async with asyncio.timeout(self._waits.connect_s):
                reader, writer = await asyncio.open_connection(self._host, self._port)
        except (OSError, TimeoutError):
            raise NotOpened("unreachable") from None
        raw: socket.socket = writer.get_extra_info("socket")
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        return reader, writer


def process_id(job_id: str) -> bytes:
    """Four printable characters for `GS ( H`, the same for the same job."""
    return bytes(0x21 + byte % 0x5D for byte in hashlib.sha256(job_id.encode()).digest()[:4])


class _Line:
    """One open connection: writes with a deadline, and sorts the answers that come back."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, waits: Waits
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._waits = waits
        self._parser = StatusParser()
        self._real_time: list[int] = []
        self._behind: list[PaperSensor | ProcessDone] = []
        self._heard = asyncio.Event()
        self._ended = False
        writer.transport.set_write_buffer_limits(high=0)
        self._listening = asyncio.create_task(self._listen())

    async def write(self, job: bytes) -> None:
        """Raises `_Stalled`, `_Lost`, `OSError`."""
        for start in range(0, len(job), CHUNK_BYTES):
            if self._ended:
                raise _Lost
            self._writer.write(job[start : start + CHUNK_BYTES])
            try:
                async with asyncio.timeout(self._waits.write_s):
                    await self._writer.drain()
            except TimeoutError:
                raise _Stalled from None

    async def gone_out(self) -> None:
        """Nothing waits in this machine any more. A printer that accepts and never reads lets a
        receipt lie in our own buffer, where it looks sent. Raises `_Stalled`."""
        raw = self._writer.get_extra_info("socket")
        if raw is None:
            return
        try:
            async with asyncio.timeout(self._waits.write_s):
                while _waiting_bytes(raw.fileno()):  # noqa: ASYNC110 (the kernel tells nobody)
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise _Stalled from None

    async def real_time(self, question: bytes) -> int | None:
        """The answer to `DLE EOT n`, or None from a printer that is mute. Raises `_Lost`."""
        self._real_time.clear()
        await self.write(question)
        await self._until(lambda: bool(self._real_time), self._waits.status_s)
        return self._real_time[-1] if self._real_time else None

    async def why_offline(self) -> str:
        """`cover_open`, `paper_out` or plain `offline`."""
        cause = await self.real_time(ASK_CAUSE)
        if cause is not None and cause & COVER_OPEN:
            return "cover_open"
        if cause is not None and cause & PAPER_STOP:
            return "paper_out"
        paper = await self.real_time(ASK_PAPER)
        return "paper_out" if paper is not None and paper & PAPER_END == PAPER_END else "offline"

    async def warning(self) -> str:
        """`paper_near_end`, or nothing."""
        paper = await self.real_time(ASK_PAPER)
        return "paper_near_end" if paper is not None and paper & NEAR_END == NEAR_END else ""

    async def answer_behind_the_job(self, identity: bytes) -> Delivery | None:
        """What the printer says after its last byte; None: nothing within `look_every_s`."""
        await self._until(lambda: bool(self._behind), self._waits.look_every_s)
        while self._behind:
            match self._behind.pop(0):
                case ProcessDone(identity=done) if done == identity:
                    return Delivery(JobState.CONFIRMED)
                case PaperSensor(ended=True):
                    return Delivery(JobState.UNKNOWN, "paper_out")
                case PaperSensor(near_end=near):
                    return Delivery(JobState.CONFIRMED, "paper_near_end" if near else "")
        return None

    async def close(self) -> None:
        self._listening.cancel()
        self._writer.close()
        await asyncio.wait({self._listening}, timeout=self._waits.close_s)
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(self._waits.close_s):
                await self._writer.wait_closed()

    async def _until(self, arrived: Callable[[], bool], wait_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while not arrived():
                    if self._ended:
                        raise _Lost
                    self._heard.clear()
                    await self._heard.wait()

    async def _listen(self) -> None:
        try:
            while chunk := await self._reader.read(CHUNK_BYTES):
                for answer in self._parser.feed(chunk):
                    match answer:
                        case RealTime(byte=byte):
                            self._real_time.append(byte)
                        case PaperSensor() | ProcessDone():
                            self._behind.append(answer)
                self._heard.set()
        except OSError:
            pass
        finally:
            self._ended = True
            self._heard.set()


def _waiting_bytes(socket_number: int) -> int:
    """Bytes that the other side has not acknowledged (SIOCOUTQ of Linux); 0 where nobody knows."""
    try:
        answer = fcntl.ioctl(socket_number, termios.TIOCOUTQ, bytes(4))
    except OSError:
        return 0
    return int.from_bytes(answer, sys.byteorder)
