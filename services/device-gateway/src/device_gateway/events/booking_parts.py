"""What bookings and their payments are made of."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from device_gateway.events.charges import LimitLeft, Payer, VatPart
from device_gateway.events.parts import (
    FiscalKind,
    LeftOut,
    LineKind,
    Part,
    PaymentKind,
    Quantity,
    Rare,
    Reference,
    VoucherKind,
)
from device_gateway.events.terminal_parts import TerminalReceipt
from money import Money


class SoldTerms(Part):
    """What kind of voucher a line sells."""

    kind: VoucherKind = "multi_purpose"
    value: Rare[Money] = None
    """Face value, where it is not what is paid; with a template None: the template fixes it."""
    goods: Rare[str] = None
    """Single-purpose: the kind of goods, for the paper (BMF letter of 2 Nov 2020)."""
    template: Rare[str] = None
    card: Annotated[bool, LeftOut] = False
    """A printed card is sold: its code was in the request and stands nowhere."""


class Cover(Part):
    """How much of one line a payment or a discount is for."""

    line_id: str
    amount: Money


class Act(Part):
    """What somebody changed of a sale before it was recorded; a closing lists it with its
    reason."""

    kind: Literal["line_void", "price_change", "discount"]
    line_id: str
    name: str
    """Of the line."""
    amount: Money
    """By how much it changed what is to pay."""
    reason: str
    person: Rare[str] = None
    """Ids, never names."""
    approved_by: Rare[str] = None
    """Who lent the right."""
    at: datetime


class Line(Part):
    """One line. `amount` is gross: unit price x quantity, rounded to whole minor units. What lowers
    the total (a redemption, a discount) has a negative price and amount."""

    line_id: str
    kind: Annotated[LineKind, Field(json_schema_extra={"x-fallback": "article"})]
    sku: str | None = None
    name: str
    quantity: Quantity
    unit_price: Money
    amount: Money
    vat: str
    rate: int
    dsfinvk_key: int
    voucher_id: str | None = None
    """Of what is sold or topped up on this line, or the preparation of a printed card."""
    voucher_serial: str | None = None
    article_group: Rare[str] = None
    """Some vouchers pay for some groups only."""
    case: Rare[str] = None
    """GV_TYP of DSFinV-K, where it is not `Umsatz`."""
    voucher: Rare[SoldTerms] = None
    top_up_id: Rare[str] = None
    hold_id: Rare[str] = None
    """Of the voucher that a discount comes of."""
    reason: Rare[str] = None
    """Why a discount was given, or goods were taken back."""
    case_name: Rare[str] = None
    """GV_NAME of DSFinV-K, where the case has one."""
    gtin: Rare[str] = None
    reference: Rare[Reference] = None
    """Of a return: the line that was sold."""
    reversal_id: Rare[str] = None
    """Under which another service takes back what it did for the line that was sold."""
    lowers: Annotated[tuple[Cover, ...], LeftOut] = ()
    """A discount that somebody gave: the lines it lowers, together its amount without the minus."""
    list_price: Rare[Money] = None
    """What one cost before somebody changed the price."""

    account_id: Rare[str] = None
    """Of a fee, or of what is loaded."""
    fee_id: Rare[str] = None
    fee_kind: Rare[str] = None
    """As its owner's system calls it."""
    settlement_id: Rare[str] = None
    """Recorded: under which the account's owner keeps this part of the fee for the booking."""
    how: Rare[Literal["credit", "payment", "waiver"]] = None
    """Recorded: how this part of the fee is settled."""
    voucher_remaining: Rare[Money] = None
    """Of a `fee_waiver`, or of the last `discount` of a voucher that was given away: what is left
    on the voucher; the receipt prints it."""
    load_id: Rare[str] = None
    extension_id: Rare[str] = None
    """An entitlement of `subject_id` that a voucher extends."""
    subject_id: Rare[str] = None
    entitlement: Rare[str] = None
    old_until: Rare[date] = None
    new_until: Rare[date] = None

    @property
    def has_slip(self) -> bool:
        """A voucher whose code is printed: a card has its own."""
        return self.kind == "voucher_sale" and not (self.voucher is not None and self.voucher.card)

    @property
    def asks_first(self) -> bool:
        """A printed card or a top-up: the voucher service has to agree while its code is known."""
        return self.kind == "voucher_top_up" or (self.kind == "voucher_sale" and not self.has_slip)


