"""Older shapes of the gateway's facts, lifted when they are read."""

from __future__ import annotations

from typing import Any

from events import upcaster


@upcaster("booking.recorded", from_version=1)
def booking_recorded_knows_more_kinds(document: dict[str, Any]) -> dict[str, Any]:
    """v1 promised that a line is an article or a voucher; nothing else about it has changed."""
    return document


@upcaster("booking.recorded", from_version=2)
def booking_recorded_knows_more_payments(document: dict[str, Any]) -> dict[str, Any]:
    """v2 promised cash, card and voucher alone; nothing else about it has changed."""
    return document


UPCASTERS = (booking_recorded_knows_more_kinds, booking_recorded_knows_more_payments)
