"""Read models → answers. They lag behind the log; a caller that must see its own write passes the
position that the write answered with, and the query waits for it, at most `WAIT_S`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events import DomainError
from events.store.connection import faults, reading
from money import Money
from voucher.decider import end_of

WAIT_S = 1.0
"""Then the answer is given from what is there, and says so (`complete: false`)."""

HISTORY_MAX = 500
"""The newest entries of a voucher's history that are shown."""

POLL_S = 0.01
"""How often a waiting query looks how far the read model has come."""

# Every event of this service is a line of some voucher's history.
_REACHED = text("SELECT max(position) FROM voucher_history")
_BALANCE = text("SELECT * FROM voucher_balance WHERE serial = :serial")
_HISTORY = text(
    "SELECT * FROM voucher_history WHERE voucher_id = :voucher_id"
    " ORDER BY position DESC LIMIT :rows_max"
)
_LIABILITY = text(
    """
    SELECT l.legal_entity_id, l.currency, l.issued, l.redeemed, l.cancelled, l.vouchers,
           b.balance, b.held, b.pending, b.expired
    FROM (SELECT legal_entity_id, currency, sum(issued_minor)::bigint AS issued,
                 sum(redeemed_minor)::bigint AS redeemed,
                 sum(cancelled_minor)::bigint AS cancelled, sum(vouchers)::bigint AS vouchers
          FROM voucher_liability GROUP BY legal_entity_id, currency) AS l
    JOIN (SELECT legal_entity_id, currency, sum(balance_minor)::bigint AS balance,
                 sum(held_minor)::bigint AS held,
                 coalesce(sum(balance_minor) FILTER (WHERE state = 'pending'), 0)::bigint
                     AS pending,
                 coalesce(sum(balance_minor) FILTER (WHERE valid_until < :today), 0)::bigint
                     AS expired
          FROM voucher_balance GROUP BY legal_entity_id, currency) AS b
        USING (legal_entity_id, currency)
    ORDER BY l.legal_entity_id, l.currency
    """
)
_MISSING = text(
    "SELECT currency, sum(missing_minor)::bigint AS missing, count(*) AS failures"
    " FROM voucher_failure GROUP BY currency"
)


class VoucherUnknown(DomainError):
    code = "voucher.unknown"
    status = 404
    title = "There is no voucher with this serial"


@dataclass(frozen=True, slots=True)
class Entry:
    position: int
    name: str
    at: datetime
    amount: Money | None
    store_id: str | None
    till_id: str | None
    booking_id: str | None
    hold_id: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class VoucherDetail:
    voucher_id: str
    serial: str
    legal_entity_id: str
    state: str
    value: Money
    redeemed: Money
    cancelled: Money
    balance: Money
    held: Money
    valid_until: date
    issued_at: datetime
    history: tuple[Entry, ...]
    """Oldest first."""
    complete: bool


@dataclass(frozen=True, slots=True)
class Owed:
    """What one legal entity owes in one currency. issued = redeemed + cancelled + balance."""

    legal_entity_id: str
    vouchers: int
    issued: Money
    redeemed: Money
    cancelled: Money
    balance: Money
    held: Money
    pending: Money
    """Part of the balance: prepared, not sold yet."""
    expired: Money
    """Part of the balance: past its last day."""
    balanced: bool


@dataclass(frozen=True, slots=True)
class Liability:
    entries: tuple[Owed, ...]
    missing: tuple[Money, ...]
    """Recorded bookings that no voucher covered, per currency: somebody has to look."""
    failures: int
    complete: bool


class Queries:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def voucher(self, serial: str, *, now: datetime, position: int = 0) -> VoucherDetail:
        """One voucher with its history over all stores. Raises `VoucherUnknown`."""
        complete = await self._reached(position)
        async with faults(), reading(self._engine) as connection:
            row = (await connection.execute(_BALANCE, {"serial": serial})).one_or_none()
            if row is None:
                raise VoucherUnknown
            history = await connection.execute(
                _HISTORY, {"voucher_id": row.voucher_id, "rows_max": HISTORY_MAX}
            )
            entries = [_entry(entry, row.currency) for entry in history]
        money = _minor(row.currency)
        return VoucherDetail(
            voucher_id=row.voucher_id,
            serial=row.serial,
            legal_entity_id=row.legal_entity_id,
            state=_shown(row, now),
            value=money(row.value_minor),
            redeemed=money(row.redeemed_minor),
            cancelled=money(row.cancelled_minor),
            balance=money(row.balance_minor),
            held=money(row.held_minor),
            valid_until=row.valid_until,
            issued_at=row.issued_at,
            history=tuple(reversed(entries)),
            complete=complete,
        )

    async def liability(self, *, today: date, position: int = 0) -> Liability:
        """What is owed, by legal entity. Sums over facts beside sums over balances."""
        complete = await self._reached(position)
        async with faults(), reading(self._engine) as connection:
            # One snapshot for all sums: the projection may be at work.
            await connection.execution_options(isolation_level="REPEATABLE READ")
            rows = (await connection.execute(_LIABILITY, {"today": today})).all()
            missing = (await connection.execute(_MISSING)).all()
        return Liability(
            entries=tuple(_owed(row) for row in rows),
            missing=tuple(_minor(row.currency)(row.missing) for row in missing),
            failures=sum(row.failures for row in missing),
            complete=complete,
        )

    async def _reached(self, position: int) -> bool:
        """Wait until the read model shows `position`. False: it does not, after `WAIT_S`."""
        if position <= 0:
            return True
        deadline = asyncio.get_running_loop().time() + WAIT_S
        while True:
            async with faults(), reading(self._engine) as connection:
                reached = await connection.scalar(_REACHED) or 0
            if reached >= position:
                return True
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(POLL_S)


def _minor(currency: str) -> Callable[[int], Money]:
    # A sum over many vouchers may be larger than any single amount may.
    return lambda amount: Money.model_construct(amount=amount, currency=currency)


def _entry(row: Any, currency: str) -> Entry:
    amount = None if row.amount_minor is None else _minor(currency)(row.amount_minor)
    return Entry(
        position=row.position,
        name=row.name,
        at=row.at,
        amount=amount,
        store_id=row.store_id,
        till_id=row.till_id,
        booking_id=row.booking_id,
        hold_id=row.hold_id,
        reason=row.reason,
    )


def _shown(row: Any, now: datetime) -> str:
    if row.state != "active":
        return str(row.state)
    if row.balance_minor == 0:
        return "spent"
    return "active" if now < end_of(row.valid_until, row.time_zone) else "expired"


def _owed(row: Any) -> Owed:
    money = _minor(row.currency)
    return Owed(
        legal_entity_id=row.legal_entity_id,
        vouchers=row.vouchers,
        issued=money(row.issued),
        redeemed=money(row.redeemed),
        cancelled=money(row.cancelled),
        balance=money(row.balance),
        held=money(row.held),
        pending=money(row.pending),
        expired=money(row.expired),
        balanced=row.issued == row.redeemed + row.cancelled + row.balance,
    )
