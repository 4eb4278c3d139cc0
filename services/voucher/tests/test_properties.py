"""What must hold after every history of one voucher, whatever the tills do and in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from events import DomainError
from money import Money
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
    VoucherCommand,
)
from voucher.decider import VOUCHER, HoldState, Issued, Voucher
from voucher.events import (
    SoldAt,
    VoucherActivated,
    VoucherCancelled,
    VoucherCaptureFailed,
    VoucherHeld,
    VoucherHoldReleased,
    VoucherIssued,
    VoucherRedeemed,
)

START = datetime(2029, 12, 31, 22, 30, tzinfo=UTC)  # Half an hour before the voucher expires.

Step = tuple[str, int, int, int, bool]
steps = st.tuples(
    st.sampled_from(
        ["issue", "activate", "cancel", "hold", "hold", "hold", "confirm", "confirm", "release",
         "capture", "capture", "redeem", "expire"]
    ),
    st.integers(1, 4),  # which hold
    st.integers(1, 700),  # how much
    st.sampled_from([0, 0, 0, 1, 60, 299, 301, 2000]),  # seconds that pass before
    st.booleans(),
)  # fmt: skip


SOLD: list[Step] = [("issue", 1, 1, 0, True), ("activate", 1, 1, 0, True)]


def _money(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


def _command(step: Step, now: datetime) -> VoucherCommand:
    kind, number, amount, _, flag = step
    mode: Any = "exact" if flag else "up_to"
    match kind:
        case "issue":
            return IssueVoucher(
                voucher_id="v1",
                serial="GS-1",
                code_hash="aa",
                hash_key_id="k",
                value=_money(1000),
                legal_entity_id="kette",
                sold_at=SoldAt(store_id="s", till_id="t", booking_id="B1", line_id="L1"),
                valid_until=date(2029, 12, 31),
                time_zone="Europe/Berlin",
                opened=date(2026, 11, 22),
                now=now,
            )
        case "activate":
            return ActivateVoucher(
                voucher_id="v1", booking_id="B1", value=_money(1000), store_id="s", till_id="t",
                now=now,
            )  # fmt: skip
        case "cancel":
            return CancelVoucher(voucher_id="v1", reason="aborted", now=now)
        case "hold":
            return PlaceHold(
                hold_id=f"H{number}", code_hash="aa", amount=_money(amount), mode=mode,
                store_id="s", till_id="t", booking_id="B2", payment_id="P", accepted_by="kette",
                across_entities=False, expires_at=now + timedelta(seconds=300), now=now,
            )  # fmt: skip
        case "confirm":
            return ConfirmHold(hold_id=f"H{number}", now=now)
        case "release":
            reason: Any = "released" if flag else "aborted"
            return ReleaseHold(hold_id=f"H{number}", reason=reason, now=now)
        case "capture":
            return CaptureHold(
                voucher_id="v1", hold_id=f"H{number}", booking_id="B2", amount=_money(amount),
                store_id="s", till_id="t", accepted_by="kette", recorded_at=now, now=now,
            )  # fmt: skip
        case "redeem":
            return RedeemVoucher(
                redemption_id=f"R{number}", code_hash="aa", amount=_money(amount), mode=mode,
                store_id="s", accepted_by="kette", across_entities=False, now=now,
            )  # fmt: skip
        case _:
            return ExpireHolds(now=now)


@dataclass
class Life:
    """One voucher's history, kept twice: as the decider sees it and as plain sums over facts."""

    state: Voucher = VOUCHER.initial
    now: datetime = START
    events: list[Any] = field(default_factory=list)

    def take(self, step: Step) -> Sequence[Any]:
        self.now += timedelta(seconds=step[3])
        command = _command(step, self.now)
        try:
            decided = VOUCHER.decide(command, self.state)
        except DomainError:
            return ()
        for event in decided:
            self.state = VOUCHER.evolve(self.state, event)
        self.events.extend(decided)
        return decided

    def sum_of(self, kind: type[Any], amount: str = "amount") -> int:
        found = (getattr(event, amount) for event in self.events if isinstance(event, kind))
        return sum(money.amount for money in found if money is not None)


def _live(history: Sequence[Step]) -> Life:
    life = Life()
    for step in [*SOLD, *history]:
        life.take(step)
    return life


@given(st.lists(steps, max_size=40), st.booleans())
@settings(max_examples=300, deadline=None)
def test_issued_is_redeemed_plus_cancelled_plus_balance(
    history: list[Step], prepared: bool
) -> None:
    life = Life()
    for step in history if not prepared else [*SOLD, *history]:
        life.take(step)
    reinstated = sum(
        event.value.amount
        for event in life.events
        if isinstance(event, VoucherActivated) and event.reinstated
    )
    balance = life.state.balance.amount if isinstance(life.state, Issued) else 0
    cancelled = life.sum_of(VoucherCancelled, "value") - reinstated
    assert life.sum_of(VoucherIssued, "value") == (
        life.sum_of(VoucherRedeemed) + cancelled + balance
    )


@given(st.lists(steps, max_size=40))
@settings(max_examples=300, deadline=None)
def test_available_lies_between_nothing_and_the_balance_after_every_step(
    history: list[Step],
) -> None:
    life = Life()
    for step in [*SOLD, *history]:
        life.take(step)
        assert isinstance(life.state, Issued)
        available = life.state.available(life.now)
        assert available.zero <= available <= life.state.balance
        # Also for somebody who folds the facts without a clock.
        held = sum(hold.amount.amount for hold in life.state.open.values())
        assert held <= life.state.balance.amount


@given(st.lists(steps, max_size=40))
@settings(max_examples=300, deadline=None)
def test_what_was_held_is_captured_or_released_or_still_held(history: list[Step]) -> None:
    life = _live(history)
    assert isinstance(life.state, Issued)
    open_still = sum(hold.amount.amount for hold in life.state.open.values())
    captured = life.sum_of(VoucherRedeemed, "held") + life.sum_of(VoucherCaptureFailed, "held")
    freed = life.sum_of(VoucherHoldReleased)
    assert life.sum_of(VoucherHeld) == captured + freed + open_still


@given(st.lists(steps, max_size=40))
@settings(max_examples=300, deadline=None)
def test_no_hold_is_captured_twice(history: list[Step]) -> None:
    life = _live(history)
    counted = Counter(e.hold_id for e in life.events if isinstance(e, VoucherRedeemed))
    assert all(times == 1 for times in counted.values())


@given(st.lists(steps, max_size=30), steps)
@settings(max_examples=500, deadline=None)
def test_a_step_repeated_at_once_changes_nothing(history: list[Step], step: Step) -> None:
    life = _live(history)
    life.take(step)
    before = life.state
    kind, number, amount, _, flag = step
    assert life.take((kind, number, amount, 0, flag)) == ()
    assert life.state == before


@given(st.lists(steps, max_size=30), st.integers(1, 4), st.integers(1, 1000))
@settings(max_examples=300, deadline=None)
def test_a_confirmed_hold_is_always_honoured(history: list[Step], number: int, amount: int) -> None:
    life = _live(history)
    assert isinstance(life.state, Issued)
    hold = life.state.open.get(f"H{number}")
    if hold is None or hold.state is not HoldState.CONFIRMED:
        return
    wanted = min(amount, hold.amount.amount)
    captured = life.take(("capture", number, wanted, 2_000_000, True))
    spent = [event for event in captured if isinstance(event, VoucherRedeemed)]
    assert [event.amount.amount for event in spent] == [wanted]
    assert not any(isinstance(event, VoucherCaptureFailed) for event in captured)
