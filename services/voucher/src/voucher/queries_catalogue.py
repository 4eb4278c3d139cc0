"""Templates in a row, from the read model."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events import fold
from events.store.connection import faults, reading
from events.subscription import wait_until
from voucher.decider.catalogue import TEMPLATE, Template
from voucher.events import TemplateDefined
from voucher.projections_catalogue import CatalogueBook

WAIT_S = 1.0
"""Then the answer is given from what is there, and says so (`complete: false`)."""

_TEMPLATES = text(
    """
    SELECT template_id, document FROM voucher_template
    WHERE template_id > :after AND (active OR :withdrawn)
      AND (CAST(:store AS text) IS NULL OR stores = '{}' OR :store = ANY(stores))
    ORDER BY template_id LIMIT :rows_max
    """
)


@dataclass(frozen=True, slots=True)
class TemplatePage:
    templates: tuple[Template, ...]
    next: str | None
    complete: bool


class CatalogueQueries:
    def __init__(self, engine: AsyncEngine, *, schema: str) -> None:
        self._engine = engine
        self._schema = schema

    async def templates(
        self, *, store: str | None, withdrawn: bool, after: str, limit: int, position: int
    ) -> TemplatePage:
        """Templates by id, after `after`. `store`: those that are not kept from it."""
        complete = position <= 0 or await wait_until(
            self._engine, self._schema, CatalogueBook(), position, WAIT_S
        )
        wanted = {"after": after, "withdrawn": withdrawn, "store": store, "rows_max": limit + 1}
        async with faults(), reading(self._engine) as connection:
            rows = (await connection.execute(_TEMPLATES, wanted)).all()
        found = [_template(row.document) for row in rows[:limit]]
        more = len(rows) > limit
        return TemplatePage(
            templates=tuple(found),
            next=found[-1].template_id if more else None,
            complete=complete,
        )


def _template(document: str) -> Template:
    defined = TemplateDefined.model_validate(json.loads(document))
    template = fold(TEMPLATE, [defined])
    assert template is not None  # One definition makes a template.
    return template
