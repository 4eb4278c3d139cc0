"""P21: payer share + customer share = price for every VAT key, and no count is exceeded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from costcenter.decider.allowance import (
    ALLOWANCE,
    Allowance,
    given_back,
    stream_of,
    taken,
)
from costcenter.decider.goods import Good
from costcenter.decider.split import in_proportion
from costcenter.decider.structure_state import Card
from costcenter.decider.subsidies import Subsidised, When, evaluate, in_force
from costcenter.events import SubsidyRule, SubsidyShare
from events.decider import fold
from money import Money

CARD = Card(card_id="K1", number="4711", main_group=1, user_group=2, center_id="own")
NOW = datetime(2026, 10, 12, 10, 0, tzinfo=UTC)
DAYS = [date(2026, 10, day) for day in (12, 13, 14)]
RATES = {"standard": (1900, 1), "reduced": (700, 2), "zero": (0, 5)}
GROUPS = ["meals", "drinks", None]


def cents(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


@st.composite
def goods_of(draw: st.DrawFn) -> Good:
    vat = draw(st.sampled_from(sorted(RATES)))
    return Good(
        vat=vat,
        rate=RATES[vat][0],
        dsfinvk_key=RATES[vat][1],
        # One in many is a discount.
        gross=cents(draw(st.one_of(st.integers(0, 3_000), st.integers(-500, 3_000)))),
        article_group=draw(st.sampled_from(GROUPS)),
        quantity=Decimal(draw(st.sampled_from(["1", "1", "2", "3", "7", "0.345", "-1"]))),
    )


@st.composite
def rules_of(draw: st.DrawFn, rule_id: str) -> SubsidyRule:
    kind: Any = draw(st.sampled_from(["fixed", "percent", "up_to", "employee_pays"]))
    percent = kind == "percent"
    optional = st.none() | st.integers(0, 1_500).map(cents)
    return SubsidyRule(
        rule_id=rule_id,
        name="Zuschuss",
        main_group=1,
        user_groups=(2,),
        article_groups=draw(st.sampled_from([(), ("meals",), ("drinks", "meals")])),
        kind=kind,
        percent=draw(st.integers(1, 10_000)) if percent else None,
        amount=None if percent else cents(draw(st.integers(0, 1_500))),
        cap=draw(optional),
        per=draw(st.sampled_from(["meal", "booking"])),
        per_day_max=draw(st.sampled_from([None, 1, 2, 3])),
        days_per_month_max=draw(st.sampled_from([None, 1, 2])),
        amount_per_month_max=draw(optional),
        payer_center_id=draw(st.sampled_from([None, "canteen"])),
        own_share=draw(st.sampled_from(["other_payment", "center"])),
        tax_case="unreal",
        priority=draw(st.integers(0, 2)),
        stackable=draw(st.booleans()),
    )


rules = st.tuples(rules_of("R1"), rules_of("R2"), rules_of("R3")).map(list)
baskets = st.lists(goods_of(), max_size=6)


def by_vat(parts: Iterable[Any]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for part in parts:
        sums[part.vat] += part.gross.amount
    return +sums


def evaluated(
    all_rules: list[SubsidyRule],
    goods: list[Good],
    *,
    asked: int,
    used: dict[str, Allowance],
    day: date,
    mode: Any = "cost_center",
) -> Subsidised:
    at = When(day, time(12))
    return evaluate(
        in_force(all_rules, CARD, at),
        card=CARD,
        mode=mode,
        goods=goods,
        asked=cents(asked),
        allowances=used,
        payers={"own", "canteen"},
        day=day,
    )


@settings(max_examples=150, deadline=None)
@given(rules, baskets, st.sampled_from(["cost_center", "prepaid", "cash"]), st.booleans())
def test_all_shares_add_up_to_the_price_for_every_vat_key(
    all_rules: list[SubsidyRule], goods: list[Good], mode: Any, partly: bool
) -> None:
    price = sum(good.gross.amount for good in goods)
    assume(price >= 0)
    asked = price // 2 if partly else price
    found = evaluated(all_rules, goods, asked=asked, used={}, day=DAYS[0], mode=mode)

    payers = by_vat(part for share in found.shares for part in share.parts)
    rest = by_vat(found.center) + by_vat(found.others)
    whole = payers + rest
    assert sum(whole.values()) == price
    # Discounts that are larger than their own key's goods come off the others; without such a
    # one, each key adds up by itself.
    plain = Counter[str]()
    for good in goods:
        plain[good.vat] += good.gross.amount
    if all(amount >= 0 for amount in plain.values()):
        assert whole == +plain


@settings(max_examples=300, deadline=None)
@given(rules, baskets, st.integers(0, 5_000))
def test_a_share_is_its_parts_and_never_more_than_was_asked(
    all_rules: list[SubsidyRule], goods: list[Good], asked: int
) -> None:
    assume(sum(good.gross.amount for good in goods) >= 0)
    found = evaluated(all_rules, goods, asked=asked, used={}, day=DAYS[0])
    for share in found.shares:
        assert share.amount.amount == sum(part.gross.amount for part in share.parts)
        assert all(part.gross.amount > 0 for part in share.parts)
        assert share.uses > 0
    assert sum(share.amount.amount for share in found.shares) <= asked


Step = tuple[str, int, list[Good]]
steps = st.lists(
    st.tuples(st.sampled_from(["hold", "hold", "hold", "release"]), st.integers(0, 2), baskets),
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(rules, steps)
def test_no_count_of_a_rule_is_exceeded_by_holds_and_releases(
    all_rules: list[SubsidyRule], history: list[Step]
) -> None:
    states: dict[str, Allowance] = {}
    held: dict[str, tuple[date, tuple[SubsidyShare, ...]]] = {}
    for number, (kind, which, goods) in enumerate(history):
        if kind == "hold":
            price = max(0, sum(good.gross.amount for good in goods))
            day = DAYS[which]
            shares = evaluated(all_rules, goods, asked=price, used=states, day=day).shares
            held[f"H{number}"] = (day, shares)
            taking = taken(shares, card_id="K1", charge_id=f"H{number}", day=day, now=NOW)
            for share in shares:
                stream = stream_of(share.rule_id, "K1", day)
                before = states.get(share.rule_id)
                states[share.rule_id] = fold(ALLOWANCE, taking[stream], start=before)
        elif held:
            charge_id = sorted(held)[which % len(held)]
            day, shares = held.pop(charge_id)
            by_stream = {
                stream_of(share.rule_id, "K1", day): states[share.rule_id] for share in shares
            }
            back = given_back(
                shares, by_stream, card_id="K1", charge_id=charge_id, day=day, now=NOW
            )
            for share in shares:
                events = back[stream_of(share.rule_id, "K1", day)]
                states[share.rule_id] = fold(ALLOWANCE, events, start=states[share.rule_id])
        for rule in all_rules:
            _check(rule, held, states.get(rule.rule_id, Allowance()))


def _check(
    rule: SubsidyRule, held: dict[str, tuple[date, tuple[SubsidyShare, ...]]], state: Allowance
) -> None:
    live = [
        (day, share)
        for day, shares in held.values()
        for share in shares
        if share.rule_id == rule.rule_id
    ]
    uses = Counter[date]()
    for day, share in live:
        uses[day] += share.uses
    worth = sum(share.amount.amount for _, share in live)
    # The account is exactly what live charges used …
    assert (dict(uses), worth) == (dict(state.uses), state.minor)
    # … and within the rule.
    if rule.per_day_max is not None:
        assert all(count <= rule.per_day_max for count in uses.values())
    if rule.days_per_month_max is not None:
        assert len(uses) <= rule.days_per_month_max
    if rule.amount_per_month_max is not None:
        assert worth <= rule.amount_per_month_max.amount


@given(st.lists(st.integers(0, 10_000), max_size=8), st.integers(0, 20_000))
def test_parts_are_exact_and_never_above_their_weight(weights: list[int], minor: int) -> None:
    minor = min(minor, sum(weights))
    parts = in_proportion(minor, weights)
    assert sum(parts) == minor
    assert all(0 <= part <= weight for part, weight in zip(parts, weights, strict=True))
