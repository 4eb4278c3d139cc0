"""V20 (the facts): every waiver carries a reason that is not empty, and their sum equals what the
accounts say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from money import euro, total
from voucher.decider.account.refusals import ReasonNeeded
from voucher.events import FeeSettled, Terms

if TYPE_CHECKING:
    from voucher.testing.members import Members


async def test_three_waivers_three_reasons_one_sum(members: Members) -> None:
    gift = Terms(funding="donated", reason="Spende")
    code = await members.voucher("V20", "5.00", gift)
    await members.open()
    for number, amount in enumerate(("5.00", "4.00", "3.00"), start=1):
        await members.fee(f"F{number}", amount)
    await members.accounts.credit(
        members.world.ask(), account_id="A1", credit_id="G1", amount=euro("3.00"),
        reason="Kulanz", fee_kinds=(), valid_until=None,
    )  # fmt: skip
    asked = (
        members.wanted("S1", "F1", "waiver", "5.00", typed=code),
        members.wanted("S2", "F2", "waiver", "4.00", reason="Irrtum"),
        members.wanted("S3", "F3", "waiver", "3.00", from_credit=True),
    )
    for wanted in asked:
        await members.fees.settle_now(members.world.ask(), wanted)
    entries = await members.world.store.load("account-A1")
    waivers = [entry.event for entry in entries if isinstance(entry.event, FeeSettled)]
    assert [waiver.reason for waiver in waivers] == ["Spende", "Irrtum", "Kulanz"]
    assert total((waiver.amount for waiver in waivers), currency="EUR") == euro("12.00")


async def test_a_waiver_without_a_reason_is_refused(members: Members) -> None:
    await members.open()
    await members.fee("F1", "4.00")
    with pytest.raises(ReasonNeeded):
        await members.fees.settle_now(
            members.world.ask(), members.wanted("S1", "F1", "waiver", "4.00")
        )
