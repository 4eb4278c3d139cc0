"""Centers and their months: whose they are, open or closed, and what they sum up to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from costcenter.queries.statements import Wanted
from events import DomainError
from kassenverbund.kit.pages import Listing, Row, Slice
from money import Money


class CenterUnknown(DomainError):
    code = "center.unknown"
    status = 404
    title = "There is no such cost center"


class MonthRow(Row):
    """A center's month. Closed, it is final."""

    month: str
    center_id: str
    center_number: str
    center_name: str
    company_id: str | None
    currency: str | None
    state: str
    """open, closed"""
    charges: int
    net: Money | None
    subsidies: Money | None
    agrees: bool | None
    """The sum over all slips is what the closing said."""
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Header:
    """Whose statement it is."""

    center_id: str
    number: str
    name: str
    company_id: str | None
    company_name: str | None


async def months(
    connection: AsyncConnection, rows: Slice, wanted: Wanted
) -> tuple[tuple[MonthRow, ...], str | None]:
    """Centers' months with their sums. Raises `CursorInvalid`."""
    conditions = [
        f"{column} {sign} CAST(:{name} AS text)"
        for name, column, sign in (
            ("month_first", "m.month", ">="), ("month_last", "m.month", "<="),
            ("center_id", "m.center_id", "="), ("company_id", "c.company_id", "="),
        )
        if getattr(wanted, name) is not None
    ]  # fmt: skip
    values = {
        name: getattr(wanted, name)
        for name in ("month_first", "month_last", "center_id", "company_id")
        if getattr(wanted, name) is not None
    }
    where = " WHERE " + " AND ".join(conditions) if conditions else ""
    return await Listing(
        MonthRow, f"{_MONTHS}{where}", {"month": "text", "center_id": "text"}
    ).page(connection, rows, values)


_MONTHS = """
    SELECT m.month, m.center_id, c.number AS center_number, c.name AS center_name,
        nullif(c.company_id, '') AS company_id, coalesce(s.currency, m.currency) AS currency,
        CASE WHEN m.closed_at IS NULL THEN 'open' ELSE 'closed' END AS state,
        coalesce(s.charges, 0) AS charges, coalesce(s.net, m.charged_minor) AS net_minor,
        coalesce(s.subsidies, m.subsidies_minor) AS subsidies_minor,
        CASE WHEN m.closed_at IS NOT NULL
            THEN coalesce(s.net, 0) = m.charged_minor
                AND coalesce(s.subsidies, 0) = m.subsidies_minor
                AND coalesce(s.charges, 0) = m.charges END AS agrees,
        m.opened_at, m.closed_at
    FROM statement_month AS m
    LEFT JOIN statement_center AS c USING (center_id)
    LEFT JOIN LATERAL (
        SELECT min(currency) AS currency, sum(charges)::bigint AS charges,
            sum(charged_minor - reversed_minor)::bigint AS net,
            sum(subsidies_minor - returned_minor)::bigint AS subsidies
        FROM statement_sum WHERE center_id = m.center_id AND month = m.month
    ) AS s ON true
"""

_HEADER = text(
    "SELECT c.center_id, c.number, c.name, nullif(c.company_id, '') AS company_id,"
    " y.name AS company_name FROM statement_center AS c"
    " LEFT JOIN statement_company AS y USING (company_id) WHERE center_id = :center_id"
)


_GROUPS_OF = text(
    "SELECT main_group FROM statement_group WHERE company_id = :company_id AND company_id <> ''"
    " AND user_group = 0 ORDER BY main_group"
)
_CENTERS_OF = text(
    "SELECT center_id FROM statement_center WHERE company_id = :company_id AND company_id <> ''"
    " AND center_id > :after ORDER BY center_id LIMIT :rows_max"
)


async def of_company(
    connection: AsyncConnection, company_id: str, *, after: str, centers_max: int
) -> tuple[list[int], list[str]]:
    """Its main groups, and some of its centers by their ids."""
    values = {"company_id": company_id}
    groups = [row.main_group for row in await connection.execute(_GROUPS_OF, values)]
    page = {**values, "after": after, "rows_max": centers_max}
    return groups, [row.center_id for row in await connection.execute(_CENTERS_OF, page)]


_CHARGED = text(
    "SELECT EXISTS (SELECT 1 FROM statement_sum"
    " WHERE center_id = :center_id AND company_id = :company_id)"
)


async def charged_for(connection: AsyncConnection, center_id: str, company_id: str | None) -> bool:
    """Whether the center was charged for this company: a center without a company of its own is
    charged for that of the card's main group."""
    if not company_id:
        return False
    values = {"center_id": center_id, "company_id": company_id}
    return bool(await connection.scalar(_CHARGED, values))


async def header(connection: AsyncConnection, center_id: str) -> Header:
    """Raises `CenterUnknown`."""
    found = (await connection.execute(_HEADER, {"center_id": center_id})).mappings().first()
    if found is None:
        raise CenterUnknown(center_id)
    return Header(**found)
