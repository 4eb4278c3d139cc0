"""Charges, reversals and subsidies → lines and sums that statements are read from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import text

from costcenter.events import (
    CardIssued,
    CardRegrouped,
    CenterChanged,
    CenterOpened,
    ChargeBooked,
    ChargeReversed,
    CompanyChanged,
    CompanyRegistered,
    MainGroupChanged,
    MainGroupOpened,
    MonthClosed,
    MonthOpened,
    SubsidyGranted,
    SubsidyTakenBack,
    UserGroupAdded,
    UserGroupChanged,
    VatPart,
)
from costcenter.projections import statement_rows as t
from events import Event, Recorded
from kassenverbund.kit.tables import Connection
from money import Money

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

UNKNOWN_VAT = "unknown"
"""The rate of what a booking did not divide by rates. Sums over rates are always whole."""

UNKNOWN_KEY = 7
"""DSFinV-K UST_SCHLUESSEL: VAT that cannot be determined."""


class Statements:
    """What each center owes, by card, group, company, store, day and VAT rate."""

    name = "statements"
    version = 1

    async def apply(self, tx: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        if not recorded:
            return
        raw = await tx.get_raw_connection()
        connection = raw.driver_connection
        assert connection is not None
        if not connection.is_in_transaction():
            # SQLAlchemy begins with its first statement; ours go past it.
            await tx.execute(text("SELECT 1"))
        page = await _load(connection, recorded)
        for entry in recorded:
            page.position = entry.position
            fold(page, entry.event)
        await _save(connection, page)


@dataclass(slots=True)
class Granted:
    """Of a subsidy that is taken back: whose it was, as it was granted."""

    center_number: str
    center_name: str
    main_group: int
    user_group: int
    company_id: str
    rule_name: str | None
    tax_case: str | None


@dataclass(slots=True)
class Page:
    """Rows by their keys: what is stored already, and what the page adds or changes."""

    position: int = 0
    centers: dict[str, t.CenterRow] = field(default_factory=dict)
    cards: dict[str, t.CardRow] = field(default_factory=dict)
    granted: dict[tuple[str, str], Granted] = field(default_factory=dict)
    companies: dict[str, t.CompanyRow] = field(default_factory=dict)
    groups: dict[tuple[int, int], t.GroupRow] = field(default_factory=dict)
    months: dict[tuple[str, str], t.MonthRow] = field(default_factory=dict)
    lines: list[t.LineRow] = field(default_factory=list)
    sums: dict[t.SumKey, list[int]] = field(default_factory=dict)
    changed: set[tuple[str, str]] = field(default_factory=set)
    """Of centers and cards: which have to be written."""

    def center(self, center_id: str) -> t.CenterRow:
        return self.centers.get(center_id) or t.CenterRow(center_id, "", "", "")

    def add(self, line: t.LineRow, amount: Money, parts: Sequence[VatPart]) -> None:
        """A line, and its share in the sums. `amount` is not negative, whatever is owed."""
        shares = _shares(amount, parts)
        line.parts = json.dumps(
            [
                {"vat": vat, "rate": rate, "dsfinvk_key": key, "gross": gross}
                for vat, rate, key, gross in shares
            ]
        )
        self.lines.append(line)
        column = _COLUMNS[line.what]
        for place, (vat, rate, key, gross) in enumerate(shares):
            row = self.sums.setdefault(
                (line.center_id, line.month, line.day, line.main_group, line.user_group,
                 line.company_id, line.store_id, line.currency, vat, rate, key),
                [0] * (len(t.SUMS) + len(t.COUNTS)),
            )  # fmt: skip
            row[column] += gross
            counts = (line.what == "charge", line.what == "reversal", line.late)
            for number, counted in enumerate(counts, len(t.SUMS)):
                row[number] += counted and place == 0
                row[number + len(counts)] += counted


_COLUMNS = {"charge": 0, "reversal": 1, "subsidy": 2, "subsidy_back": 3}


def _shares(amount: Money, parts: Sequence[VatPart]) -> list[tuple[str, int, int, int]]:
    """By VAT rate; what the parts do not cover is of an unknown one."""
    found = [(part.vat, part.rate, part.dsfinvk_key, part.gross.amount) for part in parts]
    rest = amount.amount - sum(gross for *_, gross in found)
    if rest or not found:
        found.append((UNKNOWN_VAT, 0, UNKNOWN_KEY, rest))
    return found


def fold(page: Page, event: Event) -> None:
    """Add one event to its page. What holds, releases or limits stands in no statement."""
    match event:
        case ChargeBooked():
            _booked(page, event)
        case ChargeReversed():
            _reversed(page, event)
        case SubsidyGranted():
            _granted(page, event)
        case SubsidyTakenBack():
            _taken_back(page, event)
        case MonthOpened():
            page.months[event.center_id, event.month] = t.MonthRow(
                event.center_id, event.month, page.position, event.opened_at
            )
        case MonthClosed():
            row = page.months[event.center_id, event.month]
            row.closed_at, row.charges = event.closed_at, event.charges
            row.currency = event.charged.currency
            row.charged_minor = event.charged.amount
            row.subsidies_minor = event.subsidies.amount
        case _:
            _name(page, event)


def _name(page: Page, event: Event) -> None:
    match event:
        case CenterOpened():
            page.centers[event.center_id] = t.CenterRow(
                event.center_id, event.number, event.name, event.company_id or ""
            )
            page.changed.add(("center", event.center_id))
        case CenterChanged():
            center = page.centers[event.center_id]
            center.name, center.company_id = event.name, event.company_id or ""
            page.changed.add(("center", event.center_id))
        case CardIssued():
            page.cards[event.card_id] = t.CardRow(
                event.card_id, event.number, event.main_group, event.user_group
            )
            page.changed.add(("card", event.card_id))
        case CardRegrouped():
            card = page.cards[event.card_id]
            card.main_group, card.user_group = event.main_group, event.user_group
            page.changed.add(("card", event.card_id))
        case CompanyRegistered() | CompanyChanged():
            page.companies[event.company_id] = t.CompanyRow(event.company_id, event.name)
        case MainGroupOpened() | MainGroupChanged():
            page.groups[event.main_group, 0] = t.GroupRow(
                event.main_group, 0, event.name, event.company_id or ""
            )
        case UserGroupAdded() | UserGroupChanged():
            page.groups[event.main_group, event.number] = t.GroupRow(
                event.main_group, event.number, event.name, ""
            )


def _booked(page: Page, event: ChargeBooked) -> None:
    line = _of_chargee(page, event, "charge", 1)
    line.late, line.offline = event.late, event.offline
    line.lease_id, line.fault, line.at = event.lease_id, event.fault, event.booked_at
    page.add(line, event.amount, event.parts)


def _reversed(page: Page, event: ChargeReversed) -> None:
    line = _of_chargee(page, event, "reversal", -1)
    line.reversal_id, line.at = event.reversal_id, event.reversed_at
    line.late = late(event.month, event.business_date)
    line.refused_minor = event.refused.amount if event.refused else 0
    page.add(line, event.amount, event.parts)


def late(month: str, day: date) -> bool:
    """Settled in another month than the day's."""
    return month != f"{day:%Y-%m}"


