"""The careful way to store a batch: `append_batch` decides one by one what fits the log.

It needs to know nothing beforehand, and a conflict fails only its own caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import asyncpg

from events.errors import ClaimTaken, WrongExpectedVersion
from events.store.contract import Take
from events.store.literals import numbers, texts
from events.store.planned import Head, Stored
from events.store.prepare import Prepared, expected_as_int


class _Status(IntEnum):
    """What `append_batch` says about one decision."""

    STORED = 0
    DECIDED = 1
    WRONG_VERSION = 2
    TAKEN = 3


class Decided(Exception):
    """The key is in the inbox already; its outcome can be read there."""


@dataclass(slots=True)
class _Arrays:
    """The arguments of `append_batch`, in its order."""

    members_key: list[str] = field(default_factory=list)
    members_input: list[bytes] = field(default_factory=list)
    members_metadata: list[str] = field(default_factory=list)
    members_at: list[str] = field(default_factory=list)
    members_parts: list[int] = field(default_factory=list)
    members_claims: list[int] = field(default_factory=list)
    streams: list[str] = field(default_factory=list)
    parts_stream: list[int] = field(default_factory=list)
    parts_expected: list[int] = field(default_factory=list)
    parts_events: list[int] = field(default_factory=list)
    claim_keys: list[str] = field(default_factory=list)
    claims_key: list[int] = field(default_factory=list)
    claims_owner: list[str] = field(default_factory=list)
    claims_take: list[bool] = field(default_factory=list)
    events_id: list[str] = field(default_factory=list)
    events_type: list[str] = field(default_factory=list)
    events_schema: list[int] = field(default_factory=list)
    events_data: list[str] = field(default_factory=list)
    events_content: list[bytes] = field(default_factory=list)


_TEXTS = {
    "members_key": "text", "members_metadata": "text", "members_at": "timestamptz",
    "streams": "text", "claim_keys": "text", "claims_owner": "text",
    "events_id": "uuid", "events_type": "text", "events_data": "text",
}  # fmt: skip
_NUMBERS = dict.fromkeys(
    (
        "members_parts", "members_claims", "parts_stream", "parts_expected", "parts_events",
        "claims_key", "events_schema",
    ),
    "int",
)  # fmt: skip
_AS_TEXT = _TEXTS | _NUMBERS
_ARGUMENTS = ", ".join(
    f"${number}::text::{_AS_TEXT[name]}[]" if name in _AS_TEXT else f"${number}"
    for number, name in enumerate(_Arrays.__slots__, start=1)
)
APPEND_BATCH = f"SELECT * FROM append_batch({_ARGUMENTS})"  # noqa: S608 (constants)


def arguments(batch: Sequence[Prepared]) -> list[object]:
    """What `APPEND_BATCH` gets."""
    arrays = _arrays(batch)
    values: list[object] = []
    for name in arrays.__slots__:
        value = getattr(arrays, name)
        if name in _TEXTS:
            value = texts(value)
        elif name in _NUMBERS:
            value = numbers(value)
        values.append(value)
    return values


def _arrays(batch: Sequence[Prepared]) -> _Arrays:
    arrays = _Arrays()
    streams: dict[str, int] = {}
    claim_keys: dict[str, int] = {}
    for prepared in batch:
        request = prepared.request
        arrays.members_key.append(request.key)
        arrays.members_input.append(request.input_hash)
        arrays.members_metadata.append(prepared.metadata.decode())
        arrays.members_at.append(prepared.at)
        arrays.members_parts.append(len(request.streams))
        arrays.members_claims.append(len(request.claims))
        for part in request.streams:
            arrays.parts_stream.append(streams.setdefault(part.stream, len(streams) + 1))
            arrays.parts_expected.append(expected_as_int(part.expected))
            arrays.parts_events.append(len(part.events))
        for claim in request.claims:
            arrays.claims_key.append(claim_keys.setdefault(claim.key, len(claim_keys) + 1))
            arrays.claims_owner.append(claim.owner)
            arrays.claims_take.append(isinstance(claim, Take))
        for entry in prepared.entries:
            arrays.events_id.append(entry.event_id.hex)
            arrays.events_type.append(entry.event.event_name)
            arrays.events_schema.append(entry.event.event_version)
            arrays.events_data.append(entry.data.decode())
            arrays.events_content.append(entry.content)
    arrays.streams = list(streams)
    arrays.claim_keys = list(claim_keys)
    return arrays


@dataclass(slots=True)
class Answer:
    """What became of a batch."""

    members: list[Stored | Exception]
    """Per decision; an exception is `Decided`, `WrongExpectedVersion` or `ClaimTaken`."""
    before: bytes
    """Hash of the entry that the batch found as the newest one."""
    head: Head | None
    """The newest entry now; None where nothing was stored."""


def answer(batch: Sequence[Prepared], row: asyncpg.Record) -> Answer:
    """From the row that `append_batch` gave back."""
    versions, hashes = row["events_version"], row["events_hash"]
    previous: bytes = row["previous_hash"]
    found = Answer([], previous, None)
    start = 0
    for index, prepared in enumerate(batch):
        end = start + len(prepared.entries)
        if row["status"][index] == _Status.STORED:
            first = row["first_position"][index]
            found.members.append(Stored(first, previous, versions[start:end], hashes[start:end]))
            if end > start:
                previous = hashes[end - 1]
                found.head = Head(first + end - start - 1, previous)
        else:
            found.members.append(_refusal(prepared, index, row))
        start = end
    return found


def _refusal(prepared: Prepared, index: int, row: asyncpg.Record) -> Exception:
    request = prepared.request
    culprit = row["culprit"][index] - 1
    match _Status(row["status"][index]):
        case _Status.DECIDED:
            return Decided()
        case _Status.WRONG_VERSION:
            part = request.streams[culprit]
            return WrongExpectedVersion(part.stream, part.expected, row["found_version"][index])
        case _Status.TAKEN:
            return ClaimTaken(request.claims[culprit].key, row["found_owner"][index])
        case _Status.STORED:
            raise AssertionError("a stored decision is no refusal")
