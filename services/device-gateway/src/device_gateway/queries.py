"""What a till sees of a booking."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from device_gateway.decider.booking_state import Booking, Tender
from device_gateway.decider.pricing import vat_totals
from device_gateway.events import (
    BookingRecorded,
    Cover,
    Line,
    Payment,
    Record,
    Reference,
    TrainingRecorded,
    VatTotal,
    VerdictReceived,
)
from device_gateway.handlers.ending import Progress
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.paper import order_of
from device_gateway.handlers.vouchers import prepared, renewed
from device_gateway.ports import SoldVoucher, VoucherRefused, VoucherUnavailable
from money import Money

State = Literal["open", "recorded", "signed", "unsigned", "aborted"]


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class LineAnswer(Answer):
    """A line as it stands in the booking. `kind` is what the till sent, or `discount`; take one
    that you do not know for an article."""

    line_id: str
    kind: str
    sku: str | None = None
    name: str
    quantity: str
    unit_price: Money
    amount: Money
    vat: str
    rate: int
    dsfinvk_key: int
    voucher_id: str | None = None
    voucher_serial: str | None = None
    article_group: str | None = None
    case: str | None = None
    """Business case of DSFinV-K (GV_TYP), where it is not `Umsatz`."""
    reason: str | None = None
    """Why a discount was given."""
    lowers: tuple[Cover, ...] = ()
    """A discount that somebody gave: which lines it lowers, and by how much."""
    list_price: Money | None = None
    """What one cost before somebody changed the price."""


class LimitAnswer(Answer):
    """What a limit of a cost center leaves: an amount, or a number of bookings."""

    name: str
    level: str
    window: str
    left: Money | None = None
    left_count: int | None = None


class PaymentAnswer(Answer):
    """`amount` is what it settles; a refused payment settles nothing and says why. Subsidies stand
    beside the charge that they came with, as payments of kind `subsidy`."""

    payment_id: str
    kind: str
    name: str
    state: Literal["requested", "held", "settled", "refused", "reopened", "unknown"]
    """`unknown`: a card terminal was asked, and a person has to say what it did (`resolve`)."""
    amount: Money
    tendered: Money | None = None
    change: Money | None = None
    voucher_serial: str | None = None
    voucher_remaining: Money | None = None
    refusal: str | None = None
    offline: bool = False
    """A voucher that was taken while the voucher service did not answer: what is left on it is not
    known."""
    center_number: str | None = None
    center_name: str | None = None
    card_number: str | None = None
    """A cost center: the customer card that it is charged with."""
    case: str | None = None
    """A subsidy: `ZuschussEcht` or `ZuschussUnecht`."""
    limits_left: tuple[LimitAnswer, ...] = ()
    """What limits leave once this booking is recorded."""
    warnings: tuple[str, ...] = ()
    """Names of limits that are exceeded and only warn."""
    waiver: str | None = None
    """The voucher was given away, for this reason: recorded, it is a discount and no payment."""
    new_code: bool = False
    """Keep the old paper: where a rest is left, the voucher has a new code (`remainders`)."""


class SignatureAnswer(Answer):
    """What the TSE said, value for value (base64 as given), and the receipt's QR code."""

    tse_serial: str
    certified: bool
    client_id: str
    transaction_number: int
    signature_counter: int
    start: datetime
    end: datetime
    algorithm: str
    value: str
    qr: str


class ReceiptAnswer(Answer):
    """`text` is there once the verdict is (or the signer's time is up)."""

    text: str | None
    html_url: str
    escpos_url: str


class VoucherAnswer(Answer):
    """A sold voucher. `code` only for the till, and only until its slip is printed."""

    serial: str
    code: str | None
    value: Money


