"""A lease: a share of the limits that a store may use without a line, stream `lease-{lease_id}`.

    granted ── used, used, … ── returned (the store has reported, or a manager has written it off)

What is left of a lease stays taken from all limits until it is returned, however long its time is
over: the store may have charged it, and nobody here would know. So what all tills and all stores
charge together never exceeds a limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, assert_never

from costcenter.events import LeaseEvent, LeaseGranted, LeaseReturned, LeaseUsed, Take
from events import Decider, DomainError
from money import Money

HOURS_MAX = 72
"""The longest lease, unless the chain says less."""


class LeaseUnknown(DomainError):
    code = "lease.unknown"
    status = 404
    title = "There is no such lease"


class LeaseReused(DomainError):
    code = "lease.reused"
    status = 422
    title = "This lease id belongs to another request"


class LeaseUnreported(DomainError):
    """`extra`: `charges`, the first of them."""

    code = "lease.unreported"
    title = "Charges of this lease have not arrived yet: ask again when they have"


class LeaseRunning(DomainError):
    """`extra`: `ends_at`."""

    code = "lease.running"
    title = "The store may still use this lease"


class LeaseOfAnotherStore(DomainError):
    code = "lease.store"
    status = 403
    title = "This lease belongs to another store"


@dataclass(frozen=True, slots=True)
class Lease:
    """`lease_id` None: there is none with this id."""

    lease_id: str | None = None
    store_id: str = ""
    center_id: str = ""
    card_id: str | None = None
    currency: str = "EUR"
    amount: int = 0
    """Minor units, as granted."""
    count: int = 0
    takes: tuple[Take, ...] = ()
    """As granted. What each account still holds for the lease is `left` and `left_count`."""
    per_booking: int | None = None
    ends_at: datetime | None = None
    granted_at: datetime | None = None
    left: int = 0
    left_count: int = 0
    used: frozenset[str] = frozenset()
    """Charge ids."""
    exceeded: int = 0
    """What the store charged beyond it, minor units."""
    returned: Literal["reported", "written_off"] | None = None

    @property
    def open(self) -> bool:
        """It holds something of the limits."""
        return self.lease_id is not None and self.returned is None


@dataclass(frozen=True, slots=True)
class GrantLease:
    """`takes`: there is room for them, which whoever asks has looked at in the same decision."""

    lease_id: str
    store_id: str
    center_id: str
    card_id: str | None
    amount: Money
    count: int
    takes: tuple[Take, ...]
    per_booking: Money | None
    ends_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class UseLease:
    """A recorded booking charged it. A fact: what is left is taken; what the store charged beyond
    the lease's amount, number or amount per booking is `exceeded`."""

    charge_id: str
    amount: Money
    now: datetime


@dataclass(frozen=True, slots=True)
class ReturnLease:
    """`charges`: all that the store has charged against it."""

    charges: tuple[str, ...]
    by: str | None
    now: datetime


@dataclass(frozen=True, slots=True)
class WriteOffLease:
    """The store will never report: what is left was not charged, somebody says."""

    by: str
    reason: str
    now: datetime


LeaseCommand = GrantLease | UseLease | ReturnLease | WriteOffLease


def decide(command: LeaseCommand, lease: Lease) -> Sequence[LeaseEvent]:
    match command:
        case GrantLease():
            return _grant(command, lease)
        case UseLease():
            return _use(command, lease)
        case ReturnLease():
            return _return(command, lease)
        case WriteOffLease():
            return _write_off(command, lease)
        case _:
            assert_never(command)


def _grant(command: GrantLease, lease: Lease) -> Sequence[LeaseEvent]:
    if lease.lease_id is not None:
        same = (lease.store_id, lease.center_id, lease.card_id, lease.amount, lease.count)
        asked = (
            command.store_id,
            command.center_id,
            command.card_id,
            command.amount.amount,
            command.count,
        )
        if same != asked:
            raise LeaseReused
        return ()
    return (
        LeaseGranted(
            lease_id=command.lease_id,
            store_id=command.store_id,
            center_id=command.center_id,
            card_id=command.card_id,
            amount=command.amount,
            count=command.count,
            takes=command.takes,
            per_booking=command.per_booking,
            ends_at=command.ends_at,
            granted_at=command.now,
        ),
    )


