"""One append after another: what is stored, what is refused, what a key means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from events.errors import (
    EventTooLarge,
    IdempotencyKeyReused,
    TextRefused,
    UnknownEventType,
    WrongExpectedVersion,
)
from events.event import EVENT_BYTES_MAX, Metadata
from events.handle import input_hash
from events.store.contract import (
    SPAN_PER_RECORD,
    Appended,
    AppendRequest,
    EventStore,
    NewEvents,
    Take,
)
from events.testing.store_contract.samples import (
    Closed,
    Counted,
    Unregistered,
    closed,
    counted,
    numbers_of,
    whole_log,
)
from events.version import ANY, EXISTS, NO_STREAM, Exact, ExpectedVersion


class AppendContract:
    """See `StoreContract`."""

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

    async def test_events_of_a_name_are_read_past_all_others(self, store: EventStore) -> None:
        await store.append(counted("counter-1", *range(6)))
        await store.append(closed("counter-1"))
        await store.append(counted("counter-2", 6))
        found = await store.read_named({"counter.closed"}, after=0, records_max=5)
        assert [entry.event for entry in found.recorded] == [Closed()]
        assert (found.position, found.at_end) == (8, True)
        none = await store.read_named({"counter.closed"}, after=8, records_max=5)
        assert (none.recorded, none.position, none.at_end) == ([], 8, True)

    async def test_named_events_come_page_by_page_and_none_is_passed_by(
        self, store: EventStore, other: EventStore
    ) -> None:
        """`other` has nothing at hand, and reads what is stored."""
        for number in range(12):
            await store.append(counted(f"counter-{number}", *range(3)))
            await store.append(closed(f"counter-{number}"))
        for reader in (store, other):
            seen, position, at_end = list[int](), 0, False
            while not at_end:
                page = await reader.read_named({"counter.closed"}, after=position, records_max=2)
                assert len(page.recorded) <= 2
                seen += [entry.position for entry in page.recorded]
                position, at_end = page.position, page.at_end
            assert (seen, position) == ([4 * number for number in range(1, 13)], 48)

    async def test_what_nobody_reads_is_passed_by_in_stretches(
        self, store: EventStore, other: EventStore
    ) -> None:
        await store.append(counted("counter-1", *range(25)))
        page = await other.read_named({"counter.closed"}, after=0, records_max=2)
        assert (page.recorded, page.position, page.at_end) == ([], 2 * SPAN_PER_RECORD, False)

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
