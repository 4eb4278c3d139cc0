"""What comes into the sale: scanned, typed, found, or by a touch key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from device_gateway.api.pages.sale.deed import Deed, Outcome, SaleOpen
from device_gateway.api.pages.sale.typed import AmountUnclear, entry_of, quantity_of
from device_gateway.commands import NewLine
from device_gateway.decider.article import ArticleUnknown
from device_gateway.decider.booking_state import Booking
from device_gateway.handlers import assortment, sales
from device_gateway.handlers.assortment import IsFunction, ListedLine, PriceNeeded
from device_gateway.handlers.library import AccountLine
from device_gateway.handlers.sales import NewLineWithCode, Sale, SentLine
from device_gateway.ports import Place
from events import DomainError
from money import Money

Wanted = SentLine | ListedLine | AccountLine

VOUCHER_VAT = "zero"
GTIN_LENGTHS = frozenset({8, 12, 13, 14})


class ArticleNotFound(DomainError):
    """`code` of the article is what was scanned or typed."""

    code = "page.article_unknown"
    status = 404
    title = "No article has this code; search with /"


async def add(deed: Deed, sent: Sequence[Wanted]) -> Booking:
    """The lines in the open sale, or in one that begins with them."""
    place = Place(deed.store_id, deed.till_id, deed.next_id, "")
    lines = await assortment.resolved(
        deed.gateway, place, sent, ask=deed.ask, approval=deed.approval
    )
    if deed.sale is not None:
        return (await sales.add(deed.gateway, deed.sale, lines, ask=deed.ask)).booking
    sale = Sale(
        store_id=deed.store_id,
        till_id=deed.till_id,
        lines=lines,
        payments=(),
        finish=False,
        cashier_id=deed.cashier_id,
        training=deed.form.yes("training"),
    )
    for right in sale.needs:
        sale = replace(sale, approved_by=await deed.allowed(right))
    return (await sales.sell(deed.gateway, sale, ask=deed.ask)).booking


async def enter(deed: Deed) -> Outcome:
    """What was typed into the entry field and ended with Enter, or came of a scanner."""
    entry = entry_of(deed.form.text("entry", required=False, max_length=500))
    return await sold(deed, entry.rest, entry.quantity)


async def sold(deed: Deed, code: str, quantity: Decimal | None) -> Outcome:
    """One article, by its GTIN or its number."""
    if not code:
        raise ArticleNotFound(code_read="")
    if deed.form.raw("quantity"):
        quantity = quantity or quantity_of(deed.form.raw("quantity"))
    try:
        return Outcome(sale=await add(deed, [_listed(code, quantity)]))
    except ArticleUnknown:
        pass
    except PriceNeeded:
        return _price_needed(code, quantity)
    except IsFunction as function:
        return function_of(function)
    try:
        # A number of the assortment may look like a GTIN.
        return Outcome(sale=await add(deed, [ListedLine(code, None, quantity or Decimal(1))]))
    except ArticleUnknown:
        raise ArticleNotFound(code_read=code[-4:]) from None
    except PriceNeeded:
        return _price_needed(code, quantity)
    except IsFunction as function:
        return function_of(function)


def _listed(code: str, quantity: Decimal | None) -> ListedLine:
    looks = code.isascii() and code.isdigit() and len(code) in GTIN_LENGTHS
    count = quantity or Decimal(1)
    return ListedLine(None, code, count) if looks else ListedLine(code, None, count)


def _price_needed(code: str, quantity: Decimal | None) -> Outcome:
    about = {"sku": code, "quantity": format(quantity or Decimal(1), "f")}
    return Outcome(dialog="price", about=about)


FUNCTIONS = {
    "pay_by_center_number": "center",
    "pay_by_customer_card": "center",
    "redeem_voucher": "voucher",
    "order_pickup": "pickup",
    "tip": "tip",
}
"""What an article without goods opens."""


def function_of(function: IsFunction) -> Outcome:
    """The dialog that a function key opens."""
    named = str(function.extra.get("function") or "")
    return Outcome(dialog=FUNCTIONS.get(named, "more"))


async def sku(deed: Deed) -> Outcome:
    """A touch key, or a line of the search."""
    named = deed.form.text("sku", max_length=64)
    typed = deed.form.raw("entry")
    entry = entry_of(typed) if typed else None
    quantity = None if entry is None else entry.quantity
    if deed.form.raw("quantity"):
        quantity = quantity_of(deed.form.raw("quantity"))
    price = deed.amount("price")
    if price is None and entry is not None and entry.quantity is None and entry.rest:
        price = _maybe(deed)
    wanted = ListedLine(named, None, quantity or Decimal(1), price)
    try:
        return Outcome(sale=await add(deed, [wanted]))
    except PriceNeeded:
        return _price_needed(named, quantity)
    except IsFunction as function:
        return function_of(function)


def _maybe(deed: Deed) -> Money | None:
    """A price that was typed before the key was pressed."""
    try:
        return deed.amount("entry")
    except AmountUnclear:
        return None


async def voucher_sale(deed: Deed) -> Outcome:
    """A voucher of an amount: a preset, or what was typed. A printed card brings its code."""
    value = deed.amount("value") or deed.amount("entry")
    if value is None:
        return Outcome(dialog="voucher-sale")
    line = NewLine(
        kind="voucher_sale",
        sku=None,
        name=_voucher_name(deed),
        quantity=Decimal(1),
        unit_price=value,
        vat=VOUCHER_VAT,
    )
    sent: SentLine = NewLineWithCode(line, deed.code) if deed.code else line
    return Outcome(sale=await add(deed, [sent]))


async def top_up(deed: Deed) -> Outcome:
    """More value for a voucher that the customer has."""
    value = deed.amount("value")
    if value is None:
        raise AmountUnclear
    line = NewLine(
        kind="voucher_top_up",
        sku=None,
        name=_voucher_name(deed),
        quantity=Decimal(1),
        unit_price=value,
        vat=VOUCHER_VAT,
    )
    return Outcome(sale=await add(deed, [NewLineWithCode(line, deed.code)]))


def _voucher_name(deed: Deed) -> str:
    for means in deed.master_data.means_of_payment:
        if means.kind == "voucher":
            return means.name
    return "Gutschein"


async def tip(deed: Deed) -> Outcome:
    """A tip, the staff's."""
    value = deed.amount("value")
    if value is None:
        raise AmountUnclear
    line = NewLine(
        kind="tip", sku=None, name="Trinkgeld", quantity=Decimal(1), unit_price=value, vat="zero",
        tip_to="staff",
    )  # fmt: skip
    return Outcome(sale=await add(deed, [line]))


async def deposit_return(deed: Deed) -> Outcome:
    """Empties come back: the deposit article that is chosen, taken off."""
    found = await assortment.article(deed.gateway, deed.form.text("sku", max_length=64))
    if found.price is None:
        raise PriceNeeded(sku=found.sku)
    line = NewLine(
        kind="deposit_return",
        sku=found.sku,
        name=found.name,
        quantity=quantity_of(deed.form.raw("quantity") or "1"),
        unit_price=found.price,
        vat=found.vat,
    )
    return Outcome(sale=await add(deed, [line]))


def must_be_none(deed: Deed) -> None:
    """Raises `SaleOpen`."""
    if deed.sale is not None:
        raise SaleOpen
