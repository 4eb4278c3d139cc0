"""The careful clerk (`clerk.py`) as the checker asks for it: what may have come of a call."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations

from tests.linearizability.checker import Operation
from tests.linearizability.clerk import (
    Answer,
    Confirm,
    Done,
    Hold,
    No,
    Request,
    Seen,
    Voucher,
    apply,
)

SKEW_S = 0.05
"""How far the service's clock may be from the client's, on one machine."""


class VoucherModel:
    """One active voucher of a value. See `checker.Model`."""

    def __init__(self, value: int) -> None:
        self.initial = Voucher(balance=value)

    def at_once(self, state: Voucher, operation: Operation[Request, Answer]) -> bool:
        if isinstance(operation.answer, Seen | No):
            return True
        if not isinstance(operation.request, Confirm):
            return False
        # Whether a hold is confirmed shows only once it would have run out.
        kept = state.known(operation.request.id)
        if kept is None or kept.state != "held":
            return False
        return kept.until > operation.answered + 2 * SKEW_S

    def after(self, state: Voucher, operation: Operation[Request, Answer]) -> Iterable[Voucher]:
        found: set[Voucher] = set()
        for voucher, lapsed in _views(state, operation):
            after, answer = apply(voucher, operation.request, lapsed)
            if _matches(operation, answer):
                found.add(_with_end(after, operation))
        return found

    def simplifier(
        self, operations: Sequence[Operation[Request, Answer]]
    ) -> Callable[[int, Voucher], Voucher]:
        return _Simplifier(operations)


def _views(
    voucher: Voucher, operation: Operation[Request, Answer]
) -> Iterator[tuple[Voucher, frozenset[str]]]:
    """Each way in which an operation may see the voucher and what has run out, judging at one
    instant between its question and its answer."""
    earliest, latest = operation.invoked - SKEW_S, operation.answered + SKEW_S
    if operation.answer is None:
        # Nobody knows which instant it judges by, so not even what is written down binds it.
        revived = [kept for kept in voucher.closed if kept.state == "expired"]
        for kept in revived:
            if kept.until > earliest:
                voucher = replace(
                    voucher,
                    open=voucher.open | {replace(kept, state="held")},
                    closed=voucher.closed - {kept},
                )
    held = [kept for kept in voucher.open if kept.state == "held"]
    between = sorted({kept.until for kept in held if earliest < kept.until <= latest})
    for now in (earliest, *between):
        sure = frozenset(kept.id for kept in held if not kept.vague and kept.until <= now)
        vague = [kept.id for kept in held if kept.vague and kept.until <= now]
        for size in range(len(vague) + 1):
            for some in combinations(vague, size):
                yield voucher, sure | frozenset(some)


class _Simplifier:
    """Forgets what no operation that is still to come can ask about. See `Model.simplifier`."""

    def __init__(self, operations: Sequence[Operation[Request, Answer]]) -> None:
        self._invoked = [operation.invoked - SKEW_S for operation in operations]
        self._all = (1 << len(operations)) - 1
        self._known = 0
        self._about: dict[str, int] = {}
        for number, operation in enumerate(operations):
            if operation.answer is not None:
                self._known |= 1 << number
            id = getattr(operation.request, "id", None)
            if id is not None:
                self._about[id] = self._about.get(id, 0) | 1 << number

    def __call__(self, done: int, voucher: Voucher) -> Voucher:
        answered_from = self._earliest(self._known & ~done)
        asked_from = self._earliest(self._all & ~done)
        open_, closed = [], []
        for kept in voucher.open:
            if kept.state == "held" and not kept.vague and kept.until <= answered_from:
                kept = replace(kept, state="expired")
                closed.append(kept)
            elif not self._about.get(kept.id, 0) & ~done and kept.left:
                open_.append(replace(kept, left=0))
            else:
                open_.append(kept)
        closed.extend(voucher.closed)
        return Voucher(
            voucher.balance,
            frozenset(open_),
            frozenset(
                kept
                for kept in closed
                if self._about.get(kept.id, 0) & ~done
                or (kept.state == "expired" and kept.until > asked_from)
            ),
        )

    def _earliest(self, left: int) -> float:
        return self._invoked[(left & -left).bit_length() - 1] if left else math.inf


def _matches(operation: Operation[Request, Answer], answer: Answer) -> bool:
    recorded = operation.answer
    if recorded is None:
        return True
    if isinstance(recorded, Done) and isinstance(answer, Done) and recorded.until is not None:
        if answer.until is None:  # A new hold: it lasts as long as was asked, from somewhere here.
            answer = replace(answer, until=recorded.until)
            placed_at = recorded.until - getattr(operation.request, "lasts_s", math.inf)
            if not operation.invoked - SKEW_S <= placed_at <= operation.answered + SKEW_S:
                return False
    elif isinstance(answer, Done):
        answer = replace(answer, until=None)
    return recorded == answer


def _with_end(voucher: Voucher, operation: Operation[Request, Answer]) -> Voucher:
    """A new hold gets the end that its answer tells, or a vague one."""
    request, answer = operation.request, operation.answer
    if not isinstance(request, Hold):
        return voucher
    kept = voucher.known(request.id)
    if kept is None or kept.state != "held" or kept.until != math.inf:
        return voucher
    if isinstance(answer, Done) and answer.until is not None:
        ending = replace(kept, until=answer.until)
    else:
        ending = replace(kept, until=operation.invoked + request.lasts_s, vague=True)
    return replace(voucher, open=voucher.open - {kept} | {ending})


Call = Operation[Request, Answer]
"""One call on a voucher."""


def of(
    request: Request,
    invoked: float,
    answer: Answer | None = None,
    answered: float = math.inf,
    *,
    client: str = "",
    repeats: Sequence[Answer] = (),
) -> Call:
    """A call, in the order in which it is told: asked what and when, answered what and when."""
    return Operation(client, request, invoked, answer, answered, tuple(repeats))
