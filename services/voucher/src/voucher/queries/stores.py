"""What stores took, between which legal entities, and how near that is to the ZAG's limit."""

from __future__ import annotations

from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from kassenverbund.kit.pages import Listing, Row, Slice
from money import Money

ZAG_LIMIT_MINOR = 100_000_000
"""1,000,000.00 within twelve months: then the supervisor has to be told (ZAG § 2 (2))."""

ZAG_LEVELS = (70, 90, 100)
"""Percent of the limit at which a warning begins."""


class RedemptionRow(Row):
    """What one store took on one day, by issuer and by what had been paid for it."""

    day: date
    store_id: str
    book: str
    """`voucher`, or `account`: a prepaid card or the credit of a person."""
    issued_by: str
    """The legal entity that owes the value."""
    accepted_by: str
    """The legal entity that took it in payment."""
    funding: str
    currency: str
    redemptions: int
    redeemed: Money
    reversed: Money
    paid_out: Money
    net: Money
    """redeemed - reversed + paid out"""


class InterCompanyRow(Row):
    """What one legal entity owes another for vouchers that the other took."""

    issued_by: str
    """Owes the amount."""
    accepted_by: str
    """Is owed the amount."""
    funding: str
    currency: str
    redemptions: int
    redeemed: Money
    reversed: Money
    owed: Money
    """redeemed - reversed"""


class ZagRow(Row):
    """What others took of one issuer's vouchers within twelve months."""

    issued_by: str
    currency: str
    window_from: date
    window_to: date
    accepted_elsewhere: Money
    """Purchased value only, without what was reversed: the cautious reading."""
    given_away: Money
    """Donated and promotional value: no e-money, told for completeness."""
    limit: Money
    percent: int
    """Of the limit, rounded down."""
    level: int
    """The highest of 70, 90, 100 that is reached; 0: none."""


_DAYS = """
    SELECT day, store_id, book, issued_by, accepted_by, funding, currency, redemptions,
        redeemed_minor, reversed_minor, paid_out_minor,
        redeemed_minor - reversed_minor + paid_out_minor AS net_minor
    FROM store_day
    WHERE day BETWEEN CAST(:first AS date) AND CAST(:last AS date)
        AND (CAST(:store_id AS text) IS NULL OR store_id = :store_id)
"""

_BETWEEN = """
    SELECT issued_by, accepted_by, funding, currency, sum(redemptions)::bigint AS redemptions,
        sum(redeemed_minor)::bigint AS redeemed_minor,
        sum(reversed_minor)::bigint AS reversed_minor,
        sum(redeemed_minor - reversed_minor)::bigint AS owed_minor
    FROM store_day
    WHERE issued_by <> accepted_by AND day BETWEEN CAST(:first AS date) AND CAST(:last AS date)
    GROUP BY issued_by, accepted_by, funding, currency
"""

_ZAG = f"""
    SELECT issued_by, currency, CAST(:first AS date) AS window_from,
        CAST(:last AS date) AS window_to, accepted_elsewhere_minor, given_away_minor,
        {ZAG_LIMIT_MINOR}::bigint AS limit_minor,
        accepted_elsewhere_minor * 100 / {ZAG_LIMIT_MINOR} AS percent,
        CASE {
    " ".join(
        f"WHEN accepted_elsewhere_minor * 100 >= {ZAG_LIMIT_MINOR}::bigint * {level} THEN {level}"
        for level in reversed(ZAG_LEVELS)
    )
} ELSE 0 END AS level
    FROM (
        SELECT issued_by, currency,
            coalesce(sum(redeemed_minor) FILTER (WHERE funding = 'purchased'), 0)::bigint
                AS accepted_elsewhere_minor,
            coalesce(sum(redeemed_minor) FILTER (WHERE funding <> 'purchased'), 0)::bigint
                AS given_away_minor
        FROM store_day
        WHERE issued_by <> accepted_by
            AND day BETWEEN CAST(:first AS date) AND CAST(:last AS date)
        GROUP BY issued_by, currency
    ) AS s
"""  # noqa: S608 (constants of this module)

REDEMPTIONS = Listing(
    RedemptionRow,
    _DAYS,
    {
        "day": "date", "store_id": "text", "book": "text", "issued_by": "text",
        "accepted_by": "text", "currency": "text", "funding": "text",
    },
)  # fmt: skip
INTER_COMPANY = Listing(
    InterCompanyRow,
    _BETWEEN,
    {"issued_by": "text", "accepted_by": "text", "currency": "text", "funding": "text"},
)
ZAG = Listing(ZagRow, _ZAG, {"issued_by": "text", "currency": "text"})


async def zag(
    connection: AsyncConnection, wanted: Slice, *, as_of: date
) -> tuple[tuple[ZagRow, ...], str | None]:
    """The twelve months that end with `as_of`."""
    return await ZAG.page(connection, wanted, {"first": _a_year_before(as_of), "last": as_of})


def _a_year_before(day: date) -> date:
    """The first of the twelve months' days that end with `day`."""
    try:
        anniversary = day.replace(year=day.year - 1)
    except ValueError:  # 29 February
        anniversary = date(day.year - 1, 2, 28)
    return date.fromordinal(anniversary.toordinal() + 1)
