"""Many things by name, immutable, and cheap to copy with one more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

V = TypeVar("V")

SLOTS = 256


class Shelf(Mapping[str, V]):
    """A month of a busy center holds 20,000 charges. Folding them into a dict that is copied for
    each event would copy 10,000 entries each time; here it copies one of `SLOTS` small dicts."""

    __slots__ = ("_size", "_slots")

    def __init__(self) -> None:
        self._slots: dict[int, dict[str, V]] = {}
        self._size = 0

    def put(self, name: str, thing: V) -> Shelf[V]:
        """The same with `thing` under `name`."""
        slot = hash(name) % SLOTS
        kept = self._slots.get(slot, {})
        made: Shelf[V] = Shelf()
        made._slots = {**self._slots, slot: {**kept, name: thing}}
        made._size = self._size + (name not in kept)
        return made

    def without(self, name: str) -> Shelf[V]:
        """The same without `name`, whether it was there or not."""
        slot = hash(name) % SLOTS
        kept = self._slots.get(slot, {})
        if name not in kept:
            return self
        made: Shelf[V] = Shelf()
        rest = {other: thing for other, thing in kept.items() if other != name}
        made._slots = {**self._slots, slot: rest}
        made._size = self._size - 1
        return made

    def __getitem__(self, name: str) -> V:
        return self._slots.get(hash(name) % SLOTS, {})[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(name for slot in self._slots.values() for name in slot))

    def __len__(self) -> int:
        return self._size

    def __repr__(self) -> str:
        return f"Shelf({dict(self)!r})"
