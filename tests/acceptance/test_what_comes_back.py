"""However a booking was paid and whatever comes back of it, in whatever order: lines and payments
stay equal, the signer signs what is recorded, nobody gets back more than he gave, and once
everything is back everybody has what he gave. Deciders of gateway, voucher service and signer."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal
from random import Random

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from device_gateway.commands import (
    CancelBooking,
    RecordBooking,
    Refund,
    ReturnedLine,
    TakeBack,
)
from device_gateway.decider.booking import BOOKING, record_all
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.cancelling import cancel
from device_gateway.decider.going_out import goods_back
from device_gateway.decider.refusals import BookingNegative, VoucherBuysVoucher
from device_gateway.decider.totals import case_totals, payment_totals
from device_gateway.events import BookingRecorded, BookingStarted, BookingTakenBack
from device_gateway.testing import opened
from events import encode, fold
from fiscal_signer.country import country_of
from fiscal_signer.foreign import BookingRecorded as SignedBooking
from tests.acceptance.test_lines_and_payments import (
    ADDING,
    BOOKING_ID,
    NOW,
    STEPS,
    Adding,
    Cash,
    Paying,
    Sale,
)

DAY = date(2026, 11, 20)
REFUND = Refund("refund", "cash", "Bar", "Bar")
Basket = list[Adding]
Steps = list[Adding | Paying | Cash]


def sold_with(basket: Basket, steps: Steps) -> Booking:
    """A recorded sale."""
    sale = Sale()
    for step in (*basket, *steps):
        sale.play(step)
    if (left := sale.booking.open_amount.amount) > 0:
        sale.play(Cash(left))
    try:
        return fold(BOOKING, [sale.recorded()], start=sale.booking)
    except (BookingNegative, VoucherBuysVoucher):
        assume(False)
        raise


def begun(number: int, cancels: str | None = None) -> Booking:
    started = BookingStarted(
        booking_id=f"5f0f6c3e-3a77-5f27-8a5f-{number:012d}", store_id="berlin", till_id="t1",
        till_name="Kasse 1", legal_entity_id="gmbh", tse_id="tse", client_id="KV-berlin-1",
        currency="EUR", started_at=NOW, cancels=cancels,
    )  # fmt: skip
    return fold(BOOKING, [started])


def ended(booking: Booking, original: Booking) -> tuple[BookingRecorded, BookingTakenBack]:
    command = RecordBooking(BOOKING_ID, DAY, {}, frozenset(), NOW, NOW, REFUND)
    events, taken = record_all(command, booking, 2, opened(), {BOOKING_ID: original})
    recorded = events[-1]
    assert isinstance(recorded, BookingRecorded)
    return recorded, taken[BOOKING_ID]


def slots(recorded: BookingRecorded) -> list[Decimal]:
    """What the signer signs; it refuses sums that differ."""
    signed = SignedBooking.model_validate_json(encode(recorded))
    told = country_of("DE").receipt(signed).data.split("^")[1]
    return [Decimal(each) for each in told.split("_")]


def sums_agree(recorded: BookingRecorded) -> None:
    lines = sum(line.amount.amount for line in recorded.lines)
    assert lines == sum(paid.amount.amount for paid in recorded.payments) == recorded.total.amount
    assert sum(row.gross.amount for row in recorded.vat) == lines - sum(
        paid.amount.amount for paid in recorded.payments if paid.kind == "voucher" and paid.rate
    )
    cases, means = case_totals(recorded), payment_totals(recorded.payments)
    assert sum(case.gross.amount for case in cases) == sum(each.amount.amount for each in means)
    assert sum(slots(recorded)) * 100 == sum(case.gross.amount for case in cases)


def got_back(recorded: BookingRecorded) -> Counter[str]:
    """Hold → what it gets back; `money` → what goes out."""
    found: Counter[str] = Counter()
    for line in recorded.lines:
        if line.kind == "voucher_redemption_reversal":
            assert line.hold_id is not None
            found[line.hold_id] += line.amount.amount
    found["money"] -= sum(paid.amount.amount for paid in recorded.payments)
    return found


def gave(original: BookingRecorded) -> Counter[str]:
    found: Counter[str] = Counter()
    for paid in original.payments:
        found[paid.hold_id or "money"] += paid.amount.amount
    for waiver in original.waivers:
        found[waiver.hold_id] += waiver.amount.amount
    return found


@given(st.lists(ADDING, min_size=1, max_size=5), STEPS, st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_once_everything_is_back_everybody_has_what_he_gave(
    basket: Basket, steps: Steps, order: Random
) -> None:
    original = sold_with(basket, steps)
    recorded = original.recorded
    assert isinstance(recorded, BookingRecorded)
    assume(all(line.kind != "voucher_article_redemption" for line in recorded.lines))
    pieces = [
        line.line_id
        for line in recorded.lines
        if line.kind == "article"
        for _ in range(int(line.quantity))
    ]
    order.shuffle(pieces)
    whole, given_away = Counter[str](), gave(recorded)
    number = 0
    while pieces:
        number += 1
        some, pieces = pieces[: 1 + number % 3], pieces[1 + number % 3 :]
        booking = begun(number)
        wanted = [ReturnedLine(BOOKING_ID, line_id, Decimal(1), "x") for line_id in some]
        command = TakeBack("", {BOOKING_ID: wanted}, (), NOW)
        events = goods_back(command, booking, {BOOKING_ID: original})
        back, taken = ended(fold(BOOKING, events, start=booking), original)
        original = fold(BOOKING, [taken], start=original)
        sums_agree(back)
        whole.update(got_back(back))
        assert all(whole[who] <= given_away[who] for who in whole)
    assert +whole == +given_away


@given(st.lists(ADDING, min_size=1, max_size=5), STEPS)
@settings(max_examples=200, deadline=None)
def test_a_cancellation_is_the_sale_with_all_signs_reversed(basket: Basket, steps: Steps) -> None:
    original = sold_with(basket, steps)
    recorded = original.recorded
    assert isinstance(recorded, BookingRecorded)
    booking = begun(1, cancels=BOOKING_ID)
    assert booking.started is not None
    events = cancel(CancelBooking("", "x", {}, NOW), booking.started, original)
    back, taken = ended(fold(BOOKING, events, start=booking), original)
    sums_agree(back)
    assert slots(back) == [-slot for slot in slots(recorded)]
    assert +got_back(back) == +gave(recorded)
    for kind in ("cash", "card"):
        assert sum(paid.amount.amount for paid in back.payments if paid.kind == kind) == -sum(
            paid.amount.amount for paid in recorded.payments if paid.kind == kind
        )
    assert taken.kind == "cancellation"
