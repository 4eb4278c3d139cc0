"""Relay and receiver under seeded faults: everything arrives, in order, and counts once."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence

import pytest

from events import relay
from events.publication import Publication
from events.reaction import Incoming, Reaction
from events.receiver import Receiver
from events.relay import run_relay
from events.store.dead_letters import MemoryDeadLetters
from events.testing.faults import BusFaults, FaultyBus
from events.testing.memory import MemoryBus, MemoryCheckpoints, MemoryEventStore
from events.testing.store_contract import REGISTRY, Counted, counted
from events.testing.waiting import until

PUBLIC = Publication("counter", (Counted,), ordering_key=lambda recorded: recorded.stream)
STREAMS, EACH = 7, 12
FAULTS = BusFaults(
    publish_refused=0.1,
    publish_cut=0.2,
    publish_answer_lost=0.2,
    fetch_refused=0.1,
    acknowledge_lost=0.2,
)


@pytest.mark.parametrize("seed", range(10))
async def test_every_event_is_handled_once_in_effect_and_in_order(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "BACKOFF_FIRST_S", 0.001)
    monkeypatch.setattr(relay, "BACKOFF_MAX_S", 0.002)
    chance = random.Random(seed)
    store = MemoryEventStore("counter", REGISTRY)
    bus = FaultyBus(MemoryBus(), FAULTS, chance)
    seen: dict[str, list[int]] = defaultdict(list)

    async def handle(records: Sequence[Incoming]) -> None:
        for record in records:
            await asyncio.sleep(0)
            last = seen[record.subject][-1] if seen[record.subject] else 0
            # A repeat is known by its number, as an inbox would know it; a gap would be a loss.
            assert record.sequence <= last + 1
            if record.sequence == last + 1:
                seen[record.subject].append(record.sequence)

    count = Reaction(
        name="count",
        topic="counter",
        events=frozenset({"counter.counted"}),
        lane=lambda incoming: incoming.subject,
        handle=handle,
    )
    letters = MemoryDeadLetters()
    work = [
        asyncio.create_task(run_relay(store, bus, PUBLIC, MemoryCheckpoints(), page_max=5)),
        asyncio.create_task(Receiver(bus, "desk", [count], letters, fetch_max=9).run()),
        asyncio.create_task(Receiver(bus, "desk", [count], letters, fetch_max=9).run()),
    ]
    try:
        for number in range(EACH):
            for stream in chance.sample(range(STREAMS), STREAMS):
                await store.append(counted(f"s{stream}", number))
        await until(lambda: sum(map(len, seen.values())) == STREAMS * EACH)
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
    assert letters.letters == []
    assert dict(seen) == {f"s{n}": list(range(1, EACH + 1)) for n in range(STREAMS)}
