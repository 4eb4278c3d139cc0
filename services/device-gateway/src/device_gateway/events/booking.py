"""The booking, from its start to its verdict."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from device_gateway.events.booking_parts import Act, BasketPart, Line, Payment, VatTotal, Waiver
from device_gateway.events.charges import ChargeProblem
from device_gateway.events.parts import (
    BookingKind,
    FiscalKind,
    LeftOut,
    Part,
    PaymentKind,
    Quantity,
    Rare,
    Reference,
)
from device_gateway.events.process import Process
from device_gateway.events.terminal_parts import TerminalWish
from events import Event, event_type
from money import Money


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
    shift: Rare[int] = None
    """None: begun before there were shifts."""
    master_data: Rare[int] = None
    """`version` of the store's declaration by which it is priced."""
    cashier_id: Rare[str] = None
    approved_by: Rare[str] = None
    """Who lent the right for it."""
    training: Annotated[bool, LeftOut] = False
    references: Annotated[tuple[Reference, ...], LeftOut] = ()
    cancels: Rare[str] = None
    """The booking that this one takes back as a whole."""
    unattended: Annotated[bool, LeftOut] = False
    """Nobody stands at this till."""


@event_type("booking.lines_added")
class LinesAdded(Event):
    booking_id: str
    store_id: str
    lines: Annotated[tuple[Line, ...], Field(min_length=1)]
    added_at: datetime
    acts: Annotated[tuple[Act, ...], LeftOut] = ()
    """Discounts that somebody gave: one for each line."""


@event_type("payment.accepted")
class PaymentAccepted(Event):
    """Cash or card: settled at the till, nobody else has to agree."""

    booking_id: str
    store_id: str
    payment: Payment
    accepted_at: datetime


@event_type("payment.requested")
class PaymentRequested(Event):
    """A voucher or a cost center shall pay up to `amount`. Stored before the hold is asked for, so
    that a hold whose answer was lost can always be ended. The code is not in here."""

    booking_id: str
    store_id: str
    payment_id: str
    kind: PaymentKind
    name: str
    fiscal: FiscalKind
    hold_id: str
    """Of a group of vouchers: the group's id; each voucher gets a hold of its own."""
    amount: Money
    requested_at: datetime
    together: Annotated[bool, LeftOut] = False
    """Several vouchers pay at once: `PUT /groups/{hold_id}`."""
    basket: Annotated[tuple[BasketPart, ...], LeftOut] = ()
    terminal: Rare[TerminalWish] = None
    """A card terminal is asked, and nobody holds anything: `hold_id` is empty. `amount` is below
    zero where money goes back to a card."""


@event_type("payment.held")
class PaymentHeld(Event):
    """Another service holds `payment.amount` for this booking until `expires_at`. A cost center may
    pay nothing itself: then `payment.amount` is zero, and the subsidies settle something. Offline
    nobody holds it: then it is the time from which an untouched booking is aborted."""

    booking_id: str
    store_id: str
    payment: Payment
    expires_at: datetime
    held_at: datetime
    request_id: Rare[str] = None
    """The request of several vouchers together that this one is a part of."""
    subsidies: Annotated[tuple[Payment, ...], LeftOut] = ()
    """What others pay of the same charge, under the same hold."""
    warnings: Annotated[tuple[str, ...], LeftOut] = ()
    """Names of limits that are exceeded and only warn."""


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
    charge: Rare[ChargeProblem] = None


@event_type("payment.unknown")
class PaymentUnknown(Event):
    """The card terminal was asked, and what it did cannot be found out: the payment stays
    requested until a person resolves it."""

    booking_id: str
    store_id: str
    payment_id: str
    terminal_id: str
    reason: str
    """line, silent, garbage, no_status, contradiction, amount, mismatch, away."""
    at: datetime


@event_type("payment.resolved")
class PaymentResolved(Event):
    """A person looked into the terminal's journal and says what became of an unknown payment. What
    follows from it is the next event of the booking."""

    booking_id: str
    store_id: str
    payment_id: str
    outcome: Literal["approved", "not_taken"]
    reason: str
    resolved_at: datetime
    receipt_number: Rare[str] = None
    cashier_id: Rare[str] = None
    approved_by: Rare[str] = None


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
    """The hold of a payment that settles nothing was released where it was held."""

    booking_id: str
    store_id: str
    payment_id: str
    hold_id: str
    released_at: datetime


@event_type("booking.line_prepared")
class LinePrepared(Event):
    """The voucher service knows what this line sells: a printed card, or a top-up."""

    booking_id: str
    store_id: str
    line_id: str
    voucher_id: str
    voucher_serial: str
    prepared_at: datetime


@event_type("booking.line_refused")
class LineRefused(Event):
    """The voucher service said no to a printed card or a top-up: the line is gone."""

    booking_id: str
    store_id: str
    line_id: str
    code: str
    detail: str
    status: int
    refused_at: datetime


