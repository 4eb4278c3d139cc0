"""Acts on an open sale: what they may do, what they leave, and what is recorded of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_gateway.commands import AddLines, NewLine, NewPayment, RecordBooking, RequestPayment
from device_gateway.commands.acts import (
    By,
    ChangePrice,
    ChangeQuantity,
    GiveDiscount,
    ParkBooking,
    ResumeBooking,
    VoidLine,
)
from device_gateway.decider.booking import BOOKING, record
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.charging import charge_basket
from device_gateway.decider.covering import lowered, uncovered
from device_gateway.decider.lines import add_lines
from device_gateway.decider.totals import deltas_of
from device_gateway.events import (
    BookingStarted,
    LineVoided,
    Payment,
    PaymentHeld,
    PaymentRequested,
    VatRate,
)
from device_gateway.testing import opened
from events import DomainError, fold
from money import Money, euro, total

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
BY = By("anna", "chef")
RATES = {
    name: VatRate(vat=name, rate=rate, valid_from=date(2021, 1, 1), label=name, dsfinvk_key=key)
    for name, rate, key in (("standard", 1900, 1), ("reduced", 700, 2), ("zero", 0, 5))
}
STARTED = BookingStarted(
    booking_id="6f1f1b1e-6f0a-5c6e-9f52-0d1d4a0b7a51", store_id="berlin", till_id="till-1",
    till_name="Kasse 1", legal_entity_id="gmbh", tse_id="tse", client_id="KV-berlin-1",
    currency="EUR", started_at=NOW, cashier_id="anna",
)  # fmt: skip
OPENED = opened(shift=3)


def sale(*lines: tuple[str, str], quantity: str = "1", kind: Any = "article") -> Booking:
    """An open sale of (price, VAT key)."""
    new = [
        NewLine(kind, None, f"Buch {number}", Decimal(quantity), euro(price), vat)
        for number, (price, vat) in enumerate(lines, start=1)
    ]
    return added(fold(BOOKING, [STARTED]), new)


def added(booking: Booking, new: list[NewLine]) -> Booking:

    return fold(BOOKING, add_lines(AddLines("b", new, RATES, NOW), booking), start=booking)


def then(booking: Booking, *commands: Any) -> Booking:
    for command in commands:
        booking = fold(BOOKING, BOOKING.decide(command, booking), start=booking)
    return booking


def refused(booking: Booking, command: Any) -> str:
    with pytest.raises(DomainError) as no:
        BOOKING.decide(command, booking)
    return no.value.code


def void(line: str) -> VoidLine:
    return VoidLine("b", line, "Vertippt", BY, NOW)


def quantity(line: str, number: str) -> ChangeQuantity:
    return ChangeQuantity("b", line, Decimal(number), "Vertippt", BY, NOW)


def price(line: str, amount: str, by: By = BY) -> ChangePrice:
    return ChangePrice("b", line, euro(amount), "Beschädigt", by, NOW)


def off(
    line: str | None, percent: int | None = None, amount: str | None = None, by: By = BY
) -> GiveDiscount:
    minor = None if amount is None else euro(amount)
    return GiveDiscount("b", line, percent, minor, "Stammkunde", by, NOW)


def cash(amount: str) -> RequestPayment:
    return RequestPayment("b", NewPayment("p-1", "cash", "Bar", "Bar", euro(amount)), NOW)


def recorded(booking: Booking) -> Any:
    command = RecordBooking("b", date(2026, 11, 20), {}, frozenset(), NOW, NOW)
    return record(command, booking, 7, OPENED)[-1]


def covered(booking: Booking, covers: bool) -> Booking:
    """A voucher of 5.00 pays, for the first line alone or for everything."""
    paid: dict[str, Any] = {
        "payment_id": "v-1", "kind": "voucher", "name": "Gutschein", "fiscal": "Keine",
        "amount": euro("5.00"), "hold_id": "h-1",
    }  # fmt: skip
    if covers:
        paid["covers"] = ({"line_id": "1", "amount": euro("5.00")},)
    asked = PaymentRequested(
        booking_id="b", store_id="berlin", payment_id="v-1", kind="voucher", name="Gutschein",
        fiscal="Keine", hold_id="h-1", amount=euro("5.00"), requested_at=NOW,
    )  # fmt: skip
    held = PaymentHeld(
        booking_id="b", store_id="berlin", payment=Payment.model_validate(paid), expires_at=NOW,
        held_at=NOW,
    )  # fmt: skip
    return fold(BOOKING, [asked, held], start=booking)


def test_a_voided_line_is_gone_and_its_number_is_not_used_again() -> None:
    booking = then(sale(("10.00", "standard"), ("5.00", "reduced")), void("1"))
    more = added(booking, [NewLine("article", None, "Mehr", Decimal(1), euro("1.00"), "standard")])
    assert [line.line_id for line in more.lines] == ["2", "3"]
    assert more.total == euro("6.00")


def test_a_void_takes_the_share_of_a_discount_with_it() -> None:
    booking = then(sale(("10.00", "standard"), ("20.00", "standard")), off(None, 1000), void("1"))
    assert booking.total == euro("18.00")
    assert [act.amount for act in recorded(then(booking, cash("18.00"))).acts] == [
        euro("-2.00"), euro("-9.00"),
    ]  # fmt: skip


def test_a_discount_on_a_line_goes_with_the_line() -> None:
    booking = then(sale(("10.00", "standard"), ("4.00", "reduced")), off("1", 5000), void("1"))
    assert [line.line_id for line in booking.lines] == ["2"]


def test_a_discount_falls_on_each_vat_rate_in_proportion_to_the_cent() -> None:
    booking = then(sale(("9.99", "standard"), ("3.33", "reduced")), off(None, amount="5.00"))
    assert [(line.vat, line.amount) for line in booking.lines[2:]] == [
        ("standard", euro("-3.75")), ("reduced", euro("-1.25")),
    ]  # fmt: skip
    assert booking.lines[2].case == "Rabatt"


def test_a_discount_is_named_as_the_customer_reads_it() -> None:
    booking = then(sale(("10.00", "standard")), off("1", 1250))
    assert booking.lines[-1].name == "Rabatt 12,5 %: Buch 1"
    assert booking.lines[-1].reason == "Stammkunde"


def test_vouchers_and_cost_centers_may_pay_only_what_a_discount_leaves() -> None:
    booking = then(sale(("10.00", "standard"), ("5.00", "standard")), off("1", 2000))
    assert uncovered(booking.lines, ()) == {"1": 800, "2": 500}
    assert [part.gross for part in charge_basket(booking.lines, ())] == [euro("8.00"), euro("5.00")]


def test_a_discount_of_more_than_there_is_is_refused() -> None:
    booking = then(sale(("10.00", "standard")), off("1", amount="6.00"))
    assert refused(booking, off("1", amount="4.01")) == "discount.too_much"


@pytest.mark.parametrize(
    "act",
    [off("1", 1050), off(None, amount="1.01"), price("1", "8.99")],
)
def test_nobody_lowers_a_price_further_than_his_role_may(act: Any) -> None:
    capped = replace(act, by=By("anna", None, 1000))
    assert refused(sale(("10.00", "standard")), capped) == "till.discount_max"


def test_many_small_steps_are_no_way_around_it() -> None:
    little = By("anna", None, 1000)
    booking = then(sale(("10.00", "standard")), price("1", "9.00", little))
    assert refused(booking, price("1", "8.90", little)) == "till.discount_max"
    twice = then(sale(("10.00", "standard")), off("1", 600, by=little))
    assert refused(twice, off("1", 600, by=little)) == "till.discount_max"
    both = then(sale(("10.00", "standard")), price("1", "9.50", little))
    assert refused(both, off("1", 600, by=little)) == "till.discount_max"
    assert then(both, off("1", 500, by=little)).total == euro("9.02")


def test_a_discounted_line_keeps_quantity_and_price() -> None:
    booking = then(sale(("10.00", "standard")), off("1", 1000))
    assert refused(booking, quantity("1", "2")) == "line.discounted"
    assert refused(booking, price("1", "9.00")) == "line.discounted"
    assert then(booking, void("2"), quantity("1", "2")).total == euro("20.00")


def test_nothing_is_taken_off_below_what_is_paid() -> None:
    booking = then(sale(("10.00", "standard"), ("5.00", "standard")), cash("12.00"))
    assert refused(booking, void("2")) == "booking.paid_already"
    assert refused(booking, off(None, 5000)) == "booking.paid_already"
    assert then(booking, off(None, amount="3.00")).open_amount == euro("0.00")


def test_lines_stay_while_a_voucher_for_some_goods_counts_on_them() -> None:
    booking = covered(sale(("10.00", "standard"), ("9.00", "standard")), covers=True)
    for act in (void("2"), quantity("2", "2"), price("2", "8.00"), off("2", 100)):
        assert refused(booking, act) == "booking.held_already"


def test_a_voucher_for_everything_lets_lines_change_down_to_what_it_pays() -> None:
    booking = covered(sale(("10.00", "standard"), ("4.00", "standard")), covers=False)
    assert then(booking, void("2")).open_amount == euro("5.00")
    assert refused(booking, void("1")) == "booking.paid_already"


def test_a_line_that_takes_off_keeps_its_goods() -> None:
    booking = sale(("1.00", "standard"))
    back = NewLine("deposit_return", None, "Pfand", Decimal(1), euro("0.25"), "standard")
    assert then(added(booking, [back]), void("1")).total == euro("-0.25")


def test_less_of_a_line_is_a_void_of_the_rest() -> None:
    booking = then(sale(("2.50", "reduced"), quantity="4"), quantity("1", "3"))
    assert (booking.total, booking.acts[0].kind) == (euro("7.50"), "line_void")
    assert booking.acts[0].amount == euro("-2.50")
    assert then(booking, quantity("1", "9")).acts == booking.acts


def test_another_price_keeps_the_one_before_beside_it() -> None:
    booking = then(sale(("10.00", "standard")), price("1", "8.00"), price("1", "7.00"))
    line = booking.lines[0]
    assert (line.unit_price, line.list_price) == (euro("7.00"), euro("10.00"))


@pytest.mark.parametrize("kind", ["voucher_sale", "tip"])
def test_only_articles_get_another_price(kind: str) -> None:
    vat = "zero"
    booking = sale(("10.00", vat), kind=kind)
    assert refused(booking, price("1", "9.00")) == "line.fixed"
    assert refused(booking, quantity("1", "2")) == "line.fixed"
    assert refused(booking, off("1", 1000)) == "line.fixed"


def test_a_voided_voucher_is_to_be_given_back() -> None:
    booking = sale(("10.00", "zero"), kind="voucher_sale")
    (voided,) = BOOKING.decide(void("1"), booking)
    assert isinstance(voided, LineVoided)
    assert voided.give_back
    assert [line.line_id for line in then(booking, void("1")).give_back_due] == ["1"]


def test_what_was_paid_is_not_set_aside() -> None:
    booking = then(sale(("10.00", "standard")), cash("1.00"))
    assert refused(booking, ParkBooking("b", None, None, NOW)) == "booking.held_already"


def test_who_goes_on_with_a_sale_has_taken_it_up_again() -> None:
    aside = then(sale(("10.00", "standard")), ParkBooking("b", "Tisch 4", "anna", NOW))
    assert aside.parked is not None
    assert then(aside, ResumeBooking("b", None, NOW)).parked is None
    assert then(aside, cash("10.00")).parked is None


def test_the_closing_lists_every_act_with_reason_and_person() -> None:
    booking = then(
        sale(("10.00", "standard"), ("20.00", "reduced"), ("5.00", "reduced")),
        void("3"), price("1", "9.00"), off("2", 1000), cash("27.00"),
    )  # fmt: skip
    found = deltas_of(recorded(booking)).corrections
    assert [(each.kind, each.amount, each.reason) for each in found] == [
        ("line_void", euro("-5.00"), "Vertippt"),
        ("price_change", euro("-1.00"), "Beschädigt"),
        ("discount", euro("-2.00"), "Stammkunde"),
    ]
    assert {(each.person, each.approved_by) for each in found} == {("anna", "chef")}


LINES = st.lists(
    st.tuples(st.integers(0, 5000), st.sampled_from(["standard", "reduced", "zero"])),
    min_size=1,
    max_size=5,
)
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("void"), st.integers(1, 9)),
        st.tuples(st.just("quantity"), st.integers(1, 6), st.sampled_from(["0.5", "1", "3"])),
        st.tuples(st.just("price"), st.integers(1, 6), st.integers(0, 6000)),
        st.tuples(st.just("percent"), st.integers(0, 6), st.integers(1, 10000)),
        st.tuples(st.just("amount"), st.integers(0, 6), st.integers(1, 4000)),
        st.tuples(st.just("add"), st.integers(1, 3000)),
        st.tuples(st.just("cash"), st.integers(1, 3000)),
    ),
    max_size=12,
)


def _command(act: tuple[Any, ...], number: int) -> Any:
    match act:
        case ("void", line):
            return void(str(line))
        case ("quantity", line, text):
            return quantity(str(line), text)
        case ("price", line, minor):
            return ChangePrice("b", str(line), Money(amount=minor, currency="EUR"), "x", BY, NOW)
        case ("percent", line, points):
            return off(str(line) if line else None, points)
        case ("amount", line, minor):
            amount = Money(amount=minor, currency="EUR")
            return GiveDiscount("b", str(line) if line else None, None, amount, "x", BY, NOW)
        case ("cash", minor):
            paid = NewPayment(f"p-{number}", "cash", "Bar", "Bar", euro(f"{minor / 100:.2f}"))
            return RequestPayment("b", paid, NOW)


@settings(max_examples=150, deadline=None)
@given(LINES, ACTS)
def test_whatever_is_done_the_sale_adds_up(
    lines: list[tuple[int, str]], acts: list[tuple[Any, ...]]
) -> None:
    booking = sale(*((f"{minor / 100:.2f}", vat) for minor, vat in lines))
    for number, act in enumerate(acts):
        before = booking
        try:
            if act[0] == "add":
                price_ = Money(amount=act[1], currency="EUR")
                booking = added(
                    booking, [NewLine("article", None, "x", Decimal(1), price_, "reduced")]
                )
            else:
                booking = then(booking, _command(act, number))
        except DomainError:
            assert booking == before
        assert booking.numbered >= before.numbered
        given_off = lowered(booking.lines)
        for line in booking.lines:
            if line.kind == "article":
                assert 0 <= given_off[line.line_id] <= line.amount.amount
            else:
                assert -line.amount.amount == sum(each.amount.amount for each in line.lowers) > 0
        assert given_off.keys() <= {line.line_id for line in booking.lines}
        assert booking.open_amount.amount >= 0
        assert len({line.line_id for line in booking.lines}) == len(booking.lines)
    if not booking.lines:
        return
    if booking.open_amount:
        paid = NewPayment("rest", "cash", "Bar", "Bar", booking.open_amount)
        booking = then(booking, RequestPayment("b", paid, NOW))
    done = recorded(booking)
    assert done.total == total((line.amount for line in done.lines), currency="EUR")
    assert sum(row.gross.amount for row in done.vat) == done.total.amount
    assert all(row.gross.amount >= 0 for row in done.vat)
    deltas = deltas_of(done)
    assert sum(each.gross.amount for each in deltas.totals) == done.total.amount
    discounts = [each for each in deltas.corrections if each.kind == "discount"]
    lines_off = [line for line in done.lines if line.kind == "discount"]
    assert [each.amount for each in discounts] == [line.amount for line in lines_off]
