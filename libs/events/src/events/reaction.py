"""What a service does about other services' events.

A *policy* is a pure function from a foreign event to commands. A *reaction* binds a topic to the
code that runs for its records. The receiver (`receiver.py`) brings records to reactions: in order
within a lane, lanes side by side, retried, parked when poisoned.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid5

from pydantic import BaseModel

from events.event import Metadata
from events.handle import Ask, input_hash

M = TypeVar("M", bound=BaseModel)
C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A foreign event as it came over the bus."""

    event_id: UUID
    name: str
    version: int
    source: str
    """The service that recorded it."""
    subject: str
    """Its stream there."""
    sequence: int
    """Its version in that stream."""
    time: datetime
    key: str
    data: bytes
    headers: Mapping[str, str]

    def read(self, model: type[M]) -> M:
        """The part of the event that this service reads (`foreign.py`, `extra="ignore"`).

        Raises pydantic's `ValidationError` for data that does not fit: poison, parked.
        """
        return model.model_validate_json(self.data)

    def ask(self, policy: str, target: str) -> Ask:
        """The idempotent ask for one command that `policy` derives from this event.

        The key is `uuid5(event id, policy + target)`: a redelivery finds the key decided.
        """
        return Ask(
            key=str(uuid5(self.event_id, f"{policy}/{target}")),
            input_hash=input_hash(self.data),
            metadata=Metadata(
                actor=f"policy:{policy}",
                causation_id=str(self.event_id),
                correlation_id=self.headers.get("ce_correlationid", ""),
                traceparent=self.headers.get("traceparent", ""),
            ),
        )


@dataclass(frozen=True, slots=True)
class Reaction:
    """One service's interest in one topic.

    `lane` names what must stay in order and is parked together (a booking, a voucher, a TSE).
    `handle` gets records of one lane in order, at most `BATCH_MAX`; it returns when their effects
    are durable. It may raise `Transient` (retried in place) or anything else (tried again record
    by record, then parked). It must be safe to repeat from the beginning.
    Events that are not in `events` are skipped.
    """

    name: str
    topic: str
    events: frozenset[str]
    lane: Callable[[Incoming], str]
    handle: Callable[[Sequence[Incoming]], Awaitable[None]]
    parks: bool = True
    """False: a record that cannot be handled stops the process with the reason (never the
    signer: it records what it cannot sign)."""


@dataclass(frozen=True, slots=True)
class Policy(Generic[M, C]):
    """`decide` is pure. `target` tells the commands of one event apart, stable over repeats."""

    name: str
    event: str
    model: type[M]
    decide: Callable[[M], Sequence[C]]
    target: Callable[[C], str]


def by_policies(
    policies: Sequence[Policy[Any, Any]],
    execute: Callable[[Any, Ask], Awaitable[object]],
) -> Callable[[Sequence[Incoming]], Awaitable[None]]:
    """The usual `Reaction.handle`: each record → each policy → its commands → `execute`.

    `execute(command, ask)` calls the service's handler. A refusal that the policy expects must be
    turned into an event or accepted there; one that reaches the receiver parks the record.
    """

    async def handle(records: Sequence[Incoming]) -> None:
        for record in records:
            for policy in policies:
                if policy.event != record.name:
                    continue
                for command in policy.decide(record.read(policy.model)):
                    await execute(command, record.ask(policy.name, policy.target(command)))

    return handle
