"""Several streams in one append, and claims."""

from __future__ import annotations

import asyncio

import pytest

from events.errors import (
    ClaimTaken,
    WrongExpectedVersion,
)
from events.handle import input_hash
from events.store.contract import (
    AppendRequest,
    Claim,
    EventStore,
    GiveBack,
    NewEvents,
    Take,
)
from events.testing.store_contract.samples import (
    Closed,
    Counted,
    counted,
)
from events.version import ANY, NO_STREAM, Exact


class TogetherContract:
    """See `StoreContract`."""

    # Several streams at once

    async def test_a_stream_without_events_has_to_have_its_version(self, store: EventStore) -> None:
        """Whatever else is appended meanwhile, in the same batch or by somebody else."""
        await store.append(counted("till-1", 1))

        def request(key: str, version: int) -> AppendRequest:
            return AppendRequest(
                key=key,
                input_hash=input_hash("x"),
                streams=(
                    NewEvents(f"booking-{key}", NO_STREAM, [Counted(n=2)]),
                    NewEvents("till-1", Exact(version), ()),
                ),
            )

        await store.append(request("a", 1))
        assert len(await store.load("till-1")) == 1
        with pytest.raises(WrongExpectedVersion):
            await store.append(request("b", 0))
        results = await asyncio.gather(
            store.append(counted("till-1", 2)),
            *(store.append(request(key, 1)) for key in "cde"),
            return_exceptions=True,
        )
        for key, result in zip("cde", results[1:], strict=True):
            stored = await store.load(f"booking-{key}")
            assert bool(stored) == (not isinstance(result, Exception))
        with pytest.raises(WrongExpectedVersion):
            await store.append(request("f", 1))
        assert await store.load("booking-f") == []

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

    async def test_many_claims_are_looked_up_at_once(self, store: EventStore) -> None:
        taken = [Take("code-1", "voucher-1"), Take("code-2", "voucher-2")]
        await store.append(counted("voucher-1", 1, claims=taken))
        await store.append(
            counted("voucher-2", 1, key="back", claims=[GiveBack("code-2", "voucher-2")])
        )
        asked = ["code-1", "code-2", "code-3", "code-\x00"]
        assert await store.owners_of(asked) == {"code-1": "voucher-1"}
        assert await store.owners_of([]) == {}