class Payment(Part):
    """A payment that settled something. `amount` is what it settles of the total."""

    payment_id: str
    kind: Annotated[PaymentKind, Field(json_schema_extra={"x-fallback": "other"})]
    name: str
    fiscal: FiscalKind
    amount: Money
    tendered: Money | None = None
    """Cash: what the customer handed over."""
    change: Money | None = None
    hold_id: str | None = None
    voucher_id: str | None = None
    voucher_serial: str | None = None
    voucher_remaining: Money | None = None
    """What is left on the voucher once this booking is captured; the receipt prints it."""
    vat: str | None = None
    dsfinvk_key: int | None = None
    """Vouchers: the VAT treatment of the redemption (multi-purpose: key 5)."""
    rate: Rare[int] = None
    """Single-purpose: basis points at which the voucher was taxed when it was sold."""
    case: Rare[str] = None
    """GV_TYP of DSFinV-K: a redemption is no means of payment there."""
    case_name: Rare[str] = None
    payment_type: Rare[str] = None
    """ZAHLART_TYP of DSFinV-K. None, in older events: the table of fiscal cases says it."""
    reference: Rare[Reference] = None
    reversal_id: Rare[str] = None
    """Under which another service takes its payment back."""
    waiver: Rare[str] = None
    """The voucher was given away: it lowers the price, and this is the reason. Such a payment is
    never in a recorded booking: it has become lines of kind `discount` by then."""
    covers: Annotated[tuple[Cover, ...], LeftOut] = ()
    """A voucher for some goods only: the lines that it pays for, together `amount`. Empty: it pays
    for whatever nothing else does."""
    new_code: Annotated[bool, LeftOut] = False
    """The voucher has a short code of another system. Where a rest is left, it gets a new one with
    this booking, and a slip is printed."""
    offline: Annotated[bool, LeftOut] = False
    """A voucher that was taken by its QR code alone, while the voucher service could not be asked:
    `voucher_serial` names it, `voucher_id` and `voucher_remaining` are not known."""
    parts: Annotated[tuple[VatPart, ...], LeftOut] = ()
    """Cost centers and subsidies: the amount over the VAT keys of the goods. Their sum is it."""
    center_id: Rare[str] = None
    center_number: Rare[str] = None
    center_name: Rare[str] = None
    center_address: Annotated[tuple[str, ...], LeftOut] = ()
    """As the slip prints it: the center's own, or its company's."""
    card_id: Rare[str] = None
    card_number: Rare[str] = None
    """The customer card that the charge was made with."""
    limits_left: Annotated[tuple[LimitLeft, ...], LeftOut] = ()
    rule_id: Rare[str] = None
    """Of a subsidy; its `hold_id` is that of the charge that it came with."""
    terminal: Rare[TerminalReceipt] = None
    """A card: what the terminal said that took it."""
    receipt_number: Rare[str] = None
    """A card that was taken on a terminal of its own: the number of its receipt there."""
    payer: Rare[Payer] = None
    """Who owes it, where it is on account."""
    slip: Annotated[bool, LeftOut] = False
    """A slip of its own is printed for it."""


class Waiver(Part):
    """What a voucher that was given away took off the price. Its value is used up, but it is no
    means of payment."""

    hold_id: str
    voucher_id: str
    serial: str
    amount: Money
    reason: str
    new_code: Annotated[bool, LeftOut] = False
    """As of a payment."""


class BasketPart(Part):
    """What of the booking a voucher or a cost center may pay for: a line, less what other payments
    cover of it. For vouchers, what is settled somewhere at a VAT key stands here with a minus and
    without a line; for cost centers it is off the lines already."""

    gross: Money
    vat: str
    dsfinvk_key: int
    article_group: Rare[str] = None
    line_id: Rare[str] = None
    """The line; in a long booking the first of many that are alike in group and VAT key."""
    rate: Rare[int] = None
    quantity: Rare[Quantity] = None


class VatTotal(Part):
    """One row of the booking's VAT table: gross = net + tax, over the lines of one rate."""

    vat: str
    rate: int
    dsfinvk_key: int
    gross: Money
    net: Money
    tax: Money
