"""What back office reads: search, history, what is owed, what stores took, lists to work through.

Whoever belongs to one store sees that store's rows; what is about the chain needs a caller of the
chain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from kassenverbund.kit.listing import Day, FormOf, answer
from kassenverbund.kit.pages import Page
from kassenverbund.kit.routes import Reader, chainwide
from kassenverbund.kit.text import Identifier
from voucher.api import reports_lists
from voucher.queries import Queries, breakage, ledger, vouchers, words

Minor = Annotated[int | None, Query(ge=0, le=10**12)]
Named = Annotated[Identifier | None, Query()]


def routes(queries: Queries, clock: Callable[[], datetime]) -> APIRouter:
    """All reports."""
    found = APIRouter()

    def today() -> date:
        return clock().astimezone(ZoneInfo(queries.time_zone)).date()

    _searching(found, queries, clock)
    _owed(found, queries, today)
    _forecast(found, queries, today)
    reports_lists.add(found, queries, today)
    return found


async def _wanted(
    serial: Named = None,
    state: Annotated[vouchers.ShownState | None, Query()] = None,
    blocked: Annotated[bool | None, Query()] = None,
    entity: Named = None,
    kind: Annotated[Literal["multi_purpose", "single_purpose"] | None, Query()] = None,
    funding: Annotated[Literal["purchased", "donated", "promotional"] | None, Query()] = None,
    store: Named = None,
    last_store: Named = None,
    booking: Named = None,
    batch: Named = None,
    template: Named = None,
    code_kind: Annotated[Literal["own", "weak"] | None, Query()] = None,
    value_min: Minor = None,
    value_max: Minor = None,
    balance_min: Minor = None,
    balance_max: Minor = None,
    issued_from: Annotated[Day | None, Query()] = None,
    issued_to: Annotated[Day | None, Query()] = None,
    valid_from: Annotated[Day | None, Query()] = None,
    valid_to: Annotated[Day | None, Query()] = None,
) -> vouchers.Wanted:
    return vouchers.Wanted(
        serial=serial,
        state=state,
        blocked=blocked,
        legal_entity_id=entity,
        kind=kind,
        funding=funding,
        store_id=store,
        last_store_id=last_store,
        booking_id=booking,
        batch_id=batch,
        template_id=template,
        code_kind=code_kind,
        value_min=value_min,
        value_max=value_max,
        balance_min=balance_min,
        balance_max=balance_max,
        issued_from=issued_from,
        issued_to=issued_to,
        valid_from=valid_from,
        valid_to=valid_to,
    )


def _searching(routes: APIRouter, queries: Queries, clock: Callable[[], datetime]) -> None:
    @routes.get("/v1/vouchers", response_model=Page[vouchers.FoundRow])
    async def search(
        caller: Reader, form: FormOf, wanted: Annotated[vouchers.Wanted, Depends(_wanted)]
    ) -> Response:
        """Vouchers, newest first. Amounts in minor units."""
        return await answer(
            queries, form, vouchers.FoundRow,
            lambda connection, rows: vouchers.search(
                connection, rows, wanted, now=clock(), within=caller.store_id
            ),
            name="vouchers",
        )  # fmt: skip

    @routes.get("/v1/vouchers/{serial}/history", response_model=Page[vouchers.HistoryRow])
    async def history(
        serial: Identifier,
        caller: Reader,
        form: FormOf,
        lang: Annotated[words.Language, Query()] = "de",
    ) -> Response:
        """Everything that happened to one voucher, in words, over all stores. Oldest first."""
        return await answer(
            queries, form, vouchers.HistoryRow,
            lambda connection, rows: vouchers.history(
                connection, rows, serial, language=lang, stores=queries.stores
            ),
            name=f"voucher-{serial}",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Period:
    """Days, both included."""

    first: date
    last: date


def period(first: date | None, last: date | None, today: date) -> Period:
    """Without days: this month until today."""
    end = last or today
    return Period(first or end.replace(day=1), end)


From = Annotated[Day | None, Query(alias="from")]
To = Annotated[Day | None, Query(alias="to")]
AsOf = Annotated[Day | None, Query()]
By = Annotated[
    str,
    Query(
        pattern=r"^(entity|book|kind|year)(,(entity|book|kind|year)){0,3}$",
        description="comma-separated: entity, book, kind, year",
    ),
]


def _dimensions(by: str) -> tuple[ledger.Dimension, ...]:
    known: tuple[ledger.Dimension, ...] = ("entity", "book", "kind", "year")
    asked = by.split(",")
    return tuple(dimension for dimension in known if dimension in asked)


def _owed(routes: APIRouter, queries: Queries, today: Callable[[], date]) -> None:
    @routes.get("/v1/reports/liability", response_model=Page[ledger.LiabilityRow])
    async def liability(
        caller: Reader, form: FormOf, as_of: AsOf = None, by: By = "entity,kind,year"
    ) -> Response:
        """What was owed at the end of a day, and all movements until then."""
        chainwide(caller)
        day = as_of or today()
        return await answer(
            queries, form, ledger.LiabilityRow,
            lambda connection, rows: ledger.liability(
                connection, rows, as_of=day, by=_dimensions(by)
            ),
            name=f"liability-{day}",
        )  # fmt: skip

    @routes.get("/v1/reports/movements", response_model=Page[ledger.MovementRow])
    async def movements(
        caller: Reader,
        form: FormOf,
        first: From = None,
        last: To = None,
        by: By = "entity,kind,year",
    ) -> Response:
        """opening + in - out = closing, from a day to a day."""
        chainwide(caller)
        days = period(first, last, today())
        return await answer(
            queries, form, ledger.MovementRow,
            lambda connection, rows: ledger.movements(
                connection, rows, first=days.first, last=days.last, by=_dimensions(by)
            ),
            name=f"movements-{days.first}-{days.last}",
        )  # fmt: skip

    @routes.get("/v1/reports/aging", response_model=Page[ledger.AgingRow])
    async def aging(caller: Reader, form: FormOf, as_of: AsOf = None) -> Response:
        """What is open, by the age of its lots."""
        chainwide(caller)
        day = as_of or today()
        return await answer(
            queries, form, ledger.AgingRow,
            lambda connection, rows: ledger.aging(connection, rows, as_of=day),
            name=f"aging-{day}",
        )  # fmt: skip


def _forecast(routes: APIRouter, queries: Queries, today: Callable[[], date]) -> None:
    @routes.get("/v1/reports/breakage", response_model=Page[breakage.BreakageRow])
    async def forecast(caller: Reader, form: FormOf, as_of: AsOf = None) -> Response:
        """What will probably never be asked for, by year of issue. Nothing is booked by it."""
        chainwide(caller)
        day = as_of or today()
        return await answer(
            queries, form, breakage.BreakageRow,
            lambda connection, rows: breakage.years(connection, rows, as_of=day),
            name=f"breakage-{day}",
        )  # fmt: skip

    @routes.get("/v1/reports/breakage-rates", response_model=Page[breakage.RateRow])
    async def rates(caller: Reader, form: FormOf, as_of: AsOf = None) -> Response:
        """The inputs of the forecast: what was used at each month of age."""
        chainwide(caller)
        day = as_of or today()
        return await answer(
            queries, form, breakage.RateRow,
            lambda connection, rows: breakage.rates(connection, rows, as_of=day),
            name=f"breakage-rates-{day}",
        )  # fmt: skip
