"""A card payment at a terminal: intent, terminal, status, result; found out again after a break.

`payment.requested` is stored first, `terminal.asked` before a byte that moves money is sent, the
status information before it is acknowledged, and the result on both streams in one append. So
wherever the process stops, the two streams say what the terminal may have done, and nothing is
asked a second time: what cannot be found out is `unknown`, and a person resolves it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

from device_gateway.commands.terminal import (
    AskTerminal,
    NoteAnswered,
    NoteNotTaken,
    NoteTaken,
    NoteTold,
    NoteUnknown,
)
from device_gateway.decider.booking import BOOKING
from device_gateway.decider.booking_state import Booking, Tender
from device_gateway.decider.refusals import BookingChanged
from device_gateway.decider.terminal import TERMINAL, Terminal
from device_gateway.handlers.gateway import Gateway, booking_stream
from device_gateway.handlers.live import LiveEvent
from device_gateway.handlers.terminals import (
    CardRefused,
    CardUnknown,
    desk_of,
    note_both,
    terminal_of,
    terminal_stream,
)
from device_gateway.terminal.matching import amount_agrees, is_asked_for, receipt_of
from device_gateway.terminal.ports import (
    Ended,
    TerminalAway,
    TerminalBusy,
    TerminalDevice,
    TerminalSession,
    TerminalStatus,
    TerminalUnknown,
)
from events import Ask, Decision, DomainError, handle, handle_together
from money import Money

__all__ = ["CardRefused", "CardUnknown", "desk_of", "terminal_of", "terminal_stream"]

NOT_ASKED_AFTER_S = 30.0
"""A payment whose terminal was never asked was given up by its caller after so long."""

Recovering = Literal["no", "later", "now"]
"""Whether nothing may be asked any more: then what was never asked is given up, later or now."""

STOP_LOOK_S = 0.3

_log = logging.getLogger("device_gateway.terminal")


async def at_terminal(gateway: Gateway, booking: Booking, payment_id: str) -> Booking:
    """Have the terminal do what the payment asks for, and wait for its end (bounded). A repeat
    joins what goes on. Raises `CardUnknown`, `CardRefused`, `TerminalBusy`."""
    assert booking.started is not None
    booking_id, desk = booking.started.booking_id, desk_of(gateway)
    for _ in range(2):  # The recovery may have been at it, and left it as it was.
        await asyncio.shield(
            desk.start(payment_id, lambda abort: _perform(gateway, booking_id, payment_id, abort))
        )
        booking = await gateway.booking(booking_id)
        if _tender(booking, payment_id).status != "requested":
            break
    return booking


def told_of(tender: Tender) -> DomainError | None:
    """What a till is told of a card payment that settles nothing; None: it does, or it waits."""
    if tender.refusal is not None:
        no = tender.refusal
        return CardRefused(no.code, no.status, no.detail, payment_id=tender.payment_id)
    if tender.status == "unknown" and tender.unknown is not None:
        unknown = tender.unknown
        return CardUnknown(
            payment_id=tender.payment_id, terminal=unknown.terminal_id, reason=unknown.reason
        )
    return None


async def recover(gateway: Gateway, booking: Booking, tender: Tender) -> None:
    """A payment whose process ended, or whose till hung up: find out what became of it. Never
    asks a terminal for money."""
    assert booking.started is not None
    desk, payment_id = desk_of(gateway), tender.payment_id
    if desk.running(payment_id):
        return
    booking_id = booking.started.booking_id
    desk.start(
        payment_id,
        lambda abort: _perform(gateway, booking_id, payment_id, abort, recovering="later"),
    )


async def stop(gateway: Gateway, booking: Booking, payment_id: str) -> Booking:
    """Have the terminal abort the payment, if it can still be aborted, and wait for what came of
    it. The caller bounds the wait. Never asks a terminal for money."""
    assert booking.started is not None
    desk, booking_id = desk_of(gateway), booking.started.booking_id
    tender = _tender(booking, payment_id)
    assert tender.terminal is not None
    while tender.status == "requested" and booking.open:
        await desk.abort(tender.terminal.terminal_id, payment_id)
        await asyncio.shield(
            desk.start(
                payment_id,
                lambda abort: _perform(gateway, booking_id, payment_id, abort, recovering="now"),
            )
        )
        booking = await gateway.booking(booking_id)
        tender = _tender(booking, payment_id)
        if tender.status == "requested":
            await asyncio.sleep(STOP_LOOK_S)  # Another process is at it, and was told.
    return booking


@dataclass(slots=True)
class _Work:
    """One payment at one terminal."""

    gateway: Gateway
    booking_id: str
    payment_id: str
    device: TerminalDevice
    zone: ZoneInfo
    payment_type: str | None
    till_id: str

    async def text(self, text: str, code: str) -> None:
        self.tell("working", text, code=code)

    async def status(self, status: TerminalStatus) -> None:
        gateway = self.gateway
        command = NoteTold(
            payment_id=self.payment_id, result=status.result, now=gateway.clock(),
            amount=status.amount, currency=status.currency, trace=status.trace,
            receipt_number=status.receipt_number, terminal_number=status.terminal_number,
            card_type=status.card_type, masked_pan=status.pan_end,
            time=status.time, date=status.date,
        )  # fmt: skip
        key = f"terminal/told/{self.payment_id}/{status.trace}/{status.result}"
        stream = terminal_stream(self.device.terminal_id)
        await handle(gateway.store, TERMINAL, stream, command, ask=Ask.of(key, key))

    def tell(self, state: str, text: str = "", *, code: str = "") -> None:
        self.gateway.live.tell(
            self.device.store_id,
            self.till_id,
            LiveEvent(
                "terminal",
                {"terminal": self.device.terminal_id, "payment_id": self.payment_id,
                 "text": text, "state": state, "code": code},
                self.gateway.clock(),
            ),
        )  # fmt: skip


async def _perform(
    gateway: Gateway,
    booking_id: str,
    payment_id: str,
    abort: asyncio.Event,
    *,
    recovering: Recovering = "no",
) -> None:
    booking = await gateway.booking(booking_id)
    tender = _tender(booking, payment_id)
    if tender.status != "requested" or not booking.open:
        return
    desk = desk_of(gateway)
    assert booking.started is not None
    assert tender.terminal is not None
    started, terminal_id = booking.started, tender.terminal.terminal_id
    master_data = await gateway.terms_of(booking)
    means = next((each for each in master_data.means_of_payment if each.kind == "card"), None)
    work = _Work(
        gateway, booking_id, payment_id,
        TerminalDevice(terminal_id, started.store_id, ""),
        ZoneInfo(master_data.time_zone), means.payment_type if means else None, started.till_id,
    )  # fmt: skip
    try:
        work.device = await desk.devices.find(started.store_id, started.till_id, terminal_id)
        async with desk.leased(terminal_id, abort, patient=recovering == "no"):
            await _leased(work, tender, abort, recovering=recovering)
    except (TerminalBusy, TerminalAway, TerminalUnknown) as no:
        terminal = await terminal_of(gateway, terminal_id)
        if terminal.asked is not None and terminal.asked.payment_id == payment_id:
            # It was asked, by us or by another process: this is no answer to it.
            if recovering != "no":
                return
            raise
        if recovering != "later" or _given_up(work, tender):
            await _not_taken(work, no.code, str(no) or no.title, no.status)


def _given_up(work: _Work, tender: Tender) -> bool:
    assert tender.since is not None
    return (work.gateway.clock() - tender.since).total_seconds() > NOT_ASKED_AFTER_S


async def _leased(
    work: _Work, tender: Tender, abort: asyncio.Event, *, recovering: Recovering
) -> None:
    """With the sole right to talk to the terminal."""
    gateway = work.gateway
    terminal = await terminal_of(gateway, work.device.terminal_id)
    if terminal.asked is not None:
        if terminal.asked.payment_id == work.payment_id:
            return await _find_out(work, terminal, "stopped")
        await _settle_other(work, terminal)
    if recovering == "now" or (recovering == "later" and _given_up(work, tender)):
        return await _not_taken(work, "terminal.not_asked", "it was given up", 409)
    if recovering == "later":
        return None
    session = await desk_of(gateway).link.open(work.device)
    try:
        await _asked(work, tender)
        ended = await _done(session, tender, work, abort)
    finally:
        await session.close()
    await _noted(work, tender, ended)


async def _asked(work: _Work, tender: Tender) -> None:
    """Stored before a byte is sent, and only while the payment still waits for it."""
    gateway = work.gateway
    stream, booking_part = terminal_stream(work.device.terminal_id), booking_stream(work.booking_id)
    assert tender.terminal is not None
    command = AskTerminal(
        terminal_id=work.device.terminal_id, store_id=work.device.store_id, till_id=work.till_id,
        booking_id=work.booking_id, payment_id=work.payment_id, act=tender.terminal.act,
        amount=_size(tender.requested), now=gateway.clock(),
    )  # fmt: skip

    def decide(states: Mapping[str, Any]) -> Decision:
        found = states[booking_part].tender(work.payment_id)
        if found is None or found.status != "requested" or not states[booking_part].open:
            raise BookingChanged
        return Decision({stream: TERMINAL.decide(command, states[stream])})

    key = f"terminal/asked/{work.payment_id}"
    done = await handle_together(
        gateway.store, {stream: TERMINAL}, decide, ask=Ask.of(key, key),
        reads={booking_part: BOOKING},
    )  # fmt: skip
    if done.appended.repeated:
        raise TerminalBusy(payment_id=work.payment_id)


async def _done(
    session: TerminalSession, tender: Tender, work: _Work, abort: asyncio.Event
) -> Ended:
    work.tell("asked")
    wish, amount = tender.terminal, _size(tender.requested)
    assert wish is not None
    if wish.act == "reverse" and wish.receipt_number is not None:
        return await session.reverse(wish.receipt_number, amount, work, abort)
    if wish.act == "pay":
        return await session.pay(amount, work, abort)
    return await session.refund(amount, work, abort)


async def _noted(work: _Work, tender: Tender, ended: Ended) -> None:
    """What it came to; where that is not clear, find out."""
    terminal = await terminal_of(work.gateway, work.device.terminal_id)
    if ended.ending == "approved" and ended.status is not None:
        assert terminal.asked is not None
        if amount_agrees(ended.status, terminal.asked):
            return await _taken(work, ended.status, ended.lines)
        return await _unknown(work, "amount", ended.status)
    if ended.ending == "declined":
        text = f"the terminal says {ended.code}"
        return await _not_taken(work, "card.declined", text, 409, outcome="declined")
    if ended.ending == "aborted":
        return await _not_taken(work, "card.aborted", "aborted", 409, outcome="aborted")
    await _find_out(work, terminal, ended.code, ended.lines)


async def _find_out(
    work: _Work, terminal: Terminal, reason: str, lines: Sequence[str] = ()
) -> None:
    """After a break: connect, register, ask for its state and for its newest receipt, compare."""
    desk = desk_of(work.gateway)
    loop = asyncio.get_running_loop()
    until = loop.time() + desk.waits.find_out_s
    work.tell("finding_out")
    while True:
        told = await _newest(work)
        if told is not None:
            break
        if loop.time() >= until:
            return await _unknown(work, "away" if reason == "stopped" else reason)
        await asyncio.sleep(desk.waits.retry_s)
    assert terminal.asked is not None
    match = is_asked_for(
        told.status, terminal.asked, terminal.told, terminal.traces,
        zone=work.zone, now=work.gateway.clock(),
    )  # fmt: skip
    if match and told.status is not None:
        return await _taken(work, told.status, told.lines or lines)
    await _unknown(work, "mismatch" if reason == "stopped" else reason, told.status)


async def _newest(work: _Work) -> Ended | None:
    """The terminal's newest receipt; None: it cannot be asked now."""
    try:
        session = await desk_of(work.gateway).link.open(work.device)
    except TerminalAway:
        return None
    try:
        if (await session.status()).ending == "lost":
            return None
        told = await session.repeat_receipt()
        return None if told.ending == "lost" else told
    finally:
        await session.close()


