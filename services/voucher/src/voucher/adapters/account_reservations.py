"""Which holds and settlements of accounts have run out. It may lag: the sweeper's command
decides."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from events import Recorded
from events.projection import names_of
from events.store.connection import faults, reading
from voucher.events import (
    AccountHeld,
    AccountHoldConfirmed,
    AccountHoldReleased,
    AccountPaidOut,
    AccountSpent,
    FeeSettled,
    FeeSettlementDropped,
    FeeSettlementFailed,
    FeeSettlementPrepared,
    VoucherCaptureFailed,
)

_GONE = text("DELETE FROM account_reservation WHERE reservation_id = ANY(:ids)")
_FILL = text(
    """
    INSERT INTO account_reservation (reservation_id, account_id, expires_at)
    SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:accounts AS text[]),
        CAST(:ends AS timestamptz[]))
    ON CONFLICT (reservation_id) DO UPDATE SET expires_at = excluded.expires_at
    """
)
_LAPSED = text(
    "SELECT account_id, reservation_id FROM account_reservation WHERE expires_at <= :now"
    " ORDER BY expires_at LIMIT :rows_max"
)


class AccountReservations:
    """What may run out, from the log. Two statements per page."""

    name = "account_reservations"
    version = 1
    reads = names_of(
        AccountHeld,
        AccountHoldConfirmed,
        AccountHoldReleased,
        AccountPaidOut,
        AccountSpent,
        FeeSettled,
        FeeSettlementDropped,
        FeeSettlementFailed,
        FeeSettlementPrepared,
        VoucherCaptureFailed,
    )

    async def apply(self, tx: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        placed: dict[str, tuple[str, datetime]] = {}
        gone: set[str] = set()
        for entry in recorded:
            match entry.event:
                case AccountHeld() as held:
                    placed[held.hold_id] = (held.account_id, held.expires_at)
                case FeeSettlementPrepared() as prepared:
                    placed[prepared.settlement_id] = (prepared.account_id, prepared.expires_at)
                case (
                    AccountHoldConfirmed(hold_id=ended)
                    | AccountHoldReleased(hold_id=ended)
                    | AccountSpent(hold_id=ended)
                    | AccountPaidOut(hold_id=ended)
                    | VoucherCaptureFailed(hold_id=ended)
                    | FeeSettlementDropped(settlement_id=ended)
                    | FeeSettled(settlement_id=ended)
                    | FeeSettlementFailed(settlement_id=ended)
                ):
                    placed.pop(ended, None)
                    gone.add(ended)
        if gone:
            await tx.execute(_GONE, {"ids": sorted(gone)})
        if placed:
            await tx.execute(
                _FILL,
                {
                    "ids": list(placed),
                    "accounts": [account_id for account_id, _ in placed.values()],
                    "ends": [ends for _, ends in placed.values()],
                },
            )


class PostgresLapsedReservations:
    """`(account_id, reservation_id)` of what has run out, the oldest first."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def lapsed(self, now: datetime, *, holds_max: int) -> Sequence[tuple[str, str]]:
        """See `voucher.ports.LapsedHolds`."""
        async with faults(), reading(self._engine) as connection:
            rows = await connection.execute(_LAPSED, {"now": now, "rows_max": holds_max})
            return [(row.account_id, row.reservation_id) for row in rows]
