"""The people at the tills: who may sign in where, who stands at a till, who lends a right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from device_gateway.decider.refusals import TillUnknown
from device_gateway.decider.till import Till
from device_gateway.events import (
    ApprovalGiven,
    ApprovalUsed,
    CashierChanged,
    CashierEnrolled,
    CashierEvent,
    CashierRemoved,
    CashierRole,
    CashierSignedIn,
    CashierSignedOut,
    TrainingBegun,
    TrainingEnded,
)
from events import Decider, DomainError

STORES_MAX = 200
"""How many stores one person may be enrolled for by name; more are all of them."""


class CashierUnknown(DomainError):
    code = "cashier.unknown"
    status = 404
    title = "This store has no such cashier"


class CashierElsewhere(DomainError):
    """A manager of one store changes nobody who also works in others."""

    code = "cashier.elsewhere"
    status = 403
    title = "This cashier works in stores that are not yours"


class CashierNotRecognized(DomainError):
    """Unknown, removed, of another store, wrong PIN: the same answer."""

    code = "cashier.not_recognized"
    status = 403
    title = "Cashier and PIN, or card, do not fit"


class CashierLocked(DomainError):
    """`retry_after_s` says when the next try is taken."""

    code = "cashier.locked"
    status = 429
    title = "Too many wrong PINs at this till; wait and try again"


class SignInNeeded(DomainError):
    code = "till.sign_in_needed"
    status = 403
    title = "Somebody has to sign in at this till first"


class RightMissing(DomainError):
    """`right` is what is missing. Somebody else may lend it (`approvals`)."""

    code = "till.right_missing"
    status = 403
    title = "Whoever is signed in may not do this"


class ApprovalNotValid(DomainError):
    """Unknown, used, too old, or for something else."""

    code = "approval.not_valid"
    status = 403
    title = "This approval is not valid for this act"


@dataclass(frozen=True, slots=True)
class Cashier:
    """`role` None: not enrolled, or no more."""

    cashier_id: str = ""
    store_ids: tuple[str, ...] = ()
    role: CashierRole | None = None
    card_hash: str | None = None
    has_pin: bool = False

    def works_in(self, store_id: str) -> bool:
        return self.role is not None and (not self.store_ids or store_id in self.store_ids)


@dataclass(frozen=True, slots=True)
class EnrollCashier:
    """`card_hash` None: he keeps the card he has; `remove_card`: he has none from now on."""

    cashier_id: str
    store_ids: tuple[str, ...]
    role: CashierRole
    card_hash: str | None
    remove_card: bool
    pin: bool
    """He gets a new PIN."""
    by: str
    by_store: str | None
    """The only store of who asks; None: all of the chain."""
    now: datetime


def enroll(command: EnrollCashier, cashier: Cashier) -> tuple[CashierEnrolled | CashierChanged]:
    """Raises `CashierElsewhere`."""
    for stores in (command.store_ids, *([cashier.store_ids] if cashier.role else [])):
        if command.by_store is not None and set(stores) != {command.by_store}:
            raise CashierElsewhere
    card = None if command.remove_card else command.card_hash or cashier.card_hash
    known = cashier.role is not None
    said: dict[str, Any] = {
        "cashier_id": command.cashier_id,
        "store_ids": command.store_ids,
        "role": command.role,
        "card_hash": card,
        "has_pin": command.pin or (known and cashier.has_pin),
        "by": command.by,
        "at": command.now,
    }
    return (CashierChanged(**said) if known else CashierEnrolled(**said),)


def remove(
    cashier_id: str, cashier: Cashier, *, by: str, by_store: str | None, now: datetime
) -> tuple[CashierEvent, ...]:
    """Raises `CashierUnknown`, `CashierElsewhere`."""
    if cashier.role is None:
        raise CashierUnknown
    if by_store is not None and set(cashier.store_ids) != {by_store}:
        raise CashierElsewhere
    return (CashierRemoved(cashier_id=cashier_id, by=by, removed_at=now),)


def evolve(cashier: Cashier, event: CashierEvent) -> Cashier:
    match event:
        case CashierEnrolled() | CashierChanged():
            return Cashier(
                event.cashier_id, event.store_ids, event.role, event.card_hash, event.has_pin
            )
        case CashierRemoved():
            return Cashier(event.cashier_id)
        case _:
            assert_never(event)


def _decide(command: Any, cashier: Cashier) -> Sequence[CashierEvent]:
    raise AssertionError("cashiers are decided by their own functions")


CASHIER: Decider[Any, Cashier] = Decider(initial=Cashier(), decide=_decide, evolve=evolve)


# --- at a till ---


def _of(till: Till, store_id: str) -> None:
    if not till.known or till.store_id != store_id:
        raise TillUnknown


def sign_in(
    till: Till, *, store_id: str, till_id: str, cashier_id: str, now: datetime
) -> tuple[CashierSignedIn, ...]:
    """Whoever stood there before is signed out by it."""
    _of(till, store_id)
    if till.cashier == cashier_id:
        return ()
    return (
        CashierSignedIn(
            store_id=store_id, till_id=till_id, cashier_id=cashier_id, signed_in_at=now
        ),
    )


def sign_out(
    till: Till, *, store_id: str, till_id: str, now: datetime
) -> tuple[CashierSignedOut, ...]:
    _of(till, store_id)
    if till.cashier is None:
        return ()
    return (
        CashierSignedOut(
            store_id=store_id, till_id=till_id, cashier_id=till.cashier, signed_out_at=now
        ),
    )


def train(
    till: Till, *, store_id: str, till_id: str, on: bool, approved_by: str | None, now: datetime
) -> tuple[TrainingBegun | TrainingEnded, ...]:
    """Every sale is a training, or none by itself."""
    _of(till, store_id)
    if till.training == on:
        return ()
    if not on:
        return (
            TrainingEnded(
                store_id=store_id, till_id=till_id, cashier_id=till.cashier, ended_at=now
            ),
        )
    return (
        TrainingBegun(
            store_id=store_id,
            till_id=till_id,
            cashier_id=till.cashier,
            approved_by=approved_by,
            begun_at=now,
        ),
    )


def approve(till: Till, given: ApprovalGiven) -> tuple[ApprovalGiven, ...]:
    _of(till, given.store_id)
    return (given,)


def use_approval(
    till: Till,
    *,
    store_id: str,
    till_id: str,
    approval_id: str,
    right: str,
    booking_id: str | None,
    now: datetime,
) -> tuple[ApprovalUsed, ...]:
    """Once, in time, for what it was given for. Raises `ApprovalNotValid`."""
    _of(till, store_id)
    given = till.approvals.get(approval_id)
    if given is None or given.right != right or given.expires_at <= now:
        raise ApprovalNotValid
    if given.booking_id is not None and given.booking_id != booking_id:
        raise ApprovalNotValid
    return (ApprovalUsed(store_id=store_id, till_id=till_id, approval_id=approval_id, used_at=now),)