class BookingAnswer(Answer):
    """A booking as the till sees it."""

    booking_id: str
    store_id: str
    till_id: str
    state: State
    number: int | None
    started_at: datetime
    recorded_at: datetime | None
    business_date: str | None
    total: Money
    open_amount: Money
    change: Money
    lines: tuple[LineAnswer, ...]
    vat: tuple[VatTotal, ...]
    payments: tuple[PaymentAnswer, ...]
    vouchers: tuple[VoucherAnswer, ...]
    remainders: tuple[VoucherAnswer, ...]
    """Vouchers that were paid with and have a new code, as `vouchers`. Empty until they have it: a
    till without a printer repeats its request."""
    signature: SignatureAnswer | None
    unsigned_reason: str | None
    receipt: ReceiptAnswer | None
    kind: str | None = None
    """Once it is recorded: sale, return, cancellation, payout or training."""
    references: tuple[Reference, ...] = ()
    """Bookings that it takes something back of, orders that it bills, foreign documents."""
    taken_back_by: tuple[str, ...] = ()
    """Bookings that took goods of it back, or cancelled it."""
    cashier: str | None = None
    parked: str | None = None
    """Set aside, under this label or an empty one."""


def _kind_of(recorded: Record | None) -> str | None:
    if isinstance(recorded, BookingRecorded | TrainingRecorded):
        return recorded.kind
    return None


def state_of_booking(booking: Booking) -> State:
    if booking.aborted is not None:
        return "aborted"
    if booking.final is None:
        return "open"
    if booking.verdict is not None:
        return booking.verdict.verdict
    return "unsigned" if booking.overdue is not None else "recorded"


async def answer(gateway: Gateway, progress: Progress, *, with_codes: bool) -> BookingAnswer:
    """The till API's answer. `with_codes`: the caller is the till that sold the vouchers."""
    booking = progress.booking
    started, recorded = booking.started, booking.recorded
    assert started is not None
    state = state_of_booking(booking)
    sold: Sequence[SoldVoucher] = ()
    if recorded is not None and booking.sells_vouchers:
        sold = progress.sold or (await _codes(gateway, booking) if with_codes else ())
    return BookingAnswer(
        booking_id=started.booking_id,
        store_id=started.store_id,
        till_id=started.till_id,
        state=state,
        number=recorded.number if recorded else None,
        started_at=started.started_at,
        recorded_at=recorded.recorded_at if recorded else None,
        business_date=recorded.business_date.isoformat() if recorded else None,
        total=booking.total,
        open_amount=booking.open_amount if booking.open else booking.total.zero,
        change=booking.change,
        lines=tuple(_line(line) for line in booking.lines),
        vat=recorded.vat if recorded else vat_totals(booking.lines, booking.payments),
        payments=tuple(
            paid
            for tender in booking.tenders
            if tender.status != "divided"
            for paid in (_payment(tender), *(_subsidy(tender, each) for each in tender.subsidies))
        ),
        vouchers=_vouchers(booking, sold if with_codes else ()) if recorded else (),
        remainders=await _remainders(gateway, booking) if with_codes else (),
        signature=signature_of(booking.verdict),
        unsigned_reason=unsigned_reason_of(booking),
        receipt=await _receipt(gateway, booking, state),
        kind=_kind_of(recorded),
        references=recorded.references if recorded else started.references,
        taken_back_by=tuple(event.by for event in booking.taken_back),
        cashier=started.cashier_id,
        parked=None if booking.parked is None else booking.parked.label or "",
    )


async def _codes(gateway: Gateway, booking: Booking) -> Sequence[SoldVoucher]:
    """A repeated answer tells the codes again, as long as the voucher service still has them."""
    try:
        return await prepared(gateway, booking)
    except (VoucherUnavailable, VoucherRefused):
        return ()


async def _remainders(gateway: Gateway, booking: Booking) -> tuple[VoucherAnswer, ...]:
    """For a till that shows codes itself. The voucher service hears of the booking at its own pace:
    there may be nothing yet, and the recovery goes on asking for the slip."""
    try:
        rests = await renewed(gateway, booking)
    except (VoucherUnavailable, VoucherRefused):
        return ()
    return tuple(
        VoucherAnswer(serial=rest.serial, code=rest.code, value=rest.value) for rest in rests
    )


