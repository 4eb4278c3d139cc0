"""The gateway's bookings as they come over the bus."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from events.reaction import Incoming
from money import euro


def _incoming(name: str, booking_id: str, document: dict[str, Any], delivery: str) -> Incoming:
    return Incoming(
        event_id=uuid5(NAMESPACE_URL, f"{name}/{booking_id}/{delivery}"),
        name=name,
        version=1,
        source="device-gateway",
        subject=f"booking-{booking_id}",
        sequence=3,
        time=datetime(2026, 11, 22, 10, 0, tzinfo=UTC),
        key="berlin",
        data=json.dumps(document).encode(),
        headers={},
    )


def recorded(
    booking_id: str,
    *,
    sells: list[tuple[str, str]] | None = None,
    paid: list[tuple[str, str, str | None]] | None = None,
    lines: list[dict[str, Any]] | None = None,
    delivery: str = "1",
    at: datetime | None = None,
    store_id: str = "koeln",
) -> Incoming:
    """booking.recorded as the gateway publishes it, with fields that nobody reads here."""

    def money(text: str) -> dict[str, Any]:
        return euro(text).model_dump()

    document = {
        "booking_id": booking_id,
        "store_id": store_id,
        "till_id": "t2",
        "till_name": "Kasse 2",
        "legal_entity_id": "kette",
        "number": 17,
        "recorded_at": (at or datetime(2026, 11, 22, 10, 0, tzinfo=UTC)).isoformat(),
        "lines": [
            {"line_id": "L0", "kind": "article", "name": "Buch", "amount": money("9.99")},
            *(
                {"line_id": f"L{voucher_id}", "kind": "voucher_sale", "name": "Gutschein",
                 "amount": money(value), "voucher_id": voucher_id}
                for voucher_id, value in sells or []
            ),
            *(
                {"line_id": f"X{number}", "name": "Gutschein",
                 **{key: money(value) if key == "amount" else value
                    for key, value in line.items()}}
                for number, line in enumerate(lines or [])
            ),
        ],
        "payments": [
            {"payment_id": "P0", "kind": "cash", "amount": money("9.99")},
            *(
                {"payment_id": f"P{hold_id}", "kind": "voucher", "amount": money(amount),
                 "hold_id": hold_id, "voucher_id": voucher_id}
                for hold_id, amount, voucher_id in paid or []
            ),
        ],
    }  # fmt: skip
    return _incoming("booking.recorded", booking_id, document, delivery)


def aborted(
    booking_id: str,
    *,
    vouchers: list[str] | None = None,
    holds: list[str] | None = None,
    top_ups: list[str] | None = None,
    delivery: str = "1",
) -> Incoming:
    document = {
        "booking_id": booking_id,
        "store_id": "koeln",
        "till_id": "t2",
        "aborted_at": "2026-11-22T10:00:00.000000Z",
        "reason": "customer left",
        "hold_ids": holds or [],
        "voucher_ids": vouchers or [],
        "top_up_ids": top_ups or [],
    }
    return _incoming("booking.aborted", booking_id, document, delivery)
