"""The read models are what a fresh fold of the log gives, however it is cut into pages."""

from __future__ import annotations

import random

from sqlalchemy.ext.asyncio import AsyncEngine

from costcenter.events import CardRegrouped, CenterChanged, MonthClosed, MonthOpened
from costcenter.testing.statements import Log, Office, empty, fold, part, rows_of
from money import euro

SEED = 7


def _busy(log: Log) -> None:
    rng = random.Random(SEED)
    log.open("P", "4900", company="A")
    log.open("C", "4711", "4711", "4712", company="A")
    log.tell("month-C-2026-10", MonthOpened(center_id="C", month="2026-10", opened_at=log.now))
    for number in range(60):
        log.on(f"2026-10-{1 + number // 3:02d}")
        card, amount = rng.choice(("4711", "4712")), f"{rng.randint(1, 900) / 100:.2f}"
        log.charge(f"h{number}", card, amount, parts=(part(amount),) if number % 2 else ())
        log.grant(f"h{number}", card, "P", "3.10")
        if number % 5 == 0:
            log.give_back(f"h{number}", card, amount)
            log.take_back(f"h{number}", card, "P", "3.10")
        if number == 30:
            log.tell(
                "card-4711",
                CardRegrouped(card_id="4711", main_group=2, user_group=1, regrouped_at=log.now),
            )
            log.tell("center-P", CenterChanged(center_id="P", name="Neu", changed_at=log.now))


async def test_any_cut_into_pages_gives_the_same_rows(log: Log, tables: AsyncEngine) -> None:
    _busy(log)
    found = []
    for size in (500, 1, 7):
        await empty(tables)
        await fold(tables, log.entries, page=size)
        found.append(await rows_of(tables))
    assert found[0] == found[1] == found[2]


async def test_sums_by_day_are_the_sums_over_all_slips(log: Log, office: Office) -> None:
    _busy(log)
    for by in ("center", "company", "main_group", "user_group", "store", "day", "vat"):
        sums = await office.rows("/v1/reports/totals", by=by, month="2026-10", limit=500)
        # Asked by card as well, the same comes from the slips themselves.
        slips = await office.rows("/v1/reports/totals", by=[by, "card"], month="2026-10", limit=500)
        for name in ("charged", "reversed", "net", "subsidies", "owed"):
            assert sum(_cents(row[name]) for row in sums) == sum(
                _cents(row[name]) for row in slips
            ), (by, name)
        for name in ("charges", "reversals", "late"):
            assert sum(row[name] for row in sums) == sum(row[name] for row in slips), (by, name)


def _cents(amount: str) -> int:
    return euro(amount).amount


async def test_a_closed_month_agrees_with_its_slips(log: Log, office: Office) -> None:
    log.open("C", "4711", "4711")
    log.tell("month-C-2026-10", MonthOpened(center_id="C", month="2026-10", opened_at=log.now))
    log.charge("h1", "4711", "5.00")
    (row,) = await office.rows("/v1/reports/months", center="C")
    assert (row["state"], row["net"], row["agrees"]) == ("open", "5.00", None)
    log.tell("month-C-2026-10", _closed(log, "5.00"))
    (row,) = await office.rows("/v1/reports/months", center="C")
    assert (row["state"], row["net"], row["agrees"]) == ("closed", "5.00", True)


async def test_a_closing_that_says_something_else_shows(log: Log, office: Office) -> None:
    log.open("C", "4711", "4711")
    log.tell("month-C-2026-10", MonthOpened(center_id="C", month="2026-10", opened_at=log.now))
    log.charge("h1", "4711", "5.00")
    log.tell("month-C-2026-10", _closed(log, "4.00"))
    (row,) = await office.rows("/v1/reports/months", center="C")
    assert row["agrees"] is False


def _closed(log: Log, charged: str) -> MonthClosed:
    return MonthClosed(
        center_id="C", month="2026-10", charged=euro(charged), subsidies=euro("0"), charges=1,
        closed_at=log.now,
    )  # fmt: skip