def _vouchers(booking: Booking, sold: Iterable[SoldVoucher]) -> tuple[VoucherAnswer, ...]:
    known = {voucher.voucher_id: voucher for voucher in sold}

    def told(line: Line) -> VoucherAnswer:
        voucher = known.get(line.voucher_id or "")
        face = None if line.voucher is None else line.voucher.value
        return VoucherAnswer(
            serial=line.voucher_serial or "",
            code=None if voucher is None else voucher.code,
            value=(face or line.amount) if voucher is None else voucher.value,
        )

    return tuple(
        told(line)
        for line in booking.lines
        if line.kind == "voucher_sale" and line.voucher_id is not None
    )


def _line(line: Line) -> LineAnswer:
    known = line.__dict__
    return LineAnswer.model_construct(**{name: known[name] for name in LineAnswer.model_fields})


def _payment(tender: Tender) -> PaymentAnswer:
    paid = tender.payment
    return PaymentAnswer(
        payment_id=tender.payment_id,
        kind=tender.kind,
        name=tender.name,
        state="held" if tender.status == "divided" else tender.status,
        amount=paid.amount if paid else tender.requested.zero,
        tendered=paid.tendered if paid else None,
        change=paid.change if paid else None,
        voucher_serial=paid.voucher_serial if paid else None,
        voucher_remaining=paid.voucher_remaining if paid else None,
        refusal=tender.refusal.code if tender.refusal else None,
        offline=paid.offline if paid else False,
        center_number=paid.center_number if paid else None,
        center_name=paid.center_name if paid else None,
        card_number=paid.card_number if paid else None,
        limits_left=tuple(LimitAnswer(**left.model_dump()) for left in paid.limits_left)
        if paid
        else (),
        warnings=tender.warnings,
        waiver=paid.waiver if paid else None,
        new_code=paid.new_code if paid else False,
    )


def _subsidy(tender: Tender, paid: Payment) -> PaymentAnswer:
    return PaymentAnswer(
        payment_id=paid.payment_id,
        kind=paid.kind,
        name=paid.name,
        state="held" if tender.status == "divided" else tender.status,
        amount=paid.amount,
        card_number=paid.card_number,
        case=paid.case,
    )


def signature_of(verdict: VerdictReceived | None) -> SignatureAnswer | None:
    """None: there is no signature, or none yet."""
    if verdict is None or verdict.verdict != "signed":
        return None
    return SignatureAnswer.model_validate(
        {
            "tse_serial": verdict.tse_serial,
            "certified": verdict.certified,
            "client_id": verdict.client_id,
            "transaction_number": verdict.transaction_number,
            "signature_counter": verdict.signature_counter,
            "start": verdict.start_time,
            "end": verdict.log_time,
            "algorithm": verdict.algorithm,
            "value": verdict.value,
            "qr": verdict.qr,
        }
    )


def unsigned_reason_of(booking: Booking) -> str | None:
    """Why there is no signature; None: it is there, or may still come."""
    if booking.verdict is not None:
        return booking.verdict.reason
    return "signer.silent" if booking.overdue is not None else None


async def _receipt(gateway: Gateway, booking: Booking, state: State) -> ReceiptAnswer | None:
    recorded = booking.recorded
    if recorded is None:
        return None
    base = (
        f"/stores/{recorded.store_id}/v1/tills/{recorded.till_id}"
        f"/bookings/{recorded.booking_id}/receipt"
    )
    text = None
    if state in ("signed", "unsigned"):
        text = gateway.desk.text(await order_of(gateway, booking))
    return ReceiptAnswer(text=text, html_url=f"{base}.html", escpos_url=f"{base}.escpos")
