"""What the gateway can be asked to do. Commands carry the time and every new id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from device_gateway.commands.acts import EditCommand
from device_gateway.commands.library import KeptFee, LibraryPart
from device_gateway.commands.papers import NoteOverdue, NotePrinted, NoteQueued, NoteVerdict
from device_gateway.commands.shifts import NoteOutage, RequestTse
from device_gateway.commands.terminal import CardCommand
from device_gateway.commands.tills import (
    AcceptClock,
    DeclareStore,
    DeclareUnattended,
    OfferPairing,
    PairTill,
    RevokeTill,
    RollToken,
)
from device_gateway.events import (
    ChargeProblem,
    FiscalKind,
    LineKind,
    Payer,
    Payment,
    PaymentKind,
    Reference,
    SoldTerms,
    TerminalWish,
    VatRate,
    VoucherArticles,
)
from kassenverbund.kit.fiscal_cases import DEFAULTS, Choices, KeyRule
from money import Money

__all__ = [
    "AcceptClock",
    "DeclareStore",
    "DeclareUnattended",
    "NoteOverdue",
    "NotePrinted",
    "NoteQueued",
    "NoteVerdict",
    "OfferPairing",
    "PairTill",
    "RevokeTill",
    "RollToken",
]

# --- booking ---


@dataclass(frozen=True, slots=True)
class NewLine:
    """A line as the till sent it."""

    kind: LineKind
    sku: str | None
    name: str
    quantity: Decimal
    unit_price: Money
    vat: str
    article_group: str | None = None
    voucher: SoldTerms | None = None
    own_id: str | None = None
    """Of a printed card's preparation or a top-up: derived from the request, so that a repeat of
    the request, which has the code again, finds the line."""
    gtin: str | None = None
    tip_to: Literal["staff", "owner"] = "staff"
    """Whose a tip is: the staff's is not taxed, the owner's is."""
    library: LibraryPart | None = None
    """Of a fee, a load or an entitlement."""
    paired: bool = False
    """Of a voucher's article: the assortment lists it with its other half, of the same VAT."""


@dataclass(frozen=True, slots=True)
class ReturnedLine:
    """Goods of an earlier booking come back."""

    booking_id: str
    line_id: str
    quantity: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class TakenVoucher:
    """The voucher service holds the whole rest of a voucher: it is paid out in cash, or its sale is
    taken back."""

    hold_id: str
    voucher_id: str
    serial: str
    amount: Money
    vat: str
    dsfinvk_key: int
    rate: int
    reason: str
    name: str
    kind: Literal["voucher_payout", "voucher_sale_reversal"] = "voucher_payout"


@dataclass(frozen=True, slots=True)
class Refund:
    """How money goes back to the customer, where a booking ends below zero."""

    payment_id: str
    kind: PaymentKind
    name: str
    fiscal: FiscalKind
    payment_type: str | None = None


@dataclass(frozen=True, slots=True)
class NewPayment:
    """A payment as the till sent it, without any code. `amount` None: as much as is open."""

    payment_id: str
    kind: PaymentKind
    name: str
    fiscal: FiscalKind
    amount: Money | None
    hold_id: str | None = None
    together: bool = False
    """Several vouchers: `hold_id` is the id of their group."""
    payment_type: str | None = None
    """ZAHLART_TYP, where the chain declares one."""
    reference: Reference | None = None
    """Paid online: the order."""
    fee_line: str | None = None
    """A waiver, or credit of an account: the fee. None: the first that is open."""
    terminal: TerminalWish | None = None
    """A card: the terminal that is asked."""
    receipt_number: str | None = None
    """A card that was taken on a terminal of its own."""
    payer: Payer | None = None
    """On account: who owes it."""
    key_rule: KeyRule = "supply"
    """The same: under which UST_SCHLUESSEL the receivable stands."""
    slip: bool = False
    """A slip of its own is printed for it."""

    @property
    def asks(self) -> bool:
        """Somebody else has to agree."""
        return self.hold_id is not None or self.terminal is not None


@dataclass(frozen=True, slots=True)
class StartBooking:
    booking_id: str
    store_id: str
    till_id: str
    legal_entity_id: str
    currency: str
    now: datetime
    cashier_id: str | None = None
    approved_by: str | None = None
    training: bool = False
    references: Sequence[Reference] = ()
    cancels: str | None = None
    """The booking that this one takes back as a whole."""


