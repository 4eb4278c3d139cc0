"""What every event store promises, as tests. An adapter's test file subclasses `StoreContract`.

class TestMemory(StoreContract):
    @pytest.fixture
    async def store(self) -> EventStore: ...
    @pytest.fixture
    async def other(self, store) -> EventStore: "another process on the same log"
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from events.errors import (
    ClaimTaken,
    EventTooLarge,
    IdempotencyKeyReused,
    TextRefused,
    UnknownEventType,
    WrongExpectedVersion,
)
from events.event import EVENT_BYTES_MAX, Event, Metadata, Recorded, Registry, event_type
from events.handle import input_hash
from events.store.chain import GENESIS, content_hash, entry_hash
from events.store.contract import (
    Appended,
    AppendRequest,
    Claim,
    EventStore,
    GiveBack,
    NewEvents,
    Take,
)
from events.store.prepare import encode_metadata
from events.version import ANY, EXISTS, NO_STREAM, Exact, ExpectedVersion

DEADLINE_S = 30.0


@event_type("counter.counted")
class Counted(Event):
    """The event of the suite."""

    n: int
    text: str = ""


@event_type("counter.closed")
class Closed(Event):
    """Nothing counts after it."""


@event_type("counter.unregistered")
class Unregistered(Event):
    """No registry knows it."""


REGISTRY = Registry(Counted, Closed)


def counted(
    stream: str,
    *numbers: int,
    expected: ExpectedVersion = ANY,
    key: str = "",
    value: str = "",
    claims: Sequence[Claim] = (),
    text: str = "",
) -> AppendRequest:
    """A request that counts `numbers` on one stream."""
    return AppendRequest(
        key=key or str(uuid4()),
        input_hash=input_hash(value or "the input"),
        streams=(NewEvents(stream, expected, [Counted(n=n, text=text) for n in numbers]),),
        claims=claims,
    )


def numbers_of(entries: Sequence[Recorded]) -> list[int]:
    return [entry.event.n for entry in entries if isinstance(entry.event, Counted)]


async def whole_log(store: EventStore) -> list[Recorded]:
    """The log, read in pages; its gaplessness and hash chain are asserted on the way."""
    log: list[Recorded] = []
    while page := await store.read(after=len(log), records_max=500):
        log.extend(page)
    previous, versions = GENESIS, dict[str, int]()
    for place, entry in enumerate(log, start=1):
        assert entry.position == place
        assert entry.version == versions.get(entry.stream, 0) + 1
        versions[entry.stream] = entry.version
        content = content_hash(
            stream=entry.stream,
            event_id=entry.event_id,
            name=entry.name,
            schema_version=entry.schema_version,
            data=entry.data,
            metadata=encode_metadata(entry.metadata),
            idempotency_key=entry.idempotency_key,
            recorded_at=entry.recorded_at,
        )
        assert entry.previous_hash == previous
        previous = entry_hash(
            previous=previous, position=place, version=entry.version, content=content
        )
        assert entry.hash == previous
    return log


class StoreContract:
    """Sentences that hold for every adapter."""

    # One append

    async def test_an_empty_log_has_nothing_to_read(self, store: EventStore) -> None:
        assert await store.head() == 0
        assert await store.read(after=0, records_max=10) == []
        assert await store.load("counter-1") == []

    async def test_what_was_appended_is_read_back(self, store: EventStore) -> None:
        metadata = Metadata(actor="person:7", causation_id="c", correlation_id="d")
        request = AppendRequest(
            key="k",
            input_hash=input_hash("x"),
            streams=(NewEvents("counter-1", NO_STREAM, [Counted(n=1, text="Größe €"), Closed()]),),
            metadata=metadata,
        )
        appended = await store.append(request)
        loaded = await store.load("counter-1")
        assert tuple(loaded) == appended.recorded
        assert [entry.event for entry in loaded] == [Counted(n=1, text="Größe €"), Closed()]
        assert [entry.name for entry in loaded] == ["counter.counted", "counter.closed"]
        assert loaded[0].metadata == metadata
        assert loaded[0].data == '{"n":1,"text":"Größe €"}'.encode()
        assert (appended.first_position, appended.last_position) == (1, 2)

    async def test_an_event_tells_when_it_was_recorded_in_utc(self, store: EventStore) -> None:
        await store.append(counted("counter-1", 1))
        (entry,) = await store.load("counter-1")
        assert entry.recorded_at.utcoffset() == timedelta(0)
        assert abs(datetime.now(UTC) - entry.recorded_at) < timedelta(minutes=5)

    async def test_versions_count_per_stream_and_positions_per_log(self, store: EventStore) -> None:
        await store.append(counted("counter-1", 1, 2))
        await store.append(counted("counter-2", 3))
        await store.append(counted("counter-1", 4))
        log = await store.read(after=0, records_max=10)
        assert [(e.position, e.stream, e.version) for e in log] == [
            (1, "counter-1", 1),
            (2, "counter-1", 2),
            (3, "counter-2", 1),
            (4, "counter-1", 3),
        ]

    async def test_reading_goes_on_after_a_position_page_by_page(self, store: EventStore) -> None:
        await store.append(counted("counter-1", *range(10)))
        assert numbers_of(await store.read(after=3, records_max=4)) == [3, 4, 5, 6]
        assert numbers_of(await store.load("counter-1", after=8)) == [8, 9]
        assert await store.head() == 10

    async def test_each_entry_is_chained_to_the_one_before(self, store: EventStore) -> None:
        for number in range(5):
            await store.append(counted(f"counter-{number % 2}", number, number))
        assert len(await whole_log(store)) == 10

    async def test_events_of_the_largest_size_come_back_whole(self, store: EventStore) -> None:
        text = "x" * (EVENT_BYTES_MAX - 100)
        await store.append(counted("counter-1", 1, 2, text=text))
        loaded = await store.load("counter-1")
        assert [entry.event for entry in loaded] == [
            Counted(n=1, text=text),
            Counted(n=2, text=text),
        ]

    # Refusals: nothing is stored

    @pytest.mark.parametrize(
        ("before", "expected"),
        [(1, NO_STREAM), (0, EXISTS), (2, Exact(1)), (2, Exact(3)), (0, Exact(1))],
    )
    async def test_another_version_than_expected_is_refused(
        self, store: EventStore, before: int, expected: ExpectedVersion
    ) -> None:
        if before:
            await store.append(counted("counter-1", *range(before)))
        with pytest.raises(WrongExpectedVersion) as refused:
            await store.append(counted("counter-1", 9, expected=expected))
        assert (refused.value.stream, refused.value.actual) == ("counter-1", before)
        assert await store.head() == before

    @pytest.mark.parametrize(
        ("before", "expected"), [(0, NO_STREAM), (1, EXISTS), (2, Exact(2)), (0, ANY), (3, ANY)]
    )
    async def test_the_expected_version_is_accepted(
        self, store: EventStore, before: int, expected: ExpectedVersion
    ) -> None:
        if before:
            await store.append(counted("counter-1", *range(before)))
        appended = await store.append(counted("counter-1", 9, expected=expected))
        assert appended.recorded[0].version == before + 1

    async def test_an_event_that_is_too_large_is_refused(self, store: EventStore) -> None:
        with pytest.raises(EventTooLarge):
            await store.append(counted("counter-1", 1, text="x" * EVENT_BYTES_MAX))
        assert await store.head() == 0

    @pytest.mark.parametrize(
        "request_with_nul",
        [
            counted("counter-1", 1, text="a\x00b"),
            counted("counter-1", 1, text="\\\x00"),
            counted("counter-\x00", 1),
            counted("counter-1", 1, key="k\x00"),
            counted("counter-1", 1, claims=[Take("c\x00", "o")]),
        ],
    )
    async def test_text_with_nul_is_refused(
        self, store: EventStore, request_with_nul: AppendRequest
    ) -> None:
        with pytest.raises(TextRefused):
            await store.append(request_with_nul)
        assert await store.head() == 0

    async def test_text_that_only_spells_nul_is_stored(self, store: EventStore) -> None:
        await store.append(counted("counter-1", 1, text="\\u0000 \\\\u0000 \u2028 😀"))
        (entry,) = await store.load("counter-1")
        assert entry.event == Counted(n=1, text="\\u0000 \\\\u0000 \u2028 😀")

    async def test_an_event_that_could_not_be_read_back_is_refused(self, store: EventStore) -> None:
        request = AppendRequest("k", input_hash("x"), [NewEvents("s-1", ANY, [Unregistered()])])
        with pytest.raises(UnknownEventType):
            await store.append(request)
        assert await store.head() == 0

    async def test_a_stream_named_twice_is_a_defect(self, store: EventStore) -> None:
        part = NewEvents("counter-1", ANY, [Closed()])
        with pytest.raises(ValueError, match="each stream once"):
            await store.append(AppendRequest("k", input_hash("x"), [part, part]))

    # Keys

    async def test_a_repeat_answers_with_what_was_stored(self, store: EventStore) -> None:
        request = counted("counter-1", 1, 2, expected=NO_STREAM, key="k")
        first = await store.append(request)
        await store.append(counted("counter-1", 3))
        again = await store.append(request)
        assert again.repeated
        assert not first.repeated
        assert again.recorded == first.recorded
        assert (again.first_position, again.last_position) == (1, 2)
        assert await store.head() == 3

    async def test_a_key_with_another_input_is_refused(self, store: EventStore) -> None:
        await store.append(counted("counter-1", 1, key="k", value="one"))
        with pytest.raises(IdempotencyKeyReused):
            await store.append(counted("counter-1", 1, key="k", value="two"))
        with pytest.raises(IdempotencyKeyReused):
            await store.outcome("k", input_hash("two"))
        assert await store.head() == 1

    async def test_a_decision_without_events_is_remembered(self, store: EventStore) -> None:
        nothing = AppendRequest(key="k", input_hash=input_hash("x"))
        assert not (await store.append(nothing)).repeated
        again = await store.append(nothing)
        assert again == Appended("k", repeated=True, first_position=0, last_position=0)
        assert await store.head() == 0

    async def test_a_refused_request_leaves_its_key_free(self, store: EventStore) -> None:
        with pytest.raises(WrongExpectedVersion):
            await store.append(counted("counter-1", 1, expected=EXISTS, key="k"))
        assert await store.outcome("k", input_hash("the input")) is None
        assert not (await store.append(counted("counter-1", 1, key="k"))).repeated

    async def test_an_outcome_is_found_by_its_key(self, store: EventStore) -> None:
        appended = await store.append(counted("counter-1", 1, key="k"))
        outcome = await store.outcome("k", input_hash("the input"))
        assert outcome is not None
        assert outcome.repeated
        assert outcome.recorded == appended.recorded
        assert await store.outcome("unknown", input_hash("the input")) is None

    # Several streams at once

    async def test_several_streams_are_stored_together(self, store: EventStore) -> None:
        request = AppendRequest(
            key="k",
            input_hash=input_hash("x"),
            streams=(
                NewEvents("till-1", NO_STREAM, [Counted(n=1)]),
                NewEvents("booking-1", NO_STREAM, [Counted(n=2), Closed()]),
            ),
        )
        appended = await store.append(request)
        assert [(e.stream, e.version) for e in appended.recorded] == [
            ("till-1", 1),
            ("booking-1", 1),
            ("booking-1", 2),
        ]
        again = await store.append(request)
        assert again.recorded == appended.recorded

    async def test_one_conflict_stores_none_of_the_streams(self, store: EventStore) -> None:
        await store.append(counted("booking-1", 1))
        request = AppendRequest(
            key="k",
            input_hash=input_hash("x"),
            streams=(
                NewEvents("till-1", NO_STREAM, [Counted(n=1)]),
                NewEvents("booking-1", NO_STREAM, [Counted(n=2)]),
            ),
            claims=(Take("number-1", "till-1"),),
        )
        with pytest.raises(WrongExpectedVersion):
            await store.append(request)
        assert await store.load("till-1") == []
        assert await store.owner_of("number-1") is None

    async def test_a_version_is_checked_also_where_no_event_is_stored(
        self, store: EventStore
    ) -> None:
        await store.append(counted("till-1", 1))
        streams = (NewEvents("till-1", Exact(0), []), NewEvents("booking-1", ANY, [Closed()]))
        with pytest.raises(WrongExpectedVersion):
            await store.append(AppendRequest("k", input_hash("x"), streams))
        assert await store.head() == 1

    # Claims

    async def test_a_claim_is_found_at_once(self, store: EventStore) -> None:
        await store.append(counted("voucher-1", 1, claims=[Take("code-1", "voucher-1")]))
        assert await store.owner_of("code-1") == "voucher-1"
        assert await store.owner_of("code-2") is None

    async def test_a_taken_claim_stores_nothing(self, store: EventStore) -> None:
        await store.append(counted("voucher-1", 1, claims=[Take("code-1", "voucher-1")]))
        with pytest.raises(ClaimTaken) as refused:
            await store.append(
                counted("voucher-2", 1, claims=[Take("a", "b"), Take("code-1", "voucher-2")])
            )
        assert (refused.value.key, refused.value.owner) == ("code-1", "voucher-1")
        assert await store.load("voucher-2") == []
        assert await store.owner_of("a") is None

    async def test_its_owner_may_take_a_claim_again(self, store: EventStore) -> None:
        for _ in range(2):
            await store.append(counted("voucher-1", 1, claims=[Take("code-1", "voucher-1")]))
        assert await store.owner_of("code-1") == "voucher-1"

    async def test_a_claim_that_was_given_back_is_free(self, store: EventStore) -> None:
        await store.append(counted("voucher-1", 1, claims=[Take("code-1", "voucher-1")]))
        await store.append(counted("voucher-1", 2, claims=[GiveBack("code-1", "voucher-1")]))
        assert await store.owner_of("code-1") is None
        await store.append(counted("voucher-2", 1, claims=[Take("code-1", "voucher-2")]))
        assert await store.owner_of("code-1") == "voucher-2"

    async def test_somebody_elses_claim_cannot_be_given_back(self, store: EventStore) -> None:
        await store.append(counted("voucher-1", 1, claims=[Take("code-1", "voucher-1")]))
        await store.append(counted("voucher-2", 1, claims=[GiveBack("code-1", "voucher-2")]))
        assert await store.owner_of("code-1") == "voucher-1"

    async def test_one_request_can_hand_a_claim_over(self, store: EventStore) -> None:
        await store.append(counted("voucher-1", 1, claims=[Take("code-1", "voucher-1")]))
        over: list[Claim] = [GiveBack("code-1", "voucher-1"), Take("code-1", "voucher-2")]
        await store.append(counted("voucher-2", 1, claims=over))
        assert await store.owner_of("code-1") == "voucher-2"

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
