"""V21: what is left is printed on a slip, with the same code or a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from money import euro
from voucher.decider import CodeGone, VoucherNotUsable
from voucher.handlers import Named

if TYPE_CHECKING:
    from services.voucher.tests.conftest import Shop, World


async def test_v21_after_twelve_of_twenty_the_answer_says_that_eight_are_left(
    shop: Shop, unique: str, sold: dict[str, str]
) -> None:
    await shop.redeem(f"{unique}-0", sold["code"], 3000)
    answer = (await shop.redeem(unique, sold["code"], 1200)).json()
    assert answer["remaining"] == {"amount": 800, "currency": "EUR"}
    assert answer["valid_until"] == "2029-12-31"


async def test_v21_a_remainder_slip_has_a_new_code_and_the_old_one_is_dead(
    either: World, unique: str
) -> None:
    sold = await either.sell(unique, "20.00")
    await either.pay(sold.code, "12.00", f"{unique}-H")
    slip = await either.vouchers.office.replace_code(
        either.ask(),
        replacement_id=unique,
        named=Named(code=sold.code),
        reason="remainder",
        caller="till:koeln/t2",
    )
    assert (slip.voucher.balance, slip.voucher.serial) == (euro("8.00"), sold.voucher.serial)
    with pytest.raises(VoucherNotUsable):
        await either.hold(sold.code, "1.00", f"{unique}-old")
    await either.pay(slip.code, "8.00", f"{unique}-new")
    assert (await either.issued(unique)).balance == euro("0.00")


async def test_v21_a_slip_whose_answer_was_lost_is_repeated_until_it_is_printed(
    either: World, unique: str
) -> None:
    sold = await either.sell(unique, "20.00")

    async def slip(named: Named) -> str:
        done = await either.vouchers.office.replace_code(
            either.ask(), replacement_id=unique, named=named, reason="remainder", caller="t"
        )
        return done.code

    first = await slip(Named(code=sold.code))
    assert await slip(Named(code=sold.code)) == first
    await either.vouchers.office.replacement_delivered(unique)
    with pytest.raises(CodeGone):
        await slip(Named(code=sold.code))
