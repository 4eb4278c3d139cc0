"""The booking's rules: open, paid, recorded or aborted, signed, printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from device_gateway.commands import (
    AbortBooking,
    AddLines,
    BookingCommand,
    NoteHeld,
    NoteHeldTogether,
    NoteLineRefused,
    NoteOverdue,
    NotePrepared,
    NotePrinted,
    NoteQueued,
    NoteRefused,
    NoteReleased,
    NoteVerdict,
    RecordBooking,
    ReopenPayment,
    RequestPayment,
    StartBooking,
    WithdrawPayment,
)
from device_gateway.commands.acts import (
    ChangePrice,
    ChangeQuantity,
    GiveDiscount,
    NoteGivenBack,
    ParkBooking,
    ResumeBooking,
    VoidLine,
)
from device_gateway.commands.terminal import (
    NoteNotTaken,
    NoteTaken,
    NoteUnknown,
    ResolvePayment,
)
from device_gateway.decider.after import (
    note_overdue,
    note_printed,
    note_queued,
    note_verdict,
)
from device_gateway.decider.booking_evolve import evolve
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.card import abortable, card_decide, nothing_at_terminal
from device_gateway.decider.covering import overpaid
from device_gateway.decider.discounting import acts_of
from device_gateway.decider.editing import edit
from device_gateway.decider.fiscal import named_lines, named_payments
from device_gateway.decider.going_out import (
    kind_of,
    references_of,
    refund,
    taken_back,
    with_originals,
)
from device_gateway.decider.library import FEE_KINDS, divided, settlement_ids
from device_gateway.decider.lines import (
    add_lines,
    must_be_open,
    note_line_refused,
    note_prepared,
)
from device_gateway.decider.paying import (
    note_held,
    note_held_together,
    note_refused,
    note_released,
    reopen,
    request_payment,
)
from device_gateway.decider.pricing import GIVES_BACK, vat_totals
from device_gateway.decider.refusals import (
    BookingChanged,
    BookingEmpty,
    BookingExists,
    BookingNegative,
    LineNotPrepared,
    OpenAmount,
    VoucherBuysVoucher,
)
from device_gateway.decider.till import Till, must_be_active
from device_gateway.decider.waivers import discounts, waivers_of
from device_gateway.decider.withdrawing import withdraw
from device_gateway.events import (
    BookingAborted,
    BookingEvent,
    BookingRecorded,
    BookingStarted,
    BookingTakenBack,
    Line,
    PaymentAccepted,
    TillOpened,
    TrainingRecorded,
)
from events import Decider
from money import total


def start(
    command: StartBooking, till: Till, shift: TillOpened, booking: Booking
) -> tuple[BookingStarted, ...]:
    """TSE, serial and master data are those of the till's shift."""
    if booking.started is not None:
        raise BookingExists
    must_be_active(till, command.store_id)
    return (
        BookingStarted(
            booking_id=command.booking_id,
            store_id=command.store_id,
            till_id=command.till_id,
            till_name=shift.till_name,
            legal_entity_id=command.legal_entity_id,
            tse_id=shift.tse_id,
            client_id=shift.client_id,
            currency=command.currency,
            started_at=command.now,
            cashier_id=command.cashier_id,
            approved_by=command.approved_by,
            training=command.training,
            references=tuple(command.references),
            cancels=command.cancels,
            unattended=till.unattended,
            shift=shift.shift,
            master_data=shift.master_data,
        ),
    )


def chargeable(booking: Booking) -> None:
    """Raises what is wrong with the lines as they stand, whoever pays."""
    if not booking.lines:
        raise BookingEmpty
    if booking.started is not None and booking.started.cancels is not None:
        return  # All signs are reversed.
    bought = total(
        (line.amount for line in booking.lines if line.kind not in GIVES_BACK),
        currency=booking.currency,
    )
    if bought.amount < 0:
        raise BookingNegative(total=booking.total.model_dump())
    if booking.goods_left.amount < 0:
        raise VoucherBuysVoucher("vouchers pay for more than the goods cost")
    takes_off = any(line.kind == "voucher_article_redemption" for line in booking.lines)
    if takes_off and overpaid(booking.lines, booking.payments):
        raise BookingNegative("taxed vouchers pay for more than the goods of their VAT")


