"""What `Money` promises: whole minor units, one currency, commercial rounding, no float."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from money import AMOUNT_MAX, CurrencyMismatch, Money, euro, total

amounts = st.integers(min_value=-(10**9), max_value=10**9).map(lambda minor: Money(amount=minor))


def test_an_amount_reads_like_on_a_price_tag() -> None:
    assert euro("19.99") == Money(amount=1999, currency="EUR")
    assert str(euro("-0.05")) == "-0.05 EUR"


def test_a_third_decimal_is_refused() -> None:
    with pytest.raises(ValueError, match="more than two decimals"):
        euro("1.999")


@pytest.mark.parametrize("wrong", [1.0, "100", True, None, 10**13])
def test_only_whole_minor_units_within_the_limit_are_an_amount(wrong: object) -> None:
    with pytest.raises(ValidationError):
        Money.model_validate({"amount": wrong, "currency": "EUR"})


def test_the_largest_amount_is_accepted() -> None:
    assert Money(amount=AMOUNT_MAX).amount == AMOUNT_MAX


def test_two_currencies_never_meet() -> None:
    with pytest.raises(CurrencyMismatch):
        Money(amount=1, currency="EUR") + Money(amount=1, currency="CHF")


@given(amounts, amounts)
def test_what_is_added_can_be_taken_away_again(a: Money, b: Money) -> None:
    assert a + b - b == a


@given(st.lists(amounts, max_size=20))
def test_a_total_is_the_same_in_any_order(parts: list[Money]) -> None:
    assert total(parts, currency="EUR") == total(reversed(parts), currency="EUR")


@pytest.mark.parametrize(
    ("price", "quantity", "expected"),
    [("9.99", "3", "29.97"), ("0.01", "0.5", "0.01"), ("-0.01", "0.5", "-0.01"),
     ("1.99", "0.333", "0.66"), ("2.45", "0.1", "0.25")],
)  # fmt: skip
def test_a_quantity_is_rounded_half_away_from_zero(
    price: str, quantity: str, expected: str
) -> None:
    assert euro(price).times(Decimal(quantity)) == euro(expected)


def test_money_in_json_is_minor_units_and_a_currency() -> None:
    assert euro("19.99").model_dump_json() == '{"amount":1999,"currency":"EUR"}'
