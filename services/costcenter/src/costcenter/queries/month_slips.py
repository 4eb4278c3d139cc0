"""A center's month, slip by slip, read from its stream: what other months hold is never touched.

A stream closes with its month, so a month of 20,000 charges costs the same beside one month as
beside a hundred. Holds are passed over in the database; only slips are decoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import Text

from costcenter.events import ChargeBooked, ChargeReversed, SubsidyGranted, SubsidyTakenBack
from costcenter.names import month_stream
from costcenter.projections.statements import late
from events import Event, Registry
from events.store.connection import faults, reading
from money import Money

SLIPS_MAX = 5_000
"""Of one page."""

_SLIPS = (ChargeBooked, ChargeReversed, SubsidyGranted, SubsidyTakenBack)

_ROWS_OF_A_SLIP = 3
"""Held, confirmed, booked: so many rows are read at once for each slip that is wanted."""

# The inner part is a piece of one index, whatever else the database thinks of the types.
QUERY = (
    "SELECT version, type, schema_version,"
    " CASE WHEN type = ANY(:types) THEN data::text END AS data FROM ("
    "SELECT version, type, schema_version, data FROM event"
    " WHERE stream = :stream AND version > :after ORDER BY version LIMIT :rows_max) AS piece"
    " ORDER BY version"
)
_PAGE = text(QUERY).bindparams(bindparam("types", type_=ARRAY(Text)))


class SlipRow(BaseModel):
    """A charge, a reversal or a subsidy of one month."""

    model_config = ConfigDict(frozen=True)

    version: int
    """Place in the month."""
    what: str
    """charge, reversal, subsidy, subsidy_back"""
    day: date
    card_number: str
    store_id: str
    till_id: str | None
    booking_id: str
    booking_number: int | None
    amount: Money
    """What the center owes more; a reversal owes less."""
    late: bool
    offline: bool
    fault: str | None
    charge_id: str
    rule_id: str | None
    at: datetime


class SlipPage(BaseModel):
    model_config = ConfigDict(frozen=True)

    rows: tuple[SlipRow, ...]
    next: int | None
    """Ask again with it as `after`; None: these were the last slips until now."""


class MonthSlips:
    """Reads month streams. Raises `Transient` where the database is away."""

    def __init__(self, engine: AsyncEngine, registry: Registry) -> None:
        self._engine = engine
        self._registry = registry

    async def page(self, center_id: str, month: str, *, after: int = 0, slips_max: int) -> SlipPage:
        """The slips with a version above `after`, in the order in which they were recorded."""
        rows: list[SlipRow] = []
        rows_max = _ROWS_OF_A_SLIP * (slips_max + 1)
        while True:
            records = await self._piece(month_stream(center_id, month), after, rows_max)
            for record in records:
                after = record.version
                if record.data is None:
                    continue
                if len(rows) == slips_max:
                    return SlipPage.model_construct(rows=tuple(rows), next=rows[-1].version)
                data = record.data.encode()
                event = self._registry.decode(record.type, record.schema_version, data)
                rows.append(_slip(record.version, event))
            if len(records) < rows_max:
                return SlipPage.model_construct(rows=tuple(rows), next=None)

    async def _piece(self, stream: str, after: int, rows_max: int) -> Sequence[Any]:
        values = {
            "stream": stream,
            "after": after,
            "types": [event.event_name for event in _SLIPS],
            "rows_max": rows_max,
        }
        async with faults(), reading(self._engine) as connection:
            return (await connection.execute(_PAGE, values)).all()


def _slip(version: int, event: Event) -> SlipRow:
    match event:
        case ChargeBooked():
            what, sign, at, card = "charge", 1, event.booked_at, event.chargee.card_number
        case ChargeReversed():
            what, sign, at, card = "reversal", -1, event.reversed_at, event.chargee.card_number
        case SubsidyGranted():
            what, sign, at, card = "subsidy", 1, event.granted_at, event.card_number
        case SubsidyTakenBack():
            what, sign, at, card = "subsidy_back", -1, event.taken_back_at, event.card_number
        case _:
            raise AssertionError(f"{type(event).__name__} is no slip")
    told = vars(event).get
    amount = event.amount if sign > 0 else -event.amount
    return SlipRow.model_construct(
        version=version,
        what=what,
        day=event.business_date,
        card_number=card,
        store_id=event.store_id,
        till_id=told("till_id"),
        booking_id=event.booking_id,
        booking_number=told("booking_number"),
        amount=amount,
        late=late(event.month, event.business_date),
        offline=bool(told("offline")),
        fault=told("fault"),
        charge_id=event.charge_id,
        rule_id=told("rule_id"),
        at=at,
    )