class Record(Process):
    """What receipt, signature and export are made of. Total = sum of lines = sum of payments."""

    lines: tuple[Line, ...]
    payments: tuple[Payment, ...]
    total: Money
    """Of a return, a cancellation or a payout below zero: then money goes out."""
    vat: tuple[VatTotal, ...]
    change: Money
    waivers: Annotated[tuple[Waiver, ...], LeftOut] = ()
    """Vouchers that were given away and are used up by this booking; their effect is in `lines`."""
    references: Annotated[tuple[Reference, ...], LeftOut] = ()
    master_data: Rare[int] = None
    """`version` of the store's declaration by which it was priced; None in older events."""
    unattended: Annotated[bool, LeftOut] = False
    """Booked without a person, at a till that the chain file declares."""
    acts: Annotated[tuple[Act, ...], LeftOut] = ()
    """What was voided, given off or priced otherwise before it was recorded."""
    rest_slip: Annotated[bool, LeftOut] = False
    """A slip says what is left on the vouchers that were used (`rests`)."""

    @property
    def rests(self) -> tuple[tuple[str, Money], ...]:
        """(serial, what is left) of the vouchers that were used and keep their code."""
        used = [
            *((each.voucher_serial, each.voucher_remaining) for each in self.payments
              if not each.new_code),
            *((each.voucher_serial, each.voucher_remaining) for each in self.lines
              if each.kind in ("fee_waiver", "discount")),
        ]  # fmt: skip
        renewed = {each.serial for each in self.waivers if each.new_code}
        # Of a voucher that was used several times, what was left last.
        left = {serial: rest for serial, rest in used if serial is not None and rest is not None}
        return tuple(
            (serial, rest)
            for serial, rest in left.items()
            if rest.amount > 0 and serial not in renewed
        )

    @property
    def renewed(self) -> tuple[str, ...]:
        """Holds of the vouchers that get a new code with this booking, if a rest is left."""
        paid = (payment.hold_id for payment in self.payments if payment.new_code)
        given = (waiver.hold_id for waiver in self.waivers if waiver.new_code)
        return tuple(hold_id for hold_id in (*paid, *given) if hold_id is not None)


@event_type("booking.recorded", version=4)
class BookingRecorded(Record):
    """The point of no return: the till's gapless number, and all that is known of the booking.

    v2: `kind` of a line may grow (a reader takes what it does not know for an article). The VAT
    table is over the lines, less what single-purpose vouchers settle: that was taxed when they
    were sold. v3: kinds of payments may grow, too (a reader takes what it does not know for
    `other`); cost centers and subsidies change nothing about the VAT table. v4: it belongs to a
    shift, and is not always a sale: totals, payments and quantities may be below zero."""

    kind: Annotated[
        BookingKind,
        Field(exclude_if=lambda kind: kind == "sale", json_schema_extra={"x-fallback": "sale"}),
    ] = "sale"


@event_type("training.recorded")
class TrainingRecorded(Record):
    """Somebody practised: signed and printed like a booking, and without any effect."""

    kind: Literal["training"] = "training"


class OrderedLine(Part):
    """One line of an order; what is taken back has a quantity below zero."""

    line_id: str
    name: str
    quantity: Quantity
    unit_price: Money
    vat: str
    rate: int
    dsfinvk_key: int
    sku: Rare[str] = None
    article_group: Rare[str] = None
    """By which the kitchen's printers share the work."""


@event_type("booking.ordered")
class BookingOrdered(Process):
    """Something was ordered that is paid later, by another booking (Bestellung-V1)."""

    lines: Annotated[tuple[OrderedLine, ...], Field(min_length=1)]
    group: Rare[str] = None
    """The table, or what else is settled together (ABRECHNUNGSKREIS)."""
    order_of: Rare[str] = None
    """The booking that this order belongs to."""
    kitchen: Annotated[bool, LeftOut] = False
    """Printers of the store print what has to be done for it."""
    master_data: Rare[int] = None


@event_type("booking.aborted", version=2)
class BookingAborted(Event):
    """Nothing was sold. Every hold and every prepared voucher named here ends.

    v2: it has a number of its till, too, and says what was entered so far."""

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
    top_up_ids: Annotated[tuple[str, ...], LeftOut] = ()
    group_ids: Annotated[tuple[str, ...], LeftOut] = ()
    """Requests of several vouchers together, of which it is not known which holds they made."""
    charge_ids: Annotated[tuple[str, ...], LeftOut] = ()
    """Holds of cost centers."""
    load_ids: Annotated[tuple[str, ...], LeftOut] = ()
    settlement_ids: Annotated[tuple[str, ...], LeftOut] = ()
    """Parts of fees that may be kept for it."""
    number: Rare[int] = None
    shift: Rare[int] = None
    lines: Annotated[tuple[Line, ...], LeftOut] = ()
    """As far as they were entered."""
    cashier_id: Rare[str] = None
    currency: Rare[str] = None
    till_name: Rare[str] = None
    legal_entity_id: Rare[str] = None
    business_date: Rare[date] = None
    master_data: Rare[int] = None
    training: Annotated[bool, LeftOut] = False
    acts: Annotated[tuple[Act, ...], LeftOut] = ()
    approved_by: Rare[str] = None
    """Who lent the right to abort it."""


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
