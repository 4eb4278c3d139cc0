"""A voucher as one careful clerk would keep it: a register with reservations.

The semantics are those that `services/voucher/README.md` promises; nothing is imported from the
service, so the two cannot share a mistake. Amounts are minor units, instants seconds.

A hold runs out at its `until`. Each operation judges that by one instant of its own, somewhere
between its question and its answer (the service reads its clock once per command). So operations
that are under way at that very moment may disagree; whatever is asked later may not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations

from tests.linearizability.checker import Operation

HOLDS_OPEN_MAX = 20
"""Payments that may hold one voucher at once (`services/voucher/README.md`)."""

SKEW_S = 0.05
"""How far the service's clock may be from the client's, on one machine."""


# What is asked.


@dataclass(frozen=True, slots=True)
class LookUp:
    """What is it worth now?"""


@dataclass(frozen=True, slots=True)
class Redeem:
    id: str
    amount: int
    exact: bool = True
    """False: as much of it as there is."""


@dataclass(frozen=True, slots=True)
class Hold:
    id: str
    amount: int
    exact: bool = True
    lasts_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Confirm:
    id: str


@dataclass(frozen=True, slots=True)
class Release:
    id: str


@dataclass(frozen=True, slots=True)
class Capture:
    """A recorded booking was paid with it. It cannot be refused."""

    id: str
    amount: int


Request = LookUp | Redeem | Hold | Confirm | Release | Capture


# What is answered.


@dataclass(frozen=True, slots=True)
class Seen:
    balance: int
    available: int


@dataclass(frozen=True, slots=True)
class Done:
    """Redeemed, held, confirmed, captured: how much, and what is left for others."""

    amount: int
    left: int
    until: float | None = None
    """A hold's end, where the answer tells it."""


@dataclass(frozen=True, slots=True)
class Released:
    pass


@dataclass(frozen=True, slots=True)
class No:
    """Refused. `available`: what the refusal says is there."""

    code: str
    available: int | None = None


Answer = Seen | Done | Released | No

NOT_USABLE = No("voucher.not_usable")
TOO_MANY = No("voucher.too_many_holds")
UNKNOWN = No("hold.unknown")
RELEASED = No("hold.released")
EXPIRED = No("hold.expired")
CAPTURED = No("hold.captured")
REUSED = No("hold.reused")
FAILED = No("capture.failed")


# The state.


@dataclass(frozen=True, slots=True)
class Kept:
    """An amount kept for one payment, or what became of it."""

    id: str
    state: str
    """`held`, `confirmed`; closed: `captured`, `released`, `expired`, `tombstone`."""
    amount: int = 0
    left: int = 0
    until: float = math.inf
    vague: bool = False
    """Its answer was lost: it ends at `until` or later, nobody knows when."""


@dataclass(frozen=True, slots=True)
class Voucher:
    balance: int
    open: frozenset[Kept] = frozenset()
    closed: frozenset[Kept] = frozenset()

    def known(self, id: str) -> Kept | None:
        return next((kept for kept in chain(self.open, self.closed) if kept.id == id), None)

    def available(self, lapsed: frozenset[str], *, without: str = "") -> int:
        counted = (kept.amount for kept in self.open if kept.id not in lapsed | {without})
        return self.balance - sum(counted)

    def closing(self, id: str, state: str, *, amount: int = 0, left: int = 0) -> Voucher:
        """The hold `id` is closed, in whatever state it was."""
        others = self.without(id)
        return replace(others, closed=others.closed | {Kept(id, state, amount, left)})

    def without(self, id: str) -> Voucher:
        return Voucher(
            self.balance,
            frozenset(other for other in self.open if other.id != id),
            frozenset(other for other in self.closed if other.id != id),
        )


# What each request leads to. `lapsed`: the held ids that have run out, as this request sees it.


def apply(voucher: Voucher, request: Request, lapsed: frozenset[str]) -> tuple[Voucher, Answer]:
    """The voucher afterwards, and the answer. A hold's `until` is left to the caller."""
    match request:
        case LookUp():
            return voucher, Seen(voucher.balance, voucher.available(lapsed))
        case Redeem():
            return _redeem(voucher, request, lapsed)
        case Hold():
            return _hold(voucher, request, lapsed)
        case Confirm():
            return _confirm(voucher, request, lapsed)
        case Release():
            return _release(voucher, request)
        case Capture():
            return _capture(voucher, request, lapsed)


