"""VAT is computed once, on the gross sum of each rate."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from money import Money, euro, split_by_rate, tax_in_gross, total

lines = st.lists(
    st.tuples(
        st.sampled_from([("standard", 1900), ("reduced", 700), ("special", 550), ("zero", 0)]),
        st.integers(min_value=-(10**7), max_value=10**7),
    ).map(lambda line: (line[0][0], line[0][1], Money(amount=line[1]))),
    max_size=30,
)


@pytest.mark.parametrize(
    ("gross", "rate", "tax"),
    [("11.90", 1900, "1.90"), ("10.70", 700, "0.70"), ("0.03", 1900, "0.00"),
     ("1.00", 1900, "0.16"), ("-11.90", 1900, "-1.90"), ("50.00", 0, "0.00")],
)  # fmt: skip
def test_the_tax_inside_a_gross_amount(gross: str, rate: int, tax: str) -> None:
    assert tax_in_gross(euro(gross), rate) == euro(tax)


def test_three_lines_of_one_rate_are_taxed_as_their_sum() -> None:
    # Line by line it would be 3 x 0.17 = 0.51; the sum of 3.12 holds 0.498, which is 0.50.
    shares = split_by_rate([("standard", 1900, euro("1.04"))] * 3)
    assert [share.tax for share in shares] == [euro("0.50")]


def test_the_highest_rate_stands_first() -> None:
    shares = split_by_rate([("reduced", 700, euro("1.00")), ("standard", 1900, euro("1.00"))])
    assert [share.vat for share in shares] == ["standard", "reduced"]


def test_one_key_with_two_rates_is_a_defect() -> None:
    with pytest.raises(ValueError, match="two rates"):
        split_by_rate([("standard", 1900, euro("1.00")), ("standard", 1600, euro("1.00"))])


@given(lines)
def test_gross_is_always_net_plus_tax_and_nothing_is_lost(
    booked: list[tuple[str, int, Money]],
) -> None:
    shares = split_by_rate(booked)
    assert all(share.gross == share.net + share.tax for share in shares)
    assert total((share.gross for share in shares), currency="EUR") == total(
        (amount for _, _, amount in booked), currency="EUR"
    )


@given(lines)
def test_the_tax_is_within_half_a_cent_of_the_exact_figure(
    booked: list[tuple[str, int, Money]],
) -> None:
    for share in split_by_rate(booked):
        exact = Decimal(share.gross.amount) * share.rate / (10_000 + share.rate)
        assert abs(exact - share.tax.amount) <= Decimal("0.5")


@given(lines, st.randoms())
def test_the_order_of_lines_does_not_matter(
    booked: list[tuple[str, int, Money]], random: object
) -> None:
    shuffled = list(booked)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a Random
    assert split_by_rate(shuffled) == split_by_rate(booked)
