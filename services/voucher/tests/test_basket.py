"""Which goods of a basket vouchers pay for: none twice, and none that do not fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events import encode, fold
from money import Money
from voucher.commands import ConfirmHold, Goods, PlaceHold
from voucher.decider import (
    VOUCHER,
    BasketNeeded,
    Issued,
    VoucherInsufficient,
    VoucherNotUsable,
    WrongCurrency,
)
from voucher.decider.basket import Basket, fits, pay_anything, room, take, unpaid
from voucher.decider.together import Together, place_together
from voucher.events import (
    Cover,
    Restrictions,
    Terms,
    VoucherActivated,
    VoucherHeld,
    VoucherIssued,
)
from voucher.service import REGISTRY

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
HASH = "ab" * 32
RATES = {"standard": (1900, 1), "reduced": (700, 2)}


def cents(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


def goods(minor: int, vat: str, group: str | None = None, line_id: str | None = None) -> Goods:
    return Goods(cents(minor), vat, RATES.get(vat, (0, 5))[1], group, line_id)


def for_groups(*groups: str) -> Terms:
    return Terms(restrictions=Restrictions(article_groups=groups))


def single(vat: str, *groups: str) -> Terms:
    rate, key = RATES[vat]
    limits = Restrictions(article_groups=groups)
    return Terms(kind="single_purpose", vat=vat, rate=rate, dsfinvk_key=key, restrictions=limits)


def voucher(terms: Terms, value: int = 10_000, number: int = 1) -> Issued:
    name = {"voucher_id": f"v{number}", "serial": f"GS-{number}"}
    issued = VoucherIssued(
        **name, code_hash=HASH, hash_key_id="k", terms=terms, value=cents(value),
        consideration=cents(value), legal_entity_id="kette", valid_until=date(2029, 12, 31),
        time_zone="Europe/Berlin", opened=date(2026, 11, 22), issued_at=NOW,
    )  # fmt: skip
    active = VoucherActivated(**name, booking_id="B", value=cents(value), activated_at=NOW)
    state = fold(VOUCHER, (issued, active))
    assert isinstance(state, Issued)
    return state


def asking(hold_id: str, basket: Sequence[Goods] | None, amount: int = 10_000) -> PlaceHold:
    return PlaceHold(
        hold_id=hold_id, code_hash=HASH, amount=cents(amount), mode="up_to", store_id="s",
        till_id="t", booking_id="B1", payment_id="P1", accepted_by="kette", across_entities=False,
        expires_at=NOW + timedelta(minutes=5), now=NOW,
        basket=None if basket is None else tuple(basket),
    )  # fmt: skip


def placed(one: Issued, basket: Sequence[Goods], amount: int = 10_000, hold_id: str = "H1") -> Any:
    """What is written down, and the voucher afterwards."""
    (fact,) = VOUCHER.decide(asking(hold_id, basket, amount), one)
    assert isinstance(fact, VoucherHeld)
    state = fold(VOUCHER, (fact,), start=one)
    assert isinstance(state, Issued)
    return fact, state


def shown(covers: Sequence[Cover]) -> dict[int, int]:
    return {cover.line: cover.amount.amount for cover in covers}


BOOK = goods(800, "reduced", "books", "1")
AUDIOBOOK = goods(1000, "standard", "books", "2")
PEN = goods(2000, "standard", "pens", "3")


def test_a_hold_names_the_lines_it_pays_for_as_the_request_did() -> None:
    fact, _ = placed(voucher(for_groups("pens")), (BOOK, PEN))
    assert fact.covers == (Cover(line=1, line_id="3", amount=cents(2000)),)


def test_a_hold_of_a_voucher_for_everything_names_none_and_is_written_as_ever() -> None:
    fact, _ = placed(voucher(Terms()), (BOOK, PEN))
    assert fact.covers == ()
    assert b"covers" not in encode(fact)


def test_the_goods_of_a_hold_are_read_as_they_were_written() -> None:
    fact, _ = placed(voucher(for_groups("books")), (BOOK, AUDIOBOOK, PEN), 900)
    assert REGISTRY.decode("voucher.held", 1, encode(fact)) == fact


def test_within_one_vat_key_it_pays_line_by_line() -> None:
    fact, _ = placed(voucher(single("standard")), (AUDIOBOOK, PEN), 1500)
    assert shown(fact.covers) == {0: 1000, 1: 500}


def test_over_two_vat_keys_it_pays_in_proportion() -> None:
    fact, _ = placed(voucher(for_groups("books")), (BOOK, AUDIOBOOK, PEN), 900)
    assert shown(fact.covers) == {0: 400, 1: 500}


def test_a_repeat_shows_the_same_goods() -> None:
    fact, state = placed(voucher(for_groups("books")), (BOOK, PEN))
    assert VOUCHER.decide(asking("H1", (BOOK, PEN)), state) == ()
    hold = state.hold("H1")
    assert hold is not None
    assert hold.covers == fact.covers


def test_a_hold_that_is_confirmed_late_pays_for_the_same_goods() -> None:
    fact, state = placed(voucher(for_groups("books")), (BOOK, PEN))
    late = ConfirmHold(hold_id="H1", now=NOW + timedelta(hours=1))
    again = [each for each in VOUCHER.decide(late, state) if isinstance(each, VoucherHeld)]
    assert [each.covers for each in again] == [fact.covers]


def test_named_lines_are_what_is_unpaid_and_nothing_is_taken_off_again() -> None:
    _, state = placed(voucher(single("standard")), (PEN,), 1500)
    rest = goods(500, "standard", "pens", "3")
    fact, _ = placed(state, (rest,), hold_id="H2")
    assert fact.amount == cents(500)


def test_of_a_whole_basket_the_holds_of_one_voucher_count_no_goods_twice() -> None:
    whole = (goods(800, "reduced", "books"), goods(2000, "standard", "pens"))
    first, state = placed(voucher(for_groups("books")), whole, 500)
    second, state = placed(state, whole, hold_id="H2")
    assert (shown(first.covers), shown(second.covers)) == ({0: 500}, {0: 300})
    with pytest.raises(VoucherNotUsable):
        placed(state, whole, hold_id="H3")


def test_what_is_settled_at_a_vat_key_is_taken_off_what_does_not_fit_first() -> None:
    off = goods(-2200, "standard")
    fact, _ = placed(voucher(for_groups("books")), (AUDIOBOOK, PEN, off))
    assert shown(fact.covers) == {0: 800}


def test_goods_that_come_back_are_taken_off_their_group() -> None:
    back = goods(-300, "reduced", "books")
    fact, _ = placed(voucher(for_groups("books")), (BOOK, PEN, back))
    assert shown(fact.covers) == {0: 500}


def test_a_choosy_voucher_is_asked_with_a_basket() -> None:
    with pytest.raises(BasketNeeded):
        VOUCHER.decide(asking("H1", None), voucher(for_groups("books")))


def test_a_basket_in_another_currency_is_refused() -> None:
    franc = Goods(Money(amount=5, currency="CHF"), "standard", 1, "books")
    with pytest.raises(WrongCurrency):
        VOUCHER.decide(asking("H1", (BOOK, franc)), voucher(for_groups("books")))


def test_a_basket_may_add_up_to_more_than_any_amount() -> None:
    huge = [goods(10**12, "reduced", "books", str(number)) for number in range(3)]
    fact, _ = placed(voucher(for_groups("books")), huge)
    assert fact.amount == cents(10_000)


# Properties

TERMS = st.sampled_from(
    [
        for_groups("books"),
        for_groups("pens"),
        for_groups("books", "pens"),
        single("standard"),
        single("reduced", "books"),
        Terms(),
    ]
)
PARTS = st.builds(
    goods,
    st.integers(-400, 1500),
    st.sampled_from(["standard", "reduced"]),
    st.sampled_from(["books", "pens", None]),
)
BASKETS = st.lists(PARTS, min_size=1, max_size=8)


@given(BASKETS, st.lists(st.tuples(TERMS, st.integers(0, 3000)), max_size=6))
@settings(max_examples=300, deadline=None)
def test_no_entry_is_paid_twice_and_none_that_does_not_fit(
    parts: list[Goods], payers: list[tuple[Terms, int]]
) -> None:
    basket = unpaid(parts, "EUR")
    start, sums = basket.unpaid, Counter[int]()
    for terms, wanted in payers:
        minor = min(wanted, room(basket, terms))
        if terms == Terms():
            basket = pay_anything(basket, min(wanted, max(0, basket.unpaid - basket.anything)))
            continue
        covers, basket = take(basket, terms, minor, [other for other, _ in payers])
        assert sum(cover.amount.amount for cover in covers) == minor
        assert all(fits(terms, parts[cover.line]) for cover in covers)
        sums.update({cover.line: cover.amount.amount for cover in covers})
    assert all(paid <= parts[place].gross.amount for place, paid in sums.items())
    assert sum(sums.values()) + basket.anything <= start
    _nothing_overpaid(parts, sums)


def _nothing_overpaid(parts: Sequence[Goods], sums: Counter[int]) -> None:
    """At each VAT key there are goods enough for what is settled there and what is paid."""
    for vat in ("standard", "reduced"):
        whole = sum(part.gross.amount for part in parts if part.vat == vat)
        paid = sum(some for place, some in sums.items() if parts[place].vat == vat)
        assert paid <= max(0, whole)


@given(BASKETS, TERMS.filter(lambda terms: terms != Terms()), st.integers(0, 3000))
@settings(max_examples=300, deadline=None)
def test_the_room_is_what_is_left_when_all_else_takes_what_does_not_fit_first(
    parts: list[Goods], terms: Terms, anything: int
) -> None:
    basket = pay_anything(unpaid(parts, "EUR"), anything)
    expected = 0
    for vat in ("standard", "reduced"):
        fitting, others = _left(basket, vat, terms)
        expected += max(0, fitting - max(0, basket.off.get(vat, 0) - others))
    assert room(basket, terms) == max(0, min(expected, basket.unpaid - anything))


def _left(basket: Basket, vat: str, terms: Terms) -> tuple[int, int]:
    fitting = others = 0
    for part, left in zip(basket.goods, basket.left, strict=True):
        if part.vat == vat and fits(terms, part):
            fitting += left
        elif part.vat == vat:
            others += left
    return fitting, others


@given(
    BASKETS,
    st.lists(st.tuples(TERMS, st.integers(1, 2000)), min_size=2, max_size=6),
    st.integers(1, 6000),
)
@settings(max_examples=200, deadline=None)
def test_vouchers_together_pay_for_no_goods_twice(
    parts: list[Goods], payers: list[tuple[Terms, int]], amount: int
) -> None:
    vouchers = {f"s{n}": voucher(terms, value, n) for n, (terms, value) in enumerate(payers)}
    legs = {stream: asking(f"H{number}", parts, amount) for number, stream in enumerate(vouchers)}
    try:
        decided = place_together(Together(amount=cents(amount), legs=legs, now=NOW), vouchers)
    except VoucherInsufficient:
        return
    sums = Counter[int]()
    for stream, facts in decided.items():
        fact = facts[-1]
        assert isinstance(fact, VoucherHeld)
        terms = vouchers[stream].terms
        assert all(fits(terms, parts[cover.line]) for cover in fact.covers)
        if terms != Terms():
            assert sum(cover.amount.amount for cover in fact.covers) == fact.amount.amount
        sums.update({cover.line: cover.amount.amount for cover in fact.covers})
    assert all(paid <= parts[place].gross.amount for place, paid in sums.items())
    _nothing_overpaid(parts, sums)


@given(
    st.lists(st.tuples(st.integers(1, 1500), st.sampled_from(["books", "pens"])), min_size=1),
    st.lists(st.integers(1, 900), min_size=1, max_size=8),
)
@settings(max_examples=200, deadline=None)
def test_one_voucher_many_times_gets_all_that_is_unpaid_of_its_goods_and_no_more(
    prices: list[tuple[int, str]], amounts: list[int]
) -> None:
    one = voucher(for_groups("books"), 100_000)
    left = [minor for minor, _ in prices]
    for number, amount in enumerate(amounts):
        basket = [
            goods(rest, "reduced", group, str(place))
            for place, (rest, (_, group)) in enumerate(zip(left, prices, strict=True))
        ]
        books = sum(part.gross.amount for part in basket if part.article_group == "books")
        if not books:
            with pytest.raises(VoucherNotUsable):
                placed(one, basket, amount, f"H{number}")
            return
        fact, one = placed(one, basket, amount, f"H{number}")
        assert fact.amount.amount == min(amount, books)
        for cover in fact.covers:
            left[cover.line] -= cover.amount.amount
    assert all(rest >= 0 for rest in left)
