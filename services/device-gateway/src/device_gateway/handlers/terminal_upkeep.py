"""What else is done with card terminals: unknown payments resolved by a person, aborts, end of
day, diagnosis."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID, uuid5

from device_gateway.commands.terminal import NoteReconciled, ResolvePayment
from device_gateway.decider.booking import BOOKING
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.terminal import TERMINAL, Terminal
from device_gateway.events import CardTotal, TerminalReconciled
from device_gateway.handlers.card_back import card_means
from device_gateway.handlers.gateway import IDS, Gateway, booking_stream
from device_gateway.handlers.rights import allowed
from device_gateway.handlers.terminal import desk_of, terminal_of, terminal_stream
from device_gateway.handlers.vouchers import present
from device_gateway.ports import ReceiptOrder, TerminalReport
from device_gateway.terminal.ports import (
    Ended,
    TerminalAway,
    TerminalBusy,
    TerminalDevice,
    TerminalStatus,
)
from events import Ask, DomainError, handle
from money import Money

_log = logging.getLogger("device_gateway.terminal")


class NothingToAbort(DomainError):
    code = "terminal.idle"
    status = 409
    title = "The terminal does nothing that could be aborted"


class TerminalRefused(DomainError):
    """`result`: the terminal's own code."""

    code = "terminal.refused"
    status = 409
    title = "The terminal refuses"


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a person read in the terminal's journal."""

    outcome: Literal["approved", "not_taken"]
    reason: str
    receipt_number: str | None = None


async def resolve(
    gateway: Gateway,
    booking: Booking,
    payment_id: str,
    said: Resolution,
    *,
    ask: Ask,
    approval: str | None = None,
) -> Booking:
    """End an unknown payment. Raises `NotUnknown`, `RightMissing`, `BookingIsRecorded`."""
    assert booking.started is not None
    started = booking.started
    who = await allowed(
        gateway, started.store_id, started.till_id, "resolve_card", approval,
        ask=ask, booking_id=started.booking_id,
    )  # fmt: skip
    command = ResolvePayment(
        booking_id=started.booking_id,
        payment_id=payment_id,
        outcome=said.outcome,
        reason=said.reason,
        now=gateway.clock(),
        receipt_number=said.receipt_number,
        cashier_id=who.cashier_id,
        approved_by=who.approved_by,
        payment_type=card_means(await gateway.terms_of(booking))[1],
    )
    stream = booking_stream(started.booking_id)
    done = await handle(gateway.store, BOOKING, stream, command, ask=ask)
    return await present(gateway, started.booking_id, done.state, done.repeated)


async def abort_at(gateway: Gateway, store_id: str, till_id: str, terminal_id: str | None) -> str:
    """Have the till's terminal abort what it does for this till; answers the payment. What comes of
    it, its request is told. Raises `TerminalUnknown`, `NothingToAbort`, `TerminalBusy`."""
    desk = desk_of(gateway)
    device = await desk.devices.find(store_id, till_id, terminal_id)
    asked = (await terminal_of(gateway, device.terminal_id)).asked
    if asked is None:
        raise NothingToAbort
    if asked.till_id != till_id:
        raise TerminalBusy(till=asked.till_id)
    await desk.abort(device.terminal_id, asked.payment_id)
    return asked.payment_id


@dataclass(slots=True)
class _Heard:
    """Keeps the status information of what is no payment."""

    statuses: list[TerminalStatus] = field(default_factory=list)

    async def text(self, text: str, code: str) -> None: ...

    async def status(self, status: TerminalStatus) -> None:
        self.statuses.append(status)


async def end_of_day(
    gateway: Gateway, store_id: str, terminal_id: str, *, ask: Ask, till_id: str | None = None
) -> TerminalReconciled:
    """The terminal's end of day; a repeat is answered with what it said. Raises `TerminalUnknown`,
    `TerminalBusy`, `TerminalAway`, `TerminalRefused`."""
    run_id = str(uuid5(IDS, f"end-of-day/{ask.key}"))
    known = (await terminal_of(gateway, terminal_id)).reconciled
    if known is not None and known.run_id == run_id:
        return known
    device = await desk_of(gateway).devices.find(store_id, till_id, terminal_id)
    ended = await _upkeep(gateway, device, "end_of_day")
    master_data = await gateway.master_data(store_id)
    status = ended.status
    currency = master_data.currency
    command = NoteReconciled(
        terminal_id=terminal_id,
        store_id=store_id,
        run_id=run_id,
        now=gateway.clock(),
        total=None if status is None or status.amount is None
        else Money(amount=status.amount, currency=currency),
        totals=[
            CardTotal(card_type=kind, count=count, amount=Money(amount=minor, currency=currency))
            for kind, count, minor in (status.totals if status is not None else ())
        ],
        text=ended.lines,
        till_id=till_id,
    )  # fmt: skip
    stream = terminal_stream(terminal_id)
    done = await handle(gateway.store, TERMINAL, stream, command, ask=ask)
    terminal: Terminal = done.state
    assert terminal.reconciled is not None
    await _print(gateway, device, terminal.reconciled, till_id)
    return terminal.reconciled


async def _print(
    gateway: Gateway, device: TerminalDevice, run: TerminalReconciled, till_id: str | None
) -> None:
    """At the till that asked, or the terminal's; kept in the log, whatever becomes of the paper."""
    till = till_id or device.till_id or ""
    report = TerminalReport(
        booking_id=run.run_id,
        store_id=run.store_id,
        till_id=till,
        till_name=till,
        terminal_name=device.name or device.terminal_id,
        at=run.reconciled_at,
        total=run.total,
        totals=run.totals,
        text=run.text,
    )
    master_data = await gateway.master_data(run.store_id)
    order = ReceiptOrder(report, None, master_data, paper="terminal_report")
    try:
        await gateway.desk.enqueue(order, job_id=run.run_id)
    except DomainError as wait:
        _log.warning("the end of day of terminal %s is not printed: %s", run.terminal_id, wait.code)


async def diagnosis(
    gateway: Gateway, store_id: str, terminal_id: str, *, till_id: str | None = None
) -> Ended:
    """Have the terminal call its network. Raises as `end_of_day`."""
    device = await desk_of(gateway).devices.find(store_id, till_id, terminal_id)
    return await _upkeep(gateway, device, "diagnosis")


async def _upkeep(
    gateway: Gateway, device: TerminalDevice, what: Literal["end_of_day", "diagnosis"]
) -> Ended:
    found: list[Ended] = []

    async def work(abort: asyncio.Event) -> None:
        async with desk_of(gateway).leased(device.terminal_id, abort):
            asked = (await terminal_of(gateway, device.terminal_id)).asked
            if asked is not None:
                raise TerminalBusy(payment_id=asked.payment_id)
            session = await desk_of(gateway).link.open(device)
            try:
                heard = _Heard()
                done = await (
                    session.end_of_day(heard) if what == "end_of_day" else session.diagnosis(heard)
                )
                found.append(done)
            finally:
                await session.close()

    name = str(uuid5(UUID(int=0), f"{what}/{device.terminal_id}"))
    await asyncio.shield(desk_of(gateway).start(name, work))
    if not found:
        raise TerminalBusy  # Somebody else's run was joined.
    ended = found[0]
    if ended.ending == "lost":
        raise TerminalAway(f"the line broke during {what}: {ended.code}")
    if ended.ending != "approved":
        raise TerminalRefused(result=ended.code)
    return ended
