"""Many callers, one voucher: over the memory store and over PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import uuid4

from events import DomainError
from events.reaction import Incoming
from events.store.postgres import PostgresEventStore
from kassenverbund.kit.chain import Chain
from money import Money, euro
from voucher.handlers import Rules
from voucher.service import REGISTRY

if TYPE_CHECKING:
    from services.voucher.tests.conftest import Clock, World

CALLERS = 24


async def test_two_tills_and_one_voucher_of_ten_one_of_them_gets_it(either: World) -> None:
    voucher_id = uuid4().hex
    sold = await either.sell(voucher_id, "10.00")
    outcomes = await asyncio.gather(
        *(either.hold(sold.code, "10.00", f"{voucher_id}-{till}") for till in range(2)),
        return_exceptions=True,
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert [type(outcome).__name__ for outcome in refused] == ["VoucherInsufficient"]


async def test_many_tills_never_spend_more_than_there_is(either: World) -> None:
    voucher_id = uuid4().hex
    sold = await either.sell(voucher_id, "10.00")
    outcomes = await asyncio.gather(
        *(either.redeem(sold.code, "1.00", f"{voucher_id}-{n}") for n in range(CALLERS)),
        return_exceptions=True,
    )
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 10
    assert all(
        isinstance(outcome, DomainError)
        for outcome in outcomes
        if isinstance(outcome, BaseException)
    )
    assert (await either.issued(voucher_id)).balance == euro("0.00")


async def test_the_same_hold_asked_by_many_at_once_is_one_hold(either: World) -> None:
    voucher_id = uuid4().hex
    sold = await either.sell(voucher_id, "10.00")
    done = await asyncio.gather(
        *(either.hold(sold.code, "4.00", f"{voucher_id}-H") for _ in range(CALLERS))
    )
    voucher = await either.issued(voucher_id)
    assert len(voucher.open) == 1
    assert {outcome.state.hold(f"{voucher_id}-H").amount for outcome in done} == {euro("4.00")}


async def test_a_hold_and_its_release_at_once_leave_nothing_held(either: World) -> None:
    voucher_id = uuid4().hex
    sold = await either.sell(voucher_id, "10.00")
    for number in range(8):
        hold_id = f"{voucher_id}-{number}"
        await asyncio.gather(
            either.hold(sold.code, "4.00", hold_id),
            either.vouchers.let_go(either.ask(), hold_id=hold_id),
            return_exceptions=True,
        )
    voucher = await either.issued(voucher_id)
    assert voucher.open == {}
    assert voucher.available(either.clock.now) == euro("10.00")


async def test_one_hold_id_holds_only_one_of_two_vouchers(either: World) -> None:
    one, two = uuid4().hex, uuid4().hex
    sold = [await either.sell(one, "10.00"), await either.sell(two, "10.00")]
    outcomes = await asyncio.gather(
        *(either.hold(voucher.code, "4.00", f"{one}-H") for voucher in sold),
        return_exceptions=True,
    )
    refused = [type(o).__name__ for o in outcomes if isinstance(o, BaseException)]
    assert refused == ["HoldReused"]


async def test_the_same_voucher_prepared_by_many_at_once_has_one_code(either: World) -> None:
    voucher_id = uuid4().hex
    done = await asyncio.gather(*(either.prepare(voucher_id, "10.00") for _ in range(8)))
    assert len({prepared.code for prepared in done}) == 1


async def test_two_processes_on_one_database_share_one_balance(
    migrated_url: str,
    postgres: PostgresEventStore,
    clock: Clock,
    chain: Chain,
    new_world: Callable[..., World],
    recorded: Callable[..., Incoming],
) -> None:
    async with PostgresEventStore.open(
        migrated_url, service="voucher", schema="voucher", registry=REGISTRY
    ) as second:
        here = new_world(postgres, clock, chain, Rules())
        there = new_world(second, clock, chain, Rules())
        here.name, there.name = "here", "there"
        voucher_id = uuid4().hex
        sold = await here.sell(voucher_id, "10.00")
        outcomes = await asyncio.gather(
            *(
                world.redeem(sold.code, "1.00", f"{voucher_id}-{world.name}-{n}")
                for n in range(12)
                for world in (here, there)
            ),
            return_exceptions=True,
        )
        spent: Money = euro("0.00")
        for outcome in outcomes:
            if not isinstance(outcome, BaseException):
                spent = spent + outcome.events[0].amount  # type: ignore[attr-defined]  # Redeemed.
        voucher = await there.issued(voucher_id)
        assert spent + voucher.balance == euro("10.00")
        assert spent <= euro("10.00")
