"""What a refusal means to a cashier: what to do now, and at which field it is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from device_gateway.api.pages.locales import N_
from events import DomainError

TEXTS: Mapping[str, str] = {
    "article.price_needed": N_("This article has an open price: type what it costs."),
    "article.unknown": N_("No article has this code. Search with / or sell it by a touch key."),
    "article.half_alone": N_("The other article of this voucher is not listed. Tell the office."),
    "assortment.unavailable": N_("The search is away. Scan the article or type its number."),
    "booking.aborted": N_("This sale was aborted. Begin a new one."),
    "booking.changed": N_("The sale has changed meanwhile. Look at it and finish it again."),
    "booking.empty": N_("Nothing is sold yet. Scan an article first."),
    "booking.negative": N_("More would be taken off than there is."),
    "booking.open_amount": N_("An amount is still open. Take another means of payment for it."),
    "booking.paid_already": N_("More is paid already than would be left. Take a payment back."),
    "booking.recorded": N_("This sale is finished. A correction is a return or a cancellation."),
    "booking.too_large": N_("This is more than one sale can hold. Finish it and begin another."),
    "booking.unknown": N_("This till has no such sale."),
    "cancellation.done": N_("This sale was cancelled already."),
    "cancellation.needs_codes": N_("The sale sold vouchers: scan their codes."),
    "cancellation.not_possible": N_("This sale cannot be cancelled as a whole. Take lines back."),
    "cancellation.returned_in_part": N_("Goods of it came back already. Take the rest back."),
    "card.unknown": N_("No cost center has this card. Try the number, or pay otherwise."),
    "card.aborted": N_("The card payment was stopped. Nothing was taken."),
    "card.declined": N_("The card was declined. Pay otherwise."),
    "card.not_taken": N_("The terminal took nothing. Try again, or pay otherwise."),
    "terminal.away": N_("The terminal does not answer. Nothing was taken. Pay otherwise."),
    "terminal.busy": N_("The terminal is busy. Wait until it is done."),
    "terminal.unknown": N_("This till has no terminal. Take the card on another device."),
    "fee.none_open": N_("No fee of this sale is open."),
    "fee.over_open": N_("That is more than what is open of the fee."),
    "fee.unknown": N_("This account has no such fee."),
    "fee.waiver_needs_reason": N_("Type why the fee is waived, or scan a voucher."),
    "library.unavailable": N_("The accounts do not answer. Try again later."),
    "payment.at_terminal": N_("A card payment is at the terminal. Wait for it, or stop it."),
    "terminal.refused": N_("The terminal refused it. Nothing was taken."),
    "terminal.idle": N_("The terminal does nothing that could be stopped."),
    "code.mistyped": N_("A character of this code is wrong. Scan or type it again."),
    "card.blocked": N_("This card is blocked. Pay otherwise."),
    "charge.buys_voucher": N_("A cost center cannot pay for a voucher. Pay otherwise."),
    "charge.card_choice": N_("This cost center has several cards. Type the number of one."),
    "charge.group_mode": N_("The cards of this group pay at once: take cash or a bank card."),
    "charge.no_card": N_("No cost center has this number, or it has no card."),
    "costcenter.unavailable": N_("The cost centers do not answer. Cash and cards go on."),
    "center.unknown": N_("No cost center has this number."),
    "limit.exceeded": N_("The limit of this cost center does not leave so much."),
    "field.invalid": N_("This field is not filled in as it has to be."),
    "hold.expired": N_("This payment has run out. Ask for the voucher or the card again."),
    "idempotency_key.reused": N_("This was sent before. Look at the sale and go on."),
    "line.not_prepared": N_("A voucher was not agreed to yet. Try again, or remove its line."),
    "line.discounted": N_("A discount lowers this line. Void the discount first."),
    "line.fixed": N_("This line cannot be changed. Void it and sell it anew."),
    "line.unknown": N_("This sale has no such line."),
    "booking.held_already": N_(
        "A voucher or a cost center pays for the goods. Take it back first."
    ),
    "discount.too_much": N_("The discount is more than what it lowers."),
    "till.discount_max": N_("You may not give so much discount. Somebody else can approve it."),
    "approval.not_valid": N_("This approval is no longer valid. Ask for it again."),
    "page.no_fee": N_("Tick what is settled."),
    "line.refused": N_("This line breaks a rule of the till."),
    "entitlement.not_confirmed": N_("Look at the new day first."),
    "order.claimed": N_("Another till is handing this order over, or has done it."),
    "order.other_store": N_("This order waits in another store."),
    "order.total_differs": N_("The lines of this order do not add up. Tell the office."),
    "order.unavailable": N_(
        "Orders cannot be looked up now. Take the number down and ask again later."
    ),
    "order.unknown": N_("No order has this code or number."),
    "order.vat_unknown": N_("The VAT of an ordered article is not known. Tell the office."),
    "page.day": N_("This is no day. Type it like 31.12.2026, or j m w h + -."),
    "page.amount": N_("This is no amount. Type it like 12,50."),
    "page.article_unknown": N_("No article has this code. Search with / or use a touch key."),
    "page.code_missing": N_("Scan the code, or type it."),
    "page.no_sale": N_("No sale is open. Scan an article first."),
    "page.nothing_chosen": N_("Type how many of which line come back."),
    "page.receipt_unknown": N_("No receipt of this store has this number or code."),
    "page.scan_address": N_("This is a web address: nothing is sold or paid with it."),
    "page.scan_damaged": N_("This code could not be read whole. Scan it again."),
    "page.sale_moved": N_("The sale has changed in another window. Nothing was done: look at it."),
    "page.sale_open": N_("Finish, park or abort the open sale first."),
    "payment.exceeds_open": N_("That is more than what is open. Only cash may be more."),
    "payment.kind_unknown": N_("This store does not take this means of payment."),
    "payment.nothing_open": N_("Nothing is open to be paid."),
    "payment.out_of_range": N_("This amount is too small or too large."),
    "payment.stays": N_("This payment cannot be taken back. Refund it, or abort the sale."),
    "payment.not_there": N_("This sale has no such payment."),
    "payment.unknown": N_("Nobody knows whether the card paid: look at the terminal."),
    "payment.voucher_buys_voucher": N_("A voucher cannot pay for a voucher. Pay otherwise."),
    "return.not_possible": N_("This line cannot come back by itself. Cancel the whole sale."),
    "return.too_much": N_("More would come back than was sold."),
    "scan.unknown": N_("This scan is no longer there. Scan again."),
    "scan.other_kind": N_("This was scanned, and it is something else."),
    "till.cash_short": N_("The drawer does not hold so much cash."),
    "till.not_open": N_("This till has no open shift. Open it first."),
    "till.right_missing": N_("You may not do this. Somebody who may can lend the right."),
    "till.sign_in_needed": N_("Nobody is signed in. Sign in first."),
    "training.refused": N_("A training takes no vouchers and no cost centers."),
    "voucher.differs": N_("This voucher has other terms than the line that sells it."),
    "voucher.insufficient": N_("The voucher does not hold so much."),
    "voucher.not_restorable": N_("A voucher that paid cannot get it back now. Try again soon."),
    "voucher.not_usable": N_("This voucher is not valid. Pay otherwise."),
    "voucher.offline_cap": N_("Without a line this voucher pays no more than it has paid."),
    "voucher.offline_day_full": N_("Without a line no more is taken by voucher today."),
    "voucher.offline_not_taken": N_("Without a line this voucher is not taken. Pay otherwise."),
    "voucher.offline_one_by_one": N_("Without a line vouchers are taken one by one."),
    "voucher.offline_unsigned": N_("Without a line only a scanned QR code is taken."),
    "voucher.rate_limited": N_("Too many wrong codes. Wait a minute, or pay otherwise."),
    "voucher.unavailable": N_("The vouchers do not answer. Cash and cards go on."),
}
"""Code → what to do. One that is not here is told by its title and its code."""

FIELDS: Mapping[str, str] = {
    "page.amount": "amount",
    "payment.exceeds_open": "amount",
    "payment.out_of_range": "amount",
    "page.code_missing": "code",
    "code.mistyped": "code",
    "voucher.not_usable": "code",
    "voucher.insufficient": "code",
    "voucher.rate_limited": "code",
    "card.unknown": "code",
    "card.blocked": "code",
    "charge.no_card": "number",
    "center.unknown": "number",
    "charge.card_choice": "card_number",
    "page.receipt_unknown": "receipt",
    "order.unknown": "number",
}
"""Where in a dialog it is said; otherwise above its fields."""


@dataclass(frozen=True, slots=True)
class Told:
    """A refusal as the page shows it."""

    code: str
    text: str
    """A message of the catalogue, or the title."""
    known: bool
    at: str = ""
    """The field at which it is said; empty: above them all."""
    extra: Mapping[str, Any] = field(default_factory=dict)


def told_of(refusal: DomainError, texts: Mapping[str, str]) -> Told:
    """`texts`: those of all pages."""
    text = TEXTS.get(refusal.code) or texts.get(refusal.code)
    where = str(refusal.extra.get("field") or FIELDS.get(refusal.code, ""))
    extra = {name: value for name, value in refusal.extra.items() if name != "field"}
    return Told(refusal.code, text or refusal.title, text is not None, where, extra)
