"""Who pays what of a meal."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from costcenter.decider.allowance import ALLOWANCE, Allowance, taken
from costcenter.decider.goods import Good, by_vat, netted, parts_of
from costcenter.decider.structure_state import Card
from costcenter.decider.subsidies import Subsidised, When, evaluate, in_force
from costcenter.events import SubsidyRule, SubsidyShare
from events.decider import fold
from money import Money, euro, total

MONDAY = date(2026, 10, 12)
NOON = time(12, 0)
NOW = datetime(2026, 10, 12, 10, 0, tzinfo=UTC)
CARD = Card(card_id="K1", number="4711", main_group=1, user_group=2, center_id="own")


def rule(**fields: Any) -> SubsidyRule:
    """Staff, 3.10 per meal, once a day, paid by the canteen center."""
    plain: dict[str, Any] = {
        "rule_id": "R1",
        "name": "Essenszuschuss",
        "main_group": 1,
        "user_groups": (2,),
        "kind": "fixed",
        "amount": euro("3.10"),
        "payer_center_id": "canteen",
        "tax_case": "unreal",
    }
    if fields.get("kind") == "percent":
        plain["amount"] = None
    return SubsidyRule(**(plain | fields))


def dish(price: str = "7.20", **fields: Any) -> Good:
    plain: dict[str, Any] = {
        "vat": "reduced",
        "rate": 700,
        "dsfinvk_key": 2,
        "article_group": "meals",
    }
    return Good(**(plain | {"gross": euro(price)} | fields))


def drink(price: str, **fields: Any) -> Good:
    plain: dict[str, Any] = {
        "vat": "standard",
        "rate": 1900,
        "dsfinvk_key": 1,
        "article_group": "drinks",
    }
    return Good(**(plain | {"gross": euro(price)} | fields))


def meal(*goods: Good, rules: tuple[SubsidyRule, ...] = (), **asked: Any) -> Subsidised:
    """Evaluated on Monday at noon, unless said otherwise; used: shares of earlier charges."""
    at = asked.pop("at", When(MONDAY, NOON))
    used: dict[str, Allowance] = asked.pop("used", {})
    card = asked.pop("card", CARD)
    whole = total((good.gross for good in goods), currency="EUR")
    plain: dict[str, Any] = {"mode": "cash", "asked": whole, "payers": {"canteen", "own"}}
    return evaluate(
        in_force(rules, card, at),
        card=card,
        goods=goods,
        allowances=used,
        day=at.day,
        **(plain | asked),
    )


def after(*earlier: tuple[date, tuple[SubsidyShare, ...]]) -> dict[str, Allowance]:
    """Allowances once these charges of the card were held."""
    states: dict[str, Allowance] = {}
    for number, (day, shares) in enumerate(earlier):
        by_stream = taken(shares, card_id="K1", charge_id=f"H{number}", day=day, now=NOW)
        for share, events in zip(shares, by_stream.values(), strict=True):
            before = states.get(share.rule_id)
            states[share.rule_id] = fold(ALLOWANCE, events, start=before)
    return states


def paid(found: Subsidised) -> Money:
    return total((share.amount for share in found.shares), currency="EUR")


def left(goods: tuple[Good, ...]) -> Money:
    return total((good.gross for good in goods), currency="EUR")


# --- kinds ---


def test_a_fixed_subsidy_leaves_the_rest_to_the_guest() -> None:
    found = meal(dish("7.20"), rules=(rule(),))
    assert (paid(found), left(found.others)) == (euro("3.10"), euro("4.10"))


def test_a_fixed_subsidy_pays_at_most_the_price() -> None:
    assert paid(meal(dish("2.50"), rules=(rule(),))) == euro("2.50")


def test_a_percentage_is_capped_per_meal() -> None:
    half = rule(kind="percent", percent=5_000, cap=euro("4.00"), per_day_max=None)
    assert paid(meal(dish("7.20"), rules=(half,))) == euro("3.60")
    assert paid(meal(dish("9.00"), rules=(half,))) == euro("4.00")


def test_half_a_cent_of_a_percentage_goes_to_the_payer() -> None:
    assert paid(meal(dish("3.05"), rules=(rule(kind="percent", percent=5_000),))) == euro("1.53")


def test_up_to_pays_the_whole_of_a_small_price() -> None:
    up_to = rule(kind="up_to", amount=euro("5.00"))
    assert paid(meal(dish("4.20"), rules=(up_to,))) == euro("4.20")
    assert paid(meal(dish("7.20"), rules=(up_to,))) == euro("5.00")


def test_the_employee_pays_a_fixed_share() -> None:
    official = rule(kind="employee_pays", amount=euro("4.57"))
    found = meal(dish("7.20"), rules=(official,))
    assert (paid(found), left(found.others)) == (euro("2.63"), euro("4.57"))


def test_a_price_below_the_employees_share_uses_nothing() -> None:
    found = meal(dish("4.00"), rules=(rule(kind="employee_pays", amount=euro("4.57")),))
    assert found.shares == ()


# --- how often ---


def test_each_piece_is_a_meal() -> None:
    found = meal(dish("14.40", quantity=Decimal(2)), rules=(rule(per_day_max=2),))
    assert (paid(found), found.shares[0].uses) == (euro("6.20"), 2)


def test_weighed_food_is_one_meal() -> None:
    found = meal(dish("4.13", quantity=Decimal("0.345")), rules=(rule(per_day_max=5),))
    assert (paid(found), found.shares[0].uses) == (euro("3.10"), 1)


def test_the_dearest_meal_is_subsidised_first() -> None:
    half = rule(kind="percent", percent=5_000)
    assert paid(meal(dish("4.00"), dish("8.00"), rules=(half,))) == euro("4.00")


def test_a_use_per_booking_pays_for_all_goods_together() -> None:
    found = meal(dish("7.20"), drink("2.40"), rules=(rule(per="booking", per_day_max=5),))
    share = found.shares[0]
    assert (share.amount, share.uses) == (euro("3.10"), 1)
    # 3.10 x 2.40 / 9.60 = 0.775 and 3.10 x 7.20 / 9.60 = 2.325: the unit goes to the larger one.
    assert {part.vat: part.gross for part in share.parts} == {
        "standard": euro("0.77"),
        "reduced": euro("2.33"),
    }


def test_a_days_uses_are_counted_over_all_charges() -> None:
    first = meal(dish(), rules=(rule(per_day_max=2),))
    used = after((MONDAY, first.shares), (MONDAY, first.shares))
    assert meal(dish(), rules=(rule(per_day_max=2),), used=used).shares == ()


def test_the_next_day_has_its_own_uses() -> None:
    used = after((MONDAY, meal(dish(), rules=(rule(),)).shares))
    tuesday = When(date(2026, 10, 13), NOON)
    assert paid(meal(dish(), rules=(rule(),), used=used, at=tuesday)) == euro("3.10")


def test_days_per_month_count_days_and_not_uses() -> None:
    twice = rule(days_per_month_max=1, per_day_max=2)
    used = after((MONDAY, meal(dish(), rules=(twice,)).shares))
    assert paid(meal(dish(), rules=(twice,), used=used)) == euro("3.10")
    tuesday = When(date(2026, 10, 13), NOON)
    assert meal(dish(), rules=(twice,), used=used, at=tuesday).shares == ()


def test_the_months_amount_is_used_up_to_the_cent() -> None:
    capped = rule(amount_per_month_max=euro("5.00"))
    used = after((date(2026, 10, 9), meal(dish(), rules=(capped,)).shares))
    assert paid(meal(dish(), rules=(capped,), used=used)) == euro("1.90")


# --- for whom, for what, when ---


@pytest.mark.parametrize(
    ("fields", "pays"),
    [
        ({"user_groups": (1, 3)}, False),
        ({"main_group": 2}, False),
        ({"article_groups": ("drinks",)}, False),
        ({"article_groups": ("meals", "drinks")}, True),
        ({"weekdays": (1, 2)}, True),
        ({"weekdays": (6, 7)}, False),
        ({"from_time": time(11), "until_time": time(12)}, False),
        ({"from_time": time(12), "until_time": time(14)}, True),
        ({"from_time": time(22), "until_time": time(2)}, False),
        ({"valid_until": date(2026, 10, 11)}, False),
        ({"valid_from": MONDAY, "valid_until": MONDAY}, True),
        ({"payer_center_id": "closed"}, False),
        ({"payer_center_id": None}, True),
    ],
)
def test_a_rule_pays_only_where_it_fits(fields: dict[str, Any], pays: bool) -> None:
    assert bool(meal(dish(), rules=(rule(**fields),)).shares) is pays


@pytest.mark.parametrize("at", [time(22), time(23, 59), time(0), time(1, 59)])
def test_hours_may_pass_midnight(at: time) -> None:
    night = rule(from_time=time(22), until_time=time(2))
    assert meal(dish(), rules=(night,), at=When(MONDAY, at)).shares


def test_without_a_payer_of_its_own_the_cards_center_pays() -> None:
    found = meal(dish(), rules=(rule(payer_center_id=None),))
    assert found.shares[0].payer_center_id == "own"


def test_a_card_without_a_center_needs_a_payer() -> None:
    card = Card(card_id="K1", number="1", main_group=1, user_group=2)
    assert meal(dish(), rules=(rule(payer_center_id=None),), card=card).shares == ()


# --- several rules ---


def test_the_higher_priority_pays_first_and_alone() -> None:
    more = rule(rule_id="R2", amount=euro("5.00"), priority=1)
    found = meal(dish(), rules=(rule(), more))
    assert [share.rule_id for share in found.shares] == ["R2"]


def test_a_stackable_rule_comes_on_top() -> None:
    top = rule(rule_id="R2", amount=euro("1.00"), stackable=True)
    found = meal(dish(), rules=(rule(priority=1), top))
    assert [(share.rule_id, share.amount) for share in found.shares] == [
        ("R1", euro("3.10")),
        ("R2", euro("1.00")),
    ]


def test_rules_for_different_goods_pay_side_by_side() -> None:
    meals = rule(article_groups=("meals",))
    drinks = rule(rule_id="R2", article_groups=("drinks",), amount=euro("0.50"))
    assert paid(meal(dish(), drink("2.40"), rules=(meals, drinks))) == euro("3.60")


# --- the rest ---


def test_the_rest_goes_to_the_center_if_the_rule_says_so() -> None:
    found = meal(dish(), rules=(rule(own_share="center"),), mode="cost_center")
    assert (left(found.center), found.others) == (euro("4.10"), ())


def test_a_group_that_does_not_charge_pays_the_rest_itself() -> None:
    found = meal(dish(), rules=(rule(own_share="center"),), mode="prepaid")
    assert (found.center, left(found.others)) == ((), euro("4.10"))


def test_a_second_dish_does_not_go_to_the_center_where_the_first_ones_rest_did_not() -> None:
    used = after((MONDAY, meal(dish(), rules=(rule(),)).shares))
    found = meal(dish(), rules=(rule(),), used=used, mode="cost_center")
    assert (found.center, left(found.others)) == ((), euro("7.20"))


def test_goods_that_no_rule_names_go_to_the_center() -> None:
    found = meal(
        dish(), drink("2.40"), rules=(rule(article_groups=("meals",)),), mode="cost_center"
    )
    assert (left(found.center), left(found.others)) == (euro("2.40"), euro("4.10"))


def test_what_is_asked_bounds_the_shares() -> None:
    assert paid(meal(dish("7.20"), rules=(rule(),), asked=euro("2.00"))) == euro("2.00")


# --- goods ---


def test_a_discount_lowers_the_price_that_is_subsidised() -> None:
    off = dish("-2.00", article_group=None)
    found = meal(dish("7.20"), off, rules=(rule(kind="percent", percent=5_000),))
    assert (paid(found), left(found.others)) == (euro("2.60"), euro("2.60"))


def test_a_discount_comes_off_its_own_vat_key_first() -> None:
    found = netted((dish("5.00"), drink("5.00"), drink("-2.00", article_group=None)))
    assert [(good.vat, good.gross) for good in found] == [
        ("reduced", euro("5.00")),
        ("standard", euro("3.00")),
    ]


def test_a_discount_larger_than_its_key_comes_off_the_others_too() -> None:
    found = netted((dish("5.00"), drink("1.00"), drink("-2.00")))
    assert [good.gross for good in found] == [euro("4.00")]


def test_parts_add_up_to_the_cent() -> None:
    whole = by_vat((dish("7.20"), drink("2.40")))
    parts = parts_of(euro("3.33"), whole)
    assert total((part.gross for part in parts), currency="EUR") == euro("3.33")
