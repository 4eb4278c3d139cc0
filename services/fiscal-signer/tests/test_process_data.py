"""Kassenbeleg-V1: the examples of the annex, our own bookings, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiscal_signer.country import CountryNotSupported, ProcessDataRefused, country_of
from fiscal_signer.country.de.process_data import GRAMMAR, amount_text, minor_text, slot_of
from fiscal_signer.foreign import BookingRecorded
from fiscal_signer.testing import line, payment, recorded

GERMANY = country_of("DE")


def text_of(lines: list[dict[str, Any]], payments: list[dict[str, Any]]) -> str:
    record = recorded("b1", lines=lines, payments=payments)
    return GERMANY.receipt(BookingRecorded.model_validate_json(record.data)).data


def card(cents: int) -> dict[str, Any]:
    return payment(cents, kind="card", fiscal="Unbar")


def voucher(cents: int, key: int = 5) -> dict[str, Any]:
    return payment(cents, kind="voucher", fiscal="Keine", key=key)


def on_account(*parts: tuple[int, int, int], kind: str = "cost_center") -> dict[str, Any]:
    """A receivable or a subsidy of (minor units, key, rate) each."""
    whole = payment(sum(minor for minor, _, _ in parts), kind=kind, fiscal="Keine")
    shares = [
        {
            "vat": "any",
            "gross": {"amount": minor, "currency": "EUR"},
            "dsfinvk_key": key,
            "rate": rate,
        }
        for minor, key, rate in parts
    ]
    return {**whole, "parts": shares}


BOOKS: dict[str, Any] = {"key": 2, "rate": 700}
SOLD: dict[str, Any] = {"kind": "voucher_sale", "key": 5, "rate": 0}


@pytest.mark.parametrize(
    ("lines", "payments", "text"),
    [
        ([line(255, **BOOKS)], [payment(255)], "Beleg^0.00_2.55_0.00_0.00_0.00^2.55:Bar"),
        (
            [line(290), line(210, **SOLD)],
            [card(500)],
            "Beleg^2.90_0.00_0.00_0.00_2.10^5.00:Unbar",
        ),
        ([line(5000, **SOLD)], [payment(5000)], "Beleg^0.00_0.00_0.00_0.00_50.00^50.00:Bar"),
        ([line(3000, **BOOKS)], [voucher(3000)], "Beleg^0.00_30.00_0.00_0.00_-30.00^"),
        (
            [line(1600, **BOOKS)],
            [voucher(1000), payment(600)],
            "Beleg^0.00_16.00_0.00_0.00_-10.00^6.00:Bar",
        ),
        (
            [line(2000, **BOOKS)],
            [voucher(2000, key=2)],
            "Beleg^0.00_0.00_0.00_0.00_0.00^",
        ),
        # Single-purpose, 7 %: taxed when it is sold, taken off at the same key when it pays.
        (
            [line(2000, kind="voucher_sale", **BOOKS)],
            [payment(2000)],
            "Beleg^0.00_20.00_0.00_0.00_0.00^20.00:Bar",
        ),
        (
            [line(5000), line(2000, **BOOKS)],
            [voucher(5000, key=1), payment(2000)],
            "Beleg^0.00_20.00_0.00_0.00_0.00^20.00:Bar",
        ),
        # Its rate was another one when it was sold: an individual key goes by that rate.
        (
            [line(2000, **BOOKS)],
            [{**voucher(2000, key=1001), "rate": 500}],
            "Beleg^0.00_0.00_0.00_0.00_0.00^",
        ),
        # Article vouchers: a line with a minus, untaxed and taxed.
        (
            [line(3000), line(-2500, kind="voucher_article_redemption", key=5, rate=0)],
            [payment(500)],
            "Beleg^30.00_0.00_0.00_0.00_-25.00^5.00:Bar",
        ),
        (
            [line(3000), line(-2500, kind="voucher_article_redemption")],
            [payment(500)],
            "Beleg^5.00_0.00_0.00_0.00_0.00^5.00:Bar",
        ),
        # Given away: a discount on the goods.
        (
            [
                line(600),
                line(600, **BOOKS),
                line(-500, kind="discount"),
                line(-500, kind="discount", **BOOKS),
            ],
            [payment(200)],
            "Beleg^1.00_1.00_0.00_0.00_0.00^2.00:Bar",
        ),
        (
            [line(3000)],
            [card(1000), payment(1500), card(500)],
            "Beleg^30.00_0.00_0.00_0.00_0.00^15.00:Bar_15.00:Unbar",
        ),
        ([line(-2000)], [payment(-2000)], "Beleg^-20.00_0.00_0.00_0.00_0.00^-20.00:Bar"),
        ([], [], "Beleg^0.00_0.00_0.00_0.00_0.00^"),
        (
            [line(1), line(2, key=2), line(3, key=3, rate=780), line(4, key=4, rate=550)],
            [payment(10)],
            "Beleg^0.01_0.02_0.03_0.04_0.00^0.10:Bar",
        ),
        ([line(100), line(-100)], [payment(0)], "Beleg^0.00_0.00_0.00_0.00_0.00^"),
        # A cost center: revenue less receivable, no payment.
        ([line(980, **BOOKS)], [on_account((980, 2, 700))], "Beleg^0.00_0.00_0.00_0.00_0.00^"),
        (
            [line(980, **BOOKS)],
            [on_account((760, 2, 700)), card(220)],
            "Beleg^0.00_2.20_0.00_0.00_0.00^2.20:Unbar",
        ),
        (
            [line(300), line(700, **BOOKS)],
            [on_account((150, 1, 1900), (350, 2, 700)), payment(500)],
            "Beleg^1.50_3.50_0.00_0.00_0.00^5.00:Bar",
        ),
        # The chain's other choices: not taxable, not determinable.
        ([line(980, **BOOKS)], [on_account((980, 5, 700))], "Beleg^0.00_9.80_0.00_0.00_-9.80^"),
        ([line(980, **BOOKS)], [on_account((980, 7, 700))], "Beleg^0.00_9.80_0.00_0.00_-9.80^"),
        # Subsidies, at the VAT of the meal.
        (
            [line(720, **BOOKS)],
            [on_account((310, 2, 700), kind="subsidy"), payment(410)],
            "Beleg^0.00_4.10_0.00_0.00_0.00^4.10:Bar",
        ),
    ],
)
def test_a_booking_becomes_its_process_data(
    lines: list[dict[str, Any]], payments: list[dict[str, Any]], text: str
) -> None:
    assert text_of(lines, payments) == text


def test_a_foreign_currency_is_named() -> None:
    francs = {**payment(500), "amount": {"amount": 500, "currency": "CHF"}}
    text = text_of([line(3000)], [payment(1000), francs, card(1520)])
    assert text == "Beleg^30.00_0.00_0.00_0.00_0.00^5.00:Bar:CHF_10.00:Bar_15.20:Unbar"


@pytest.mark.parametrize(
    ("lines", "payments", "code"),
    [
        ([line(100)], [payment(99)], "sums_differ"),
        ([line(100)], [], "sums_differ"),
        ([line(100, key=9)], [payment(100)], "vat_key_unknown"),
        ([line(100, key=1000, rate=1234)], [payment(100)], "vat_key_unknown"),
        ([line(100)], [payment(100, kind="voucher", fiscal="Keine")], "payment_without_vat_key"),
        (
            [{**line(100), "amount": {"amount": 100, "currency": "CHF"}}],
            [payment(100)],
            "currency_mixed",
        ),
        (
            [line(100, **BOOKS)],
            [{**on_account((100, 2, 700)), "amount": {"amount": 99, "currency": "EUR"}}],
            "parts_differ",
        ),
        (
            [line(100, **BOOKS)],
            [payment(100, kind="cost_center", fiscal="Keine")],
            "payment_without_vat_key",
        ),
    ],
)
def test_what_does_not_add_up_is_refused(
    lines: list[dict[str, Any]], payments: list[dict[str, Any]], code: str
) -> None:
    with pytest.raises(ProcessDataRefused) as refused:
        text_of(lines, payments)
    assert refused.value.code == code


AMOUNTS = st.integers(-(10**9), 10**9)
LINES = st.lists(
    st.tuples(AMOUNTS, st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 43])), max_size=8
)


@given(LINES, st.lists(AMOUNTS, max_size=3), st.integers(0, 10**9))
def test_every_booking_that_adds_up_keeps_to_the_grammar_and_the_sum(
    lines: list[tuple[int, int]], redeemed: list[int], cash: int
) -> None:
    total = sum(cents for cents, _ in lines) - sum(redeemed)
    text = text_of(
        [line(cents, key=key) for cents, key in lines],
        [*(voucher(cents) for cents in redeemed), payment(cash), card(total - cash)],
    )
    assert GRAMMAR.fullmatch(text)
    _, slots, payments = text.split("^")
    paid = [part.split(":")[0] for part in payments.split("_") if part]
    assert sum(map(Decimal, slots.split("_"))) == sum(map(Decimal, paid), Decimal(0))
    assert sum(map(Decimal, slots.split("_"))) == Decimal(total) / 100
    assert "-0.00" not in text


@given(AMOUNTS)
def test_amounts_are_written_without_loss(minor: int) -> None:
    assert Decimal(minor_text(minor)) == Decimal(minor) / 100
    assert amount_text(Decimal(minor) / 100) == minor_text(minor)


@pytest.mark.parametrize(
    ("amount", "text"),
    [("1.999", "1.99"), ("-1.999", "-1.99"), ("-0.004", "0.00"), ("1234567.8", "1234567.80")],
)
def test_further_decimals_are_cut_off(amount: str, text: str) -> None:
    assert amount_text(Decimal(amount)) == text


@pytest.mark.parametrize(
    ("key", "rate", "slot"),
    [(1, 1900, 1), (2, 700, 2), (3, 780, 3), (4, 550, 4), (5, 0, 5), (6, 0, 5), (7, 0, 5),
     (8, 0, 5), (11, 1900, 1), (22, 500, 2), (43, 840, 3), (1000, 1900, 1), (1001, 0, 5)],
)  # fmt: skip
def test_vat_keys_have_their_slot(key: int, rate: int, slot: int) -> None:
    assert slot_of(key, rate) == slot


def test_an_aborted_booking_is_all_zero() -> None:
    process = GERMANY.aborted()
    assert process.data == "AVBelegabbruch^0.00_0.00_0.00_0.00_0.00^"
    assert GRAMMAR.fullmatch(process.data)


@pytest.mark.parametrize(
    "text",
    ["Beleg^0.00_0.00_0.00_0.00_0.00^\n", "Beleg^0.00_0.00_0.00_0.00^",
     "Beleg^0,00_0.00_0.00_0.00_0.00^",
     "Beleg^1_0.00_0.00_0.00_0.00^", "Beleg^٣.00_0.00_0.00_0.00_0.00^",
     "Beleg^0.00_0.00_0.00_0.00_0.00^1.00:Karte"],
)  # fmt: skip
def test_the_grammar_refuses(text: str) -> None:
    assert not GRAMMAR.fullmatch(text)


def test_a_country_without_a_package_is_refused_by_name() -> None:
    with pytest.raises(CountryNotSupported, match="AT; there is one for: DE"):
        country_of("AT")
