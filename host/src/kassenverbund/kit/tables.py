"""How a page of read-model rows is read and written: one statement per table, with an array per
column. SQLAlchemy's statements cost several times the processor time here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Generic, TypeVar

import asyncpg

Connection = Any
"""asyncpg's connection (its generic type says nothing here)."""

_TYPES = {
    "int": "bigint",
    "str": "text",
    "bool": "boolean",
    "date": "date",
    "datetime": "timestamptz",
}

R = TypeVar("R")


class Table(Generic[R]):
    """Reads and writes rows of one dataclass. `key`: what a row is known by. `json`: its columns
    of type jsonb; they are text while they are read and written here."""

    def __init__(
        self, name: str, row: type[R], key: tuple[str, ...], *, json: Collection[str] = ()
    ) -> None:
        self.row = row
        types = {f.name: _TYPES[str(f.type).split(" |")[0]] for f in fields(row)}  # type: ignore[arg-type]  # R is always a dataclass.
        columns = ", ".join(types)
        arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(types.values(), 1))
        shown = ", ".join(f"{c}::jsonb" if c in json else c for c in types)
        # Where a row first appeared stays, whatever writes it again.
        fixed = {*key, "first_position"}
        changed = ", ".join(f"{c} = excluded.{c}" for c in types if c not in fixed)
        self._values = attrgetter(*types)
        self._upsert = (
            f"INSERT INTO {name} ({columns}) SELECT {shown}"  # noqa: S608 (names from the code)
            f" FROM unnest({arrays}) AS n({columns})"
            f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changed}"
        )
        read = ", ".join(f"{c}::text" if c in json else c for c in types)
        self._select = f"SELECT {read} FROM {name} WHERE {key[0]} = ANY($1::text[])"  # noqa: S608 (names from the code)
        wanted = ", ".join(f"${n}::text[]" for n in range(1, len(key) + 1))
        self._delete = (
            f"DELETE FROM {name} WHERE ({', '.join(key)})"  # noqa: S608 (names from the code)
            f" IN (SELECT * FROM unnest({wanted}))"
        )

    async def load(self, connection: Connection, ids: Iterable[str]) -> list[R]:
        """The rows whose first key column is one of `ids`."""
        wanted = sorted(ids)
        if not wanted:
            return []
        found: list[asyncpg.Record] = await connection.fetch(self._select, wanted)
        return [self.row(*record) for record in found]

    async def save(self, connection: Connection, rows: Sequence[R]) -> None:
        """Insert new rows, overwrite known ones."""
        if rows:
            await connection.execute(self._upsert, *zip(*map(self._values, rows), strict=True))

    async def delete(self, connection: Connection, keys: Sequence[tuple[str, ...]]) -> None:
        if keys:
            await connection.execute(self._delete, *zip(*keys, strict=True))
