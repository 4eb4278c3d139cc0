"""Folds the definitions of templates into a table, to list them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from events import Recorded
from events.projection import names_of
from voucher.events import TemplateDefined

_PUT = text(
    """
    INSERT INTO voucher_template (template_id, active, stores, document)
    VALUES (:template_id, :active, :stores, :document)
    ON CONFLICT (template_id) DO UPDATE
        SET active = excluded.active, stores = excluded.stores, document = excluded.document
    """
)


class CatalogueBook:
    """The newest definition of each template."""

    name = "catalogue"
    version = 1
    reads = names_of(TemplateDefined)

    async def apply(self, tx: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        for entry in recorded:
            event = entry.event
            if isinstance(event, TemplateDefined):
                await tx.execute(
                    _PUT,
                    {
                        "template_id": event.template_id,
                        "active": event.active,
                        "stores": list(event.terms.restrictions.stores),
                        "document": event.model_dump_json(),
                    },
                )
