"""A voucher as one careful clerk would keep it: a register with reservations.

The semantics are those that `services/voucher/README.md` promises; nothing is imported from the
service, so the two cannot share a mistake. Amounts are minor units, instants seconds.

A hold runs out at its `until`. Each operation judges that by one instant of its own, somewhere
between its question and its answer (the service reads its clock once per command). So operations
that are under way at that very moment may disagree; whatever is asked later may not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import chain

HOLDS_OPEN_MAX = 20
"""Payments that may hold one voucher at once (`services/voucher/README.md`)."""


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
