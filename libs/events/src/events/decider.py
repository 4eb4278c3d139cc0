"""The decider: the whole model of an aggregate as three things.

`decide(command, state)` answers with events or raises a `DomainError`; `evolve(state, event)`
folds one event; `initial` is the state before the first event. Both functions are pure: time, ids
and randomness come in with the command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

C = TypeVar("C")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Decider(Generic[C, S]):
    """`evolve` takes `Any` as event so that one closed union per service type-checks inside."""

    initial: S
    decide: Callable[[C, S], Sequence[Any]]
    evolve: Callable[[S, Any], S]


def fold(decider: Decider[Any, S], events: Iterable[Any], *, start: S | None = None) -> S:
    """The state after `events`, from `start` or from the beginning."""
    state = decider.initial if start is None else start
    for event in events:
        state = decider.evolve(state, event)
    return state
