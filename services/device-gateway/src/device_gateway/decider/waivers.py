"""Vouchers that take something off: what goods are left for them, and their discounts. Pure.

A voucher that was given away is no means of payment: it lowers the price of the goods, over all
their VAT rates in proportion (largest remainder, so the parts are exactly the amount).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from device_gateway.decider.pricing import settled_by_vat
from device_gateway.events import BasketPart, Line, Payment, Waiver
from money import Money

DISCOUNT = "Rabatt"
"""GV_TYP, and the name of the line."""


def parts_of(minor: int, weights: Mapping[str, int]) -> dict[str, int]:
    """`minor` over the weights, in proportion: whole minor units whose sum is `minor`. Of equal
    remainders the larger weight gets the unit, then the first name.

    No part is larger than its weight as long as `minor` is not larger than their sum.
    """
    whole = sum(weights.values())
    if whole <= 0:
        return {}
    parts = {name: minor * weight // whole for name, weight in weights.items()}
    ranked = sorted(
        weights, key=lambda name: (-(minor * weights[name] % whole), -weights[name], name)
    )
    for name in ranked[: minor - sum(parts.values())]:
        parts[name] += 1
    return parts


def goods_left(lines: Iterable[Line], payments: Iterable[Payment]) -> Counter[str]:
    """Minor units of goods by VAT key, less what is settled at that key already."""
    left: Counter[str] = Counter()
    for line in lines:
        if line.kind in ("article", "voucher_article_redemption"):
            left[line.vat] += line.amount.amount
    for vat, _, minor in settled_by_vat(payments):
        left[vat] -= minor
    return left


def waived(lines: Sequence[Line], payments: Sequence[Payment]) -> dict[str, dict[str, int]]:
    """Payment id → VAT key → minor units that the voucher takes off there."""
    left = goods_left(lines, payments)
    found: dict[str, dict[str, int]] = {}
    for paid in payments:
        if paid.waiver is None:
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
    sample = {line.vat: line for line in lines if line.kind == "article"}
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
        )
        for paid in payments
        if paid.waiver and paid.hold_id and paid.voucher_id and paid.voucher_serial
    )


def basket_of(lines: Sequence[Line], payments: Sequence[Payment]) -> tuple[BasketPart, ...]:
    """What a voucher for some goods only may still pay for."""
    sums: Counter[tuple[str, str]] = Counter()
    keys: dict[str, int] = {}
    currency = ""
    for line in lines:
        if line.kind in ("article", "voucher_article_redemption"):
            sums[line.article_group or "", line.vat] += line.amount.amount
            keys[line.vat], currency = line.dsfinvk_key, line.amount.currency
    for vat, key, minor in settled_by_vat(payments):
        sums["", vat] -= minor
        keys.setdefault(vat, key)
    for parts in waived(lines, payments).values():
        for vat, minor in parts.items():
            sums["", vat] -= minor
    return tuple(
        BasketPart(
            gross=Money(amount=minor, currency=currency),
            vat=vat,
            dsfinvk_key=keys[vat],
            article_group=group or None,
        )
        for (group, vat), minor in sorted(sums.items())
        if minor
    )
