"""Vouchers that pay together, and what time does to lots: properties on the decider."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events import fold
from money import Money, euro
from voucher.commands import PlaceHold
from voucher.decider import VOUCHER, Issued, VoucherInsufficient, end_of
from voucher.decider.together import Together, place_together
from voucher.events import VoucherActivated, VoucherHeld, VoucherIssued, VoucherToppedUp

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
HASH = "ab" * 32


def cents(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


def voucher(number: int, value: int, held: int, years: int) -> Issued:
    facts: list[Any] = [
        VoucherIssued(
            voucher_id=f"v{number}",
            serial=f"GS-{number}",
            code_hash=HASH,
            hash_key_id="k",
            value=cents(value),
            consideration=cents(value),
            legal_entity_id="kette",
            valid_until=date(2026 + years, 12, 31),
            time_zone="Europe/Berlin",
            opened=date(2026, 11, 22),
            issued_at=NOW,
        ),
        VoucherActivated(
            voucher_id=f"v{number}",
            serial=f"GS-{number}",
            booking_id="B",
            value=cents(value),
            activated_at=NOW,
        ),
    ]
    if held:
        facts.append(
            VoucherHeld(
                voucher_id=f"v{number}", serial=f"GS-{number}", hold_id="other",
                amount=cents(min(held, value)), available=cents(value - min(held, value)),
                store_id="s", till_id="t", booking_id="B9", payment_id="P9",
                expires_at=NOW + timedelta(hours=1), held_at=NOW,
            )
        )  # fmt: skip
    state = fold(VOUCHER, facts)
    assert isinstance(state, Issued)
    return state


def leg(number: int, amount: int) -> PlaceHold:
    return PlaceHold(
        hold_id=f"H{number}", code_hash=HASH, amount=cents(amount), mode="up_to", store_id="s",
        till_id="t", booking_id="B1", payment_id="P1", accepted_by="kette", across_entities=False,
        expires_at=NOW + timedelta(minutes=5), now=NOW, group_id="G",
    )  # fmt: skip


@given(
    st.lists(
        st.tuples(st.integers(1, 3000), st.sampled_from([0, 0, 100, 3000]), st.integers(0, 2)),
        min_size=2,
        max_size=10,
    ),
    st.integers(1, 9000),
)
@settings(max_examples=300, deadline=None)
def test_they_pay_as_much_as_there_is_and_only_the_last_keeps_a_rest(
    given_vouchers: list[tuple[int, int, int]], amount: int
) -> None:
    vouchers = {f"s{n}": voucher(n, *entry) for n, entry in enumerate(given_vouchers)}
    command = Together(
        amount=cents(amount),
        legs={stream: leg(n, amount) for n, stream in enumerate(vouchers)},
        now=NOW,
    )
    available = {stream: one.available(NOW).amount for stream, one in vouchers.items()}
    if not sum(available.values()):
        with pytest.raises(VoucherInsufficient):
            place_together(command, vouchers)
        return
    decided = place_together(command, vouchers)
    paid = {stream: facts[-1].amount.amount for stream, facts in decided.items()}  # type: ignore[union-attr]  # Held.
    assert sum(paid.values()) == min(amount, sum(available.values()))
    assert all(paid.values())
    in_order = sorted(vouchers, key=lambda s: (vouchers[s].valid_until, vouchers[s].balance.amount))
    keep = [stream for stream in paid if paid[stream] < available[stream]]
    assert len(keep) <= 1
    # Whoever pays nothing although it could comes after all that pay.
    idle = [stream for stream in in_order if available[stream] and stream not in paid]
    if idle:
        soonest = min(vouchers[s].valid_until or date.max for s in idle)
        assert all((vouchers[s].valid_until or date.max) <= soonest for s in paid)


@given(st.integers(-3, 3), st.integers(1, 400 * 24 * 3600))
@settings(max_examples=100, deadline=None)
def test_a_voucher_past_its_day_stays_past_it(second: int, later: int) -> None:
    one = voucher(1, 1000, 0, 0)
    end = end_of(date(2026, 12, 31), "Europe/Berlin")
    at = end + timedelta(seconds=second)
    assert one.usable(at) == (at < end)
    if not one.usable(at):
        assert not one.usable(at + timedelta(seconds=later))


def test_a_hold_stands_on_the_lots_of_its_own_day() -> None:
    """Of two lots the first ends at midnight. What was held before pays from it after midnight,
    and leaves the second to others; what is held after midnight has the second alone."""
    end = end_of(date(2026, 12, 31), "Europe/Berlin")
    before, after = end - timedelta(minutes=1), end + timedelta(minutes=1)
    topped_up = VoucherToppedUp(
        voucher_id="v1", serial="GS-1", top_up_id="T1", value=euro("4.00"),
        consideration=euro("4.00"), valid_until=date(2029, 12, 31), opened=date(2026, 11, 22),
        balance=euro("14.00"), booking_id="B", store_id="s", topped_up_at=NOW,
    )  # fmt: skip
    held = VoucherHeld(
        voucher_id="v1", serial="GS-1", hold_id="H1", amount=euro("10.00"),
        available=euro("4.00"), store_id="s", till_id="t", booking_id="B1", payment_id="P1",
        expires_at=after + timedelta(hours=1), held_at=before,
    )  # fmt: skip
    state = fold(VOUCHER, (topped_up, held), start=voucher(1, 1000, 0, 0))
    assert isinstance(state, Issued)
    assert state.available(before) == euro("4.00")
    assert state.available(after) == euro("4.00")
    assert state.available(after, without="H1") == euro("4.00")
    assert state.free(after) == euro("4.00")
