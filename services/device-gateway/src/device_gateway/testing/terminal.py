"""A card terminal that is none: it speaks ZVT over TCP, books what it is told, and fails as told.

    python -m device_gateway.testing.terminal [--port 20007] [--act approve --act drop_after …]

For tests and demos. It moves no money and knows no card.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, get_args

from device_gateway.adapters.zvt import messages
from device_gateway.adapters.zvt.apdu import ACKNOWLEDGED, Apdu, ZvtBroken, decoded
from device_gateway.adapters.zvt.fields import (
    TLV,
    bcd,
    digits_of,
    encoded_fields,
    encoded_length,
    fields_of,
)

Act = Literal[
    "approve", "decline", "slow", "wait", "drop_unbooked", "drop_before", "drop_after", "mute",
    "garbage", "busy", "wrong_amount", "no_status", "contradict", "hold",
]  # fmt: skip
"""What it does with the next payment, refund or reversal.

`wait`: until it is told to abort. `drop_…`: the line breaks before it books, after it booked and
before its status information, after that. `mute`: no answer at all. `no_status`: a completion
without status information. `contradict`: status information of success, and then an abort. `hold`:
it says nothing until `let_go` is set, and books then, whoever is still there to hear it."""

Kind = Literal["payment", "refund", "reversal"]
TID = 12345678


@dataclass(frozen=True, slots=True)
class Booked:
    """A transaction in its journal."""

    kind: Kind
    amount: int
    trace: int
    receipt: int
    at: datetime


class _Dropped(Exception):
    """The line is cut."""


@dataclass
class TerminalSimulator:
    """`acts`: one per coming transaction; then it approves. `journal`: what it really did."""

    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    acts: list[Act] = field(default_factory=list)
    repeats: Literal["newest", "empty"] = "newest"
    """What a repeated receipt says."""
    steps_s: float = 0.05
    """Between two signs of life of `slow`."""
    pan: bytes = bytes.fromhex("672eeeeeeeeeee1234ff"[:20])
    journal: list[Booked] = field(default_factory=list)
    heard: list[int] = field(default_factory=list)
    """Controls of all requests."""
    away: bool = False
    """True: it takes no connection."""
    host: str = "127.0.0.1"
    port: int = 0
    began: asyncio.Event = field(default_factory=asyncio.Event)
    """It was asked for money."""
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    """Ends `hold`."""
    password: str = "000000"
    """What it has to be told to register, six digits."""
    at_status: Callable[[], None] = lambda: None
    """Called when its status information was acknowledged."""
    _server: asyncio.Server | None = None
    _lines: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def debits(self) -> list[int]:
        return [each.amount for each in self.journal if each.kind == "payment"]

    async def __aenter__(self) -> TerminalSimulator:
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for line in list(self._lines):
            line.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines.add(writer)
        line = _Line(reader, writer)
        try:
            while not self.away:
                await self._answer(line, await line.next())
        except (TimeoutError, OSError, EOFError, ZvtBroken, _Dropped):
            pass
        finally:
            self._lines.discard(writer)
            writer.close()

    async def _answer(self, line: _Line, request: Apdu) -> None:
        self.heard.append(request.control)
        match request.control:
            case messages.REGISTRATION if request.data[:3].hex() != self.password:
                await line.send(Apdu(0x8483))
            case messages.REGISTRATION:
                await line.send(ACKNOWLEDGED)
                told = encoded_fields({0x19: b"\0", 0x29: bcd(TID, 4), 0x49: bcd(978, 2)})
                await line.ask(Apdu(messages.COMPLETION, told))
            case messages.AUTHORISATION:
                await self._transaction(line, "payment", _amount(request.data))
            case messages.REFUND:
                await self._transaction(line, "refund", _amount(request.data[3:]))
            case messages.REVERSAL:
                await self._transaction(line, "reversal", _amount(request.data[3:]))
            case messages.STATUS_ENQUIRY | messages.DIAGNOSIS:
                await line.send(ACKNOWLEDGED)
                await line.ask(Apdu(messages.COMPLETION, b"\0"))
            case messages.REPEAT_RECEIPT:
                await line.send(ACKNOWLEDGED)
                if self.repeats == "newest" and self.journal:
                    await line.ask(Apdu(messages.STATUS, self._status(self.journal[-1])))
                await line.ask(Apdu(messages.COMPLETION))
            case messages.END_OF_DAY:
                await self._end_of_day(line)
            case messages.ABORT:
                await line.send(ACKNOWLEDGED)
            case _:
                await line.send(Apdu(0x8483))

    async def _transaction(self, line: _Line, kind: Kind, amount: int) -> None:
        act: Act = self.acts.pop(0) if self.acts else "approve"
        if act == "mute":
            await asyncio.sleep(3600)
        if act == "busy":
            return await line.send(Apdu(0x849C))
        await line.send(ACKNOWLEDGED)
        self.began.set()
        await line.ask(Apdu(messages.INTERMEDIATE, b"\x0a\x01"))
        match act:
            case "decline":
                return await line.ask(Apdu(messages.ABORTED, b"\x05"))
            case "wait":
                return await self._until_aborted(line)
            case "slow":
                for _ in range(4):
                    await asyncio.sleep(self.steps_s)
                    await line.ask(Apdu(messages.INTERMEDIATE, b"\x04\x01"))
            case "hold":
                await self.let_go.wait()
            case "drop_unbooked":
                raise _Dropped
            case "garbage":
                await line.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                raise _Dropped
        self._book(kind, amount)
        if act == "drop_before":
            raise _Dropped
        if act != "no_status":
            more = 100 if act == "wrong_amount" else 0
            await line.ask(Apdu(messages.STATUS, self._status(self.journal[-1], more=more)))
            self.at_status()
        if act == "drop_after":
            raise _Dropped
        if act == "contradict":
            return await line.ask(Apdu(messages.ABORTED, b"\x64"))
        for text in ("** Kundenbeleg **", f"Betrag {amount / 100:.2f} EUR"):
            await line.ask(Apdu(messages.PRINT_LINE, b"\0" + text.encode("cp437")))
        await line.ask(Apdu(messages.COMPLETION))

    async def _until_aborted(self, line: _Line) -> None:
        while (await line.next()).control != messages.ABORT:
            pass
        self.heard.append(messages.ABORT)
        await line.send(ACKNOWLEDGED)
        await line.ask(Apdu(messages.ABORTED, bytes([messages.BY_PASSWORD_OR_KEY])))

    def _book(self, kind: Kind, amount: int) -> None:
        number = len(self.journal)
        self.journal.append(Booked(kind, amount, 77 + number, 42 + number, self.clock()))

    def _status(self, booked: Booked, *, more: int = 0) -> bytes:
        at = booked.at
        return encoded_fields(
            {
                0x27: b"\0",
                0x04: bcd(booked.amount + more, 6),
                0x49: bcd(978, 2),
                0x0C: bytes.fromhex(at.strftime("%H%M%S")),
                0x0D: bytes.fromhex(at.strftime("%m%d")),
                0x87: bcd(booked.receipt, 2),
                0x0B: bcd(booked.trace, 3),
                0x29: bcd(TID, 4),
                0x22: self.pan,
                0x8B: b"girocard\0",
            }
        )

    async def _end_of_day(self, line: _Line) -> None:
        await line.send(ACKNOWLEDGED)
        await line.ask(Apdu(messages.INTERMEDIATE, b"\x0f\x01"))
        signs = {"payment": 1, "refund": -1, "reversal": -1}
        total = sum(signs[each.kind] * each.amount for each in self.journal)
        part = bytes([len(self.journal)]) + bcd(max(total, 0), 6)
        rest = (b"\0" + bcd(0, 6)) * 6
        totals = bcd(1, 2) + bcd(len(self.journal), 2) + part + rest
        fields = {0x27: b"\0", 0x04: bcd(max(total, 0), 6), 0x49: bcd(978, 2), 0x60: totals}
        await line.ask(Apdu(messages.STATUS, encoded_fields(fields)))
        text = b"\x25" + _tlv(b"\x07" + _tlv(b"Kassenschnitt") + b"\x07" + _tlv(b"girocard"))
        await line.ask(Apdu(messages.PRINT_BLOCK, bytes([TLV]) + _tlv(text)))
        await line.ask(Apdu(messages.COMPLETION))
        self.journal.clear()


def _tlv(value: bytes) -> bytes:
    return encoded_length(len(value)) + value


def _amount(data: bytes) -> int:
    return int(digits_of(fields_of(data)[0x04]))


class _Line:
    """The terminal's side of a connection: each message of its own has to be acknowledged."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._buffer = b""
        self._others: list[Apdu] = []

    async def raw(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def send(self, apdu: Apdu) -> None:
        await self.raw(apdu.encoded())

    async def ask(self, apdu: Apdu) -> None:
        """Send, and wait for the acknowledgement; what else comes meanwhile is kept."""
        await self.send(apdu)
        while not (answer := await self._read()).is_answer:
            self._others.append(answer)

    async def next(self) -> Apdu:
        return self._others.pop(0) if self._others else await self._read()

    async def _read(self) -> Apdu:
        while (found := decoded(self._buffer)) is None:
            more = await self._reader.read(4096)
            if not more:
                raise EOFError
            self._buffer += more
        apdu, size = found
        self._buffer = self._buffer[size:]
        return apdu


async def _run(port: int, acts: Sequence[Act]) -> None:
    async with TerminalSimulator(port=port, acts=list(acts)) as terminal:
        print(
            f"card terminal (simulated, ZVT) on {terminal.address}", flush=True
        )  # It is a command.
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=20007)
    parser.add_argument("--act", action="append", choices=get_args(Act), default=[])
    given = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(given.port, given.act))


if __name__ == "__main__":
    main()
