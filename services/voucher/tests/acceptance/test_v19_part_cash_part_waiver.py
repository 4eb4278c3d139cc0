"""V19: fees 12.00, donated voucher 10.00: cash 2.00 and a waiver of 10.00 in one booking."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from money import euro
from voucher.events import (
    FeeSettled,
    FeeSettlementFailed,
    Restrictions,
    Terms,
    VoucherRedeemed,
)
from voucher.handlers.gifts import FeeKindNotCovered

if TYPE_CHECKING:
    from voucher.testing.members import Members


GIFT = Terms(funding="donated", reason="Spende")


def fee_line(settlement_id: str, how: str, amount: str) -> dict[str, Any]:
    return {
        "kind": "fee",
        "account_id": "A1",
        "fee_id": "F1",
        "settlement_id": settlement_id,
        "how": how,
        "amount": euro(amount).model_dump(),
    }


async def at_the_till(members: Members, worth: str = "10.00") -> None:
    code = await members.voucher("V19", worth, GIFT)
    await members.open()
    await members.fee("F1", "12.00")
    await members.prepare("S-cash", "F1", "payment", "2.00")
    await members.prepare("S-gift", "F1", "waiver", "10.00", typed=code)


BOOKING = (fee_line("S-cash", "payment", "2.00"), fee_line("S-gift", "waiver", "10.00"))


async def settled(members: Members) -> list[Any]:
    entries = await members.world.store.load("account-A1")
    return [entry for entry in entries if isinstance(entry.event, FeeSettled)]


async def test_cash_and_waiver_settle_the_fees_together(
    members: Members, booked: Callable[..., Any]
) -> None:
    await at_the_till(members)
    await members.hear(booked("B9", *BOOKING))
    facts = [(entry.event.how, entry.event.amount) for entry in await settled(members)]
    assert facts == [("payment", euro("2.00")), ("waiver", euro("10.00"))]
    assert not (await members.account()).fees["F1"].open


async def test_fees_and_voucher_change_in_one_append(
    members: Members, booked: Callable[..., Any]
) -> None:
    await at_the_till(members)
    await members.hear(booked("B9", *BOOKING))
    used = (await members.world.store.load("voucher-V19"))[-1]
    assert isinstance(used.event, VoucherRedeemed)
    assert (used.event.amount, used.event.waiver) == (euro("10.00"), "Spende")
    assert {used.idempotency_key} == {entry.idempotency_key for entry in await settled(members)}


async def test_the_waiver_names_voucher_and_reason(
    members: Members, booked: Callable[..., Any]
) -> None:
    await at_the_till(members)
    await members.hear(booked("B9", *BOOKING))
    waiver = (await settled(members))[-1].event
    voucher = await members.world.issued("V19")
    assert (waiver.voucher_serial, waiver.reason) == (voucher.serial, "Spende")


async def test_the_voucher_is_kept_for_this_booking(members: Members) -> None:
    await at_the_till(members)
    voucher = await members.world.issued("V19")
    assert not voucher.available(members.world.clock())


async def test_an_aborted_booking_leaves_both_as_they_were(
    members: Members, gave_up: Callable[..., Any]
) -> None:
    await at_the_till(members)
    await members.hear(gave_up("B9", settlement_ids=["S-cash", "S-gift"]))
    account, now = await members.account(), members.world.clock()
    assert account.open_of(account.fees["F1"], now) == euro("12.00")
    assert (await members.world.issued("V19")).available(now) == euro("10.00")


async def test_a_booking_heard_twice_uses_the_voucher_once(
    members: Members, booked: Callable[..., Any]
) -> None:
    await at_the_till(members, worth="20.00")
    await members.hear(booked("B9", *BOOKING), booked("B9", *BOOKING, delivery="2"))
    assert (await members.world.issued("V19")).balance == euro("10.00")


async def test_a_waiver_of_what_is_not_open_any_more_leaves_the_voucher_alone(
    members: Members, booked: Callable[..., Any]
) -> None:
    await at_the_till(members)
    members.world.clock.advance(minutes=20)
    ask, world = members.world.ask, members.world
    await members.fees.withdraw(ask(), account_id="A1", fee_id="F1", reason="returned")
    await members.hear(booked("B9", BOOKING[1]))
    facts = [entry.event for entry in await world.store.load("account-A1")]
    assert isinstance(facts[-1], FeeSettlementFailed)
    assert (await world.issued("V19")).balance == euro("10.00")


async def test_a_voucher_for_other_fees_waives_nothing(members: Members) -> None:
    only = Terms(
        funding="donated", reason="Spende", restrictions=Restrictions(fee_kinds=("overdue_fee",))
    )
    code = await members.voucher("V19", "10.00", only)
    await members.open()
    await members.fee("F1", "12.00", kind="annual_fee")
    with pytest.raises(FeeKindNotCovered):
        await members.prepare("S1", "F1", "waiver", "10.00", typed=code)
