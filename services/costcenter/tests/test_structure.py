"""Companies, groups, centers and cards: given, when, then."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from costcenter.decider.structure import CARD, CENTER, COMPANY, GROUP
from costcenter.decider.structure import commands as c
from costcenter.decider.structure import refusals as r
from costcenter.decider.structure.limits import LIMITS_MAX
from costcenter.decider.structure.together import end, issue, move, warnings
from costcenter.decider.structure_state import Card, Center, Limited, MainGroup
from costcenter.events import (
    Address,
    CardAssigned,
    CardBlocked,
    CardEnded,
    CardIssued,
    CardReplaced,
    CenterBlocked,
    CenterCardAdded,
    CenterCardRemoved,
    CenterChanged,
    CenterClosed,
    CenterOpened,
    CompanyChanged,
    CompanyClosed,
    CompanyRegistered,
    Limit,
    LimitLifted,
    LimitSet,
    MainGroupChanged,
    MainGroupOpened,
    Scope,
    SubsidyRule,
    SubsidyRuleEnded,
    SubsidyRuleSet,
    UserGroupAdded,
    UserGroupChanged,
)
from events import fold
from events.testing.scenario import Scenario
from money import Money, euro

NOW = datetime(2026, 10, 12, 10, tzinfo=UTC)
ADDRESS = Address(name="Firma A", lines=("Hauptstr. 1",), postal_code="10115", city="Berlin")

company, group = Scenario(COMPANY), Scenario(GROUP)
center, card = Scenario(CENTER), Scenario(CARD)


# -- companies ---------------------------------------------------------------------------------


def registered(name: str = "Firma A") -> CompanyRegistered:
    return CompanyRegistered(company_id="A", name=name, address=ADDRESS, registered_at=NOW)


def set_company(name: str = "Firma A") -> c.SetCompany:
    return c.SetCompany("A", name, ADDRESS, None, NOW)


def test_a_company_is_registered_and_changed() -> None:
    company.given().when(set_company()).then(registered())
    changed = CompanyChanged(company_id="A", name="Neu", address=ADDRESS, changed_at=NOW)
    company.given(registered()).when(set_company("Neu")).then(changed)


def test_what_is_so_already_is_no_change() -> None:
    company.given(registered()).when(set_company()).then_nothing()


def test_a_closed_company_stays_closed() -> None:
    closed = CompanyClosed(company_id="A", reason="aus", closed_at=NOW)
    company.given(registered()).when(c.CloseCompany("aus", NOW)).then(closed)
    company.given(registered(), closed).when(c.CloseCompany("nochmal", NOW)).then_nothing()
    company.given(registered(), closed).when(set_company("Neu")).then_refused(r.CompanyIsClosed)
    company.given().when(c.CloseCompany("aus", NOW)).then_refused(r.CompanyUnknown)


# -- groups ------------------------------------------------------------------------------------


def opened(number: int = 1) -> MainGroupOpened:
    return MainGroupOpened(main_group=number, name="Firma A", opened_at=NOW)


def added(number: int = 4, mode: Any = "cost_center") -> UserGroupAdded:
    return UserGroupAdded(main_group=1, number=number, name="Kst", mode=mode, added_at=NOW)


def user_group(number: int = 4, name: str = "Kst", *, new: bool = False) -> c.SetUserGroup:
    return c.SetUserGroup(number, name, "cost_center", new, NOW)


def test_a_main_group_is_opened_and_renamed() -> None:
    group.given().when(c.SetMainGroup(1, "Firma A", None, NOW)).then(opened())
    renamed = MainGroupChanged(main_group=1, name="B", company_id="B", changed_at=NOW)
    group.given(opened()).when(c.SetMainGroup(1, "B", "B", NOW)).then(renamed)
    group.given(opened()).when(c.SetMainGroup(1, "Firma A", None, NOW)).then_nothing()


@pytest.mark.parametrize("number", [0, -1, 10_000])
def test_groups_are_numbered_from_1_to_9999(number: int) -> None:
    main = c.SetMainGroup(number, "X", None, NOW)
    group.given().when(main).then_refused(r.GroupNumberImpossible)
    group.given(opened()).when(user_group(number)).then_refused(r.GroupNumberImpossible)


def test_a_new_user_group_needs_a_free_number() -> None:
    group.given(opened()).when(user_group(new=True)).then(added())
    group.given(opened(), added()).when(user_group(new=True)).then_refused(r.UserGroupExists)
    group.given().when(user_group()).then_refused(r.MainGroupUnknown)


def test_a_user_group_is_changed() -> None:
    changed = UserGroupChanged(
        main_group=1, number=4, name="Neu", mode="cost_center", changed_at=NOW
    )
    group.given(opened(), added()).when(user_group(name="Neu")).then(changed)
    group.given(opened(), added()).when(user_group()).then_nothing()


def rule(**other: Any) -> SubsidyRule:
    said: dict[str, Any] = {
        "rule_id": "R1", "name": "Essen", "main_group": 1, "user_groups": (4,), "kind": "fixed",
        "amount": euro("3.10"), "tax_case": "real", **other,
    }  # fmt: skip
    return SubsidyRule(**said)


def test_a_rule_names_groups_that_are_there() -> None:
    told = group.given(opened(), added())
    told.when(c.SetRule(rule(), "EUR", NOW)).then(SubsidyRuleSet(rule=rule(), set_at=NOW))
    wrong = c.SetRule(rule(user_groups=(4, 5)), "EUR", NOW)
    told.when(wrong).then_refused(r.UserGroupUnknown)
    told.when(c.SetRule(rule(main_group=2), "EUR", NOW)).then_refused(r.RuleImpossible)
    foreign = rule(amount=Money(amount=310, currency="CHF"))
    told.when(c.SetRule(foreign, "EUR", NOW)).then_refused(r.RuleImpossible)


def test_a_rule_ends_once() -> None:
    ended = SubsidyRuleEnded(rule_id="R1", main_group=1, ended_at=NOW)
    told = (opened(), added(), SubsidyRuleSet(rule=rule(), set_at=NOW))
    group.given(*told).when(c.EndRule("R1", NOW)).then(ended)
    group.given(*told, ended).when(c.EndRule("R1", NOW)).then_refused(r.RuleUnknown)


# -- centers -----------------------------------------------------------------------------------


def center_opened(number: str = "4711", center_id: str = "C1") -> CenterOpened:
    return CenterOpened(center_id=center_id, number=number, name="Empfang", opened_at=NOW)


def set_center(number: str = "4711", name: str = "Empfang", **other: Any) -> c.SetCenter:
    said = {"company_id": None, "address": None, "contact_id": None, "valid_from": None}
    return c.SetCenter(
        center_id="C1", number=number, name=name, now=NOW, **{**said, "valid_until": None, **other}
    )


def center_closed() -> CenterClosed:
    return CenterClosed(center_id="C1", reason="aus", closed_at=NOW)


def test_a_center_keeps_its_number() -> None:
    center.given().when(set_center()).then(center_opened())
    center.given(center_opened()).when(set_center("4712")).then_refused(r.CenterNumberFixed)
    changed = CenterChanged(center_id="C1", name="Pforte", changed_at=NOW)
    center.given(center_opened()).when(set_center(name="Pforte")).then(changed)
    center.given(center_opened()).when(set_center()).then_nothing()


def test_its_days_are_in_order() -> None:
    wrong = set_center(valid_from=date(2026, 2, 1), valid_until=date(2026, 1, 1))
    center.given().when(wrong).then_refused(r.ValidityImpossible)


def test_a_center_is_blocked_with_the_newest_reason() -> None:
    blocked = CenterBlocked(center_id="C1", reason="Pruefung", blocked_at=NOW)
    given = center.given(center_opened(), blocked)
    given.when(c.BlockCenter("Pruefung", NOW)).then_nothing()
    other = CenterBlocked(center_id="C1", reason="Streit", blocked_at=NOW)
    given.when(c.BlockCenter("Streit", NOW)).then(other)
    center.given(center_opened()).when(c.UnblockCenter(NOW)).then_nothing()


def test_a_closed_center_changes_no_more() -> None:
    closed = center.given(center_opened(), center_closed())
    closed.when(c.CloseCenter("nochmal", NOW)).then_nothing()
    closed.when(set_center(name="Neu")).then_refused(r.CenterIsClosed)
    closed.when(c.BlockCenter("x", NOW)).then_refused(r.CenterIsClosed)
    closed.when(c.AddCard("K1", "1", "virtual", NOW)).then_refused(r.CenterIsClosed)


# -- cards -------------------------------------------------------------------------------------


def issuing(**other: Any) -> c.IssueCard:
    said: dict[str, Any] = {
        "card_id": "K1", "number": "4711", "kind": "virtual", "medium": "none", "type": "customer",
        "main_group": 1, "user_group": 4, "center_id": "C1", "code_hash": None, "hash_key_id": None,
        "valid_from": None, "valid_until": None, "now": NOW, **other,
    }  # fmt: skip
    return c.IssueCard(**said)


PHYSICAL = {"kind": "physical", "medium": "rfid", "code_hash": "aa", "hash_key_id": "k"}


def issued(**other: Any) -> CardIssued:
    said = issuing(**other)
    told = {name: getattr(said, name) for name in c.IssueCard.__slots__ if name != "now"}
    return CardIssued(**told, issued_at=NOW)


def test_a_card_is_issued_once_as_it_is() -> None:
    card.given().when(issuing()).then(issued())
    card.given(issued()).when(issuing()).then_nothing()
    card.given(issued()).when(issuing(number="4712")).then_refused(r.CardReused)


@pytest.mark.parametrize(
    "wrong",
    [
        {"code_hash": "aa", "hash_key_id": "k"},
        {"medium": "rfid"},
        {"kind": "physical"},
        {"kind": "physical", "medium": "rfid"},
        {"kind": "physical", "code_hash": "aa", "hash_key_id": "k"},
    ],
)
def test_a_physical_card_has_a_code_and_a_virtual_one_has_none(wrong: dict[str, Any]) -> None:
    card.given().when(issuing(**wrong)).then_refused(r.CardCodeFits)


def replacing(code_hash: str = "bb") -> c.ReplaceCard:
    return c.ReplaceCard("lost", "rfid", code_hash, "k", NOW)


def test_a_replaced_card_keeps_everything_but_its_code() -> None:
    replaced = CardReplaced(
        card_id="K1", reason="lost", medium="rfid", code_hash="bb", hash_key_id="k",
        former_code_hash="aa", replaced_at=NOW,
    )  # fmt: skip
    outcome = card.given(issued(**PHYSICAL)).when(replacing())
    outcome.then(replaced)
    before = fold(CARD, [issued(**PHYSICAL)])
    kept = [name for name in Card.__slots__ if name != "code_hash"]
    assert all(getattr(outcome.state, name) == getattr(before, name) for name in kept)


def test_what_cannot_be_replaced() -> None:
    card.given(issued()).when(replacing()).then_refused(r.CardIsVirtual)
    card.given(issued(**PHYSICAL)).when(replacing("aa")).then_refused(r.CardCodeTaken)
    card.given().when(replacing()).then_refused(r.CardUnknown)


def test_an_ended_card_changes_no_more() -> None:
    ended = CardEnded(card_id="K1", number="4711", reason="aus", ended_at=NOW)
    given = card.given(issued(**PHYSICAL), ended)
    given.when(c.EndCard("nochmal", NOW)).then_nothing()
    for command in (c.BlockCard("x", NOW), replacing(), c.MoveCard("C2", NOW), issuing()):
        given.when(command).then_refused(r.CardIsEnded)


def test_a_blocked_card_is_still_the_card_that_was_issued() -> None:
    blocked = CardBlocked(card_id="K1", reason="verloren", blocked_at=NOW)
    card.given(issued(), blocked).when(issuing()).then_nothing()


# -- cards and centers together ------------------------------------------------------------------

CENTER_1 = fold(CENTER, [center_opened()])
CENTER_2 = fold(CENTER, [center_opened("4800", "C2")])
GROUP_1 = fold(GROUP, [opened(), added(), added(2, "prepaid")])


def card_added(center_id: str = "C1") -> CenterCardAdded:
    return CenterCardAdded(
        center_id=center_id, card_id="K1", number="4711", kind="virtual", added_at=NOW
    )


def test_both_sides_hear_of_a_new_card() -> None:
    both = issue(issuing(), Card(), CENTER_1, GROUP_1)
    assert (both.card, both.before, both.after) == ((issued(),), (), (card_added(),))


@pytest.mark.parametrize(
    ("center_state", "group_state", "refusal"),
    [
        (Center(), GROUP_1, r.CenterUnknown),
        (fold(CENTER, [center_opened(), center_closed()]), GROUP_1, r.CenterIsClosed),
        (CENTER_1, MainGroup(), r.MainGroupUnknown),
        (CENTER_1, fold(GROUP, [opened()]), r.UserGroupUnknown),
    ],
)
def test_a_card_needs_a_center_and_a_group(
    center_state: Center, group_state: MainGroup, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        issue(issuing(), Card(), center_state, group_state)


def test_a_moved_card_stands_with_one_center_only() -> None:
    held = fold(CENTER, [center_opened(), card_added()])
    both = move(c.MoveCard("C2", NOW), fold(CARD, [issued()]), held, CENTER_2)
    assigned = CardAssigned(
        card_id="K1", number="4711", center_id="C2", before="C1", assigned_at=NOW
    )
    removed = CenterCardRemoved(center_id="C1", card_id="K1", number="4711", removed_at=NOW)
    assert (both.card, both.before, both.after) == ((assigned,), (removed,), (card_added("C2"),))


def test_a_card_leaves_its_center_with_its_end() -> None:
    held = fold(CENTER, [center_opened(), card_added()])
    both = end(c.EndCard("aus", NOW), fold(CARD, [issued()]), held)
    assert [event.event_name for event in (*both.card, *both.before)] == [
        "card.ended", "center.card_removed",
    ]  # fmt: skip


def test_a_card_of_a_group_that_pays_otherwise_is_warned_of() -> None:
    assert warnings("C1", GROUP_1, 4) == ()
    assert warnings("C1", GROUP_1, 2) == ("card.group_does_not_charge",)
    assert warnings(None, GROUP_1, 2) == ()


# -- limits --------------------------------------------------------------------------------------


def limit(amount: str | None = "500.00", **other: Any) -> Limit:
    said: dict[str, Any] = {
        "limit_id": "L1", "name": "Monat", "scope": Scope(level="center", id="C1"),
        "window": "month", "amount": None if amount is None else euro(amount), **other,
    }  # fmt: skip
    return Limit(**said)


def setting(chosen: Limit, used: str | None = None, count: int = 0) -> c.SetLimit:
    day = date(2026, 10, 1) if used or count else None
    spent = None if used is None else euro(used)
    return c.SetLimit(chosen, spent, count, day, "EUR", NOW)


def limit_set(chosen: Limit, used: str | None = None) -> LimitSet:
    if used is None:
        return LimitSet(limit=chosen, set_at=NOW)
    day = date(2026, 10, 1)
    return LimitSet(limit=chosen, opening_used=euro(used), opening_day=day, set_at=NOW)


def test_a_limit_is_set_changed_and_lifted() -> None:
    center.given(center_opened()).when(setting(limit())).then(limit_set(limit()))
    given = center.given(center_opened(), limit_set(limit()))
    given.when(setting(limit("400.00"))).then(limit_set(limit("400.00")))
    given.when(setting(limit())).then_nothing()
    scope = Scope(level="center", id="C1")
    lifted = LimitLifted(limit_id="L1", scope=scope, lifted_at=NOW)
    outcome = given.when(c.LiftLimit("L1", scope, NOW))
    outcome.then(lifted)
    assert outcome.state.limits == {}


def test_a_limit_keeps_its_window_and_its_goods() -> None:
    given = center.given(center_opened(), limit_set(limit()))
    given.when(setting(limit(window="day"))).then_refused(r.LimitReshaped)
    given.when(setting(limit(article_groups=("kantine",)))).then_refused(r.LimitReshaped)


def test_what_a_new_limit_found_used_outlives_its_values() -> None:
    used = limit_set(limit(), "120.00")
    given = center.given(center_opened(), used)
    outcome = given.when(setting(limit("400.00"), "99.00"))
    outcome.then(limit_set(limit("400.00")))
    expected = Limited(limit("400.00"), opening_used=12_000, opening_day=date(2026, 10, 1))
    assert outcome.state.limits["L1"] == expected


@pytest.mark.parametrize(
    "wrong",
    [
        c.SetLimit(limit(), euro("1.00"), 0, None, "EUR", NOW),
        c.SetLimit(limit(), None, -1, date(2026, 10, 1), "EUR", NOW),
        c.SetLimit(limit(), euro("-1.00"), 0, date(2026, 10, 1), "EUR", NOW),
        c.SetLimit(limit(window="booking"), euro("1.00"), 0, date(2026, 10, 1), "EUR", NOW),
        c.SetLimit(limit("-1.00"), None, 0, None, "EUR", NOW),
        c.SetLimit(limit(), None, 0, None, "CHF", NOW),
    ],
)
def test_what_does_not_hang_together_is_refused(wrong: c.SetLimit) -> None:
    center.given(center_opened()).when(wrong).then_refused(r.LimitImpossible)


def test_a_limit_of_a_user_group_needs_the_group() -> None:
    chosen = limit(scope=Scope(level="user_group", id="1-5"))
    group.given(opened(), added()).when(setting(chosen)).then_refused(r.UserGroupUnknown)
    chosen = limit(scope=Scope(level="user_group", id="1-4"))
    group.given(opened(), added()).when(setting(chosen)).then(limit_set(chosen))


def test_a_limit_of_another_level_is_not_lifted_by_mistake() -> None:
    chosen = limit(scope=Scope(level="user_group", id="1-4"))
    command = c.LiftLimit("L1", Scope(level="main_group", id="1"), NOW)
    group.given(opened(), added(), limit_set(chosen)).when(command).then_refused(r.LimitUnknown)


def test_the_number_of_limits_is_limited() -> None:
    many = [limit_set(limit(limit_id=f"L{n}")) for n in range(LIMITS_MAX)]
    more = setting(limit(limit_id="more"))
    center.given(center_opened(), *many).when(more).then_refused(r.TooManyLimits)
