"""V03: sale article and redeem article are taxed alike, or the pair is refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from voucher.testing.desk import Desk

STANDARD, NONE = "standard", None


def pair(sale: str | None, redeem: str | None) -> dict[str, Any]:
    return {
        "sale": {"sku": "GUTSCHEIN-VERKAUF", "vat": sale},
        "redeem": {"sku": "GUTSCHEIN-EINLOESEN", "vat": redeem},
    }


@pytest.mark.parametrize(("sale", "redeem"), [(STANDARD, NONE), (NONE, STANDARD)])
async def test_a_pair_that_differs_is_refused_and_both_articles_are_named(
    desk: Desk, sale: str | None, redeem: str | None
) -> None:
    answer = await desk.send("POST", "/v1/article-pairs/check", pair(sale, redeem), by="gateway")
    assert (answer.status_code, answer.json()["code"]) == (422, "voucher.pair_differs")
    assert "GUTSCHEIN-VERKAUF" in answer.json()["detail"]
    assert "GUTSCHEIN-EINLOESEN" in answer.json()["detail"]
    assert answer.json()["sale"] == {"sku": "GUTSCHEIN-VERKAUF", "vat": sale}
    assert answer.json()["redeem"] == {"sku": "GUTSCHEIN-EINLOESEN", "vat": redeem}


@pytest.mark.parametrize("vat", [STANDARD, NONE])
async def test_a_pair_that_is_taxed_alike_is_accepted(desk: Desk, vat: str | None) -> None:
    answer = await desk.send("POST", "/v1/article-pairs/check", pair(vat, vat), by="gateway")
    assert (answer.status_code, answer.json()) == (200, {"consistent": True})


async def test_a_template_with_such_a_pair_is_not_saved(desk: Desk) -> None:
    body = {"name": "Gutschein", "articles": pair(STANDARD, NONE)}
    answer = await desk.send("PUT", "/v1/templates/v03", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "voucher.pair_differs")
    missing = await desk.get("/v1/templates/v03")
    assert missing.json()["code"] == "template.unknown"


async def test_a_template_is_taxed_like_its_articles(desk: Desk) -> None:
    body = {"name": "Gutschein", "articles": pair(STANDARD, STANDARD)}
    answer = await desk.send("PUT", "/v1/templates/v03", body)
    assert answer.json()["code"] == "voucher.pair_differs"
