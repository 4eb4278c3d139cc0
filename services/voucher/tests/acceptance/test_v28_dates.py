"""V28, the vouchers' half: `j` in "valid until" is today and a year, and the till says which day
that is. The service takes days only: a shortcut that got through would be a wrong date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from services.voucher.tests.conftest import Shop

A_YEAR_MORE = "2030-12-31"
"""The sold voucher ends on 2029-12-31; a till made this of `j` in its field."""


async def test_v28_the_day_that_a_shortcut_stands_for_is_taken(
    shop: Shop, sold: dict[str, str]
) -> None:
    path = f"/voucher/v1/vouchers/{sold['serial']}/extend"
    body = {"valid_until": A_YEAR_MORE, "reason": "Kulanz"}
    answer = await shop.send("POST", path, body, by="manager")
    assert answer.status_code == 200, answer.text
    looked = await shop.look_up(sold["code"], by="manager")
    assert looked.json()["valid_until"] == A_YEAR_MORE


@pytest.mark.parametrize("shortcut", ["j", "m", "+", "31.12.2030", "heute"])
async def test_v28_a_shortcut_itself_is_no_day(
    shop: Shop, sold: dict[str, str], shortcut: str
) -> None:
    path = f"/voucher/v1/vouchers/{sold['serial']}/extend"
    body = {"valid_until": shortcut, "reason": "Kulanz"}
    answer = await shop.send("POST", path, body, by="manager")
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")
