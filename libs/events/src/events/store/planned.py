"""The quick way to store a batch: work out its places in the log before the lock is taken.

The process that appended last knows the newest entry, and each decision names the version that it
was based on. From these follow positions, versions and hashes of the whole batch. Whether it is
still as this process thinks, `append_planned` finds out under the lock, and stores nothing where
it is not; then the careful way (`careful.py`) decides one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from events.store.chain import entry_hash
from events.store.contract import Claim, Take
from events.store.literals import SEPARATOR, numbers, texts
from events.store.prepare import Prepared
from events.version import Exact

_TYPES = (
    "bigint", "bigint", "bytea", "text[]", "int[]",
    "text[]", "bigint[]", "bigint[]", "bytea",
    "text[]", "int[]", "uuid[]", "text[]", "int[]", "text[]", "timestamptz[]",
    "text", "text", "bytea",
    "text[]", "text[]", "text[]", "text[]",
)  # fmt: skip
_ARGUMENTS = ", ".join(
    f"${number}::text::{kind}" if kind.endswith("[]") else f"${number}"
    for number, kind in enumerate(_TYPES, start=1)
)
APPEND_PLANNED = f"SELECT append_planned({_ARGUMENTS})"


@dataclass(slots=True)
class Head:
    """The newest entry of a log."""

    position: int
    hash: bytes


@dataclass(slots=True)
class Stored:
    """Where the events of one decision stand in the log now."""

    first_position: int
    """0 where the decision held no event."""
    previous_hash: bytes
    versions: Sequence[int]
    hashes: Sequence[bytes]


@dataclass(slots=True)
class Plan:
    """A batch on top of `before`: true as soon as `append_planned` says so."""

    before: Head
    head: Head
    stored: list[Stored] = field(default_factory=list)
    """One per decision."""
    streams: dict[str, int] = field(default_factory=dict)
    """The version that the log has to have, by stream."""
    versions: list[int] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    takes: dict[str, str] = field(default_factory=dict)
    """Owner by key."""
    gives: dict[str, str] = field(default_factory=dict)


def plan(batch: Sequence[Prepared], head: Head) -> Plan | None:
    """None where the log has to be asked first: an expectation that is not a number, decisions
    of one batch that stand in each other's way, a claim that is named twice."""
    made = Plan(head, head)
    reached: dict[str, int] = {}
    position, chain = head.position, head.hash
    for prepared in batch:
        entries = iter(prepared.entries)
        first = len(made.versions)
        previous = chain
        for part in prepared.request.streams:
            expected = part.expected
            if type(expected) is not Exact:
                return None
            stream, version = part.stream, expected.version
            if stream not in reached:
                made.streams[stream] = version
            elif reached[stream] != version:
                return None
            for _ in part.events:
                position += 1
                version += 1
                chain = entry_hash(
                    previous=chain,
                    position=position,
                    version=version,
                    content=next(entries).content,
                )
                made.versions.append(version)
                made.hashes.append(chain)
            reached[stream] = version
        for claim in prepared.request.claims:
            if not _noted(made, claim):
                return None
        made.stored.append(
            Stored(
                head.position + first + 1 if len(made.versions) > first else 0,
                previous,
                made.versions[first:],
                made.hashes[first:],
            )
        )
    made.head = Head(position, chain)
    return made


def _noted(made: Plan, claim: Claim) -> bool:
    if claim.key in made.takes or claim.key in made.gives:
        return False
    (made.takes if isinstance(claim, Take) else made.gives)[claim.key] = claim.owner
    return True


def arguments(made: Plan, batch: Sequence[Prepared], *, lock: int) -> list[object]:
    """What `APPEND_PLANNED` gets."""
    keys = [prepared.request.key for prepared in batch]
    entries = [(prepared, entry) for prepared in batch for entry in prepared.entries]
    return [
        lock,
        made.before.position,
        made.before.hash,
        texts(list(made.streams)),
        numbers(made.streams.values()),
        texts(keys),
        numbers([stored.first_position for stored in made.stored]),
        numbers(
            [max(0, stored.first_position + len(stored.versions) - 1) for stored in made.stored]
        ),
        b"".join([prepared.request.input_hash for prepared in batch]),
        texts([entry.stream for _, entry in entries]),
        numbers(made.versions),
        "{" + ",".join([entry.event_id.hex for _, entry in entries]) + "}",
        texts([entry.event.event_name for _, entry in entries]),
        numbers([entry.event.event_version for _, entry in entries]),
        texts([prepared.request.key for prepared, _ in entries]),
        texts([prepared.at for prepared, _ in entries]),
        SEPARATOR.join([entry.data.decode() for _, entry in entries]),
        SEPARATOR.join([prepared.metadata.decode() for prepared, _ in entries]),
        made.before.hash + b"".join(made.hashes),
        texts(list(made.takes)),
        texts(list(made.takes.values())),
        texts(list(made.gives)),
        texts(list(made.gives.values())),
    ]
