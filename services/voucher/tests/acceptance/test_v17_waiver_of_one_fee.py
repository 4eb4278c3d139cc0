"""V17: annual fee 15.00 waived by a donated voucher, note "Gutschein 0042"; nothing is owed, and
the list of waivers has 15.00 with its reason, user and time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from events import Ask, Metadata
from money import euro
from voucher.events import FeeSettled, Terms, VoucherRedeemed
from voucher.handlers.gifts import NoGift

if TYPE_CHECKING:
    from voucher.testing.members import Members


GIFT = Terms(funding="donated", reason="Spende des Fördervereins")


async def waived(members: Members, recorded: list[Any]) -> FeeSettled:
    code = await members.voucher("0042", "15.00", GIFT)
    await members.open()
    await members.fee("F1", "15.00")
    wanted = members.wanted("S1", "F1", "waiver", "15.00", typed=code, reason="Gutschein 0042")
    ask = Ask.of("k1", "", metadata=Metadata(actor="person:anna"))
    await members.fees.settle_now(ask, wanted)
    recorded += await members.world.store.load("account-A1")
    fact = recorded[-1].event
    assert isinstance(fact, FeeSettled)
    return fact


async def test_the_fee_is_not_open_any_more(members: Members) -> None:
    await waived(members, [])
    account = await members.account()
    assert (account.fees["F1"].open, account.balance) == (euro("0.00"), euro("0.00"))


async def test_the_waiver_names_amount_reason_user_and_time(members: Members) -> None:
    recorded: list[Any] = []
    fact = await waived(members, recorded)
    assert (fact.how, fact.amount, fact.reason) == ("waiver", euro("15.00"), "Gutschein 0042")
    assert fact.settled_at == members.world.clock()
    assert recorded[-1].metadata.actor == "person:anna"


async def test_the_voucher_is_used_up_in_the_same_append(members: Members) -> None:
    recorded: list[Any] = []
    fact = await waived(members, recorded)
    redeemed = (await members.world.store.load("voucher-0042"))[-1]
    assert isinstance(redeemed.event, VoucherRedeemed)
    assert redeemed.event.waiver == GIFT.reason
    assert redeemed.idempotency_key == recorded[-1].idempotency_key
    assert (fact.voucher_serial, redeemed.event.remaining) == (
        redeemed.event.serial,
        euro("0.00"),
    )


async def test_a_purchased_voucher_is_a_payment_and_waives_nothing(members: Members) -> None:
    code = await members.voucher("V1", "15.00")
    await members.open()
    await members.fee("F1", "15.00")
    with pytest.raises(NoGift):
        await members.fees.settle_now(
            members.world.ask(), members.wanted("S1", "F1", "waiver", "15.00", typed=code)
        )
