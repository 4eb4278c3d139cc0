"""What the gateway can be asked to do. Commands carry the time and every new id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from device_gateway.events import (
    ChargeProblem,
    FiscalKind,
    LineKind,
    MasterDataChanged,
    Payment,
    PaymentKind,
    SoldTerms,
    VatRate,
    VerdictReceived,
    VoucherArticles,
)
from money import Money

# --- store and till ---


@dataclass(frozen=True, slots=True)
class DeclareStore:
    """What `chain.yaml` says at start."""

    declared: MasterDataChanged


@dataclass(frozen=True, slots=True)
class OfferPairing:
    store_id: str
    till_id: str
    pairing_id: str
    name: str
    code_hash: str
    expires_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class PairTill:
    """Exchange the code of `pairing_id` for a token, of which only the hash is known here."""

    store_id: str
    till_id: str
    code_hash: str
    token_hash: str
    now: datetime


@dataclass(frozen=True, slots=True)
class RevokeTill:
    store_id: str
    till_id: str
    reason: str
    now: datetime


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


@dataclass(frozen=True, slots=True)
class StartBooking:
    booking_id: str
    store_id: str
    till_id: str
    legal_entity_id: str
    currency: str
    now: datetime


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


@dataclass(frozen=True, slots=True)
class AbortBooking:
    booking_id: str
    reason: str
    sign_by: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class NoteVerdict:
    verdict: VerdictReceived


@dataclass(frozen=True, slots=True)
class NoteOverdue:
    booking_id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class NoteQueued:
    booking_id: str
    job_id: str
    slips: bool
    now: datetime


@dataclass(frozen=True, slots=True)
class NotePrinted:
    """From the printing room: the printer has the job."""

    booking_id: str
    printer_id: str
    job_id: str
    is_copy: bool
    now: datetime


TillCommand = OfferPairing | PairTill | RevokeTill
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
    | AbortBooking
    | NoteVerdict
    | NoteOverdue
    | NoteQueued
    | NotePrinted
)
