"""What always holds for an account, whatever is asked of it in whatever order."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from events import DomainError, fold
from money import Money
from voucher.commands import CaptureHold, ConfirmHold, ExpireHolds, ReleaseHold
from voucher.decider.account import ACCOUNT, lots
from voucher.decider.account.commands import (
    AssignCard,
    BlockAccount,
    CreditLoad,
    DropSettlement,
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
from voucher.decider.account.spend import available
from voucher.decider.account.state import Opened
from voucher.decider.state import HoldState
from voucher.events import (
    AccountCredited,
    AccountPaidOut,
    AccountSpendReversed,
    AccountSpent,
    CreditLot,
    FeeSettled,
    Limits,
    VoucherCaptureFailed,
)

START = datetime(2026, 11, 29, 21, 0, tzinfo=UTC)
KINDS = ("annual_fee", "overdue_fee")

amounts = st.integers(min_value=1, max_value=2_000)
small = st.integers(min_value=1, max_value=400)
few = st.integers(min_value=0, max_value=5)


def eur(minor: int) -> Money:
    return Money(amount=minor, currency="EUR")


def signed(fact: Any) -> int:
    """What a fact does to the balance."""
    match fact:
        case AccountCredited() | AccountSpendReversed():
            return int(fact.amount.amount)
        case AccountSpent() | AccountPaidOut():
            return -int(fact.amount.amount)
        case FeeSettled():
            return -sum(use.amount.amount for use in fact.uses)
        case _:
            return 0


class AccountMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.facts: list[Any] = []
        self.state: Any = ACCOUNT.initial
        self.names = 0

    @initialize(
        receipt_duty=st.booleans(),
        day=st.sampled_from([None, None, 700, 1_500]),
        month=st.sampled_from([None, None, 1_600]),
        most=st.sampled_from([None, None, 4_000]),
    )
    def open(
        self, receipt_duty: bool, day: int | None, month: int | None, most: int | None
    ) -> None:
        self.limits = Limits(
            spend_per_day=None if day is None else eur(day),
            spend_per_month=None if month is None else eur(month),
            balance_max=None if most is None else eur(most),
        )
        self.do(
            OpenAccount(
                account_id="A", legal_entity_id="kette", holder_id=None, currency="EUR",
                limits=self.limits, receipt_duty=receipt_duty, time_zone="Europe/Berlin",
                now=self.now,
            )
        )  # fmt: skip
        self.do(
            AssignCard(card_serial="K", code_hash="h", hash_key_id="t", replaces=None, now=self.now)
        )

    def do(self, command: Any) -> tuple[Any, ...]:
        try:
            new = tuple(ACCOUNT.decide(command, self.state))
        except DomainError:
            return ()
        self.state = fold(ACCOUNT, new, start=self.state)
        self.facts += new
        return new

    def name(self, kind: str) -> str:
        self.names += 1
        return f"{kind}{self.names}"

    @rule(minutes=st.sampled_from([1, 1, 1, 6, 20, 60 * 3, 60 * 24 * 20]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(amount=amounts)
    def load(self, amount: int) -> None:
        load_id = self.name("L")
        prepared = self.do(
            PrepareLoad(
                load_id=load_id, code_hash="h", amount=eur(amount), booking_id=load_id,
                store_id="s", till_id="t", now=self.now,
            )
        )  # fmt: skip
        if prepared:
            self.do(
                CreditLoad(
                    account_id="A", load_id=load_id, amount=eur(amount), booking_id=load_id,
                    store_id="s", till_id="t", legal_entity_id="kette",
                    business_date=self.now.date(), valid_until=date(2029, 12, 31),
                    recorded_at=self.now,
                )
            )  # fmt: skip

    @rule(
        amount=amounts,
        paid=st.integers(min_value=0, max_value=2_000),
        given=st.booleans(),
        kinds=st.sampled_from([(), KINDS[:1], KINDS]),
        days=st.sampled_from([0, 5, 60, 400]),
    )
    def credit(self, amount: int, paid: int, given: bool, kinds: Any, days: int) -> None:
        lot = CreditLot(
            lot_id=self.name("V"), amount=eur(amount), value=eur(amount),
            consideration=eur(0 if given else min(paid, amount)),
            funding="donated" if given else "purchased", fee_kinds=kinds,
            valid_until=self.now.date() + timedelta(days=days), opened=self.now.date(),
        )  # fmt: skip
        self.do(
            GiveCredit(
                credit_id=lot.lot_id, source="voucher", lots=(lot,), voucher_serial="GS",
                legal_entity_id="kette", reason="Spende" if given else None, now=self.now,
            )
        )  # fmt: skip

    @rule(
        amount=small,
        mode=st.sampled_from(["exact", "up_to"]),
        payout=st.sampled_from([False, False, False, True]),
    )
    def hold(self, amount: int, mode: Any, payout: bool) -> None:
        self.do(
            PlaceAccountHold(
                hold_id=self.name("H"), code_hash="h", amount=eur(amount), mode=mode,
                store_id="s", till_id="t", booking_id="B", payment_id="P", accepted_by="kette",
                purpose="payout" if payout else "payment", payout_max=eur(5_000),
                expires_at=self.now + timedelta(minutes=5), now=self.now,
            )
        )  # fmt: skip

    @rule(amount=small, number=few)
    def pay(self, amount: int, number: int) -> None:
        self.hold(amount, "up_to", False)
        self.go_on_with_a_hold(number, "confirm capture", 0)

    def a_hold(self, number: int) -> Any:
        holds = [*self.state.open.values()]
        return holds[number % len(holds)] if holds else None

    @rule(
        number=few,
        steps=st.sampled_from(["confirm", "release", "capture", "confirm capture"]),
        less=st.sampled_from([0, 0, 1, 50]),
    )
    def go_on_with_a_hold(self, number: int, steps: str, less: int) -> None:
        hold = self.a_hold(number)
        if hold is None:
            return
        if "confirm" in steps:
            self.do(ConfirmHold(hold_id=hold.hold_id, now=self.now))
        if "release" in steps:
            self.do(ReleaseHold(hold_id=hold.hold_id, reason="released", now=self.now))
        hold = self.state.open.get(hold.hold_id)
        if "capture" in steps and hold and hold.state is HoldState.CONFIRMED:
            facts = self.captured(hold.hold_id, max(1, hold.amount.amount - less))
            assert not any(isinstance(fact, VoucherCaptureFailed) for fact in facts)

    @precondition(lambda self: self.limits == Limits())
    @rule(number=few, amount=amounts, known=st.booleans())
    def capture_whatever_was_booked(self, number: int, amount: int, known: bool) -> None:
        hold = self.a_hold(number) if known else None
        self.captured(hold.hold_id if hold else self.name("X"), amount)

    def captured(self, hold_id: str, amount: int) -> tuple[Any, ...]:
        return self.do(
            CaptureHold(
                voucher_id=None, hold_id=hold_id, booking_id="B", amount=eur(amount),
                store_id="s", till_id="t", accepted_by="kette", recorded_at=self.now,
                now=self.now,
            )
        )  # fmt: skip

    @rule(number=few, amount=amounts, recorded=st.booleans())
    def reverse(self, number: int, amount: int, recorded: bool) -> None:
        spent = [h for h in self.state.closed.values() if h.state is HoldState.CAPTURED]
        if spent:
            self.do(
                ReverseSpend(
                    reversal_id=self.name("R"), hold_id=spent[number % len(spent)].hold_id,
                    amount=eur(amount), booking_id="B", recorded=recorded,
                    revive_until=self.now.date() + timedelta(days=30), now=self.now,
                )
            )  # fmt: skip

    @rule(amount=amounts, kind=st.sampled_from(KINDS), days=few)
    def fee(self, amount: int, kind: str, days: int) -> None:
        self.do(
            PostFee(
                fee_id=self.name("F"), kind=kind, amount=eur(amount),
                due=self.now.date() + timedelta(days=days), text=None, now=self.now,
            )
        )  # fmt: skip

    def a_fee(self, number: int) -> Any:
        fees = [*self.state.fees.values()]
        return fees[number % len(fees)] if fees else None

    @rule(number=few)
    def withdraw(self, number: int) -> None:
        if fee := self.a_fee(number):
            self.do(WithdrawFee(fee_id=fee.fee_id, reason="x", now=self.now))

    @rule(
        number=few,
        amount=amounts,
        how=st.sampled_from(["credit", "payment", "waiver"]),
        from_credit=st.booleans(),
        book=st.booleans(),
    )
    def settle(self, number: int, amount: int, how: Any, from_credit: bool, book: bool) -> None:
        fee = self.a_fee(number)
        if fee is None:
            return
        settlement_id = self.name("S")
        given = from_credit and how == "waiver"
        asked = {
            "settlement_id": settlement_id, "fee_id": fee.fee_id, "how": how,
            "amount": eur(min(amount, max(1, fee.open.amount))), "from_credit": given,
            "voucher": None, "reason": "x" if how == "waiver" else None, "store_id": "s",
            "now": self.now,
        }  # fmt: skip
        if book:
            self.do(
                PrepareSettlement(
                    **asked, booking_id="B", till_id="t",
                    expires_at=self.now + timedelta(minutes=15),
                )
            )  # fmt: skip
        else:
            self.do(SettleNow(**asked))

    @rule(number=few, drop=st.booleans(), more=st.sampled_from([0, 0, 100]))
    def end_settlement(self, number: int, drop: bool, more: int) -> None:
        known = [*self.state.settlements.values()]
        if not known:
            return
        entry = known[number % len(known)]
        if drop:
            self.do(
                DropSettlement(settlement_id=entry.settlement_id, reason="aborted", now=self.now)
            )
            return
        line = SettledFee(
            settlement_id=entry.settlement_id, fee_id=entry.fee_id, how=entry.how,
            amount=entry.amount + eur(more), reason=None,
        )  # fmt: skip
        self.do(
            RecordSettlements(
                account_id="A", booking_id="B", store_id="s", till_id="t",
                legal_entity_id="kette", fees=(line,), recorded_at=self.now, now=self.now,
            )
        )  # fmt: skip

    @rule(stays=st.sampled_from([False] * 6 + [True]))
    def block(self, stays: bool) -> None:
        self.do(UnblockAccount(now=self.now))
        self.do(BlockAccount(reason="x", now=self.now))
        self.hold(100, "up_to", False)
        if not stays:
            self.do(UnblockAccount(now=self.now))

    @rule()
    def sweep(self) -> None:
        self.do(ExpireHolds(now=self.now))

    @invariant()
    def the_balance_is_the_sum_of_the_lots(self) -> None:
        if isinstance(self.state, Opened):
            left = sum(credit.lot.amount.amount for credit in self.state.credits.values())
            assert self.state.balance.amount == left

    @invariant()
    def what_came_is_what_went_and_what_is_there(self) -> None:
        if isinstance(self.state, Opened):
            assert self.state.balance.amount == sum(signed(fact) for fact in self.facts)

    @invariant()
    def available_is_between_zero_and_the_balance(self) -> None:
        if isinstance(self.state, Opened):
            assert 0 <= available(self.state, self.now) <= self.state.balance.amount

    @invariant()
    def what_is_kept_for_a_payment_is_really_there(self) -> None:
        if not isinstance(self.state, Opened):
            return
        pinned: dict[str, int] = {}
        for hold in self.state.open.values():
            if not hold.lapsed(self.now):
                assert lots.worth(hold.pins) == hold.amount.amount
                for lot_id, minor in hold.pins:
                    pinned[lot_id] = pinned.get(lot_id, 0) + minor
        for entry in self.state.preparing():
            if entry.live(self.now):
                for lot_id, minor in entry.pins:
                    pinned[lot_id] = pinned.get(lot_id, 0) + minor
        for lot_id, minor in pinned.items():
            assert minor <= self.state.credits[lot_id].lot.amount.amount

    @invariant()
    def a_fee_is_open_settled_or_withdrawn(self) -> None:
        if not isinstance(self.state, Opened):
            return
        settled: dict[str, int] = {}
        for fact in self.facts:
            if isinstance(fact, FeeSettled):
                settled[fact.fee_id] = settled.get(fact.fee_id, 0) + fact.amount.amount
        for fee in self.state.fees.values():
            assert fee.open.amount >= 0
            if not fee.withdrawn:
                assert fee.open.amount == fee.amount.amount - settled.get(fee.fee_id, 0)

    @invariant()
    def limits_are_never_exceeded(self) -> None:
        if not isinstance(self.state, Opened):
            return
        limits = self.state.limits
        held: dict[str, int] = {}
        for hold in self.state.open.values():
            if hold.purpose == "payment" and not hold.lapsed(self.now):
                for window in (hold.day.isoformat(), f"{hold.day:%Y-%m}"):
                    held[window] = held.get(window, 0) + hold.amount.amount
        for window in {*self.state.spent, *held}:
            limit = limits.spend_per_day if len(window) == 10 else limits.spend_per_month
            used = self.state.spent.get(window, 0) + held.get(window, 0)
            assert limit is None or used <= limit.amount

    @invariant()
    def what_was_paid_is_split_to_the_cent(self) -> None:
        if not isinstance(self.state, Opened):
            return
        for lot_id, credit in self.state.credits.items():
            paid = 0
            for fact in self.facts:
                sign = -1 if isinstance(fact, AccountSpendReversed) else 1
                for use in getattr(fact, "uses", ()):
                    paid += sign * use.consideration.amount if use.lot_id == lot_id else 0
            assert 0 <= paid <= credit.lot.consideration.amount
            if not credit.lot.amount:
                assert paid == credit.lot.consideration.amount

    @invariant()
    def without_receipt_duty_credit_and_fees_do_not_stand_side_by_side(self) -> None:
        state = self.state
        if not isinstance(state, Opened) or state.receipt_duty or state.blocked or not self.facts:
            return
        # Time alone decides nothing: what lapsed is offset at the next decision.
        self.do(ExpireHolds(now=self.now))
        state = self.state
        for fee in state.fees.values():
            if state.open_of(fee, self.now).amount:
                for fits in (lots.settles(fee.kind), lots.waives(fee.kind)):
                    assert not lots.free(state, fits, state.day(self.now), self.now)

    @invariant()
    def a_fresh_fold_says_the_same(self) -> None:
        assert fold(ACCOUNT, self.facts) == self.state


AccountMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestAccount = AccountMachine.TestCase
