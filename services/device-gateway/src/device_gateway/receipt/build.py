"""From the recorded booking, the signer's verdict and the store's master data to the document.

Pure: the same facts give the same receipt, today and on the copy in five years.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from device_gateway.events import (
    BookingRecorded,
    Line,
    MasterDataChanged,
    Payer,
    Payment,
    Record,
    Reference,
    TrainingRecorded,
    VatTotal,
    VerdictReceived,
)
from device_gateway.events.process import Process
from device_gateway.ports import ReceiptOrder
from device_gateway.receipt.document import (
    Business,
    CardNote,
    Charge,
    Fiscal,
    Item,
    Language,
    LimitLeft,
    Mentioned,
    Outage,
    Pending,
    ReceiptDocument,
    Signed,
    SinglePurpose,
    Tender,
    VatRow,
    VoucherSlip,
)
from money import Money

T = TypeVar("T")

SERIAL_END = 4
"""How much of a voucher's serial the receipt of a redemption shows."""

ORDER_REFERENCE = "Bestellung"
"""`name` of a reference to an order that the booking settles; its `date` is the order's start."""

SHOWN_WHOLE = frozenset({"voucher_sale", "voucher_top_up", "voucher_sale_reversal"})
"""Lines whose customer has the voucher in hand; others show the end of its serial alone."""

GIVEN = frozenset({"discount", "fee_waiver", "entitlement"})
"""Lines that a voucher which was given away stands behind."""
INVOICED = frozenset({"cost_center", "on_account"})
"""Payments that somebody gets an invoice for."""

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class VerdictIncomplete(ValueError):
    """A verdict says `signed` and lacks a value that the law wants on paper."""


def receipt_of(order: ReceiptOrder) -> ReceiptDocument:
    """The document of a booking's order. Raises `VerdictIncomplete`."""
    booking, store = order.booking, order.master_data
    assert isinstance(booking, Record)
    letters = {(row.vat, row.rate): LETTERS[at] for at, row in enumerate(booking.vat)}
    return ReceiptDocument(
        **head_of(booking, order),
        kind=_kind_of(booking),
        references=tuple(
            mentioned_of(each) for each in booking.references if each.name != ORDER_REFERENCE
        ),
        first_order_at=min(
            (
                each.date
                for each in booking.references
                if each.name == ORDER_REFERENCE and each.date
            ),
            default=None,
        ),
        items=tuple(_item(line, letters[line.vat, line.rate], booking) for line in booking.lines),
        total=booking.total,
        vat=tuple(_vat_row(row, letters[row.vat, row.rate], store) for row in booking.vat),
        tenders=tuple(_tender(payment) for payment in booking.payments),
        charges=charges_of(booking, slips=False),
        signature_line=signed_by_hand(booking, store),
        footer=store.receipt_footer,
    )


def _kind_of(booking: Record) -> Literal["sale", "return", "cancellation", "payout", "training"]:
    return booking.kind if isinstance(booking, BookingRecorded | TrainingRecorded) else "sale"


def head_of(process: Process, order: ReceiptOrder) -> dict[str, Any]:
    """The fields of `Paper`. Raises `VerdictIncomplete`."""
    return {
        **store_of(order.master_data),
        "booking_id": process.booking_id,
        "till_name": process.till_name,
        "client_id": process.client_id,
        "number": process.number,
        "issued_at": process.recorded_at,
        "cashier_id": process.cashier_id,
        "fiscal": fiscal_of(process, order.verdict, outage=order.outage),
        "is_copy": order.is_copy,
    }


def store_of(store: MasterDataChanged) -> dict[str, Any]:
    """The part of them that comes of the store."""
    return {
        "language": _language(store),
        "time_zone": store.time_zone,
        "store_name": store.name,
        "business": business_of(store),
    }


def slip_of(
    order: ReceiptOrder,
    *,
    serial: str,
    value: Money,
    valid_until: date | None,
    single_purpose: SinglePurpose | None = None,
    remainder: bool = False,
) -> VoucherSlip:
    """The slip of one voucher sold, without its code. `remainder`: of what is left on one that was
    paid with, whose code is new.

    `valid_until` None: the voucher service did not say; then the statutory period (§§ 195, 199
    BGB: three years from the end of the year of sale), which it grants unless the chain promises
    more.
    """
    store = order.master_data
    assert isinstance(order.booking, Record)
    sold_on = order.booking.recorded_at.astimezone(ZoneInfo(store.time_zone)).date()
    return VoucherSlip(
        language=_language(store),
        business=business_of(store),
        store_name=store.name,
        serial=serial,
        value=value,
        sold_on=sold_on,
        valid_until=valid_until or date(sold_on.year + 3, 12, 31),
        single_purpose=single_purpose,
        remainder=remainder,
        is_copy=order.is_copy,
    )


def business_of(store: MasterDataChanged) -> Business:
    """The legal entity behind the store, with its own address."""
    entity = store.legal_entity
    return Business(
        name=entity.name,
        street=entity.address.street,
        postal_code=entity.address.postal_code,
        city=entity.address.city,
        country=entity.address.country,
        vat_id=entity.vat_id,
        tax_number=entity.tax_number,
    )


def _language(store: MasterDataChanged) -> Language:
    return "en" if store.language == "en" else "de"


