"""The facts that the gateway records. Shapes are binding between services: a changed one is a new
version with an upcaster. Instants are UTC; money is integer minor units.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from events import Event, Registry, event_type
from money import Money

LineKind = Literal["article", "voucher_sale"]
PaymentKind = Literal["cash", "card", "voucher"]
FiscalKind = Literal["Bar", "Unbar", "Keine"]

Quantity = Annotated[str, Field(pattern=r"^[0-9]{1,6}(\.[0-9]{1,3})?$")]
"""A decimal number as text: at most three decimals, never an exponent."""


class Part(BaseModel):
    """A piece of an event: frozen, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# --- the store: what a receipt and a booking need to know about it ---


class Address(Part):
    street: str
    postal_code: str
    city: str
    country: str


class LegalEntity(Part):
    """The business that sells (§ 6 KassenSichV no. 1: full name and address)."""

    legal_entity_id: str
    name: str
    address: Address
    vat_id: str | None = None
    tax_number: str | None = None


class StoreTse(Part):
    tse_id: str
    kind: str
    curve: str


class StorePrinter(Part):
    """A receipt printer. `till_id` None: it prints for every till of the store."""

    printer_id: str
    till_id: str | None = None
    host: str | None = None
    port: int = 9100
    virtual: bool = False
    columns: int = 48
    codepage: str = "CP858"
    codepage_number: int = 19
    qr: str = "native"
    dots: int = 576


class VatRate(Part):
    """One rate from one day on; `rate` in basis points, `dsfinvk_key` the UST_SCHLUESSEL."""

    vat: str
    rate: int
    valid_from: date
    label: str
    dsfinvk_key: int


class MeansOfPayment(Part):
    kind: PaymentKind
    name: str
    fiscal: FiscalKind


@event_type("master_data.changed")
class MasterDataChanged(Event):
    """What the chain declares about a store, whole. Stream `store-{store_id}`."""

    store_id: str
    name: str
    address: Address
    legal_entity: LegalEntity
    time_zone: str
    country: str
    language: str
    currency: str
    receipt_footer: tuple[str, ...] = ()
    tses: tuple[StoreTse, ...]
    printers: tuple[StorePrinter, ...] = ()
    vat: tuple[VatRate, ...]
    means_of_payment: tuple[MeansOfPayment, ...]
    changed_at: datetime


@event_type("store.till_joined")
class TillJoined(Event):
    """The store gave a till its TSE and its serial number there. Stream `store-{store_id}`."""

    store_id: str
    till_id: str
    tse_id: str
    client_id: str
    joined_at: datetime


# --- the till ---


@event_type("till.pairing_offered")
class PairingOffered(Event):
    """A manager asked for a pairing code. The code itself is never stored: only its keyed hash."""

    store_id: str
    till_id: str
    pairing_id: str
    name: str
    code_hash: str
    expires_at: datetime
    offered_at: datetime


@event_type("till.paired")
class TillPaired(Event):
    """A device holds a token for this till now. `client_id` is the serial number of the recording
    system at the TSE (PrintableString, no spaces, at most 30 characters)."""

    store_id: str
    till_id: str
    name: str
    client_id: str
    tse_id: str
    pairing_id: str
    token_hash: str
    """SHA-256 of a 256-bit random token, hex."""
    paired_at: datetime


@event_type("till.revoked")
class TillRevoked(Event):
    """The till's token is worthless from now on."""

    store_id: str
    till_id: str
    revoked_at: datetime
    reason: str


@event_type("till.number_given")
class NumberGiven(Event):
    """The till's next gapless number went to a booking, in the append that recorded it."""

    store_id: str
    till_id: str
    booking_id: str
    number: int


# --- the booking ---


class Line(Part):
    """One line. `amount` is gross: unit price x quantity, rounded to whole minor units."""

    line_id: str
    kind: LineKind
    sku: str | None = None
    name: str
    quantity: Quantity
    unit_price: Money
    amount: Money
    vat: str
    rate: int
    dsfinvk_key: int
    voucher_id: str | None = None
    voucher_serial: str | None = None


class Payment(Part):
    """A payment that settled something. `amount` is what it settles of the total."""

    payment_id: str
    kind: PaymentKind
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


class VatTotal(Part):
    """One row of the booking's VAT table: gross = net + tax, over the lines of one rate."""

    vat: str
    rate: int
    dsfinvk_key: int
    gross: Money
    net: Money
    tax: Money


@event_type("booking.started")
class BookingStarted(Event):
    """The till began a sale; its TSE and serial there are fixed for this booking."""

    booking_id: str
    store_id: str
    till_id: str
    till_name: str
    legal_entity_id: str
    tse_id: str
    client_id: str
    currency: str
    started_at: datetime


@event_type("booking.lines_added")
class LinesAdded(Event):
    booking_id: str
    store_id: str
    lines: Annotated[tuple[Line, ...], Field(min_length=1)]
    added_at: datetime


@event_type("payment.accepted")
class PaymentAccepted(Event):
    """Cash or card: settled at the till, nobody else has to agree."""

    booking_id: str
    store_id: str
    payment: Payment
    accepted_at: datetime


