"""What accounts, fees and entitlements do about the gateway's bookings. Pure: `now` comes in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, assert_never

from events import Ask
from events.reaction import Policy
from voucher.decider.account.commands import CreditLoad, RecordSettlements, SettledFee
from voucher.foreign_accounts import (
    AccountBooking,
    AccountBookingAborted,
    EntitlementLine,
    FeeLine,
    LoadLine,
)
from voucher.handlers.accounts import Accounts
from voucher.handlers.entitlements import Entitlements, Extension
from voucher.handlers.fees import Fees


@dataclass(frozen=True, slots=True)
class AbortLoad:
    load_id: str


@dataclass(frozen=True, slots=True)
class AbortSettlement:
    settlement_id: str


@dataclass(frozen=True, slots=True)
class RecordExtension:
    extension: Extension
    booking_id: str
    store_id: str
    recorded_at: datetime


AccountsCommand = CreditLoad | RecordSettlements | AbortLoad | AbortSettlement | RecordExtension


def credit_what_was_loaded(
    booking: AccountBooking, until: Callable[[date], date]
) -> tuple[CreditLoad, ...]:
    """Whenever a load is recorded, it can be spent."""
    day = booking.business_date or booking.recorded_at.date()
    return tuple(
        CreditLoad(
            account_id=line.account_id,
            load_id=line.load_id,
            amount=line.amount,
            booking_id=booking.booking_id,
            store_id=booking.store_id,
            till_id=booking.till_id,
            legal_entity_id=booking.legal_entity_id,
            business_date=day,
            valid_until=until(day),
            recorded_at=booking.recorded_at,
        )
        for line in booking.lines
        if isinstance(line, LoadLine)
    )


def settle_the_fees(booking: AccountBooking, now: datetime) -> tuple[RecordSettlements, ...]:
    """Whenever a booking settles fees, they are settled: all lines of one account together."""
    by_account: dict[str, list[SettledFee]] = {}
    for line in booking.lines:
        if isinstance(line, FeeLine):
            by_account.setdefault(line.account_id, []).append(
                SettledFee(
                    settlement_id=line.settlement_id,
                    fee_id=line.fee_id,
                    how=line.how,
                    amount=line.amount,
                    reason=line.reason,
                )
            )
    return tuple(
        RecordSettlements(
            account_id=account_id,
            booking_id=booking.booking_id,
            store_id=booking.store_id,
            till_id=booking.till_id,
            legal_entity_id=booking.legal_entity_id,
            fees=tuple(fees),
            recorded_at=booking.recorded_at,
            now=now,
        )
        for account_id, fees in by_account.items()
    )


def extend_entitlements(booking: AccountBooking) -> tuple[RecordExtension, ...]:
    """Whenever a booking confirms an extension, it is a fact."""
    return tuple(
        RecordExtension(
            extension=Extension(
                extension_id=line.extension_id,
                voucher_id=line.voucher_id,
                serial="",
                entitlement=line.entitlement,
                subject_id=line.subject_id,
                old_until=line.old_until,
                new_until=line.new_until,
            ),
            booking_id=booking.booking_id,
            store_id=booking.store_id,
            recorded_at=booking.recorded_at,
        )
        for line in booking.lines
        if isinstance(line, EntitlementLine)
    )


def drop_the_loads(booking: AccountBookingAborted) -> tuple[AbortLoad, ...]:
    """Whenever a booking is aborted, its loads are not sold."""
    return tuple(AbortLoad(load_id) for load_id in booking.load_ids)


def drop_the_settlements(booking: AccountBookingAborted) -> tuple[AbortSettlement, ...]:
    """Whenever a booking is aborted, the fees that it was about to settle are open again."""
    return tuple(AbortSettlement(one) for one in booking.settlement_ids)


def account_policies(
    clock: Callable[[], datetime], until: Callable[[date], date]
) -> tuple[Policy[Any, Any], ...]:
    """All of them, bound to the events they hear. The names are part of idempotency keys."""
    recorded, aborted = "booking.recorded", "booking.aborted"
    return (
        Policy(
            name="account.credit",
            event=recorded,
            model=AccountBooking,
            decide=lambda booking: credit_what_was_loaded(booking, until),
            target=lambda command: command.load_id,
        ),
        Policy(
            name="account.settle",
            event=recorded,
            model=AccountBooking,
            decide=lambda booking: settle_the_fees(booking, clock()),
            target=lambda command: command.account_id,
        ),
        Policy(
            name="voucher.extend_entitlement",
            event=recorded,
            model=AccountBooking,
            decide=extend_entitlements,
            target=lambda command: command.extension.extension_id,
        ),
        Policy(
            name="account.cancel_load",
            event=aborted,
            model=AccountBookingAborted,
            decide=drop_the_loads,
            target=lambda command: command.load_id,
        ),
        Policy(
            name="account.drop_settlement",
            event=aborted,
            model=AccountBookingAborted,
            decide=drop_the_settlements,
            target=lambda command: command.settlement_id,
        ),
    )


def executed_by(
    accounts: Accounts, fees: Fees, entitlements: Entitlements
) -> Callable[[AccountsCommand, Ask], Awaitable[None]]:
    """What the policies lead to."""

    async def execute(command: AccountsCommand, ask: Ask) -> None:
        match command:
            case CreditLoad():
                await accounts.credit_load(command, ask)
            case RecordSettlements():
                await fees.record(command, ask)
            case AbortLoad():
                await accounts.cancel_load(ask, load_id=command.load_id, reason="booking_aborted")
            case AbortSettlement():
                await fees.drop(ask, settlement_id=command.settlement_id, reason="aborted")
            case RecordExtension():
                await entitlements.record(
                    ask,
                    command.extension,
                    store_id=command.store_id,
                    booking_id=command.booking_id,
                    now=command.recorded_at,
                )
            case _:
                assert_never(command)

    return execute