def finishable(booking: Booking) -> None:
    """Raises what keeps an open booking from being recorded."""
    must_be_open(booking)
    chargeable(booking)
    nothing_at_terminal(booking)
    if booking.unprepared:
        raise LineNotPrepared(lines=[line.line_id for line in booking.unprepared])
    if booking.open_amount and not booking.refundable:
        raise OpenAmount(open_amount=booking.open_amount.model_dump())


def record(
    command: RecordBooking, booking: Booking, number: int, shift: TillOpened
) -> tuple[PaymentAccepted | BookingRecorded | TrainingRecorded, ...]:
    """The point of no return; before it, the money that goes out. Recorded already: nothing more
    happens."""
    if booking.recorded is not None:
        return ()
    started = must_be_open(booking)
    finishable(booking)
    sold = {line.voucher_id for line in booking.lines if line.has_slip}
    if not sold <= command.serials.keys() or not _holds(booking) <= command.confirmed:
        raise BookingChanged
    refunds = refund(command, booking)
    settled = (*booking.payments, *(each.payment for each in refunds))
    lines = tuple(_with_serial(line, command) for line in booking.lines)
    gifts = discounts(lines, booking.payments, numbered=booking.numbered)
    numbered = booking.numbered + len(gifts)
    lines = divided((*lines, *gifts), booking.payments, command.fees, numbered=numbered)
    lines = named_lines(lines, command.choices, command.business_date)
    payments = named_payments(
        (paid for paid in settled if paid.waiver is None), command.choices, command.business_date
    )
    kind = {} if started.training else {"kind": kind_of(booking)}
    recorded = TrainingRecorded if started.training else BookingRecorded
    made = recorded(
        booking_id=started.booking_id,
        store_id=started.store_id,
        till_id=started.till_id,
        till_name=started.till_name,
        legal_entity_id=started.legal_entity_id,
        tse_id=started.tse_id,
        client_id=started.client_id,
        number=number,
        shift=shift.shift,
        cashier_id=started.cashier_id,
        unattended=started.unattended,
        approved_by=started.approved_by,
        master_data=started.master_data,
        started_at=started.started_at,
        recorded_at=command.now,
        sign_by=command.sign_by,
        business_date=command.business_date,
        currency=started.currency,
        lines=lines,
        payments=payments,
        total=total((line.amount for line in lines), currency=started.currency),
        vat=vat_totals(lines, payments),
        change=booking.change,
        waivers=waivers_of(booking.payments),
        references=references_of(started, booking),
        acts=acts_of(booking),
        **kind,
    )
    if command.rest_slips and made.rests:
        made = made.model_copy(update={"rest_slip": True})
    return (*refunds, made)


def record_all(
    command: RecordBooking,
    booking: Booking,
    number: int,
    shift: TillOpened,
    originals: Mapping[str, Booking],
) -> tuple[Sequence[BookingEvent], Mapping[str, BookingTakenBack]]:
    """`record`, and by original booking what its stream says about what comes back of it."""
    *before, last = record(command, booking, number, shift) or (None,)
    if last is None or not originals or not isinstance(last, BookingRecorded):
        return tuple(each for each in (*before, last) if each is not None), {}
    last = with_originals(last, originals)
    return (*before, last), taken_back(last, booking, originals)


def _holds(booking: Booking) -> set[str]:
    """What has to be confirmed elsewhere."""
    paid = {
        paid.hold_id
        for paid in booking.payments
        if paid.hold_id and not paid.offline and paid.kind != "charge_reversal"
    }
    return paid | {line.hold_id for line in booking.held_lines if line.hold_id}


def _with_serial(line: Line, command: RecordBooking) -> Line:
    if line.voucher_id is None or not line.has_slip:
        return line
    return line.model_copy(update={"voucher_serial": command.serials[line.voucher_id]})


