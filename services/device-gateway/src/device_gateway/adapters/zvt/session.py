"""One line to a terminal: registered, one request at a time, each bounded in time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass

from device_gateway.adapters.zvt import messages
from device_gateway.adapters.zvt.apdu import (
    ACKNOWLEDGED,
    NOT_SUPPORTED,
    Apdu,
    ZvtBroken,
    decoded,
)
from device_gateway.adapters.zvt.passwords import PasswordOf, as_delivered
from device_gateway.terminal.ports import (
    Ended,
    Ending,
    Listener,
    TerminalAway,
    TerminalDevice,
    TerminalStatus,
)
from money import Money

PORT = 20007
"""Customary; a terminal may be set to another one."""
READ_BYTES = 4096

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """Limits of waiting, in seconds."""

    connect_s: float = 3.0
    ack_s: float = 5.0
    """For the acknowledgement of a request."""
    short_s: float = 20.0
    """For registration, status and the repeated receipt, as a whole."""
    quiet_s: float = 90.0
    """For the next sign of life while a customer pays."""
    overall_s: float = 180.0
    """For a payment as a whole, however often it gives a sign of life."""


class _Lost(Exception):
    """The line broke or was silent after something was asked."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Deaf:
    """Nobody listens."""

    async def text(self, text: str, code: str) -> None: ...

    async def status(self, status: TerminalStatus) -> None: ...


_NOBODY = Deaf()


class ZvtLink:
    """Opens lines to terminals."""

    def __init__(
        self,
        *,
        currency: str = "EUR",
        patience: Patience | None = None,
        password_of: PasswordOf = as_delivered,
    ) -> None:
        self._currency = currency
        self._password_of = password_of
        self._patience = patience or Patience()

    async def open(self, device: TerminalDevice) -> ZvtSession:
        """Connect and register. Raises `TerminalAway`."""
        password = self._password_of(device)
        host, _, port = device.address.rpartition(":")
        if not host or not port.isdigit():
            host, port = device.address, str(PORT)
        try:
            async with asyncio.timeout(self._patience.connect_s):
                reader, writer = await asyncio.open_connection(host, int(port))
        except (OSError, TimeoutError) as away:
            raise TerminalAway(f"no line to {device.terminal_id}: {away}") from away
        session = ZvtSession(
            reader, writer, password=password, currency=self._currency, patience=self._patience
        )  # fmt: skip
        try:
            registered = await session.register()
        except BaseException:
            await session.close()
            raise
        if registered.ending != "approved":
            await session.close()
            raise TerminalAway(f"{device.terminal_id} did not register: {registered.code}")
        return session