@event_type("payment.requested")
class PaymentRequested(Event):
    """A voucher shall pay up to `amount`. Stored before the hold is asked for, so that a hold
    whose answer was lost can always be ended. The code is not in here."""

    booking_id: str
    store_id: str
    payment_id: str
    kind: PaymentKind
    name: str
    fiscal: FiscalKind
    hold_id: str
    amount: Money
    requested_at: datetime


@event_type("payment.held")
class PaymentHeld(Event):
    """The voucher service holds `payment.amount` for this booking until `expires_at`."""

    booking_id: str
    store_id: str
    payment: Payment
    expires_at: datetime
    held_at: datetime


@event_type("payment.refused")
class PaymentRefused(Event):
    """The payment settles nothing. `release_due`: the hold may exist and has to be released."""

    booking_id: str
    store_id: str
    payment_id: str
    hold_id: str
    code: str
    detail: str
    status: int
    release_due: bool
    refused_at: datetime


@event_type("payment.reopened")
class PaymentReopened(Event):
    """A held payment could not be confirmed (expired meanwhile): its amount is open again."""

    booking_id: str
    store_id: str
    payment_id: str
    hold_id: str
    code: str
    reopened_at: datetime


@event_type("payment.released")
class PaymentReleased(Event):
    """The hold of a payment that settles nothing was released at the voucher service."""

    booking_id: str
    store_id: str
    payment_id: str
    hold_id: str
    released_at: datetime


@event_type("booking.recorded")
class BookingRecorded(Event):
    """The point of no return: the till's gapless number, and all that receipt, signature and
    export are made of. Total = sum of lines = sum of payments."""

    booking_id: str
    store_id: str
    till_id: str
    till_name: str
    legal_entity_id: str
    tse_id: str
    client_id: str
    number: int
    started_at: datetime
    recorded_at: datetime
    sign_by: datetime
    business_date: date
    currency: str
    lines: tuple[Line, ...]
    payments: tuple[Payment, ...]
    total: Money
    vat: tuple[VatTotal, ...]
    change: Money


@event_type("booking.aborted")
class BookingAborted(Event):
    """Nothing was sold. Every hold and every prepared voucher named here ends."""

    booking_id: str
    store_id: str
    till_id: str
    tse_id: str
    client_id: str
    started_at: datetime
    aborted_at: datetime
    sign_by: datetime
    reason: str
    hold_ids: tuple[str, ...] = ()
    voucher_ids: tuple[str, ...] = ()


@event_type("booking.verdict_received")
class VerdictReceived(Event):
    """What the signer decided, with what the receipt prints. Base64 values exactly as given."""

    booking_id: str
    store_id: str
    till_id: str
    verdict: Literal["signed", "unsigned"]
    received_at: datetime
    client_id: str | None = None
    tse_serial: str | None = None
    certified: bool | None = None
    transaction_number: int | None = None
    signature_counter: int | None = None
    start_time: datetime | None = None
    log_time: datetime | None = None
    process_type: str | None = None
    process_data: str | None = None
    algorithm: str | None = None
    time_format: str | None = None
    value: str | None = None
    public_key: str | None = None
    qr: str | None = None
    reason: str | None = None
    outage_id: str | None = None
    decided_at: datetime | None = None


@event_type("booking.verdict_overdue")
class VerdictOverdue(Event):
    """`sign_by` and its margin passed without a verdict: the paper carries the outage mark."""

    booking_id: str
    store_id: str
    till_id: str
    overdue_at: datetime


# --- the paper ---


@event_type("receipt.queued")
class ReceiptQueued(Event):
    """A print job was handed to the printing desk (`voucher_slips`: the codes of sold vouchers)."""

    booking_id: str
    store_id: str
    till_id: str
    job_id: str
    document: Literal["receipt", "voucher_slips"]
    queued_at: datetime


@event_type("receipt.printed")
class ReceiptPrinted(Event):
    """The printer has it. `copy`: the paper says KOPIE."""

    booking_id: str
    store_id: str
    till_id: str
    printer_id: str
    job_id: str
    copy_: Annotated[bool, Field(alias="copy")]
    printed_at: datetime

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True
    )


StoreEvent = MasterDataChanged | TillJoined
TillEvent = PairingOffered | TillPaired | TillRevoked | NumberGiven
BookingEvent = (
    BookingStarted
    | LinesAdded
    | PaymentAccepted
    | PaymentRequested
    | PaymentHeld
    | PaymentRefused
    | PaymentReopened
    | PaymentReleased
    | BookingRecorded
    | BookingAborted
    | VerdictReceived
    | VerdictOverdue
    | ReceiptQueued
    | ReceiptPrinted
)

EVENTS: tuple[type[Event], ...] = (
    MasterDataChanged, TillJoined, PairingOffered, TillPaired, TillRevoked, NumberGiven,
    BookingStarted, LinesAdded, PaymentAccepted, PaymentRequested, PaymentHeld, PaymentRefused,
    PaymentReopened, PaymentReleased, BookingRecorded, BookingAborted, VerdictReceived,
    VerdictOverdue, ReceiptQueued, ReceiptPrinted,
)  # fmt: skip


def registry(*others: type[Event]) -> Registry:
    """The service's registry; `others` are the events of the printing room."""
    return Registry(*EVENTS, *others)
