"""How a lot is used up: cumulative rounding, whatever is cut, given back or moved."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from money import Money, euro, total
from voucher.decider import lot_of
from voucher.decider.lots import Part, ordered, part_of, proportion
from voucher.events import Lot, LotUse

LAST = date(2029, 12, 31)


def lot(value: str, price: str | None = None, rate: int | None = None, **other: Any) -> Part:
    fields = {
        "lot_id": "issue",
        "amount": euro(value),
        "value": euro(value),
        "consideration": euro(price or value),
        "rate": rate,
        "valid_until": LAST,
        "opened": date(2026, 11, 22),
    }
    return part_of(Lot(**{**fields, **other}), "Europe/Berlin")


def cents(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


def used_up(part: Part, amounts: list[int]) -> tuple[Part, list[LotUse]]:
    """In parts as asked, and the rest at the end."""
    uses: list[LotUse] = []
    for amount in [*amounts, 10**9]:
        taken = min(cents(amount), part.left)
        if taken:
            use = part.use(taken)
            part, uses = part.used(use), [*uses, use]
    return part, uses


def test_fifty_at_nineteen_percent_in_ten_parts_has_the_tax_of_the_sale() -> None:
    _, uses = used_up(lot("50.00", rate=1900), [500] * 10)
    taxes = [str(use.tax.as_decimal()) for use in uses if use.tax is not None]
    assert taxes == [
        "0.80", "0.80", "0.79", "0.80", "0.80", "0.80", "0.80", "0.80", "0.79", "0.80",
    ]  # fmt: skip
    assert total((use.tax for use in uses if use.tax), currency="EUR") == euro("7.98")


def test_a_voucher_sold_below_its_face_value_brings_its_price_along() -> None:
    use = lot("50.00", price="45.00").use(euro("20.00"))
    assert use.consideration == euro("18.00")


def test_a_plain_lot_is_worth_what_was_paid() -> None:
    use = lot("50.00").use(euro("5.00"))
    assert (use.consideration, use.tax) == (euro("5.00"), None)


lots = st.builds(
    lambda value, price, rate: lot(
        str(cents(value).as_decimal()), price=str(cents(min(value, price)).as_decimal()), rate=rate
    ),
    st.integers(1, 100_000),
    st.integers(0, 100_000),
    st.sampled_from([None, 0, 700, 1900]),
)


@given(lots, st.lists(st.integers(1, 20_000), max_size=12))
@settings(max_examples=300, deadline=None)
def test_the_parts_of_a_lot_are_what_was_paid_and_taxed_however_it_is_cut(
    part: Part, amounts: list[int]
) -> None:
    end, uses = used_up(part, amounts)
    assert end.left == euro("0.00")
    assert total((use.consideration for use in uses), currency="EUR") == part.consideration
    if part.tax is not None:
        assert total((use.tax for use in uses if use.tax), currency="EUR") == part.tax
    else:
        assert all(use.tax is None for use in uses)


@given(lots, st.lists(st.integers(1, 20_000), min_size=1, max_size=6), st.data())
@settings(max_examples=300, deadline=None)
def test_a_use_that_is_given_back_leaves_no_trace_in_the_sums(
    part: Part, amounts: list[int], data: st.DataObject
) -> None:
    uses = []
    for amount in amounts:
        taken = min(cents(amount), part.left)
        if taken:
            uses.append(part.use(taken))
            part = part.used(uses[-1])
    back = data.draw(st.sampled_from(uses))
    cut = data.draw(st.integers(0, back.amount.amount))
    for before, amount in ((0, cut), (cut, back.amount.amount - cut)):
        if amount:
            for use in proportion((back,), cents(before), cents(amount)):
                part = part.given_back(use)
    kept = [use for use in uses if use is not back]
    _, rest = used_up(part, [])
    found = total((use.consideration for use in (*kept, *rest)), currency="EUR")
    assert found == part.consideration
    taxes = [use.tax for use in (*kept, *rest) if use.tax is not None]
    assert part.tax is None or total(taxes, currency="EUR") == part.tax


@given(lots, st.integers(1, 50_000), st.lists(st.integers(1, 9_000), max_size=5))
@settings(max_examples=300, deadline=None)
def test_a_part_that_moves_takes_its_price_and_its_tax_along(
    part: Part, moved: int, amounts: list[int]
) -> None:
    use = part.use(min(cents(moved), part.left))
    here, there = part.used(use), part_of(lot_of(part, use, "T.1"), "Europe/Berlin")
    _, ours = used_up(here, amounts)
    _, theirs = used_up(there, amounts)
    both = [*ours, *theirs]
    assert total((entry.consideration for entry in both), currency="EUR") == part.consideration
    taxes = [entry.tax for entry in both if entry.tax is not None]
    assert part.tax is None or total(taxes, currency="EUR") == part.tax


def test_lots_are_used_by_last_day_then_gifts_then_age() -> None:
    found = ordered(
        [
            lot("1.00", lot_id="late", valid_until=date(2031, 1, 1)),
            lot("1.00", lot_id="bought-young", opened=date(2027, 1, 1)),
            lot("1.00", lot_id="bought-old"),
            lot("1.00", lot_id="given", funding="donated", opened=date(2027, 6, 1)),
        ]
    )
    assert [part.lot_id for part in found] == ["given", "bought-old", "bought-young", "late"]
