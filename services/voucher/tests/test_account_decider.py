"""What an account decides, case by case."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from events import fold
from events.testing.scenario import Scenario
from money import Money, euro
from voucher.commands import CaptureHold, ConfirmHold, ExpireHolds, ReleaseHold
from voucher.decider import HoldExpired, HoldReleased, VoucherInsufficient, VoucherNotUsable
from voucher.decider.account import ACCOUNT
from voucher.decider.account.commands import (
    AssignCard,
    BlockAccount,
    CancelLoad,
    CreditLoad,
    DropSettlement,
    EndCard,
    GiveCredit,
    OpenAccount,
    PlaceAccountHold,
    PostFee,
    PrepareLoad,
    PrepareSettlement,
    RecordSettlements,
    ReverseSpend,
    SettledFee,
    SettleNow,
    UnblockAccount,
    WithdrawFee,
)
from voucher.decider.account.refusals import (
    AccountIsBlocked,
    AccountReused,
    CreditInsufficient,
    FeeClosed,
    FeeInSettlement,
    FeeReused,
    LoadCancelledBefore,
    LoadSold,
    OverLimit,
    OverOpen,
    ReasonNeeded,
    ReceiptDuty,
    ReversalTooLarge,
)
from voucher.decider.account.state import Opened
from voucher.events import CreditLot, Limits

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
TODAY = date(2026, 11, 22)
UNTIL = date(2029, 12, 31)
account = Scenario(ACCOUNT)


def opened(**other: Any) -> OpenAccount:
    asked = {
        "account_id": "A1",
        "legal_entity_id": "kette",
        "holder_id": "reader-7",
        "currency": "EUR",
        "limits": Limits(),
        "receipt_duty": True,
        "time_zone": "Europe/Berlin",
        "now": NOW,
    }
    return OpenAccount(**{**asked, **other})


def card(serial: str = "K1", code: str = "h1", replaces: str | None = None) -> AssignCard:
    return AssignCard(
        card_serial=serial, code_hash=code, hash_key_id="test", replaces=replaces, now=NOW
    )


def loaded(amount: str, load_id: str = "L1", now: datetime = NOW) -> CreditLoad:
    return CreditLoad(
        account_id="A1", load_id=load_id, amount=euro(amount), booking_id=f"B-{load_id}",
        store_id="koeln", till_id="t2", legal_entity_id="kette", business_date=now.date(),
        valid_until=UNTIL, recorded_at=now,
    )  # fmt: skip


def prepare_load(amount: str, load_id: str = "L1", now: datetime = NOW) -> PrepareLoad:
    return PrepareLoad(
        load_id=load_id, code_hash=None, amount=euro(amount), booking_id=f"B-{load_id}",
        store_id="koeln", till_id="t2", now=now,
    )  # fmt: skip


def lot(amount: str, lot_id: str = "V1", **other: Any) -> CreditLot:
    given = {
        "lot_id": lot_id,
        "amount": euro(amount),
        "value": euro(amount),
        "consideration": euro(amount),
        "valid_until": UNTIL,
        "opened": TODAY,
    }
    return CreditLot(**{**given, **other})


def credit(*lots: CreditLot, **other: Any) -> GiveCredit:
    asked = {
        "credit_id": f"C-{lots[0].lot_id}",
        "source": "voucher",
        "lots": lots,
        "voucher_serial": "GS-1",
        "legal_entity_id": "kette",
        "reason": None,
        "now": NOW,
    }
    return GiveCredit(**{**asked, **other})


def hold(amount: str, hold_id: str = "H1", **other: Any) -> PlaceAccountHold:
    asked = {
        "hold_id": hold_id,
        "code_hash": "h1",
        "amount": euro(amount),
        "mode": "exact",
        "store_id": "koeln",
        "till_id": "t2",
        "booking_id": "B2",
        "payment_id": "P1",
        "accepted_by": "kette",
        "purpose": "payment",
        "payout_max": euro("50.00"),
        "expires_at": NOW + timedelta(minutes=5),
        "now": NOW,
    }
    return PlaceAccountHold(**{**asked, **other})


def confirm(hold_id: str = "H1", now: datetime = NOW) -> ConfirmHold:
    return ConfirmHold(hold_id=hold_id, now=now)


def release(hold_id: str = "H1", now: datetime = NOW) -> ReleaseHold:
    return ReleaseHold(hold_id=hold_id, reason="released", now=now)


def capture(amount: str, hold_id: str = "H1", now: datetime = NOW) -> CaptureHold:
    return CaptureHold(
        voucher_id=None, hold_id=hold_id, booking_id="B2", amount=euro(amount), store_id="koeln",
        till_id="t2", accepted_by="kette", recorded_at=now, now=now,
    )  # fmt: skip


def reverse(amount: str, reversal_id: str = "R1", **other: Any) -> ReverseSpend:
    asked = {
        "reversal_id": reversal_id,
        "hold_id": "H1",
        "amount": euro(amount),
        "booking_id": "B3",
        "recorded": False,
        "revive_until": UNTIL,
        "now": NOW,
    }
    return ReverseSpend(**{**asked, **other})


def fee(amount: str, fee_id: str = "F1", kind: str = "annual_fee", **other: Any) -> PostFee:
    asked = {
        "fee_id": fee_id,
        "kind": kind,
        "amount": euro(amount),
        "due": TODAY,
        "text": None,
        "now": NOW,
    }
    return PostFee(**{**asked, **other})


def settling(amount: str, how: str = "payment", **other: Any) -> PrepareSettlement:
    asked = {
        "settlement_id": "S1",
        "fee_id": "F1",
        "how": how,
        "amount": euro(amount),
        "from_credit": False,
        "voucher": None,
        "reason": None,
        "booking_id": "B5",
        "store_id": "koeln",
        "till_id": "t2",
        "expires_at": NOW + timedelta(minutes=15),
        "now": NOW,
    }
    return PrepareSettlement(**{**asked, **other})


def booked(*lines: tuple[str, str, str, str], now: datetime = NOW) -> RecordSettlements:
    return RecordSettlements(
        account_id="A1", booking_id="B5", store_id="koeln", till_id="t2", legal_entity_id="kette",
        fees=tuple(
            SettledFee(settlement_id=sid, fee_id=fid, how=how, amount=euro(amount), reason=None)  # type: ignore[arg-type]  # the tests name only what exists
            for sid, fid, how, amount in lines
        ),
        recorded_at=now, now=now,
    )  # fmt: skip


def now_settled(amount: str, how: str = "waiver", **other: Any) -> SettleNow:
    asked = {
        "settlement_id": "S1",
        "fee_id": "F1",
        "how": how,
        "amount": euro(amount),
        "from_credit": False,
        "voucher": None,
        "reason": "Gutschein 0042",
        "store_id": None,
        "now": NOW,
    }
    return SettleNow(**{**asked, **other})


def history(*commands: Any) -> list[Any]:
    """The facts that these commands lead to, one after the other."""
    facts: list[Any] = []
    state: Any = ACCOUNT.initial
    for command in commands:
        new = ACCOUNT.decide(command, state)
        state = fold(ACCOUNT, new, start=state)
        facts += new
    return facts


def after(*commands: Any) -> Opened:
    state = fold(ACCOUNT, history(*commands))
    assert isinstance(state, Opened)
    return state


def names(*commands: Any) -> list[str]:
    return [fact.event_name for fact in history(*commands)]


def given(*commands: Any) -> Any:
    return account.given(*history(*commands))


def test_an_account_is_opened_once() -> None:
    given(opened()).when(opened()).then_nothing()


def test_an_account_opened_with_other_terms_is_refused() -> None:
    given(opened()).when(opened(holder_id="somebody")).then_refused(AccountReused)


def test_a_recorded_load_is_credit() -> None:
    assert after(opened(), prepare_load("20.00"), loaded("20.00")).balance == euro("20.00")


def test_a_load_heard_twice_counts_once() -> None:
    given(opened(), loaded("20.00")).when(loaded("20.00")).then_nothing()


def test_a_recorded_load_wins_over_its_cancel() -> None:
    cancelled = CancelLoad(load_id="L1", reason="booking_aborted", now=NOW)
    state = after(opened(), prepare_load("20.00"), cancelled, loaded("20.00"))
    assert state.balance == euro("20.00")


def test_a_recorded_load_cannot_be_cancelled() -> None:
    cancel = CancelLoad(load_id="L1", reason="x", now=NOW)
    given(opened(), prepare_load("5.00"), loaded("5.00")).when(cancel).then_refused(LoadSold)


def test_a_cancelled_load_is_not_prepared_again() -> None:
    cancel = CancelLoad(load_id="L1", reason="x", now=NOW)
    before = given(opened(), prepare_load("5.00"), cancel)
    before.when(prepare_load("5.00")).then_refused(LoadCancelledBefore)


def test_loads_of_a_month_stay_within_the_limit_with_those_that_are_being_sold() -> None:
    limits = Limits(load_per_month=euro("150.00"))
    before = given(opened(limits=limits), loaded("100.00"), prepare_load("50.00", "L2"))
    before.when(prepare_load("0.01", "L3")).then_refused(OverLimit)


def test_the_next_month_may_load_again() -> None:
    limits = Limits(load_per_month=euro("150.00"))
    december = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)
    before = given(opened(limits=limits), loaded("150.00"))
    assert before.when(prepare_load("150.00", "L2", december)).refusal is None


def test_the_month_is_that_of_the_accounts_time_zone() -> None:
    limits = Limits(load_per_month=euro("150.00"))
    # 23:30 UTC of 30 November is 00:30 of 1 December in Berlin.
    late = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
    before = given(opened(limits=limits), loaded("150.00"))
    assert before.when(prepare_load("150.00", "L2", late)).refusal is None


def test_an_account_never_holds_more_than_its_limit() -> None:
    limits = Limits(balance_max=euro("150.00"))
    before = given(opened(limits=limits), loaded("149.00"))
    before.when(prepare_load("2.00", "L2")).then_refused(OverLimit)


def test_a_card_pays_what_is_on_it() -> None:
    state = after(opened(), card(), loaded("20.00"), hold("5.00"), confirm(), capture("5.00"))
    assert (state.balance, state.hold("H1").left) == (euro("15.00"), euro("15.00"))  # type: ignore[union-attr]  # it was just captured


def test_a_card_pays_at_most_what_is_on_it() -> None:
    given(opened(), card(), loaded("4.00")).when(hold("5.00")).then_refused(VoucherInsufficient)


def test_up_to_pays_the_rest() -> None:
    state = after(opened(), card(), loaded("4.00"), hold("5.00", mode="up_to"))
    assert state.open["H1"].amount == euro("4.00")


def test_the_same_credit_is_never_held_twice() -> None:
    before = given(opened(), card(), loaded("10.00"), hold("6.00"))
    before.when(hold("6.00", "H2")).then_refused(VoucherInsufficient)


def test_a_lapsed_hold_no_longer_counts() -> None:
    later = NOW + timedelta(minutes=6)
    state = after(opened(), card(), loaded("10.00"), hold("6.00"), hold("10.00", "H2", now=later))
    assert state.open.keys() == {"H2"}


def test_a_late_confirm_succeeds_while_the_credit_is_there() -> None:
    later = NOW + timedelta(minutes=6)
    state = after(opened(), card(), loaded("10.00"), hold("6.00"), confirm(now=later))
    assert state.open["H1"].state == "confirmed"


def test_a_late_confirm_is_refused_once_the_credit_is_gone() -> None:
    later = NOW + timedelta(minutes=6)
    other = hold("10.00", "H2", now=later, expires_at=later + timedelta(minutes=5))
    before = given(opened(), card(), loaded("10.00"), hold("6.00"), other)
    before.when(confirm(now=later)).then_refused(HoldExpired)


def test_a_released_hold_is_not_confirmed() -> None:
    before = given(opened(), card(), loaded("10.00"), hold("6.00"), release())
    before.when(confirm()).then_refused(HoldReleased)


def test_a_recorded_booking_takes_what_is_there_and_says_what_is_missing() -> None:
    facts = history(opened(), card(), loaded("10.00"), capture("12.00", "never-held"))
    spent, failed = facts[-2:]
    assert (spent.amount, failed.missing) == (euro("10.00"), euro("2.00"))


def test_a_blocked_card_is_as_good_as_unknown() -> None:
    blocked = BlockAccount(reason="lost", now=NOW)
    before = given(opened(), card(), loaded("10.00"), blocked)
    before.when(hold("1.00")).then_refused(VoucherNotUsable)


def test_a_confirmed_hold_is_honoured_after_a_block() -> None:
    blocked = BlockAccount(reason="lost", now=NOW)
    state = after(
        opened(), card(), loaded("10.00"), hold("6.00"), confirm(), blocked, capture("6.00")
    )
    assert state.balance == euro("4.00")


def test_a_hold_that_was_not_confirmed_is_lost_by_a_block() -> None:
    blocked = BlockAccount(reason="lost", now=NOW)
    before = given(opened(), card(), loaded("10.00"), hold("6.00"), blocked)
    before.when(confirm()).then_refused(HoldExpired)


def test_a_blocked_account_is_not_loaded() -> None:
    blocked = BlockAccount(reason="lost", now=NOW)
    given(opened(), blocked).when(prepare_load("1.00")).then_refused(AccountIsBlocked)


def test_a_replaced_card_opens_nothing() -> None:
    before = given(opened(), card(), loaded("10.00"), card("K2", "h2", replaces="K1"))
    before.when(hold("1.00")).then_refused(VoucherNotUsable)


def test_the_new_card_opens_the_same_credit() -> None:
    state = after(
        opened(), card(), loaded("10.00"), card("K2", "h2", replaces="K1"),
        hold("10.00", code_hash="h2"),
    )  # fmt: skip
    assert state.open["H1"].card_serial == "K2"


def test_a_lost_card_opens_nothing() -> None:
    lost = EndCard(card_serial="K1", reason="lost", now=NOW)
    given(opened(), card(), loaded("9.00"), lost).when(hold("1.00")).then_refused(VoucherNotUsable)


def test_another_legal_entity_takes_no_card() -> None:
    before = given(opened(), card(), loaded("9.00"))
    before.when(hold("1.00", accepted_by="other")).then_refused(VoucherNotUsable)


def test_a_day_spends_at_most_its_limit() -> None:
    limits = Limits(spend_per_day=euro("10.00"))
    before = given(
        opened(limits=limits), card(), loaded("50.00"), hold("6.00"), confirm(), capture("6.00"),
        hold("3.00", "H2"),
    )  # fmt: skip
    before.when(hold("1.01", "H3")).then_refused(VoucherInsufficient)


def test_up_to_pays_what_the_limit_lets_through() -> None:
    limits = Limits(spend_per_day=euro("10.00"), spend_per_month=euro("8.00"))
    state = after(opened(limits=limits), card(), loaded("50.00"), hold("20.00", mode="up_to"))
    assert state.open["H1"].amount == euro("8.00")


def test_a_reversal_gives_the_day_its_allowance_back() -> None:
    limits = Limits(spend_per_day=euro("10.00"))
    state = after(
        opened(limits=limits), card(), loaded("50.00"), hold("10.00"), confirm(),
        capture("10.00"), reverse("4.00"), hold("4.00", "H2"),
    )  # fmt: skip
    assert state.open["H2"].amount == euro("4.00")


def test_all_reversals_together_never_exceed_the_payment() -> None:
    before = given(
        opened(), card(), loaded("50.00"), hold("10.00"), confirm(), capture("10.00"),
        reverse("6.00"),
    )  # fmt: skip
    before.when(reverse("5.00", "R2")).then_refused(ReversalTooLarge)


def test_a_recorded_reversal_credits_what_was_spent_and_names_the_rest() -> None:
    facts = history(
        opened(), card(), loaded("50.00"), hold("10.00"), confirm(), capture("10.00"),
        reverse("12.00", recorded=True),
    )  # fmt: skip
    assert (facts[-1].amount, facts[-1].refused) == (euro("10.00"), euro("2.00"))


def test_a_reversal_heard_twice_counts_once() -> None:
    before = given(
        opened(), card(), loaded("50.00"), hold("10.00"), confirm(), capture("10.00"),
        reverse("6.00"),
    )  # fmt: skip
    before.when(reverse("6.00")).then_nothing()


def test_the_rest_is_returned_in_cash_whole_and_within_the_cap() -> None:
    state = after(
        opened(), card(), loaded("7.50"), hold("7.50", purpose="payout"), confirm(),
        capture("7.50"),
    )  # fmt: skip
    assert (state.balance, state.hold("H1").purpose) == (euro("0.00"), "payout")  # type: ignore[union-attr]  # it was just paid out


@pytest.mark.parametrize(("there", "wanted"), [("50.01", "50.01"), ("20.00", "10.00")])
def test_no_part_of_the_rest_and_no_rest_above_the_cap_is_returned(there: str, wanted: str) -> None:
    before = given(opened(), card(), loaded(there))
    before.when(hold(wanted, purpose="payout")).then_refused(VoucherInsufficient)


def test_a_claimed_voucher_is_not_turned_into_cash() -> None:
    before = given(opened(), card(), credit(lot("7.50")))
    before.when(hold("7.50", purpose="payout")).then_refused(VoucherInsufficient)


def test_credit_past_its_last_day_pays_nothing() -> None:
    before = given(opened(), card(), credit(lot("7.50", valid_until=date(2026, 11, 21))))
    before.when(hold("1.00")).then_refused(VoucherInsufficient)


def test_credit_pays_on_its_last_day() -> None:
    state = after(opened(), card(), credit(lot("7.50", valid_until=TODAY)), hold("1.00"))
    assert state.open["H1"].amount == euro("1.00")


def test_what_ends_first_is_used_first() -> None:
    facts = history(
        opened(), card(), credit(lot("5.00", "late")),
        credit(lot("5.00", "soon", valid_until=date(2027, 1, 1))),
        hold("6.00"), confirm(), capture("6.00"),
    )  # fmt: skip
    used = [(use.lot_id, use.amount) for use in facts[-1].uses]
    assert used == [("soon", euro("5.00")), ("late", euro("1.00"))]


def test_what_was_paid_is_split_to_the_cent_over_all_uses() -> None:
    facts = history(opened(), card(), credit(lot("10.00", consideration=euro("9.99"))))
    commands: list[Any] = [opened(), card(), credit(lot("10.00", consideration=euro("9.99")))]
    for number in range(3):
        commands += [hold("3.00", f"H{number}"), capture("3.00", f"H{number}")]
    commands += [hold("1.00", "H9"), capture("1.00", "H9")]
    uses = [use for fact in history(*commands)[len(facts) :] for use in getattr(fact, "uses", ())]
    assert sum(use.consideration.amount for use in uses) == 999


def test_a_month_spends_at_most_its_limit_over_all_its_days() -> None:
    limits = Limits(spend_per_month=euro("10.00"))
    commands: list[Any] = [opened(limits=limits), card(), loaded("50.00")]
    for number in range(3):
        day = NOW + timedelta(days=number)
        until = day + timedelta(minutes=5)
        commands += [hold("3.00", f"H{number}", now=day, expires_at=until)]
        commands += [confirm(f"H{number}", day), capture("3.00", f"H{number}", day)]
    last = NOW + timedelta(days=3)
    given(*commands).when(hold("1.01", "H9", now=last)).then_refused(VoucherInsufficient)
    december = NOW + timedelta(days=9)
    assert given(*commands).when(hold("1.01", "H9", now=december)).refusal is None


def test_what_is_held_counts_against_the_month() -> None:
    limits = Limits(spend_per_month=euro("10.00"))
    before = given(opened(limits=limits), card(), loaded("50.00"), hold("6.00"))
    before.when(hold("4.01", "H2")).then_refused(VoucherInsufficient)


def test_reversals_in_parts_put_each_lot_back_where_it_was() -> None:
    soon = lot("5.00", "soon", valid_until=date(2027, 1, 1), consideration=euro("4.00"))
    commands = [
        opened(), card(), credit(lot("5.00", "late")), credit(soon), hold("8.00"), confirm(),
        capture("8.00"), reverse("2.00"), reverse("4.00", "R2"), reverse("2.00", "R3"),
    ]  # fmt: skip
    state = after(*commands)
    assert {name: entry.lot.amount for name, entry in state.credits.items()} == {
        "late": euro("5.00"),
        "soon": euro("5.00"),
    }
    uses = [(use.lot_id, use.amount) for fact in history(*commands)[-3:] for use in fact.uses]
    assert uses == [
        ("late", euro("2.00")),
        ("late", euro("1.00")),
        ("soon", euro("3.00")),
        ("soon", euro("2.00")),
    ]


def test_given_credit_is_no_tender() -> None:
    given_away = credit(lot("5.00", funding="donated", consideration=euro("0.00")), reason="Gift")
    before = given(opened(), card(), given_away)
    before.when(hold("1.00")).then_refused(VoucherInsufficient)


def test_a_fee_posted_twice_counts_once() -> None:
    given(opened(), fee("4.00")).when(fee("4.00")).then_nothing()


def test_a_fee_posted_with_another_amount_is_refused() -> None:
    given(opened(), fee("4.00")).when(fee("5.00")).then_refused(FeeReused)


def test_a_fee_is_withdrawn_by_its_owner() -> None:
    withdraw = WithdrawFee(fee_id="F1", reason="book came back", now=NOW)
    assert not after(opened(), fee("4.00"), withdraw).fees["F1"].open


def test_a_settled_fee_is_not_withdrawn() -> None:
    withdraw = WithdrawFee(fee_id="F1", reason="x", now=NOW)
    given(opened(), fee("4.00"), now_settled("4.00")).when(withdraw).then_refused(FeeClosed)


def test_a_fee_that_a_till_is_settling_is_not_withdrawn() -> None:
    withdraw = WithdrawFee(fee_id="F1", reason="x", now=NOW)
    given(opened(), fee("4.00"), settling("4.00")).when(withdraw).then_refused(FeeInSettlement)


def test_two_tills_never_settle_the_same_cent() -> None:
    before = given(opened(), fee("4.00"), settling("3.00"))
    before.when(settling("1.01", settlement_id="S2")).then_refused(OverOpen)


def test_credit_that_settles_a_fee_pays_nothing_else_meanwhile() -> None:
    before = given(opened(), card(), loaded("5.00"), fee("4.00"), settling("4.00", "credit"))
    before.when(hold("1.01")).then_refused(VoucherInsufficient)


def test_a_dropped_settlement_leaves_the_fee_open() -> None:
    drop = DropSettlement(settlement_id="S1", reason="aborted", now=NOW)
    state = after(opened(), fee("4.00"), settling("4.00"), drop)
    assert state.open_of(state.fees["F1"], NOW) == euro("4.00")


def test_a_settlement_that_took_too_long_is_written_down_as_dropped() -> None:
    late = ExpireHolds(now=NOW + timedelta(minutes=16))
    assert names(opened(), fee("4.00"), settling("4.00"), late)[-1] == "fee.settlement_dropped"


def test_a_recorded_settlement_counts_even_where_it_had_been_dropped() -> None:
    drop = DropSettlement(settlement_id="S1", reason="aborted", now=NOW)
    state = after(
        opened(), fee("4.00"), settling("4.00"), drop, booked(("S1", "F1", "payment", "4.00"))
    )
    assert not state.fees["F1"].open


def test_a_recorded_settlement_of_what_is_not_open_any_more_is_shown() -> None:
    facts = history(
        opened(), fee("4.00"), settling("4.00"),
        DropSettlement(settlement_id="S1", reason="expired", now=NOW),
        now_settled("3.00", settlement_id="S2"),
        booked(("S1", "F1", "payment", "4.00")),
    )  # fmt: skip
    settled, failed = facts[-2:]
    assert (settled.amount, failed.amount, failed.reason) == (
        euro("1.00"),
        euro("3.00"),
        "not_open_any_more",
    )


def test_a_recorded_settlement_for_an_unknown_account_is_shown() -> None:
    assert names(booked(("S1", "F1", "payment", "4.00"))) == ["fee.settlement_failed"]


def test_a_recorded_settlement_heard_twice_counts_once() -> None:
    line = ("S1", "F1", "payment", "4.00")
    given(opened(), fee("4.00"), booked(line)).when(booked(line)).then_nothing()


def test_receipt_duty_leaves_offsets_to_the_till() -> None:
    before = given(opened(), loaded("10.00"), fee("4.00"))
    before.when(now_settled("4.00", "credit")).then_refused(ReceiptDuty)


def test_a_waiver_needs_a_reason() -> None:
    before = given(opened(), fee("4.00"))
    before.when(now_settled("4.00", reason=None)).then_refused(ReasonNeeded)


def test_a_blocked_account_settles_nothing_by_credit() -> None:
    blocked = BlockAccount(reason="dispute", now=NOW)
    before = given(opened(), loaded("10.00"), fee("4.00"), blocked)
    before.when(settling("4.00", "credit")).then_refused(AccountIsBlocked)


def test_without_receipt_duty_the_oldest_fee_is_settled_first() -> None:
    state = after(
        opened(receipt_duty=False), fee("3.00", "F1", due=date(2026, 12, 1)),
        fee("3.00", "F2", due=date(2026, 11, 1)), loaded("4.00"),
    )  # fmt: skip
    assert (state.fees["F2"].open, state.fees["F1"].open) == (euro("0.00"), euro("2.00"))


def test_credit_that_comes_free_settles_what_waits() -> None:
    state = after(
        opened(receipt_duty=False), card(), loaded("5.00"), hold("5.00"), fee("4.00"), release()
    )
    assert (state.fees["F1"].open, state.balance) == (euro("0.00"), euro("1.00"))


def test_a_block_stops_offsets_until_it_ends() -> None:
    blocked, unblocked = BlockAccount(reason="x", now=NOW), UnblockAccount(now=NOW)
    off = opened(receipt_duty=False)
    assert after(off, loaded("5.00"), blocked, fee("4.00")).balance == euro("5.00")
    assert after(off, loaded("5.00"), blocked, fee("4.00"), unblocked).balance == euro("1.00")


def test_given_credit_waives_with_its_reason() -> None:
    gift = credit(lot("10.00", funding="donated", consideration=euro("0.00")), reason="Spende")
    facts = history(opened(receipt_duty=False), gift, fee("4.00"))
    assert (facts[-1].how, facts[-1].reason, facts[-1].voucher_serial) == (
        "waiver",
        "Spende",
        "GS-1",
    )


def test_the_credit_for_a_fee_must_be_there() -> None:
    before = given(opened(), loaded("3.00"), fee("4.00"))
    before.when(settling("4.00", "credit")).then_refused(CreditInsufficient)


def test_credit_of_another_legal_entity_is_refused() -> None:
    from voucher.decider.account.refusals import OtherEntity

    given(opened()).when(credit(lot("3.00"), legal_entity_id="other")).then_refused(OtherEntity)


def test_amounts_are_never_floats() -> None:
    assert isinstance(after(opened(), loaded("3.00")).balance, Money)