class ZvtSession:
    """See `TerminalSession`."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        password: str,
        currency: str,
        patience: Patience,
    ) -> None:
        self._writer = writer
        self._password = password
        self._currency = currency
        self._patience = patience
        self._incoming: asyncio.Queue[Apdu | _Lost] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read(reader), name="terminal line")

    async def register(self) -> Ended:
        return await self._short(messages.registration(self._password, self._currency))

    async def pay(self, amount: Money, heard: Listener, abort: asyncio.Event) -> Ended:
        request = messages.authorisation(amount.amount, amount.currency)
        return await self._money(request, heard, abort)

    async def refund(self, amount: Money, heard: Listener, abort: asyncio.Event) -> Ended:
        request = messages.refund(self._password, amount.amount, amount.currency)
        return await self._money(request, heard, abort)

    async def reverse(
        self, receipt_number: str, amount: Money, heard: Listener, abort: asyncio.Event
    ) -> Ended:
        request = messages.reversal(self._password, receipt_number, amount.amount, amount.currency)
        return await self._money(request, heard, abort)

    async def status(self) -> Ended:
        return await self._short(messages.with_password(messages.STATUS_ENQUIRY, self._password))

    async def repeat_receipt(self) -> Ended:
        return await self._short(messages.with_password(messages.REPEAT_RECEIPT, self._password))

    async def end_of_day(self, heard: Listener) -> Ended:
        request = messages.with_password(messages.END_OF_DAY, self._password)
        return await self._asked(request, heard, asyncio.Event(), self._patience.overall_s)

    async def diagnosis(self, heard: Listener) -> Ended:
        request = Apdu(messages.DIAGNOSIS)
        return await self._asked(request, heard, asyncio.Event(), self._patience.overall_s)

    async def close(self) -> None:
        self._reading.cancel()
        self._writer.close()
        with contextlib.suppress(OSError, asyncio.CancelledError, TimeoutError):
            async with asyncio.timeout(1):
                await self._writer.wait_closed()

    async def _short(self, request: Apdu) -> Ended:
        return await self._asked(request, _NOBODY, asyncio.Event(), self._patience.short_s)

    async def _money(self, request: Apdu, heard: Listener, abort: asyncio.Event) -> Ended:
        """What moves money is only approved by status information of success."""
        ended = await self._asked(request, heard, abort, self._patience.overall_s)
        if ended.ending == "approved" and ended.status is None:
            return Ended("lost", None, "no_status", ended.lines)
        if ended.ending in ("declined", "aborted") and ended.status and ended.status.ok:
            # It says both: nobody knows which of them is true.
            return Ended("lost", ended.status, "contradiction", ended.lines)
        return ended

    async def _asked(
        self, request: Apdu, heard: Listener, abort: asyncio.Event, overall_s: float
    ) -> Ended:
        talk = _Talk(self, heard, abort)
        try:
            async with asyncio.timeout(overall_s):
                return await talk.go(request)
        except TimeoutError:
            return talk.ended("lost", "silent")
        except _Lost as lost:
            return talk.ended("lost", lost.reason)

    async def send(self, apdu: Apdu) -> None:
        try:
            self._writer.write(apdu.encoded())
            await self._writer.drain()
        except OSError as broken:
            raise _Lost("line") from broken

    async def next(self, within_s: float) -> Apdu:
        """Raises `_Lost`."""
        try:
            async with asyncio.timeout(within_s):
                found = await self._incoming.get()
        except TimeoutError:
            raise _Lost("silent") from None
        if isinstance(found, _Lost):
            self._incoming.put_nowait(found)
            raise found
        return found

    async def _read(self, reader: asyncio.StreamReader) -> None:
        buffer = b""
        try:
            while more := await reader.read(READ_BYTES):
                buffer += more
                while (found := decoded(buffer)) is not None:
                    apdu, size = found
                    buffer = buffer[size:]
                    self._incoming.put_nowait(apdu)
            self._incoming.put_nowait(_Lost("line"))
        except ZvtBroken as broken:
            _log.warning("a terminal speaks no ZVT: %s", broken)
            self._incoming.put_nowait(_Lost("garbage"))
        except OSError:
            self._incoming.put_nowait(_Lost("line"))

    @property
    def patience(self) -> Patience:
        return self._patience


class _Talk:
    """One request, from its bytes to the completion."""

    def __init__(self, session: ZvtSession, heard: Listener, abort: asyncio.Event) -> None:
        self._session, self._heard, self._abort = session, heard, abort
        self._status: TerminalStatus | None = None
        self._lines: list[str] = []

    def ended(self, ending: Ending, code: str) -> Ended:
        return Ended(ending, self._status, code, tuple(self._lines))

    async def go(self, request: Apdu) -> Ended:
        """Raises `_Lost`."""
        patience = self._session.patience
        await self._session.send(request)
        answer = await self._session.next(patience.ack_s)
        if answer.control >> 8 == 0x84:
            return self.ended("declined", f"{answer.control & 0xFF:02X}")
        if not answer.is_answer:
            done = await self._message(answer)
            if done is not None:
                return done
        watch = asyncio.create_task(self._abort_when_wanted())
        try:
            while True:
                apdu = await self._session.next(patience.quiet_s)
                if (done := await self._message(apdu)) is not None:
                    return done
        finally:
            watch.cancel()

    async def _abort_when_wanted(self) -> None:
        await self._abort.wait()
        with contextlib.suppress(_Lost):
            await self._session.send(Apdu(messages.ABORT))

    async def _message(self, apdu: Apdu) -> Ended | None:
        if apdu.is_answer:
            return None  # To our abort: what becomes of it the terminal says itself.
        try:
            done = await self._taken(apdu)
        except ZvtBroken as broken:
            _log.warning("a terminal sent %04X that cannot be read: %s", apdu.control, broken)
            raise _Lost("garbage") from broken
        return done

    async def _taken(self, apdu: Apdu) -> Ended | None:
        known, done = True, None
        match apdu.control:
            case messages.INTERMEDIATE:
                await self._heard.text(*messages.shown(apdu))
            case messages.STATUS:
                self._status = messages.status_of(apdu)
                await self._heard.status(self._status)
            case messages.PRINT_LINE | messages.PRINT_BLOCK:
                room = messages.LINES_MAX - len(self._lines)
                self._lines += messages.printed(apdu)[:room]
            case messages.COMPLETION:
                done = self._completed()
            case messages.ABORTED:
                code = apdu.data[0] if apdu.data else 0xFF
                by_hand = code == messages.BY_PASSWORD_OR_KEY
                done = self.ended("aborted" if by_hand else "declined", f"{code:02X}")
            case _:
                known = False
        try:
            await self._session.send(ACKNOWLEDGED if known else NOT_SUPPORTED)
        except _Lost:
            if done is None:
                raise
        return done

    def _completed(self) -> Ended:
        status = self._status
        if status is not None and not status.ok:
            by_hand = status.result == f"{messages.BY_PASSWORD_OR_KEY:02X}"
            return self.ended("aborted" if by_hand else "declined", status.result)
        return self.ended("approved", "00")
