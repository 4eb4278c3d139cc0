"""V24: a voucher for annual fees only: the overdue fee of 4.00 stays open, the credit stays
10.00."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from money import euro
from voucher.decider.account.refusals import CreditInsufficient
from voucher.decider.account.spend import available
from voucher.events import Restrictions, Terms

if TYPE_CHECKING:
    from voucher.testing.members import Members


ANNUAL = Terms(restrictions=Restrictions(fee_kinds=("annual_fee",)))


async def claimed(members: Members, *, receipt_duty: bool) -> None:
    await members.open(receipt_duty=receipt_duty)
    code = await members.voucher("V24", "10.00", ANNUAL)
    await members.claims.claim(members.world.ask(), account_id="A1", typed=code, source="o")


async def test_an_overdue_fee_stays_open_and_the_credit_stays(members: Members) -> None:
    await claimed(members, receipt_duty=False)
    await members.fee("F1", "4.00", kind="overdue_fee")
    account = await members.account()
    assert (account.fees["F1"].open, account.balance) == (euro("4.00"), euro("10.00"))


async def test_the_annual_fee_is_settled(members: Members) -> None:
    await claimed(members, receipt_duty=False)
    await members.fee("F1", "4.00", kind="annual_fee")
    assert (await members.account()).balance == euro("6.00")


async def test_a_till_cannot_match_them_either(members: Members) -> None:
    await claimed(members, receipt_duty=True)
    await members.fee("F1", "4.00", kind="overdue_fee")
    with pytest.raises(CreditInsufficient):
        await members.prepare("S1", "F1", "credit", "4.00")


async def test_it_buys_no_goods(members: Members) -> None:
    await claimed(members, receipt_duty=True)
    assert not available(await members.account(), members.world.clock())
