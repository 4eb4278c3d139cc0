"""Foreign codes: which forms mean one of our cards, centers or vouchers.

No two patterns in force share a code, so a code never means two things. Whether they do is
computed outside (`compare`, it may take a moment) and comes in with the command; if the patterns
have changed meanwhile, the decision refuses to rest on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

from costcenter.events import Meaning, PatternDeclared, PatternEvent, PatternWithdrawn
from events import Decider, DomainError
from kassenverbund.kit.expressions import Unsupported, read
from kassenverbund.kit.languages import Language, TooComplex, shared

PATTERNS_MAX = 50
"""In force: a code that is no card of ours is matched against all of them."""

LENGTH_MAX = 200
"""Characters of a foreign code."""


class PatternUnknown(DomainError):
    code = "pattern.unknown"
    status = 404
    title = "There is no such pattern in force"


class PatternReused(DomainError):
    code = "pattern.reused"
    status = 422
    title = "A pattern never changes: withdraw it and declare another one"


class PatternUnsupported(DomainError):
    """`extra`: `at`, the character where reading ended."""

    code = "pattern.unsupported"
    status = 422
    title = "The expression uses something whose overlap with others cannot be decided"


class PatternTooComplex(DomainError):
    code = "pattern.too_complex"
    status = 422
    title = "The expression is too large to be compared with others"


class PatternWithoutValue(DomainError):
    code = "pattern.value_group"
    status = 422
    title = "The expression has one group named `value`: what is looked up"


class PatternExampleDiffers(DomainError):
    code = "pattern.example"
    status = 422
    title = "The example does not match the expression"


class PatternOverlaps(DomainError):
    """`extra`: `overlaps`, each with `pattern_id`, `name` and a `code` that both match."""

    code = "pattern.overlaps"
    title = "Codes of this form have a meaning already"


class TooManyPatterns(DomainError):
    code = "pattern.too_many"
    status = 422
    title = f"At most {PATTERNS_MAX} patterns are in force"


class PatternsChanged(DomainError):
    """Somebody declared another one meanwhile: the handler compares again."""

    code = "conflict"
    title = "Another request changed the patterns first; ask again"


@dataclass(frozen=True, slots=True)
class Pattern:
    pattern_id: str
    name: str
    expression: str
    meaning: Meaning
    length_max: int
    example: str


@dataclass(frozen=True, slots=True)
class Patterns:
    in_force: Mapping[str, Pattern] = field(default_factory=dict)
    used: frozenset[str] = frozenset()
    """Ids that were ever declared."""


@dataclass(frozen=True, slots=True)
class Overlap:
    pattern_id: str
    name: str
    code: str
    """A shortest one that both match."""


@dataclass(frozen=True, slots=True)
class DeclarePattern:
    pattern: Pattern
    overlaps: tuple[Overlap, ...]
    compared: frozenset[str]
    """The patterns in force when they were compared."""
    now: datetime


@dataclass(frozen=True, slots=True)
class WithdrawPattern:
    pattern_id: str
    now: datetime


PatternCommand = DeclarePattern | WithdrawPattern


def language(expression: str) -> Language:
    """Raises `PatternUnsupported`, `PatternTooComplex`."""
    try:
        return read(expression)
    except Unsupported as refused:
        raise PatternUnsupported(str(refused), at=refused.at) from None
    except TooComplex as refused:
        raise PatternTooComplex(str(refused)) from None


def compare(expression: str, length_max: int, others: Iterable[Pattern]) -> tuple[Overlap, ...]:
    """Those of `others` that share a code with it. Raises as `language`."""
    own = language(expression)
    found = []
    for other in others:
        try:
            code = shared(own, language(other.expression))
        except TooComplex as refused:
            raise PatternTooComplex(f"beside {other.name}: {refused}") from None
        # It is a shortest one: where it is too long, all of them are.
        if code is not None and len(code) <= min(length_max, other.length_max):
            found.append(Overlap(other.pattern_id, other.name, code))
    return tuple(found)


def decide(command: PatternCommand, patterns: Patterns) -> Sequence[PatternEvent]:
    match command:
        case DeclarePattern():
            return _declare(command, patterns)
        case WithdrawPattern():
            if command.pattern_id in patterns.in_force:
                return (PatternWithdrawn(pattern_id=command.pattern_id, withdrawn_at=command.now),)
            if command.pattern_id in patterns.used:
                return ()
            raise PatternUnknown(command.pattern_id)
        case _:
            assert_never(command)


def _declare(command: DeclarePattern, patterns: Patterns) -> Sequence[PatternEvent]:
    pattern = command.pattern
    if patterns.in_force.get(pattern.pattern_id) == pattern:
        return ()
    if pattern.pattern_id in patterns.used:
        raise PatternReused(pattern.pattern_id)
    if len(patterns.in_force) >= PATTERNS_MAX:
        raise TooManyPatterns
    if command.compared != patterns.in_force.keys():
        raise PatternsChanged
    if command.overlaps:
        raise PatternOverlaps(
            ", ".join(overlap.name for overlap in command.overlaps),
            overlaps=[
                {"pattern_id": found.pattern_id, "name": found.name, "code": found.code}
                for found in command.overlaps
            ],
        )
    return (
        PatternDeclared(
            pattern_id=pattern.pattern_id,
            name=pattern.name,
            expression=pattern.expression,
            meaning=pattern.meaning,
            length_max=pattern.length_max,
            example=pattern.example,
            declared_at=command.now,
        ),
    )


def evolve(patterns: Patterns, event: PatternEvent) -> Patterns:
    match event:
        case PatternDeclared():
            pattern = Pattern(
                pattern_id=event.pattern_id,
                name=event.name,
                expression=event.expression,
                meaning=event.meaning,
                length_max=event.length_max,
                example=event.example,
            )
            return Patterns(
                {**patterns.in_force, event.pattern_id: pattern},
                patterns.used | {event.pattern_id},
            )
        case PatternWithdrawn():
            left = {
                name: pattern
                for name, pattern in patterns.in_force.items()
                if name != event.pattern_id
            }
            return Patterns(left, patterns.used)
        case _:
            assert_never(event)


PATTERN: Decider[PatternCommand, Patterns] = Decider(
    initial=Patterns(), decide=decide, evolve=evolve
)