async def _settle_other(work: _Work, terminal: Terminal) -> None:
    """Another payment was left behind by a process that ended: its answer comes first."""
    asked = terminal.asked
    assert asked is not None
    other = _Work(
        work.gateway, asked.booking_id, asked.payment_id, work.device, work.zone,
        work.payment_type, asked.till_id,
    )  # fmt: skip
    await _find_out(other, terminal, "stopped")


async def _taken(work: _Work, status: TerminalStatus, lines: Sequence[str]) -> None:
    now = work.gateway.clock()
    receipt = receipt_of(status, work.device.terminal_id, lines, zone=work.zone, now=now)
    command = NoteTaken(
        work.booking_id, work.payment_id, now, receipt=receipt, payment_type=work.payment_type
    )
    answered = NoteAnswered(
        work.payment_id, "approved", now, trace=status.trace, receipt_number=status.receipt_number
    )
    await note_both(work.gateway, work.booking_id, work.device.terminal_id, command, answered)
    work.tell("approved")


async def _not_taken(
    work: _Work,
    code: str,
    detail: str,
    status: int,
    *,
    outcome: Literal["declined", "aborted"] = "declined",
) -> None:
    now = work.gateway.clock()
    command = NoteNotTaken(work.booking_id, work.payment_id, code, detail, status, now)
    await note_both(
        work.gateway,
        work.booking_id,
        work.device.terminal_id,
        command,
        NoteAnswered(work.payment_id, outcome, now),
    )
    work.tell(outcome, code=code)


async def _unknown(work: _Work, reason: str, status: TerminalStatus | None = None) -> None:
    now, terminal_id = work.gateway.clock(), work.device.terminal_id
    _log.warning("payment %s at terminal %s is unknown: %s", work.payment_id, terminal_id, reason)
    command = NoteUnknown(work.booking_id, work.payment_id, terminal_id, reason, now)
    # Its newest trace is known from now on: no later payment is taken for this one.
    trace = None if status is None else status.trace
    await note_both(
        work.gateway,
        work.booking_id,
        work.device.terminal_id,
        command,
        NoteAnswered(work.payment_id, "unknown", now, trace=trace),
    )
    work.tell("unknown", code=reason)


def _size(amount: Money) -> Money:
    return -amount if amount.amount < 0 else amount


def _tender(booking: Booking, payment_id: str) -> Tender:
    tender = booking.tender(payment_id)
    assert tender is not None
    return tender