def _of_chargee(
    page: Page, event: ChargeBooked | ChargeReversed, what: str, sign: int
) -> t.LineRow:
    by = event.chargee
    return t.LineRow(
        position=page.position,
        what=what,
        charge_id=event.charge_id,
        center_id=by.center_id,
        center_number=by.center_number,
        center_name=by.center_name,
        card_id=by.card_id,
        card_number=by.card_number,
        main_group=by.main_group,
        user_group=by.user_group,
        company_id=by.company_id or "",
        store_id=event.store_id,
        till_id=event.till_id,
        booking_id=event.booking_id,
        booking_number=event.booking_number,
        day=event.business_date,
        month=event.month,
        currency=event.amount.currency,
        amount_minor=sign * event.amount.amount,
        parts="",
        at=event.booked_at if isinstance(event, ChargeBooked) else event.reversed_at,
    )


def _granted(page: Page, event: SubsidyGranted) -> None:
    payer, card = page.center(event.center_id), page.cards.get(event.card_id)
    found = Granted(
        center_number=payer.number,
        center_name=payer.name,
        main_group=card.main_group if card else 0,
        user_group=card.user_group if card else 0,
        company_id=payer.company_id,
        rule_name=event.name,
        tax_case=event.tax_case,
    )
    page.granted[event.charge_id, event.rule_id] = found
    line = _of_subsidy(page, event, found, "subsidy", 1)
    line.till_id, line.late, line.at = event.till_id, event.late, event.granted_at
    page.add(line, event.amount, event.parts)


