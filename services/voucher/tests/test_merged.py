"""Merged vouchers and what arrives for them afterwards: no history puts value on a dead one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from events import DomainError
from events.testing.memory import MemoryEventStore
from kassenverbund.kit.chain import Chain
from money import euro
from voucher.decider import Issued, Status
from voucher.handlers import Rules, successors
from voucher.service import REGISTRY
from voucher.testing.fakes import Clock
from voucher.testing.world import World, build_world

CHAIN = Chain.model_validate(YAML(typ="safe").load(Path(__file__).parents[3] / "chain.yaml"))
VOUCHERS = 4
SOLD, PAID, TOPPED = 1_000, 300, 500

Step = tuple[str, int, int]
steps = st.lists(
    st.tuples(
        st.sampled_from(["merge", "merge", "top_up", "again", "pay", "refund"]),
        st.integers(0, VOUCHERS - 1),
        st.integers(0, VOUCHERS - 1),
    ),
    max_size=14,
)


@given(steps)
@settings(max_examples=150, deadline=None)
def test_value_for_a_merged_voucher_is_on_its_successor_and_counted_once(
    history: list[Step],
) -> None:
    owed, vouchers, merged = asyncio.run(_play(history))
    assert sum(voucher.balance.amount for voucher in vouchers) == owed
    for number in merged:
        ended = vouchers[number]
        assert (ended.status, ended.balance.amount) == (Status.REPLACED, 0)


async def test_merges_are_followed_up_to_a_limit(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond it the record waits as a dead letter, and nothing is counted."""
    monkeypatch.setattr(successors, "SUCCESSORS_MAX", 2)
    codes = [(await world.sell(f"v{n}", "10.00")).code for n in range(VOUCHERS)]
    for n in range(VOUCHERS - 1):
        await world.move(codes[n], codes[n + 1], None, f"M{n}")
    with pytest.raises(AssertionError, match="merges in a row"):
        await world.book("b0", lines=[_top_up(0, 0)])
    assert (await world.issued("v3")).balance == euro("40.00")
    await world.book("b1", lines=[_top_up(1, 1)])
    assert (await world.issued("v3")).balance == euro("45.00")


async def _play(history: list[Step]) -> tuple[int, list[Issued], set[int]]:
    """What the chain owes by the bookings alone; the vouchers; which of them were merged."""
    clock = Clock()
    store = MemoryEventStore("voucher", REGISTRY, clock=clock)
    world = build_world(store, clock, CHAIN, Rules())
    codes = [(await world.sell(f"v{n}", "10.00")).code for n in range(VOUCHERS)]
    owed, topped, ended, paid = VOUCHERS * SOLD, list[dict[str, str]](), set[int](), list[str]()
    for number, (what, one, other) in enumerate(history):
        match what:
            case "merge":
                if await _refused(world, codes[one], codes[other], f"M{number}"):
                    continue
                ended.add(one)
            case "top_up":
                line = _top_up(one, number)
                await world.book(f"b{number}", lines=[line])
                topped.append(line)
                owed += TOPPED
            case "again" if topped:
                # The same sale once more, as another record: a bridge, a restored gateway.
                line = topped[other % len(topped)]
                await world.book(f"b{number}", lines=[line])
            case "pay" if one not in ended:
                try:
                    await world.pay(codes[one], "3.00", f"H{number}")
                except DomainError:
                    continue
                paid.append(f"H{number}")
                owed -= PAID
            case "refund" if paid:
                await world.refund(paid.pop(), "3.00", f"X{number}")
                owed += PAID
            case _:
                continue
    return owed, [await world.issued(f"v{n}") for n in range(VOUCHERS)], ended


def _top_up(voucher: int, number: int) -> dict[str, str]:
    return {
        "kind": "voucher_top_up",
        "voucher_id": f"v{voucher}",
        "top_up_id": f"T{number}",
        "amount": "5.00",
    }


async def _refused(world: World, source: str, target: str, transfer_id: str) -> bool:
    try:
        await world.move(source, target, None, transfer_id)
    except DomainError:
        return True
    return False
