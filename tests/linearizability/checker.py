"""Whether a history of concurrent calls can be explained by calls made one after the other.

The question is linearizability (Herlihy and Wing, 1990): is there an order of all operations that
respects real time (what was answered before another was asked comes before it) and in which a
sequential model gives every recorded answer? The search is Wing and Gong's ("Testing and verifying
concurrent objects", 1993) with Lowe's memory of the configurations that were tried ("Testing for
linearizability", 2017). Linearizability is local, so the caller checks one object (one voucher) at
a time (Horn and Kroening's P-compositionality, 2015).

An operation without an answer may have taken effect at any time after it was asked, or never.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

STEPS_MAX = 300_000
"""How many steps one search may take; then the answer is `Undecided`, and that is no pass."""

REPORT_LINES_MAX = 400

S = TypeVar("S", bound=Hashable)
Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


@dataclass(frozen=True, slots=True)
class Operation(Generic[Asked, Answered]):
    """One call by one client. Instants are seconds of one clock, the same for all clients."""

    client: str
    request: Asked
    invoked: float
    answer: Answered | None = None
    """None: unknown. It may have happened, may still happen, or never will."""
    answered: float = math.inf
    repeats: tuple[Answered, ...] = ()
    """What later repeats of the same call (same idempotency key) were answered."""


class Model(Protocol[S, Asked, Answered]):
    """The object as one careful clerk would keep it, asked one thing at a time."""

    initial: S

    def after(self, state: S, operation: Operation[Asked, Answered]) -> Iterable[S]:
        """The states that `operation` may leave behind, given that it was answered as recorded.

        None at all: with this answer it cannot come here. An operation with an unknown answer
        answers with every state that it may lead to.
        """
        ...

    def at_once(self, state: S, operation: Operation[Asked, Answered]) -> bool:
        """Whether `operation`, if it can come here, may as well: whatever can be explained with it
        coming later can be explained with it coming now. So it is for all that change nothing."""
        ...

    def simplifier(self, operations: Sequence[Operation[Asked, Answered]]) -> Callable[[int, S], S]:
        """A function of what is done (bit n: operation n) and a state, that answers with a state
        in which everything still to come leads to the same answers. States that only differ in
        what nobody will ask about any more become one, and are tried once."""
        ...


@dataclass(frozen=True, slots=True)
class Linearizable(Generic[Asked, Answered]):
    """There is an explanation: this order."""

    order: tuple[Operation[Asked, Answered], ...]
    steps: int


@dataclass(frozen=True, slots=True)
class Refused:
    """There is none. `reason` says how far an explanation got, for whoever has to find the bug."""

    reason: str
    steps: int


@dataclass(frozen=True, slots=True)
class Undecided:
    """The search was given up. Whoever asked has to treat this as a failure."""

    steps: int


Verdict = Linearizable[Asked, Answered] | Refused | Undecided


def check(
    model: Model[S, Asked, Answered],
    history: Iterable[Operation[Asked, Answered]],
    *,
    steps_max: int = STEPS_MAX,
) -> Verdict[Asked, Answered]:
    """Search for an order that explains `history`."""
    operations = sorted(history, key=lambda operation: operation.invoked)
    for operation in operations:
        if operation.answered < operation.invoked:
            raise ValueError(f"answered before it was asked: {operation}")
        for repeat in operation.repeats:
            if repeat != operation.answer:
                return Refused(f"a repeat was answered otherwise: {repeat}\n  {operation}", 0)
    return _Search(model, operations, steps_max).run()


@dataclass(slots=True)
class _Frame(Generic[S]):
    """A configuration, and the ways to go on from it that were not tried yet."""

    done: int
    """Bit n: operation n is in the order already."""
    state: S
    ways: Iterator[tuple[int, S]]
    came_by: int
    """The operation that led here; -1 at the start."""


class _Search(Generic[S, Asked, Answered]):
    def __init__(
        self,
        model: Model[S, Asked, Answered],
        operations: Sequence[Operation[Asked, Answered]],
        steps_max: int,
    ) -> None:
        self._model = model
        self._all = operations
        self._steps_max = steps_max
        self._known = [n for n, op in enumerate(operations) if op.answer is not None]
        self._unknown = [n for n, op in enumerate(operations) if op.answer is None]
        self._must = sum(1 << n for n in self._known)
        self._simple = model.simplifier(operations)
        self._tried: set[tuple[int, S]] = set()
        self._steps = 0
        self._farthest = (-1, 0, model.initial)

    def run(self) -> Verdict[Asked, Answered]:
        stack = [self._frame(0, self._model.initial, -1)]
        while stack:
            frame = stack[-1]
            if frame.done & self._must == self._must:
                order = tuple(self._all[each.came_by] for each in stack if each.came_by >= 0)
                return Linearizable(order, self._steps)
            if self._steps > self._steps_max:
                return Undecided(self._steps)
            way = next(frame.ways, None)
            if way is None:
                stack.pop()
                continue
            number, state = way
            done = frame.done | 1 << number
            state = self._simple(done, state)
            if (done, state) not in self._tried:
                self._tried.add((done, state))
                stack.append(self._frame(done, state, number))
        return Refused(self._explain(), self._steps)

    def _frame(self, done: int, state: S, came_by: int) -> _Frame[S]:
        reached = (done & self._must).bit_count()
        if reached > self._farthest[0]:
            self._farthest = (reached, done, state)
        return _Frame(done, state, self._ways(done, state), came_by)

    def _ways(self, done: int, state: S) -> Iterator[tuple[int, S]]:
        """What may come next, the most promising first: what was answered first has to come first,
        and what nobody knows to have happened is tried when nothing else explains the rest."""
        known, unknown = self._next(done)
        ways: list[tuple[int, S]] = []
        for number in sorted(known, key=lambda n: self._all[n].answered):
            found = [(number, after) for after in self._after(state, number)]
            if found and self._model.at_once(state, self._all[number]):
                yield from found  # No other way need be tried.
                return
            ways.extend(found)
        yield from ways
        for number in unknown:
            yield from ((number, after) for after in self._after(state, number) if after != state)

    def _after(self, state: S, number: int) -> list[S]:
        self._steps += 1
        return list(self._model.after(state, self._all[number]))

    def _next(self, done: int) -> tuple[list[int], list[int]]:
        """Operations that nothing still outside the order has to come before."""
        horizon = math.inf
        known: list[int] = []
        left = self._must & ~done
        while left:
            lowest = left & -left
            number = lowest.bit_length() - 1
            if self._all[number].invoked > horizon:
                break
            known.append(number)
            horizon = min(horizon, self._all[number].answered)
            left ^= lowest
        unknown = [
            n for n in self._unknown if not done >> n & 1 and self._all[n].invoked <= horizon
        ]
        return known, unknown

    def _explain(self) -> str:
        reached, done, state = self._farthest
        known, unknown = self._next(done)
        lines = [
            f"{reached} of {len(self._known)} answers can be explained, and not one more.",
            f"Then it stands at: {state}",
            "None of these can come next:",
            *(f"  {self._all[number]}" for number in known),
        ]
        if unknown:
            lines.append(
                "also not after one of these, of which nobody knows whether they happened:"
            )
            lines.extend(f"  {self._all[number]}" for number in unknown)
        return "\n".join(lines)


def readable(
    operations: Iterable[Operation[Asked, Answered]],
    *,
    say: Callable[[Operation[Asked, Answered]], str] = str,
) -> str:
    """The history as text, one line per operation, in the order in which they were asked."""
    ordered = sorted(operations, key=lambda operation: operation.invoked)
    zero = ordered[0].invoked if ordered else 0.0
    lines = []
    for operation in ordered[:REPORT_LINES_MAX]:
        end = "   unknown" if operation.answer is None else f"{operation.answered - zero:10.4f}"
        lines.append(f"{operation.invoked - zero:10.4f} {end}  {say(operation)}")
    if len(ordered) > REPORT_LINES_MAX:
        lines.append(f"… and {len(ordered) - REPORT_LINES_MAX} more")
    return "\n".join(lines)
