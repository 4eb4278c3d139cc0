"""V21: after 12.00 of 20.00 the paper says that 8.00 are left; nobody writes it by hand."""

from __future__ import annotations

from tests.support.counter import Counter, article, by_voucher
from tests.support.library import GIFT, fee, owes, waiver


async def test_v21_a_voucher_that_pays_goods_has_its_rest_on_the_receipt(counter: Counter) -> None:
    code = await counter.bought(2000)
    done = await counter.sell([article(1200)], by_voucher(code))
    await counter.print(done["booking_id"])
    assert "8,00 €" in rest_of(counter)
    assert await counter.balance(code) == 800


async def test_v21_a_voucher_that_waives_a_fee_too(counter: Counter) -> None:
    await owes(counter, F1="12.00")
    code = await counter.members.voucher("V21", "20.00", GIFT)
    done = await counter.sell([fee()], waiver(code))
    await counter.print(done["booking_id"])
    assert "8,00 €" in rest_of(counter)
    assert await counter.balance(code) == 800


def rest_of(counter: Counter) -> str:
    text = counter.paper("receipt").text
    return next(line for line in text.splitlines() if "Restguthaben" in line)