def _item(line: Line, letter: str, booking: Record) -> Item:
    terms, off = line.voucher, line.kind in GIVEN
    single = None
    if terms is not None and terms.kind == "single_purpose":
        single = SinglePurpose(rate=line.rate, goods=terms.goods)
    end = masked(line.voucher_serial) if line.voucher_serial else None
    whole = line.kind in SHOWN_WHOLE
    # Where the whole paper is about one booking, its head names it.
    of = line.reference if _kind_of(booking) != "cancellation" else None
    return Item(
        name=line.name,
        quantity=line.quantity,
        unit_price=line.unit_price,
        amount=line.amount,
        letter=letter,
        voucher_serial=line.voucher_serial if whole else None,
        single_purpose=single,
        given_serial_masked=end if off else None,
        voucher_serial_masked=None if whole or off or line.kind == "fee" else end,
        reason=line.reason,
        of=None if of is None else mentioned_of(of),
        remaining=line.voucher_remaining,
    )


def mentioned_of(reference: Reference) -> Mentioned:
    """What the paper says of a reference."""
    own = reference.type == "Transaktion"
    number = str(reference.number) if own and reference.number is not None else reference.id
    return Mentioned(
        type=reference.type,
        number=number,
        name=reference.name,
        date=reference.date,
        z_number=reference.z_number,
    )


def _vat_row(row: VatTotal, letter: str, store: MasterDataChanged) -> VatRow:
    labels = {entry.vat: entry.label for entry in store.vat}
    return VatRow(
        letter=letter,
        rate=row.rate,
        label=labels.get(row.vat, ""),
        net=row.net,
        tax=row.tax,
        gross=row.gross,
    )


def _tender(payment: Payment) -> Tender:
    serial = payment.voucher_serial
    name = payment.name
    if payment.center_number is not None:
        name = f"{name} {payment.center_number}"
    return Tender(
        kind=payment.kind,
        name=name,
        amount=payment.amount,
        subsidy_case=_SUBSIDY_CASES.get(payment.case or ""),
        tendered=payment.tendered,
        change=payment.change,
        voucher_serial_masked=None if serial is None else masked(serial),
        voucher_remaining=payment.voucher_remaining,
        not_asked=payment.offline,
        # What a cost center gets back names its rate as well.
        taxed_before=payment.rate if payment.kind == "voucher" else None,
        card=_card(payment),
    )


_SUBSIDY_CASES: dict[str, Literal["ZuschussEcht", "ZuschussUnecht"]] = {
    "ZuschussEcht": "ZuschussEcht",
    "ZuschussUnecht": "ZuschussUnecht",
}


def _charge(payment: Payment) -> Charge:
    return Charge(
        center_number=payment.center_number or "",
        center_name=payment.center_name or "",
        address=payment.center_address,
        card_number=payment.card_number or "",
        amount=payment.amount,
        limits=tuple(
            LimitLeft(name=limit.name, left=limit.left, left_count=limit.left_count)
            for limit in payment.limits_left
        ),
    )


def charges_of(booking: Record, *, slips: bool) -> tuple[Charge, ...]:
    """What is invoiced later: on the receipt, or (`slips`) on a slip of its own."""
    return tuple(
        _charge(paid) if paid.payer is None else _owed(paid, paid.payer)
        for paid in booking.payments
        if paid.kind in INVOICED and paid.slip == slips and paid.amount.amount > 0
    )


def signed_by_hand(booking: Record, store: MasterDataChanged) -> bool:
    """Whether the customer signs below each charge."""
    if any(paid.payer is not None for paid in booking.payments):
        return store.on_account is None or store.on_account.signature_line
    return store.cost_centers is not None and store.cost_centers.signature_line


def _owed(payment: Payment, payer: Payer) -> Charge:
    return Charge(
        center_number=payer.id,
        center_name="",
        card_number="",
        amount=payment.amount,
        payer_kind=payer.kind,
        reference=payer.reference,
    )


def _card(payment: Payment) -> CardNote | None:
    said = payment.terminal
    if said is not None:
        return CardNote(
            receipt_number=said.receipt_number,
            terminal_number=said.terminal_number,
            trace=said.trace,
            card_type=said.card_type,
            pan_end=said.masked_pan,
            text=said.text,
        )
    return CardNote(receipt_number=payment.receipt_number) if payment.receipt_number else None


def masked(serial: str) -> str:
    """`GS-2026-004711` → `****4711`; a serial with nothing to hide behind shows nothing."""
    return "****" + (serial[-SERIAL_END:] if len(serial) > SERIAL_END else "")


def fiscal_of(process: Process, verdict: VerdictReceived | None, *, outage: bool) -> Fiscal:
    """What the signer decided, as the paper shows it. Raises `VerdictIncomplete`."""
    if verdict is not None and verdict.verdict == "signed":
        return Signed(
            certified=bool(verdict.certified),
            tse_serial=_given(verdict.tse_serial, "tse_serial"),
            transaction_number=_given(verdict.transaction_number, "transaction_number"),
            signature_counter=_given(verdict.signature_counter, "signature_counter"),
            start_time=_given(verdict.start_time, "start_time"),
            end_time=_given(verdict.log_time, "log_time"),
            algorithm=_given(verdict.algorithm, "algorithm"),
            value=_given(verdict.value, "value"),
            qr=_given(verdict.qr, "qr"),
        )
    if verdict is None and not outage:
        return Pending()
    return Outage(start_time=process.started_at, end_time=process.recorded_at)


def _given(value: T | None, name: str) -> T:
    if value is None:
        raise VerdictIncomplete(f"the verdict is signed but has no {name}")
    return value
