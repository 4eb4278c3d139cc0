"""Older shapes of this service's facts, lifted when they are read."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from events import upcaster


@upcaster("voucher.issued", from_version=1)
def voucher_issued_has_terms(document: dict[str, Any]) -> dict[str, Any]:
    """v1 knew one kind: bought at a till for its face value, multi-purpose."""
    lifted = dict(document)
    lifted.pop("kind", None)
    issued = datetime.fromisoformat(document["issued_at"])
    lifted["opened"] = issued.astimezone(ZoneInfo(document["time_zone"])).date().isoformat()
    lifted["consideration"] = document["value"]
    return lifted


UPCASTERS = (voucher_issued_has_terms,)
