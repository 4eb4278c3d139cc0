"""The assortment at the till: an article is sold by its number or code, with its own price, VAT and
deposit."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.counter import Counter, cash, eur

BOOK = {"name": "Die Möwe", "price": eur(1200), "vat": "reduced", "gtins": ["9783150043196"]}
ROLL = {"name": "Brötchen", "price": eur(90), "vat": "reduced", "article_group": "cafe"}
BOTTLE = {"name": "Pfand 0,25", "price": eur(25), "vat": "standard", "kind": "deposit"}
COLA = {"name": "Cola", "price": eur(250), "vat": "standard", "deposit_sku": "P25"}
POSTAGE = {"name": "Porto", "vat": "standard", "open_price": True}


async def listed(counter: Counter, **articles: dict[str, Any]) -> None:
    for sku, body in articles.items():
        answer = await counter.office("PUT", f"articles/{sku}", body)
        assert answer.status_code == 200, answer.text


def sold(sku: str, quantity: str = "1", **more: Any) -> dict[str, Any]:
    return {"kind": "article", "sku": sku, "quantity": quantity, **more}


async def test_an_article_is_sold_by_its_number_alone(counter: Counter) -> None:
    await listed(counter, B1=BOOK)
    done = await counter.sell([sold("B1", "2")], cash(2400))
    line = done["lines"][0]
    assert (line["name"], line["amount"], line["vat"]) == ("Die Möwe", eur(2400), "reduced")


async def test_an_article_is_sold_by_its_code(counter: Counter) -> None:
    await listed(counter, B1=BOOK)
    done = await counter.sell([{"kind": "article", "gtin": "9783150043196"}], cash(1200))
    assert done["lines"][0]["sku"] == "B1"


async def test_a_deposit_comes_by_itself_for_each_unit(counter: Counter) -> None:
    await listed(counter, P25=BOTTLE, C1=COLA)
    done = await counter.sell([sold("C1", "3")], cash(825))
    told = [(line["kind"], line["name"], line["amount"]) for line in done["lines"]]
    assert told == [("article", "Cola", eur(750)), ("deposit", "Pfand 0,25", eur(75))]


async def test_an_open_price_has_to_be_typed(counter: Counter) -> None:
    await listed(counter, PO=POSTAGE)
    problem = await counter.refused([sold("PO")], cash(370))
    assert (problem["status"], problem["code"]) == (422, "article.price_needed")
    done = await counter.sell([sold("PO", unit_price=eur(370))], cash(370))
    assert done["total"] == eur(370)


async def test_a_repeat_is_answered_with_what_was_sold_even_where_the_article_is_gone(
    counter: Counter,
) -> None:
    await listed(counter, B1=BOOK)
    first = await counter.sell([sold("B1")], cash(1200), key="k")
    await counter.office("DELETE", "articles/B1")
    again = await counter.sell([sold("B1")], cash(1200), key="k")
    assert again["booking_id"] == first["booking_id"]
    assert again["total"] == eur(1200)


async def test_what_is_not_sold_any_more_is_refused(counter: Counter) -> None:
    await listed(counter, B1=BOOK)
    await counter.office("DELETE", "articles/B1")
    problem = await counter.refused([sold("B1")], cash(1200))
    assert (problem["status"], problem["code"]) == (404, "article.unknown")
    answer = await counter.office("GET", "articles/by-code/9783150043196")
    assert answer.status_code == 404


async def test_two_halves_of_a_voucher_with_different_tax_are_refused_by_name(
    counter: Counter,
) -> None:
    sale = {"name": "Gutschein", "vat": "standard", "open_price": True, "kind": "voucher_sale"}
    await listed(counter, GS={**sale, "pair_sku": "GE"})
    redeem = {**sale, "kind": "voucher_redemption", "pair_sku": "GS", "vat": "zero"}
    problem = (await counter.office("PUT", "articles/GE", redeem)).json()
    assert (problem["status"], problem["code"]) == (422, "articles.pair_differs")
    assert (problem["sale"]["sku"], problem["redemption"]["sku"]) == ("GS", "GE")


async def test_a_listed_pair_sells_and_redeems_like_the_chain_s_own(counter: Counter) -> None:
    sale = {"name": "Gutschein", "vat": "zero", "open_price": True, "kind": "voucher_sale"}
    await listed(counter, GS={**sale, "pair_sku": "GE"})
    problem = await counter.refused([sold("GS", unit_price=eur(2500))], cash(2500))
    assert problem["code"] == "article.half_alone"
    redeem = {**sale, "kind": "voucher_redemption", "pair_sku": "GS"}
    await listed(counter, GE=redeem, B1=BOOK)
    await counter.sell([sold("GS", unit_price=eur(500))], cash(500))
    done = await counter.sell([sold("B1"), sold("GE", unit_price=eur(500))], cash(700))
    assert done["total"] == eur(700)


async def test_search_folds_umlauts_and_finds_words_as_far_as_they_are_typed(
    counter: Counter,
) -> None:
    await listed(counter, B1=BOOK, R1=ROLL)
    for typed in ("möw", "moew", "MOW", "die mö", "B1", "9783150043196"):
        found = (await counter.office("GET", f"articles?q={typed}")).json()["articles"]
        assert [each["sku"] for each in found] == ["B1"], typed
    in_group = (await counter.office("GET", "articles?group=cafe")).json()["articles"]
    assert [each["sku"] for each in in_group] == ["R1"]


async def imported(counter: Counter, rows: str, kind: str = "text/csv") -> Any:
    return await counter.client.post(
        "/stores/berlin/v1/articles/imports",
        content=rows.encode(),
        headers={
            "authorization": "Bearer office",
            "idempotency-key": rows[:80].replace("\n", "-").encode().hex()[:60],
            "content-type": kind,
        },
    )


CSV = "sku;name;price;vat;gtins\nB1;Die Möwe;12,90;reduced;9783150043196 3150043193\n"


async def test_an_import_lists_all_of_its_rows(counter: Counter) -> None:
    answer = await imported(counter, CSV + "B2;Faust;5;reduced;\n")
    assert answer.json() == {"rows": 2, "changed": 2}
    assert (await counter.office("GET", "articles/B2")).json()["price"] == eur(500)


async def test_an_import_with_a_wrong_row_lists_none_of_them(counter: Counter) -> None:
    for wrong in ("B2;Faust;5;luxury;\n", "B2;Faust;5,005;reduced;\n", "B2;;5;reduced;\n"):
        answer = await imported(counter, CSV + wrong)
        assert (answer.status_code, answer.json()["code"]) == (422, "articles.refused"), wrong
        assert answer.json()["refused"][0]["row"] == 2
    assert (await counter.office("GET", "articles/B1")).status_code == 404


async def test_two_articles_never_share_a_code(counter: Counter) -> None:
    await imported(counter, CSV)
    answer = await counter.office("PUT", "articles/B9", {**BOOK, "gtins": ["9783150043196"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "article.code_taken")
    await counter.office("DELETE", "articles/B1")
    again = await counter.office("PUT", "articles/B9", {**BOOK, "gtins": ["9783150043196"]})
    assert again.status_code == 200


@pytest.mark.parametrize("token", ["manager", "till"])
async def test_only_the_chain_s_office_changes_the_assortment(counter: Counter, token: str) -> None:
    who = counter.token if token == "till" else token
    answer = await counter.office("PUT", "articles/B1", BOOK, token=who)
    assert answer.status_code == 403
