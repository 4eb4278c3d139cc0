"""Holds a projection against the list of events that it says it reads.

async def test_the_book_reads_all_that_it_reacts_to() -> None:
    assert await reacts_unread(Book(), REGISTRY, GOLDEN) == []
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

from events.event import NO_METADATA, Recorded, Registry
from events.projection import Projection
from events.testing.golden import golden_name

FORMS = ("complete", "minimal")


class _Touched(Exception):
    """The projection wanted to change its tables."""


class _NoTables:
    """A transaction in which nothing can be done."""

    def __getattr__(self, name: str) -> NoReturn:
        raise _Touched(name)


async def reacts_unread(projection: Projection, registry: Registry, golden: Path) -> list[str]:
    """Names of the events that `projection` does not read and that would change its tables, by the
    golden examples; and names that it reads and nobody has registered. Empty: all is well."""
    assert projection.reads is not None, f"{projection.name} reads everything"
    faults = sorted(projection.reads - registry.classes.keys())
    nothing: Any = _NoTables()
    for name, event in sorted(registry.classes.items()):
        path = golden / golden_name(name, event.event_version)
        if name in projection.reads or not path.exists():
            continue
        examples = json.loads(path.read_text(encoding="utf-8"))
        for form in FORMS:
            entry = _recorded(registry, name, event.event_version, json.dumps(examples[form]))
            try:
                await projection.apply(nothing, [entry])
            except _Touched:
                faults.append(name)
                break
    return faults


def _recorded(registry: Registry, name: str, version: int, data: str) -> Recorded:
    return Recorded(
        position=1,
        stream="example",
        version=1,
        event_id=UUID(int=1),
        event=registry.decode(name, version, data.encode()),
        name=name,
        schema_version=version,
        data=data.encode(),
        metadata=NO_METADATA,
        idempotency_key="example",
        recorded_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
