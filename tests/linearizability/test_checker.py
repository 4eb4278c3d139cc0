"""The checker accepts what can happen and refuses what cannot: only then is its yes worth much."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.linearizability.checker import Linearizable, Refused, Undecided, check, readable
from tests.linearizability.clerk import (
    EXPIRED,
    NOT_USABLE,
    RELEASED,
    REUSED,
    UNKNOWN,
    Answer,
    Capture,
    Confirm,
    Done,
    Hold,
    LookUp,
    No,
    Redeem,
    Release,
    Released,
    Seen,
)
from tests.linearizability.model import VoucherModel, of
from tests.linearizability.schedules import VALUE, Call, History, calls, mutated, played


def verdict(*history: Call, value: int = 100) -> object:
    return check(VoucherModel(value), history)


def accepted(*history: Call, value: int = 100) -> bool:
    return isinstance(verdict(*history, value=value), Linearizable)


def refused(*history: Call, value: int = 100) -> bool:
    return isinstance(verdict(*history, value=value), Refused)


# Histories that are right.


def test_an_empty_history_is_right() -> None:
    assert accepted()


def test_one_redemption_after_the_other_is_right() -> None:
    assert accepted(
        of(Redeem("a", 60), 0, Done(60, 40), 1),
        of(Redeem("b", 40), 2, Done(40, 0), 3),
        of(Redeem("c", 1), 4, NOT_USABLE, 5),
        of(LookUp(), 6, Seen(0, 0), 7),
    )


def test_two_at_once_may_come_in_either_order() -> None:
    first, second = of(Redeem("a", 30), 0, Done(30, 10), 5), of(Redeem("b", 60), 1, Done(60, 40), 4)
    assert accepted(first, second)


def test_a_look_during_a_redemption_may_see_either_side_of_it() -> None:
    spending = of(Redeem("a", 30), 0, Done(30, 70), 5)
    assert accepted(spending, of(LookUp(), 1, Seen(100, 100), 2), of(LookUp(), 3, Seen(70, 70), 4))


def test_an_unknown_redemption_may_have_happened() -> None:
    assert accepted(of(Redeem("a", 30), 0), of(LookUp(), 1, Seen(70, 70), 2))


def test_an_unknown_redemption_may_not_have_happened() -> None:
    assert accepted(of(Redeem("a", 30), 0), of(LookUp(), 1, Seen(100, 100), 2))


def test_an_unknown_redemption_may_happen_much_later() -> None:
    assert accepted(
        of(Redeem("a", 30), 0),
        of(LookUp(), 1, Seen(100, 100), 2),
        of(LookUp(), 50, Seen(70, 70), 51),
    )


def test_the_way_of_a_payment_is_right() -> None:
    assert accepted(
        of(Hold("h", 16, exact=False), 0, Done(10, 0, until=300.5), 1),
        of(LookUp(), 2, Seen(10, 0), 3),
        of(Confirm("h"), 4, Done(10, 0), 5),
        of(Capture("h", 10), 6, Done(10, 0), 9),
        of(LookUp(), 10, Seen(0, 0), 11),
        value=10,
    )


def test_a_release_that_came_first_leaves_a_tombstone() -> None:
    assert accepted(of(Release("h"), 0, Released(), 1), of(Hold("h", 16), 2, RELEASED, 3))


def test_a_hold_that_has_run_out_blocks_nobody() -> None:
    assert accepted(
        of(Hold("h", 80, lasts_s=5), 0, Done(80, 20, until=5.5), 1),
        of(Redeem("a", 50), 2, No("voucher.insufficient", 20), 3),
        of(Redeem("b", 50), 6, Done(50, 50), 7),
        of(Confirm("h"), 8, EXPIRED, 9),
    )


def test_a_hold_that_has_run_out_is_confirmed_if_its_money_is_there() -> None:
    assert accepted(
        of(Hold("h", 80, lasts_s=5), 0, Done(80, 20, until=5.5), 1),
        of(Redeem("b", 10), 6, Done(10, 90), 7),
        of(Confirm("h"), 8, Done(80, 10), 9),
        of(Redeem("c", 50), 10, No("voucher.insufficient", 10), 11),
    )


def test_while_a_hold_runs_out_others_may_see_it_either_way() -> None:
    held = of(Hold("h", 80, lasts_s=5), 0, Done(80, 20, until=5.5), 1)
    across = [of(LookUp(), 5, Seen(100, 100), 6), of(LookUp(), 5, Seen(100, 20), 6)]
    assert accepted(held, *across)


def test_a_repeat_with_the_same_answer_is_right() -> None:
    assert accepted(of(Redeem("a", 60), 0, Done(60, 40), 1, repeats=[Done(60, 40)]))


# Histories that are wrong, each in one way.


def test_a_double_spend_is_refused() -> None:
    assert refused(of(Redeem("a", 60), 0, Done(60, 40), 9), of(Redeem("b", 60), 0, Done(60, 40), 9))


def test_a_double_spend_of_the_last_cent_is_refused() -> None:
    assert refused(
        of(Redeem("a", 100), 0, Done(100, 0), 9), of(Redeem("b", 100), 0, Done(100, 0), 9)
    )


def test_a_lost_acknowledged_redemption_is_refused() -> None:
    assert refused(of(Redeem("a", 60), 0, Done(60, 40), 1), of(LookUp(), 2, Seen(100, 100), 3))


def test_a_lost_acknowledged_capture_is_refused() -> None:
    assert refused(
        of(Hold("h", 10), 0, Done(10, 90, until=300.5), 1),
        of(Confirm("h"), 2, Done(10, 90), 3),
        of(Capture("h", 10), 4, Done(10, 90), 5),
        of(LookUp(), 6, Seen(100, 100), 7),
    )


def test_a_stale_look_after_an_acknowledged_hold_is_refused() -> None:
    assert refused(
        of(Hold("h", 60), 0, Done(60, 40, until=300.5), 1), of(LookUp(), 2, Seen(100, 100), 3)
    )


def test_a_look_that_goes_back_in_time_is_refused() -> None:
    spending = of(Redeem("a", 30), 0, Done(30, 70), 9)
    assert refused(spending, of(LookUp(), 1, Seen(70, 70), 2), of(LookUp(), 3, Seen(100, 100), 4))


def test_an_unknown_redemption_that_happens_twice_is_refused() -> None:
    assert refused(of(Redeem("a", 30), 0), of(LookUp(), 1, Seen(40, 40), 2))


def test_a_hold_counted_twice_is_refused() -> None:
    assert refused(
        of(Hold("h", 30), 0, Done(30, 70, until=300.5), 1), of(LookUp(), 2, Seen(100, 40), 3)
    )


def test_a_capture_counted_twice_is_refused() -> None:
    assert refused(
        of(Hold("h", 30), 0, Done(30, 70, until=300.5), 1),
        of(Capture("h", 30), 2, Done(30, 70), 3),
        of(LookUp(), 4, Seen(40, 40), 5),
    )


def test_a_capture_beside_its_hold_is_refused() -> None:
    assert refused(
        of(Hold("h", 30), 0, Done(30, 70, until=300.5), 1),
        of(Capture("h", 30), 2, Done(30, 70), 3),
        of(LookUp(), 4, Seen(70, 40), 5),
    )


def test_a_released_hold_that_still_blocks_is_refused() -> None:
    assert refused(
        of(Hold("h", 80), 0, Done(80, 20, until=300.5), 1),
        of(Release("h"), 2, Released(), 3),
        of(Redeem("a", 50), 4, No("voucher.insufficient", 20), 5),
    )


def test_a_hold_that_ran_out_and_still_blocks_is_refused() -> None:
    assert refused(
        of(Hold("h", 80, lasts_s=5), 0, Done(80, 20, until=5.5), 1),
        of(Redeem("a", 50), 6, No("voucher.insufficient", 20), 7),
    )


def test_a_hold_that_ends_too_early_is_refused() -> None:
    assert refused(
        of(Hold("h", 80, lasts_s=50), 0, Done(80, 20, until=50.5), 1),
        of(Redeem("a", 50), 6, Done(50, 50), 7),
    )


def test_a_hold_that_promises_another_end_is_refused() -> None:
    assert refused(of(Hold("h", 80, lasts_s=50), 0, Done(80, 20, until=90.0), 1))


def test_a_confirmed_hold_that_runs_out_is_refused() -> None:
    assert refused(
        of(Hold("h", 80, lasts_s=5), 0, Done(80, 20, until=5.5), 1),
        of(Confirm("h"), 2, Done(80, 20), 3),
        of(Redeem("a", 50), 8, Done(50, 50), 9),
    )


def test_a_hold_after_its_release_is_refused() -> None:
    assert refused(
        of(Release("h"), 0, Released(), 1), of(Hold("h", 16), 2, Done(16, 84, until=302.5), 3)
    )


def test_a_refusal_although_enough_was_there_all_the_time_is_refused() -> None:
    assert refused(
        of(Redeem("a", 10), 0, Done(10, 90), 9),
        of(Redeem("b", 80), 1, No("voucher.insufficient", 50), 8),
    )


def test_not_usable_although_money_is_left_is_refused() -> None:
    assert refused(of(Redeem("a", 10), 0, NOT_USABLE, 1))


def test_an_exact_payment_that_is_made_in_part_is_refused() -> None:
    assert refused(of(Redeem("a", 160), 0, Done(100, 0), 1))


def test_a_payment_up_to_an_amount_that_takes_less_than_there_is_is_refused() -> None:
    assert refused(of(Redeem("a", 60, exact=False), 0, Done(50, 50), 1))


def test_a_repeat_with_another_answer_is_refused() -> None:
    first = of(Redeem("a", 60), 0, Done(60, 40), 1, repeats=[Done(60, 40), Done(40, 0)])
    assert refused(first)


def test_one_id_used_for_two_payments_is_refused() -> None:
    assert refused(of(Redeem("a", 60), 0, Done(60, 40), 1), of(Redeem("a", 40), 2, Done(40, 0), 3))
    assert accepted(of(Redeem("a", 60), 0, Done(60, 40), 1), of(Redeem("a", 40), 2, REUSED, 3))


def test_a_confirmation_of_what_was_never_held_is_refused() -> None:
    assert refused(of(Confirm("h"), 0, Done(10, 90), 1))
    assert accepted(of(Confirm("h"), 0, UNKNOWN, 1))


# The checker itself.


def test_an_answer_before_its_question_is_no_history() -> None:
    with pytest.raises(ValueError, match="before it was asked"):
        verdict(of(LookUp(), 2, Seen(100, 100), 1))


def test_a_search_that_takes_too_long_is_undecided_and_no_pass() -> None:
    many = [of(Redeem(f"r{n}", 2**n), 0) for n in range(24)]
    impossible = of(LookUp(), 1, Seen(-5, -5), 2)
    found = check(VoucherModel(2**30), [*many, impossible], steps_max=2_000)
    assert isinstance(found, Undecided)


def test_a_refusal_says_how_far_an_explanation_gets() -> None:
    found = verdict(of(Redeem("a", 60), 0, Done(60, 40), 1), of(LookUp(), 2, Seen(100, 100), 3))
    assert isinstance(found, Refused)
    assert "1 of 2 answers" in found.reason
    assert "LookUp()" in found.reason


def test_the_order_that_is_found_replays() -> None:
    history = (of(Redeem("a", 30), 0, Done(30, 10), 5), of(Redeem("b", 60), 1, Done(60, 40), 4))
    found = verdict(*history)
    assert isinstance(found, Linearizable)
    assert [call.request for call in found.order] == [Redeem("b", 60), Redeem("a", 30)]


def test_a_history_can_be_read() -> None:
    text = readable([of(Redeem("a", 60), 5, Done(60, 40), 6), of(Release("h"), 7)])
    first, second = text.splitlines()
    assert first.startswith("    0.0000     1.0000")
    assert "unknown" in second


def test_eight_at_once_over_forty_operations_are_decided_quickly() -> None:
    """Eight redemptions at a time, and every one of them refused the others' view of it."""
    history: list[Call] = []
    left = 10_000
    for batch in range(5):
        for number in range(8):
            left -= 10
            asked = Redeem(f"{batch}-{number}", 10)
            history.append(of(asked, batch * 10, Done(10, left), batch * 10 + 9))
    found = check(VoucherModel(10_000), history)
    assert isinstance(found, Linearizable)
    assert found.steps < 1_000


