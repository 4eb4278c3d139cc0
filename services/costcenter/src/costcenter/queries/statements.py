"""What was charged: slip by slip, and summed up by whatever somebody asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from kassenverbund.kit.pages import Listing, Row, Slice
from money import Money, euro

What = Literal["charge", "reversal", "subsidy", "subsidy_back"]

By = Literal[
    "center", "card", "company", "main_group", "user_group", "store", "vat", "day", "month"
]

CARDS_MAX = 1_000
"""Cards that a statement names one by one; the totals by card have no end."""


OFFICE = frozenset({"back_office", "manager", "auditor"})
"""Who reads about all companies."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which facts. None: all. A period is months (in which they are settled) or days (on which
    they happened)."""

    first: date | None = None
    last: date | None = None
    month_first: str | None = None
    month_last: str | None = None
    center_id: str | None = None
    card_id: str | None = None
    company_id: str | None = None
    main_group: int | None = None
    user_group: int | None = None
    store_id: str | None = None
    what: What | None = None
    late: bool | None = None
    faults: bool = False


class LineRow(Row):
    """A charge, a reversal, or a subsidy that a center owes for somebody."""

    day: date
    position: int
    month: str
    """In which it is settled."""
    what: str
    amount: Money
    """What the center owes more; a reversal owes less."""
    currency: str
    center_id: str
    center_number: str
    center_name: str
    card_id: str
    card_number: str
    main_group: int
    user_group: int
    company_id: str | None
    store_id: str
    till_id: str | None
    booking_id: str
    booking_number: int | None
    """On the slip."""
    late: bool
    """Its month was closed already when it came."""
    offline: bool
    fault: str | None
    refused: Money
    """Came back, but had never been charged."""
    rule_id: str | None
    rule_name: str | None
    tax_case: str | None
    uses: int
    charge_id: str
    reversal_id: str | None
    at: datetime


class TotalRow(Row):
    """Sums of one group. What it was not grouped by is empty."""

    center_id: str | None = None
    center_number: str | None = None
    center_name: str | None = None
    card_id: str | None = None
    card_number: str | None = None
    company_id: str | None = None
    """`""`: of no company."""
    company_name: str | None = None
    main_group: int | None = None
    main_group_name: str | None = None
    user_group: int | None = None
    user_group_name: str | None = None
    store_id: str | None = None
    vat: str | None = None
    rate: int | None = None
    dsfinvk_key: int | None = None
    day: date | None = None
    month: str | None = None
    currency: str
    charges: int
    reversals: int
    late: int
    charged: Money
    reversed: Money
    net: Money
    """Charged less reversed."""
    subsidies: Money
    """For meals of any center's cards, owed by this one. Less what was taken back."""
    owed: Money
    """Both together."""


NOTHING = TotalRow(
    currency="EUR", charges=0, reversals=0, late=0,
    **dict.fromkeys(("charged", "reversed", "net", "subsidies", "owed"), euro("0")),
)  # fmt: skip
"""A center without charges."""


@dataclass(frozen=True, slots=True)
class _Group:
    """One thing to group by: its columns and their types, and what else is shown of them."""

    keys: Mapping[str, str]
    shown: Sequence[str] = ()
    join: str = ""


_GROUPS: Mapping[By, _Group] = {
    "center": _Group(
        {"center_id": "text"},
        ("c.number AS center_number", "c.name AS center_name"),
        "LEFT JOIN statement_center AS c ON c.center_id = g.center_id",
    ),
    "card": _Group(
        {"card_id": "text"},
        ("k.number AS card_number",),
        "LEFT JOIN statement_card AS k ON k.card_id = g.card_id",
    ),
    "company": _Group(
        {"company_id": "text"},
        ("y.name AS company_name",),
        "LEFT JOIN statement_company AS y ON y.company_id = g.company_id",
    ),
    "main_group": _Group(
        {"main_group": "bigint"},
        ("m.name AS main_group_name",),
        "LEFT JOIN statement_group AS m ON m.main_group = g.main_group AND m.user_group = 0",
    ),
    "user_group": _Group(
        {"main_group": "bigint", "user_group": "bigint"},
        ("u.name AS user_group_name",),
        "LEFT JOIN statement_group AS u"
        " ON u.main_group = g.main_group AND u.user_group = g.user_group",
    ),
    "store": _Group({"store_id": "text"}),
    "vat": _Group({"vat": "text", "rate": "bigint", "dsfinvk_key": "bigint"}),
    "day": _Group({"day": "date"}),
    "month": _Group({"month": "text"}),
}

_AMOUNTS = """
    sum(charged_minor)::bigint AS charged_minor, sum(reversed_minor)::bigint AS reversed_minor,
    sum(charged_minor - reversed_minor)::bigint AS net_minor,
    sum(subsidies_minor - returned_minor)::bigint AS subsidies_minor,
    sum(charged_minor - reversed_minor + subsidies_minor - returned_minor)::bigint AS owed_minor
"""

_ANYTHING = (
    "bool_or(charged_minor <> 0 OR reversed_minor <> 0 OR subsidies_minor <> 0"
    " OR returned_minor <> 0)"
)

