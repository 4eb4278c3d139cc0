"""Vouchers that were given away: their discounts. Pure.

Such a voucher is no means of payment: it lowers the price of the goods. One for some goods only
lowers those that it covers; one for everything lowers what no voucher covers, over all VAT rates in
proportion (largest remainder, so the parts are exactly the amount).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from device_gateway.decider.covering import goods_left
from device_gateway.decider.pricing import PAID_FOR
from device_gateway.events import Line, Payment, Waiver
from money import Money, parts_of

DISCOUNT = "Rabatt"
"""GV_TYP, and the name of the line."""


def waived(lines: Sequence[Line], payments: Sequence[Payment]) -> dict[str, dict[str, int]]:
    """Payment id → VAT key → minor units that the voucher takes off there."""
    left = goods_left(lines, payments)
    vat_of = {line.line_id: line.vat for line in lines}
    found: dict[str, dict[str, int]] = {}
    for paid in payments:
        if paid.waiver is None or paid.kind == "waiver":
            continue  # What waives a fee becomes lines of its own (`library.py`).
        if paid.covers:
            own: Counter[str] = Counter()
            for cover in paid.covers:
                own[vat_of[cover.line_id]] += cover.amount.amount
            found[paid.payment_id] = dict(own)
            continue
        parts = parts_of(paid.amount.amount, {vat: some for vat, some in left.items() if some > 0})
        left.subtract(parts)
        found[paid.payment_id] = parts
    return found


def discounts(
    lines: Sequence[Line], payments: Sequence[Payment], *, numbered: int
) -> tuple[Line, ...]:
    """The lines that stand for the vouchers that were given away, numbered on."""
    taken_off = waived(lines, payments)
    sample = {line.vat: line for line in lines if line.kind in PAID_FOR}
    made: list[Line] = []
    for paid in payments:
        parts = taken_off.get(paid.payment_id, {})
        for vat in sorted(parts, key=lambda name: (-sample[name].rate, name)):
            minor = parts[vat]
            if not minor:
                continue
            off = Money(amount=-minor, currency=paid.amount.currency)
            made.append(
                Line(
                    line_id=str(numbered + len(made) + 1),
                    kind="discount",
                    name=DISCOUNT,
                    quantity="1",
                    unit_price=off,
                    amount=off,
                    vat=vat,
                    rate=sample[vat].rate,
                    dsfinvk_key=sample[vat].dsfinvk_key,
                    voucher_serial=paid.voucher_serial,
                    case=DISCOUNT,
                    hold_id=paid.hold_id,
                    reason=paid.waiver,
                )
            )
        if paid.payment_id in taken_off and made and paid.voucher_remaining:
            # Once, also where it lowers several VAT keys.
            made[-1] = made[-1].model_copy(update={"voucher_remaining": paid.voucher_remaining})
    return tuple(made)


def waivers_of(payments: Iterable[Payment]) -> tuple[Waiver, ...]:
    """What the voucher service takes from these vouchers once the booking is recorded."""
    return tuple(
        Waiver(
            hold_id=paid.hold_id,
            voucher_id=paid.voucher_id,
            serial=paid.voucher_serial,
            amount=paid.amount,
            reason=paid.waiver,
            new_code=paid.new_code,
        )
        for paid in payments
        if paid.waiver and paid.hold_id and paid.voucher_id and paid.voucher_serial
    )
