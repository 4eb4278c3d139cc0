"""Which holds have run out and which months are open, from a read model. It may lag: the decision
rests on the log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from costcenter.events import (
    ChargeBooked,
    ChargeConfirmed,
    ChargeHeld,
    ChargeReleased,
    MonthClosed,
    MonthOpened,
)
from events import Recorded
from events.projection import names_of
from events.store.connection import faults, reading

_GONE = text("DELETE FROM open_charge WHERE charge_id = ANY(:ids)")
_FILL = text(
    """
    INSERT INTO open_charge (charge_id, stream, expires_at, limit_ids)
    SELECT c.id, c.stream, c.ends, ARRAY(SELECT jsonb_array_elements_text(c.limits))
    FROM unnest(CAST(:ids AS text[]), CAST(:streams AS text[]), CAST(:ends AS timestamptz[]),
        CAST(:limits AS jsonb[])) AS c (id, stream, ends, limits)
    ON CONFLICT (charge_id) DO UPDATE SET
        stream = excluded.stream, expires_at = excluded.expires_at, limit_ids = excluded.limit_ids
    """
)
_LAPSED = text(
    "SELECT stream, charge_id FROM open_charge WHERE expires_at <= :now"
    " ORDER BY expires_at LIMIT :rows_max"
)
_LAPSED_ON = text(
    "SELECT stream, charge_id FROM open_charge WHERE expires_at <= :now"
    " AND limit_ids && CAST(:limit_ids AS text[]) ORDER BY expires_at LIMIT :rows_max"
)
_OPENED = text(
    "INSERT INTO open_month (month, center_id)"
    " SELECT * FROM unnest(CAST(:months AS text[]), CAST(:centers AS text[]))"
    " ON CONFLICT DO NOTHING"
)
_CLOSED = text(
    "DELETE FROM open_month USING unnest(CAST(:months AS text[]), CAST(:centers AS text[]))"
    " AS gone (month, center_id)"
    " WHERE open_month.month = gone.month AND open_month.center_id = gone.center_id"
)
_OPEN_MONTHS = text(
    "SELECT center_id, month FROM open_month WHERE month <= :month"
    " AND (month, center_id) > (:after_month, :after_center)"
    " ORDER BY month, center_id LIMIT :rows_max"
)


class OpenCharges:
    """What may run out and what is not closed, from the log. At most four statements per page."""

    name = "open_charges"
    version = 1
    reads = names_of(
        ChargeHeld, ChargeConfirmed, ChargeReleased, ChargeBooked, MonthOpened, MonthClosed
    )

    async def apply(self, tx: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        placed: dict[str, tuple[str, ChargeHeld]] = {}
        gone: set[str] = set()
        months: dict[tuple[str, str], bool] = {}
        for entry in recorded:
            match entry.event:
                case ChargeHeld() as held:
                    placed[held.charge_id] = (entry.stream, held)
                case (
                    ChargeConfirmed(charge_id=ended)
                    | ChargeReleased(charge_id=ended)
                    | ChargeBooked(charge_id=ended)
                ):
                    placed.pop(ended, None)
                    gone.add(ended)
                case MonthOpened() as opened:
                    months[opened.month, opened.center_id] = True
                case MonthClosed() as closed:
                    months[closed.month, closed.center_id] = False
        if gone:
            await tx.execute(_GONE, {"ids": sorted(gone)})
        if placed:
            await tx.execute(_FILL, _rows(placed))
        for statement, is_open in ((_OPENED, True), (_CLOSED, False)):
            found = [key for key, state in months.items() if state is is_open]
            if found:
                columns = {"months": [m for m, _ in found], "centers": [c for _, c in found]}
                await tx.execute(statement, columns)


def _rows(placed: dict[str, tuple[str, ChargeHeld]]) -> dict[str, list[object]]:
    held = [event for _, event in placed.values()]
    return {
        "ids": list(placed),
        "streams": [stream for stream, _ in placed.values()],
        "ends": [event.expires_at for event in held],
        "limits": [json.dumps([take.limit_id for take in event.takes]) for event in held],
    }


class PostgresLapsedCharges:
    """See `costcenter.ports.LapsedCharges`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def lapsed(self, now: datetime, *, holds_max: int) -> Sequence[tuple[str, str]]:
        async with faults(), reading(self._engine) as connection:
            rows = await connection.execute(_LAPSED, {"now": now, "rows_max": holds_max})
            return [(row.stream, row.charge_id) for row in rows]

    async def lapsed_on(
        self, limit_ids: Sequence[str], now: datetime, *, holds_max: int
    ) -> Sequence[tuple[str, str]]:
        wanted = {"now": now, "limit_ids": list(limit_ids), "rows_max": holds_max}
        async with faults(), reading(self._engine) as connection:
            rows = await connection.execute(_LAPSED_ON, wanted)
            return [(row.stream, row.charge_id) for row in rows]


class PostgresOpenMonths:
    """See `costcenter.ports.OpenMonths`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def open_until(
        self, month: str, *, after: tuple[str, str], months_max: int
    ) -> Sequence[tuple[str, str]]:
        after_center, after_month = after
        wanted = {
            "month": month,
            "after_month": after_month,
            "after_center": after_center,
            "rows_max": months_max,
        }
        async with faults(), reading(self._engine) as connection:
            rows = await connection.execute(_OPEN_MONTHS, wanted)
            return [(row.center_id, row.month) for row in rows]
