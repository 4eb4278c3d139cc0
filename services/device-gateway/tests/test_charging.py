"""What a cost center may pay, what it is asked for, and how its parts are keyed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_gateway.commands import (
    AbortBooking,
    NewPayment,
    NoteHeld,
    NoteRefused,
    RecordBooking,
    ReopenPayment,
    RequestPayment,
)
from device_gateway.decider import refusals
from device_gateway.decider.booking import BOOKING, abort, record
from device_gateway.decider.charging import charge_basket, keyed
from device_gateway.decider.pricing import vat_totals
from device_gateway.events import (
    BookingRecorded,
    BookingStarted,
    ChargeProblem,
    Line,
    LinesAdded,
    Payment,
    PaymentHeld,
    PaymentRequested,
    VatPart,
)
from device_gateway.testing import opened
from events import fold
from events.testing.scenario import Scenario
from money import Money, euro

NOW = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
BOOKING_ID = "5f0f6c3e-3a77-5f27-8a5f-1f6f3a1e2b11"
KEYS = {"standard": (1900, 1), "reduced": (700, 2), "zero": (0, 5)}

booking = Scenario(BOOKING)

STARTED = BookingStarted(
    booking_id=BOOKING_ID, store_id="berlin", till_id="t1", till_name="Kasse 1",
    legal_entity_id="gmbh", tse_id="tse", client_id="KV-berlin-1", currency="EUR", started_at=NOW,
)  # fmt: skip


def line(amount: str, vat: str = "reduced", number: int = 1, **more: Any) -> Line:
    rate, key = KEYS[vat]
    return Line(
        line_id=str(number), name="x", quantity="1", unit_price=euro(amount),
        amount=euro(amount), vat=vat, rate=rate, dsfinvk_key=key, **{"kind": "article", **more},
    )  # fmt: skip


def lines(*added: Line) -> LinesAdded:
    return LinesAdded(booking_id=BOOKING_ID, store_id="berlin", lines=added, added_at=NOW)


def part(amount: str, vat: str = "reduced") -> VatPart:
    rate, key = KEYS[vat]
    return VatPart(vat=vat, rate=rate, dsfinvk_key=key, gross=euro(amount))


def charged(amount: str, vat: str = "reduced", payment_id: str = "p1") -> Payment:
    return Payment(
        payment_id=payment_id, kind="cost_center", name="Kostenstelle", fiscal="Keine",
        amount=euro(amount), hold_id=f"h-{payment_id}", case="Forderungsentstehung",
        parts=(part(amount, vat),) if euro(amount) else (), center_id="c", center_number="4711",
        center_name="Empfang", card_id="k", card_number="4711",
    )  # fmt: skip


def granted(amount: str) -> Payment:
    return Payment(
        payment_id="s1", kind="subsidy", name="Mittagessen", fiscal="Keine", amount=euro(amount),
        hold_id="h-p1", case="ZuschussEcht", parts=(part(amount),), rule_id="R1",
    )  # fmt: skip


def pay(amount: str | None = None, payment_id: str = "p1") -> RequestPayment:
    new = NewPayment(
        payment_id=payment_id, kind="cost_center", name="Kostenstelle", fiscal="Keine",
        amount=euro(amount) if amount else None, hold_id=f"h-{payment_id}",
    )  # fmt: skip
    return RequestPayment(BOOKING_ID, new, NOW)


def requested(amount: str) -> PaymentRequested:
    return PaymentRequested(
        booking_id=BOOKING_ID, store_id="berlin", payment_id="p1", kind="cost_center",
        name="Kostenstelle", fiscal="Keine", hold_id="h-p1", amount=euro(amount), requested_at=NOW,
    )  # fmt: skip


def held(amount: str, *subsidies: Payment) -> PaymentHeld:
    return PaymentHeld(
        booking_id=BOOKING_ID, store_id="berlin", payment=charged(amount), subsidies=subsidies,
        expires_at=NOW + timedelta(minutes=2), held_at=NOW,
    )  # fmt: skip


def recording(*confirmed: str) -> RecordBooking:
    return RecordBooking(
        booking_id=BOOKING_ID, business_date=date(2026, 11, 20), serials={},
        confirmed=frozenset(confirmed), sign_by=NOW + timedelta(seconds=30), now=NOW,
    )  # fmt: skip


def test_a_charge_is_asked_for_with_all_that_is_open_and_the_lines_of_the_goods() -> None:
    outcome = booking.given(STARTED, lines(line("9.80"))).when(pay())
    asked = outcome.events[0]
    assert asked.amount == euro("9.80")
    assert [(each.line_id, each.gross, each.quantity) for each in asked.basket] == [
        ("1", euro("9.80"), "1")
    ]


def test_a_cost_center_buys_no_voucher() -> None:
    sold = line("50.00", "zero", kind="voucher_sale", voucher_id="v")
    booking.given(STARTED, lines(sold)).when(pay()).then_refused(refusals.ChargeBuysVoucher)


def test_a_cost_center_tops_up_no_voucher() -> None:
    both = lines(line("9.80"), line("50.00", "zero", 2, kind="voucher_top_up", top_up_id="t"))
    booking.given(STARTED, both).when(pay("10.00")).then_refused(refusals.ChargeBuysVoucher)


def test_next_to_a_voucher_it_pays_for_the_goods() -> None:
    both = lines(line("9.80"), line("50.00", "zero", 2, kind="voucher_sale", voucher_id="v"))
    assert booking.given(STARTED, both).when(pay()).events[0].amount == euro("9.80")


def test_a_charge_above_what_is_open_is_refused() -> None:
    booking.given(STARTED, lines(line("9.80"))).when(pay("9.81")).then_refused(
        refusals.PaymentExceedsOpen
    )


def test_center_and_subsidy_settle_together() -> None:
    state = fold(
        BOOKING,
        [STARTED, lines(line("7.20")), requested("7.20"), held("4.10", granted("3.10"))],
    )
    assert state.open_amount == euro("0.00")
    assert [paid.kind for paid in state.payments] == ["cost_center", "subsidy"]


def test_where_others_pay_all_the_center_stands_on_no_payment() -> None:
    state = fold(
        BOOKING,
        [STARTED, lines(line("3.10")), requested("3.10"), held("0.00", granted("3.10"))],
    )
    recorded = record(recording("h-p1"), state, 1, opened())[0]
    assert isinstance(recorded, BookingRecorded)
    assert [paid.kind for paid in recorded.payments] == ["subsidy"]


def test_a_charge_that_was_not_confirmed_is_not_recorded() -> None:
    state = fold(BOOKING, [STARTED, lines(line("9.80")), requested("9.80"), held("9.80")])
    with pytest.raises(refusals.BookingChanged):
        record(recording(), state, 1, opened())


def test_a_reopened_charge_takes_its_subsidy_along() -> None:
    happened = [STARTED, lines(line("7.20")), requested("7.20"), held("4.10", granted("3.10"))]
    reopened = BOOKING.decide(
        ReopenPayment(BOOKING_ID, "p1", "hold.expired", NOW), fold(BOOKING, happened)
    )
    state = fold(BOOKING, [*happened, *reopened])
    assert state.open_amount == euro("7.20")
    assert [tender.hold_id for tender in state.releases_due] == ["h-p1"]


def test_an_answer_that_comes_after_the_payment_was_given_up_changes_nothing() -> None:
    given_up = [STARTED, lines(line("9.80")), requested("9.80")]
    refused = BOOKING.decide(
        NoteRefused(BOOKING_ID, "p1", "costcenter.unavailable", "", 503, True, NOW),
        fold(BOOKING, given_up),
    )
    booking.given(*given_up, *refused).when(
        NoteHeld(BOOKING_ID, charged("9.80"), NOW, NOW)
    ).then_nothing()


def test_a_refusal_keeps_what_the_cashier_has_to_know() -> None:
    problem = ChargeProblem(limit_id="L1", name="Monat", available=euro("7.60"))
    command = NoteRefused(BOOKING_ID, "p1", "limit.exceeded", "", 409, False, NOW, charge=problem)
    outcome = booking.given(STARTED, lines(line("9.80")), requested("9.80")).when(command)
    assert outcome.events[0].charge == problem


def test_an_abort_names_charges_apart_from_vouchers() -> None:
    happened = [STARTED, lines(line("9.80")), requested("9.80"), held("9.80")]
    command = AbortBooking(BOOKING_ID, "x", NOW, NOW.date(), NOW)
    aborted = abort(command, fold(BOOKING, happened), 1, opened())[0]
    assert (aborted.charge_ids, aborted.hold_ids) == (("h-p1",), ())


def test_a_charge_leaves_the_vat_table_as_it_is() -> None:
    sold = (line("9.80"),)
    assert vat_totals(sold, (charged("9.80"),)) == vat_totals(sold)


def test_what_a_single_purpose_voucher_paid_is_not_charged_again() -> None:
    sold = (line("10.00"), line("10.00", "standard", 2))
    paid = Payment(
        payment_id="v", kind="voucher", name="Gutschein", fiscal="Keine", amount=euro("10.00"),
        vat="reduced", rate=700, dsfinvk_key=2,
    )  # fmt: skip
    assert [each.vat for each in charge_basket(sold, (paid,))] == ["standard"]


def test_what_another_center_paid_is_not_charged_again() -> None:
    sold = (line("6.00"), line("4.00", number=2))
    assert [each.gross for each in charge_basket(sold, (charged("5.00"),))] == [
        euro("3.00"), euro("2.00"),
    ]  # fmt: skip


def test_an_article_voucher_lowers_the_goods_of_its_vat() -> None:
    off = line("-5.00", number=2, kind="voucher_article_redemption")
    assert [each.gross for each in charge_basket((line("9.80"), off), ())] == [euro("4.80")]


AMOUNTS = st.lists(
    st.tuples(st.integers(1, 5_000), st.sampled_from(list(KEYS))), min_size=1, max_size=6
)


@given(goods=AMOUNTS, data=st.data())
def test_the_basket_is_what_the_goods_cost_less_what_is_settled_at_their_vat(
    goods: list[tuple[int, str]], data: st.DataObject
) -> None:
    sold = tuple(
        line("1.00", vat, number).model_copy(update={"amount": Money(amount=minor)})
        for number, (minor, vat) in enumerate(goods, start=1)
    )
    vat = data.draw(st.sampled_from(sorted({vat for _, vat in goods})))
    most = sum(minor for minor, key in goods if key == vat)
    settled = data.draw(st.integers(1, most))
    rate, key = KEYS[vat]
    parts = (VatPart(vat=vat, rate=rate, dsfinvk_key=key, gross=Money(amount=settled)),)
    paid = charged("1.00").model_copy(update={"amount": Money(amount=settled), "parts": parts})
    basket = charge_basket(sold, (paid,))
    left = sum(each.gross.amount for each in basket)
    assert left == sum(minor for minor, _ in goods) - settled
    assert all(each.gross.amount > 0 for each in basket)


@pytest.mark.parametrize(
    ("treatment", "key"), [("supply", 2), ("not_taxable", 5), ("undetermined", 7)]
)
def test_the_chain_decides_under_which_key_a_receivable_stands(treatment: Any, key: int) -> None:
    found = keyed((part("9.80"),), treatment)[0]
    assert (found.dsfinvk_key, found.vat, found.rate) == (key, "reduced", 700)
