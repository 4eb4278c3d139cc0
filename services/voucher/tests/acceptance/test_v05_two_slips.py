"""V05, the vouchers' half: two vouchers of one sale are two slips on the voucher printer. Where it
does not answer, the sale is complete all the same, and each code waits for its own print."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from voucher.decider import CodeGone
from voucher.decider.state import Status

if TYPE_CHECKING:
    from services.voucher.tests.conftest import World


async def test_v05_each_slip_waits_for_its_own_print_and_the_sale_does_not(
    world: World, recorded: Callable[..., Any]
) -> None:
    first = await world.prepare("v1", "25.00", booking_id="B1")
    second = await world.prepare("v2", "25.00", booking_id="B1")
    assert first.code != second.code
    await world.hear(recorded("B1", sells=[("v1", "25.00"), ("v2", "25.00")]))
    assert [(await world.issued(voucher)).status for voucher in ("v1", "v2")] == [
        Status.ACTIVE,
        Status.ACTIVE,
    ]

    await world.vouchers.delivered("v1")
    world.clock.advance(hours=48)  # The printer was out over the week-end.
    again = await world.prepare("v2", "25.00", booking_id="B1")
    assert again.code == second.code
    with pytest.raises(CodeGone):
        await world.prepare("v1", "25.00", booking_id="B1")
