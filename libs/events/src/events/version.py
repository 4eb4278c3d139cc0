"""The version that a stream is expected to have when events are appended to it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Exact:
    """The stream's newest event has exactly this version. `Exact(0)` means: no event yet."""

    version: int


@dataclass(frozen=True, slots=True)
class Exists:
    """The stream has at least one event."""


@dataclass(frozen=True, slots=True)
class Any:
    """No expectation. Only for facts that depend on nothing that came before."""


ExpectedVersion = Exact | Exists | Any

NO_STREAM = Exact(0)
EXISTS = Exists()
ANY = Any()


def holds(expected: ExpectedVersion, actual: int) -> bool:
    """Whether a stream whose newest version is `actual` (0: no event) meets the expectation."""
    match expected:
        case Exact(version):
            return actual == version
        case Exists():
            return actual > 0
        case Any():
            return True
