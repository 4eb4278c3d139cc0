"""What vouchers take off, in whole cents: parts that are exactly the amount, and never too much."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from device_gateway.decider.pricing import vat_totals
from device_gateway.decider.waivers import discounts
from device_gateway.events import Cover, Line, Payment
from money import Money, euro, total

KEYS = {"standard": (1900, 1), "reduced": (700, 2), "zero": (0, 5)}


def line(amount: str, vat: str = "standard", *, line_id: str = "1", **more: Any) -> Line:
    rate, key = KEYS[vat]
    return Line(
        line_id=line_id, kind="article", name="x", quantity="1", unit_price=euro(amount),
        amount=euro(amount), vat=vat, rate=rate, dsfinvk_key=key, **more,
    )  # fmt: skip


def paid(amount: Money, name: str = "p", **more: Any) -> Payment:
    return Payment(
        payment_id=name, kind="voucher", name="Gutschein", fiscal="Keine", amount=amount,
        hold_id=f"h-{name}", voucher_id="v", voucher_serial="GS-1", **more,
    )  # fmt: skip


def covering(amount: str, line_id: str) -> Cover:
    return Cover(line_id=line_id, amount=euro(amount))


def single(amount: str, vat: str, name: str = "s", rate: int | None = None) -> Payment:
    usual, key = KEYS[vat]
    return paid(euro(amount), name, vat=vat, rate=usual if rate is None else rate, dsfinvk_key=key)


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


def test_one_for_some_goods_lowers_only_the_lines_that_it_covers() -> None:
    lines = (
        line("20.00", line_id="1"),
        line("8.00", "reduced", line_id="2", article_group="books"),
    )
    donated = paid(euro("8.00"), "w", waiver="Treue", covers=(covering("8.00", "2"),))
    made = discounts(lines, (donated,), numbered=2)
    assert [(each.vat, each.amount) for each in made] == [("reduced", euro("-8.00"))]


def test_one_for_everything_leaves_alone_what_another_covers() -> None:
    lines = (
        line("10.00", line_id="1"),
        line("10.00", "reduced", line_id="2", article_group="books"),
    )
    bought = paid(euro("10.00"), "b", covers=(covering("10.00", "2"),))
    donated = paid(euro("5.00"), "w", waiver="Treue")
    for payments in ((bought, donated), (donated, bought)):
        made = discounts(lines, payments, numbered=2)
        assert [(each.vat, each.amount) for each in made] == [("standard", euro("-5.00"))]
