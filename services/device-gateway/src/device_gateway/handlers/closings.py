"""What a till's shift is asked for: to open, to take or give cash, to close."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid5

from device_gateway.commands.shifts import About, CloseShift, MoveCash, NoteOutage, RequestTse
from device_gateway.decider.booking import BOOKING
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.closing import close_shift
from device_gateway.decider.pricing import TOTAL_MAX
from device_gateway.decider.refusals import (
    BookingUnknown,
    CashMoveRefused,
    ClosingUnknown,
    CurrencyUnknown,
    StoreUnknown,
    TillNotOpen,
    TillOpenAlready,
    TillUnknown,
    TseUnknown,
)
from device_gateway.decider.shift import move_cash
from device_gateway.decider.shift_state import Shift
from device_gateway.decider.store import STORE
from device_gateway.decider.till import TILL, Till, must_be_active
from device_gateway.events import CashCount, CashMoved, CashMoveKind, MasterDataChanged
from device_gateway.handlers.ending import abort
from device_gateway.handlers.gateway import (
    IDS,
    Gateway,
    booking_stream,
    business_date,
    store_stream,
    till_stream,
)
from device_gateway.handlers.paper import paper_terms
from device_gateway.handlers.shifts import Counter, in_shift, newest_shift, shift_of
from device_gateway.handlers.vouchers import sub_ask
from device_gateway.ports import ReceiptOrder, ShiftSoFar
from events import Ask, handle, state_of
from money import Money

CASH = "Bar"
"""What cash is called where the store declares no name for it."""


async def open_till(
    gateway: Gateway,
    *,
    store_id: str,
    till_id: str,
    float_: Money | None,
    cashier_id: str | None,
    ask: Ask,
) -> Shift:
    """A shift, with what is in the drawer if that is said. It is counted from what the last closing
    left: into an empty drawer the float is an Anfangsbestand, otherwise a difference.

    Raises `TillOpenAlready`, `TillUnknown`, `TillRevokedAlready`, `StoreUnknown`.
    """
    now = gateway.clock()
    move_id = _id("float", ask)

    def decide(counter: Counter, states: Mapping[str, Any]) -> Mapping[str, Any]:
        opened = counter.opened
        if counter.place.is_open:
            raise TillOpenAlready(shift=opened.shift)
        must_be_active(counter.till, store_id)
        _check(float_, counter.master_data, zero=True)
        if float_ is None or float_ == opened.float_:
            return {}
        kind: CashMoveKind = "difference" if opened.float_ else "opening_float"
        about = _about(gateway, counter.master_data, cashier_id, now)
        asked = MoveCash(move_id, kind, float_ - opened.float_, "opening", about)
        moved = move_cash(asked, counter.shift)
        counter.give_to(moved)
        return {booking_stream(move_id): (moved,)}

    await in_shift(
        gateway,
        store_id=store_id,
        till_id=till_id,
        decide=decide,
        ask=ask,
        bookings=(move_id,),
        with_till=True,
        opened_by=cashier_id or ask.metadata.actor or till_id,
        now=now,
    )
    return (await newest_shift(gateway, till_id))[1]


async def move_till_cash(
    gateway: Gateway,
    *,
    store_id: str,
    till_id: str,
    kind: CashMoveKind,
    amount: Money,
    reason: str,
    cashier_id: str | None,
    ask: Ask,
    approved_by: str | None = None,
) -> Booking:
    """Cash goes into the drawer or out of it; `amount` is above zero, the kind knows the way.

    Raises `CashShort`, `CashMoveRefused`, `CurrencyUnknown`, `TillUnknown`, `TillRevokedAlready`.
    """
    now = gateway.clock()
    move_id = _id("cash", ask)

    def decide(counter: Counter, states: Mapping[str, Any]) -> Mapping[str, Any]:
        must_be_active(counter.till, store_id)
        _check(amount, counter.master_data)
        about = _about(gateway, counter.master_data, cashier_id, now, approved_by=approved_by)
        moved = move_cash(MoveCash(move_id, kind, amount, reason, about), counter.shift)
        counter.give_to(moved)
        return {booking_stream(move_id): (moved,)}

    gateway.store.streams.expect_new(booking_stream(move_id), BOOKING.initial)
    await in_shift(
        gateway,
        store_id=store_id,
        till_id=till_id,
        decide=decide,
        ask=ask,
        bookings=(move_id,),
        with_till=True,
        now=now,
    )
    return await gateway.process(move_id)


async def close_till(
    gateway: Gateway,
    *,
    store_id: str,
    till_id: str,
    counted: Money | None,
    skim: Money | None,
    abort_open: bool,
    cashier_id: str | None,
    ask: Ask,
    automatic: bool = False,
    approved_by: str | None = None,
) -> Booking:
    """Close the till's shift: difference, skim and closing in one append. `abort_open`: open
    bookings are aborted first.

    Raises `TillNotOpen`, `BookingsOpen`, `CashShort`, `CashMoveRefused`, `CurrencyUnknown`,
    `TillUnknown`.
    """
    closing_id = _id("closing", ask)
    if await gateway.store.outcome(ask.key, ask.input_hash) is not None:
        # Closed already: whatever is open now belongs to another shift.
        return await gateway.process(closing_id)
    if abort_open:
        await _abort_open(gateway, store_id, till_id, ask)
    now = gateway.clock()
    ids = (closing_id, _id("difference", ask), _id("skim", ask))

    def decide(counter: Counter, states: Mapping[str, Any]) -> Mapping[str, Any]:
        if not counter.place.is_open:
            raise TillNotOpen
        master_data, shift = counter.master_data, counter.shift
        _check(counted, master_data, zero=True)
        _check(skim, master_data, zero=True)
        assert shift.opened is not None
        about = _about(
            gateway, master_data, cashier_id, now,
            day_of=shift.opened.opened_at, approved_by=approved_by,
        )  # fmt: skip
        made = close_shift(CloseShift(*ids, counted, skim, about, automatic), shift)
        counter.note(*made.shift)
        processes = (*made.moves, made.closed)
        return {booking_stream(each.booking_id): (each,) for each in processes}

    for each in ids:
        gateway.store.streams.expect_new(booking_stream(each), BOOKING.initial)
    await in_shift(
        gateway, store_id=store_id, till_id=till_id, decide=decide, ask=ask, bookings=ids, now=now
    )
    return await gateway.process(closing_id)


async def _abort_open(gateway: Gateway, store_id: str, till_id: str, ask: Ask) -> None:
    till, shift = await newest_shift(gateway, till_id)
    if not till.known or till.store_id != store_id:
        raise TillUnknown
    if shift.closed is not None:
        return
    for booking_id in shift.begun:
        booking = await gateway.booking(booking_id)
        if booking.open:
            step = sub_ask(ask, f"abort/{booking_id}")
            await abort(gateway, booking, reason="closing", ask=step)


async def closing_of(gateway: Gateway, *, store_id: str, till_id: str, z_number: int) -> Booking:
    """The closing of a shift. Raises `TillUnknown`, `ClosingUnknown`."""
    _, till = await state_of(gateway.store, TILL, till_stream(till_id))
    if not till.known or till.store_id != store_id:
        raise TillUnknown
    if not 0 < z_number <= till.shift:
        raise ClosingUnknown
    shift = await shift_of(gateway, till_id, z_number)
    if shift.closed is None:
        raise ClosingUnknown
    return await gateway.process(shift.closed.booking_id)


async def move_of(gateway: Gateway, *, store_id: str, till_id: str, booking_id: str) -> Booking:
    """A cash move of this till. Raises `BookingUnknown`."""
    process = await gateway.process(booking_id)
    moved = process.final
    if not isinstance(moved, CashMoved) or (moved.store_id, moved.till_id) != (store_id, till_id):
        raise BookingUnknown
    return process


async def x_report_of(
    gateway: Gateway, *, store_id: str, till_id: str, cashier_id: str | None = None
) -> ReceiptOrder:
    """The paper of a shift that goes on. Raises `TillUnknown`, `TillNotOpen`."""
    _, shift = await shift_at(gateway, store_id=store_id, till_id=till_id)
    opened = shift.opened
    if opened is None or not shift.open:
        raise TillNotOpen
    now = gateway.clock()
    master_data = await paper_terms(gateway, store_id, opened.master_data)
    expected = shift.money(shift.cash)
    so_far = ShiftSoFar(
        store_id=store_id,
        till_id=till_id,
        till_name=opened.till_name,
        client_id=opened.client_id,
        shift=opened.shift,
        at=now,
        business_date=business_date(master_data, opened.opened_at),
        opened_at=opened.opened_at,
        float_=opened.float_,
        cases=shift.case_totals,
        payments=shift.payment_totals,
        cash=CashCount(expected=expected, difference=expected.zero, left=expected),
        corrections=shift.corrections,
        typed_cards=shift.typed_cards,
        corrections_left_out=shift.corrections_left_out,
        corrections_sum=shift.money(shift.corrected),
        counts=dict(shift.counts),
        grand_total=shift.grand_total,
        cashier_id=cashier_id,
    )
    return ReceiptOrder(booking=so_far, verdict=None, master_data=master_data)


async def shift_at(gateway: Gateway, *, store_id: str, till_id: str) -> tuple[Till, Shift]:
    """The till's newest shift. Raises `TillUnknown`."""
    till, shift = await newest_shift(gateway, till_id)
    if not till.known or till.store_id != store_id:
        raise TillUnknown
    return till, shift


