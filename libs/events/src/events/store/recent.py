"""The newest entries of a log, as this process has just stored them.

Relay and projections read what was appended a moment ago, mostly in this process: it need not be
fetched and parsed again. Entries never change, so what is kept is right for ever; where something
is missing (another process stored it), the database is asked.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

from events.event import Recorded
from events.store.contract import SPAN_PER_RECORD, Stretch

RECENT_MAX = 2_000
"""Entries kept; a reader that is further behind reads the database."""


class Recent:
    def __init__(self, *, entries_max: int = RECENT_MAX) -> None:
        self._max = entries_max
        self._entries: dict[int, Recorded] = {}

    def add(self, stored: Sequence[Recorded]) -> None:
        """Entries that are committed. They may come in any order."""
        for entry in stored:
            self._entries[entry.position] = entry
        while len(self._entries) > self._max:
            del self._entries[next(iter(self._entries))]

    def page(self, *, after: int, records_max: int) -> list[Recorded]:
        """Entries without a gap from `after` on; empty where the first of them is not kept."""
        found: list[Recorded] = []
        while len(found) < records_max:
            entry = self._entries.get(after + 1 + len(found))
            if entry is None:
                break
            found.append(entry)
        return found


def stretch(entries: Sequence[Recorded], names: Set[str], *, records_max: int) -> Stretch:
    """`EventStore.read_named` over entries that are at hand, at least one, without a gap."""
    span_max = records_max * SPAN_PER_RECORD
    wanted: list[Recorded] = []
    looked_at = 0
    for entry in entries[:span_max]:
        looked_at += 1
        if entry.name in names:
            wanted.append(entry)
            if len(wanted) == records_max:
                break
    position = entries[looked_at - 1].position
    return Stretch(wanted, position, at_end=looked_at == len(entries))
