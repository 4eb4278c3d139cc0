"""What is owed at the end of any day, how it came about, how old it is.

All of it is summed up from `liability_day`: in is positive, out is negative, so the sum of all
rows up to a day is what was owed at its end. A voucher counts from the day on which its sale was
recorded. What was given away (donated, promotional) is never a liability: it is exposure (V16).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from kassenverbund.kit.pages import Listing, Row, Slice
from money import Money

Dimension = Literal["entity", "book", "kind", "year"]

FIRST_DAY = date(1, 1, 1)
"""Before all movements."""

IN = (
    "issued", "topped_up", "loaded", "transferred_in", "claimed_in", "refunded", "given",
    "reversed", "restored",
)  # fmt: skip
OUT = (
    "redeemed", "fee_settled", "paid_out", "expired", "sale_reversed", "transferred_out", "claimed",
)  # fmt: skip


class _Group(Row):
    legal_entity_id: str | None
    book: str | None
    kind: str | None
    rate: int | None
    year: int | None
    funding: str
    currency: str


class _Movements(_Group):
    issued: Money
    topped_up: Money
    loaded: Money
    transferred_in: Money
    claimed_in: Money
    refunded: Money
    given: Money
    reversed: Money
    restored: Money
    redeemed: Money
    fee_settled: Money
    paid_out: Money
    expired: Money
    sale_reversed: Money
    transferred_out: Money
    claimed: Money


class LiabilityRow(_Movements):
    """All movements up to the end of a day. `liability` or `exposure` is what they leave."""

    liability: Money
    exposure: Money


class MovementRow(_Movements):
    """opening + what came in - what went out = closing, over a period."""

    opening: Money
    closing: Money


class AgingRow(Row):
    """What is open, by the age of its lots in months, at the end of a day."""

    legal_entity_id: str
    funding: str
    currency: str
    months_from: int
    months_below: int | None
    """None: no end."""
    open: Money


# Dimension → columns of the table, and their types.
_DIMENSIONS: dict[Dimension, dict[str, tuple[str, str]]] = {
    "entity": {"legal_entity_id": ("legal_entity_id", "text")},
    "book": {"book": ("book", "text")},
    "kind": {"kind": ("kind", "text"), "rate": ("rate", "bigint")},
    "year": {"year": ("extract(year FROM opened_month)::int", "bigint")},
}

AGES = (0, 3, 6, 12, 24, 36)
"""Where the bands of ages begin, in months."""


async def liability(
    connection: AsyncConnection, wanted: Slice, *, as_of: date, by: Sequence[Dimension]
) -> tuple[tuple[LiabilityRow, ...], str | None]:
    """What was owed at the end of `as_of`, and what led to it."""
    listing = Listing(LiabilityRow, _summed(by), _keys(by))
    return await listing.page(connection, wanted, {"first": FIRST_DAY, "last": as_of})


async def movements(
    connection: AsyncConnection, wanted: Slice, *, first: date, last: date, by: Sequence[Dimension]
) -> tuple[tuple[MovementRow, ...], str | None]:
    """What happened from `first` to `last`, both included."""
    listing = Listing(MovementRow, _summed(by), _keys(by))
    return await listing.page(connection, wanted, {"first": first, "last": last})


async def aging(
    connection: AsyncConnection, wanted: Slice, *, as_of: date
) -> tuple[tuple[AgingRow, ...], str | None]:
    """What was open at the end of `as_of`, by the months since the issue of its lots."""
    keys = {
        "legal_entity_id": "text", "funding": "text", "currency": "text", "months_from": "bigint",
    }  # fmt: skip
    return await Listing(AgingRow, _AGING, keys).page(connection, wanted, {"last": as_of})


def _columns(by: Sequence[Dimension]) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for dimension in dict.fromkeys(by):
        found |= _DIMENSIONS[dimension]
    return found


def _keys(by: Sequence[Dimension]) -> dict[str, str]:
    kinds = {name: kind for name, (_, kind) in _columns(by).items()}
    return {**kinds, "funding": "text", "currency": "text"}


def _summed(by: Sequence[Dimension]) -> str:
    """Two steps: the many days become a few sums per movement, which then become columns."""
    columns = _columns(by)
    named = "".join(f"{sql} AS {name}, " for name, (sql, _) in columns.items())
    names = "".join(f"{name}, " for name in columns)
    numbers = "".join(f"{n}, " for n in range(1, len(columns) + 1))
    moved = ", ".join(
        f"coalesce(sum({'' if movement in IN else '-'}minor)"
        f" FILTER (WHERE NOT before AND movement = '{movement}'), 0)::bigint AS {movement}_minor"
        for movement in (*IN, *OUT)
    )
    return f"""
        SELECT {names}funding, currency, {moved},
            coalesce(sum(minor) FILTER (WHERE before), 0)::bigint AS opening_minor,
            sum(minor)::bigint AS closing_minor,
            coalesce(sum(minor) FILTER (WHERE funding = 'purchased'), 0)::bigint
                AS liability_minor,
            coalesce(sum(minor) FILTER (WHERE funding <> 'purchased'), 0)::bigint
                AS exposure_minor
        FROM (
            SELECT {named}funding, currency, movement,
                day < CAST(:first AS date) AS before, sum(amount_minor) AS minor
            FROM liability_day WHERE day <= CAST(:last AS date)
            GROUP BY {numbers}funding, currency, movement, before
        ) AS s
        GROUP BY {names}funding, currency
    """  # noqa: S608 (constants of this module)


_MONTHS = (
    "(extract(year FROM CAST(:last AS date)) - extract(year FROM opened_month))::int * 12"
    " + (extract(month FROM CAST(:last AS date)) - extract(month FROM opened_month))::int"
)

_BANDS = ", ".join(
    f"({low}, {high if high is not None else 'NULL::int'})"
    for low, high in zip(AGES, (*AGES[1:], None), strict=True)
)

_AGING = f"""
    SELECT legal_entity_id, funding, currency, band.low AS months_from, band.high AS months_below,
        sum(minor)::bigint AS open_minor
    FROM (
        SELECT legal_entity_id, funding, currency, greatest({_MONTHS}, 0) AS months,
            sum(amount_minor) AS minor
        FROM liability_day WHERE day <= CAST(:last AS date)
        GROUP BY 1, 2, 3, 4
    ) AS s
    JOIN (VALUES {_BANDS}) AS band (low, high)
        ON s.months >= band.low AND (band.high IS NULL OR s.months < band.high)
    GROUP BY 1, 2, 3, 4, 5
"""  # noqa: S608 (constants of this module)
