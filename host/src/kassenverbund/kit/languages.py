"""Languages of codes: whether two of them share one.

A nondeterministic automaton for each, and a search over pairs of states that finds a shortest
shared text. Its time is bounded by the product of the two sizes, whatever the expressions look
like; making deterministic automata first takes exponential time for harmless looking ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

STATES_MAX = 1_500
"""States of one automaton: `.{0,200}` a few times over."""

WORK_MAX = 400_000
"""Pairs of steps that one comparison looks at: well under a second."""

LAST = 0x10FFFF

Pair = tuple[int, int]

Ranges = tuple[tuple[int, int], ...]
"""Code points, from–to inclusive, ascending, apart."""


class TooComplex(ValueError):
    """The automaton would be too large."""


@dataclass(slots=True)
class Language:
    """An automaton with one start (0) and one end (1)."""

    steps: list[list[tuple[Ranges, int]]] = field(default_factory=lambda: [[], []])
    empty: list[list[int]] = field(default_factory=lambda: [[], []])

    def new(self) -> int:
        """Raises `TooComplex`."""
        if len(self.steps) >= STATES_MAX:
            raise TooComplex(f"more than {STATES_MAX} states")
        self.steps.append([])
        self.empty.append([])
        return len(self.steps) - 1

    def contains(self, text: str) -> bool:
        """Whether the whole text is in the language."""
        states = self.reached({0})
        for character in text:
            point = ord(character)
            after = {
                target
                for state in states
                for ranges, target in self.steps[state]
                if any(first <= point <= last for first, last in ranges)
            }
            states = self.reached(after)
        return 1 in states

    def reached(self, states: set[int]) -> set[int]:
        """With everything that needs no character."""
        found, waiting = set(states), list(states)
        while waiting:
            for target in self.empty[waiting.pop()]:
                if target not in found:
                    found.add(target)
                    waiting.append(target)
        return found


def shared(one: Language, other: Language) -> str | None:
    """A shortest text of both; None: they have none. Raises `TooComplex`."""
    begin = (0, 0)
    came: dict[Pair, tuple[Pair, str]] = {begin: (begin, "")}
    layer = [begin]
    work = 0
    # Layer by layer: the pairs that a text of this length reaches.
    while layer:
        waiting, layer_whole = list(layer), list(layer)
        while waiting:
            pair = waiting.pop()
            left, right = pair
            free = [(state, right) for state in one.empty[left]]
            free += [(left, state) for state in other.empty[right]]
            work = _more(work, 1 + len(free))
            new = [step for step in free if step not in came]
            came.update(dict.fromkeys(new, (pair, "")))
            waiting += new
            layer_whole += new
        if (1, 1) in came:
            return _told(came, begin)
        layer = []
        for pair in layer_whole:
            left, right = pair
            work = _more(work, len(one.steps[left]) * len(other.steps[right]))
            for ranges, target in one.steps[left]:
                for others, other_target in other.steps[right]:
                    step = (target, other_target)
                    if step not in came and (point := _common(ranges, others)) is not None:
                        came[step] = (pair, chr(point))
                        layer.append(step)
    return None


def _more(work: int, steps: int) -> int:
    if work + steps > WORK_MAX:
        raise TooComplex(f"more than {WORK_MAX} pairs of steps")
    return work + steps


def _told(came: dict[Pair, tuple[Pair, str]], begin: Pair) -> str:
    characters: list[str] = []
    pair = (1, 1)
    while pair != begin:
        pair, character = came[pair]
        characters.append(character)
    return "".join(reversed(characters))


def _common(one: Ranges, other: Ranges) -> int | None:
    """A code point of both, one that people can read where there is one."""
    found: int | None = None
    at = to = 0
    while at < len(one) and to < len(other):
        first, last = max(one[at][0], other[to][0]), min(one[at][1], other[to][1])
        if first <= last:
            readable = max(first, 0x21)
            if readable <= last:
                return readable
            found = first if found is None else found
        if one[at][1] < other[to][1]:
            at += 1
        else:
            to += 1
    return found


def merged(ranges: Sequence[tuple[int, int]]) -> Ranges:
    """Ascending and apart."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return tuple(found)


def opposite(ranges: Ranges) -> Ranges:
    """Every other code point."""
    apart: list[tuple[int, int]] = []
    begin = 0
    for first, last in ranges:
        if first > begin:
            apart.append((begin, first - 1))
        begin = last + 1
    if begin <= LAST:
        apart.append((begin, LAST))
    return tuple(apart)
