"""The receiver: brings the bus's records to a service's reactions.

Per reaction one member of the group `service.reaction`: fetch, sort into lanes, handle the lanes
side by side (so that group commit has something to commit together), acknowledge. Within a lane
everything stays in order.

What goes wrong: `Transient` and `LostRace` are waited out in place. Anything else is tried again
record by record, then the record is parked with its reason, and every later record of its lane
behind it; other lanes go on. A crash anywhere brings records again, and the inbox answers what
was decided before.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from events import telemetry
from events.bus.contract import Bus, KeysLost, Record
from events.cloudevents import NotACloudEvent, from_record
from events.errors import DomainError, LostRace, Transient
from events.reaction import Incoming, Reaction
from events.relay import backoff_s
from events.store.dead_letters import DeadLetters, new_letter, readable

FETCH_MAX = 500
"""How many records are fetched, and handled before the next fetch."""

FETCH_WAIT_S = 2.0

BATCH_MAX = 100
"""How many records of one lane one call of `Reaction.handle` gets."""

LANES_MAX = 64
"""How many lanes of one reaction are handled side by side."""

COUNT_S = 15.0
"""How often the waiting dead letters are counted for the metric."""

TRIES_MAX = 3
"""How often a record that fails alone is handled before it is parked."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Poisoned(Exception):
    """A record that a reaction must not skip and can't handle. The process has to stop."""


def group_of(service: str, reaction: Reaction) -> str:
    """The group in which all replicas of a service read for a reaction."""
    return f"{service}.{reaction.name}"


@dataclass(frozen=True, slots=True)
class _Item:
    record: Record
    incoming: Incoming | None
    """None: not readable; `fault` says why."""
    fault: Exception | None = None