@dataclass(frozen=True, slots=True)
class AddLines:
    booking_id: str
    lines: Sequence[NewLine]
    rates: Mapping[str, VatRate]
    """The VAT rates in force on the store's business date; a key that the booking used before
    keeps the rate it had."""
    now: datetime
    voucher_articles: Sequence[VoucherArticles] = ()
    """The pairs that the chain declares."""


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Goods come back, and rests of vouchers are paid out: lines that no price list knows. Decided
    together with the bookings that sold the goods."""

    booking_id: str
    returns: Mapping[str, Sequence[ReturnedLine]]
    """By original booking."""
    payouts: Sequence[TakenVoucher]
    now: datetime


@dataclass(frozen=True, slots=True)
class CancelBooking:
    """All of a recorded booking is taken back, by a booking that refers to it."""

    booking_id: str
    """Of the one that takes back."""
    reason: str
    vouchers: Mapping[str, TakenVoucher]
    """By line of the original: the vouchers that it sold, held by the voucher service."""
    now: datetime
    by_terminal: frozenset[str] = frozenset()
    """Payments of the original that a card terminal has to give back first."""


@dataclass(frozen=True, slots=True)
class NotePrepared:
    """The voucher service agreed to the sale of a card, or to a top-up."""

    booking_id: str
    line_id: str
    voucher_id: str
    serial: str
    now: datetime


@dataclass(frozen=True, slots=True)
class NoteLineRefused:
    booking_id: str
    line_id: str
    code: str
    detail: str
    status: int
    now: datetime


@dataclass(frozen=True, slots=True)
class RequestPayment:
    """Cash and card settle at once; what has to be held becomes `payment.requested`."""

    booking_id: str
    payment: NewPayment
    now: datetime


@dataclass(frozen=True, slots=True)
class NoteHeld:
    booking_id: str
    payment: Payment
    expires_at: datetime
    now: datetime
    subsidies: Sequence[Payment] = ()
    """A charge: what others pay of it."""
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class NoteHeldTogether:
    """Several vouchers pay what was requested as `payment_id`: one payment each."""

    booking_id: str
    payment_id: str
    legs: Sequence[tuple[Payment, datetime]]
    """With the instant at which each hold expires."""
    now: datetime


@dataclass(frozen=True, slots=True)
class NoteRefused:
    booking_id: str
    payment_id: str
    code: str
    detail: str
    status: int
    release_due: bool
    now: datetime
    charge: ChargeProblem | None = None


@dataclass(frozen=True, slots=True)
class ReopenPayment:
    booking_id: str
    payment_id: str
    code: str
    now: datetime


@dataclass(frozen=True, slots=True)
class WithdrawPayment:
    """The cashier takes a payment back before the sale is recorded."""

    booking_id: str
    payment_id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class NoteReleased:
    booking_id: str
    payment_id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class RecordBooking:
    """The till's next number goes to this booking; both are stored in one append."""

    booking_id: str
    business_date: date
    serials: Mapping[str, str]
    """voucher_id → serial, for the vouchers that this booking sells."""
    confirmed: frozenset[str]
    """The holds that the voucher service has confirmed."""
    sign_by: datetime
    now: datetime
    refund: Refund | None = None
    """How money goes out, where the booking ends below zero."""
    choices: Choices = DEFAULTS
    """How the chain books what a tax adviser may decide otherwise."""
    fees: Mapping[str, KeptFee] = field(default_factory=dict)
    """Line → what the account's owner keeps for the paid part of its fee."""
    rest_slips: bool = False
    """The store prints what is left on a voucher on a slip of its own."""


@dataclass(frozen=True, slots=True)
class AbortBooking:
    """The till's next number goes to it; both are stored in one append."""

    booking_id: str
    reason: str
    sign_by: datetime
    business_date: date
    now: datetime
    approved_by: str | None = None
    """Who lent the right to abort it."""


@dataclass(frozen=True, slots=True)
class NewOrderLine:
    """What is ordered; a quantity below zero takes back what was ordered before."""

    name: str
    quantity: Decimal
    unit_price: Money
    vat: str
    sku: str | None = None
    article_group: str | None = None


@dataclass(frozen=True, slots=True)
class OrderLines:
    """Something is ordered that another booking bills."""

    booking_id: str
    store_id: str
    till_id: str
    legal_entity_id: str
    currency: str
    lines: Sequence[NewOrderLine]
    rates: Mapping[str, VatRate]
    business_date: date
    sign_by: datetime
    now: datetime
    group: str | None = None
    order_of: str | None = None
    cashier_id: str | None = None
    kitchen: bool = False
    """Printers of the store print what has to be done for it."""


TillCommand = OfferPairing | PairTill | RevokeTill | RequestTse | RollToken
StoreCommand = DeclareStore | NoteOutage | AcceptClock
BookingCommand = (
    AddLines
    | NotePrepared
    | NoteLineRefused
    | RequestPayment
    | NoteHeld
    | NoteHeldTogether
    | NoteRefused
    | ReopenPayment
    | NoteReleased
    | WithdrawPayment
    | NoteVerdict
    | NoteOverdue
    | NoteQueued
    | NotePrinted
    | EditCommand
    | CardCommand
)
