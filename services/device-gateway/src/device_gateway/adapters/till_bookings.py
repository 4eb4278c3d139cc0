"""The list of a till's bookings in PostgreSQL (projections_till_bookings.py fills it)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from device_gateway.ports import TillBooking, TillBookingState
from events.store.connection import reading
from money import Money

PAGE_ROWS = 50

_WHERE = {
    "state": " AND state = :state",
    "day": " AND (business_date = :day OR business_date IS NULL)",
    "number": " AND number = :number",
}


def _page(*given: str) -> str:
    """Only what is asked for stands in the statement, so that its index is used."""
    return (
        "SELECT booking_id, state, kind, number, shift, business_date, started_at, ended_at, total,"  # noqa: S608  (constants of this module)
        " currency, verdict, paper, cashier_id, label FROM till_booking WHERE till_id = :till_id"
        + "".join(_WHERE[name] for name in given)
        + " ORDER BY started_at DESC, booking_id LIMIT :rows_max OFFSET :before"
    )


class PostgresTillBookings:
    """See `ports/beside.py`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def page(
        self,
        *,
        till_id: str,
        state: TillBookingState | None,
        day: date | None,
        number: int | None,
        page: int,
    ) -> tuple[Sequence[TillBooking], bool]:
        asked = {"state": state, "day": day, "number": number}
        given = {name: value for name, value in asked.items() if value is not None}
        wanted = {
            "till_id": till_id,
            "rows_max": PAGE_ROWS + 1,
            "before": (page - 1) * PAGE_ROWS,
            **given,
        }
        async with reading(self._engine) as connection:
            rows = (await connection.execute(text(_page(*given)), wanted)).all()
        found = [
            TillBooking(
                row.booking_id, row.state, row.kind, row.number, row.shift, row.business_date,
                row.started_at, row.ended_at, Money(amount=row.total, currency=row.currency),
                row.verdict, row.paper, row.cashier_id, row.label,
            )
            for row in rows[:PAGE_ROWS]
        ]  # fmt: skip
        return found, len(rows) > PAGE_ROWS
