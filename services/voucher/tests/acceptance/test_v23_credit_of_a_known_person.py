"""V23: credit 10.00 on the account; a later fee of 4.00 is offset by itself: 6.00 are left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from money import euro
from voucher.events import FeeSettled

if TYPE_CHECKING:
    from voucher.testing.members import Members


async def test_a_later_fee_is_offset_by_itself(members: Members) -> None:
    await members.open(receipt_duty=False)
    code = await members.voucher("V23", "10.00")
    await members.claims.claim(members.world.ask(), account_id="A1", typed=code, source="o")
    await members.fee("F1", "4.00")
    account = await members.account()
    assert (account.balance, account.fees["F1"].open) == (euro("6.00"), euro("0.00"))


async def test_the_offset_names_the_voucher(members: Members) -> None:
    await members.open(receipt_duty=False)
    code = await members.voucher("V23", "10.00")
    done = await members.claims.claim(members.world.ask(), account_id="A1", typed=code, source="o")
    await members.fee("F1", "4.00")
    entries = await members.world.store.load("account-A1")
    settled = entries[-1].event
    assert isinstance(settled, FeeSettled)
    assert (settled.how, settled.voucher_serial, settled.booking_id) == (
        "credit",
        done.serial,
        None,
    )


async def test_with_receipt_duty_nothing_is_offset_by_itself(members: Members) -> None:
    await members.open()
    code = await members.voucher("V23", "10.00")
    await members.claims.claim(members.world.ask(), account_id="A1", typed=code, source="o")
    await members.fee("F1", "4.00")
    assert (await members.account()).balance == euro("10.00")
