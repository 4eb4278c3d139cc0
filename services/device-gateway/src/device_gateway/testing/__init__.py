"""Facts to begin a test with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from device_gateway.events import TillOpened
from money import euro


def opened(**other: Any) -> TillOpened:
    """The opening of a till's first shift, with an empty drawer."""
    said: dict[str, Any] = {
        "store_id": "berlin",
        "till_id": "t1",
        "till_name": "Kasse 1",
        "shift": 1,
        "opened_at": datetime(2026, 11, 20, 10, 0, tzinfo=UTC),
        "opened_by": "automatic",
        "float": euro("0.00"),
        "numbers": 0,
        "tse_id": "a",
        "client_id": "KV-berlin-1",
        "master_data": 1,
        "grand_total": euro("0.00"),
    }
    return TillOpened.model_validate({**said, **other})