def abort(
    command: AbortBooking, booking: Booking, number: int, shift: TillOpened
) -> tuple[BookingAborted, ...]:
    """It gets a number as what is sold does: a gap would have to be explained."""
    if booking.aborted is not None:
        return ()
    started = must_be_open(booking)
    abortable(booking)
    kept_elsewhere = (*booking.lines, *booking.give_back_due)
    return (
        BookingAborted(
            booking_id=started.booking_id,
            store_id=started.store_id,
            till_id=started.till_id,
            tse_id=started.tse_id,
            client_id=started.client_id,
            started_at=started.started_at,
            aborted_at=command.now,
            sign_by=command.sign_by,
            reason=command.reason,
            hold_ids=tuple(
                tender.hold_id
                for tender in booking.tenders
                if tender.hold_id and tender.kind == "voucher" and not tender.together
            )
            + tuple(line.hold_id for line in booking.held_lines if line.hold_id),
            voucher_ids=tuple(
                line.voucher_id
                for line in kept_elsewhere
                if line.voucher_id and line.kind == "voucher_sale"
            ),
            top_up_ids=tuple(line.top_up_id for line in kept_elsewhere if line.top_up_id),
            group_ids=tuple(
                tender.hold_id
                for tender in booking.tenders
                if tender.hold_id and tender.together and tender.status != "divided"
            ),
            charge_ids=tuple(
                tender.hold_id
                for tender in booking.tenders
                if tender.hold_id and tender.kind == "cost_center"
            ),
            load_ids=tuple(line.load_id for line in kept_elsewhere if line.load_id),
            settlement_ids=_settlements(booking),
            number=number,
            shift=shift.shift,
            lines=booking.lines,
            cashier_id=started.cashier_id,
            currency=started.currency,
            till_name=started.till_name,
            legal_entity_id=started.legal_entity_id,
            business_date=command.business_date,
            master_data=started.master_data,
            training=started.training,
            acts=acts_of(booking),
            approved_by=command.approved_by,
        ),
    )


def _settlements(booking: Booking) -> tuple[str, ...]:
    """Under which something of a fee may be kept for the booking."""
    tried = tuple(
        tender.hold_id for tender in booking.tenders if tender.kind in FEE_KINDS and tender.hold_id
    )
    kept = (*booking.lines, *booking.give_back_due)
    fees = (line.line_id for line in kept if line.kind == "fee")
    return tried + tuple(one for line_id in fees for one in settlement_ids(booking, line_id))


def decide(command: BookingCommand, booking: Booking) -> Sequence[BookingEvent]:
    match command:
        case AddLines():
            return add_lines(command, booking)
        case NotePrepared():
            return note_prepared(command, booking)
        case NoteLineRefused():
            return note_line_refused(command, booking)
        case RequestPayment():
            return request_payment(command, booking)
        case NoteHeld():
            return note_held(command, booking)
        case NoteHeldTogether():
            return note_held_together(command, booking)
        case NoteRefused():
            return note_refused(command, booking)
        case ReopenPayment():
            return reopen(command, booking)
        case NoteReleased():
            return note_released(command, booking)
        case WithdrawPayment():
            return withdraw(command, booking)
        case (
            VoidLine()
            | ChangeQuantity()
            | ChangePrice()
            | GiveDiscount()
            | ParkBooking()
            | ResumeBooking()
            | NoteGivenBack()
        ):
            return edit(command, booking)
        case NoteVerdict():
            return note_verdict(command, booking)
        case NoteOverdue():
            return note_overdue(command, booking)
        case NoteQueued():
            return note_queued(command, booking)
        case NotePrinted():
            return note_printed(command, booking)
        case NoteTaken() | NoteNotTaken() | NoteUnknown() | ResolvePayment():
            return card_decide(command, booking)
        case _:
            assert_never(command)


BOOKING: Decider[BookingCommand, Booking] = Decider(initial=Booking(), decide=decide, evolve=evolve)
