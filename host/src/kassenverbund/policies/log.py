"""Since when a store has been working as it does: from the recorded declarations."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from events import EventStore

DECLARED = "master_data.changed"

_FACTS: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    "legal_entity": lambda said: said.get("legal_entity"),
    "address": lambda said: said.get("address"),
    "time_zone": lambda said: said.get("time_zone"),
    "country": lambda said: said.get("country"),
    "tses": lambda said: said.get("tses"),
    "vat": lambda said: said.get("vat"),
    "means_of_payment": lambda said: said.get("means_of_payment"),
    "cost_centers": lambda said: said.get("cost_centers"),
    "fiscal_choices": lambda said: said.get("fiscal_choices"),
}
"""What of a declaration makes a fact of the annex. Others are not in the declarations."""


async def since_when(store: EventStore, store_ids: Iterable[str]) -> dict[tuple[str, str], date]:
    """(store, fact) → the day of the declaration since which it has not changed."""
    found: dict[tuple[str, str], date] = {}
    for store_id in store_ids:
        said = [
            json.loads(one.data)
            for one in await store.load(f"store-{store_id}")
            if one.name == DECLARED
        ]
        for fact, value_of in _FACTS.items():
            day = _unchanged_since(said, value_of)
            if day is not None:
                found[store_id, fact] = day
    return found


def _unchanged_since(
    said: list[dict[str, Any]], value_of: Callable[[Mapping[str, Any]], object]
) -> date | None:
    """In the store's time zone; None: nothing was ever declared."""
    since = None
    for one in reversed(said):
        if value_of(one) != value_of(said[-1]):
            break
        at = datetime.fromisoformat(one["changed_at"])
        since = at.astimezone(ZoneInfo(one["time_zone"])).date()
    return since
