"""How a sale ends otherwise, and what begins as one of its own: aborts, returns, cancellations,
payouts."""

from __future__ import annotations

from decimal import Decimal

from device_gateway.api.pages.locales import N_
from device_gateway.api.pages.sale.deed import Deed, Outcome
from device_gateway.api.pages.sale.finding import booking_by
from device_gateway.api.pages.sale.lines import must_be_none
from device_gateway.api.pages.sale.tenders import CodeMissing
from device_gateway.api.pages.sale.typed import quantity_of
from device_gateway.commands import ReturnedLine
from device_gateway.handlers import cancelling, ending, sales
from device_gateway.handlers.cancelling import Cancellation
from device_gateway.handlers.sales import Sale
from device_gateway.handlers.taking_back import GivenBack, WantedPayout
from events import DomainError


class NothingChosen(DomainError):
    code = "page.nothing_chosen"
    status = 422
    title = "Say how many of which line come back"


async def abort(deed: Deed) -> Outcome:
    reason = deed.form.text("reason", required=False) or "cashier"
    sale = deed.must_sale
    approved_by = await deed.allowed("void_sale") if sale.lines else None
    done = await ending.abort(
        deed.gateway, sale, reason=reason, ask=deed.ask, approved_by=approved_by
    )
    return Outcome(ended=done.booking, note=N_("The sale was aborted"))


async def give_back(deed: Deed) -> Outcome:
    """Lines of an earlier booking come back: they begin a sale, which the cashier then ends."""
    must_be_none_or_repeat(deed)
    original = await booking_by(deed.gateway, deed.store_id, deed.form.text("original"))
    assert original.started is not None
    reason = deed.form.text("reason")
    wanted = list[ReturnedLine]()
    for line in original.lines:
        typed = deed.form.raw(f"back-{line.line_id}").strip()
        quantity = quantity_of(typed) if typed else Decimal(0)
        if quantity:
            wanted.append(ReturnedLine(original.started.booking_id, line.line_id, quantity, reason))
    if not wanted:
        raise NothingChosen
    sale = Sale(
        store_id=deed.store_id,
        till_id=deed.till_id,
        lines=(),
        payments=(),
        finish=False,
        cashier_id=deed.cashier_id,
        back=GivenBack(returns=tuple(wanted)),
        approved_by=await deed.allowed("return"),
    )
    return Outcome(sale=(await sales.sell(deed.gateway, sale, ask=deed.ask)).booking)


async def cancel(deed: Deed) -> Outcome:
    """A booking of this till is taken back as a whole."""
    must_be_none_or_repeat(deed)
    original = await booking_by(deed.gateway, deed.store_id, deed.form.text("original"))
    codes = {
        line.line_id: code
        for line in original.lines
        if (code := deed.form.raw(f"code-{line.line_id}").strip())
    }
    approved_by = await deed.allowed("cancel")
    wanted = Cancellation(deed.form.text("reason"), codes, deed.cashier_id, approved_by)
    done = await cancelling.cancel(deed.gateway, original, wanted, ask=deed.ask)
    return Outcome(ended=done.booking, note=N_("The booking was cancelled"))


async def payout(deed: Deed) -> Outcome:
    """The rest of a voucher in cash, where its terms allow it: a sale of its own."""
    must_be_none_or_repeat(deed)
    if not deed.code:
        raise CodeMissing
    sale = Sale(
        store_id=deed.store_id,
        till_id=deed.till_id,
        lines=(),
        payments=(),
        finish=True,
        cashier_id=deed.cashier_id,
        back=GivenBack(payouts=(WantedPayout(deed.code, deed.form.text("reason")),)),
        approved_by=await deed.allowed("return"),
    )
    done = await sales.sell(deed.gateway, sale, ask=deed.ask)
    return Outcome(ended=done.booking)


def must_be_none_or_repeat(deed: Deed) -> None:
    """A repeat finds the sale that its first try began. Raises `SaleOpen`."""
    if deed.sale is not None and deed.sale_id != sales.booking_id_of(deed.ask):
        must_be_none(deed)
