"""The closing of a shift (Z report): counted or not, one decision and one append."""

from __future__ import annotations

from dataclasses import dataclass

from device_gateway.commands.shifts import CloseShift, MoveCash
from device_gateway.decider.refusals import BookingsOpen, CashShort, TillNotOpen
from device_gateway.decider.shift import give_number, move_cash
from device_gateway.decider.shift_state import Shift, evolve
from device_gateway.decider.totals import Deltas, deltas_of
from device_gateway.events import (
    CashCount,
    CashMoved,
    CashMoveKind,
    NumberGiven,
    ShiftClosed,
    ShiftEvent,
    TillClosed,
)
from money import Money

BOOKINGS_NAMED_MAX = 20
"""How many open bookings a refusal names."""


@dataclass(frozen=True, slots=True)
class Closing:
    """The events of a closing: on the shift's stream, and each process on its own."""

    shift: tuple[ShiftEvent, ...]
    moves: tuple[CashMoved, ...]
    closed: TillClosed


def close_shift(command: CloseShift, shift: Shift) -> Closing:
    """First the difference, then what goes to the safe, then the closing. What is left in the
    drawer is where the next shift begins.

    Raises `TillNotOpen`, `BookingsOpen`, and `CashShort` where more is to go to the safe than there
    is.
    """
    if not shift.open:
        raise TillNotOpen
    if shift.begun:
        raise BookingsOpen(bookings=list(shift.begun[:BOOKINGS_NAMED_MAX]))
    expected = shift.money(shift.cash)
    counted = command.counted
    events: list[ShiftEvent] = []
    moves: list[CashMoved] = []

    def move(booking_id: str, kind: CashMoveKind, amount: Money) -> None:
        nonlocal shift
        asked = MoveCash(booking_id, kind, amount, command.reason_of(kind), command.about)
        moved = move_cash(asked, shift)
        numbered = give_number(shift, booking_id, deltas_of(moved))
        events.append(numbered)
        moves.append(moved)
        shift = evolve(shift, numbered)

    difference = expected.zero if counted is None else counted - expected
    if difference:
        move(command.difference_id, "difference", difference)
    if command.skim:
        if command.skim > shift.money(shift.cash):
            raise CashShort(in_drawer=shift.money(shift.cash).model_dump())
        move(command.skim_id, "transit_out", command.skim)
    count = CashCount(
        expected=expected,
        counted=counted,
        difference=difference,
        counted_by=None if counted is None else command.about.cashier_id,
        skimmed=command.skim or None,
        left=shift.money(shift.cash),
    )
    numbered = give_number(shift, command.closing_id, Deltas("closing"))
    closed = _closed(command, evolve(shift, numbered), numbered, count)
    last = ShiftClosed(
        store_id=closed.store_id,
        till_id=closed.till_id,
        shift=closed.shift,
        booking_id=closed.booking_id,
        closed_at=command.about.now,
        left=count.left,
    )
    return Closing((*events, numbered, last), tuple(moves), closed)


def _closed(
    command: CloseShift, shift: Shift, numbered: NumberGiven, count: CashCount
) -> TillClosed:
    opened, about = shift.opened, command.about
    assert opened is not None
    return TillClosed(
        booking_id=command.closing_id,
        store_id=opened.store_id,
        till_id=opened.till_id,
        till_name=opened.till_name,
        legal_entity_id=about.legal_entity_id,
        tse_id=opened.tse_id,
        client_id=opened.client_id,
        number=numbered.number,
        shift=opened.shift,
        started_at=about.now,
        recorded_at=about.now,
        sign_by=about.sign_by,
        business_date=about.business_date,
        currency=shift.currency,
        cashier_id=about.cashier_id,
        approved_by=about.approved_by,
        z_number=opened.shift,
        opened_at=opened.opened_at,
        float_=opened.float_,
        cases=shift.case_totals,
        payments=shift.payment_totals,
        cash=count,
        corrections=shift.corrections,
        typed_cards=shift.typed_cards,
        corrections_left_out=shift.corrections_left_out,
        corrections_sum=shift.money(shift.corrected),
        counts=dict(sorted(shift.counts.items())),
        first_booking_id=shift.first or command.closing_id,
        last_booking_id=command.closing_id,
        master_data=opened.master_data,
        grand_total=shift.grand_total,
        automatic=command.automatic,
    )
