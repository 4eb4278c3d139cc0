"""What was charged, by slip and summed up; a center's statement; what is left of limits.

Whoever belongs to one store sees that store's rows. Whoever belongs to one company (role
`company`) sees what its own centers owe, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from pydantic import AfterValidator
from sqlalchemy.ext.asyncio import AsyncConnection

from costcenter.api.report_bodies import CardTotal, RateTotal, Statement
from costcenter.queries import statement_centers, statements
from costcenter.queries.month_slips import SLIPS_MAX, MonthSlips, SlipPage
from costcenter.queries.reading import Reading
from costcenter.queries.statement_centers import CenterUnknown, MonthRow
from costcenter.queries.statements import (
    CARDS_MAX,
    OFFICE,
    By,
    LineRow,
    TotalRow,
    Wanted,
    What,
)
from events import DomainError
from kassenverbund.kit.auth import Caller, Forbidden, caller_of
from kassenverbund.kit.listing import Day, FormOf, answer
from kassenverbund.kit.pages import LIMIT, Page, Slice
from kassenverbund.kit.text import Identifier

BY_MAX = 4

_MONTH = re.compile(r"(19|20|21)\d\d-(0[1-9]|1[0-2])")


def _a_month(month: str) -> str:
    if not _MONTH.fullmatch(month):
        raise ValueError("a month like 2026-10")
    return month


Month = Annotated[str, AfterValidator(_a_month)]
Named = Annotated[Identifier | None, Query()]
Group = Annotated[int | None, Query(ge=0, le=1_000_000)]
CenterId = Annotated[Identifier, Path()]
Today = Callable[[], date]


class PeriodUnclear(DomainError):
    code = "period.unclear"
    status = 422
    title = "A period is either months or days, and does not end before it begins"


def reads(*roles: str) -> Callable[..., Awaitable[Caller]]:
    """FastAPI dependency: a person or a service with one of `roles`. A till never."""
    wanted = frozenset(roles)

    async def check(request: Request) -> Caller:
        caller = await caller_of(request)
        if caller.kind == "till" or not wanted & caller.roles:
            raise Forbidden(f"needs one of: {', '.join(sorted(wanted))}")
        return caller

    return check


Reader = Annotated[Caller, Depends(reads(*OFFICE, "company"))]


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, and for which facts."""

    caller: Caller
    wanted: Wanted


async def _period(
    first: Annotated[Day | None, Query(alias="from")] = None,
    last: Annotated[Day | None, Query(alias="to")] = None,
    month: Annotated[Month | None, Query()] = None,
    to_month: Annotated[Month | None, Query()] = None,
) -> Wanted:
    """FastAPI dependency. Raises `PeriodUnclear`."""
    months, days = month or to_month, first or last
    if (months and days) or (to_month and not month):
        raise PeriodUnclear
    if first and last and first > last:
        raise PeriodUnclear
    if month and to_month and month > to_month:
        raise PeriodUnclear
    return Wanted(first=first, last=last, month_first=month, month_last=to_month or month)


Period = Annotated[Wanted, Depends(_period)]


async def _asked(
    caller: Reader,
    period: Period,
    center: Named = None,
    card: Named = None,
    company: Named = None,
    main_group: Group = None,
    user_group: Group = None,
    store: Named = None,
) -> Asked:
    """FastAPI dependency: the period and filters, narrowed to what the caller may see."""
    if caller.store_id is not None and store not in (None, caller.store_id):
        raise Forbidden("this caller belongs to another store")
    wanted = replace(
        period,
        center_id=center,
        card_id=card,
        company_id=company,
        main_group=main_group,
        user_group=user_group,
        store_id=store or caller.store_id,
    )
    return Asked(caller, _own(caller, wanted))


AskedOf = Annotated[Asked, Depends(_asked)]


def _own(caller: Caller, wanted: Wanted) -> Wanted:
    """Raises `Forbidden` where a company's own person asks for another one."""
    if caller.roles & OFFICE:
        return wanted
    if caller.company_id is None or wanted.company_id not in (None, caller.company_id):
        raise Forbidden("this caller belongs to another company")
    return replace(wanted, company_id=caller.company_id)


def routes(
    reading: Reading, slips: MonthSlips, clock: Callable[[], datetime], *, time_zone: str
) -> APIRouter:
    """All reports."""
    found = APIRouter()

    def today() -> date:
        return clock().astimezone(ZoneInfo(time_zone)).date()

    _lists(found, reading, today)
    _statement(found, reading, today)
    _month(found, reading, slips)
    return found


def _bounded(wanted: Wanted, today: Today) -> Wanted:
    """Without a period: this month until today."""
    if wanted.month_first is not None:
        return wanted
    end = wanted.last or today()
    return replace(wanted, first=wanted.first or end.replace(day=1), last=end)