def _use(command: UseLease, lease: Lease) -> Sequence[LeaseEvent]:
    if lease.lease_id is None:
        raise LeaseUnknown
    if command.charge_id in lease.used:
        return ()
    covered = covers(lease, command.amount)
    left = Money(amount=lease.left - covered.amount, currency=lease.currency)
    beyond = max(command.amount.amount - covered.amount, _over(lease, command.amount.amount))
    return (
        LeaseUsed(
            lease_id=lease.lease_id,
            charge_id=command.charge_id,
            amount=command.amount,
            left=left,
            exceeded=Money(amount=beyond, currency=lease.currency) if beyond else None,
            used_at=command.now,
        ),
    )


def covers(lease: Lease, amount: Money) -> Money:
    """How much of a charge is taken from the lease; the rest is taken from the limits. Nothing
    once it is returned."""
    return Money(amount=min(amount.amount, lease.left), currency=amount.currency)


def _over(lease: Lease, minor: int) -> int:
    """What the store should not have charged although the lease held it."""
    if not lease.left_count:
        return minor
    return 0 if lease.per_booking is None else max(0, minor - lease.per_booking)


def _return(command: ReturnLease, lease: Lease) -> Sequence[LeaseEvent]:
    if lease.lease_id is None:
        raise LeaseUnknown
    missing = sorted(set(command.charges) - lease.used)
    if missing:
        raise LeaseUnreported(charges=missing[:20])
    return _give_back(lease, "reported", command.by, None, command.now)


def _write_off(command: WriteOffLease, lease: Lease) -> Sequence[LeaseEvent]:
    if lease.lease_id is None:
        raise LeaseUnknown
    if lease.open and lease.ends_at is not None and command.now < lease.ends_at:
        raise LeaseRunning(ends_at=lease.ends_at.isoformat())
    return _give_back(lease, "written_off", command.by, command.reason, command.now)


def _give_back(
    lease: Lease,
    how: Literal["reported", "written_off"],
    by: str | None,
    note: str | None,
    now: datetime,
) -> Sequence[LeaseEvent]:
    if not lease.open:
        return ()
    assert lease.lease_id is not None  # An open one has its id.
    return (
        LeaseReturned(
            lease_id=lease.lease_id,
            store_id=lease.store_id,
            amount=Money(amount=lease.left, currency=lease.currency),
            count=lease.left_count,
            reason=how,
            by=by,
            note=note,
            returned_at=now,
        ),
    )


def evolve(lease: Lease, event: LeaseEvent) -> Lease:
    match event:
        case LeaseGranted():
            return Lease(
                lease_id=event.lease_id,
                store_id=event.store_id,
                center_id=event.center_id,
                card_id=event.card_id,
                currency=event.amount.currency,
                amount=event.amount.amount,
                count=event.count,
                takes=event.takes,
                per_booking=None if event.per_booking is None else event.per_booking.amount,
                ends_at=event.ends_at,
                granted_at=event.granted_at,
                left=event.amount.amount,
                left_count=event.count,
            )
        case LeaseUsed():
            beyond = 0 if event.exceeded is None else event.exceeded.amount
            return replace(
                lease,
                left=event.left.amount,
                left_count=max(0, lease.left_count - 1),
                used=lease.used | {event.charge_id},
                exceeded=lease.exceeded + beyond,
            )
        case LeaseReturned():
            return replace(lease, left=0, left_count=0, returned=event.reason)
        case _:
            assert_never(event)


LEASE: Decider[LeaseCommand, Lease] = Decider(initial=Lease(), decide=decide, evolve=evolve)
