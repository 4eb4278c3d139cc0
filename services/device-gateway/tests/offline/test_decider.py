"""What a store takes by voucher without a line: given what it took, when a voucher comes, then."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from device_gateway.decider.offline import (
    DAYS_KEPT,
    OFFLINE,
    AcceptOffline,
    GiveBackOffline,
    OfflineLimits,
    SettleOffline,
    SignedVoucher,
)
from device_gateway.decider.refusals import (
    OfflineCapReached,
    OfflineDayFull,
    OfflineNotTaken,
)
from device_gateway.events import OfflineAccepted, OfflineGivenBack, OfflineSettled
from events import fold
from events.testing.scenario import Scenario
from money import Money, euro

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
TODAY = date(2026, 11, 20)
LIMITS = OfflineLimits(
    cap=euro("20.00"), per_day=euro("50.00"), per_till_day=euro("30.00"), sold_here=True,
    heard_at=NOW,
)  # fmt: skip
VOUCHER = SignedVoucher(
    serial="GS-1", multi_purpose=True, own_issuer=True, sold_here=True, face=euro("50.00"),
    offline_cap=euro("25.00"), valid_until=date(2029, 12, 31),
)  # fmt: skip

book = Scenario(OFFLINE)


def accept(
    wanted: str, hold_id: str = "h1", *, till: str = "t1", serial: str = "GS-1",
    day: date = TODAY, limits: OfflineLimits = LIMITS, **terms: Any,
) -> AcceptOffline:  # fmt: skip
    return AcceptOffline(
        store_id="berlin", till_id=till, booking_id=f"b-{hold_id}", payment_id=f"p-{hold_id}",
        hold_id=hold_id, voucher=replace(VOUCHER, serial=serial, **terms), wanted=euro(wanted),
        limits=limits, business_date=day, now=NOW,
    )  # fmt: skip


def accepted(
    amount: str, hold_id: str = "h1", *, till: str = "t1", serial: str = "GS-1", day: date = TODAY
) -> OfflineAccepted:
    return OfflineAccepted(
        store_id="berlin", till_id=till, booking_id=f"b-{hold_id}", payment_id=f"p-{hold_id}",
        hold_id=hold_id, serial=serial, amount=euro(amount), business_date=day,
        rules_heard_at=NOW, accepted_at=NOW,
    )  # fmt: skip


def given_back(hold_id: str) -> OfflineGivenBack:
    return OfflineGivenBack(store_id="berlin", hold_id=hold_id, given_back_at=NOW)


def settled(hold_id: str, captured: str) -> OfflineSettled:
    return OfflineSettled(
        store_id="berlin", hold_id=hold_id, captured=euro(captured), settled_at=NOW
    )


def test_a_voucher_pays_what_is_wanted_below_the_cap() -> None:
    book.given().when(accept("12.00")).then(accepted("12.00"))


def test_a_voucher_pays_no_more_than_the_cap() -> None:
    book.given().when(accept("45.00")).then(accepted("20.00"))


def test_a_voucher_pays_no_more_than_its_own_cap() -> None:
    book.given().when(accept("45.00", offline_cap=euro("5.00"))).then(accepted("5.00"))


def test_a_voucher_pays_no_more_than_its_face_value() -> None:
    book.given().when(accept("45.00", face=euro("10.00"))).then(accepted("10.00"))


def test_a_second_payment_gets_what_the_first_left_of_the_cap() -> None:
    book.given(accepted("12.00")).when(accept("12.00", "h2")).then(accepted("8.00", "h2"))


def test_a_voucher_that_paid_its_cap_pays_nothing_more() -> None:
    book.given(accepted("20.00")).when(accept("1.00", "h2", till="t2")).then_refused(
        OfflineCapReached
    )


def test_another_voucher_has_a_cap_of_its_own() -> None:
    first = accepted("20.00")
    asked = accept("20.00", "h2", till="t2", serial="GS-2")
    book.given(first).when(asked).then(accepted("20.00", "h2", till="t2", serial="GS-2"))


def test_the_same_hold_is_counted_once() -> None:
    book.given(accepted("12.00")).when(accept("12.00")).then_nothing()


def test_a_till_takes_no_more_than_its_limit_of_the_day() -> None:
    before = accepted("20.00", "h1", serial="GS-1")
    asked = accept("20.00", "h2", serial="GS-2")
    book.given(before).when(asked).then(accepted("10.00", "h2", serial="GS-2"))


def test_a_till_that_took_all_it_may_takes_nothing_more_today() -> None:
    before = [accepted("20.00", "h1", serial="GS-1"), accepted("10.00", "h2", serial="GS-2")]
    book.given(*before).when(accept("1.00", "h3", serial="GS-3")).then_refused(OfflineDayFull)


def test_the_store_takes_no_more_than_its_limit_of_the_day_over_all_tills() -> None:
    before = [
        accepted("20.00", "h1", serial="GS-1"),
        accepted("20.00", "h2", serial="GS-2", till="t2"),
    ]
    asked = accept("20.00", "h3", serial="GS-3", till="t3")
    book.given(*before).when(asked).then(accepted("10.00", "h3", serial="GS-3", till="t3"))


def test_the_next_business_date_has_limits_of_its_own() -> None:
    before = [accepted("20.00", "h1"), accepted("10.00", "h2", serial="GS-2")]
    tomorrow = TODAY + timedelta(days=1)
    asked = accept("5.00", "h3", serial="GS-3", day=tomorrow)
    book.given(*before).when(asked).then(accepted("5.00", "h3", serial="GS-3", day=tomorrow))


def test_midnight_gives_a_voucher_no_new_cap() -> None:
    asked = accept("1.00", "h2", day=TODAY + timedelta(days=1))
    book.given(accepted("20.00")).when(asked).then_refused(OfflineCapReached)


def test_what_the_voucher_service_has_booked_leaves_the_cap_free() -> None:
    before = [accepted("20.00"), settled("h1", "20.00")]
    asked = accept("5.00", "h2", till="t2")
    book.given(*before).when(asked).then(accepted("5.00", "h2", till="t2"))


def test_what_the_voucher_service_has_booked_still_counts_for_its_day() -> None:
    before = [accepted("20.00"), accepted("10.00", "h2", serial="GS-2"), settled("h1", "20.00")]
    book.given(*before).when(accept("1.00", "h3", serial="GS-3")).then_refused(OfflineDayFull)


def test_an_aborted_booking_leaves_cap_and_day_free() -> None:
    before = [accepted("20.00"), given_back("h1")]
    book.given(*before).when(accept("20.00", "h2")).then(accepted("20.00", "h2"))


def test_only_what_is_open_is_given_back() -> None:
    command = GiveBackOffline(("h1", "h2"), NOW)
    book.given(accepted("5.00")).when(command).then(given_back("h1"))


def test_a_hold_is_settled_once() -> None:
    settling = SettleOffline("h1", euro("5.00"), NOW)
    book.given(accepted("5.00"), settled("h1", "5.00")).when(settling).then_nothing()
    book.given(accepted("5.00")).when(settling).then(settled("h1", "5.00"))


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"multi_purpose": False}, "terms"),
        ({"offline_cap": euro("0.00")}, "terms"),
        ({"own_issuer": False}, "issuer"),
        ({"sold_here": False}, "store"),
        ({"valid_until": TODAY - timedelta(days=1)}, "expired"),
        ({"face": Money(amount=5000, currency="CHF")}, "currency"),
    ],
)
def test_a_voucher_that_somebody_has_to_be_asked_about_is_not_taken(
    terms: dict[str, Any], reason: str
) -> None:
    outcome = book.given().when(accept("5.00", **terms)).then_refused(OfflineNotTaken)
    assert outcome.refusal is not None
    assert outcome.refusal.extra["reason"] == reason


def test_a_voucher_is_taken_on_its_last_day() -> None:
    book.given().when(accept("5.00", valid_until=TODAY)).then(accepted("5.00"))


def test_a_chain_may_let_a_store_take_what_its_other_stores_sold() -> None:
    anywhere = replace(LIMITS, sold_here=False)
    book.given().when(accept("5.00", limits=anywhere, sold_here=False)).then(accepted("5.00"))


def test_days_long_past_are_forgotten() -> None:
    days = [TODAY + timedelta(days=number) for number in range(DAYS_KEPT + 2)]
    state = fold(
        OFFLINE,
        [accepted("1.00", f"h{day}", serial=f"GS-{day}", day=day) for day in days],
    )
    assert sorted(state.days) == days[-DAYS_KEPT:]


def test_an_old_sale_that_is_aborted_late_does_not_bring_its_day_back() -> None:
    later = TODAY + timedelta(days=DAYS_KEPT)
    history = [accepted("1.00"), accepted("1.00", "h2", serial="GS-2", day=later), given_back("h1")]
    assert set(fold(OFFLINE, history).days) == {later}