def _taken_back(page: Page, event: SubsidyTakenBack) -> None:
    found = page.granted[event.charge_id, event.rule_id]
    line = _of_subsidy(page, event, found, "subsidy_back", -1)
    line.reversal_id = event.reversal_id
    line.late = late(event.month, event.business_date)
    page.add(line, event.amount, event.parts)


def _of_subsidy(
    page: Page, event: SubsidyGranted | SubsidyTakenBack, found: Granted, what: str, sign: int
) -> t.LineRow:
    return t.LineRow(
        position=page.position,
        what=what,
        charge_id=event.charge_id,
        rule_id=event.rule_id,
        rule_name=found.rule_name,
        tax_case=found.tax_case,
        center_id=event.center_id,
        center_number=found.center_number,
        center_name=found.center_name,
        card_id=event.card_id,
        card_number=event.card_number,
        main_group=found.main_group,
        user_group=found.user_group,
        company_id=found.company_id,
        store_id=event.store_id,
        booking_id=event.booking_id,
        booking_number=event.booking_number,
        day=event.business_date,
        month=event.month,
        uses=sign * event.uses,
        currency=event.amount.currency,
        amount_minor=sign * event.amount.amount,
        parts="",
        at=event.granted_at if isinstance(event, SubsidyGranted) else event.taken_back_at,
    )


async def _load(connection: Connection, recorded: Sequence[Recorded]) -> Page:
    """A page with every stored row that its events need."""
    centers: set[str] = set()
    cards: set[str] = set()
    months: set[str] = set()
    charges: set[str] = set()
    for entry in recorded:
        match entry.event:
            case SubsidyGranted() as event:
                centers.add(event.center_id)
                cards.add(event.card_id)
            case SubsidyTakenBack() as event:
                charges.add(event.charge_id)
            case CenterChanged() as event:
                centers.add(event.center_id)
            case CardRegrouped() as event:
                cards.add(event.card_id)
            case MonthClosed() as event:
                months.add(event.center_id)
    page = Page()
    page.centers = {row.center_id: row for row in await t.CENTERS.load(connection, centers)}
    page.cards = {row.card_id: row for row in await t.CARDS.load(connection, cards)}
    page.months = {
        (row.center_id, row.month): row for row in await t.MONTHS.load(connection, months)
    }
    if charges:
        for record in await connection.fetch(t.GRANTED, sorted(charges)):
            charge_id, rule_id, *rest = record
            page.granted[charge_id, rule_id] = Granted(*rest)
    return page


async def _save(connection: Connection, page: Page) -> None:
    changed = page.changed
    await t.CENTERS.save(
        connection, [row for key, row in page.centers.items() if ("center", key) in changed]
    )
    await t.CARDS.save(
        connection, [row for key, row in page.cards.items() if ("card", key) in changed]
    )
    await t.COMPANIES.save(connection, list(page.companies.values()))
    await t.GROUPS.save(connection, list(page.groups.values()))
    await t.MONTHS.save(connection, list(page.months.values()))
    await t.LINES.save(connection, page.lines)
    if page.sums:
        rows = [(*key, *sums) for key, sums in sorted(page.sums.items())]
        await connection.execute(t.ADD_SUMS, *zip(*rows, strict=True))