# Histories that the model itself has made, and the same with one answer changed.


@settings(max_examples=150, deadline=None)
@given(calls(clients=6, each=7))
def test_whatever_the_model_itself_does_is_accepted(plan: History) -> None:
    found = check(VoucherModel(VALUE), played(plan))
    assert isinstance(found, Linearizable), found


@settings(max_examples=150, deadline=None)
@given(calls(clients=6, each=7), st.data())
def test_one_impossible_answer_is_refused(plan: History, data: st.DataObject) -> None:
    """All amounts are even, so an odd one can have come from nowhere."""
    history = played(plan)
    places = [place for place, call in enumerate(history) if mutated(call) is not None]
    if not places:
        return
    place = data.draw(st.sampled_from(places))
    wrong = mutated(history[place])
    assert wrong is not None
    history[place] = wrong
    assert isinstance(check(VoucherModel(VALUE), history), Refused)


@settings(max_examples=250, deadline=None)
@given(calls(clients=3, each=2), st.data())
def test_the_checker_agrees_with_trying_every_order(plan: History, data: st.DataObject) -> None:
    """Answers are swapped for other even ones, so right and wrong histories both come up."""
    history = played(plan)[:5]
    swap: bool = data.draw(st.booleans())
    if history and swap:
        place: int = data.draw(st.integers(0, len(history) - 1))
        others = [call.answer for call in history if call.answer is not None]
        if others and history[place].answer is not None:
            history[place] = changed(history[place], data.draw(st.sampled_from(others)))
    found = check(VoucherModel(VALUE), history)
    assert isinstance(found, Linearizable) == any_order(history), history


def changed(call: Call, answer: Answer) -> Call:
    return of(call.request, call.invoked, answer, call.answered, client=call.client)


def any_order(history: Sequence[Call]) -> bool:
    """The definition itself: some subset with all the answered ones, in some order that respects
    real time, through the model. Factorial; only for the smallest histories."""
    model = VoucherModel(VALUE)
    known = [call for call in history if call.answer is not None]
    unknown = [call for call in history if call.answer is None]
    for bits in range(2 ** len(unknown)):
        some = [call for place, call in enumerate(unknown) if bits >> place & 1]
        for order in permutations([*known, *some]):
            if in_real_time(order) and reaches(model, order):
                return True
    return False


def in_real_time(order: Iterable[Call]) -> bool:
    latest = float("-inf")
    for call in order:
        if call.answered < latest:
            return False
        latest = max(latest, call.invoked)
    return True


def reaches(model: VoucherModel, order: Iterable[Call]) -> bool:
    states = {model.initial}
    for call in order:
        states = {after for state in states for after in model.after(state, call)}
    return bool(states)
