"""Many callers at once, in two processes, and readers that wait for them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.errors import (
    ClaimTaken,
    IdempotencyKeyReused,
    WrongExpectedVersion,
)
from events.event import Event
from events.handle import input_hash
from events.store.contract import (
    Appended,
    AppendRequest,
    Claim,
    EventStore,
    NewEvents,
    Take,
)
from events.testing.store_contract.samples import (
    DEADLINE_S,
    Counted,
    counted,
    numbers_of,
    whole_log,
)
from events.version import ANY, EXISTS, NO_STREAM, Exact, ExpectedVersion


@dataclass(frozen=True)
class _Step:
    """One append of one caller in a random interleaving."""

    key: int
    stream: int
    events: int
    expected: ExpectedVersion
    claim: int | None
    pauses: int

    def request(self, run: str) -> AppendRequest:
        stream = f"{run}-{self.stream}"
        claims: tuple[Claim, ...] = ()
        events: list[Event] = [Counted(n=9) for _ in range(self.events)]
        if self.claim is not None:
            claims = (Take(f"{run}-claim-{self.claim}", stream),)
            events = [Counted(n=self.claim, text="takes"), *events]
        return AppendRequest(
            key=f"{run}-{self.key}",
            input_hash=input_hash(repr(self)),
            streams=(NewEvents(stream, self.expected, events),),
            claims=claims,
        )


_CALLERS = st.lists(
    st.lists(
        st.builds(
            _Step,
            key=st.integers(0, 30),
            stream=st.integers(0, 3),
            events=st.integers(0, 3),
            expected=st.one_of(st.just(ANY), st.just(EXISTS), st.builds(Exact, st.integers(0, 4))),
            claim=st.none() | st.integers(0, 1),
            pauses=st.integers(0, 3),
        ),
        max_size=8,
    ),
    min_size=1,
    max_size=6,
)


class RaceContract:
    """See `StoreContract`."""

    # Races

    async def test_of_many_callers_who_expect_the_same_version_one_wins(
        self, store: EventStore, other: EventStore
    ) -> None:
        answers = await asyncio.gather(
            *(
                (store, other)[n % 2].append(counted("counter-1", n, expected=NO_STREAM))
                for n in range(40)
            ),
            return_exceptions=True,
        )
        won = [answer for answer in answers if isinstance(answer, Appended)]
        lost = [answer for answer in answers if isinstance(answer, WrongExpectedVersion)]
        assert (len(won), len(lost)) == (1, 39)
        assert tuple(await whole_log(store)) == won[0].recorded

    async def test_of_many_callers_with_one_key_one_stores_and_all_hear_the_same(
        self, store: EventStore, other: EventStore
    ) -> None:
        request = counted("counter-1", 1, 2, key="k")
        answers = await asyncio.gather(*((store, other)[n % 2].append(request) for n in range(30)))
        assert sum(not answer.repeated for answer in answers) == 1
        assert len({answer.recorded for answer in answers}) == 1
        assert await store.head() == 2

    async def test_of_many_callers_who_take_one_claim_one_gets_it(
        self, store: EventStore, other: EventStore
    ) -> None:
        answers = await asyncio.gather(
            *(
                (store, other)[n % 2].append(
                    counted(f"voucher-{n}", n, claims=[Take("code-1", f"voucher-{n}")])
                )
                for n in range(30)
            ),
            return_exceptions=True,
        )
        (won,) = (answer for answer in answers if isinstance(answer, Appended))
        assert sum(isinstance(answer, ClaimTaken) for answer in answers) == 29
        assert await store.owner_of("code-1") == won.recorded[0].stream
        assert await store.head() == 1

    async def test_a_conflict_fails_only_its_own_caller(self, store: EventStore) -> None:
        await store.append(counted("busy", 0))
        requests = [
            counted("busy" if n % 3 == 0 else f"counter-{n}", n, expected=NO_STREAM)
            for n in range(60)
        ]
        answers = await asyncio.gather(
            *(store.append(request) for request in requests), return_exceptions=True
        )
        assert [isinstance(answer, Appended) for answer in answers] == [
            n % 3 != 0 for n in range(60)
        ]
        assert len(await whole_log(store)) == 41

    async def test_callers_on_one_stream_each_see_the_one_before(self, store: EventStore) -> None:
        requests = [counted("counter-1", n, expected=Exact(n)) for n in range(40)]
        await asyncio.gather(*(store.append(request) for request in requests))
        assert numbers_of(await whole_log(store)) == list(range(40))

    async def test_positions_stay_gapless_after_refusals_and_faults(
        self, store: EventStore, other: EventStore
    ) -> None:
        async def write(writer: int) -> None:
            log = (store, other)[writer % 2]
            for n in range(15):
                wrong = n % 4 == 1
                request = counted(f"counter-{writer}", n, n, expected=Exact(99) if wrong else ANY)
                if n % 5 == 2:
                    task = asyncio.create_task(log.append(request))
                    await asyncio.sleep(0)
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
                elif wrong:
                    with pytest.raises(WrongExpectedVersion):
                        await log.append(request)
                else:
                    await log.append(request)

        await asyncio.gather(*map(write, range(8)))
        log = await whole_log(store)
        assert len(log) == await other.head()

    async def test_a_tailing_reader_misses_nothing_under_many_writers(
        self, store: EventStore, other: EventStore
    ) -> None:
        writers, each = 16, 25

        async def write(writer: int) -> None:
            for n in range(each):
                await (store, other)[writer % 2].append(counted(f"counter-{writer}", n))

        async def tail() -> list[int]:
            seen: list[int] = []
            while len(seen) < writers * each:
                page = await other.read(after=len(seen), records_max=50)
                seen += [entry.position for entry in page]
                if not page:
                    await other.wait_for_append(after=len(seen), wait_s=1)
            return seen

        async with asyncio.timeout(DEADLINE_S):
            seen, *_ = await asyncio.gather(tail(), *map(write, range(writers)))
        assert seen == list(range(1, writers * each + 1))

    @settings(
        max_examples=20,
        deadline=None,
        # One log for all examples: what must hold, holds of the whole of it. And each adapter's
        # class runs this one test, on its own store.
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
        ],
    )
    @given(callers=_CALLERS)
    async def test_any_interleaving_keeps_the_log_whole(
        self, store: EventStore, other: EventStore, callers: list[list[_Step]]
    ) -> None:
        before = await store.head()
        stored: dict[str, Appended] = {}
        refused: set[str] = set()
        run = uuid4().hex[:8]

        async def call(caller: int, steps: list[_Step]) -> None:
            log = (store, other)[caller % 2]
            for step in steps:
                request = step.request(run)
                for _ in range(step.pauses):
                    await asyncio.sleep(0)
                try:
                    appended = await log.append(request)
                except (WrongExpectedVersion, ClaimTaken, IdempotencyKeyReused):
                    refused.add(request.key)
                else:
                    earlier = stored.setdefault(request.key, appended)
                    assert earlier.recorded == appended.recorded

        await asyncio.gather(*(call(caller, steps) for caller, steps in enumerate(callers)))
        log = (await whole_log(store))[before:]
        keys = [entry.idempotency_key for entry in log]
        assert sorted({*keys}) == sorted(key for key, done in stored.items() if done.recorded)
        assert sum(len(done.recorded) for done in stored.values()) == len(log)
        for done in stored.values():
            assert (
                list(done.recorded)
                == log[done.first_position - before - 1 : done.last_position - before]
                or not done.recorded
            )
        for claim in range(2):
            taken = [e.stream for e in log if e.event == Counted(n=claim, text="takes")]
            owner = await store.owner_of(f"{run}-claim-{claim}")
            assert owner == (taken[0] if taken else None)
            assert len(set(taken)) <= 1

    # Waiting

    async def test_a_waiting_reader_is_woken_by_an_append(
        self, store: EventStore, other: EventStore
    ) -> None:
        for writer, reader in ((store, store), (other, store), (store, other)):
            head = await store.head()
            waits = asyncio.create_task(reader.wait_for_append(after=head, wait_s=DEADLINE_S * 2))
            await asyncio.sleep(0)
            await writer.append(counted("counter-1", 1))
            async with asyncio.timeout(DEADLINE_S):
                await waits

    async def test_waiting_ends_where_nothing_is_appended(self, store: EventStore) -> None:
        async with asyncio.timeout(DEADLINE_S):
            await store.wait_for_append(after=await store.head(), wait_s=0.03)

    async def test_what_is_there_already_is_not_waited_for(self, store: EventStore) -> None:
        await store.append(counted("counter-1", 1))
        async with asyncio.timeout(DEADLINE_S):
            await store.wait_for_append(after=0, wait_s=DEADLINE_S * 2)
