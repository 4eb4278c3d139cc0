"""Events, their names and versions, and the registry that turns stored bytes into objects.

An event's name is data (`voucher.redeemed`), never a Python path, so code may move and be renamed
without touching history. A name is registered with the version of its shape; older shapes are
lifted by upcasters when they are read, before validation, and deciders know only the newest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from events.errors import UnknownEventType
from events.values import value

EVENT_BYTES_MAX = 256 * 1024
"""The largest encoded event. Larger things (exports, images) are stored elsewhere by reference."""


class Event(BaseModel):
    """A fact in the past tense. Immutable; unknown fields are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_name: ClassVar[str]
    event_version: ClassVar[int]


E = TypeVar("E", bound=type[Event])

Upcast = Callable[[dict[str, Any]], dict[str, Any]]


def event_type(name: str, *, version: int = 1) -> Callable[[E], E]:
    """Give an event class its name (`aggregate.fact`) and the version of its shape."""

    def stamp(cls: E) -> E:
        cls.event_name = name
        cls.event_version = version
        return cls

    return stamp


@dataclass(frozen=True, slots=True)
class Upcaster:
    """Lifts the JSON of `name` from `from_version` to the next version. Pure."""

    name: str
    from_version: int
    lift: Upcast


def upcaster(name: str, *, from_version: int) -> Callable[[Upcast], Upcaster]:
    """Mark a function `dict -> dict` as the step from `from_version` to `from_version + 1`."""

    def wrap(lift: Upcast) -> Upcaster:
        return Upcaster(name=name, from_version=from_version, lift=lift)

    return wrap


def encode(event: Event) -> bytes:
    """The bytes of an event's data. Encoded once, at append; these are stored, hashed and sent."""
    # What model_dump_json() does, without the way through a str.
    return event.__pydantic_serializer__.to_json(event)


class Registry:
    """The events of one service: name → newest class, and the steps from older versions."""

    def __init__(self, *classes: type[Event], upcasters: Iterable[Upcaster] = ()) -> None:
        self.classes: dict[str, type[Event]] = {}
        for cls in classes:
            if cls.event_name in self.classes:
                raise ValueError(f"two events are named {cls.event_name}")
            self.classes[cls.event_name] = cls
        self._lifts: dict[tuple[str, int], Upcast] = {}
        for step in upcasters:
            if (step.name, step.from_version) in self._lifts:
                raise ValueError(f"two upcasters lift {step.name} v{step.from_version}")
            self._lifts[step.name, step.from_version] = step.lift

    def including(self, *classes: type[Event]) -> Registry:
        """The same registry with more events (what the library itself records in a log)."""
        larger = Registry(*self.classes.values(), *classes)
        larger._lifts = dict(self._lifts)
        return larger

    def versions(self, name: str) -> list[int]:
        """The versions of an event's shape that can be read, oldest first."""
        oldest = newest = self.classes[name].event_version
        while (name, oldest - 1) in self._lifts:
            oldest -= 1
        return list(range(oldest, newest + 1))

    def decode(self, name: str, version: int, data: bytes) -> Event:
        """Stored bytes → the newest class.

        Raises `UnknownEventType` for a name or version that is not registered, and pydantic's
        `ValidationError` for bytes that do not fit (a broken log, not a user's mistake).
        """
        cls = self.classes.get(name)
        if cls is None or version > cls.event_version:
            raise UnknownEventType(f"{name} v{version}")
        if version == cls.event_version:
            return cls.model_validate_json(data)
        document = json.loads(data)
        for step in range(version, cls.event_version):
            lift = self._lifts.get((name, step))
            if lift is None:
                raise UnknownEventType(f"{name} v{version}: no upcaster from v{step}")
            document = lift(document)
        return cls.model_validate(document)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is known about how an event came to be. Stored beside the data, never inside it."""

    actor: str = ""
    """Who asked: `till:<id>`, `person:<subject>`, `service:<name>`, `policy:<name>`."""
    causation_id: str = ""
    """The event or request that led to this one."""
    correlation_id: str = ""
    """The first request of the chain."""
    traceparent: str = ""
    """W3C trace context at the time of the append; the relay carries it on."""

    def as_json(self) -> dict[str, str]:
        """Only what is set, in a fixed order (the bytes are hashed)."""
        pairs = (
            ("actor", self.actor),
            ("causation_id", self.causation_id),
            ("correlation_id", self.correlation_id),
            ("traceparent", self.traceparent),
        )
        return {name: value for name, value in pairs if value}

    @classmethod
    def from_json(cls, document: Mapping[str, str]) -> Metadata:
        return cls(**{name: document.get(name, "") for name in cls.__slots__})


NO_METADATA = Metadata()


@value
class Recorded:
    """One event as it stands in a log."""

    position: int
    """Gapless number in the service's log, in commit order, from 1."""
    stream: str
    version: int
    """Number in its stream, from 1."""
    event_id: UUID
    event: Event
    name: str
    schema_version: int
    """Version of the shape in `data`; `event` is always the newest."""
    data: bytes
    """Exactly as stored."""
    metadata: Metadata
    idempotency_key: str
    recorded_at: datetime
    """UTC, microseconds: the appending process's clock. The order of events is `position`."""
    previous_hash: bytes = field(default=b"", repr=False)
    hash: bytes = field(default=b"", repr=False)
