"""The lists among the reports: what stores took, what is open, accounts, print runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Query
from fastapi.responses import Response

from kassenverbund.kit.auth import Caller
from kassenverbund.kit.listing import Day, Form, FormOf, answer
from kassenverbund.kit.pages import Listing, Page, Row
from kassenverbund.kit.routes import Reader, chainwide, within
from kassenverbund.kit.text import Identifier
from voucher.queries import Queries, accounts, lists, stores

SOON_DAYS = 90
SOON_DAYS_MAX = 3_660

Named = Annotated[Identifier | None, Query()]
From = Annotated[Day | None, Query(alias="from")]
To = Annotated[Day | None, Query(alias="to")]
AsOf = Annotated[Day | None, Query()]
Today = Callable[[], date]
R = TypeVar("R", bound=Row)


def add(routes: APIRouter, queries: Queries, today: Today) -> None:
    """Add the routes of all lists."""
    _stores(routes, queries, today)
    _given_up(routes, queries, today)
    _open(routes, queries)
    _ending(routes, queries, today)
    _accounts(routes, queries, today)
    _prepared(routes, queries)


def _days(first: date | None, last: date | None, today: Today) -> dict[str, date]:
    """Without days: this month until today."""
    end = last or today()
    return {"first": first or end.replace(day=1), "last": end}


def _store_of(caller: Caller, store: str | None) -> str | None:
    """The store whose rows are shown; None: all. A caller of one store sees that one only."""
    if store is not None:
        within(caller, store)
    return store or caller.store_id


async def _list(
    queries: Queries, form: Form, listing: Listing[R], values: Mapping[str, Any], *, name: str
) -> Response:
    return await answer(
        queries,
        form,
        listing.row,
        lambda connection, rows: listing.page(connection, rows, values),
        name=name,
    )


def _stores(routes: APIRouter, queries: Queries, today: Today) -> None:
    @routes.get("/v1/reports/redemptions", response_model=Page[stores.RedemptionRow])
    async def redemptions(
        caller: Reader, form: FormOf, first: From = None, last: To = None, store: Named = None
    ) -> Response:
        """What each store took, gave back and paid out, per day."""
        values = {**_days(first, last, today), "store_id": _store_of(caller, store)}
        return await _list(queries, form, stores.REDEMPTIONS, values, name="redemptions")

    @routes.get("/v1/reports/inter-company", response_model=Page[stores.InterCompanyRow])
    async def inter_company(
        caller: Reader, form: FormOf, first: From = None, last: To = None
    ) -> Response:
        """What legal entities owe each other for vouchers that the other one took."""
        chainwide(caller)
        values = _days(first, last, today)
        return await _list(queries, form, stores.INTER_COMPANY, values, name="inter-company")

    @routes.get("/v1/reports/zag", response_model=Page[stores.ZagRow])
    async def zag(caller: Reader, form: FormOf, as_of: AsOf = None) -> Response:
        """How near twelve months of acceptance by others are to the limit of the ZAG."""
        chainwide(caller)
        day = as_of or today()
        return await answer(
            queries, form, stores.ZagRow,
            lambda connection, rows: stores.zag(connection, rows, as_of=day),
            name=f"zag-{day}",
        )  # fmt: skip


def _given_up(routes: APIRouter, queries: Queries, today: Today) -> None:
    @routes.get("/v1/reports/waivers", response_model=Page[lists.ConcessionRow])
    async def waivers(
        caller: Reader,
        form: FormOf,
        first: From = None,
        last: To = None,
        store: Named = None,
        what: Annotated[lists.Concession | None, Query()] = None,
    ) -> Response:
        """What was waived, taken back or written off, with reason, person and time."""
        values = {
            **_days(first, last, today), "store_id": _store_of(caller, store), "what": what,
        }  # fmt: skip
        return await _list(queries, form, lists.CONCESSIONS, values, name="waivers")

    @routes.get("/v1/reports/waiver-totals", response_model=Page[lists.ConcessionTotalRow])
    async def totals(
        caller: Reader, form: FormOf, first: From = None, last: To = None, store: Named = None
    ) -> Response:
        """The sums of that list."""
        values = {**_days(first, last, today), "store_id": _store_of(caller, store)}
        return await _list(queries, form, lists.CONCESSION_TOTALS, values, name="waiver-totals")


def _open(routes: APIRouter, queries: Queries) -> None:
    @routes.get("/v1/reports/pending", response_model=Page[lists.PendingRow])
    async def pending(
        caller: Reader,
        form: FormOf,
        store: Named = None,
        what: Annotated[Literal["sale", "top_up", "load", "settlement"] | None, Query()] = None,
    ) -> Response:
        """Begun at a till, not recorded yet."""
        values = {"store_id": _store_of(caller, store), "what": what}
        return await _list(queries, form, lists.PENDING, values, name="pending")

    @routes.get("/v1/reports/overdrafts", response_model=Page[lists.OverdraftRow])
    async def overdrafts(
        caller: Reader,
        form: FormOf,
        store: Named = None,
        open_only: Annotated[bool, Query()] = True,
    ) -> Response:
        """Payments that were accepted without cover."""
        values = {"store_id": _store_of(caller, store), "open": open_only}
        return await _list(queries, form, lists.OVERDRAFTS, values, name="overdrafts")

    @routes.get("/v1/reports/overdraft-totals", response_model=Page[lists.OverdraftTotalRow])
    async def totals(caller: Reader, form: FormOf, store: Named = None) -> Response:
        """The stores' overdraft accounts."""
        values = {"store_id": _store_of(caller, store)}
        return await _list(queries, form, lists.OVERDRAFT_TOTALS, values, name="overdraft-totals")

    @routes.get("/v1/reports/failures", response_model=Page[lists.FailureRow])
    async def failures(caller: Reader, form: FormOf, store: Named = None) -> Response:
        """Recorded bookings that nothing covered, newest first."""
        values = {"store_id": _store_of(caller, store)}
        return await _list(queries, form, lists.FAILURES, values, name="failures")


