"""`handle`: the one way in which state changes.

Load the stream, fold it, decide, append with the expected version and the idempotency key. After a
lost race: read what was missed and decide again, `TRIES_MAX` times. A repeat of a key that was
decided answers with what was stored, even where the newer state would now refuse.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from events import telemetry
from events.decider import Decider
from events.errors import DomainError, LostRace, Transient, WrongExpectedVersion
from events.event import Event, Metadata
from events.store.contract import Appended, AppendRequest, Claim, EventStore, NewEvents
from events.version import Exact

TRIES_MAX = 6
"""How often one command is decided before the caller hears `conflict`."""

BACKOFF_FIRST_S = 0.004
BACKOFF_MAX_S = 0.25

S = TypeVar("S")
C = TypeVar("C")

NO_READS: Mapping[str, Decider[Any, Any]] = {}


def input_hash(value: BaseModel | Mapping[str, Any] | bytes | str) -> bytes:
    """SHA-256 over the canonical form of an input (keys sorted, no white space)."""
    match value:
        case bytes():
            raw = value
        case str():
            raw = value.encode()
        case BaseModel():
            raw = _canonical(value.model_dump(mode="json"))
        case _:
            raw = _canonical(value)
    return hashlib.sha256(raw).digest()


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Ask:
    """Who asks for something, under which key, with which input.

    `input_hash` covers what the caller sent (the HTTP body, the foreign event), not what we added
    (`now`, new ids): a repeat must hash to the same.
    """

    key: str
    input_hash: bytes
    metadata: Metadata = field(default_factory=Metadata)

    @classmethod
    def of(
        cls,
        key: str,
        value: BaseModel | Mapping[str, Any] | bytes | str,
        *,
        metadata: Metadata | None = None,
    ) -> Ask:
        return cls(key=key, input_hash=input_hash(value), metadata=metadata or Metadata())


@dataclass(frozen=True, slots=True)
class Handled(Generic[S]):
    """What came of a command, with the state of its stream now."""

    appended: Appended
    state: S
    version: int

    @property
    def events(self) -> tuple[Event, ...]:
        """The events that the command led to (the stored ones on a repeat)."""
        return tuple(recorded.event for recorded in self.appended.recorded)

    @property
    def repeated(self) -> bool:
        return self.appended.repeated

    @property
    def position(self) -> int:
        """Give this to a read model that must show the command's effect."""
        return self.appended.last_position


@dataclass(frozen=True, slots=True)
class Decision:
    """What a decision over several streams wants stored: events by stream, and unique keys."""

    events: Mapping[str, Sequence[Event]]
    claims: Sequence[Claim] = ()


@dataclass(frozen=True, slots=True)
class HandledTogether:
    appended: Appended
    states: Mapping[str, Any]
    versions: Mapping[str, int]


async def handle(
    store: EventStore,
    decider: Decider[C, S],
    stream: str,
    command: C,
    *,
    ask: Ask,
    claims: Callable[[Sequence[Any]], Sequence[Claim]] | None = None,
) -> Handled[S]:
    """Decide `command` on `stream` and store the outcome.

    `claims` derives unique keys from the events that were decided.
    Raises the decider's `DomainError`; `LostRace` after `TRIES_MAX` lost races; `ClaimTaken`,
    `IdempotencyKeyReused`, `EventTooLarge`; `Transient` when the store stays away. Whatever is
    raised, nothing was stored, `Transient` apart: then ask again with the same key.
    """

    def decide(states: Mapping[str, Any]) -> Decision:
        decided = decider.decide(command, states[stream])
        return Decision({stream: decided}, claims(decided) if claims else ())

    done = await handle_together(store, {stream: decider}, decide, ask=ask)
    return Handled(done.appended, done.states[stream], done.versions[stream])


async def handle_together(
    store: EventStore,
    parts: Mapping[str, Decider[Any, Any]],
    decide: Callable[[Mapping[str, Any]], Decision],
    *,
    ask: Ask,
    reads: Mapping[str, Decider[Any, Any]] = NO_READS,
) -> HandledTogether:
    """One decision over the streams named in `parts` and `reads`, stored in one append or not at
    all.

    `decide` gets the state of every one and is called again with newer states after a lost race,
    so it must be pure. A part for which it returns no event is read but not locked against others.
    The streams in `reads` only have to be *unchanged* when the decision is stored (master data:
    a card that was blocked a moment ago, here or by another process, makes it decide again).
    Decisions that share nothing but `reads` do not wait for each other. Neither are they checked
    where nothing is stored, nor may one stream stand in both.
    """
    if not parts.keys().isdisjoint(reads):
        raise ValueError("a stream is written or only read, not both")
    everything = {**parts, **reads}
    with telemetry.span("handle", store.service, ask.metadata):
        async with store.streams.turn(parts):
            for attempt in range(1, TRIES_MAX + 1):
                try:
                    return await _try(store, everything, decide, ask, unchanged=reads)
                except WrongExpectedVersion:
                    telemetry.lost_race(store.service)
                except Transient:
                    _forget(store, everything)
                    if attempt == TRIES_MAX:
                        raise
                await asyncio.sleep(_backoff_s(attempt))
            _forget(store, everything)
            raise LostRace
    raise AssertionError("unreachable")


