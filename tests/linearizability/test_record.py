"""From tries and answers to a history."""

from __future__ import annotations

from pathlib import Path

from tests.linearizability.clerk import (
    Answer,
    Done,
    LookUp,
    No,
    Redeem,
    Request,
    Seen,
)
from tests.linearizability.record import Asking, Records, Sold, faults, now

CARD = Sold("v1", "GS-1", "secret", 100)


def asked(request: Request, *tries: float, answer: Answer | None, at: float = 0.0) -> Asking:
    asking = Asking("c1", request, list(tries))
    if answer is not None:
        asking.answer, asking.answered = answer, at
    return asking


def test_all_tries_of_an_accepted_call_are_one_operation() -> None:
    (call,) = asked(Redeem("a", 10), 1, 2, 3, answer=Done(10, 90), at=4).operations()
    assert (call.invoked, call.answered, call.answer) == (1, 4, Done(10, 90))


def test_a_refusal_belongs_to_the_last_try_and_leaves_the_lost_ones_unknown() -> None:
    """The service does not remember refusals: a try that still is under way may yet succeed."""
    no = No("voucher.insufficient", 5)
    lost, refused = asked(Redeem("a", 10), 1, 2, 3, answer=no, at=4).operations()
    assert (lost.invoked, lost.answer) == (1, None)
    assert (refused.invoked, refused.answered, refused.answer) == (3, 4, no)


def test_a_call_without_an_answer_is_unknown() -> None:
    (call,) = asked(Redeem("a", 10), 1, answer=None).operations()
    assert call.answer is None


def test_a_look_without_an_answer_is_no_operation() -> None:
    assert asked(LookUp(), 1, answer=None).operations() == []


def test_a_call_that_was_never_sent_is_no_operation() -> None:
    assert asked(Redeem("a", 10), answer=None).operations() == []


def test_the_first_answer_counts_and_later_ones_are_repeats() -> None:
    asking = Asking("c1", Redeem("a", 10), [now()])
    asking.answered_with(Done(10, 90))
    asking.answered_with(Done(10, 80))
    assert asking.answer == Done(10, 90)
    assert asking.operations()[0].repeats == (Done(10, 80),)


def test_a_history_that_cannot_be_explained_is_written_down_to_be_read(tmp_path: Path) -> None:
    records = Records()
    records.askings[CARD] = [
        asked(Redeem("a", 60), 1, answer=Done(60, 40), at=2),
        asked(LookUp(), 3, answer=Seen(100, 100), at=4),
        asked(Redeem("b", 10), 5, answer=None),
    ]
    (fault,) = faults(records, tmp_path)
    text = (tmp_path / "v1.txt").read_text(encoding="utf-8")
    assert "1 of 2 answers can be explained" in fault
    assert str(tmp_path / "v1.txt") in fault
    assert "c1: Redeem(id='a', amount=60, exact=True) → Done(amount=60, left=40" in text
    assert "unknown" in text
    assert CARD.code not in text


def test_a_history_that_can_be_explained_leaves_nothing_behind(tmp_path: Path) -> None:
    records = Records()
    records.askings[CARD] = [asked(Redeem("a", 60), 1, answer=Done(60, 40), at=2)]
    assert faults(records, tmp_path) == []
    assert list(tmp_path.iterdir()) == []
