"""What a cashier changes about the open sale: its lines, its price, and setting it aside."""

from __future__ import annotations

from device_gateway.api.pages.locales import N_
from device_gateway.api.pages.sale.deed import Deed, NoSale, Outcome, SaleOpen
from device_gateway.api.pages.sale.typed import AmountUnclear, percent_of, quantity_of
from device_gateway.decider.booking_state import Booking
from device_gateway.handlers import editing
from device_gateway.handlers.editing import Discount

LABEL_MAX = 60
CASHIER = "cashier"
"""The reason where none is typed."""


async def void(deed: Deed) -> Outcome:
    done = await editing.void_line(
        deed.gateway, deed.must_sale, deed.form.text("line"),
        reason=deed.form.text("reason", required=False) or CASHIER,
        approval=deed.approval, ask=deed.ask,
    )  # fmt: skip
    return Outcome(sale=done.booking, note=N_("The line was voided"))


async def quantity(deed: Deed) -> Outcome:
    wanted = quantity_of(deed.form.raw("quantity"))
    done = await editing.change_quantity(
        deed.gateway, deed.must_sale, deed.form.text("line"), wanted,
        reason=deed.form.text("reason", required=False) or CASHIER,
        approval=deed.approval, ask=deed.ask,
    )  # fmt: skip
    return Outcome(sale=done.booking)


async def price(deed: Deed) -> Outcome:
    wanted = deed.amount("price")
    if wanted is None:
        raise AmountUnclear
    done = await editing.change_price(
        deed.gateway, deed.must_sale, deed.form.text("line"), wanted,
        reason=deed.form.text("reason"), approval=deed.approval, ask=deed.ask,
    )  # fmt: skip
    return Outcome(sale=done.booking)


async def discount(deed: Deed) -> Outcome:
    """`10%` or `2,50`, on a line or on all articles."""
    typed = deed.form.raw("discount").strip()
    percent = percent_of(typed) if "%" in typed else None
    amount = None if percent is not None else deed.amount("discount")
    if percent is None and amount is None:
        raise AmountUnclear
    done = await editing.give_discount(
        deed.gateway, deed.must_sale, deed.form.text("line", required=False) or None,
        Discount(deed.form.text("reason"), percent, amount),
        approval=deed.approval, ask=deed.ask,
    )  # fmt: skip
    return Outcome(sale=done.booking)


async def park(deed: Deed) -> Outcome:
    label = deed.form.text("label", required=False, max_length=LABEL_MAX) or None
    await editing.park(deed.gateway, deed.must_sale, label=label, ask=deed.ask)
    return Outcome(note=N_("The sale is parked"))


async def resume(deed: Deed) -> Outcome:
    """Raises `SaleOpen`: one sale at a time is worked on."""
    wanted = deed.form.text("parked")
    known = await editing.open_sales(deed.gateway, store_id=deed.store_id, till_id=deed.till_id)
    current, parked = known
    named = {_id(each): each for each in (*parked, *((current,) if current else ()))}
    if wanted not in named:
        raise NoSale
    if current is not None and _id(current) != wanted:
        raise SaleOpen
    done = await editing.resume(deed.gateway, named[wanted], ask=deed.ask)
    return Outcome(sale=done.booking)


def _id(booking: Booking) -> str:
    assert booking.started is not None
    return booking.started.booking_id