async def _try(
    store: EventStore,
    parts: Mapping[str, Decider[Any, Any]],
    decide: Callable[[Mapping[str, Any]], Decision],
    ask: Ask,
    *,
    unchanged: Iterable[str] = (),
    fresh: bool = False,
) -> HandledTogether:
    versions, states = await _states(store, parts)
    try:
        decision = decide(states)
    except DomainError:
        # The newer state may refuse what was accepted before: the first answer stands.
        stored = await store.outcome(ask.key, ask.input_hash)
        if stored is not None:
            return await _repeat(store, parts, stored)
        # What this process has cached may be old. A refusal must rest on the newest state.
        if not fresh and await _refresh(store, parts):
            return await _try(store, parts, decide, ask, unchanged=unchanged, fresh=True)
        raise
    # Nor may "nothing to do": without an event no version is checked, and the key is decided for
    # good, so what an old state leads to would never be asked again.
    nothing = not any(decision.events.values())
    if nothing and not fresh and await _refresh(store, parts):
        return await _try(store, parts, decide, ask, unchanged=unchanged, fresh=True)

    new = [
        NewEvents(stream, Exact(versions[stream]), tuple(events))
        for stream, events in decision.events.items()
        if events
    ]
    if new:
        new += [NewEvents(stream, Exact(versions[stream]), ()) for stream in unchanged]
    try:
        appended = await store.append(
            AppendRequest(
                key=ask.key,
                input_hash=ask.input_hash,
                streams=tuple(new),
                claims=tuple(decision.claims),
                metadata=telemetry.with_trace(ask.metadata),
            )
        )
    except WrongExpectedVersion:
        await _refresh(store, parts)
        raise
    if appended.repeated:
        return await _repeat(store, parts, appended)

    for recorded in appended.recorded:
        stream = recorded.stream
        states[stream] = parts[stream].evolve(states[stream], recorded.event)
        versions[stream] = recorded.version
        store.streams.keep(stream, versions[stream], states[stream])
    return HandledTogether(appended, states, versions)


async def _repeat(
    store: EventStore, parts: Mapping[str, Decider[Any, Any]], stored: Appended
) -> HandledTogether:
    """The stored outcome, with the present states."""
    await _refresh(store, parts)
    versions, states = await _states(store, parts)
    return HandledTogether(stored, states, versions)


async def _states(
    store: EventStore, parts: Mapping[str, Decider[Any, Any]]
) -> tuple[dict[str, int], dict[str, Any]]:
    versions: dict[str, int] = {}
    states: dict[str, Any] = {}
    for stream, decider in parts.items():
        versions[stream], states[stream] = await _current(store, decider, stream)
    return versions, states


async def state_of(store: EventStore, decider: Decider[Any, S], stream: str) -> tuple[int, S]:
    """`(version, state)` of a stream as the log has it now. For answers, never for decisions."""
    async with store.streams.turn([stream]):
        await _refresh(store, {stream: decider})
        return await _current(store, decider, stream)


async def _current(store: EventStore, decider: Decider[Any, S], stream: str) -> tuple[int, S]:
    found = store.streams.cached(stream)
    if found is not None:
        return found
    version, state = 0, decider.initial
    for recorded in await store.load(stream):
        state = decider.evolve(state, recorded.event)
        version = recorded.version
    store.streams.keep(stream, version, state)
    return version, state


async def _refresh(store: EventStore, parts: Mapping[str, Decider[Any, Any]]) -> bool:
    """Fold what other processes have added to the cached states. True: something was new."""
    fresh = False
    for stream, decider in parts.items():
        found = store.streams.cached(stream)
        if found is None:
            continue
        version, state = found
        for recorded in await store.load(stream, after=version):
            state = decider.evolve(state, recorded.event)
            version = recorded.version
            fresh = True
        store.streams.keep(stream, version, state)
    return fresh


def _forget(store: EventStore, streams: Iterable[str]) -> None:
    for stream in streams:
        store.streams.forget(stream)


def _backoff_s(attempt: int) -> float:
    ceiling = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2**attempt)
    return random.uniform(0, ceiling)  # noqa: S311  (jitter, not a secret)
