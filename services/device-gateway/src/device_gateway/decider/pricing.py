"""What a line costs and which VAT it carries. Pure arithmetic over integer minor units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from device_gateway.commands import NewLine
from device_gateway.commands.library import LibraryPart
from device_gateway.decider.refusals import (
    BookingTooLarge,
    CurrencyUnknown,
    LineRefused,
    VatUnknown,
)
from device_gateway.events import (
    Line,
    LineKind,
    Payment,
    SoldTerms,
    VatRate,
    VatTotal,
    VoucherArticles,
)
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


NOT_TAXABLE = 5
"""UST_SCHLUESSEL of what is not taxed here: vouchers whose goods are not known yet."""

VOUCHERS: frozenset[LineKind] = frozenset(
    {"voucher_sale", "voucher_top_up", "voucher_article_sale", "voucher_article_redemption"}
)

FREE_PRICED: frozenset[LineKind] = VOUCHERS | {"tip", "fee", "account_load"}
"""One line is one piece of paper with an amount on it, one tip, or one entry of an account."""

TAKES_OFF: frozenset[LineKind] = frozenset({"voucher_article_redemption", "deposit_return"})
"""A till sends them with a positive price."""

GIVES_BACK: frozenset[LineKind] = frozenset({"return", "deposit_return", "voucher_payout"})
"""With these a booking may end below zero: money goes to the customer."""

HELD: frozenset[LineKind] = frozenset({"voucher_payout", "voucher_sale_reversal"})
"""Lines that stand for a hold of the voucher service: it has to be confirmed, or ended."""


def priced(
    new: Sequence[NewLine],
    *,
    before: Sequence[Line],
    numbered: int,
    rates: Mapping[str, VatRate],
    pairs: Sequence[VoucherArticles],
    booking_id: str,
    currency: str,
) -> tuple[Line, ...]:
    """The lines as they stand in the booking, numbered on from `numbered`."""
    if numbered + len(new) > LINES_MAX:
        raise BookingTooLarge(f"a booking has at most {LINES_MAX} lines", limit=LINES_MAX)
    articles = _voucher_articles(pairs)
    kept = {line.vat: (line.rate, line.dsfinvk_key) for line in before}
    lines = list[Line]()
    for number, line in enumerate(new, start=numbered + 1):
        if line.unit_price.currency != currency:
            raise CurrencyUnknown(f"line {number}: this store sells in {currency}")
        _keep_limits(line, number, articles)
        rate, key = kept.get(line.vat) or _rate(rates, line.vat, number)
        if line.kind == "tip" and (line.tip_to == "staff") != (key == NOT_TAXABLE):
            raise LineRefused(f"line {number}: the staff's tips are not taxed, the owner's are")
        lines.append(_line(line, number, rate, key, booking_id))
    keep_totals([*before, *lines], currency)
    return tuple(lines)


def _line(line: NewLine, number: int, rate: int, key: int, booking_id: str) -> Line:
    price = -line.unit_price if line.kind in TAKES_OFF else line.unit_price
    own_id = None
    if line.kind == "voucher_sale":
        own_id = line.own_id or voucher_id_of(booking_id, number)
    return Line(
        line_id=str(number),
        kind=line.kind,
        sku=line.sku,
        name=line.name,
        quantity=format(line.quantity.normalize(), "f"),
        unit_price=price,
        amount=price.times(line.quantity),
        vat=line.vat,
        rate=rate,
        dsfinvk_key=key,
        **_of_account(line.library, own_id),
        article_group=line.article_group,
        case=_case(line, key),
        voucher=line.voucher,
        top_up_id=line.own_id if line.kind == "voucher_top_up" else None,
        gtin=line.gtin,
    )


def _of_account(part: LibraryPart | None, own_id: str | None) -> dict[str, Any]:
    if part is None:
        return {"voucher_id": own_id}
    return {name: said for name, said in asdict(part).items() if said}


def _case(line: NewLine, key: int) -> str | None:
    """GV_TYP: a voucher that is taxed when it is sold is an Einzweckgutschein. What is no voucher
    is named when it is recorded (`fiscal.py`)."""
    if line.kind not in VOUCHERS:
        return None
    purpose = "Mehrzweckgutschein" if key == NOT_TAXABLE else "Einzweckgutschein"
    redeems = line.kind == "voucher_article_redemption"
    return f"{purpose}{'Einloesung' if redeems else 'Kauf'}"


def _voucher_articles(
    pairs: Sequence[VoucherArticles],
) -> Mapping[tuple[LineKind, str], str]:
    """(kind of line, sku) → VAT key."""
    found: dict[tuple[LineKind, str], str] = {}
    for pair in pairs:
        found["voucher_article_sale", pair.sale.sku] = pair.sale.vat
        found["voucher_article_redemption", pair.redemption.sku] = pair.redemption.vat
    return found


def voucher_id_of(booking_id: str, line_number: int) -> str:
    """The same sale line always prepares the same voucher."""
    return str(uuid5(UUID(booking_id), f"line/{line_number}"))


def _rate(rates: Mapping[str, VatRate], vat: str, number: int) -> tuple[int, int]:
    found = rates.get(vat)
    if found is None:
        raise VatUnknown(f"line {number}: there is no VAT key {vat}", vat=vat)
    return found.rate, found.dsfinvk_key


def _keep_limits(line: NewLine, number: int, articles: Mapping[tuple[LineKind, str], str]) -> None:
    if not 0 < line.quantity <= QUANTITY_MAX:
        raise LineRefused(f"line {number}: quantity is above 0 and at most {QUANTITY_MAX}")
    if not 0 <= line.unit_price.amount <= UNIT_PRICE_MAX:
        raise LineRefused(f"line {number}: unit_price is 0 to {UNIT_PRICE_MAX} minor units")
    if line.kind in FREE_PRICED:
        if line.unit_price.amount == 0:
            raise LineRefused(f"line {number}: a {_name(line)} is worth more than nothing")
        if line.quantity != 1:
            raise LineRefused(f"line {number}: one line is one {_name(line)}")
    if line.kind == "voucher_sale":
        _keep_terms(line, number)
    elif line.voucher is not None:
        raise LineRefused(f"line {number}: only the sale of a voucher has its terms")
    if line.kind in ("voucher_article_sale", "voucher_article_redemption") and not line.paired:
        vat = articles.get((line.kind, line.sku or ""))
        if vat is None:
            raise LineRefused(f"line {number}: the chain declares no such voucher article")
        if vat != line.vat:
            raise LineRefused(f"line {number}: the chain declares VAT {vat} for this article")


_NAMES: Mapping[LineKind, str] = {"tip": "tip", "fee": "fee", "account_load": "load"}


def _name(line: NewLine) -> str:
    return _NAMES.get(line.kind, "voucher")


def _keep_terms(line: NewLine, number: int) -> None:
    terms = line.voucher or SoldTerms()
    single = terms.kind == "single_purpose"
    if single == (line.vat == VOUCHER_VAT):
        wanted = "the VAT of its goods" if single else f"VAT {VOUCHER_VAT}"
        raise LineRefused(f"line {number}: a {terms.kind} voucher has {wanted}")
    if terms.value is not None and terms.value.currency != line.unit_price.currency:
        raise CurrencyUnknown(f"line {number}: value and price have one currency")
    if terms.value is not None and not (
        line.unit_price <= terms.value and terms.value.amount <= UNIT_PRICE_MAX
    ):
        raise LineRefused(f"line {number}: a voucher costs at most its value")


def keep_totals(lines: Sequence[Line], currency: str) -> None:
    """Raises `BookingTooLarge`."""
    if total((line.amount for line in lines), currency=currency).amount > TOTAL_MAX:
        raise BookingTooLarge(f"a booking is at most {TOTAL_MAX} minor units", limit=TOTAL_MAX)
    size = sum(
        len(line.name.encode()) + len(line.sku or "") + 320 + 64 * len(line.lowers)
        for line in lines
    )
    if size > LINES_BYTES_MAX:
        raise BookingTooLarge(
            f"the lines of a booking hold at most {LINES_BYTES_MAX} bytes", limit=LINES_BYTES_MAX
        )


def taxed_before(payments: Iterable[Payment]) -> Iterable[tuple[Payment, str, int, int]]:
    """Payments by single-purpose vouchers, with VAT key, rate and UST_SCHLUESSEL of their sale."""
    for paid in payments:
        if paid.kind != "voucher":
            continue  # What a cost center gets back names its VAT key as well.
        if paid.rate is not None and paid.vat is not None and paid.dsfinvk_key is not None:
            yield paid, paid.vat, paid.rate, paid.dsfinvk_key


def settled_by_vat(payments: Iterable[Payment]) -> Iterable[tuple[str, int, int]]:
    """(VAT key, its UST_SCHLUESSEL, minor units) of the goods that payments at their VAT settle:
    by single-purpose vouchers that cover no lines, cost centers and subsidies."""
    known = tuple(payments)
    for paid, vat, _, key in taxed_before(known):
        if not paid.covers:
            yield vat, key, paid.amount.amount
    for paid in known:
        for part in paid.parts:
            yield part.vat, part.dsfinvk_key, part.gross.amount


def vat_totals(lines: Iterable[Line], payments: Iterable[Payment] = ()) -> tuple[VatTotal, ...]:
    """The VAT table over lines, computed once per booking on gross sums (money.vat).

    What single-purpose vouchers pay was taxed when they were sold: it is taken off, at the rate of
    that day.
    """
    parts = [(line.vat, line.rate, line.dsfinvk_key, line.amount) for line in lines]
    parts += [(vat, rate, key, -paid.amount) for paid, vat, rate, key in taxed_before(payments)]
    # A rate may have changed since the sale: then the same VAT key has two rows.
    rows = {f"{vat}@{rate}": (vat, key) for vat, rate, key, _ in reversed(parts)}
    return tuple(
        VatTotal(
            vat=rows[share.vat][0],
            rate=share.rate,
            dsfinvk_key=rows[share.vat][1],
            gross=share.gross,
            net=share.net,
            tax=share.tax,
        )
        for share in split_by_rate(
            (f"{vat}@{rate}", rate, amount) for vat, rate, _, amount in parts
        )
    )


PAID_FOR: frozenset[LineKind] = frozenset({"article", "deposit"})
"""What a voucher or a cost center may pay for. A deposit is a part of its goods."""

GOODS: frozenset[LineKind] = PAID_FOR | {"voucher_article_redemption", "discount"}
"""What of that is left once article vouchers and discounts are off. No voucher buys or tops up a
voucher, and none pays a tip."""


def article_total(lines: Iterable[Line], currency: str) -> Money:
    """What vouchers may pay for."""
    return total(
        (
            line.amount
            for line in lines
            # The discount of goods that come back belongs to those.
            if line.kind in GOODS and (line.kind != "discount" or line.amount.amount < 0)
        ),
        currency=currency,
    )
