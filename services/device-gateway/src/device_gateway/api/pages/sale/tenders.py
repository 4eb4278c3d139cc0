"""How a cashier takes payment for the open sale."""

from __future__ import annotations

from typing import Literal

from device_gateway.api.pages.locales import N_
from device_gateway.api.pages.sale.deed import Deed, Outcome, money_left
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.refusals import NothingOpen
from device_gateway.events import Payer
from device_gateway.handlers import ending, sales, terminal_upkeep
from device_gateway.handlers.ending import Progress
from device_gateway.handlers.fee_payments import FeePayment
from device_gateway.handlers.rights import somebody_here
from device_gateway.handlers.taking_back import RefundKind
from device_gateway.handlers.tendered import TenderedPayment
from device_gateway.handlers.terminal_upkeep import Resolution
from device_gateway.handlers.vouchers import sub_ask
from device_gateway.handlers.waiving import may_settle
from device_gateway.handlers.withdrawing import withdraw
from device_gateway.ports import ChargeAsked, ChargeCard, Place
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
    place = Place(deed.store_id, deed.till_id, deed.sale_id, "")
    await may_settle(deed.gateway, place, [paid], ask=deed.ask, approval=deed.approval)
    progress = await sales.pay(deed.gateway, sale, [paid], ask=deed.ask, approval=deed.approval)
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
    """By card, on a terminal of its own: with the number of its receipt."""
    sale = deed.must_sale
    wanted = _typed(deed) or money_left(sale)
    if not wanted:
        raise NothingOpen
    number = deed.form.text("receipt_number", required=False, max_length=20) or None
    return await _paid(deed, sale, TenderedPayment("card", wanted, receipt_number=number))


async def terminal(deed: Deed) -> Outcome:
    """By card, at the till's own terminal: waits for its end, which is bounded."""
    sale = deed.must_sale
    if not money_left(sale):
        raise NothingOpen
    return await _paid(deed, sale, TenderedPayment("card", _typed(deed), terminal=True))


async def terminal_abort(deed: Deed) -> Outcome:
    """The terminal is told to stop; the payment's own request says what came of it."""
    await terminal_upkeep.abort_at(deed.gateway, deed.store_id, deed.till_id, None)
    return Outcome(sale=deed.sale, note=N_("The terminal was told to stop"))


async def resolve(deed: Deed) -> Outcome:
    """A person has looked into the terminal's journal."""
    taken: Literal["approved", "not_taken"] = (
        "approved" if deed.form.raw("outcome") == "approved" else "not_taken"
    )
    number = deed.form.text("receipt_number", required=False, max_length=20) or None
    said = Resolution(taken, deed.form.text("reason"), number)
    booking = await terminal_upkeep.resolve(
        deed.gateway, deed.must_sale, deed.form.text("payment"), said, ask=deed.ask,
        approval=deed.approval,
    )  # fmt: skip
    return Outcome(sale=booking)


async def on_account(deed: Deed) -> Outcome:
    """A customer, or somebody else who pays for others, gets an invoice."""
    sale = deed.must_sale
    kind: Literal["customer", "third_party"] = (
        "third_party" if deed.form.raw("payer_kind") == "third_party" else "customer"
    )
    payer = Payer(
        id=deed.form.identifier("payer") or "",
        kind=kind,
        reference=deed.form.text("reference", required=False, max_length=40) or None,
    )
    amount = deed.amount("amount") or money_left(sale)
    return await _paid(deed, sale, TenderedPayment("on_account", amount, payer=payer))


async def waive(deed: Deed) -> Outcome:
    """A fee is settled without money: by a voucher that was given away, or by decision."""
    sale = deed.must_sale
    code = deed.code or None
    reason = None if code else deed.form.text("reason")
    fee = FeePayment(
        deed.form.text("line", required=False) or None, code is not None, False, reason
    )
    return await _paid(deed, sale, TenderedPayment("waiver", deed.amount("amount"), code, fee=fee))


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
    await somebody_here(deed.gateway, sale, deed.ask)
    done = await ending.finish(deed.gateway, sale, ask=deed.ask, refund=refund)
    return Outcome(ended=done.booking)


async def release(deed: Deed) -> Outcome:
    """Take a payment back: what it settled is open again."""
    wanted = deed.form.text("payment")
    progress = await withdraw(deed.gateway, deed.must_sale, wanted, ask=deed.ask)
    return Outcome(sale=progress.booking, note=N_("The payment was taken back"))
