"""Money as people type it and as pages write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_gateway.api.pages.locales import LANGUAGES, NoAmount, amount_of, money, plain
from money import Money


@pytest.mark.parametrize(
    ("text", "language", "minor"),
    [
        ("12,5", "de", 1250), ("12.50", "de", 1250), ("1.234,50", "de", 123450),
        ("1.234", "de", 123400), ("1234", "de", 123400), (",5", "de", 50), ("0,05", "de", 5),
        ("1.234.567,89", "de", 123456789), ("4006381", "de", 400638100),
        ("1 234,50 €", "de", 123450), ("-3,20", "de", -320),
        ("19,99\u00a0€", "de", 1999), ("12,", "de", 1200),
        ("12.5", "en", 1250), ("12,50", "en", 1250), ("1,234.50", "en", 123450),
        ("1,234", "en", 123400), ("€19.99", "en", 1999), (".5", "en", 50),
    ],
)  # fmt: skip
def test_an_amount_is_read_as_it_was_meant(text: str, language: str, minor: int) -> None:
    assert amount_of(text, "EUR", language) == Money(amount=minor, currency="EUR")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("", "de"), ("abc", "de"), ("12,345", "de"), ("12.345", "en"), ("1,2,3", "de"),
        ("1.23,4,5", "de"), ("12.34.5", "de"), ("1,23.45,6", "en"), ("--1", "de"), (".", "de"),
        ("1e3", "de"), ("١٢", "de"), ("1" * 30, "de"), ("12,5,", "de"), ("1.2345,00", "de"),
        ("4006381333931", "de"), ("10.000.000,01", "de"),
    ],
)  # fmt: skip
def test_what_is_doubtful_is_no_amount(text: str, language: str) -> None:
    with pytest.raises(NoAmount):
        amount_of(text, "EUR", language)


@given(minor=st.integers(-(10**9), 10**9), language=st.sampled_from(LANGUAGES))
def test_what_a_page_writes_is_what_it_reads(minor: int, language: str) -> None:
    amount = Money(amount=minor, currency="EUR")
    assert amount_of(plain(amount, language), "EUR", language) == amount
    assert amount_of(money(amount, language), "EUR", language) == amount


def test_money_stands_with_a_no_break_space() -> None:
    assert money(Money(amount=123450, currency="EUR"), "de") == "1.234,50\u00a0€"
    assert money(Money(amount=123450, currency="EUR"), "en") == "€1,234.50"
