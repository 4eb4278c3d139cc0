"""V27: a voucher of 10.00 sold to nobody known; later a person registers with its code: it is
claimed once, and a second claim is refused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from money import euro
from voucher.decider import VoucherNotUsable
from voucher.events import AccountCredited, Restrictions, Terms, VoucherClaimed
from voucher.handlers.claims import NotClaimable

if TYPE_CHECKING:
    from voucher.testing.members import Members


async def test_the_voucher_becomes_credit_of_the_account(members: Members) -> None:
    sold = await members.world.sell("V27", "10.00")
    await members.open()
    await members.claims.claim(members.world.ask(), account_id="A1", typed=sold.code, source="o")
    assert (await members.account()).balance == euro("10.00")


async def test_voucher_and_account_change_in_one_append(members: Members) -> None:
    sold = await members.world.sell("V27", "10.00")
    await members.open()
    await members.claims.claim(members.world.ask(), account_id="A1", typed=sold.code, source="o")
    gone = (await members.world.store.load("voucher-V27"))[-1]
    came = (await members.world.store.load("account-A1"))[-1]
    assert isinstance(gone.event, VoucherClaimed)
    assert isinstance(came.event, AccountCredited)
    assert gone.idempotency_key == came.idempotency_key
    assert gone.event.amount == came.event.amount == euro("10.00")


@pytest.mark.parametrize("by", ["A1", "A2"])
async def test_a_second_claim_is_refused(members: Members, by: str) -> None:
    sold = await members.world.sell("V27", "10.00")
    await members.open("A1")
    await members.open("A2", holder_id="reader-8")
    await members.claims.claim(members.world.ask(), account_id="A1", typed=sold.code, source="o")
    with pytest.raises(VoucherNotUsable):
        await members.claims.claim(members.world.ask(), account_id=by, typed=sold.code, source="o")
    assert (await members.account("A2")).balance == euro("0.00")


async def test_a_claim_whose_answer_was_lost_is_answered_again(members: Members) -> None:
    sold = await members.world.sell("V27", "10.00")
    await members.open()
    ask = members.world.ask()
    for _ in range(2):
        done = await members.claims.claim(ask, account_id="A1", typed=sold.code, source="o")
        assert done.amount == euro("10.00")
    assert (await members.account()).balance == euro("10.00")


async def test_a_claimed_voucher_pays_at_no_till(members: Members) -> None:
    sold = await members.world.sell("V27", "10.00")
    await members.open()
    await members.claims.claim(members.world.ask(), account_id="A1", typed=sold.code, source="o")
    with pytest.raises(VoucherNotUsable):
        await members.world.hold(sold.code, "1.00", "H1")


async def test_only_what_is_left_is_claimed(members: Members) -> None:
    sold = await members.world.sell("V27", "10.00")
    await members.world.redeem(sold.code, "3.00", "R1")
    await members.open()
    await members.claims.claim(members.world.ask(), account_id="A1", typed=sold.code, source="o")
    assert (await members.account()).balance == euro("7.00")


async def test_a_voucher_for_certain_goods_is_not_claimed(members: Members) -> None:
    books = Terms(restrictions=Restrictions(article_groups=("books",)))
    code = await members.voucher("V27", "10.00", books)
    await members.open()
    with pytest.raises(NotClaimable):
        await members.claims.claim(members.world.ask(), account_id="A1", typed=code, source="o")


async def test_two_claims_at_once_end_with_one(members: Members) -> None:
    sold = await members.world.sell("V27", "10.00")
    await members.open("A1")
    await members.open("A2", holder_id="reader-8")
    claims = [
        members.claims.claim(members.world.ask(), account_id=one, typed=sold.code, source="o")
        for one in ("A1", "A2")
    ]
    ends = await asyncio.gather(*claims, return_exceptions=True)
    assert sum(isinstance(end, VoucherNotUsable) for end in ends) == 1
    balances = [(await members.account(one)).balance.amount for one in ("A1", "A2")]
    assert sorted(balances) == [0, 1000]
