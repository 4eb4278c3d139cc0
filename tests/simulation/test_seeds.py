"""Days in a chain, each drawn from one seed: three stores, six tills, and whatever can break.

`SEED=17` plays one of them again, `SEEDS=20000` plays a night of them (from `FIRST` on).
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from device_gateway.events import BookingRecorded, PaymentHeld
from tests.simulation.faults import POINTS
from tests.simulation.script import play
from tests.simulation.virtual_time import quietly
from tests.simulation.world import World

pytestmark = pytest.mark.proof

FIRST = int(os.environ.get("FIRST") or 0)
SEEDS = int(os.environ.get("SEEDS") or 100)
GROUP = 20
"""How many seeds one test plays, so that several workers share them."""

SECONDS_PER_GROUP = 600

KINDS_SEEDS = 20
"""Days on which vouchers of all kinds are sold, and several pay together."""


def seeds() -> list[range]:
    if one := os.environ.get("SEED"):
        return [range(int(one), int(one) + 1)]
    return [
        range(first, min(first + GROUP, FIRST + SEEDS))
        for first in range(FIRST, FIRST + SEEDS, GROUP)
    ]


@pytest.mark.timeout(SECONDS_PER_GROUP)
@pytest.mark.parametrize("group", seeds(), ids=lambda group: f"{group.start}-{group.stop - 1}")
def test_whatever_breaks_every_booking_ends_once_and_every_cent_is_accounted_for(
    group: range,
) -> None:
    for seed in group:
        try:
            with quietly():
                play(seed)
        except Exception as fault:
            fault.add_note(f"make simulate SEED={seed} plays it again")
            raise


@pytest.mark.timeout(SECONDS_PER_GROUP)
def test_with_vouchers_of_all_kinds_every_cent_is_accounted_for() -> None:
    happened = Counter[str]()
    for seed in range(FIRST, FIRST + KINDS_SEEDS):
        try:
            with quietly():
                world = play(seed, all_kinds=True)
        except Exception as fault:
            fault.add_note(f"of all kinds: seed {seed}")
            raise
        happened.update(
            "together" if entry.event.request_id else "alone"
            for entry in world.ground.logs["device-gateway"].log
            if isinstance(entry.event, PaymentHeld)
        )
        happened.update(
            paid.case or ""
            for entry in world.ground.logs["device-gateway"].log
            if isinstance(entry.event, BookingRecorded)
            for paid in entry.event.payments
        )
    assert {"together", "EinzweckgutscheinEinloesung"} <= happened.keys()


def history(world: World) -> list[tuple[str, int, str, str]]:
    """What happened, without what a signature draws by itself."""
    return [
        (log.service, entry.position, entry.name, f"{entry.stream} {entry.recorded_at}")
        for log in world.ground.logs.values()
        for entry in log.log
    ]


def test_a_seed_plays_the_same_day_again() -> None:
    assert history(play(5)) == history(play(5))


def test_two_seeds_play_two_days() -> None:
    assert history(play(5)) != history(play(6))


def test_the_days_are_full_of_trouble_and_of_trade() -> None:
    """A simulation in which nothing happens proves nothing."""
    happened, struck = Counter[str](), Counter[str]()
    for seed in range(30):
        with quietly():
            world = play(seed)
        happened.update(entry.name for log in world.ground.logs.values() for entry in log.log)
        struck.update(point for point, _ in world.faults.struck)
    wanted = {
        "booking.recorded", "booking.aborted", "payment.held", "payment.refused",
        "voucher.activated", "voucher.cancelled", "voucher.redeemed", "voucher.hold_released",
        "signature.made", "signature.left_unsigned", "outage.began", "outage.ended",
        "booking.verdict_overdue", "receipt.printed", "till.opened", "till.closed", "cash.moved",
        "training.recorded", "booking.ordered", "closing.signed", "signature.abandoned",
    }  # fmt: skip
    assert wanted <= happened.keys()
    assert struck.keys() == POINTS.keys()
