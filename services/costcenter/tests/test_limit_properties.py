"""P18: another limit never allows more, and a wider one never less."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from costcenter.commands import HoldCharge, Shown
from costcenter.decider.binding import Structure
from costcenter.decider.charging import Basis, assess
from costcenter.decider.goods import Good
from costcenter.decider.refusals import LimitExceeded
from costcenter.decider.structure_state import (
    Card,
    Center,
    CenterCard,
    Company,
    Limited,
    MainGroup,
    UserGroup,
)
from costcenter.decider.usage import Accounts, Usage
from costcenter.decider.windows import account_of, is_long
from costcenter.events import Level, Limit, Scope, Window
from money import Money

DAY = date(2026, 10, 12)
NOW = datetime(2026, 10, 12, 10, 0, tzinfo=UTC)
IDS: Mapping[Level, str] = {
    "company": "F1",
    "main_group": "1",
    "user_group": "1-4",
    "center": "C1",
    "card": "K1",
}
GROUPS = ["meals", "drinks", "snacks"]

levels: st.SearchStrategy[Level] = st.sampled_from(
    ["company", "main_group", "user_group", "center", "card"]
)
windows: st.SearchStrategy[Window] = st.sampled_from(["booking", "day", "week", "month", "range"])


def cents(minor: int) -> Money:
    return Money(amount=minor, currency="EUR")


@st.composite
def limits(draw: st.DrawFn, limit_id: str) -> Limited:
    window = draw(windows)
    by_count = window != "booking" and draw(st.integers(0, 3)) == 0
    first = draw(st.none() | st.integers(-5, 5)) if window != "range" else draw(st.integers(-5, 5))
    start = None if first is None else DAY + timedelta(days=first)
    end = None if start is None else start + timedelta(days=draw(st.integers(0, 5)))
    level = draw(levels)
    return Limited(
        Limit(
            limit_id=limit_id,
            name=limit_id,
            scope=Scope(level=level, id=IDS[level]),
            window=window,
            amount=None if by_count else cents(draw(st.integers(0, 3_000))),
            count=draw(st.integers(0, 5)) if by_count else None,
            on_exceed=draw(st.sampled_from(["block", "block", "warn"])),
            valid_from=start,
            valid_until=end,
            article_groups=draw(st.sampled_from([(), (), ("meals",), ("meals", "drinks")])),
        )
    )


some = st.integers(1, 4).flatmap(
    lambda many: st.tuples(*(limits(f"L{number}") for number in range(many)))
)
uses = st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 5)), min_size=5, max_size=5)
baskets = st.lists(
    st.builds(
        Good,
        vat=st.just("reduced"),
        rate=st.just(700),
        dsfinvk_key=st.just(2),
        gross=st.integers(1, 2_000).map(cents),
        article_group=st.sampled_from(GROUPS),
    ),
    min_size=1,
    max_size=4,
)


def allowed(
    all_limits: Sequence[Limited], used: Sequence[tuple[int, int]], goods: Sequence[Good]
) -> int:
    """What `up_to` gets of the basket."""

    def at(*wanted: str) -> dict[str, Limited]:
        return {one.limit.limit_id: one for one in all_limits if one.limit.scope.level in wanted}

    card = Card(
        card_id="K1", number="4711", kind="virtual", main_group=1, user_group=4, center_id="C1",
        limits=at("card"),
    )  # fmt: skip
    center = Center(
        center_id="C1",
        number="4711",
        name="Empfang",
        cards={"K1": CenterCard(card_id="K1", number="4711", kind="virtual")},
        limits=at("center"),
    )
    group = MainGroup(
        main_group=1,
        user_groups={4: UserGroup(4, "Kostenstellen", "cost_center")},
        limits=at("main_group", "user_group"),
    )
    structure = Structure(card, center, group, Company(company_id="F1", limits=at("company")))
    price = sum(good.gross.amount for good in goods)
    command = HoldCharge(
        charge_id="H1",
        shown=Shown(how="number", value="4711", card_id="K1"),
        amount=cents(price),
        mode="up_to",
        basket=tuple(goods),
        store_id="berlin",
        till_id="t1",
        booking_id="B1",
        payment_id="P1",
        business_date=DAY,
        local_time=time(12),
        expires_at=NOW,
        now=NOW,
    )
    basis = Basis(structure, _accounts(all_limits, used))
    try:
        return assess(command, basis).amount.amount
    except LimitExceeded:
        return 0


def _accounts(all_limits: Sequence[Limited], used: Sequence[tuple[int, int]]) -> Accounts:
    """Each limit has its own use, the same with and without the others."""
    states: dict[str, Usage] = {}
    newest: dict[str, str | None] = {}
    for limited in all_limits:
        account = account_of(limited.limit, DAY)
        if account is None:
            continue
        amount, count = used[int(limited.limit.limit_id[1:])]
        stream = account
        if is_long(account):
            stream = f"{account}-2026-10"
            newest[account] = stream
        states[stream] = Usage(opened=True, month="2026-10", amount=amount, count=count)
    return Accounts(states, newest)


@settings(max_examples=400, deadline=None)
@given(some, uses, baskets)
def test_another_limit_never_allows_more(
    all_limits: tuple[Limited, ...], used: list[tuple[int, int]], goods: list[Good]
) -> None:
    assert allowed(all_limits, used, goods) <= allowed(all_limits[1:], used, goods)


@settings(max_examples=400, deadline=None)
@given(some, uses, baskets, st.integers(0, 2_000))
def test_a_wider_limit_never_allows_less(
    all_limits: tuple[Limited, ...], used: list[tuple[int, int]], goods: list[Good], more: int
) -> None:
    first = all_limits[0].limit
    wider = first.model_copy(
        update={
            "amount": None if first.amount is None else first.amount + cents(more),
            "count": None if first.count is None else first.count + more,
        }
    )
    widened = (replace(all_limits[0], limit=wider), *all_limits[1:])
    assert allowed(widened, used, goods) >= allowed(all_limits, used, goods)


@settings(max_examples=400, deadline=None)
@given(some, uses, baskets)
def test_what_is_allowed_exceeds_no_blocking_limit(
    all_limits: tuple[Limited, ...], used: list[tuple[int, int]], goods: list[Good]
) -> None:
    """The allowance is the minimum over all of them, measured by what each of them counts."""
    amount = allowed(all_limits, used, goods)
    price = sum(good.gross.amount for good in goods)
    for limited in all_limits:
        limit = limited.limit
        groups = limit.article_groups
        counted = sum(
            good.gross.amount for good in goods if not groups or good.article_group in groups
        )
        if limit.on_exceed == "warn" or limit.amount is None or not _binds(limit):
            continue
        before = 0 if limit.window == "booking" else used[int(limit.limit_id[1:])][0]
        assert amount * counted <= max(0, limit.amount.amount - before) * price


def _binds(limit: Limit) -> bool:
    if limit.valid_from is None or limit.valid_until is None:
        return True
    return limit.valid_from <= DAY <= limit.valid_until
