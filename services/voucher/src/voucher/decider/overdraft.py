"""What a store took beyond the vouchers' value: an account of its own, so that no voucher is ever
below zero and no recorded booking is ever lost. Stream `overdraft-{store_id}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, assert_never

from events import Decider, DomainError
from money import Money
from voucher.events import OverdraftBooked, OverdraftEvent, OverdraftSettled, VoucherCaptureFailed

How = Literal["collected", "written_off", "voucher"]


class OverdraftUnknown(DomainError):
    code = "overdraft.unknown"
    status = 404
    title = "There is no such overdraft in this store"


class OverdraftSettledBefore(DomainError):
    code = "overdraft.settled"
    title = "This overdraft is settled"


@dataclass(frozen=True, slots=True)
class BookOverdraft:
    """A recorded booking was paid with more than the voucher held. Never refused."""

    failed: VoucherCaptureFailed
    legal_entity_id: str | None
    """Of the store: it bears the loss until somebody decides."""


@dataclass(frozen=True, slots=True)
class SettleOverdraft:
    """Somebody decided what becomes of one overdraft, all of it."""

    overdraft_id: str
    how: How
    reason: str
    now: datetime


OverdraftCommand = BookOverdraft | SettleOverdraft


@dataclass(frozen=True, slots=True)
class Overdrafts:
    """One store's account."""

    balance: Money | None = None
    """None: nothing was ever overdrawn."""
    open: Mapping[str, OverdraftBooked] = field(default_factory=dict)
    settled: frozenset[str] = frozenset()


def decide(command: OverdraftCommand, account: Overdrafts) -> Sequence[OverdraftEvent]:
    match command:
        case BookOverdraft(failed=failed):
            if failed.hold_id in account.open or failed.hold_id in account.settled:
                return ()
            before = account.balance or failed.missing.zero
            return (
                OverdraftBooked(
                    overdraft_id=failed.hold_id,
                    store_id=failed.store_id,
                    legal_entity_id=command.legal_entity_id,
                    voucher_id=failed.voucher_id,
                    serial=failed.serial,
                    booking_id=failed.booking_id,
                    amount=failed.missing,
                    balance=before + failed.missing,
                    offline=failed.offline,
                    booked_at=failed.failed_at,
                ),
            )
        case SettleOverdraft():
            return (_settled(command, account),)
        case _:
            assert_never(command)


def _settled(command: SettleOverdraft, account: Overdrafts) -> OverdraftSettled:
    if command.overdraft_id in account.settled:
        raise OverdraftSettledBefore
    booked = account.open.get(command.overdraft_id)
    if booked is None or account.balance is None:
        raise OverdraftUnknown
    return OverdraftSettled(
        overdraft_id=command.overdraft_id,
        store_id=booked.store_id,
        amount=booked.amount,
        balance=account.balance - booked.amount,
        how=command.how,
        reason=command.reason,
        settled_at=command.now,
    )


def evolve(account: Overdrafts, event: OverdraftEvent) -> Overdrafts:
    match event:
        case OverdraftBooked():
            return replace(
                account,
                balance=event.balance,
                open={**account.open, event.overdraft_id: event},
            )
        case OverdraftSettled():
            left = {key: each for key, each in account.open.items() if key != event.overdraft_id}
            return Overdrafts(
                balance=event.balance, open=left, settled=account.settled | {event.overdraft_id}
            )
        case _:
            assert_never(event)


OVERDRAFT: Decider[OverdraftCommand, Overdrafts] = Decider(
    initial=Overdrafts(), decide=decide, evolve=evolve
)
