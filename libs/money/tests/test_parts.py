"""Parts that are exactly the amount, and never too much."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from money import parts_of

WEIGHTS = st.dictionaries(st.sampled_from(list("abcde")), st.integers(1, 10_000), min_size=1)


@given(weights=WEIGHTS, data=st.data())
def test_the_parts_are_exactly_the_amount(weights: dict[str, int], data: st.DataObject) -> None:
    minor = data.draw(st.integers(0, sum(weights.values())))
    assert sum(parts_of(minor, weights).values()) == minor


@given(weights=WEIGHTS, data=st.data())
def test_no_part_is_more_than_there_is(weights: dict[str, int], data: st.DataObject) -> None:
    minor = data.draw(st.integers(0, sum(weights.values())))
    parts = parts_of(minor, weights)
    assert all(0 <= part <= weights[name] for name, part in parts.items())


def test_an_equal_remainder_goes_to_the_larger_part() -> None:
    assert parts_of(1, {"a": 1, "b": 3}) == {"a": 0, "b": 1}


def test_no_weight_has_no_part() -> None:
    assert parts_of(5, {}) == {}
