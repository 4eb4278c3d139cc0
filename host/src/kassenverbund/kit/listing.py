"""Lists and reports over HTTP: pages of JSON, or CSV that streams all rows."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal, Protocol, TypeVar

from fastapi import Depends, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import AfterValidator
from sqlalchemy.ext.asyncio import AsyncConnection

from kassenverbund.kit.pages import EXPORT_PAGE, LIMIT, LIMIT_MAX, Page, Row, Slice
from money import Money

EXPORT_ROWS_MAX = 5_000_000
"""An export that would be longer breaks off with an error: nobody takes a part for the whole."""

CURSOR_MAX = 1_000

CSV = "text/csv; charset=utf-8"

R = TypeVar("R", bound=Row)
FromTables = Callable[[AsyncConnection], Awaitable[tuple[tuple[R, ...], str | None]]]
Fetch = Callable[[AsyncConnection, Slice], Awaitable[tuple[tuple[R, ...], str | None]]]

Position = Annotated[int, Query(ge=0, le=2**62)]
"""Wait for the effect of a write, at most one second."""


class Queries(Protocol):
    """A service's read models."""

    async def page(self, fetch: FromTables[R], *, position: int = 0) -> Page[R]:
        """What `fetch` finds, in one snapshot, and how far the read models had come."""
        ...


_FIRST, _LAST = date(1990, 1, 1), date(2999, 12, 31)


def _plausible(day: date) -> date:
    if not _FIRST <= day <= _LAST:
        raise ValueError(f"a day from {_FIRST} to {_LAST}")
    return day


Day = Annotated[date, AfterValidator(_plausible)]


@dataclass(frozen=True, slots=True)
class Form:
    """How an answer is wanted."""

    csv: bool
    comma: bool
    """German numbers: decimal comma."""
    semicolon: bool
    """Semicolons between the columns."""
    mark: bool
    """Begin with the byte order mark: Excel takes a file for UTF-8 only then."""
    limit: int | None
    """None: a page of `LIMIT` rows as JSON, all rows as CSV."""
    cursor: str | None
    position: int


async def form_of(
    request: Request,
    limit: Annotated[int | None, Query(ge=1, le=LIMIT_MAX)] = None,
    cursor: Annotated[str | None, Query(max_length=CURSOR_MAX)] = None,
    format: Annotated[Literal["json", "csv"] | None, Query()] = None,
    decimal: Annotated[Literal["point", "comma"], Query()] = "point",
    separator: Annotated[Literal["comma", "semicolon"] | None, Query()] = None,
    bom: Annotated[bool | None, Query()] = None,
    position: Position = 0,
) -> Form:
    """FastAPI dependency. `format` wins over the header `Accept`. With decimal commas, columns are
    separated by semicolons and a byte order mark leads, unless the caller says otherwise."""
    accepted = "text/csv" in request.headers.get("accept", "")
    return Form(
        csv=format == "csv" or (format is None and accepted),
        comma=(comma := decimal == "comma"),
        semicolon=separator == "semicolon" if separator else comma,
        mark=comma if bom is None else bom,
        limit=limit,
        cursor=cursor,
        position=position,
    )


FormOf = Annotated[Form, Depends(form_of)]


async def answer(
    queries: Queries, form: Form, row: type[R], fetch: Fetch[R], *, name: str
) -> Response:
    """The rows as they are wanted. Raises `CursorInvalid` before anything is sent."""
    size = form.limit or (EXPORT_PAGE if form.csv else LIMIT)
    page = await _page(queries, form, fetch, Slice(cursor=form.cursor, limit=size))
    if not form.csv:
        return Response(page.model_dump_json(), media_type="application/json")
    return StreamingResponse(
        _lines(queries, form, row, fetch, page),
        media_type=CSV,
        headers={"content-disposition": f'attachment; filename="{name}.csv"'},
    )


async def _page(queries: Queries, form: Form, fetch: Fetch[R], wanted: Slice) -> Page[R]:
    return await queries.page(lambda connection: fetch(connection, wanted), position=form.position)


async def _lines(
    queries: Queries, form: Form, row: type[R], fetch: Fetch[R], page: Page[R]
) -> AsyncIterator[bytes]:
    """The rows of `page` and, unless a number was asked for, of all pages after it."""
    names = list(row.model_fields)
    yield ("\ufeff" if form.mark else "").encode() + _encoded([names], form)
    sent = 0
    while True:
        if page.rows:
            yield _encoded([[cell(getattr(r, n), form) for n in names] for r in page.rows], form)
        sent += len(page.rows)
        if page.next is None or form.limit is not None:
            return
        if sent >= EXPORT_ROWS_MAX:
            raise RuntimeError(f"an export has at most {EXPORT_ROWS_MAX} rows")
        page = await _page(queries, form, fetch, Slice(cursor=page.next, limit=EXPORT_PAGE))


def _encoded(rows: list[list[str]], form: Form) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=";" if form.semicolon else ",", lineterminator="\r\n").writerows(
        rows
    )
    return text.getvalue().encode()


_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(value: Any, form: Form) -> str:
    """One value. Money is a decimal number; its currency has a column of its own. Text that a
    spreadsheet would take for a formula gets an apostrophe in front."""
    match value:
        case None:
            return ""
        case Money():
            number = f"{value.as_decimal():f}"
            return number.replace(".", ",") if form.comma else number
        case bool():
            return "true" if value else "false"
        case date() | datetime():
            return value.isoformat()
        case int():
            return str(value)
        case _:
            shown = str(value)
            return f"'{shown}" if shown.startswith(_FORMULA) else shown
