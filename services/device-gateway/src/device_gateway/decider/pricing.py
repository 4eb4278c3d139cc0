"""What a line costs and which VAT it carries. Pure arithmetic over integer minor units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from uuid import UUID, uuid5

from device_gateway.commands import NewLine
from device_gateway.decider.refusals import (
    BookingTooLarge,
    CurrencyUnknown,
    LineRefused,
    VatUnknown,
)
from device_gateway.events import Line, VatRate, VatTotal
from money import Money, split_by_rate, total

LINES_MAX = 500
PAYMENTS_MAX = 20
"""Tries included: a refused voucher counts."""
QUANTITY_MAX = Decimal("100000")
UNIT_PRICE_MAX = 100_000_000
"""Minor units: one million EUR. More on one line of a till is a typing error."""
TOTAL_MAX = 1_000_000_000
"""Minor units: ten million EUR."""
LINES_BYTES_MAX = 160 * 1024
"""All lines of a booking, encoded: the recorded event has to fit into the log."""

VOUCHER_VAT = "zero"
"""A multi-purpose voucher is taxed when it is redeemed (§ 3 (15) UStG)."""


def priced(
    new: Sequence[NewLine],
    *,
    before: Sequence[Line],
    rates: Mapping[str, VatRate],
    booking_id: str,
    currency: str,
) -> tuple[Line, ...]:
    """The lines as they stand in the booking, numbered on from `before`."""
    if len(before) + len(new) > LINES_MAX:
        raise BookingTooLarge(f"a booking has at most {LINES_MAX} lines", limit=LINES_MAX)
    kept = {line.vat: (line.rate, line.dsfinvk_key) for line in before}
    lines = list[Line]()
    for number, line in enumerate(new, start=len(before) + 1):
        if line.unit_price.currency != currency:
            raise CurrencyUnknown(f"line {number}: this store sells in {currency}")
        _keep_limits(line, number)
        rate, key = kept.get(line.vat) or _rate(rates, line.vat, number)
        lines.append(
            Line(
                line_id=str(number),
                kind=line.kind,
                sku=line.sku,
                name=line.name,
                quantity=format(line.quantity.normalize(), "f"),
                unit_price=line.unit_price,
                amount=line.unit_price.times(line.quantity),
                vat=line.vat,
                rate=rate,
                dsfinvk_key=key,
                voucher_id=voucher_id_of(booking_id, number) if _sells(line) else None,
            )
        )
    _keep_totals([*before, *lines], currency)
    return tuple(lines)


def voucher_id_of(booking_id: str, line_number: int) -> str:
    """The same sale line always prepares the same voucher."""
    return str(uuid5(UUID(booking_id), f"line/{line_number}"))


def _sells(line: NewLine) -> bool:
    return line.kind == "voucher_sale"


def _rate(rates: Mapping[str, VatRate], vat: str, number: int) -> tuple[int, int]:
    found = rates.get(vat)
    if found is None:
        raise VatUnknown(f"line {number}: there is no VAT key {vat}", vat=vat)
    return found.rate, found.dsfinvk_key


def _keep_limits(line: NewLine, number: int) -> None:
    if not 0 < line.quantity <= QUANTITY_MAX:
        raise LineRefused(f"line {number}: quantity is above 0 and at most {QUANTITY_MAX}")
    if not 0 <= line.unit_price.amount <= UNIT_PRICE_MAX:
        raise LineRefused(f"line {number}: unit_price is 0 to {UNIT_PRICE_MAX} minor units")
    if _sells(line):
        if line.unit_price.amount == 0:
            raise LineRefused(f"line {number}: a voucher is sold for more than nothing")
        if line.quantity != 1:
            raise LineRefused(f"line {number}: one line sells one voucher")
        if line.vat != VOUCHER_VAT:
            raise LineRefused(f"line {number}: a multi-purpose voucher has VAT {VOUCHER_VAT}")


def _keep_totals(lines: Sequence[Line], currency: str) -> None:
    if total((line.amount for line in lines), currency=currency).amount > TOTAL_MAX:
        raise BookingTooLarge(f"a booking is at most {TOTAL_MAX} minor units", limit=TOTAL_MAX)
    size = sum(len(line.name.encode()) + len(line.sku or "") + 320 for line in lines)
    if size > LINES_BYTES_MAX:
        raise BookingTooLarge(
            f"the lines of a booking hold at most {LINES_BYTES_MAX} bytes", limit=LINES_BYTES_MAX
        )


def vat_totals(lines: Iterable[Line]) -> tuple[VatTotal, ...]:
    """The VAT table over lines, computed once per booking on gross sums (money.vat)."""
    kept = tuple(lines)
    keys = {line.vat: line.dsfinvk_key for line in kept}
    return tuple(
        VatTotal(
            vat=share.vat,
            rate=share.rate,
            dsfinvk_key=keys[share.vat],
            gross=share.gross,
            net=share.net,
            tax=share.tax,
        )
        for share in split_by_rate((line.vat, line.rate, line.amount) for line in kept)
    )


def article_total(lines: Iterable[Line], currency: str) -> Money:
    """What a voucher may pay for: everything but vouchers."""
    return total((line.amount for line in lines if line.kind != "voucher_sale"), currency=currency)
