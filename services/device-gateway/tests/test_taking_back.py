"""The rules of returns, cancellations, payouts, trainings and orders: given what happened, when
asked, then. How they are played at a till: tests/acceptance."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from device_gateway.commands import (
    AbortBooking,
    AddLines,
    CancelBooking,
    NewLine,
    NewOrderLine,
    NewPayment,
    OrderLines,
    RecordBooking,
    Refund,
    RequestPayment,
    ReturnedLine,
    TakeBack,
    TakenVoucher,
)
from device_gateway.decider import refusals
from device_gateway.decider.booking import BOOKING, abort, record, record_all
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.cancelling import cancel
from device_gateway.decider.going_out import goods_back
from device_gateway.decider.ordering import order
from device_gateway.decider.till import Till
from device_gateway.events import (
    BookingRecorded,
    BookingStarted,
    Record,
    TrainingRecorded,
    VatRate,
)
from device_gateway.testing import opened
from events import fold
from kassenverbund.kit.fiscal_cases import CaseChoice, Choices
from money import euro

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
DAY = date(2026, 11, 20)
SOLD, BACK = "5f0f6c3e-3a77-5f27-8a5f-1f6f3a1e2b11", "5f0f6c3e-3a77-5f27-8a5f-1f6f3a1e2b12"
RATES = {
    vat: VatRate(vat=vat, rate=rate, valid_from=date(2021, 1, 1), label=vat, dsfinvk_key=key)
    for vat, rate, key in (("standard", 1900, 1), ("reduced", 700, 2), ("zero", 0, 5))
}
CASH = Refund("r", "cash", "Bar", "Bar")
TILL = Till(store_id="berlin", till_id="t1", name="Kasse 1", token_hash="00")


def started(booking_id: str = SOLD, **more: Any) -> Booking:
    return fold(BOOKING, [BookingStarted(
        booking_id=booking_id, store_id="berlin", till_id="t1", till_name="Kasse 1",
        legal_entity_id="gmbh", tse_id="tse", client_id="KV-berlin-1", currency="EUR",
        started_at=NOW, **more,
    )])  # fmt: skip


def with_lines(booking: Booking, *lines: NewLine) -> Booking:
    return fold(BOOKING, BOOKING.decide(AddLines("", lines, RATES, NOW), booking), start=booking)


def goods(price: str, vat: str = "standard", kind: Any = "article", quantity: str = "1") -> NewLine:
    return NewLine(kind, None, "Buch", Decimal(quantity), euro(price), vat)


def paid(booking: Booking, amount: str, kind: Any = "cash") -> Booking:
    new = NewPayment("p", kind, kind, "Bar" if kind == "cash" else "Unbar", euro(amount))
    events = BOOKING.decide(RequestPayment("", new, NOW), booking)
    return fold(BOOKING, events, start=booking)


def recording(confirmed: frozenset[str] = frozenset(), **more: Any) -> RecordBooking:
    return RecordBooking("", DAY, {}, confirmed, NOW, NOW, CASH, **more)


def sold(*lines: NewLine) -> Booking:
    """A recorded cash sale."""
    booking = with_lines(started(), *lines)
    booking = paid(booking, str(booking.total.as_decimal()))
    return fold(BOOKING, record(recording(), booking, 7, opened()), start=booking)


def taking(original: Booking, *returns: tuple[str, str], payouts: Any = ()) -> Booking:
    """A booking that takes goods back, before it is recorded."""
    booking = started(BACK)
    wanted = [ReturnedLine(SOLD, line_id, Decimal(some), "x") for line_id, some in returns]
    command = TakeBack(BACK, {SOLD: wanted} if wanted else {}, payouts, NOW)
    return fold(BOOKING, goods_back(command, booking, {SOLD: original}), start=booking)


def ended(booking: Booking, original: Booking, **more: Any) -> tuple[Record, Any]:
    held = frozenset(line.hold_id for line in booking.held_lines if line.hold_id)
    events, taken = record_all(
        recording(held, **more), booking, 8, opened(), {SOLD: original} if booking.lines else {}
    )
    recorded = events[-1]
    assert isinstance(recorded, Record)
    return recorded, taken.get(SOLD)


def rest(amount: str, **more: Any) -> TakenVoucher:
    held = TakenVoucher("h", "v", "GS-1", euro(amount), "zero", 5, 0, "Rest", "Gutschein")
    return replace(held, **more)


def test_a_return_says_on_the_original_what_came_back() -> None:
    original = sold(goods("4.10", quantity="3"))
    recorded, taken = ended(taking(original, ("1", "2")), original)
    assert (recorded.total, recorded.payments[0].amount) == (euro("-8.20"), euro("-8.20"))
    assert (taken.by, taken.kind, taken.lines[0].quantity) == (BACK, "return", "2")


def test_a_return_that_overtakes_another_is_refused_when_it_is_recorded() -> None:
    original = sold(goods("4.10"))
    slow, quick = taking(original, ("1", "1")), taking(original, ("1", "1"))
    _, taken = ended(quick, original)
    with pytest.raises(refusals.ReturnTooMuch):
        ended(slow, fold(BOOKING, [taken], start=original))


def test_the_same_line_twice_in_one_return_counts_twice() -> None:
    original = sold(goods("4.10", quantity="2"))
    with pytest.raises(refusals.ReturnTooMuch) as no:
        taking(original, ("1", "1"), ("1", "2"))
    assert no.value.extra["returnable"] == "1"


def test_a_return_keeps_the_rate_of_the_sale() -> None:
    original = sold(goods("4.10"))
    recorded, _ = ended(taking(original, ("1", "1")), original)
    assert (recorded.vat[0].rate, recorded.vat[0].tax) == (1900, euro("-0.65"))


def test_a_booking_of_another_store_is_unknown() -> None:
    original = sold(goods("4.10"))
    assert original.started is not None
    elsewhere = original.started.model_copy(update={"store_id": "koeln"})
    with pytest.raises(refusals.BookingUnknown):
        taking(replace(original, started=elsewhere), ("1", "1"))


def test_without_a_means_nothing_goes_out() -> None:
    original = sold(goods("4.10"))
    with pytest.raises(refusals.OpenAmount):
        record(replace(recording(), refund=None), taking(original, ("1", "1")), 8, opened())


def test_a_payout_that_is_not_confirmed_is_not_recorded() -> None:
    booking = taking(sold(goods("1.00")), payouts=[rest("3.00")])
    with pytest.raises(refusals.BookingChanged):
        record(recording(), booking, 8, opened())
    (_, recorded) = record(recording(frozenset({"h"})), booking, 8, opened())
    assert isinstance(recorded, BookingRecorded)
    assert (recorded.kind, recorded.lines[0].case) == ("payout", "MehrzweckgutscheinEinloesung")


def test_the_rest_of_a_taxed_voucher_goes_out_at_its_vat() -> None:
    single = rest("10.70", vat="reduced", dsfinvk_key=2, rate=700)
    booking = taking(sold(goods("1.00")), payouts=[single])
    (_, recorded) = record(recording(frozenset({"h"})), booking, 8, opened())
    assert isinstance(recorded, BookingRecorded)
    assert recorded.lines[0].case == "EinzweckgutscheinEinloesung"
    assert recorded.vat[0].tax == euro("-0.70")


def test_an_aborted_payout_ends_its_hold() -> None:
    booking = taking(sold(goods("1.00")), payouts=[rest("3.00")])
    (aborted,) = abort(AbortBooking("", "x", NOW, DAY, NOW), booking, 8, opened())
    assert aborted.hold_ids == ("h",)


def test_a_payout_and_goods_go_against_each_other() -> None:
    booking = with_lines(taking(sold(goods("1.00")), payouts=[rest("3.00")]), goods("5.00"))
    assert booking.open_amount == euro("2.00")
    (recorded,) = record(recording(frozenset({"h"})), paid(booking, "2.00"), 8, opened())
    assert isinstance(recorded, BookingRecorded)
    assert recorded.kind == "sale"


def test_what_is_cancelled_twice_at_once_is_cancelled_once() -> None:
    original = sold(goods("4.10"))
    booking = started(BACK, cancels=SOLD)
    assert booking.started is not None
    events = cancel(CancelBooking(BACK, "x", {}, NOW), booking.started, original)
    booking = fold(BOOKING, events, start=booking)
    _, taken = ended(booking, original)
    with pytest.raises(refusals.CancelledBefore):
        ended(booking, fold(BOOKING, [taken], start=original))


def test_a_chain_may_book_a_refund_to_a_voucher_as_a_new_one() -> None:
    name = "fiscal.voucher.multi_purpose.refunded"
    choices = Choices.of([(name, CaseChoice(choice="new_sale"))])
    original = sold(goods("4.10"))
    booking = taking(original, ("1", "1"))
    back = booking.lines[0].model_copy(
        update={"line_id": "2", "kind": "voucher_redemption_reversal", "amount": euro("4.10"),
                "unit_price": euro("4.10"), "vat": "zero", "rate": 0, "dsfinvk_key": 5}
    )  # fmt: skip
    (recorded,) = record(
        recording(choices=choices), replace(booking, lines=(*booking.lines, back)), 8, opened()
    )
    assert isinstance(recorded, BookingRecorded)
    assert recorded.lines[1].case == "MehrzweckgutscheinKauf"


def test_a_training_is_recorded_as_one() -> None:
    booking = paid(with_lines(started(training=True), goods("4.10")), "5.00")
    (recorded,) = record(recording(), booking, 7, opened())
    assert isinstance(recorded, TrainingRecorded)
    assert (recorded.total, recorded.change) == (euro("4.10"), euro("0.90"))


@pytest.mark.parametrize("kind", ["voucher", "cost_center", "online"])
def test_a_training_is_paid_in_cash_or_by_card(kind: Any) -> None:
    with pytest.raises(refusals.TrainingOnly):
        paid(with_lines(started(training=True), goods("4.10")), "4.10", kind)


def ordering(*lines: NewOrderLine) -> Any:
    command = OrderLines(
        BACK, "berlin", "t1", "gmbh", "EUR", lines, RATES, DAY, NOW + timedelta(seconds=30), NOW
    )
    (event,) = order(command, TILL, opened(), Booking(), 9)
    return event


def limo(quantity: str = "2", name: str = "Limo") -> NewOrderLine:
    return NewOrderLine(name, Decimal(quantity), euro("2.30"), "standard")


def test_an_order_takes_back_with_a_quantity_below_zero() -> None:
    event = ordering(limo("2.50"), limo("-1"))
    assert [line.quantity for line in event.lines] == ["2.5", "-1"]
    assert (event.number, event.shift) == (9, opened().shift)


def test_what_is_signed_of_an_order_fits_into_the_export() -> None:
    with pytest.raises(refusals.BookingTooLarge):
        ordering(*[limo(name='"' * 100) for _ in range(5)])
    ordering(*[limo(name="x" * 100) for _ in range(5)])


def test_a_revoked_till_takes_no_orders() -> None:
    command = OrderLines(BACK, "berlin", "t1", "gmbh", "EUR", [limo()], RATES, DAY, NOW, NOW)
    with pytest.raises(refusals.TillRevokedAlready):
        order(command, replace(TILL, token_hash=None), opened(), Booking(), 9)
