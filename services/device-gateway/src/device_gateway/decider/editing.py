"""What people do to an open sale: a line voided, another quantity or price, a discount; and a sale
that is set aside. Pure.

No act leaves more paid than there is to pay, or a line below zero. While another service counts on
the lines as they are (a voucher for some goods, a cost center, a card terminal at work), nothing
about them changes: the payment is released first. Why so: decision 0025.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal, assert_never

from device_gateway.commands.acts import (
    ChangePrice,
    ChangeQuantity,
    EditCommand,
    GiveDiscount,
    NoteGivenBack,
    ParkBooking,
    ResumeBooking,
    VoidLine,
)
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.discounting import give_discount
from device_gateway.decider.edit_rules import (
    AT_WORK,
    HeldAlready,
    LineFixed,
    act_of,
    editable,
    keep_sound,
    keep_undiscounted,
    keep_within,
    line_in,
)
from device_gateway.decider.lines import must_be_open
from device_gateway.decider.pricing import QUANTITY_MAX, UNIT_PRICE_MAX
from device_gateway.decider.refusals import CurrencyUnknown, LineRefused
from device_gateway.events import (
    Act,
    BookingEvent,
    BookingParked,
    BookingResumed,
    BookingStarted,
    Line,
    LineChanged,
    LineGivenBack,
    LineVoided,
)
from money import Money

VOIDABLE = frozenset(
    {
        "article", "tip", "deposit", "deposit_return", "discount", "voucher_sale",
        "voucher_top_up", "voucher_article_sale", "voucher_article_redemption", "fee",
        "account_load", "entitlement",
    }
)  # fmt: skip
"""What comes back, or is paid out, hangs on another booking: then the sale is aborted instead."""
COUNTED = frozenset({"article", "deposit", "deposit_return"})
"""Lines with a quantity."""
ASKED_ELSEWHERE = frozenset(
    {"voucher_sale", "voucher_top_up", "fee", "account_load", "entitlement"}
)
"""Another service may keep something for the line: voided, it has to hear of it."""


def edit(command: EditCommand, booking: Booking) -> Sequence[BookingEvent]:
    match command:
        case VoidLine():
            return void_line(command, booking)
        case ChangeQuantity():
            return change_quantity(command, booking)
        case ChangePrice():
            return change_price(command, booking)
        case GiveDiscount():
            return give_discount(command, booking)
        case ParkBooking():
            return park(command, booking)
        case ResumeBooking():
            return resume(command, booking)
        case NoteGivenBack():
            return note_given_back(command, booking)
        case _:
            assert_never(command)


def void_line(command: VoidLine, booking: Booking) -> tuple[LineVoided, ...]:
    """Raises `LineUnknown`, `LineFixed`, `HeldAlready`, `PaidAlready`, `BookingNegative`."""
    started = editable(booking)
    line = line_in(booking, command.line_id)
    if line.kind not in VOIDABLE or (line.kind == "discount" and not line.lowers):
        raise LineFixed
    gone, changed, share = [line], list[Line](), line.amount
    for each in booking.lines:
        mine = sum(cover.amount.amount for cover in each.lowers if cover.line_id == line.line_id)
        if mine and len(each.lowers) == 1:
            gone.append(each)
        elif mine:
            changed.append(_without(each, line.line_id, mine))
        if mine:
            share -= Money(amount=mine, currency=share.currency)
    act = None
    if line.kind != "discount":
        act = act_of("line_void", line, -share, command.reason, command.by, command.now)
    voided = LineVoided(
        booking_id=started.booking_id,
        store_id=started.store_id,
        line_id=line.line_id,
        gone=tuple(each.line_id for each in gone),
        changed=tuple(changed),
        give_back=line.kind in ASKED_ELSEWHERE,
        act=act,
        voided_at=command.now,
    )
    keep_sound(booking, voided)
    return (voided,)


def _without(discount: Line, line_id: str, minor: int) -> Line:
    less = Money(amount=discount.amount.amount + minor, currency=discount.amount.currency)
    covers = tuple(cover for cover in discount.lowers if cover.line_id != line_id)
    return discount.model_copy(update={"amount": less, "unit_price": less, "lowers": covers})


def change_quantity(command: ChangeQuantity, booking: Booking) -> tuple[LineChanged, ...]:
    """Less of it is a void of the rest. Raises `LineUnknown`, `LineFixed`, `LineRefused`,
    `LineDiscounted`, `HeldAlready`, `PaidAlready`."""
    started = editable(booking)
    line = line_in(booking, command.line_id)
    if line.kind not in COUNTED:
        raise LineFixed
    if not 0 < command.quantity <= QUANTITY_MAX:
        raise LineRefused(f"quantity is above 0 and at most {QUANTITY_MAX}")
    keep_undiscounted(booking, line)
    text = format(command.quantity.normalize(), "f")
    if text == line.quantity:
        return ()
    after = line.model_copy(
        update={"quantity": text, "amount": line.unit_price.times(command.quantity)}
    )
    act = None
    if command.quantity < Decimal(line.quantity):
        less = after.amount - line.amount
        act = act_of("line_void", line, less, command.reason, command.by, command.now)
    return (_changed(booking, started, "quantity", after, act, command.now),)


def change_price(command: ChangePrice, booking: Booking) -> tuple[LineChanged, ...]:
    """Raises `LineUnknown`, `LineFixed`, `LineRefused`, `LineDiscounted`, `DiscountOverMax`,
    `HeldAlready`, `PaidAlready`."""
    started = editable(booking)
    line = line_in(booking, command.line_id)
    price = command.unit_price
    if line.kind != "article":
        raise LineFixed
    if price.currency != started.currency:
        raise CurrencyUnknown(f"this store sells in {started.currency}")
    if not 0 <= price.amount <= UNIT_PRICE_MAX:
        raise LineRefused(f"unit_price is 0 to {UNIT_PRICE_MAX} minor units")
    keep_undiscounted(booking, line)
    if price == line.unit_price:
        return ()
    listed = line.list_price or line.unit_price
    keep_within(listed.amount - price.amount, listed.amount, command.by)
    amount = price.times(Decimal(line.quantity))
    after = line.model_copy(update={"unit_price": price, "amount": amount, "list_price": listed})
    difference = amount - line.amount
    act = act_of("price_change", line, difference, command.reason, command.by, command.now)
    return (_changed(booking, started, "price", after, act, command.now),)


def _changed(
    booking: Booking,
    started: BookingStarted,
    what: Literal["quantity", "price"],
    line: Line,
    act: Act | None,
    now: datetime,
) -> LineChanged:
    changed = LineChanged(
        booking_id=started.booking_id,
        store_id=started.store_id,
        what=what,
        line=line,
        act=act,
        changed_at=now,
    )
    keep_sound(booking, changed)
    return changed


def park(command: ParkBooking, booking: Booking) -> tuple[BookingParked, ...]:
    """Nothing that was paid, or is being asked for, is set aside. Raises `HeldAlready`."""
    started = must_be_open(booking)
    busy = [
        tender.payment_id
        for tender in booking.tenders
        if tender.settling or tender.status in AT_WORK
    ]
    if busy:
        raise HeldAlready(payments=busy)
    if booking.parked is not None:
        return ()
    return (
        BookingParked(
            booking_id=started.booking_id,
            store_id=started.store_id,
            till_id=started.till_id,
            label=command.label,
            cashier_id=command.cashier_id,
            parked_at=command.now,
        ),
    )


def resume(command: ResumeBooking, booking: Booking) -> tuple[BookingResumed, ...]:
    started = must_be_open(booking)
    if booking.parked is None:
        return ()
    return (
        BookingResumed(
            booking_id=started.booking_id,
            store_id=started.store_id,
            till_id=started.till_id,
            cashier_id=command.cashier_id,
            resumed_at=command.now,
        ),
    )


def note_given_back(command: NoteGivenBack, booking: Booking) -> tuple[LineGivenBack, ...]:
    started = booking.started
    if started is None or all(line.line_id != command.line_id for line in booking.give_back_due):
        return ()
    return (
        LineGivenBack(
            booking_id=started.booking_id,
            store_id=started.store_id,
            line_id=command.line_id,
            given_back_at=command.now,
        ),
    )
