"""What every bus promises, as tests. An adapter's test file subclasses `BusContract`.

class TestMemory(BusContract):
    @pytest.fixture
    async def bus(self) -> Bus: "gives up keys after HAND_OVER_S"
    @pytest.fixture
    async def other(self, bus) -> Bus: "another process on the same backend"

An adapter on a backend of its own subclasses `ProcessContract`, which also kills a member.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

import pytest

from events.bus.contract import RECORD_BYTES_MAX, Bus, KeysLost, Record, Subscription
from events.errors import RecordTooLarge, Transient
from events.testing.bus_records import (
    DEADLINE_S,
    collect,
    in_order,
    number_of,
    record,
    spread,
)

HAND_OVER_S = 1.0
"""What the suite's adapters are told: how long a member keeps keys that others wait for."""


class BusContract:
    """The promises that every adapter keeps."""

    @pytest.fixture
    async def topic(self, bus: Bus) -> str:
        topic = f"topic-{uuid4().hex[:12]}"
        await bus.ensure_topics([topic])
        return topic

    async def test_records_arrive_unchanged(self, bus: Bus, topic: str) -> None:
        sent = Record("voucher-1", {"ce_id": "1", "grüße": "Öl, 5 €"}, b'{"a":"\xc3\xa4"}\x00\xff')
        await bus.publish(topic, [sent])
        async with bus.subscribe(topic, group="g") as subscription:
            assert await collect(subscription, 1) == [sent]

    async def test_one_key_arrives_in_order(self, bus: Bus, topic: str) -> None:
        for start in (0, 50, 100):
            await bus.publish(topic, [record("one", n) for n in range(start, start + 50)])
        async with bus.subscribe(topic, group="g") as subscription:
            found = await collect(subscription, 150)
        assert [number_of(entry) for entry in found] == list(range(150))

    async def test_publishing_nothing_is_fine(self, bus: Bus, topic: str) -> None:
        await bus.publish(topic, [])

    async def test_a_waiting_fetch_wakes_when_something_is_published(
        self, bus: Bus, topic: str
    ) -> None:
        async with bus.subscribe(topic, group="g") as subscription:
            waiting = asyncio.create_task(subscription.fetch(records_max=10, wait_s=2 * DEADLINE_S))
            await bus.publish(topic, [record("k", 0)])
            async with asyncio.timeout(DEADLINE_S):
                assert len((await waiting).records) == 1

    async def test_a_record_of_another_process_is_found(
        self, bus: Bus, other: Bus, topic: str
    ) -> None:
        async with bus.subscribe(topic, group="g") as subscription:
            await other.publish(topic, [record("k", 0)])
            assert len(await collect(subscription, 1)) == 1

    async def test_unacknowledged_records_come_back(self, bus: Bus, topic: str) -> None:
        await bus.publish(topic, spread(3, 3))
        async with bus.subscribe(topic, group="g") as subscription:
            await collect(subscription, 9, acknowledge=False)
        async with bus.subscribe(topic, group="g") as subscription:
            assert len(await collect(subscription, 9)) == 9

    async def test_acknowledged_records_do_not(self, bus: Bus, topic: str) -> None:
        await bus.publish(topic, spread(3, 3))
        async with bus.subscribe(topic, group="g") as subscription:
            await collect(subscription, 9)
        await bus.publish(topic, [record("key-0", 3)])
        async with bus.subscribe(topic, group="g") as subscription:
            assert await collect(subscription, 1) == [record("key-0", 3)]

    async def test_a_batch_holds_no_more_than_was_asked_for(self, bus: Bus, topic: str) -> None:
        await bus.publish(topic, spread(5, 5))
        async with bus.subscribe(topic, group="g") as subscription:
            batch = await subscription.fetch(records_max=7, wait_s=DEADLINE_S)
        assert 1 <= len(batch.records) <= 7

    async def test_every_group_gets_every_record(self, bus: Bus, topic: str) -> None:
        await bus.publish(topic, spread(4, 4))
        for group in ("a", "b"):
            async with bus.subscribe(topic, group=group) as subscription:
                assert len(await collect(subscription, 16)) == 16

    async def test_a_new_group_starts_at_the_beginning(self, bus: Bus, topic: str) -> None:
        await bus.publish(topic, [record("k", 0)])
        async with bus.subscribe(topic, group="old") as subscription:
            await collect(subscription, 1)
        await bus.publish(topic, [record("k", 1)])
        async with bus.subscribe(topic, group="new") as subscription:
            assert [number_of(entry) for entry in await collect(subscription, 2)] == [0, 1]

    async def test_rewind_replays(self, bus: Bus, topic: str) -> None:
        await bus.publish(topic, spread(2, 5))
        async with bus.subscribe(topic, group="g") as subscription:
            await collect(subscription, 10)
            await subscription.rewind()
            again = await collect(subscription, 10)
            assert len(again) == 10
            assert in_order(again)
        await bus.publish(topic, [record("key-0", 5)])
        async with bus.subscribe(topic, group="g") as subscription:
            assert await collect(subscription, 1) == [record("key-0", 5)]

    async def test_republishing_may_duplicate_but_never_reorders(
        self, bus: Bus, topic: str
    ) -> None:
        page = [record("k", n) for n in range(20)]
        await bus.publish(topic, page[:12])  # The answer was lost, the relay sends its page again.
        await bus.publish(topic, page)
        async with bus.subscribe(topic, group="g") as subscription:
            found = await collect(subscription, 32)
        assert in_order(found)
        assert number_of(found[-1]) == 19

    async def test_fetch_returns_early_when_closed(self, bus: Bus, topic: str) -> None:
        async with bus.subscribe(topic, group="g") as subscription:
            waiting = asyncio.create_task(subscription.fetch(records_max=10, wait_s=2 * DEADLINE_S))
            # Let it wait for what never comes.
            await subscription.fetch(records_max=10, wait_s=0.05)
        async with asyncio.timeout(DEADLINE_S):
            assert not await waiting

    async def test_closing_twice_is_fine(self, bus: Bus, topic: str) -> None:
        async with bus.subscribe(topic, group="g"):
            await bus.close()
        await bus.close()

    async def test_an_oversized_record_is_refused_the_same_way_everywhere(
        self, bus: Bus, topic: str
    ) -> None:
        small = record("k", 0, value=b"x")
        fits = record("k", 0, value=b"x" * (RECORD_BYTES_MAX - small.size + 1))
        assert fits.size == RECORD_BYTES_MAX
        with pytest.raises(RecordTooLarge):
            await bus.publish(topic, [small, record("k", 0, value=fits.value + b"x")])
        await bus.publish(topic, [fits])
        async with bus.subscribe(topic, group="g") as subscription:
            assert await collect(subscription, 1) == [fits]

    async def test_members_of_a_group_never_share_a_key(
        self, bus: Bus, other: Bus, topic: str
    ) -> None:
        keys, each = 24, 12
        table = _Table(keys * each)
        async with bus.subscribe(topic, group="g") as first:
            working = [asyncio.create_task(table.work("first", first))]
            await bus.publish(topic, spread(keys, each)[: keys * each // 2])
            async with other.subscribe(topic, group="g") as second:
                working.append(asyncio.create_task(table.work("second", second)))
                await bus.publish(topic, spread(keys, each)[keys * each // 2 :])
                async with asyncio.timeout(DEADLINE_S):
                    await table.all_seen.wait()
                await _stop(working)
        assert table.shared == []
        assert in_order(table.seen)

    async def test_members_share_the_work(self, bus: Bus, other: Bus, topic: str) -> None:
        async with (
            bus.subscribe(topic, group="g") as first,
            other.subscribe(topic, group="g") as second,
        ):
            both = {"first": first, "second": second}
            table = _Table(sys.maxsize)
            working = [
                asyncio.create_task(table.work(name, member)) for name, member in both.items()
            ]
            async with asyncio.timeout(DEADLINE_S):
                number = 0
                while set(table.by.values()) != both.keys():
                    await bus.publish(topic, [record(f"key-{key}", number) for key in range(24)])
                    number += 1
                    await asyncio.sleep(0.1)
            await _stop(working)

    async def test_a_leaving_member_hands_its_keys_over(
        self, bus: Bus, other: Bus, topic: str
    ) -> None:
        async with bus.subscribe(topic, group="g") as first:
            async with other.subscribe(topic, group="g"):
                pass
            await bus.publish(topic, spread(24, 1))
            assert len(await collect(first, 24)) == 24

    async def test_keys_in_hand_are_not_given_to_another_member_at_once(
        self, bus: Bus, other: Bus, topic: str
    ) -> None:
        await bus.publish(topic, spread(24, 1))
        async with bus.subscribe(topic, group="g") as first:
            batch = await first.fetch(records_max=100, wait_s=DEADLINE_S)
            held = {entry.key for entry in batch.records}
            async with _joining(other, topic) as joined:
                # While the first still works on its batch, the second gets none of its keys.
                early: list[Record] = []
                if joined.done():
                    early = list((await joined.result().fetch(records_max=100, wait_s=0)).records)
                assert not held & {entry.key for entry in early}
                await first.acknowledge(batch)
                async with asyncio.timeout(DEADLINE_S):
                    await joined

    async def test_late_acknowledgement_after_losing_a_key_is_refused(
        self, bus: Bus, other: Bus, topic: str
    ) -> None:
        await bus.publish(topic, spread(24, 1))
        async with bus.subscribe(topic, group="g") as first:
            batch = await first.fetch(records_max=100, wait_s=DEADLINE_S)
            while len(batch.records) < 24:  # Some adapters answer with a part of it.
                more = await first.fetch(records_max=100, wait_s=DEADLINE_S)
                batch = type(batch)([*batch.records, *more.records], more.mark)
            async with _joining(other, topic) as joined, asyncio.timeout(DEADLINE_S):
                second = await joined
                await collect(second, 1, acknowledge=False)  # It was waited for long enough.
                with pytest.raises(KeysLost):
                    await first.acknowledge(batch)

    async def test_a_batch_from_before_a_rewind_is_not_acknowledged(
        self, bus: Bus, topic: str
    ) -> None:
        await bus.publish(topic, spread(2, 2))
        async with bus.subscribe(topic, group="g") as subscription:
            batch = await subscription.fetch(records_max=100, wait_s=DEADLINE_S)
            await subscription.rewind()
            with pytest.raises(KeysLost):
                await subscription.acknowledge(batch)


class ProcessContract(BusContract):
    """What else holds where members are processes of their own."""

    @pytest.fixture
    def member_command(self) -> Callable[[str, str], list[str]]:
        """`(topic, group)` → arguments of `python -m events.testing.bus_member`."""
        raise NotImplementedError

    async def test_the_keys_of_a_killed_member_are_taken_over(
        self, bus: Bus, topic: str, member_command: Callable[[str, str], list[str]]
    ) -> None:
        await bus.publish(topic, spread(24, 2))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "events.testing.bus_member", *member_command(topic, "g"),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            async with asyncio.timeout(DEADLINE_S):
                assert await process.stdout.readline() == b"holding\n"
            process.kill()  # SIGKILL: nothing is given back.
            async with bus.subscribe(topic, group="g") as survivor:
                found = await collect(survivor, 48)
            assert in_order(found)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def survives_a_restart(
    bus: Bus, *, stop: Callable[[], None], start: Callable[[], None]
) -> None:
    """A backend that goes away and comes back costs time, and nothing else.

    Call it from a test that owns the backend: other tests must not see it go.
    """
    topic = f"topic-{uuid4().hex[:12]}"
    await bus.ensure_topics([topic])
    await bus.publish(topic, spread(4, 2))
    async with bus.subscribe(topic, group="g") as subscription:
        assert len(await collect(subscription, 8)) == 8
        await asyncio.to_thread(stop)
        assert not await bus.healthy()
        with pytest.raises(Transient):
            await bus.publish(topic, [record("key-0", 2)])
        await asyncio.to_thread(start)
        await _until_published(bus, topic, [record(f"key-{key}", 2) for key in range(4)])
        found: list[Record] = []
        async with asyncio.timeout(DEADLINE_S):
            while {entry.key for entry in found if number_of(entry) == 2} != {
                f"key-{key}" for key in range(4)
            }:
                with suppress(Transient, KeysLost):
                    batch = await subscription.fetch(records_max=100, wait_s=0.5)
                    found.extend(batch.records)
                    await subscription.acknowledge(batch)
        assert await bus.healthy()


async def _until_published(bus: Bus, topic: str, records: Sequence[Record]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                return await bus.publish(topic, records)
            except Transient:
                await asyncio.sleep(0.2)


class _Table:
    """Where the members of a group put down what they hold."""

    def __init__(self, expected: int) -> None:
        self.seen: list[Record] = []
        self.by: dict[str, str] = {}
        self.shared: list[str] = []
        self.all_seen = asyncio.Event()
        self._holding: dict[str, str] = {}
        self._expected = expected
        self._ids: set[str] = set()

    async def work(self, name: str, member: Subscription) -> None:
        while True:
            batch = await member.fetch(records_max=20, wait_s=0.2)
            keys = {entry.key for entry in batch.records}
            self.shared += [key for key in keys if self._holding.get(key, name) != name]
            self._holding.update(dict.fromkeys(keys, name))
            self.by.update(dict.fromkeys(keys, name))
            self.seen.extend(batch.records)
            await asyncio.sleep(0.02)  # Work takes time, in which a key could be shared.
            for key in keys:
                self._holding.pop(key, None)
            with suppress(KeysLost):
                await member.acknowledge(batch)
            self._ids.update(entry.headers["ce_id"] for entry in batch.records)
            if len(self._ids) >= self._expected:
                self.all_seen.set()


@asynccontextmanager
async def _joining(bus: Bus, topic: str) -> AsyncIterator[asyncio.Future[Subscription]]:
    """Join in the background: on Kafka that takes until the others have handed over."""
    joined: asyncio.Future[Subscription] = asyncio.get_running_loop().create_future()
    leave = asyncio.Event()

    async def member() -> None:
        async with bus.subscribe(topic, group="g") as subscription:
            joined.set_result(subscription)
            await leave.wait()

    task = asyncio.create_task(member())
    try:
        yield joined
    finally:
        leave.set()
        if not joined.done():
            task.cancel()
        await asyncio.wait((task,))


async def _stop(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
