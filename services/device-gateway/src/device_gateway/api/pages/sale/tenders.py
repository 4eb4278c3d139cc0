"""How a cashier takes payment for the open sale."""

from __future__ import annotations

from device_gateway.api.pages.sale.deed import Deed, NoSale, Outcome, money_left
from device_gateway.decider.booking_state import Booking, Tender
from device_gateway.decider.refusals import NothingOpen
from device_gateway.handlers import ending, sales
from device_gateway.handlers.ending import Progress
from device_gateway.handlers.taking_back import RefundKind
from device_gateway.handlers.tendered import TenderedPayment, payment_id_of
from device_gateway.handlers.vouchers import sub_ask
from device_gateway.handlers.withdrawing import withdraw
from device_gateway.ports import ChargeAsked, ChargeCard
from events import DomainError
from money import Money

READ_BACK = frozenset({"cost_center", "on_account"})
"""Whoever pays so is read back to the customer before the sale ends."""


class CodeMissing(DomainError):
    code = "page.code_missing"
    status = 422
    title = "Scan the code, or type it"


def _typed(deed: Deed) -> Money | None:
    return deed.amount("amount") or deed.amount("entry")


async def _paid(deed: Deed, sale: Booking, paid: TenderedPayment) -> Outcome:
    """Pay, and end the sale where nothing is left open and nobody has to be read back."""
    progress = await sales.pay(deed.gateway, sale, [paid], ask=deed.ask)
    booking = progress.booking
    if not booking.open:
        return Outcome(ended=booking)
    if booking.open_amount.amount > 0 or _read_back(booking):
        return Outcome(sale=booking)
    return await _ended(deed, booking)


def _read_back(booking: Booking) -> bool:
    return any(
        tender.kind in READ_BACK and tender.payment is not None for tender in booking.tenders
    )


async def _ended(deed: Deed, booking: Booking, refund: RefundKind = "cash") -> Outcome:
    step = sub_ask(deed.ask, "record")
    done: Progress = await ending.finish(deed.gateway, booking, ask=step, refund=refund)
    return Outcome(ended=done.booking)


async def cash(deed: Deed) -> Outcome:
    """What the customer gives; nothing typed: exactly what is open."""
    sale = deed.must_sale
    given = _typed(deed) or money_left(sale)
    if not given:
        raise NothingOpen
    return await _paid(deed, sale, TenderedPayment("cash", given))


async def card(deed: Deed) -> Outcome:
    """By card, without a terminal that is connected."""
    sale = deed.must_sale
    wanted = _typed(deed) or money_left(sale)
    if not wanted:
        raise NothingOpen
    return await _paid(deed, sale, TenderedPayment("card", wanted))


async def voucher(deed: Deed) -> Outcome:
    """A voucher pays what it can, at most `amount` where one is typed."""
    sale = deed.must_sale
    code = deed.code
    if not code:
        raise CodeMissing
    amount = deed.amount("amount")
    codes = tuple(each for each in code.split() if each)
    if len(codes) > 1:
        return await _paid(deed, sale, TenderedPayment("voucher", amount, codes=codes))
    return await _paid(deed, sale, TenderedPayment("voucher", amount, code))


async def center(deed: Deed) -> Outcome:
    """A cost center by a scanned card, or by its number: who pays is shown before the sale ends."""
    sale = deed.must_sale
    code, number = deed.code, deed.form.text("number", required=False)
    amount = deed.amount("amount")
    exact = deed.form.raw("up_to") != "on"
    if number:
        named = ChargeCard(
            center_number=number, card_number=deed.form.text("card_number", required=False) or None
        )
        asked = ChargeAsked(named, exact=exact)
        return await _paid(deed, sale, TenderedPayment("cost_center", amount, charge=asked))
    if not code:
        raise CodeMissing
    if not exact:
        asked = ChargeAsked(ChargeCard(code=code), exact=False)
        return await _paid(deed, sale, TenderedPayment("cost_center", amount, charge=asked))
    return await _paid(deed, sale, TenderedPayment("customer_card", amount, code))


async def online(deed: Deed) -> Outcome:
    """An order of the web shop that was paid there."""
    sale = deed.must_sale
    order = deed.form.text("order", required=False, max_length=40)
    if not order:
        raise CodeMissing
    amount = deed.amount("amount") or money_left(sale)
    return await _paid(deed, sale, TenderedPayment("online", amount, order=order))


async def finish(deed: Deed) -> Outcome:
    """Record the sale. Where more comes back than is bought, `refund` says how money goes out."""
    refund: RefundKind = "card" if deed.form.raw("refund") == "card" else "cash"
    sale = deed.must_sale
    done = await ending.finish(deed.gateway, sale, ask=deed.ask, refund=refund)
    return Outcome(ended=done.booking)


async def release(deed: Deed) -> Outcome:
    """Take a payment back: what it settled is open again."""
    wanted = deed.form.text("payment")
    progress = await withdraw(deed.gateway, deed.must_sale, wanted, ask=deed.ask)
    return Outcome(sale=progress.booking, note="The payment was taken back")


def refused_tender(sale: Booking | None, deed: Deed) -> Tender | None:
    """The payment that this form asked for, where it is known by now."""
    if sale is None or sale.started is None:
        return None
    return sale.tender(payment_id_of(sale.started.booking_id, f"{deed.ask.key}/0"))


__all__ = [
    "CodeMissing", "NoSale", "card", "cash", "center", "finish", "online", "refused_tender",
    "release", "voucher",
]  # fmt: skip
