"""What has ended stays ended: no command brings value there (E.7 P12), and a store that breaks in
the middle of a move leaves all of it or nothing (P9)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from events import DomainError, Transient, handle
from money import euro
from voucher.commands import ClaimVoucher
from voucher.decider import VOUCHER
from voucher.handlers import stream_of

if TYPE_CHECKING:
    from services.voucher.tests.conftest import World

End = Callable[["World"], Awaitable[None]]


async def replaced(world: World) -> None:
    other = await world.sell("v2", "10.00", template_id="rest")
    await world.move(world.name, other.code, None, "M1")


async def paid_out(world: World) -> None:
    await world.hold(world.name, "4.00", "H9", purpose="payout")
    await world.book("B9", lines=[{"kind": "voucher_payout", "hold_id": "H9", "amount": "4.00"}])


async def returned(world: World) -> None:
    await world.hold(world.name, "4.00", "H9", purpose="sale_reversal")
    line = {"kind": "voucher_sale_reversal", "hold_id": "H9", "amount": "4.00"}
    await world.book("B9", lines=[line])


async def claimed(world: World) -> None:
    voucher = await world.issued("v1")
    command = ClaimVoucher(
        claim_id="K1",
        account_id="a1",
        code_hash=voucher.code_hash,
        legal_entity_id="kette",
        now=world.clock.now,
    )
    await handle(world.store, VOUCHER, stream_of("v1"), command, ask=world.ask())


async def expired(world: World) -> None:
    world.clock.advance(days=1500)
    await world.vouchers.office.expiry_page(
        world.ask(), run_id="R1", legal_entity_id="kette", cursor="", vouchers_max=10
    )


@pytest.mark.parametrize("end", [replaced, paid_out, returned, claimed, expired])
async def test_an_ended_voucher_takes_no_value(world: World, end: End) -> None:
    sold = await world.sell("v1", "5.00", template_id="rest")
    await world.pay(sold.code, "1.00", "H1")
    world.name = sold.code
    await end(world)
    before = await world.issued("v1")
    assert before.balance == euro("0.00")
    other = await world.sell("v3", "10.00", template_id="rest")
    for attempt in (
        world.hold(sold.code, "1.00", "H2", "up_to"),
        world.redeem(sold.code, "1.00", "R2"),
        world.prepare_top_up(sold.code, "5.00", "T1"),
        world.move(other.code, sold.code, "1.00", "M2"),
        world.move(sold.code, other.code, None, "M3"),
        world.vouchers.moves.reverse(
            world.ask(), reversal_id="X1", hold_id="H9", amount=euro("1.00"), store_id="koeln"
        ),
    ):
        with pytest.raises(DomainError):
            await attempt
    assert await world.issued("v1") == before


@pytest.mark.parametrize("fault", ["fail_before", "lose_answer"])
async def test_a_move_that_breaks_is_whole_or_not_there_at_all(world: World, fault: str) -> None:
    one, two = await world.sell("v1", "50.00"), await world.sell("v2", "10.00")
    setattr(world.store, fault, True)
    try:
        await world.move(one.code, two.code, "20.00", "M1")
    except Transient:
        await world.move(one.code, two.code, "20.00", "M1")
    balances = [(await world.issued(name)).balance for name in ("v1", "v2")]
    assert balances == [euro("30.00"), euro("30.00")]


async def test_a_group_whose_answer_was_lost_holds_once(world: World) -> None:
    typed = [(await world.sell(name, "10.00")).code for name in ("v1", "v2")]
    world.store.lose_answer = True  # type: ignore[attr-defined]  # Only the memory store can.
    group = await world.group(typed, "16.00", "G1")
    assert group.total == euro("16.00")
    open_holds = [len((await world.issued(name)).open) for name in ("v1", "v2")]
    assert open_holds == [1, 1]
