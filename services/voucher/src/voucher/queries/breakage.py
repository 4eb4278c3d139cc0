"""How much of what is owed will probably never be asked for.

A plain estimator over the chain's own history, by months of age. For each month of age j, over
all months of issue that are that old:

    rate(j) = value used in month of age j / value that had been sold

(used: redeemed, paid out, put on an account, less what was given back; sold: issued, topped up and
moved in, less what was taken back or moved out). What is expected of one month of issue, of age a,
is its sold value times the rates of the months of age from a + 1 up to its limitation, at most
what is open. The forecast of breakage is what is open less what is expected. Where the history
does not reach an age that is needed, there is no forecast: an unknown age is not a zero.

Only purchased vouchers. It is a forecast for valuation: nothing is booked by it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from kassenverbund.kit.pages import Row, Slice, minor, numbered
from money import Money

LIMITATION_YEARS = 3
"""To the end of the n-th year after the year of issue (BGB §§ 195, 199)."""

SHOWN_AGES = (12, 24, 36)
"""Months after which the share used is shown."""

_USED = frozenset({"redeemed", "paid_out", "claimed", "reversed"})
_SOLD = frozenset({"issued", "topped_up", "transferred_in", "transferred_out", "sale_reversed"})


class BreakageRow(Row):
    """One year of issue."""

    legal_entity_id: str
    year: int
    currency: str
    limitation: date
    sold: Money
    used: Money
    open: Money
    used_basis_points: int
    """Of what was sold: 10,000 is all of it."""
    used_after_12_months: int | None
    """Basis points, of the months of issue that are that old. None: none is."""
    used_after_24_months: int | None
    used_after_36_months: int | None
    expected: Money | None
    """Will probably still be used. None: the history does not reach the ages that are needed."""
    breakage: Money | None
    """Will probably not be used before limitation."""


class RateRow(Row):
    """An input of the forecast: one month of age."""

    legal_entity_id: str
    currency: str
    age_months: int
    cohorts: int
    """Months of issue that are that old."""
    sold: Money
    used: Money
    rate_parts_per_million: int


@dataclass(slots=True)
class _Cohort:
    """Vouchers of one month of issue."""

    sold: int = 0
    used: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    open: int = 0


Cohorts = dict[int, _Cohort]
"""By month of issue, counted from the year 0."""

_HISTORY = text(
    """
    SELECT legal_entity_id, currency, opened_month, movement, date_trunc('month', day)::date
        AS month, sum(amount_minor)::bigint AS minor
    FROM liability_day
    WHERE day <= :as_of AND book = 'voucher' AND funding = 'purchased'
    GROUP BY 1, 2, 3, 4, 5
    """
)


async def years(
    connection: AsyncConnection, wanted: Slice, *, as_of: date
) -> tuple[tuple[BreakageRow, ...], str | None]:
    """The forecast by year of issue."""
    found: list[BreakageRow] = []
    last = _whole_months(as_of)
    for (entity, currency), by_month in await _cohorts(connection, as_of):
        found += _years(entity, currency, by_month, _rates(by_month, last), last)
    return numbered(found, wanted)


async def rates(
    connection: AsyncConnection, wanted: Slice, *, as_of: date
) -> tuple[tuple[RateRow, ...], str | None]:
    """The inputs of the forecast by month of age."""
    found: list[RateRow] = []
    for (entity, currency), by_month in await _cohorts(connection, as_of):
        by_age = _rates(by_month, _whole_months(as_of))
        found += [_rate_row(entity, currency, age, rate) for age, rate in sorted(by_age.items())]
    return numbered(found, wanted)


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1


def _whole_months(as_of: date) -> int:
    """The last month that is over at the end of `as_of`."""
    tomorrow = date.fromordinal(as_of.toordinal() + 1)
    return _month(tomorrow) - 1


async def _cohorts(
    connection: AsyncConnection, as_of: date
) -> list[tuple[tuple[str, str], Cohorts]]:
    """By entity and currency, in order."""
    found: dict[tuple[str, str], Cohorts] = defaultdict(dict)
    for record in (await connection.execute(_HISTORY, {"as_of": as_of})).mappings():
        by_month = found[record["legal_entity_id"], record["currency"]]
        issued = _month(record["opened_month"])
        cohort = by_month.setdefault(issued, _Cohort())
        cohort.open += record["minor"]
        if record["movement"] in _SOLD:
            cohort.sold += record["minor"]
        elif record["movement"] in _USED:
            cohort.used[max(_month(record["month"]) - issued, 0)] -= record["minor"]
    return sorted(found.items())


@dataclass(frozen=True, slots=True)
class _Rate:
    cohorts: int
    sold: int
    used: int

    @property
    def share(self) -> Fraction:
        return Fraction(self.used, self.sold) if self.sold > 0 else Fraction(0)


def _rates(by_month: Cohorts, last: int) -> dict[int, _Rate]:
    """For each month of age that was seen to its end by at least one month of issue."""
    oldest = max((last - issued for issued in by_month), default=-1)
    rates: dict[int, _Rate] = {}
    for age in range(oldest + 1):
        seen = [c for issued, c in by_month.items() if last - issued >= age and c.sold > 0]
        if seen:
            rates[age] = _Rate(
                len(seen), sum(c.sold for c in seen), sum(c.used.get(age, 0) for c in seen)
            )
    return rates


def _years(
    entity: str, currency: str, by_month: Cohorts, rates: dict[int, _Rate], last: int
) -> list[BreakageRow]:
    money = minor(currency)
    rows: list[BreakageRow] = []
    for year in sorted({issued // 12 for issued in by_month}):
        cohorts = {issued: c for issued, c in by_month.items() if issued // 12 == year}
        sold = sum(cohort.sold for cohort in cohorts.values())
        used = sum(sum(cohort.used.values()) for cohort in cohorts.values())
        left = sum(cohort.open for cohort in cohorts.values())
        expected = _expected(cohorts, rates, last, (year + LIMITATION_YEARS) * 12 + 11)
        shares = [_share_after(cohorts, age, last) for age in SHOWN_AGES]
        rows.append(
            BreakageRow(
                legal_entity_id=entity,
                year=year,
                currency=currency,
                limitation=date(year + LIMITATION_YEARS, 12, 31),
                sold=money(sold),
                used=money(used),
                open=money(left),
                used_basis_points=_parts(used, sold, 10_000),
                used_after_12_months=shares[0],
                used_after_24_months=shares[1],
                used_after_36_months=shares[2],
                expected=None if expected is None else money(expected),
                breakage=None if expected is None else money(left - expected),
            )
        )
    return rows


def _expected(cohorts: Cohorts, rates: dict[int, _Rate], last: int, limitation: int) -> int | None:
    """Minor units that will probably still be used. None: an age that is needed is unknown."""
    total = 0
    for issued, cohort in cohorts.items():
        ages = range(max(last - issued + 1, 0), limitation - issued + 1)
        if cohort.open <= 0 or not ages:
            continue
        if any(age not in rates for age in ages):
            return None
        exact = cohort.sold * sum((rates[age].share for age in ages), Fraction(0))
        # What the month that is not over has already brought is not expected once more.
        exact -= sum(cohort.used.get(age, 0) for age in ages)
        total += min(max(round(exact), 0), cohort.open)
    return total


def _share_after(cohorts: Cohorts, age: int, last: int) -> int | None:
    """Basis points of what was sold that were used within `age` months."""
    old = [c for issued, c in cohorts.items() if last - issued >= age - 1]
    sold = sum(cohort.sold for cohort in old)
    if sold <= 0:
        return None
    used = sum(minor for c in old for month, minor in c.used.items() if month < age)
    return _parts(used, sold, 10_000)


def _parts(part: int, whole: int, scale: int) -> int:
    return round(Fraction(part * scale, whole)) if whole > 0 else 0


def _rate_row(entity: str, currency: str, age: int, rate: _Rate) -> RateRow:
    money = minor(currency)
    return RateRow(
        legal_entity_id=entity,
        currency=currency,
        age_months=age,
        cohorts=rate.cohorts,
        sold=money(rate.sold),
        used=money(rate.used),
        rate_parts_per_million=_parts(rate.used, rate.sold, 1_000_000),
    )
