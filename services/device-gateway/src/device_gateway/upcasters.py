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


@upcaster("booking.recorded", from_version=3)
def booking_recorded_knows_its_shift(document: dict[str, Any]) -> dict[str, Any]:
    """v3 was always a sale, and there were no shifts."""
    return {**document, "shift": 0}


@upcaster("booking.aborted", from_version=1)
def booking_aborted_may_have_a_number(document: dict[str, Any]) -> dict[str, Any]:
    """v1 had none, and did not say what was entered."""
    return document


@upcaster("till.number_given", from_version=1)
def number_given_knows_its_shift(document: dict[str, Any]) -> dict[str, Any]:
    """v1 went to sales alone, and there were no shifts to add anything to."""
    return {**document, "shift": 0, "kind": "sale"}


UPCASTERS = (
    booking_recorded_knows_more_kinds,
    booking_recorded_knows_more_payments,
    booking_recorded_knows_its_shift,
    booking_aborted_may_have_a_number,
    number_given_knows_its_shift,
)
