"""V25: with receipt duty, a fee of 4.00 is matched with a deposit of 10.00: receipt 4.00, rest
6.00; a match of 5.00 against 4.00 is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from money import euro
from voucher.decider.account.refusals import OverOpen, SettlementEnded
from voucher.events import FeeSettled

if TYPE_CHECKING:
    from voucher.testing.members import Members


LINE = {
    "kind": "fee",
    "account_id": "A1",
    "fee_id": "F1",
    "settlement_id": "S1",
    "how": "credit",
    "amount": euro("4.00").model_dump(),
}


async def deposit(members: Members) -> None:
    await members.open()
    await members.load("10.00")
    await members.fee("F1", "4.00")


async def test_the_matching_booking_settles_four_and_leaves_six(
    members: Members, booked: Callable[..., Any]
) -> None:
    await deposit(members)
    await members.prepare("S1", "F1", "credit", "4.00")
    await members.hear(booked("B9", LINE))
    account = await members.account()
    assert (account.fees["F1"].open, account.balance) == (euro("0.00"), euro("6.00"))


async def test_the_receipt_is_of_four(members: Members, booked: Callable[..., Any]) -> None:
    await deposit(members)
    await members.prepare("S1", "F1", "credit", "4.00")
    await members.hear(booked("B9", LINE))
    fact = (await members.world.store.load("account-A1"))[-1].event
    assert isinstance(fact, FeeSettled)
    assert (fact.amount, fact.booking_id) == (euro("4.00"), "B9")


async def test_five_against_four_is_refused(members: Members) -> None:
    await deposit(members)
    with pytest.raises(OverOpen):
        await members.prepare("S1", "F1", "credit", "5.00")


async def test_until_the_booking_is_recorded_nothing_has_changed(members: Members) -> None:
    await deposit(members)
    await members.prepare("S1", "F1", "credit", "4.00")
    account = await members.account()
    assert (account.fees["F1"].open, account.balance) == (euro("4.00"), euro("10.00"))


async def test_a_part_of_a_fee_can_be_matched(members: Members, booked: Callable[..., Any]) -> None:
    await deposit(members)
    await members.prepare("S1", "F1", "credit", "1.50")
    await members.hear(booked("B9", {**LINE, "amount": euro("1.50").model_dump()}))
    account = await members.account()
    assert (account.fees["F1"].open, account.balance) == (euro("2.50"), euro("8.50"))


async def test_a_settlement_that_was_dropped_before_it_came_is_refused(
    members: Members, gave_up: Callable[..., Any]
) -> None:
    await deposit(members)
    await members.hear(gave_up("B9", settlement_ids=["S1"]))
    with pytest.raises(SettlementEnded):
        await members.prepare("S1", "F1", "credit", "4.00")