# Lines look like sums where they are asked for single cards.
_OF_LINES = """
    SELECT l.*, abs(amount_minor) * (what = 'charge')::int AS charged_minor,
        abs(amount_minor) * (what = 'reversal')::int AS reversed_minor,
        abs(amount_minor) * (what = 'subsidy')::int AS subsidies_minor,
        abs(amount_minor) * (what = 'subsidy_back')::int AS returned_minor,
        (what = 'charge')::int AS charges, (what = 'reversal')::int AS reversals,
        late::int AS lates
    FROM statement_line AS l
"""
_OF_PARTS = """
    SELECT l.*, p.vat, p.rate, p.dsfinvk_key,
        p.gross * (what = 'charge')::int AS charged_minor,
        p.gross * (what = 'reversal')::int AS reversed_minor,
        p.gross * (what = 'subsidy')::int AS subsidies_minor,
        p.gross * (what = 'subsidy_back')::int AS returned_minor,
        (what = 'charge')::int AS charges, (what = 'reversal')::int AS reversals,
        late::int AS lates
    FROM statement_line AS l, jsonb_to_recordset(l.parts)
        AS p(vat text, rate bigint, dsfinvk_key bigint, gross bigint)
"""
_OF_SUMS = "SELECT s.*, s.late AS lates FROM statement_sum AS s"
_OF_RATES = (
    "SELECT center_id, month, day, main_group, user_group, company_id, store_id, currency, vat,"
    " rate, dsfinvk_key, charged_minor, reversed_minor, subsidies_minor, returned_minor,"
    " rate_charges AS charges, rate_reversals AS reversals, rate_late AS lates FROM statement_sum"
)

_CONDITIONS: Mapping[str, str] = {
    "first": "day >= CAST(:first AS date)",
    "last": "day <= CAST(:last AS date)",
    "month_first": "month >= CAST(:month_first AS text)",
    "month_last": "month <= CAST(:month_last AS text)",
    "center_id": "center_id = :center_id",
    "card_id": "card_id = :card_id",
    "company_id": "company_id = :company_id AND company_id <> ''",
    "main_group": "main_group = :main_group",
    "user_group": "user_group = :user_group",
    "store_id": "store_id = :store_id",
    "what": "what = :what",
    "late": "late = :late",
}


def _where(wanted: Wanted) -> tuple[str, dict[str, Any]]:
    values = {name: value for name in _CONDITIONS if (value := getattr(wanted, name)) is not None}
    conditions = [_CONDITIONS[name] for name in values]
    if wanted.first is not None and wanted.month_first is None:
        # Nothing is settled before it happens; without this, an index by months is of no use.
        conditions.append(_CONDITIONS["month_first"])
        values["month_first"] = f"{wanted.first:%Y-%m}"
    if wanted.faults:
        conditions.append("(fault IS NOT NULL OR refused_minor > 0)")
    return (" WHERE " + " AND ".join(conditions) if conditions else ""), values


async def lines(
    connection: AsyncConnection, rows: Slice, wanted: Wanted
) -> tuple[tuple[LineRow, ...], str | None]:
    """Slip by slip, oldest day first. Raises `CursorInvalid`."""
    where, values = _where(wanted)
    listing = Listing(
        LineRow,
        "SELECT position, what, charge_id, reversal_id, rule_id, rule_name, tax_case, center_id,"  # noqa: S608 (constants of this module)
        " center_number, center_name, card_id, card_number, main_group, user_group,"
        " nullif(company_id, '') AS company_id, store_id, till_id, booking_id, booking_number,"
        " day, month, late, offline, fault, uses, currency, amount_minor, refused_minor, at"
        f" FROM statement_line{where}",
        {"day": "date", "position": "bigint"},
    )
    return await listing.page(connection, rows, values)


async def totals(
    connection: AsyncConnection, rows: Slice, wanted: Wanted, by: Sequence[By]
) -> tuple[tuple[TotalRow, ...], str | None]:
    """Sums by whatever `by` names, in its order. Raises `CursorInvalid`."""
    where, values = _where(wanted)
    groups = [_GROUPS[name] for name in dict.fromkeys(by)]
    keys: dict[str, str] = {}
    for group in groups:
        keys |= group.keys
    keys["currency"] = "text"
    named = ", ".join(keys)
    joins = " ".join(dict.fromkeys(group.join for group in groups))
    shown = ", ".join(("g.*", *(name for group in groups for name in group.shown)))
    single = wanted.card_id or wanted.what or wanted.late is not None or wanted.faults
    # A charge that is a subsidy alone counts, but there is nothing of it at any rate.
    some = f" HAVING {_ANYTHING}" if "vat" in by else ""
    query = (
        f"SELECT {shown} FROM (SELECT {named}, {_AMOUNTS}, sum(charges)::bigint AS charges,"  # noqa: S608 (constants of this module)
        " sum(reversals)::bigint AS reversals, sum(lates)::bigint AS late"
        f" FROM ({_source(by, single=bool(single))}{where}) AS f GROUP BY {named}{some}) AS g"
        f" {joins}"
    )
    return await Listing(TotalRow, query, keys).page(connection, rows, values)


def _source(by: Sequence[By], *, single: bool) -> str:
    if "card" in by or single:
        return _OF_PARTS if "vat" in by else _OF_LINES
    return _OF_RATES if "vat" in by else _OF_SUMS