class Receiver:
    """All reactions of one service. `run` for ever; leaving it hands the keys over."""

    def __init__(
        self,
        bus: Bus,
        service: str,
        reactions: Sequence[Reaction],
        dead_letters: DeadLetters,
        *,
        fetch_max: int = FETCH_MAX,
        lanes_max: int = LANES_MAX,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        names = [reaction.name for reaction in reactions]
        if len(set(names)) != len(names):
            raise ValueError(f"two reactions of {service} have one name: {names}")
        self._bus = bus
        self._service = service
        self._reactions = reactions
        self._letters = dead_letters
        self._fetch_max = fetch_max
        self._lanes_max = lanes_max
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled. Raises `Poisoned` from a reaction that must not skip anything."""
        async with _one_reason(), asyncio.TaskGroup() as group:
            group.create_task(self._count_letters(), name="count dead letters")
            for reaction in self._reactions:
                group.create_task(self._serve(reaction), name=f"react {reaction.name}")

    async def _count_letters(self) -> None:
        while True:
            count = await _patient(self._letters.count)
            telemetry.parked_now(self._service, count)
            await asyncio.sleep(COUNT_S)

    async def _serve(self, reaction: Reaction) -> None:
        attempt = 0
        while True:
            try:
                await self._bus.ensure_topics([reaction.topic])
                group = group_of(self._service, reaction)
                async with self._bus.subscribe(reaction.topic, group=group) as subscription:
                    while True:
                        batch = await subscription.fetch(
                            records_max=self._fetch_max, wait_s=FETCH_WAIT_S
                        )
                        attempt = 0
                        if not batch:
                            continue
                        await self.handle(reaction, batch.records)
                        try:
                            await subscription.acknowledge(batch)
                        except KeysLost:
                            # Its new owner gets the records again; what they did is done.
                            _log.info("%s: keys moved to another member", group)
            except Transient as fault:
                attempt += 1
                _log.warning("%s: %s waits: %s", self._service, reaction.name, fault)
                await asyncio.sleep(backoff_s(attempt))

    async def handle(self, reaction: Reaction, records: Sequence[Record]) -> None:
        """Handle or park all `records`; then they may be acknowledged."""
        lanes = self._lanes(reaction, records)
        if not lanes:
            return
        parked = await _patient(lambda: self._letters.parked(reaction.name))
        places = asyncio.Semaphore(self._lanes_max)

        async def lane(name: str, items: list[_Item]) -> None:
            async with places:
                await self._lane(reaction, name, items, parked=name in parked)

        async with _one_reason(), asyncio.TaskGroup() as group:
            for name, items in lanes.items():
                group.create_task(lane(name, items))

    def _lanes(self, reaction: Reaction, records: Sequence[Record]) -> dict[str, list[_Item]]:
        lanes: dict[str, list[_Item]] = {}
        newest: datetime | None = None
        for record in records:
            kind = record.headers.get("ce_type", "")
            if kind and kind.rpartition(".v")[0] not in reaction.events:
                continue
            try:
                incoming = from_record(record)
                newest = incoming.time if newest is None else max(newest, incoming.time)
                if incoming.name not in reaction.events:
                    continue
                name, item = reaction.lane(incoming), _Item(record, incoming)
            except Exception as fault:
                # Nobody can say where it belongs; its key is the best guess.
                name, item = f"key:{record.key}", _Item(record, None, fault)
            lanes.setdefault(name, []).append(item)
        if newest is not None:
            age_s = max(0.0, (self._clock() - newest).total_seconds())
            telemetry.receiver_lag(self._service, reaction.name, age_s)
        return lanes

    async def _lane(
        self, reaction: Reaction, lane: str, items: list[_Item], *, parked: bool
    ) -> None:
        left = items
        while left:
            if parked:
                parked = await self._park(reaction, lane, left[0], behind=True)
                if parked:
                    left = left[1:]
                continue
            count = await self._handle_some(reaction, lane, left[:BATCH_MAX])
            # Fewer than there were: the one after them was parked, and the rest waits behind it.
            parked = count < len(left[:BATCH_MAX])
            left = left[count + 1 :] if parked else left[count:]

    async def _handle_some(self, reaction: Reaction, lane: str, items: Sequence[_Item]) -> int:
        """Handle in order; answers how many were. The next one, if any, was parked."""
        readable_ones = [item.incoming for item in items if item.incoming is not None]
        if len(readable_ones) == len(items):
            try:
                await self._call(reaction, readable_ones)
                return len(items)
            except Exception:
                _log.warning("%s: lane %s record by record", reaction.name, lane, exc_info=True)
        for count, item in enumerate(items):
            fault, attempts = await self._alone(reaction, item)
            if fault is not None:
                if not reaction.parks:
                    raise Poisoned(f"{reaction.name}, lane {lane}: {readable(fault)}") from fault
                await self._park(reaction, lane, item, behind=False, fault=fault, attempts=attempts)
                return count
        return len(items)

    async def _alone(self, reaction: Reaction, item: _Item) -> tuple[Exception | None, int]:
        """Up to `TRIES_MAX` times; the last fault and how often it was tried."""
        if item.incoming is None:
            return item.fault, 0
        last: Exception | None = None
        for attempt in range(1, TRIES_MAX + 1):
            try:
                await self._call(reaction, [item.incoming])
                return None, attempt
            except (DomainError, NotACloudEvent) as refused:
                # The same question gets the same answer.
                return refused, attempt
            except Exception as fault:
                last = fault
                telemetry.retried(self._service, reaction.name)
                if attempt < TRIES_MAX:
                    await asyncio.sleep(backoff_s(attempt))
        return last, TRIES_MAX

    async def _call(self, reaction: Reaction, records: Sequence[Incoming]) -> None:
        attempt = 0
        while True:
            try:
                with telemetry.handling(
                    records[0].headers,
                    service=self._service,
                    reaction=reaction.name,
                    records=len(records),
                ):
                    return await reaction.handle(records)
            except (Transient, LostRace) as fault:
                # A lost race says nothing about the record: others were faster. Order is kept:
                # the lane waits, and so does what was fetched with it.
                attempt += 1
                telemetry.retried(self._service, reaction.name)
                _log.warning("%s: %s waits: %s", self._service, reaction.name, fault)
                await asyncio.sleep(backoff_s(attempt))

    async def _park(
        self,
        reaction: Reaction,
        lane: str,
        item: _Item,
        *,
        behind: bool,
        fault: Exception | None = None,
        attempts: int = 0,
    ) -> bool:
        letter = new_letter(
            reaction=reaction.name,
            topic=reaction.topic,
            lane=lane,
            record=item.record,
            reason="" if fault is None else readable(fault),
            attempts=attempts,
        )
        stored = await _patient(lambda: self._letters.park(letter, behind=behind))
        if stored:
            _log.error("%s: parked a record of lane %s: %s", reaction.name, lane, letter.reason)
            telemetry.parked(self._service, reaction.name)
        return stored


async def _patient(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until the database answers."""
    attempt = 0
    while True:
        try:
            return await ask()
        except Transient as fault:
            attempt += 1
            _log.warning("dead letters: %s", fault)
            await asyncio.sleep(backoff_s(attempt))


@asynccontextmanager
async def _one_reason() -> AsyncIterator[None]:
    """The process stops for one reason; a group of groups of them helps nobody."""
    try:
        yield
    except BaseExceptionGroup as several:
        reason: BaseException = several
        while isinstance(reason, BaseExceptionGroup):
            reason = reason.exceptions[0]
        raise reason from None
