"""The booking, from its start to its verdict."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from device_gateway.events.parts import FiscalKind, LineKind, Part, PaymentKind, Quantity
from events import Event, event_type
from money import Money


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
