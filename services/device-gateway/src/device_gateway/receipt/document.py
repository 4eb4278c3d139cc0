"""The receipt as data. Stored, shown and printed from this alone; the shape has a version.

It holds what § 6 KassenSichV asks for: name and address of the business, date with start and end,
goods and quantities, transaction number, amounts with tax, the serial numbers of recording system
and security module, check value and signature counter; and the amounts per means of payment
(AEAO to § 146a, 2.4.4). It never holds a voucher's secret code.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from device_gateway.events import PaymentKind
from money import Money

DOCUMENT_VERSION = 1

Language = Literal["de", "en"]


class DocumentPart(BaseModel):
    """Frozen; unknown fields are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Business(DocumentPart):
    """Who sold: full name and address."""

    name: str
    street: str
    postal_code: str
    city: str
    country: str
    vat_id: str | None = None
    tax_number: str | None = None


class SinglePurpose(DocumentPart):
    """A voucher whose goods and VAT are fixed. Its paper names both (BMF letter of 2 Nov 2020)."""

    rate: int
    """Basis points."""
    goods: str | None = None


class Item(DocumentPart):
    """One line. `letter` points into the VAT table; `amount` is gross."""

    name: str
    quantity: str
    unit_price: Money
    amount: Money
    letter: str
    voucher_serial: str | None = None
    """A voucher sold or topped up on this line."""
    single_purpose: SinglePurpose | None = None
    """That voucher was taxed with this line."""
    given_serial_masked: str | None = None
    """A discount: the end of the serial of the voucher that it comes of."""
    voucher_serial_masked: str | None = None
    """The end of the serial of a voucher that is paid out, or whose value comes back."""
    reason: str | None = None
    """Why a discount was given, or goods were taken back."""
    of: Mentioned | None = None
    """Goods taken back: the receipt that they were sold with."""
    remaining: Money | None = None
    """What is left on the voucher that waived a fee."""


class VatRow(DocumentPart):
    """gross = net + tax over all lines with this letter; `rate` in basis points."""

    letter: str
    rate: int
    label: str
    net: Money
    tax: Money
    gross: Money


class CardNote(DocumentPart):
    """A card payment: of our terminal with what it prints, of another with its receipt's number."""

    receipt_number: str | None = None
    terminal_number: str | None = None
    trace: str | None = None
    card_type: str | None = None
    pan_end: str | None = None
    text: tuple[str, ...] = ()


class Tender(DocumentPart):
    """One payment. `amount` is what it settled of the total."""

    kind: PaymentKind
    name: str
    amount: Money
    """Below zero: given back."""
    subsidy_case: Literal["ZuschussEcht", "ZuschussUnecht"] | None = None
    """A subsidy: GV_TYP of DSFinV-K."""
    tendered: Money | None = None
    change: Money | None = None
    voucher_serial_masked: str | None = None
    """Only the end of the serial: a found receipt names no voucher."""
    voucher_remaining: Money | None = None
    not_asked: bool = False
    """A voucher that was taken while nobody could say what is left on it."""
    taxed_before: int | None = None
    """Single-purpose voucher: the rate at which it was taxed when it was sold, basis points."""
    card: CardNote | None = None


class LimitLeft(DocumentPart):
    """What a limit leaves: an amount, or a number of bookings."""

    name: str
    left: Money | None = None
    left_count: int | None = None


class Charge(DocumentPart):
    """What a cost center will be invoiced for."""

    center_number: str
    center_name: str
    address: tuple[str, ...] = ()
    """The center's own, or its company's; without one the slip has number and name alone."""
    card_number: str
    amount: Money
    payer_kind: Literal["customer", "third_party"] | None = None
    """On account: `center_number` is who owes it."""
    reference: str | None = None
    """What the payer wants to read on the invoice."""
    limits: tuple[LimitLeft, ...] = ()


class Signed(DocumentPart):
    """The security device's answer, exactly as given: nothing rounded, cut or re-cased."""

    state: Literal["signed"] = "signed"
    certified: bool
    tse_serial: str
    transaction_number: int
    signature_counter: int
    start_time: datetime
    end_time: datetime
    algorithm: str
    value: str
    qr: str


class Outage(DocumentPart):
    """Not signed: the security device was out (AEAO to § 146a, 1.14). Times are the till's."""

    state: Literal["outage"] = "outage"
    start_time: datetime
    end_time: datetime


class Pending(DocumentPart):
    """Not signed yet: a preview, no receipt."""

    state: Literal["pending"] = "pending"


Fiscal = Signed | Outage | Pending


class Mentioned(DocumentPart):
    """A process or a foreign paper that this one refers to."""

    type: Literal["Transaktion", "ExterneRechnung", "ExternerLieferschein", "ExterneSonstige"]
    number: str
    """Of the receipt; of a foreign paper its own number."""
    name: str | None = None
    date: datetime | None = None
    z_number: int | None = None


class Paper(DocumentPart):
    """What stands on every paper of a till. Instants are UTC and shown in `time_zone`; the TSE's
    own times stay UTC."""

    version: Literal[1] = 1
    language: Language
    time_zone: str
    booking_id: str
    store_name: str
    business: Business
    till_name: str
    client_id: str
    """Serial number of the recording system at the TSE."""
    number: int | None
    """Of the process; None: it is none (an X report)."""
    issued_at: datetime
    cashier_id: str | None = None
    fiscal: Fiscal
    is_copy: bool = False


class ReceiptDocument(Paper):
    """One receipt."""

    kind: Literal["sale", "return", "cancellation", "payout", "training"] = "sale"
    references: tuple[Mentioned, ...] = ()
    first_order_at: datetime | None = None
    """Start of the first order (Bestellung-V1) that is settled here: AEAO to § 146a, 2.2.3.6.2."""
    items: tuple[Item, ...]
    total: Money
    vat: tuple[VatRow, ...]
    tenders: tuple[Tender, ...]
    charges: tuple[Charge, ...] = ()
    signature_line: bool = False
    """Below each charge, for the customer to sign."""
    footer: tuple[str, ...] = ()


class VoucherSlip(DocumentPart):
    """What a slip shows, the code aside: that is passed when it is rendered, and stored nowhere."""

    version: Literal[1] = 1
    language: Language
    business: Business
    store_name: str
    serial: str
    value: Money
    sold_on: date
    """Of a remainder: the day on which the slip was made."""
    valid_until: date
    single_purpose: SinglePurpose | None = None
    remainder: bool = False
    """What is left on a voucher that was paid with; its code is new, the old one is dead."""
    is_copy: bool = False
