"""Foreign codes: declared, tried out, and recognized at the till.

Expressions run in RE2, whose time is linear in the code. They are compared in a thread, for that
may take a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import re2

from costcenter.codes import CODE_MAX, code_hash, readings
from costcenter.decider.patterns import (
    PATTERN,
    DeclarePattern,
    Overlap,
    Pattern,
    PatternExampleDiffers,
    Patterns,
    PatternsChanged,
    PatternUnsupported,
    PatternWithoutValue,
    WithdrawPattern,
    compare,
    language,
)
from costcenter.decider.structure import CARD
from costcenter.events import Meaning
from costcenter.names import PATTERNS, card_number_claim, center_number_claim, code_claim
from events import Ask, EventStore, Handled, LostRace, handle, state_of
from kassenverbund.kit.secrets import Secrets

MEMORY_BYTES_MAX = 1 << 20
"""What RE2 may use for one expression."""

TRIES_MAX = 5
COMPILED_MAX = 100


@dataclass(frozen=True, slots=True)
class Meant:
    """What a foreign code means. `value`: what its pattern's group caught."""

    meaning: Meaning
    value: str
    pattern_id: str


@dataclass(frozen=True, slots=True)
class Tried:
    """What one code of a dry run would mean. None: nothing."""

    code: str
    meaning: Meaning | None
    value: str | None
    pattern_id: str | None
    """None with a meaning: the expression that is being tried."""


@dataclass(frozen=True, slots=True)
class DryRun:
    codes: tuple[Tried, ...]
    overlaps: tuple[Overlap, ...]


class ForeignCodes:
    def __init__(
        self, store: EventStore, *, secrets: Secrets, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._secrets = secrets
        self._clock = clock

    async def declare(self, ask: Ask, pattern: Pattern) -> Handled[Patterns]:
        """Raises `PatternOverlaps`, `PatternUnsupported`, `PatternTooComplex`,
        `PatternWithoutValue`, `PatternExampleDiffers`, `PatternReused`, `TooManyPatterns`."""
        check(pattern.expression)
        if value_of(pattern.expression, pattern.length_max, pattern.example) is None:
            raise PatternExampleDiffers
        for _ in range(TRIES_MAX):
            others = await self.patterns()
            overlaps = await _compared(pattern, others)
            command = DeclarePattern(
                pattern=pattern,
                overlaps=overlaps,
                compared=frozenset(others.in_force),
                now=self._clock(),
            )
            try:
                return await handle(self._store, PATTERN, PATTERNS, command, ask=ask)
            except PatternsChanged:
                continue
        raise LostRace

    async def withdraw(self, ask: Ask, pattern_id: str) -> Handled[Patterns]:
        """From now on codes of its form mean nothing. Raises `PatternUnknown`."""
        command = WithdrawPattern(pattern_id, self._clock())
        return await handle(self._store, PATTERN, PATTERNS, command, ask=ask)

    async def patterns(self) -> Patterns:
        """As the log has them now."""
        _, patterns = await state_of(self._store, PATTERN, PATTERNS)
        return patterns

    async def dry_run(
        self, expression: str, length_max: int, meaning: Meaning, codes: Sequence[str]
    ) -> DryRun:
        """What each code would mean with one pattern more, and whom that would contradict.

        Raises `PatternUnsupported`, `PatternTooComplex`, `PatternWithoutValue`.
        """
        check(expression)
        others = await self.patterns()
        tried = Pattern("", "", expression, meaning, length_max, "")
        overlaps = await _compared(tried, others)
        found = []
        for code in codes:
            value = value_of(expression, length_max, code.strip())
            if value is not None:
                found.append(Tried(code, meaning, value, None))
                continue
            meant = meaning_of(others, code)
            found.append(
                Tried(code, None, None, None)
                if meant is None
                else Tried(code, meant.meaning, meant.value, meant.pattern_id)
            )
        return DryRun(tuple(found), overlaps)

    async def classify(self, code: str) -> Meant | None:
        """What a foreign code means; None: no pattern knows it."""
        return meaning_of(await self.patterns(), code)

    async def resolve(self, code: str) -> str | None:
        """The stream of the card or center that a scanned code stands for; None: of none.

        Codes of our cards first, then the patterns. A code that was replaced stands for nothing.
        """
        for reading in readings(code):
            hashed = code_hash(reading, self._secrets)
            stream = await self._store.owner_of(code_claim(hashed))
            if stream is not None:
                _, card = await state_of(self._store, CARD, stream)
                return stream if card.code_hash == hashed else None
        meant = await self.classify(code)
        if meant is None or meant.meaning == "voucher":
            return None
        claim = card_number_claim if meant.meaning == "card" else center_number_claim
        return await self._store.owner_of(claim(meant.value))


async def _compared(pattern: Pattern, others: Patterns) -> tuple[Overlap, ...]:
    rivals = [other for other in others.in_force.values() if other.pattern_id != pattern.pattern_id]
    return await asyncio.to_thread(compare, pattern.expression, pattern.length_max, rivals)


def meaning_of(patterns: Patterns, code: str) -> Meant | None:
    """What a foreign code means; None: nothing."""
    plain = code.strip()
    for pattern in patterns.in_force.values():
        value = value_of(pattern.expression, pattern.length_max, plain)
        if value is not None:
            return Meant(pattern.meaning, value, pattern.pattern_id)
    return None


def check(expression: str) -> None:
    """Raises `PatternUnsupported`, `PatternTooComplex`, `PatternWithoutValue`."""
    language(expression)
    try:
        compiled = _compiled(expression)
    except re2.error as refused:
        raise PatternUnsupported(f"RE2 refuses it: {refused}", at=0) from None
    # RE2 takes two groups of one name; which of them would count is anybody's guess.
    if list(compiled.groupindex) != ["value"] or expression.count("(?P<") != 1:
        raise PatternWithoutValue


def value_of(expression: str, length_max: int, code: str) -> str | None:
    """What the group `value` caught of a code that matches whole. None: it does not match."""
    if not code or len(code) > min(length_max, CODE_MAX):
        return None
    found = _compiled(expression).fullmatch(code)
    value = found.group("value") if found else None
    return value or None


@lru_cache(maxsize=COMPILED_MAX)
def _compiled(expression: str) -> Any:
    options = re2.Options()
    options.max_mem = MEMORY_BYTES_MAX
    options.log_errors = False
    return re2.compile(expression, options)
