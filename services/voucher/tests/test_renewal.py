"""Short codes of other systems: at the first use at a till a code of ours takes over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from events.testing.memory import MemoryEventStore
from kassenverbund.kit.chain import Chain
from money import euro
from voucher.decider import HoldOpen, HoldUnknown, VoucherNotUsable
from voucher.events import VoucherCodeReplaced
from voucher.handlers import Named, Rules
from voucher.testing.fakes import Clock

if TYPE_CHECKING:
    from services.voucher.tests.conftest import World

SHORT = "4711AB"
MakeWorld = Callable[..., "World"]


@pytest.fixture
def world(new_world: MakeWorld, memory: MemoryEventStore, clock: Clock, chain: Chain) -> World:
    return new_world(memory, clock, chain, Rules(foreign_codes=True))


async def taken_over(world: World, value: str = "50.00") -> None:
    await world.taken_over("old", SHORT, value)


async def renew(world: World, hold_id: str = "H1", **asked: Any) -> Any:
    return await world.vouchers.renewal.renew(world.ask(), hold_id=hold_id, **asked)


async def test_a_short_code_is_dead_once_the_new_one_is_there(world: World) -> None:
    await taken_over(world)
    await world.pay(SHORT, "20.00", "H1")
    done = await renew(world)
    assert done.voucher.balance == euro("30.00")
    with pytest.raises(VoucherNotUsable):
        await world.hold(SHORT, "1.00", "H2")
    await world.pay(done.code, "30.00", "H3")


async def test_until_somebody_asks_for_the_new_code_the_short_one_pays(world: World) -> None:
    """A slip that cannot be printed makes no paper worthless."""
    await taken_over(world)
    await world.pay(SHORT, "20.00", "H1")
    await world.pay(SHORT, "10.00", "H2")
    assert (await world.issued("old")).balance == euro("20.00")


async def test_a_repeat_gets_the_same_code_until_it_is_delivered(world: World) -> None:
    await taken_over(world)
    await world.pay(SHORT, "20.00", "H1")
    first = await renew(world)
    assert (await renew(world)).code == first.code
    await world.vouchers.renewal.delivered("H1")
    assert await renew(world) is None
    assert (await world.names()).count("voucher.code_replaced") == 1


async def test_the_new_code_stands_in_no_fact(world: World) -> None:
    await taken_over(world)
    await world.pay(SHORT, "20.00", "H1")
    done = await renew(world)
    log = await world.store.read(after=0, records_max=100)
    assert not any(done.code.encode() in entry.data for entry in log)
    (fact,) = [entry.event for entry in log if isinstance(entry.event, VoucherCodeReplaced)]
    assert fact.reason == "weak_code"


async def test_before_the_payment_is_captured_there_is_no_new_code(world: World) -> None:
    await taken_over(world)
    await world.hold(SHORT, "20.00", "H1")
    await world.vouchers.confirm(world.ask(), hold_id="H1")
    with pytest.raises(HoldOpen):
        await renew(world)


async def test_a_voucher_that_is_spent_gets_no_new_code(world: World) -> None:
    await taken_over(world, "20.00")
    await world.pay(SHORT, "20.00", "H1")
    assert await renew(world) is None


async def test_a_code_of_ours_stays(world: World) -> None:
    sold = await world.sell("v1", "50.00")
    await world.pay(sold.code, "20.00", "H1")
    assert await renew(world) is None
    await world.pay(sold.code, "30.00", "H2")


async def test_two_tills_with_the_same_paper_get_one_new_code(world: World) -> None:
    await taken_over(world)
    await world.hold(SHORT, "10.00", "H2")
    await world.pay(SHORT, "20.00", "H1")
    assert await renew(world) is not None
    await world.vouchers.confirm(world.ask(), hold_id="H2")
    await world.book("b-H2", paid=[("H2", "10.00", "old")])
    assert await renew(world, "H2") is None


async def test_a_code_that_was_replaced_once_more_is_not_printed(world: World) -> None:
    await taken_over(world)
    await world.pay(SHORT, "20.00", "H1")
    await renew(world)
    await world.vouchers.office.replace_code(
        world.ask(), replacement_id="R1", named=Named(serial="ALT-old"), reason="lost", caller="m"
    )
    assert await renew(world) is None


async def test_another_store_hears_nothing_of_a_new_code(world: World) -> None:
    await taken_over(world)
    await world.pay(SHORT, "20.00", "H1")
    with pytest.raises(HoldUnknown):
        await renew(world, store_id="hamburg")
    assert await renew(world, store_id="koeln") is not None


async def test_a_chain_may_leave_short_codes_as_they_are(
    new_world: MakeWorld, memory: MemoryEventStore, clock: Clock, chain: Chain
) -> None:
    world = new_world(memory, clock, chain, Rules(foreign_codes=True, replace_weak_codes=False))
    await taken_over(world)
    await world.pay(SHORT, "20.00", "H1")
    assert await renew(world) is None
    await world.pay(SHORT, "30.00", "H2")
