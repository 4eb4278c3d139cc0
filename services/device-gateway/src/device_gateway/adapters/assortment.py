"""Search of the assortment in PostgreSQL (projections_assortment.py fills it).

Names that begin with what was typed come first, by name: an index gives the first of them, however
many there are. Only where they do not fill the page, the words of all names are looked at (GIN).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from device_gateway.events import ArticleListed
from device_gateway.folding import WORDS_MAX, code_of, folded
from device_gateway.ports.assortment import ARTICLES_PAGE, FOUND_MAX, FoundArticles
from events.store.connection import reading
from kassenverbund.kit.pages import CursorInvalid

_CODE_DIGITS = range(8, 15)
# By number or code, and numbers that begin so: one look for what is no words.
_KNOWN = text(
    "SELECT document FROM ("
    " SELECT 0 AS place, document, article_group, sku FROM article WHERE sku IN"
    "  (SELECT sku FROM article_code WHERE code = :code)"
    " UNION ALL (SELECT 1, document, article_group, sku FROM article"
    "  WHERE sku >= :q AND sku < :q_end ORDER BY sku LIMIT :rows_max)) AS known"
    " WHERE CAST(:grp AS text) IS NULL OR article_group = CAST(:grp AS text)"
    " ORDER BY place, sku"
)
_BY_NAME = text(
    "SELECT document FROM article WHERE folded >= :first AND folded < :last"
    " AND (CAST(:grp AS text) IS NULL OR article_group = CAST(:grp AS text))"
    " ORDER BY folded, sku LIMIT :rows_max"
)
_BY_WORDS = text(
    "SELECT document FROM (SELECT document, folded, sku FROM article"
    " WHERE words @@ CAST(:query AS tsquery)"
    " AND (CAST(:grp AS text) IS NULL OR article_group = CAST(:grp AS text))"
    " LIMIT :rows_max) AS found ORDER BY folded, sku"
)
_ALL = text(
    "SELECT document FROM article WHERE (folded, sku) > (:folded, :sku)"
    " ORDER BY folded, sku LIMIT :rows_max"
)
_OF_GROUP = text(
    "SELECT document FROM article WHERE article_group = :grp"
    " AND (folded, sku) > (:folded, :sku) ORDER BY folded, sku LIMIT :rows_max"
)
# A loose index scan: one step per group, not per article.
_GROUPS = text(
    "WITH RECURSIVE known AS ("
    " (SELECT article_group FROM article WHERE article_group IS NOT NULL"
    "  ORDER BY article_group LIMIT 1)"
    " UNION ALL SELECT (SELECT article_group FROM article"
    "  WHERE article_group > known.article_group ORDER BY article_group LIMIT 1)"
    " FROM known WHERE known.article_group IS NOT NULL)"
    " SELECT article_group FROM known WHERE article_group IS NOT NULL LIMIT 1000"
)
_END = "\U0010ffff"
"""Sorts behind every name that begins the same."""


class PostgresAssortment:
    """See `device_gateway.ports.assortment.Assortment`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def search(
        self, q: str, *, group: str | None = None, page: str | None = None
    ) -> FoundArticles:
        async with reading(self._engine) as connection:
            if not folded(q):
                return await _listed(connection, group, page)
            return await _found(connection, q.strip(), group, page)

    async def groups(self) -> Sequence[str]:
        async with reading(self._engine) as connection:
            return list((await connection.execute(_GROUPS)).scalars())


async def _listed(
    connection: AsyncConnection, group: str | None, page: str | None
) -> FoundArticles:
    name, sku = ("", "") if page is None else _place(page)
    values: dict[str, Any] = {"folded": name, "sku": sku, "rows_max": ARTICLES_PAGE + 1}
    if group is not None:
        values["grp"] = group
    found = await _articles(connection, _ALL if group is None else _OF_GROUP, values)
    rows = found[:ARTICLES_PAGE]
    if len(found) <= ARTICLES_PAGE:
        return FoundArticles(rows)
    return FoundArticles(rows, _cursor([folded(rows[-1].name), rows[-1].sku]))


async def _found(
    connection: AsyncConnection, q: str, group: str | None, page: str | None
) -> FoundArticles:
    start = 0 if page is None else _depth(page)
    wanted = min(start + ARTICLES_PAGE + 1, FOUND_MAX)
    found: dict[str, ArticleListed] = {}

    async def add(statement: Any, **values: Any) -> None:
        if len(found) < wanted:
            values = {**values, "grp": group}
            for each in await _articles(connection, statement, values):
                found.setdefault(each.sku, each)

    digits = q.isascii() and q.isdigit() and len(q) in _CODE_DIGITS
    first = folded(q)
    words = first.split()[:WORDS_MAX]
    if " " not in q:
        code = code_of(q) if digits else ""
        await add(_KNOWN, q=q, q_end=q + _END, code=code, rows_max=wanted)
    if digits and found:
        return FoundArticles(list(found.values()))
    await add(_BY_NAME, first=first, last=first + _END, rows_max=wanted)
    await add(_BY_WORDS, query=" & ".join(f"'{word}':*" for word in words), rows_max=wanted)
    rows = list(found.values())[start : start + ARTICLES_PAGE]
    more = len(found) > start + ARTICLES_PAGE and start + ARTICLES_PAGE < FOUND_MAX
    return FoundArticles(rows, _cursor([start + ARTICLES_PAGE]) if more else None)


async def _articles(
    connection: AsyncConnection, statement: Any, values: dict[str, Any]
) -> list[ArticleListed]:
    documents = (await connection.execute(statement, values)).scalars().all()
    return [ArticleListed.model_validate_json(each) for each in documents]


def _cursor(place: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _place(page: str) -> tuple[str, str]:
    match _decoded(page):
        case [str(name), str(sku)] if "\x00" not in name + sku:
            return name, sku
    raise CursorInvalid


def _depth(page: str) -> int:
    match _decoded(page):
        case [int(start)] if 0 <= start < FOUND_MAX:
            return start
    raise CursorInvalid


def _decoded(page: str) -> object:
    try:
        found: object = json.loads(base64.urlsafe_b64decode(page + "=" * (-len(page) % 4)))
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as fault:
        raise CursorInvalid from fault
    return found
