"""Subsidy rules over HTTP, in process, over PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest

from costcenter.testing.shop import Shop, eur, line, problem

RULES = "/v1/main-groups/1/subsidies"


def body(**other: Any) -> dict[str, Any]:
    return {
        "name": "Essenszuschuss",
        "user_groups": [2],
        "kind": "fixed",
        "amount": eur("3.10"),
        "payer_center_id": "c4711",
        "tax_case": "unreal",
        **other,
    }


async def put(shop: Shop, rule_id: str, **other: Any) -> Any:
    return await shop.send("PUT", f"{RULES}/{rule_id}", body(**other), by="office")


async def test_a_rule_is_answered_with_its_case_and_what_to_confirm(
    shop: Shop, unique: str
) -> None:
    answer = await put(shop, unique)
    assert answer.status_code == 200, answer.text
    assert answer.json()["case"] == "ZuschussUnecht"
    assert "tax_case" in {some["code"] for some in answer.json()["to_confirm"]}


async def test_a_confirmed_case_needs_no_confirmation(shop: Shop, unique: str) -> None:
    answer = await put(shop, unique, confirmed_by="Steuerbuero Mueller, 2026-01-15")
    assert "tax_case" not in {some["code"] for some in answer.json()["to_confirm"]}


async def test_a_rule_is_read_changed_and_ended(shop: Shop, unique: str) -> None:
    await put(shop, unique)
    await put(shop, unique, amount=eur("3.50"))
    one = await shop.send("GET", f"{RULES}/{unique}", by="auditor")
    assert one.json()["rule"]["amount"] == eur("3.50")
    listed = await shop.send("GET", RULES, by="auditor")
    assert unique in {some["rule"]["rule_id"] for some in listed.json()["rules"]}
    ended = await shop.send("DELETE", f"{RULES}/{unique}", by="office")
    assert ended.json()["rule_id"] == unique
    gone = await shop.send("GET", f"{RULES}/{unique}", by="auditor")
    assert problem(gone) == (404, "subsidy_rule.unknown")


async def test_a_rule_id_belongs_to_one_main_group(shop: Shop, unique: str) -> None:
    await put(shop, unique)
    await shop.world.group(2, "Firma B")
    answer = await shop.send("PUT", f"/v1/main-groups/2/subsidies/{unique}", body(), by="office")
    assert problem(answer) == (422, "subsidy_rule.reused")


@pytest.mark.parametrize(
    ("wrong", "refused"),
    [
        ({"user_groups": [77]}, (404, "user_group.unknown")),
        ({"payer_center_id": "nobody"}, (404, "center.unknown")),
        ({"amount": None}, (422, "subsidy_rule.impossible")),
        ({"percent": 50}, (422, "subsidy_rule.impossible")),
        ({"amount": {"amount": 310, "currency": "CHF"}}, (422, "subsidy_rule.impossible")),
        ({"from_time": "11:00:00+02:00"}, (422, "subsidy_rule.impossible")),
    ],
)
async def test_an_impossible_rule_is_refused(
    shop: Shop, unique: str, wrong: dict[str, Any], refused: tuple[int, str]
) -> None:
    assert problem(await put(shop, unique, **wrong)) == refused


@pytest.mark.parametrize(
    "wrong", [{"user_groups": []}, {"weekdays": [8]}, {"per": "week"}, {"colour": "red"}]
)
async def test_bad_input_is_refused(shop: Shop, unique: str, wrong: dict[str, Any]) -> None:
    assert (await put(shop, unique, **wrong)).status_code == 422


@pytest.mark.parametrize("by", ["gateway", "cashier", "manager", "auditor"])
async def test_only_the_back_office_sets_rules(shop: Shop, unique: str, by: str) -> None:
    answer = await shop.send("PUT", f"{RULES}/{unique}", body(), by=by)
    assert problem(answer) == (403, "auth.forbidden")


async def test_a_hold_answers_with_the_subsidy_and_its_case(shop: Shop, unique: str) -> None:
    number = str(int(unique[:10], 16))
    await shop.world.card(number, None, group=(1, 3))
    goods = [line("7.20", article_group=unique)]
    await put(
        shop, unique, user_groups=[3], kind="percent", amount=None, percent=5_000,
        cap=eur("4.00"), article_groups=[unique], priority=9,
    )  # fmt: skip
    quoted = await shop.send(
        "POST",
        "/v1/quotes",
        {
            "card": {"number": number},
            "amount": eur("7.20"),
            "mode": "up_to",
            "basket": goods,
            "store_id": "berlin",
        },
    )
    held = await shop.hold(unique, {"number": number}, "7.20", mode="up_to", basket=goods)
    assert held.status_code == 200, held.text
    assert quoted.json()["subsidies"] == held.json()["subsidies"]
    assert held.json()["amount"] == eur("0.00")
    assert held.json()["subsidies"] == [
        {
            "rule_id": unique,
            "name": "Essenszuschuss",
            "case": "ZuschussUnecht",
            "amount": eur("3.60"),
            "uses": 1,
            "parts": [{"vat": "reduced", "rate": 700, "dsfinvk_key": 2, "gross": eur("3.60")}],
        }
    ]
