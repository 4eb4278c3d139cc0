"""Rows of the statements' read models."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from kassenverbund.kit.tables import Table


@dataclass(slots=True)
class LineRow:
    """`statement_line`"""

    position: int
    what: str
    charge_id: str
    center_id: str
    center_number: str
    center_name: str
    card_id: str
    card_number: str
    main_group: int
    user_group: int
    company_id: str
    store_id: str
    booking_id: str
    day: date
    month: str
    currency: str
    amount_minor: int
    parts: str
    at: datetime
    till_id: str | None = None
    booking_number: int | None = None
    reversal_id: str | None = None
    rule_id: str | None = None
    rule_name: str | None = None
    tax_case: str | None = None
    late: bool = False
    offline: bool = False
    lease_id: str | None = None
    fault: str | None = None
    uses: int = 0
    refused_minor: int = 0


@dataclass(slots=True)
class CenterRow:
    """`statement_center`"""

    center_id: str
    number: str
    name: str
    company_id: str


@dataclass(slots=True)
class CompanyRow:
    """`statement_company`"""

    company_id: str
    name: str


@dataclass(slots=True)
class GroupRow:
    """`statement_group`"""

    main_group: int
    user_group: int
    name: str
    company_id: str


@dataclass(slots=True)
class CardRow:
    """`statement_card`"""

    card_id: str
    number: str
    main_group: int
    user_group: int


@dataclass(slots=True)
class MonthRow:
    """`statement_month`"""

    center_id: str
    month: str
    first_position: int
    opened_at: datetime
    closed_at: datetime | None = None
    currency: str | None = None
    charged_minor: int | None = None
    subsidies_minor: int | None = None
    charges: int | None = None


LINES = Table("statement_line", LineRow, ("position",), json=("parts",))
CENTERS = Table("statement_center", CenterRow, ("center_id",))
COMPANIES = Table("statement_company", CompanyRow, ("company_id",))
GROUPS = Table("statement_group", GroupRow, ("main_group", "user_group"))
CARDS = Table("statement_card", CardRow, ("card_id",))
MONTHS = Table("statement_month", MonthRow, ("center_id", "month"))

SumKey = tuple[str, str, date, int, int, str, str, str, str, int, int]
"""center, month, day, main group, user group, company, store, currency, VAT, rate, DSFinV-K key"""

SUMS = ("charged_minor", "reversed_minor", "subsidies_minor", "returned_minor")
COUNTS = ("charges", "reversals", "late", "rate_charges", "rate_reversals", "rate_late")

_ADDED = ", ".join(f"{name} = s.{name} + excluded.{name}" for name in (*SUMS, *COUNTS))
ADD_SUMS = f"""
    INSERT INTO statement_sum AS s (center_id, month, day, main_group, user_group, company_id,
        store_id, currency, vat, rate, dsfinvk_key, {", ".join((*SUMS, *COUNTS))})
    SELECT * FROM unnest($1::text[], $2::text[], $3::date[], $4::bigint[], $5::bigint[],
        $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[], $11::bigint[],
        {", ".join(f"${n}::bigint[]" for n in range(12, 12 + len(SUMS) + len(COUNTS)))})
    ON CONFLICT (center_id, month, day, main_group, user_group, company_id, store_id, currency,
        vat, rate, dsfinvk_key) DO UPDATE SET {_ADDED}
"""  # noqa: S608 (constants of this module)

GRANTED = """
    SELECT charge_id, rule_id, center_number, center_name, main_group, user_group, company_id,
        rule_name, tax_case
    FROM statement_line WHERE what = 'subsidy' AND charge_id = ANY($1::text[])
"""