def _payable(voucher: Voucher, request: Redeem | Hold, lapsed: frozenset[str]) -> int | No:
    if voucher.balance == 0:
        return NOT_USABLE
    available = voucher.available(lapsed)
    if available <= 0 or (request.exact and available < request.amount):
        return No("voucher.insufficient", available)
    return min(request.amount, available)


def _redeem(voucher: Voucher, request: Redeem, lapsed: frozenset[str]) -> tuple[Voucher, Answer]:
    known = voucher.known(request.id)
    if known is not None and known.state != "tombstone":
        if known.state != "captured" or _differs(known, request):
            return voucher, REUSED
        return voucher, Done(known.amount, known.left)
    amount = _payable(voucher, request, lapsed)
    if isinstance(amount, No):
        return voucher, amount
    if known is not None:
        return voucher, RELEASED
    left = voucher.balance - amount
    spent = Kept(request.id, "captured", amount, left)
    return replace(voucher, balance=left, closed=voucher.closed | {spent}), Done(amount, left)


def _differs(known: Kept, request: Redeem | Hold) -> bool:
    return known.amount > request.amount or (request.exact and known.amount != request.amount)


def _hold(voucher: Voucher, request: Hold, lapsed: frozenset[str]) -> tuple[Voucher, Answer]:
    known = voucher.known(request.id)
    if known is not None and known.state != "tombstone":
        if known.state == "released":
            return voucher, RELEASED
        if known.state == "expired" or known.id in lapsed:
            return voucher, EXPIRED
        if _differs(known, request):
            return voucher, REUSED
        told = math.isfinite(known.until) and not known.vague
        return voucher, Done(known.amount, known.left, known.until if told else None)
    amount = _payable(voucher, request, lapsed)
    if isinstance(amount, No):
        return voucher, amount
    if len([kept for kept in voucher.open if kept.id not in lapsed]) >= HOLDS_OPEN_MAX:
        return voucher, TOO_MANY
    if known is not None:
        return voucher, RELEASED
    left = voucher.available(lapsed) - amount
    placed = Kept(request.id, "held", amount, left)
    return replace(voucher, open=voucher.open | {placed}), Done(amount, left)


def _confirm(voucher: Voucher, request: Confirm, lapsed: frozenset[str]) -> tuple[Voucher, Answer]:
    known = voucher.known(request.id)
    if known is None:
        return voucher, UNKNOWN
    if known.state in ("confirmed", "captured"):
        return voucher, Done(known.amount, known.left)
    if known.state in ("released", "tombstone"):
        return voucher, RELEASED
    left, until = known.left, known.until
    if known.state == "expired" or known.id in lapsed:
        # It ran out; if nobody took the money meanwhile, it is held again.
        left = voucher.available(lapsed, without=known.id) - known.amount
        if voucher.balance == 0 or left < 0:
            return voucher, EXPIRED
        until = math.inf
    firm = Kept(known.id, "confirmed", known.amount, left, until, known.vague)
    others = voucher.without(known.id)
    return replace(others, open=others.open | {firm}), Done(known.amount, left)


def _release(voucher: Voucher, request: Release) -> tuple[Voucher, Answer]:
    known = voucher.known(request.id)
    if known is None:
        return voucher.closing(request.id, "tombstone"), Released()
    if known.state == "captured":
        return voucher, CAPTURED
    if known.state in ("released", "tombstone"):
        return voucher, Released()
    return voucher.closing(request.id, "released"), Released()


def _capture(voucher: Voucher, request: Capture, lapsed: frozenset[str]) -> tuple[Voucher, Answer]:
    known = voucher.known(request.id)
    if known is not None and known.state == "captured":
        return voucher, Done(known.amount, known.left)
    amount = min(request.amount, voucher.available(lapsed, without=request.id))
    if amount <= 0:
        return voucher, FAILED
    left = voucher.balance - amount
    spent = voucher.closing(request.id, "captured", amount=amount, left=left)
    return replace(spent, balance=left), Done(amount, left)


# The model as the checker asks for it.


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
