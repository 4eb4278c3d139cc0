"""The shift's rules: numbers without a gap, cash that is there, and a closing that nothing follows.

Everything that gets a number of its till gets it here, in the append that records it.
"""

from __future__ import annotations

from device_gateway.commands.shifts import MoveCash
from device_gateway.decider.refusals import CashShort, ShiftMoved
from device_gateway.decider.shift_state import Shift, cash_of, evolve
from device_gateway.decider.totals import Deltas
from device_gateway.events import (
    BookingBegun,
    CashMoved,
    CashMoveKind,
    NumberGiven,
    TillOpened,
)
from events import Decider
from kassenverbund.kit.fiscal_cases import case_of_move

DIFFERENCE = case_of_move("difference").gv_typ

OUTWARD: frozenset[CashMoveKind] = frozenset(
    {"transit_out", "owner_out", "wage", "paid_out", "tip_out"}
)


def opened_of(shift: Shift) -> TillOpened:
    """Raises `ShiftMoved` where it is not open: the till's next shift has to take it."""
    if shift.opened is None or shift.closed is not None:
        raise ShiftMoved
    return shift.opened


def begin(shift: Shift, booking_id: str) -> BookingBegun:
    """A booking is open: the shift can't be closed until it has its number."""
    opened = opened_of(shift)
    return BookingBegun(
        store_id=opened.store_id,
        till_id=opened.till_id,
        shift=opened.shift,
        booking_id=booking_id,
    )


def give_number(shift: Shift, booking_id: str, deltas: Deltas) -> NumberGiven:
    """The next gapless number of the till.

    Raises `ShiftMoved`, and `CashShort` where more cash would go out than the drawer holds. A
    counted difference says what is there, so it is never refused; nor is a sale.
    """
    opened = opened_of(shift)
    out = cash_of(deltas.payments, shift.currency)
    counted = any(total.case == DIFFERENCE for total in deltas.totals)
    if out < 0 and shift.cash + out < 0 and not counted:
        raise CashShort(in_drawer=shift.money(shift.cash).model_dump())
    return NumberGiven(
        store_id=opened.store_id,
        till_id=opened.till_id,
        booking_id=booking_id,
        number=shift.numbers + 1,
        shift=opened.shift,
        kind=deltas.kind,
        totals=deltas.totals,
        payments=deltas.payments,
        corrections=deltas.corrections,
        typed_cards=deltas.typed_cards,
    )


def move_cash(command: MoveCash, shift: Shift) -> CashMoved:
    """`command.amount` has its sign for a difference alone; the other kinds know theirs."""
    opened = opened_of(shift)
    amount = -command.amount if command.kind in OUTWARD else command.amount
    named = case_of_move(command.kind)
    return CashMoved(
        booking_id=command.booking_id,
        store_id=opened.store_id,
        till_id=opened.till_id,
        till_name=opened.till_name,
        legal_entity_id=command.about.legal_entity_id,
        tse_id=opened.tse_id,
        client_id=opened.client_id,
        number=shift.numbers + 1,
        shift=opened.shift,
        started_at=command.about.now,
        recorded_at=command.about.now,
        sign_by=command.about.sign_by,
        business_date=command.about.business_date,
        currency=shift.currency,
        cashier_id=command.about.cashier_id,
        approved_by=command.about.approved_by,
        kind=command.kind,
        case=named.gv_typ or "",
        case_name=named.gv_name or None,
        amount=amount,
        means=command.about.cash_name,
        reason=command.reason,
        reference=command.reference,
        master_data=opened.master_data,
    )


def _refuse(command: object, shift: Shift) -> tuple[NumberGiven, ...]:
    raise AssertionError("a shift is decided together with the process that gets the number")


SHIFT: Decider[object, Shift] = Decider(initial=Shift(), decide=_refuse, evolve=evolve)
