"""The checks find what they are there for: each world here has one broken part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from device_gateway.adapters.voucher_http import HttpVoucherService
from events import Ask, DomainError
from events.event import Recorded
from events.relay import CHECKPOINT, Relay
from tests.simulation.checks import Broken
from tests.simulation.processes import Breakable
from tests.simulation.script import play
from tests.simulation.virtual_time import quietly
from voucher.commands import CancelVoucher, ReleaseHold
from voucher.handlers import FromBookings, Vouchers

pytestmark = pytest.mark.proof

SEEDS_MAX = 60
"""The defect has to show within so many days."""

RARE_FROM = 145
"""A hold that runs out between payment and finish is rare: the days from here on hold one."""


class HastyRelay(Relay):
    """Moves its checkpoint before the bus has what it stands for."""

    async def _publish(self, position: int, page: list[Recorded]) -> int:
        await self._checkpoints.advance(CHECKPOINT, position, page[-1].position)
        return await super()._publish(position, page)


class TrustingClient(HttpVoucherService):
    """Believes that a hold lasts for ever."""

    async def confirm(self, hold_id: str) -> None:
        return


class ForgetfulVouchers(Vouchers):
    """Takes each question for a new one: a repeated hold holds again."""

    def __init__(self, *args: Any, **parts: Any) -> None:
        super().__init__(*args, **parts)
        self._asked = 0

    async def hold(self, ask: Ask, **asked: Any) -> Any:
        self._asked += 1
        done = await super().hold(ask, **asked)
        if done.repeated or not done.events:
            again = {**asked, "hold_id": f"{asked['hold_id']}-{self._asked}"}
            try:
                await super().hold(replace(ask, key=f"{ask.key}/{self._asked}"), **again)
            except DomainError:
                return done
        return done


class DeafVouchers(Vouchers):
    """Does not hear that a sale was given up."""

    async def execute(self, command: FromBookings, ask: Ask) -> None:
        if not isinstance(command, CancelVoucher | ReleaseHold):
            await super().execute(command, ask)


def first_fault(parts: Breakable) -> str:
    """What the checks say of the first day on which the broken part shows."""
    first = RARE_FROM if parts.voucher_client is TrustingClient else 0
    for seed in range(first, first + SEEDS_MAX):
        try:
            with quietly():
                play(seed, breakable=parts)
        except Broken as found:
            return str(found)
    return ""


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        (Breakable(relay=HastyRelay), ("a booking without a verdict", "verdicts and bookings")),
        (Breakable(acknowledges_first=True), ("a booking without a verdict", "verdicts and")),
        (Breakable(voucher_client=TrustingClient), ("an effect that a recorded booking",)),
        (Breakable(vouchers=ForgetfulVouchers), ("a payment holds twice",)),
        (Breakable(vouchers=DeafVouchers), ("a voucher that was never sold", "a hold that")),
    ],
    ids=lambda value: None,
)
@pytest.mark.timeout(300)
def test_a_broken_part_is_found(parts: Breakable, told: Sequence[str]) -> None:
    found = first_fault(parts)
    assert found.startswith(tuple(told)), found