def _lists(routes: APIRouter, reading: Reading, today: Today) -> None:
    @routes.get("/v1/reports/charges", response_model=Page[LineRow])
    async def charges(
        asked: AskedOf,
        form: FormOf,
        what: Annotated[What | None, Query()] = None,
        late: Annotated[bool | None, Query()] = None,
        faults: Annotated[bool, Query()] = False,
    ) -> Response:
        """Slip by slip. `faults`: what somebody has to look at."""
        wanted = replace(_bounded(asked.wanted, today), what=what, late=late, faults=faults)
        return await answer(
            reading, form, LineRow,
            lambda connection, rows: statements.lines(connection, rows, wanted),
            name="charges",
        )  # fmt: skip

    @routes.get("/v1/reports/totals", response_model=Page[TotalRow])
    async def totals(
        asked: AskedOf,
        form: FormOf,
        by: Annotated[list[By], Query(min_length=1, max_length=BY_MAX)],
        what: Annotated[What | None, Query()] = None,
    ) -> Response:
        """Sums, grouped by whatever `by` names, in its order."""
        wanted = replace(_bounded(asked.wanted, today), what=what)
        return await answer(
            reading, form, TotalRow,
            lambda connection, rows: statements.totals(connection, rows, wanted, by),
            name=f"charges-by-{'-'.join(by)}",
        )  # fmt: skip

    @routes.get("/v1/reports/months", response_model=Page[MonthRow])
    async def months(
        caller: Reader, form: FormOf, period: Period, center: Named = None, company: Named = None
    ) -> Response:
        """Centers' months: open or closed, and what they sum up to."""
        _chainwide(caller)
        wanted = _own(caller, replace(period, center_id=center, company_id=company))
        return await answer(
            reading, form, MonthRow,
            lambda connection, rows: statement_centers.months(connection, rows, wanted),
            name="months",
        )  # fmt: skip


def _chainwide(caller: Caller) -> None:
    if caller.store_id is not None:
        raise Forbidden("this caller belongs to one store")


def _statement(routes: APIRouter, reading: Reading, today: Today) -> None:
    @routes.get("/v1/centers/{center_id}/statement", response_model=Statement)
    async def statement(
        caller: Reader, center_id: CenterId, period: Period, form: FormOf
    ) -> Response:
        """A center's statement: sums, by card and by VAT rate. As CSV: slip by slip."""
        _chainwide(caller)
        wanted = _own(caller, _bounded(replace(period, center_id=center_id), today))
        async with reading.snapshot(form.position) as (connection, reached, complete):
            header = await statement_centers.header(connection, center_id)
            # Only rows of the caller's own company are shown.
            if not await statement_centers.charged_for(connection, center_id, caller.company_id):
                check_own(caller, header.company_id, center_id)
            if not form.csv:
                found = await _summed(connection, wanted, header)
                found |= {"position": reached, "complete": complete}
                return Response(
                    Statement.model_construct(**found).model_dump_json(),
                    media_type="application/json",
                )
        return await answer(
            reading, form, LineRow,
            lambda connection, rows: statements.lines(connection, rows, wanted),
            name=f"statement-{header.number}-{_shown(wanted).replace('/', '-')}",
        )  # fmt: skip


def check_own(caller: Caller, company_id: str | None, center_id: str) -> None:
    """Raises `CenterUnknown`: whose centers there are is nobody else's business."""
    if caller.roles & OFFICE:
        return
    if caller.company_id is None or caller.company_id != company_id:
        raise CenterUnknown(center_id)


async def _summed(
    connection: AsyncConnection, wanted: Wanted, header: statement_centers.Header
) -> dict[str, Any]:
    """Everything of a statement but how far the read models had come."""
    (total,) = (await statements.totals(connection, Slice(limit=1), wanted, ()))[0] or (None,)
    if total is None:
        total = statements.NOTHING
    cards, more = await statements.totals(connection, Slice(limit=CARDS_MAX), wanted, ("card",))
    rates, _ = await statements.totals(connection, Slice(limit=CARDS_MAX), wanted, ("vat",))
    state = None
    if wanted.month_first is not None and wanted.month_first == wanted.month_last:
        found, _ = await statement_centers.months(connection, Slice(limit=1), wanted)
        state = found[0].state if found else None
    return {
        "center_id": header.center_id,
        "number": header.number,
        "name": header.name,
        "company_id": header.company_id,
        "company_name": header.company_name,
        "period": _shown(wanted),
        "state": state,
        **{name: getattr(total, name) for name in _SUMS},
        "cards": tuple(
            CardTotal.model_construct(**{n: getattr(row, n) for n in CardTotal.model_fields})
            for row in cards
        ),
        "cards_complete": more is None,
        "rates": tuple(
            RateTotal.model_construct(**{n: getattr(row, n) for n in RateTotal.model_fields})
            for row in rates
        ),
    }


_SUMS = ("charges", "reversals", "late", "charged", "reversed", "net", "subsidies", "owed")


def _shown(wanted: Wanted) -> str:
    """`2026-10`, `2026-10/2026-12`, `2026-10-01/2026-10-15`."""
    if wanted.month_first is not None and wanted.month_first == wanted.month_last:
        return wanted.month_first
    if wanted.month_first is not None:
        return f"{wanted.month_first}/{wanted.month_last}"
    return f"{wanted.first}/{wanted.last}"


def _month(routes: APIRouter, reading: Reading, slips: MonthSlips) -> None:
    @routes.get("/v1/centers/{center_id}/months/{month}/charges", response_model=SlipPage)
    async def of_month(
        caller: Reader,
        center_id: CenterId,
        month: Annotated[Month, Path()],
        after: Annotated[int, Query(ge=0, le=2**31)] = 0,
        limit: Annotated[int, Query(ge=1, le=SLIPS_MAX)] = LIMIT,
    ) -> Response:
        """The slips of one month, from the log itself: no other month is read. `after`: the
        answer's `next`."""
        _chainwide(caller)
        async with reading.snapshot() as (connection, _, _):
            header = await statement_centers.header(connection, center_id)
        check_own(caller, header.company_id, center_id)
        page = await slips.page(center_id, month, after=after, slips_max=limit)
        return Response(page.model_dump_json(), media_type="application/json")
