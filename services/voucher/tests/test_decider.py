"""A voucher's rules, given / when / then."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from events import fold
from events.testing.scenario import Scenario
from money import Money, euro
from voucher.commands import (
    ActivateVoucher,
    CancelVoucher,
    CaptureHold,
    ConfirmHold,
    ExpireHolds,
    IssueVoucher,
    PlaceHold,
    RedeemVoucher,
    ReleaseHold,
)
from voucher.decider import (
    HOLDS_OPEN_MAX,
    VOUCHER,
    CodeGone,
    HoldCaptured,
    HoldExpired,
    HoldReleased,
    HoldReused,
    HoldUnknown,
    Issued,
    TooManyHolds,
    VoucherCancelledBefore,
    VoucherInsufficient,
    VoucherNotUsable,
    VoucherReused,
    WrongCurrency,
    end_of,
)
from voucher.events import (
    LotUse,
    SoldAt,
    VoucherActivated,
    VoucherActivationFailed,
    VoucherCancelled,
    VoucherCaptureFailed,
    VoucherHeld,
    VoucherHoldConfirmed,
    VoucherHoldReleased,
    VoucherIssued,
    VoucherRedeemed,
)

voucher = Scenario(VOUCHER)

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
SERIAL = "GS-0000-0000-0001"
HASH = "ab" * 32
SOLD = SoldAt(store_id="berlin", till_id="t1", booking_id="B1", line_id="L1")


def issue(value: str = "50.00", **other: Any) -> IssueVoucher:
    asked = {
        "voucher_id": "v1",
        "serial": SERIAL,
        "code_hash": HASH,
        "hash_key_id": "k1",
        "value": euro(value),
        "legal_entity_id": "kette",
        "sold_at": SOLD,
        "valid_until": date(2029, 12, 31),
        "time_zone": "Europe/Berlin",
        "opened": date(2026, 11, 22),
        "now": NOW,
    }
    return IssueVoucher(**{**asked, **other})


def issued(value: str = "50.00") -> VoucherIssued:
    return VoucherIssued(
        voucher_id="v1",
        serial=SERIAL,
        code_hash=HASH,
        hash_key_id="k1",
        value=euro(value),
        consideration=euro(value),
        legal_entity_id="kette",
        sold_at=SOLD,
        valid_until=date(2029, 12, 31),
        time_zone="Europe/Berlin",
        opened=date(2026, 11, 22),
        issued_at=NOW,
    )


def activated(value: str = "50.00", *, reinstated: bool = False) -> VoucherActivated:
    return VoucherActivated(
        voucher_id="v1",
        serial=SERIAL,
        booking_id="B1",
        value=euro(value),
        activated_at=NOW,
        reinstated=reinstated,
    )


def sold(value: str = "50.00") -> tuple[Any, ...]:
    return issued(value), activated(value)


def cancelled(value: str = "50.00") -> VoucherCancelled:
    return VoucherCancelled(
        voucher_id="v1", serial=SERIAL, value=euro(value), reason="aborted", cancelled_at=NOW
    )


def hold(amount: str, hold_id: str = "H1", **other: Any) -> PlaceHold:
    asked = {
        "hold_id": hold_id,
        "code_hash": HASH,
        "amount": euro(amount),
        "mode": "exact",
        "store_id": "koeln",
        "till_id": "t2",
        "booking_id": "B2",
        "payment_id": "P1",
        "accepted_by": "kette",
        "across_entities": False,
        "expires_at": NOW + timedelta(minutes=5),
        "now": NOW,
    }
    return PlaceHold(**{**asked, **other})


def held(amount: str, left: str, hold_id: str = "H1", **other: Any) -> VoucherHeld:
    fact = {
        "voucher_id": "v1",
        "serial": SERIAL,
        "hold_id": hold_id,
        "amount": euro(amount),
        "available": euro(left),
        "store_id": "koeln",
        "till_id": "t2",
        "booking_id": "B2",
        "payment_id": "P1",
        "expires_at": NOW + timedelta(minutes=5),
        "held_at": NOW,
    }
    return VoucherHeld(**{**fact, **other})


def confirmed(hold_id: str = "H1", at: datetime = NOW) -> VoucherHoldConfirmed:
    return VoucherHoldConfirmed(voucher_id="v1", serial=SERIAL, hold_id=hold_id, confirmed_at=at)


def released(
    amount: str, left: str, hold_id: str = "H1", reason: Any = "released", at: datetime = NOW
) -> VoucherHoldReleased:
    return VoucherHoldReleased(
        voucher_id="v1",
        serial=SERIAL,
        hold_id=hold_id,
        amount=euro(amount),
        available=euro(left),
        reason=reason,
        released_at=at,
    )


def capture(amount: str, hold_id: str = "H1", now: datetime = NOW) -> CaptureHold:
    return CaptureHold(
        voucher_id="v1",
        hold_id=hold_id,
        booking_id="B2",
        amount=euro(amount),
        store_id="koeln",
        till_id="t2",
        accepted_by="kette",
        recorded_at=NOW,
        now=now,
    )


def used(amount: str, lot_id: str = "issue") -> LotUse:
    return LotUse(lot_id=lot_id, amount=euro(amount), consideration=euro(amount))


def redeemed(
    amount: str, left: str, hold_id: str = "H1", held: Money | None = None
) -> VoucherRedeemed:
    return VoucherRedeemed(
        voucher_id="v1",
        serial=SERIAL,
        hold_id=hold_id,
        booking_id="B2",
        amount=euro(amount),
        remaining=euro(left),
        held=held,
        uses=(used(amount),),
        store_id="koeln",
        till_id="t2",
        issued_by="kette",
        accepted_by="kette",
        redeemed_at=NOW,
    )


def capture_failed(
    amount: str, missing: str, reason: Any, hold_id: str = "H1", **other: Any
) -> VoucherCaptureFailed:
    fact = {
        "voucher_id": "v1",
        "serial": SERIAL,
        "hold_id": hold_id,
        "booking_id": "B2",
        "amount": euro(amount),
        "missing": euro(missing),
        "store_id": "koeln",
        "till_id": "t2",
        "reason": reason,
        "failed_at": NOW,
    }
    return VoucherCaptureFailed(**{**fact, **other})


def redeem(amount: str, redemption_id: str = "R1", **other: Any) -> RedeemVoucher:
    asked = {
        "redemption_id": redemption_id,
        "code_hash": HASH,
        "amount": euro(amount),
        "mode": "exact",
        "store_id": "koeln",
        "accepted_by": "kette",
        "across_entities": False,
        "now": NOW,
    }
    return RedeemVoucher(**{**asked, **other})


def confirm(hold_id: str = "H1", now: datetime = NOW) -> ConfirmHold:
    return ConfirmHold(hold_id=hold_id, now=now)


def release(hold_id: str = "H1", now: datetime = NOW, reason: Any = "released") -> ReleaseHold:
    return ReleaseHold(hold_id=hold_id, reason=reason, now=now)


ACTIVATE = ActivateVoucher(
    voucher_id="v1",
    booking_id="B1",
    value=euro("50.00"),
    store_id="berlin",
    till_id="t1",
    now=NOW,
)
CANCEL = CancelVoucher(voucher_id="v1", reason="aborted", now=NOW)


# Issue, activate, cancel


def test_a_prepared_voucher_is_issued_and_pending() -> None:
    outcome = voucher.when(issue()).then(issued())
    assert isinstance(outcome.state, Issued)
    assert outcome.state.status == "pending"


def test_preparing_again_with_the_same_terms_changes_nothing() -> None:
    voucher.given(issued()).when(issue()).then_nothing()


def test_preparing_again_with_another_value_is_refused() -> None:
    voucher.given(issued()).when(issue("60.00")).then_refused(VoucherReused)


def test_preparing_again_for_another_booking_is_refused() -> None:
    other = SoldAt(store_id="berlin", till_id="t1", booking_id="B9", line_id="L1")
    voucher.given(issued()).when(issue(sold_at=other)).then_refused(VoucherReused)


def test_a_code_that_was_delivered_is_not_replaced_by_preparing_again() -> None:
    voucher.given(issued()).when(issue(code_hash="cd" * 32)).then_refused(CodeGone)


def test_a_pending_voucher_pays_nothing() -> None:
    voucher.given(issued()).when(hold("5.00")).then_refused(VoucherNotUsable)
    voucher.given(issued()).when(redeem("5.00")).then_refused(VoucherNotUsable)


def test_a_recorded_sale_activates_the_voucher() -> None:
    voucher.given(issued()).when(ACTIVATE).then(activated())


def test_a_repeated_activation_changes_nothing() -> None:
    voucher.given(*sold()).when(ACTIVATE).then_nothing()


def test_a_pending_voucher_can_be_cancelled() -> None:
    voucher.given(issued()).when(CANCEL).then(cancelled())


def test_a_repeated_cancel_changes_nothing() -> None:
    voucher.given(issued(), cancelled()).when(CANCEL).then_nothing()


def test_a_cancel_before_the_preparation_forbids_it() -> None:
    never = VoucherCancelled(voucher_id="v1", reason="aborted", cancelled_at=NOW)
    voucher.when(CANCEL).then(never)
    voucher.given(never).when(CANCEL).then_nothing()
    voucher.given(never).when(issue()).then_refused(VoucherCancelledBefore)


def test_a_cancelled_voucher_is_not_prepared_again() -> None:
    voucher.given(issued(), cancelled()).when(issue()).then_refused(VoucherCancelledBefore)


def test_a_recorded_sale_wins_over_a_cancel_that_came_first() -> None:
    outcome = voucher.given(issued(), cancelled()).when(ACTIVATE)
    outcome.then(activated(reinstated=True))
    assert isinstance(outcome.state, Issued)
    assert outcome.state.balance == euro("50.00")


def test_a_recorded_sale_wins_over_a_cancel_that_comes_later() -> None:
    voucher.given(*sold()).when(CANCEL).then_nothing()


def test_the_sale_of_a_voucher_that_was_never_prepared_is_told_to_operators() -> None:
    failed = VoucherActivationFailed(
        voucher_id="v1",
        booking_id="B1",
        value=euro("50.00"),
        store_id="berlin",
        till_id="t1",
        reason="never_issued",
        failed_at=NOW,
    )
    voucher.when(ACTIVATE).then(failed)
    voucher.given(failed).when(ACTIVATE).then_nothing()


# Hold


def test_a_hold_keeps_its_amount_and_leaves_the_rest() -> None:
    voucher.given(*sold()).when(hold("5.00")).then(held("5.00", left="45.00"))


def test_exact_asks_for_all_or_nothing() -> None:
    outcome = voucher.given(*sold("10.00")).when(hold("16.00"))
    outcome.then_refused(VoucherInsufficient)
    assert outcome.refusal is not None
    assert outcome.refusal.extra == {"available": {"amount": 1000, "currency": "EUR"}}


def test_up_to_takes_what_is_there() -> None:
    asked = hold("16.00", mode="up_to")
    voucher.given(*sold("10.00")).when(asked).then(held("10.00", left="0.00"))


def test_what_one_till_holds_another_cannot_hold() -> None:
    history = (*sold("10.00"), held("10.00", left="0.00"))
    voucher.given(*history).when(hold("10.00", "H2")).then_refused(VoucherInsufficient)
    voucher.given(*history).when(hold("1.00", "H2", mode="up_to")).then_refused(VoucherInsufficient)


def test_several_payments_may_hold_one_voucher_at_once() -> None:
    history = (*sold("10.00"), held("4.00", left="6.00"))
    voucher.given(*history).when(hold("6.00", "H2")).then(held("6.00", left="0.00", hold_id="H2"))


def test_too_many_payments_at_once_are_refused() -> None:
    holds = [held("0.01", left="1.00", hold_id=f"H{n}") for n in range(HOLDS_OPEN_MAX)]
    voucher.given(*sold(), *holds).when(hold("1.00", "HX")).then_refused(TooManyHolds)


def test_the_same_hold_again_changes_nothing() -> None:
    voucher.given(*sold(), held("5.00", left="45.00")).when(hold("5.00")).then_nothing()


def test_the_same_hold_id_with_another_amount_is_refused() -> None:
    voucher.given(*sold(), held("5.00", left="45.00")).when(hold("6.00")).then_refused(HoldReused)


def test_a_released_hold_does_not_come_back() -> None:
    history = (*sold(), held("5.00", left="45.00"), released("5.00", "50.00"))
    voucher.given(*history).when(hold("5.00")).then_refused(HoldReleased)


def test_a_lapsed_hold_does_not_come_back_by_holding_again() -> None:
    history = (*sold(), held("5.00", left="45.00"))
    voucher.given(*history).when(hold("5.00", now=LATER)).then_refused(HoldExpired)


def test_a_lapsed_hold_makes_room_and_is_written_down_first() -> None:
    history = (*sold("10.00"), held("10.00", left="0.00"))
    new_end = LATER + timedelta(minutes=5)
    voucher.given(*history).when(hold("10.00", "H2", now=LATER, expires_at=new_end)).then(
        released("10.00", "10.00", reason="expired", at=LATER),
        held("10.00", left="0.00", hold_id="H2", held_at=LATER, expires_at=new_end),
    )


def test_a_hold_counts_until_the_instant_it_ends() -> None:
    end = NOW + timedelta(minutes=5)
    history = (*sold("10.00"), held("10.00", left="0.00"))
    last = end - timedelta(microseconds=1)
    voucher.given(*history).when(hold("10.00", "H2", now=last)).then_refused(VoucherInsufficient)
    outcome = voucher.given(*history).when(hold("10.00", "H2", now=end))
    assert outcome.refusal is None


def test_another_code_opens_nothing() -> None:
    voucher.given(*sold()).when(hold("5.00", code_hash="cd" * 32)).then_refused(VoucherNotUsable)
    voucher.when(hold("5.00")).then_refused(VoucherNotUsable)


def test_another_currency_is_refused() -> None:
    francs = Money(amount=500, currency="CHF")
    voucher.given(*sold()).when(replace(hold("5.00"), amount=francs)).then_refused(WrongCurrency)


def test_another_legal_entity_takes_the_voucher_only_where_the_chain_allows_it() -> None:
    foreign = hold("5.00", accepted_by="hafen")
    voucher.given(*sold()).when(foreign).then_refused(VoucherNotUsable)
    allowed = hold("5.00", accepted_by="hafen", across_entities=True)
    voucher.given(*sold()).when(allowed).then(held("5.00", left="45.00"))


# Validity


def test_a_voucher_is_valid_to_the_last_instant_of_its_last_day_in_the_stores_zone() -> None:
    end = end_of(date(2029, 12, 31), "Europe/Berlin")
    assert end == datetime(2029, 12, 31, 23, 0, tzinfo=UTC)
    last = end - timedelta(microseconds=1)
    assert voucher.given(*sold()).when(redeem("5.00", now=last)).refusal is None
    voucher.given(*sold()).when(redeem("5.00", now=end)).then_refused(VoucherNotUsable)


def test_a_day_with_a_clock_change_ends_at_its_midnight() -> None:
    assert end_of(date(2026, 10, 25), "Europe/Berlin") == datetime(2026, 10, 25, 23, tzinfo=UTC)
    assert end_of(date(2026, 3, 29), "Europe/Berlin") == datetime(2026, 3, 29, 22, tzinfo=UTC)


def test_a_payment_held_in_time_is_confirmed_and_captured_after_midnight() -> None:
    end = end_of(date(2029, 12, 31), "Europe/Berlin")
    before, after = end - timedelta(minutes=1), end + timedelta(minutes=1)
    history = (*sold(), held("5.00", left="45.00", held_at=before, expires_at=after))
    still = end + timedelta(seconds=30)
    voucher.given(*history).when(confirm(now=still)).then(confirmed(at=still))
    captured = voucher.given(*history, confirmed()).when(capture("5.00", now=after))
    captured.then(redeemed("5.00", "45.00", held=euro("5.00")))


# Confirm, release


def test_a_hold_is_confirmed_once() -> None:
    history = (*sold(), held("5.00", left="45.00"))
    voucher.given(*history).when(confirm()).then(confirmed())
    voucher.given(*history, confirmed()).when(confirm()).then_nothing()


def test_a_confirmed_hold_never_expires() -> None:
    history = (*sold("10.00"), held("10.00", left="0.00"), confirmed())
    years = NOW + timedelta(days=900)
    voucher.given(*history).when(ExpireHolds(now=years)).then_nothing()
    voucher.given(*history).when(hold("1.00", "H2", now=years)).then_refused(VoucherInsufficient)


def test_a_slow_cashier_keeps_the_hold_if_nobody_took_the_money() -> None:
    history = (*sold("10.00"), held("10.00", left="0.00"))
    again = held("10.00", left="0.00", held_at=LATER, expires_at=LATER)
    expired = released("10.00", "10.00", reason="expired", at=LATER)
    voucher.given(*history).when(confirm(now=LATER)).then(expired, again, confirmed(at=LATER))
    swept = voucher.given(*history, expired).when(confirm(now=LATER))
    swept.then(again, confirmed(at=LATER))


def test_a_hold_that_lapsed_and_was_spent_meanwhile_is_not_confirmed() -> None:
    history = (*sold("10.00"), held("10.00", left="0.00"))
    expired = released("10.00", "10.00", reason="expired", at=LATER)
    other = held("10.00", left="0.00", hold_id="H2", expires_at=LATER + timedelta(minutes=5))
    voucher.given(*history, expired, other).when(confirm(now=LATER)).then_refused(HoldExpired)


def test_an_unknown_hold_is_neither_confirmed_nor_released() -> None:
    voucher.given(*sold()).when(confirm()).then_refused(HoldUnknown)
    voucher.given(*sold()).when(release()).then_refused(HoldUnknown)


def test_a_release_gives_the_amount_back() -> None:
    history = (*sold(), held("5.00", left="45.00"))
    voucher.given(*history).when(release()).then(released("5.00", "50.00"))
    voucher.given(*history, released("5.00", "50.00")).when(release()).then_nothing()
    voucher.given(*history, released("5.00", "50.00")).when(confirm()).then_refused(HoldReleased)


def test_an_expired_hold_that_was_given_up_is_not_confirmed_by_a_late_answer() -> None:
    expired = released("5.00", "50.00", reason="expired", at=LATER)
    history = (*sold(), held("5.00", left="45.00"), expired)
    given_up = released("0.00", "50.00", reason="aborted", at=LATER)
    voucher.given(*history).when(release(now=LATER, reason="aborted")).then(given_up)
    after = voucher.given(*history, given_up)
    after.when(confirm(now=LATER)).then_refused(HoldReleased)
    after.when(release(now=LATER)).then_nothing()


def test_an_aborted_booking_ends_a_confirmed_hold_too() -> None:
    history = (*sold(), held("5.00", left="45.00"), confirmed())
    aborted = released("5.00", "50.00", reason="aborted")
    voucher.given(*history).when(release(reason="aborted")).then(aborted)


def test_a_captured_hold_is_not_released() -> None:
    history = (*sold(), held("5.00", left="45.00"), redeemed("5.00", "45.00", held=euro("5.00")))
    voucher.given(*history).when(release()).then_refused(HoldCaptured)


# Capture


def test_a_recorded_booking_spends_what_was_held() -> None:
    history = (*sold(), held("5.00", left="45.00"), confirmed())
    spent = redeemed("5.00", "45.00", held=euro("5.00"))
    voucher.given(*history).when(capture("5.00")).then(spent)
    voucher.given(*history, spent).when(capture("5.00")).then_nothing()


def test_what_a_capture_leaves_of_its_hold_is_available_again() -> None:
    history = (*sold("10.00"), held("10.00", left="0.00"), confirmed())
    outcome = voucher.given(*history).when(capture("4.00"))
    outcome.then(redeemed("4.00", "6.00", held=euro("10.00")))
    assert isinstance(outcome.state, Issued)
    assert outcome.state.available(NOW) == euro("6.00")


def test_a_voucher_is_spent_with_its_last_cent() -> None:
    history = (*sold("5.00"), held("5.00", left="0.00"), confirmed())
    outcome = voucher.given(*history).when(capture("5.00"))
    assert isinstance(outcome.state, Issued)
    assert outcome.state.shown_state(NOW) == "spent"
    again = voucher.given(*history, *outcome.events)
    again.when(hold("0.01", "H2")).then_refused(VoucherNotUsable)


@pytest.mark.parametrize(
    ("ended", "reason"), [("released", "hold_released"), ("expired", "hold_expired")]
)
def test_a_recorded_booking_is_paid_from_what_is_left_even_if_its_hold_is_gone(
    ended: str, reason: str
) -> None:
    gone = (*sold("10.00"), held("10.00", left="0.00"), released("10.00", "10.00", reason=ended))
    voucher.given(*gone).when(capture("10.00")).then(redeemed("10.00", "0.00"))
    other = held("7.00", left="3.00", hold_id="H2")
    voucher.given(*gone, other).when(capture("10.00")).then(
        redeemed("3.00", "7.00"), capture_failed("10.00", "7.00", reason)
    )


def test_what_no_voucher_covers_is_told_to_operators_once() -> None:
    spent = (*sold("5.00"), redeemed("5.00", "0.00", hold_id="H0"))
    failed = capture_failed("5.00", "5.00", "hold_unknown", "H9")
    voucher.given(*spent).when(capture("5.00", "H9")).then(failed)
    voucher.given(*spent, failed).when(capture("5.00", "H9")).then_nothing()


def test_a_capture_larger_than_its_hold_takes_the_rest_from_what_is_available() -> None:
    history = (*sold("10.00"), held("4.00", left="6.00"), confirmed())
    voucher.given(*history).when(capture("7.00")).then(redeemed("7.00", "3.00", held=euro("4.00")))
    voucher.given(*history).when(capture("12.00")).then(
        redeemed("10.00", "0.00", held=euro("4.00")), capture_failed("12.00", "2.00", "over_hold")
    )


def test_a_capture_never_touches_what_another_payment_holds() -> None:
    history = (*sold("10.00"), held("4.00", left="6.00"), held("6.00", left="0.00", hold_id="H2"))
    outcome = voucher.given(*history).when(capture("5.00"))
    outcome.then(
        redeemed("4.00", "6.00", held=euro("4.00")), capture_failed("5.00", "1.00", "over_hold")
    )
    assert isinstance(outcome.state, Issued)
    assert outcome.state.available(NOW) == euro("0.00")


def test_a_capture_on_a_voucher_that_does_not_exist_is_told_to_operators() -> None:
    failed = capture_failed("5.00", "5.00", "hold_unknown", serial=None)
    voucher.when(capture("5.00")).then(failed)
    voucher.given(failed).when(capture("5.00")).then_nothing()


def test_a_capture_on_a_pending_voucher_is_told_to_operators() -> None:
    failed = capture_failed("5.00", "5.00", "not_usable")
    voucher.given(issued()).when(capture("5.00")).then(failed)


# Redeem in one decision


def _redeemed_directly(amount: str, left: str) -> VoucherRedeemed:
    return VoucherRedeemed(
        voucher_id="v1",
        serial=SERIAL,
        hold_id="R1",
        amount=euro(amount),
        remaining=euro(left),
        uses=(used(amount),),
        store_id="koeln",
        issued_by="kette",
        accepted_by="kette",
        redeemed_at=NOW,
    )


def test_a_redemption_spends_at_once() -> None:
    spent = _redeemed_directly("5.00", "45.00")
    voucher.given(*sold()).when(redeem("5.00")).then(spent)
    voucher.given(*sold(), spent).when(redeem("5.00")).then_nothing()
    voucher.given(*sold(), spent).when(redeem("6.00")).then_refused(HoldReused)


def test_a_redemption_pays_at_most_what_is_available() -> None:
    history = (*sold("10.00"), held("4.00", left="6.00"))
    voucher.given(*history).when(redeem("7.00")).then_refused(VoucherInsufficient)
    taken = redeem("7.00", mode="up_to")
    voucher.given(*history).when(taken).then(_redeemed_directly("6.00", "4.00"))


def test_a_redemption_does_not_take_the_id_of_a_hold() -> None:
    history = (*sold("10.00"), held("4.00", left="6.00"))
    voucher.given(*history).when(redeem("4.00", "H1")).then_refused(HoldReused)


# The sweeper


def test_the_sweeper_writes_down_what_has_lapsed_and_nothing_else() -> None:
    long = held("2.00", left="4.00", hold_id="H2", expires_at=LATER + timedelta(hours=1))
    history = (*sold("10.00"), held("4.00", left="6.00"), long)
    swept = released("4.00", "8.00", reason="expired", at=LATER)
    voucher.given(*history).when(ExpireHolds(now=LATER)).then(swept)
    voucher.given(*history, swept).when(ExpireHolds(now=LATER)).then_nothing()


def test_a_fold_shows_every_hold_exactly_once() -> None:
    history = (*sold("10.00"), held("4.00", left="6.00"), released("4.00", "10.00"))
    state = fold(VOUCHER, history)
    assert isinstance(state, Issued)
    assert not set(state.open) & set(state.closed)