async def request_tse(
    gateway: Gateway, *, store_id: str, till_id: str, tse_id: str, by: str, ask: Ask
) -> Till:
    """From the next shift on. Raises `TseUnknown`, `TillUnknown`, `StoreUnknown`."""
    _, store = await state_of(gateway.store, STORE, store_stream(store_id))
    if store.master_data is None:
        raise StoreUnknown
    if tse_id not in {tse.tse_id for tse in store.master_data.tses}:
        raise TseUnknown(tse_id=tse_id)
    command = RequestTse(store_id, till_id, tse_id, by, gateway.clock())
    done = await handle(gateway.store, TILL, till_stream(till_id), command, ask=ask)
    return done.state


async def note_outage(gateway: Gateway, command: NoteOutage, *, ask: Ask) -> None:
    """What the signer says about a TSE; of a store that this log does not know, nothing."""
    _, store = await state_of(gateway.store, STORE, store_stream(command.store_id))
    if store.master_data is not None:
        await handle(gateway.store, STORE, store_stream(command.store_id), command, ask=ask)


def _id(what: str, ask: Ask) -> str:
    """The same key always means the same process."""
    return str(uuid5(IDS, f"{what}/{ask.key}"))


def _about(
    gateway: Gateway,
    master_data: MasterDataChanged,
    cashier_id: str | None,
    now: datetime,
    *,
    day_of: datetime | None = None,
    approved_by: str | None = None,
) -> About:
    """`day_of`: a closing belongs to the business day on which its shift was opened."""
    names = (means.name for means in master_data.means_of_payment if means.kind == "cash")
    return About(
        legal_entity_id=master_data.legal_entity.legal_entity_id,
        business_date=business_date(master_data, day_of or now),
        sign_by=gateway.sign_by(now),
        cash_name=next(names, CASH),
        cashier_id=cashier_id,
        now=now,
        approved_by=approved_by,
    )


def _check(amount: Money | None, master_data: MasterDataChanged, *, zero: bool = False) -> None:
    """Raises `CashMoveRefused`, `CurrencyUnknown`."""
    if amount is None:
        return
    if amount.currency != master_data.currency:
        raise CurrencyUnknown(f"this store has {master_data.currency} in its drawers")
    if not (0 if zero else 1) <= amount.amount <= TOTAL_MAX:
        raise CashMoveRefused(f"at most {TOTAL_MAX} minor units", limit=TOTAL_MAX)
