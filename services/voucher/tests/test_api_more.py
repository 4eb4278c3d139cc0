"""The HTTP border of groups, top-ups, cards, moves and what back office decides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from events.reaction import Incoming
from kassenverbund.kit.signed_qr import PREFIX
from voucher.testing.shop import eur, problem

if TYPE_CHECKING:
    from services.voucher.tests.conftest import Shop

Make = Callable[..., Incoming]
AT = {"store_id": "koeln", "till_id": "t1", "booking_id": "B2"}


@pytest.fixture
def sell(shop: Shop, recorded: Make) -> Callable[..., Any]:
    """A voucher, sold: the answer of its preparation."""

    async def one(worth: int = 5000, **other: Any) -> dict[str, Any]:
        voucher_id = uuid4().hex
        answer: dict[str, Any] = (await shop.prepare(voucher_id, worth, **other)).json()
        await shop.hear(recorded(f"sale-{voucher_id}", sells=[(voucher_id, "1.00")]))
        return answer

    return one


async def pays(shop: Shop, scanned: str) -> bool:
    """Whether a till can hold a cent with what it scanned."""
    return (await shop.hold(uuid4().hex, scanned, 1)).status_code == 200


async def test_a_gift_comes_with_its_signed_qr_code(shop: Shop, unique: str) -> None:
    body = {
        "voucher_id": unique,
        "legal_entity_id": "kette",
        "value": eur(500),
        "funding": "promotional",
        "reason": "Jubilaeum",
    }
    given = (await shop.send("POST", "/voucher/v1/vouchers", body, by="office")).json()
    assert given["qr"].startswith(PREFIX)
    assert await pays(shop, given["qr"])


async def test_only_a_gateway_hears_a_new_code(shop: Shop, sell: Any, unique: str) -> None:
    await shop.hold(unique, (await sell())["code"], 100)
    path = f"/voucher/v1/holds/{unique}/new-code"
    for other in ("till", "office", "manager", "analyst"):
        assert (await shop.send("PUT", path, {}, by=other)).status_code == 403
    kept = (await shop.send("PUT", path, {})).json()
    assert (kept["state"], kept["code"]) == ("kept", None)  # This chain takes no short codes.
    unknown = await shop.send("PUT", "/voucher/v1/holds/nobody/new-code", {})
    assert problem(unknown) == (404, "hold.unknown")


async def test_a_single_purpose_voucher_says_how_it_is_taxed(shop: Shop, sell: Any) -> None:
    sold = await sell(kind="single_purpose", vat="standard", goods="Schreibwaren")
    assert (sold["kind"], sold["vat"], sold["rate"], sold["dsfinvk_key"], sold["goods"]) == (
        "single_purpose", "standard", 1900, 1, "Schreibwaren",
    )  # fmt: skip
    assert problem(await shop.hold(uuid4().hex, sold["code"], 500)) == (
        422, "voucher.basket_needed",
    )  # fmt: skip
    basket = [
        {"gross": eur(300), "vat": "standard", "dsfinvk_key": 1},
        {"gross": eur(900), "vat": "reduced", "dsfinvk_key": 2},
    ]
    held = await shop.hold(uuid4().hex, sold["code"], 1200, mode="up_to", basket=basket)
    body = held.json()
    assert (body["amount"], body["eligible"], body["vat"]) == (eur(300), eur(300), "standard")


def entry(minor: int, line_id: str, group: str, vat: str = "reduced") -> dict[str, Any]:
    key = {"standard": 1, "reduced": 2}[vat]
    return {"gross": eur(minor), "vat": vat, "dsfinvk_key": key, "article_group": group,
            "line_id": line_id}  # fmt: skip


BOOK, PEN = entry(800, "1", "books"), entry(2000, "2", "pens", "standard")


@pytest.fixture
def for_books(shop: Shop, recorded: Make) -> Callable[[int], Awaitable[str]]:
    """The code of a bought voucher that pays for books only."""

    async def one(worth: int) -> str:
        template_id, voucher_id = uuid4().hex, uuid4().hex
        terms = {"restrictions": {"article_groups": ["books"]}}
        template = {"name": "Bücher", "terms": terms, "value": eur(worth)}
        path = f"/voucher/v1/templates/{template_id}"
        await shop.send("PUT", path, template, by="office")
        sold = await shop.prepare(voucher_id, worth, template=template_id)
        await shop.hear(recorded(f"sale-{voucher_id}", sells=[(voucher_id, "1.00")]))
        code: str = sold.json()["code"]
        return code

    return one


async def test_a_hold_says_which_lines_it_pays_for_and_says_it_again(
    shop: Shop, for_books: Any
) -> None:
    code, hold_id = await for_books(1000), uuid4().hex
    covers = [{"line": 0, "line_id": "1", "amount": eur(800)}]
    for _ in range(2):
        held = await shop.hold(hold_id, code, 2800, mode="up_to", basket=[BOOK, PEN])
        assert (held.json()["amount"], held.json()["covers"]) == (eur(800), covers)
    confirmed = await shop.send("POST", f"/voucher/v1/holds/{hold_id}/confirm", {})
    assert confirmed.json()["covers"] == covers


async def test_a_hold_of_a_voucher_for_everything_names_no_lines(shop: Shop, sell: Any) -> None:
    held = await shop.hold(uuid4().hex, (await sell())["code"], 800, basket=[BOOK])
    assert held.json()["covers"] is None


async def test_a_group_says_of_each_leg_which_lines_it_pays_for(
    shop: Shop, unique: str, for_books: Any
) -> None:
    codes = [await for_books(500), await for_books(500)]
    body = {"codes": codes, "amount": eur(2800), "payment_id": "P1", "basket": [BOOK, PEN], **AT}
    for _ in range(2):
        answer = (await shop.send("PUT", f"/voucher/v1/groups/{unique}", body)).json()
        covers = [leg["covers"] for leg in answer["legs"]]
        assert sorted(cover["amount"]["amount"] for (cover,) in covers) == [300, 500]
        assert {cover["line_id"] for (cover,) in covers} == {"1"}


async def test_a_basket_that_names_a_line_twice_is_refused(shop: Shop, sell: Any) -> None:
    answer = await shop.hold(uuid4().hex, (await sell())["code"], 800, basket=[BOOK, BOOK])
    assert problem(answer) == (422, "request.invalid")


async def test_several_vouchers_pay_together_over_http(shop: Shop, sell: Any, unique: str) -> None:
    codes = [(await sell(1000))["code"], (await sell(1000))["code"]]
    body = {"codes": codes, "amount": eur(1600), "payment_id": "P1", **AT}
    path = f"/voucher/v1/groups/{unique}"
    answer = (await shop.send("PUT", path, body)).json()
    assert [leg["amount"] for leg in answer["legs"]] == [eur(1000), eur(600)]
    assert (answer["total"], answer["remaining_due"]) == (eur(1600), eur(0))
    again = (await shop.send("PUT", path, body)).json()
    assert again["legs"] == [{**leg, "position": again["position"]} for leg in answer["legs"]]
    hold_id = answer["legs"][0]["hold_id"]
    confirmed = await shop.send("POST", f"/voucher/v1/holds/{hold_id}/confirm", {})
    assert confirmed.json()["state"] == "confirmed"
    for _ in range(2):
        released = await shop.send("POST", f"{path}/release", {})
        assert released.json() == {"group_id": unique, "state": "released"}


async def test_one_code_is_no_group(shop: Shop, sell: Any, unique: str) -> None:
    body = {"codes": [(await sell())["code"]], "amount": eur(100), "payment_id": "P1", **AT}
    answer = await shop.send("PUT", f"/voucher/v1/groups/{unique}", body)
    assert answer.status_code == 422


async def test_a_top_up_is_prepared_and_cancelled_over_http(
    shop: Shop, sell: Any, unique: str
) -> None:
    sold = await sell()
    body = {"code": sold["code"], "value": eur(2000), "line_id": "L1", **AT}
    path = f"/voucher/v1/top-ups/{unique}"
    answer = (await shop.send("PUT", path, body)).json()
    assert (answer["value"], answer["state"], answer["balance"]) == (
        eur(2000), "prepared", eur(5000),
    )  # fmt: skip
    gone = await shop.send("POST", f"{path}/cancel", {"reason": "given up"})
    assert gone.json()["state"] == "cancelled"
    assert problem(await shop.send("PUT", path, body)) == (409, "top_up.cancelled")


async def test_a_hold_is_captured_in_parts_and_reversed_over_http(
    shop: Shop, sell: Any, unique: str
) -> None:
    sold = await sell()
    await shop.hold(unique, sold["code"], 2000)
    path = f"/voucher/v1/holds/{unique}"
    part = {"booking_id": "D1", "amount": eur(800), "final": False}
    first = (await shop.send("POST", f"{path}/captures", part)).json()
    assert (first["captured"], first["held"], first["remaining"]) == (
        eur(800), eur(1200), eur(4200),
    )  # fmt: skip
    last = {"booking_id": "D2", "amount": eur(200)}
    await shop.send("POST", f"{path}/captures", last)
    state = await shop.client.get(path, headers={"authorization": "Bearer gateway"})
    assert (state.json()["captured"], state.json()["reversible"]) == (eur(1000), eur(1000))
    back = {"hold_id": unique, "amount": eur(1000), "store_id": "koeln"}
    reversal = f"/voucher/v1/reversals/{unique}"
    answer = await shop.send("PUT", reversal, back, by="manager")
    assert answer.json()["balance"] == eur(5000)
    more = await shop.send("PUT", f"{reversal}-2", {**back, "amount": eur(1)}, by="manager")
    assert problem(more) == (409, "reversal.too_large")


async def test_back_office_merges_by_serial_and_a_till_by_code(
    shop: Shop, sell: Any, unique: str
) -> None:
    one, two = await sell(), await sell()
    path = f"/voucher/v1/transfers/{unique}"
    serials = {"source": {"serial": one["serial"]}, "target": {"serial": two["serial"]}}
    assert (await shop.send("PUT", path, serials)).status_code == 403
    answer = (await shop.send("PUT", path, serials, by="office")).json()
    assert (answer["amount"], answer["source_balance"], answer["target_balance"]) == (
        eur(5000), eur(0), eur(10000),
    )  # fmt: skip
    three = await sell()
    codes = {"source": {"code": two["code"]}, "target": {"code": three["code"]}}
    moved = await shop.send("PUT", f"{path}-2", {**codes, "amount": eur(100)})
    assert moved.json()["target_balance"] == eur(5100)


async def test_a_manager_blocks_extends_and_replaces(shop: Shop, sell: Any, unique: str) -> None:
    sold = await sell()
    path = f"/voucher/v1/vouchers/{sold['serial']}"
    blocked = await shop.send("POST", f"{path}/block", {"reason": "lost"}, by="manager")
    assert blocked.json()["state"] == "blocked"
    assert (await shop.send("POST", f"{path}/block", {"reason": "lost"})).status_code == 403
    await shop.send("POST", f"{path}/unblock", {}, by="manager")
    later = {"valid_until": "2031-12-31", "reason": "Kulanz"}
    extended = await shop.send("POST", f"{path}/extend", later, by="manager")
    assert extended.json()["valid_until"] == "2031-12-31"
    slip = f"/voucher/v1/replacements/{unique}"
    body = {"serial": sold["serial"], "reason": "lost"}
    first = (await shop.send("PUT", slip, body, by="manager")).json()
    again = (await shop.send("PUT", slip, body, by="manager")).json()
    assert first["code"] == again["code"] != sold["code"]
    assert await pays(shop, first["qr"])
    await shop.send("POST", f"{slip}/delivered", {}, by="manager")
    assert problem(await shop.send("PUT", slip, body, by="manager")) == (
        409, "voucher.code_gone",
    )  # fmt: skip
    assert problem(await shop.hold(uuid4().hex, sold["code"], 100)) == (
        409, "voucher.not_usable",
    )  # fmt: skip


async def test_a_top_up_costs_at_most_its_value(shop: Shop, sell: Any, unique: str) -> None:
    sold = await sell()
    body = {"code": sold["code"], "value": eur(100), "consideration": eur(101), "line_id": "L1"}
    answer = await shop.send("PUT", f"/voucher/v1/top-ups/{unique}", {**body, **AT})
    assert problem(answer) == (422, "voucher.terms")


async def test_an_unknown_serial_is_unknown(shop: Shop) -> None:
    path = "/voucher/v1/vouchers/GS-0000-0000-0000/block"
    answer = await shop.send("POST", path, {"reason": "lost"}, by="manager")
    assert problem(answer) == (404, "voucher.unknown")


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"value": eur(100_001)}, "voucher.value_max"),
        ({"value": None}, "voucher.value_missing"),
        ({"template": "no-such"}, "template.unknown"),
        ({"kind": "single_purpose", "vat": "luxury"}, "vat.unknown"),
        ({"kind": "single_purpose"}, "voucher.terms"),
        ({"funding": "donated"}, "voucher.terms"),
        ({"consideration": eur(5001)}, "voucher.terms"),
    ],
)
async def test_terms_that_cannot_be_are_refused(
    shop: Shop, unique: str, other: dict[str, Any], code: str
) -> None:
    assert problem(await shop.prepare(unique, 5000, **other)) == (422, code)


@pytest.mark.parametrize(
    ("method", "path", "body", "by"),
    [
        ("PUT", "groups/g", {"codes": ["x"] * 11, "amount": eur(1)}, "gateway"),
        ("PUT", "top-ups/t", {"code": "x", "value": eur(0)}, "gateway"),
        ("PUT", "transfers/t", {"source": {}, "target": {"code": "a", "serial": "b"}}, "office"),
        ("PUT", "reversals/r", {"hold_id": "h", "amount": eur(-5), "store_id": "koeln"}, "office"),
        ("POST", "expiry-runs/r", {"legal_entity_id": "kette", "limit": 501}, "office"),
        ("POST", "vouchers", {"voucher_id": "v", "surprise": 1}, "office"),
    ],
)
async def test_bad_bodies_are_refused(
    shop: Shop, method: str, path: str, body: dict[str, Any], by: str
) -> None:
    answer = await shop.send(method, f"/voucher/v1/{path}", body, by=by)
    assert answer.status_code == 422