def _ending(routes: APIRouter, queries: Queries, today: Today) -> None:
    @routes.get("/v1/reports/expiring", response_model=Page[lists.ExpiringRow])
    async def expiring(
        caller: Reader,
        form: FormOf,
        within_days: Annotated[int, Query(ge=0, le=SOON_DAYS_MAX)] = SOON_DAYS,
        past: Annotated[bool, Query()] = False,
    ) -> Response:
        """Value that ends soon. `past`: also what ended unspent and was not written off."""
        chainwide(caller)
        day = today()
        values = {
            "today": day,
            "first": date.min if past else day,
            "last": day + timedelta(days=within_days),
        }
        return await _list(queries, form, lists.EXPIRING, values, name="expiring")

    @routes.get("/v1/reports/weak-codes", response_model=Page[lists.WeakCodeRow])
    async def weak_codes(caller: Reader, form: FormOf) -> Response:
        """Vouchers that still answer to a short code."""
        chainwide(caller)
        return await _list(queries, form, lists.WEAK_CODES, {}, name="weak-codes")


def _accounts(routes: APIRouter, queries: Queries, today: Today) -> None:
    @routes.get("/v1/reports/accounts", response_model=Page[accounts.AccountRow])
    async def all_accounts(
        caller: Reader,
        form: FormOf,
        account: Named = None,
        holder: Named = None,
        with_fees: Annotated[bool, Query()] = False,
    ) -> Response:
        """Accounts with balances and open fees."""
        chainwide(caller)
        values = {"account_id": account, "holder_id": holder, "with_fees": with_fees}
        return await _list(queries, form, accounts.ACCOUNTS, values, name="accounts")

    @routes.get("/v1/reports/fees", response_model=Page[accounts.FeeRow])
    async def fees(
        caller: Reader,
        form: FormOf,
        account: Named = None,
        kind: Named = None,
        state: Annotated[Literal["open", "settled", "withdrawn", "all"], Query()] = "open",
    ) -> Response:
        """Fees as their owners posted them, and what of them is open."""
        chainwide(caller)
        values = {
            "account_id": account,
            "kind": kind,
            "state": None if state == "all" else state,
            "today": today(),
        }
        return await _list(queries, form, accounts.FEES, values, name="fees")

    @routes.get("/v1/reports/fee-settlements", response_model=Page[accounts.SettlementRow])
    async def settlements(
        caller: Reader,
        form: FormOf,
        first: From = None,
        last: To = None,
        store: Named = None,
        how: Annotated[Literal["credit", "payment", "waiver"] | None, Query()] = None,
    ) -> Response:
        """How fees were settled."""
        values = {**_days(first, last, today), "store_id": _store_of(caller, store), "how": how}
        return await _list(queries, form, accounts.SETTLEMENTS, values, name="fee-settlements")

    @routes.get("/v1/reports/fee-totals", response_model=Page[accounts.SettlementTotalRow])
    async def totals(
        caller: Reader, form: FormOf, first: From = None, last: To = None, store: Named = None
    ) -> Response:
        """Settled fees by kind, and by credit, payment or waiver."""
        values = {
            **_days(first, last, today), "store_id": _store_of(caller, store), "how": None,
        }  # fmt: skip
        return await _list(queries, form, accounts.SETTLEMENT_TOTALS, values, name="fee-totals")


def _prepared(routes: APIRouter, queries: Queries) -> None:
    @routes.get("/v1/reports/batches", response_model=Page[lists.BatchRow])
    async def batches(caller: Reader, form: FormOf) -> Response:
        """Print runs and imports, newest first, with their progress."""
        chainwide(caller)
        return await _list(queries, form, lists.BATCHES, {}, name="batches")

    @routes.get("/v1/reports/templates", response_model=Page[lists.TemplateRow])
    async def templates(caller: Reader, form: FormOf) -> Response:
        """Templates as they are now."""
        chainwide(caller)
        return await _list(queries, form, lists.TEMPLATES, {}, name="templates")
