"""Given / when / then for a decider: pure, in milliseconds, and read as sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from events.decider import Decider, fold
from events.errors import DomainError

C = TypeVar("C")
S = TypeVar("S")


@dataclass(frozen=True)
class Outcome(Generic[S]):
    """What a command led to."""

    events: tuple[Any, ...]
    refusal: DomainError | None
    state: S

    def then(self, *expected: Any) -> Outcome[S]:
        """Exactly these events, in this order."""
        assert self.refusal is None, f"refused: {self.refusal!r}"
        assert self.events == expected
        return self

    def then_nothing(self) -> Outcome[S]:
        """Accepted, and nothing happened (a repeat, usually)."""
        assert self.refusal is None, f"refused: {self.refusal!r}"
        assert self.events == ()
        return self

    def then_refused(self, kind: type[DomainError]) -> Outcome[S]:
        """Refused with exactly this kind of `DomainError`."""
        assert self.refusal is not None, f"not refused, but {self.events!r}"
        assert type(self.refusal) is kind, f"refused with {self.refusal!r}"
        return self

    def then_state(self, expected: S) -> Outcome[S]:
        assert self.state == expected
        return self


@dataclass(frozen=True)
class Given(Generic[C, S]):
    decider: Decider[C, S]
    history: Sequence[Any]

    def when(self, command: C) -> Outcome[S]:
        before = fold(self.decider, self.history)
        try:
            events = tuple(self.decider.decide(command, before))
        except DomainError as refusal:
            return Outcome((), refusal, before)
        return Outcome(events, None, fold(self.decider, events, start=before))


@dataclass(frozen=True)
class Scenario(Generic[C, S]):
    """`Scenario(VOUCHER).given(issued).when(redeem("5.00")).then(redeemed("5.00"))`"""

    decider: Decider[C, S]

    def given(self, *history: Any) -> Given[C, S]:
        return Given(self.decider, history)

    def when(self, command: C) -> Outcome[S]:
        return self.given().when(command)
