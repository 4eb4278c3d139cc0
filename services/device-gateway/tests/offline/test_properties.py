"""The limits hold after every history, whatever tills want and what becomes of their bookings."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from device_gateway.decider.offline import (
    OFFLINE,
    AcceptOffline,
    GiveBackOffline,
    OfflineCommand,
    OfflineLimits,
    SettleOffline,
    SignedVoucher,
)
from device_gateway.events import OfflineAccepted, OfflineGivenBack, OfflineSettled
from events import DomainError, fold
from money import Money

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
CAP, PER_DAY, PER_TILL_DAY = 2000, 5000, 3500
LIMITS = OfflineLimits(
    cap=Money(amount=CAP), per_day=Money(amount=PER_DAY), per_till_day=Money(amount=PER_TILL_DAY),
    sold_here=True, heard_at=START,
)  # fmt: skip

Step = tuple[str, int, int, int, int, int]
steps = st.tuples(
    st.sampled_from(["accept", "accept", "accept", "accept", "give_back", "settle"]),
    st.integers(1, 12),  # which hold
    st.integers(1, 4),  # which voucher
    st.integers(1, 3),  # which till
    st.integers(1, 2500),  # how much
    st.integers(0, 2),  # which business date
)


def command_of(step: Step) -> OfflineCommand:
    what, hold, serial, till, minor, day = step
    if what == "give_back":
        return GiveBackOffline((f"h{hold}",), START)
    if what == "settle":
        return SettleOffline(f"h{hold}", Money(amount=minor), START)
    voucher = SignedVoucher(
        serial=f"GS-{serial}", multi_purpose=True, own_issuer=True, sold_here=True,
        face=Money(amount=1500 * serial), offline_cap=Money(amount=2500),
        valid_until=date(2029, 12, 31),
    )  # fmt: skip
    return AcceptOffline(
        store_id="berlin", till_id=f"t{till}", booking_id=f"b{hold}", payment_id=f"p{hold}",
        hold_id=f"h{hold}", voucher=voucher, wanted=Money(amount=minor), limits=LIMITS,
        business_date=START.date() + timedelta(days=day), now=START,
    )  # fmt: skip


def history_of(played: list[Step]) -> list[OfflineAccepted | OfflineGivenBack | OfflineSettled]:
    """What is in the log after all of it; refusals change nothing. A hold's id is used once."""
    history: list[OfflineAccepted | OfflineGivenBack | OfflineSettled] = []
    book, used = OFFLINE.initial, set[str]()
    for step in played:
        command = command_of(step)
        if isinstance(command, AcceptOffline) and command.hold_id in used:
            continue
        try:
            events = OFFLINE.decide(command, book)
        except DomainError:
            continue
        used |= {event.hold_id for event in events if isinstance(event, OfflineAccepted)}
        history.extend(events)
        book = fold(OFFLINE, events, start=book)
    return history


@given(st.lists(steps, max_size=40))
def test_what_is_open_of_a_voucher_never_exceeds_its_cap(played: list[Step]) -> None:
    of_voucher, holds = Counter[str](), dict[str, OfflineAccepted]()
    for event in history_of(played):
        if isinstance(event, OfflineAccepted):
            holds[event.hold_id] = event
            of_voucher[event.serial] += event.amount.amount
            face = 1500 * int(event.serial.removeprefix("GS-"))
            assert of_voucher[event.serial] <= min(CAP, face)
        else:
            ended = holds.pop(event.hold_id)
            of_voucher[ended.serial] -= ended.amount.amount


@given(st.lists(steps, max_size=60))
def test_no_till_and_no_store_takes_more_than_its_limit_of_a_day(played: list[Step]) -> None:
    of_till, of_day = Counter[tuple[date, str]](), Counter[date]()
    holds = dict[str, OfflineAccepted]()
    for event in history_of(played):
        if isinstance(event, OfflineAccepted):
            holds[event.hold_id] = event
            of_till[event.business_date, event.till_id] += event.amount.amount
            of_day[event.business_date] += event.amount.amount
        elif isinstance(event, OfflineGivenBack):
            gone = holds[event.hold_id]
            of_till[gone.business_date, gone.till_id] -= gone.amount.amount
            of_day[gone.business_date] -= gone.amount.amount
        assert all(taken <= PER_TILL_DAY for taken in of_till.values())
        assert all(taken <= PER_DAY for taken in of_day.values())


@given(st.lists(steps, max_size=40))
def test_nothing_is_accepted_that_is_not_above_zero_and_within_what_was_wanted(
    played: list[Step],
) -> None:
    wanted = {f"h{step[1]}": 0 for step in played}
    for step in played:
        wanted[f"h{step[1]}"] = max(wanted[f"h{step[1]}"], step[4])
    for event in history_of(played):
        if isinstance(event, OfflineAccepted):
            assert 0 < event.amount.amount <= wanted[event.hold_id]


@given(st.lists(steps, max_size=40))
def test_a_restart_knows_what_the_process_knew(played: list[Step]) -> None:
    history = history_of(played)
    book = fold(OFFLINE, history)
    ended = {event.hold_id for event in history if not isinstance(event, OfflineAccepted)}
    taken = {event.hold_id for event in history if isinstance(event, OfflineAccepted)}
    assert set(book.open) == taken - ended
