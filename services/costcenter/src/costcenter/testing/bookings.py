"""The gateway's bookings as they come over the bus."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from events.reaction import Incoming
from money import euro


def money(text: str) -> dict[str, Any]:
    return euro(text).model_dump()


def vat(text: str, key: str = "reduced", rate: int = 700, dsfinvk_key: int = 2) -> dict[str, Any]:
    return {"vat": key, "rate": rate, "dsfinvk_key": dsfinvk_key, "gross": money(text)}


def on_center(hold_id: str, amount: str, **other: Any) -> dict[str, Any]:
    """A payment on a cost center."""
    return {
        "payment_id": f"P-{hold_id}",
        "kind": "cost_center",
        "name": "Kostenstelle",
        "fiscal": "Keine",
        "case": "Forderungsentstehung",
        "hold_id": hold_id,
        "amount": money(amount),
        "parts": [vat(amount)],
        **other,
    }


def subsidy(hold_id: str, rule_id: str, amount: str, case: str = "ZuschussUnecht") -> Any:
    return {
        "payment_id": f"S-{hold_id}-{rule_id}",
        "kind": "subsidy",
        "name": "Zuschuss",
        "fiscal": "Keine",
        "hold_id": hold_id,
        "rule_id": rule_id,
        "amount": money(amount),
        "case": case,
        "parts": [vat(amount)],
    }


def reversal(hold_id: str, reversal_id: str, amount: str) -> dict[str, Any]:
    return {
        "line_id": f"R-{reversal_id}",
        "kind": "charge_reversal",
        "hold_id": hold_id,
        "reversal_id": reversal_id,
        "amount": money(amount),
        "vat": "reduced",
        "rate": 700,
        "dsfinvk_key": 2,
    }


def recorded(
    booking_id: str,
    *,
    payments: Sequence[dict[str, Any]] = (),
    lines: Sequence[dict[str, Any]] = (),
    at: datetime | None = None,
    day: date | None = None,
    store_id: str = "berlin",
    delivery: str = "1",
) -> Incoming:
    """booking.recorded as the gateway publishes it, with fields that nobody reads here."""
    at = at or datetime(2026, 10, 12, 10, 0, tzinfo=UTC)
    document = {
        "booking_id": booking_id,
        "store_id": store_id,
        "till_id": "t1",
        "till_name": "Kasse 1",
        "legal_entity_id": "kette",
        "number": 17,
        "recorded_at": at.isoformat(),
        "business_date": (day or at.date()).isoformat(),
        "lines": [
            {"line_id": "L0", "kind": "article", "name": "Menue", "amount": money("9.80")},
            *lines,
        ],
        "payments": [
            {"payment_id": "P0", "kind": "cash", "amount": money("1.00")},
            *payments,
        ],
    }
    return _incoming("booking.recorded", booking_id, document, at, delivery)


def aborted(booking_id: str, *, charges: Sequence[str], delivery: str = "1") -> Incoming:
    at = datetime(2026, 10, 12, 10, 0, tzinfo=UTC)
    document = {
        "booking_id": booking_id,
        "store_id": "berlin",
        "till_id": "t1",
        "aborted_at": at.isoformat(),
        "reason": "customer left",
        "hold_ids": [],
        "charge_ids": list(charges),
    }
    return _incoming("booking.aborted", booking_id, document, at, delivery)


def _incoming(
    name: str, booking_id: str, document: dict[str, Any], at: datetime, delivery: str
) -> Incoming:
    return Incoming(
        event_id=uuid5(NAMESPACE_URL, f"{name}/{booking_id}/{delivery}"),
        name=name,
        version=2,
        source="device-gateway",
        subject=f"booking-{booking_id}",
        sequence=3,
        time=at,
        key="berlin",
        data=json.dumps(document).encode(),
        headers={},
    )
