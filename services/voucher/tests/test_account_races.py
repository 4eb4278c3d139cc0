"""Tills that meet at one account: over two processes on one log, and over PostgreSQL."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from events import DomainError
from kassenverbund.kit.chain import Chain
from money import euro
from voucher.testing.members import build_members

if TYPE_CHECKING:
    from voucher.testing.world import World


async def test_racing_tills_never_hold_more_than_there_is(either: World, chain: Chain) -> None:
    members = build_members(either, chain)
    account_id = f"race-{id(either)}"
    await members.open(account_id)
    code = await members.card(account_id)
    await members.load("10.00", f"load-{account_id}", account_id)

    async def till(number: int) -> Any:
        return await members.accounts.hold(
            either.ask(), hold_id=f"{account_id}-{number}", typed=code, amount=euro("3.00"),
            mode="exact", store_id="koeln", till_id=f"t{number}", booking_id=f"B{number}",
            payment_id="P", expires_in_s=300, source=f"till:koeln/t{number}",
        )  # fmt: skip

    ends = await asyncio.gather(*(till(number) for number in range(8)), return_exceptions=True)
    refused = [end for end in ends if isinstance(end, BaseException)]
    assert all(isinstance(end, DomainError) for end in refused)
    assert len(refused) == 5
    account = await members.account(account_id)
    assert sum(hold.amount.amount for hold in account.open.values()) == 900


async def test_two_tills_never_settle_one_fee_twice(either: World, chain: Chain) -> None:
    members = build_members(either, chain)
    account_id = f"fee-{id(either)}"
    await members.open(account_id)
    await members.fees.post(
        either.ask(), account_id=account_id, fee_id="F1", kind="annual_fee",
        amount=euro("4.00"), due=either.clock().date(), text=None,
    )  # fmt: skip

    async def desk(number: int) -> Any:
        wanted = members.wanted(
            f"{account_id}-{number}", "F1", "waiver", "3.00", reason="x", account_id=account_id
        )
        return await members.fees.settle_now(either.ask(), wanted)

    ends = await asyncio.gather(*(desk(number) for number in range(4)), return_exceptions=True)
    assert sum(not isinstance(end, BaseException) for end in ends) == 1
    assert (await members.account(account_id)).fees["F1"].open == euro("1.00")
