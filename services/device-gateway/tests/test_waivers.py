"""What vouchers take off, in whole cents: parts that are exactly the amount, and never too much."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from device_gateway.decider.pricing import vat_totals
from device_gateway.decider.waivers import basket_of, discounts, parts_of
from device_gateway.events import Line, Payment
from money import Money, euro, total

KEYS = {"standard": (1900, 1), "reduced": (700, 2), "zero": (0, 5)}
WEIGHTS = st.dictionaries(st.sampled_from(list("abcde")), st.integers(1, 10_000), min_size=1)


def line(amount: str, vat: str = "standard", *, group: str | None = None) -> Line:
    rate, key = KEYS[vat]
    return Line(
        line_id="1", kind="article", name="x", quantity="1", unit_price=euro(amount),
        amount=euro(amount), vat=vat, rate=rate, dsfinvk_key=key, article_group=group,
    )  # fmt: skip


def paid(amount: Money, name: str = "p", **more: Any) -> Payment:
    return Payment(
        payment_id=name, kind="voucher", name="Gutschein", fiscal="Keine", amount=amount,
        hold_id=f"h-{name}", voucher_id="v", voucher_serial="GS-1", **more,
    )  # fmt: skip


def single(amount: str, vat: str, name: str = "s", rate: int | None = None) -> Payment:
    usual, key = KEYS[vat]
    return paid(euro(amount), name, vat=vat, rate=usual if rate is None else rate, dsfinvk_key=key)


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


def test_what_a_single_purpose_voucher_pays_is_not_lowered_again() -> None:
    lines = (line("50.00"), line("50.00", "reduced"))
    payments = (single("50.00", "standard"), paid(euro("50.00"), "w", waiver="Treue"))
    made = discounts(lines, payments, numbered=2)
    assert [(each.vat, each.amount) for each in made] == [("reduced", euro("-50.00"))]


@given(st.lists(st.integers(1, 5000), min_size=3, max_size=3), st.data())
def test_no_vat_row_falls_below_zero(amounts: list[int], data: st.DataObject) -> None:
    lines = tuple(line(f"{minor / 100:.2f}", vat) for minor, vat in zip(amounts, KEYS, strict=True))
    taxed = data.draw(st.integers(0, amounts[0]))
    given_away = data.draw(st.integers(0, sum(amounts) - taxed))
    payments = (
        paid(Money(amount=taxed), "s", vat="standard", rate=1900, dsfinvk_key=1),
        paid(Money(amount=given_away), "w", waiver="Treue"),
    )
    made = discounts(lines, payments, numbered=3)
    assert total((each.amount for each in made), currency="EUR").amount == -given_away
    rows = vat_totals((*lines, *made), payments[:1])
    assert all(row.gross.amount >= 0 for row in rows)


def test_a_voucher_of_an_older_rate_has_a_row_of_its_own() -> None:
    rows = vat_totals((line("20.00"),), (single("20.00", "standard", rate=1600),))
    assert [(row.rate, row.gross) for row in rows] == [
        (1900, euro("20.00")),
        (1600, euro("-20.00")),
    ]


def test_a_basket_adds_up_groups_and_takes_off_what_is_settled() -> None:
    lines = (line("5.00", group="books"), line("3.00", group="books"), line("2.00"))
    found = basket_of(lines, (single("1.00", "standard"),))
    assert [(part.article_group, part.gross) for part in found] == [
        (None, euro("1.00")),
        ("books", euro("8.00")),
    ]
