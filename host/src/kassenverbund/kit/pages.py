"""Rows of a list or report, a page at a time, and the opaque cursor that goes on."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from events import DomainError
from money import Money

LIMIT = 100
"""Rows of a page where the caller names no number."""

LIMIT_MAX = 500

EXPORT_PAGE = 5_000
"""Rows that an export reads at once."""


class CursorInvalid(DomainError):
    code = "cursor.invalid"
    status = 422
    title = "The cursor does not belong to this list; begin without one"


class Row(BaseModel):
    """One row. Its fields are the columns, in this order, as JSON and as CSV."""

    model_config = ConfigDict(frozen=True)


R = TypeVar("R", bound=Row)


class Page(BaseModel, Generic[R]):
    """Some rows of a list."""

    model_config = ConfigDict(frozen=True)

    rows: tuple[R, ...]
    next: str | None = None
    """Ask again with it as `cursor`; None: these were the last rows."""
    position: int = 0
    """Of the newest fact that the answer knows."""
    complete: bool = True
    """False: the read model has not reached the position that was asked for."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Which rows are wanted."""

    cursor: str | None = None
    limit: int = LIMIT


def minor(currency: str) -> Callable[[int], Money]:
    """Amounts of one currency. A sum may be larger than any single amount may."""
    return lambda amount: Money.model_construct(amount=amount, currency=currency)


@dataclass(frozen=True, slots=True)
class Listing(Generic[R]):
    """A list as SQL: `query` gives named columns, `keys` (with their types) order its rows and
    are unique and never null."""

    row: type[R]
    query: str
    keys: Mapping[str, str]
    descending: bool = False

    async def page(
        self, connection: AsyncConnection, wanted: Slice, values: Mapping[str, Any]
    ) -> tuple[tuple[R, ...], str | None]:
        """The rows after the cursor, and the cursor after them. Raises `CursorInvalid`."""
        names = ", ".join(f"r.{name}" for name in self.keys)
        order = ", ".join(f"r.{n} DESC" if self.descending else f"r.{n}" for n in self.keys)
        bound = dict(values)
        after = ""
        if wanted.cursor is not None:
            found = _decoded(wanted.cursor, tuple(self.keys.values()))
            casts = ", ".join(
                f"CAST(:after_{n} AS {kind})" for n, kind in enumerate(self.keys.values())
            )
            after = f" WHERE ({names}) {'<' if self.descending else '>'} ({casts})"
            bound |= {f"after_{n}": value for n, value in enumerate(found)}
        statement = f"SELECT r.* FROM ({self.query}) AS r{after} ORDER BY {order} LIMIT :rows_max"  # noqa: S608 (constants of this package)
        bound["rows_max"] = wanted.limit + 1
        records = (await connection.execute(text(statement), bound)).mappings().all()
        rows = tuple(row_of(self.row, record) for record in records[: wanted.limit])
        if len(records) <= wanted.limit or not rows:
            return rows, None
        last = records[wanted.limit - 1]
        return rows, _encoded([last[name] for name in self.keys])


_PARSED: Mapping[str, Callable[[Any], Any]] = {
    "text": str,
    "bigint": int,
    "date": date.fromisoformat,
}


def _encoded(key: Sequence[Any]) -> str:
    plain = [value if isinstance(value, str | int) else value.isoformat() for value in key]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def _decoded(cursor: str, kinds: Sequence[str]) -> list[Any]:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        plain = json.loads(raw)
        if not isinstance(plain, list) or len(plain) != len(kinds):
            raise CursorInvalid
        found = [_PARSED[kind](value) for kind, value in zip(kinds, plain, strict=True)]
        for value in found:
            _storable(value)
    except (ValueError, TypeError, OverflowError, RecursionError) as fault:
        raise CursorInvalid from fault
    return found


def _storable(value: object) -> None:
    """Raises ValueError for what the database would not even compare."""
    if isinstance(value, str) and "\x00" in value.encode().decode():
        raise ValueError("U+0000")
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError("too large")


def numbered(rows: Sequence[R], wanted: Slice) -> tuple[tuple[R, ...], str | None]:
    """The wanted part of a few rows that were computed together. Raises `CursorInvalid`."""
    start = _decoded(wanted.cursor, ("bigint",))[0] if wanted.cursor is not None else 0
    if start < 0:
        raise CursorInvalid
    end = start + wanted.limit
    return tuple(rows[start:end]), _encoded([end]) if end < len(rows) else None


@cache
def _money_fields(row: type[Row]) -> frozenset[str]:
    return frozenset(
        name
        for name, field in row.model_fields.items()
        if field.annotation in (Money, Money | None)
    )


def row_of(row: type[R], record: Mapping[Any, Any]) -> R:
    """A record as a row: money comes as `<name>_minor` beside one `currency`; a column that the
    query does not give is None."""
    amounts = _money_fields(row)
    values: dict[str, Any] = {}
    for name in row.model_fields:
        if name in amounts:
            found = record.get(f"{name}_minor")
            values[name] = None if found is None else minor(record["currency"])(found)
        else:
            values[name] = record.get(name)
    return cast(R, row.model_construct(**values))
