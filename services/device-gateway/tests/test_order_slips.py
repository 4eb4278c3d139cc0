"""An order goes to the kitchen at once, and is not forgotten there when the gateway dies."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from device_gateway.decider.booking import BOOKING
from device_gateway.decider.booking_state import papers_of
from device_gateway.events import BookingOrdered, ReceiptQueued
from device_gateway.handlers.paper import KITCHEN_MAX_AGE, queue_papers
from events import fold

GOLDEN = Path(__file__).parent / "golden" / "booking.ordered.v1.json"


def ordered(**said: Any) -> BookingOrdered:
    document = json.loads(GOLDEN.read_text("utf-8"))["minimal"]
    return BookingOrdered.model_validate({**document, "kitchen": True, **said})


def test_a_kitchens_slip_is_due_before_the_order_is_signed() -> None:
    assert fold(BOOKING, [ordered()]).print_due == ("order_slip",)


def test_an_order_that_no_kitchen_prints_has_no_paper() -> None:
    assert papers_of(ordered(kitchen=False)) == ()


def test_what_was_queued_is_not_due_again() -> None:
    queued = ReceiptQueued(
        booking_id=ordered().booking_id, store_id="berlin", till_id="till-1", job_id="j",
        document="order_slip", queued_at=datetime(2026, 11, 20, 10, 0, tzinfo=UTC),
    )  # fmt: skip
    assert fold(BOOKING, [ordered(), queued]).print_due == ()


@pytest.mark.parametrize(("age", "slips"), [(0.5, 1), (2.0, 0)])
async def test_a_slip_that_was_left_behind_is_printed_while_somebody_still_cooks(
    rig: Any, age: float, slips: int
) -> None:
    late = rig.gateway.clock() - KITCHEN_MAX_AGE * age
    booking = fold(BOOKING, [ordered(recorded_at=late)])
    await queue_papers(rig.gateway, booking)
    await queue_papers(rig.gateway, booking)
    assert len(rig.desk.order_slips) == slips
