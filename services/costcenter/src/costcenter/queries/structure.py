"""Lists of companies, groups, centers and cards, from the read model. Pages go on where the one
before ended, whatever changed meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from costcenter.projections.structure import StructureBook
from events.store.connection import faults, reading
from events.subscription import wait_until

WAIT_S = 1.0
"""Then the answer is given from what is there, and says so (`complete: false`)."""

CenterState = Literal[
    "usable", "incomplete", "blocked", "closed", "company_closed", "not_yet", "over"
]
"""`incomplete`: no card that could charge it (C08): none at all, or none whose group pays by cost
center."""

CardState = Literal["usable", "blocked", "ended", "not_yet", "over"]

Row = Mapping[str, Any]

_CENTER_STATE = """
    CASE WHEN c.closed THEN 'closed'
         WHEN coalesce(o.closed, false) THEN 'company_closed'
         WHEN c.blocked IS NOT NULL THEN 'blocked'
         WHEN c.valid_from > :today THEN 'not_yet'
         WHEN c.valid_until < :today THEN 'over'
         WHEN NOT EXISTS (
             SELECT FROM structure_card k JOIN structure_user_group u
                 ON u.main_group = k.main_group AND u.number = k.user_group
             WHERE k.center_id = c.center_id AND NOT k.ended AND u.mode = 'cost_center'
         ) THEN 'incomplete'
         ELSE 'usable' END
"""

_CARD_STATE = """
    CASE WHEN k.ended THEN 'ended'
         WHEN k.blocked IS NOT NULL THEN 'blocked'
         WHEN k.valid_from > :today THEN 'not_yet'
         WHEN k.valid_until < :today THEN 'over'
         ELSE 'usable' END
"""

_COMPANIES = "SELECT company_id AS after, * FROM structure_company WHERE company_id > :after"

_GROUPS = """
    SELECT main_group AS after, main_group, name, company_id,
        coalesce((SELECT json_agg(json_build_object('number', u.number, 'name', u.name,
                                                    'mode', u.mode) ORDER BY u.number)
                  FROM structure_user_group u WHERE u.main_group = g.main_group), '[]') AS groups
    FROM structure_main_group g WHERE main_group > CAST(:after AS integer)
"""

_CENTERS = f"""
    SELECT c.number AS after, c.*, o.name AS company_name, {_CENTER_STATE} AS state,
        (SELECT count(*) FROM structure_card k WHERE k.center_id = c.center_id) AS cards
    FROM structure_center c LEFT JOIN structure_company o ON o.company_id = c.company_id
    WHERE c.number > :after
      AND (CAST(:company_id AS text) IS NULL OR c.company_id = :company_id)
"""  # noqa: S608 (our own texts)

_CENTER = f"""
    SELECT c.*, o.name AS company_name, {_CENTER_STATE} AS state,
        (SELECT count(*) FROM structure_card k WHERE k.center_id = c.center_id) AS cards
    FROM structure_center c LEFT JOIN structure_company o ON o.company_id = c.company_id
    WHERE c.center_id = :center_id
"""  # noqa: S608 (our own texts)

_CARDS = f"""
    SELECT k.number AS after, k.*, c.number AS center_number, {_CARD_STATE} AS state
    FROM structure_card k LEFT JOIN structure_center c ON c.center_id = k.center_id
    WHERE k.number > :after
      AND (CAST(:center_id AS text) IS NULL OR k.center_id = :center_id)
      AND (CAST(:main_group AS integer) IS NULL OR k.main_group = :main_group)
      AND (CAST(:user_group AS integer) IS NULL OR k.user_group = :user_group)
      AND (CAST(:ended AS boolean) IS NULL OR k.ended = :ended)
"""  # noqa: S608 (our own texts)

_LIMITS = """
    SELECT limit_id AS after, document, set_at FROM structure_limit
    WHERE limit_id > :after AND (CAST(:level AS text) IS NULL OR level = :level)
      AND (CAST(:scope_id AS text) IS NULL OR scope_id = :scope_id)
"""


@dataclass(frozen=True, slots=True)
class Page:
    rows: Sequence[Row]
    next: str | None
    """Go on after it; None: this is the last page."""
    complete: bool


class StructureQueries:
    def __init__(self, engine: AsyncEngine, *, schema: str) -> None:
        self._engine = engine
        self._schema = schema

    async def companies(self, *, after: str, limit: int, position: int) -> Page:
        """Companies by id."""
        return await self._page(_COMPANIES, {"after": after}, limit, position)

    async def groups(self, *, after: str, limit: int, position: int) -> Page:
        """Main groups by number, with their user groups."""
        return await self._page(_GROUPS, {"after": int(after or 0)}, limit, position)

    async def centers(
        self, *, company_id: str | None, today: date, after: str, limit: int, position: int
    ) -> Page:
        """Centers by number, with state and number of cards."""
        wanted = {"company_id": company_id, "today": today, "after": after}
        return await self._page(_CENTERS, wanted, limit, position)

    async def center(self, center_id: str, *, today: date, position: int) -> Row | None:
        """One center as `centers` has it."""
        await self.reached(position)
        async with faults(), reading(self._engine) as connection:
            wanted = {"center_id": center_id, "today": today}
            found = (await connection.execute(text(_CENTER), wanted)).mappings().one_or_none()
        return None if found is None else dict(found)

    async def cards(
        self,
        *,
        center_id: str | None = None,
        main_group: int | None = None,
        user_group: int | None = None,
        ended: bool | None = None,
        today: date,
        after: str,
        limit: int,
        position: int,
    ) -> Page:
        """Cards by number. `ended`: only those that are, or are not."""
        wanted = {
            "center_id": center_id,
            "main_group": main_group,
            "user_group": user_group,
            "ended": ended,
            "today": today,
            "after": after,
        }
        return await self._page(_CARDS, wanted, limit, position)

    async def limits(
        self, *, level: str | None, scope_id: str | None, after: str, limit: int, position: int
    ) -> Page:
        """Limits in force, by id."""
        wanted = {"level": level, "scope_id": scope_id, "after": after}
        return await self._page(_LIMITS, wanted, limit, position)

    async def reached(self, position: int) -> bool:
        """Wait until the lists show `position`; False: they do not yet."""
        return position <= 0 or await wait_until(
            self._engine, self._schema, StructureBook(), position, WAIT_S
        )

    async def _page(self, query: str, wanted: dict[str, Any], limit: int, position: int) -> Page:
        complete = await self.reached(position)
        statement = text(f"{query} ORDER BY after LIMIT :rows_max")
        async with faults(), reading(self._engine) as connection:
            found = await connection.execute(statement, {**wanted, "rows_max": limit + 1})
            rows = [dict(row) for row in found.mappings()]
        more = len(rows) > limit
        return Page(rows[:limit], str(rows[limit - 1]["after"]) if more else None, complete)
