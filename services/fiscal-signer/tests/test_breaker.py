"""A device that is out: when it is tried again, and that no sale waits for it meanwhile."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from fiscal_signer.events import (
    LeftUnsigned,
    OutageBegan,
    OutageEnded,
    SignatureMade,
    TseWarned,
    TseWarningEnded,
)
from fiscal_signer.handlers import Breaker, Settings
from fiscal_signer.testing import NOON, Clock, World, recorded
from fiscal_signer.testing.watching import watch_over

TSE = "tse-berlin"
SETTINGS = Settings(pause_s=0.0)


def tries(breaker: Breaker, clock: Clock, seconds: int, *, outage: str = "o1") -> list[int]:
    """When a device that never answers is tried, in seconds."""
    found = []
    for second in range(seconds):
        if breaker.due(outage, clock()):
            found.append(second)
            breaker.tried(well=False, now=clock())
        clock.pass_by(1)
    return found


def test_pauses_between_probes_double_up_to_the_longest_one() -> None:
    assert tries(Breaker(SETTINGS), Clock(), 300) == [5, 15, 35, 75, 135, 195, 255]


def test_pauses_of_different_devices_differ_a_little() -> None:
    assert tries(Breaker(SETTINGS, share=1.0), Clock(), 100) == [6, 18, 42, 90]


def test_one_answer_ends_a_first_outage() -> None:
    breaker = Breaker(SETTINGS)
    breaker.due("o1", NOON)
    assert breaker.closing


def test_a_device_that_flaps_has_to_answer_more_often_and_is_tried_later() -> None:
    breaker, clock = Breaker(SETTINGS), Clock()
    answers = []
    for number in range(5):
        breaker.due(f"o{number}", clock())
        needed = 1
        while not breaker.closing:
            breaker.tried(well=True, now=clock())
            needed += 1
        answers.append(needed)
        breaker.ended(clock())
        clock.pass_by(10)
    assert answers == [1, 2, 3, 3, 3]


def test_a_device_that_was_steady_for_a_while_begins_anew() -> None:
    breaker, clock = Breaker(SETTINGS), Clock()
    breaker.due("o1", clock())
    breaker.ended(clock())
    clock.pass_by(SETTINGS.steady_s)
    assert tries(breaker, clock, 20, outage="o2") == [5, 15]


# -- the loop ------------------------------------------------------------------------------


async def sell(world: World, number: int) -> str:
    by = world.clock() + timedelta(seconds=30)
    await world.reactor.handle([recorded(f"b{number}", sign_by=by)])
    last = world.events(SignatureMade, LeftUnsigned)[-1]
    return "signed" if isinstance(last, SignatureMade) else str(last.reason)


async def test_an_outage_ends_by_itself_and_is_warned_of_while_it_lasts() -> None:
    world = World(("berlin",), settings=SETTINGS)
    watch = watch_over(world)
    world.faults.away = True
    assert await sell(world, 1) == "outage"
    for _ in range(180):
        world.clock.pass_by(1)
        await watch.round(wait=True)
    assert [one.warning for one in world.events(TseWarned)] == ["outage"]
    world.faults.away = False
    for _ in range(61):
        world.clock.pass_by(1)
        await watch.round(wait=True)
    assert len(world.events(OutageEnded)) == 1
    assert await sell(world, 2) == "signed"


async def test_a_device_that_goes_out_right_after_its_introduction_is_probed_soon() -> None:
    world = World(("berlin",), settings=SETTINGS)
    watch = watch_over(world)
    await watch.round(wait=True)
    world.faults.away = True
    assert await sell(world, 1) == "outage"
    world.faults.away = False
    for _ in range(20):
        await watch.round(wait=True)
        world.clock.pass_by(1)
    assert len(world.events(OutageEnded)) == 1


async def test_time_that_passes_between_two_looks_at_the_clock_keeps_nobody_from_a_probe() -> None:
    world = World(("berlin",), settings=SETTINGS)

    def ticking() -> datetime:
        world.clock.pass_by(0.000001)
        return world.clock()

    watch = watch_over(world, clock=ticking)
    world.faults.away = True
    assert await sell(world, 1) == "outage"
    world.faults.away = False
    for _ in range(20):
        await watch.round(wait=True)
        world.clock.pass_by(1)
    assert len(world.events(OutageEnded)) == 1


async def test_a_device_that_never_answered_is_warned_of_before_its_first_sale() -> None:
    world = World(("berlin",), settings=SETTINGS)
    watch = watch_over(world)
    world.faults.away = True
    for _ in range(200):
        await watch.round(wait=True)
        world.clock.pass_by(1)
    assert [(one.warning, one.detail) for one in world.events(TseWarned)] == [
        ("outage", "unreachable")
    ]
    world.faults.away = False
    for _ in range(60):
        await watch.round(wait=True)
        world.clock.pass_by(1)
    assert [one.warning for one in world.events(TseWarningEnded)] == ["outage"]
    assert world.events(OutageBegan) == []


async def test_no_sale_waits_for_a_device_that_is_known_to_be_out() -> None:
    world = World(("berlin",), settings=SETTINGS)
    world.faults.away = True
    await sell(world, 1)
    world.faults.away = False
    world.faults.hang = asyncio.Event()
    probe = asyncio.create_task(world.drivers[TSE].probe())
    await world.faults.hanging.wait()
    assert await asyncio.wait_for(sell(world, 2), 5) == "outage"
    world.faults.hang.set()
    assert await probe


async def test_a_restart_in_an_outage_asks_no_device_before_a_sale() -> None:
    world = World(("berlin",), settings=SETTINGS)
    world.faults.away = True
    await sell(world, 1)
    world.faults.calls = 0
    world.restart("second")
    assert await sell(world, 2) == "outage"
    assert world.faults.calls == 0


async def test_two_processes_do_not_probe_at_once() -> None:
    world = World(("berlin",), settings=Settings(pause_s=0.0, idle_s=0.0))
    world.faults.away = True
    await sell(world, 1)
    first = world.drivers[TSE]
    world.faults.away = False
    world.faults.hang = asyncio.Event()
    probe = asyncio.create_task(first.probe())
    await world.faults.hanging.wait()
    # The first one's lease ends while its call hangs; the second one leads, and leaves it alone.
    world.clock.pass_by(world.settings.lease_s + 1)
    world.process("second")
    world.faults.calls = 0
    assert not await world.drivers[TSE].probe()
    assert world.faults.calls == 0
    probe.cancel()


async def test_a_device_that_flaps_costs_few_sales_their_time() -> None:
    world = World(("berlin",), settings=SETTINGS)
    watch = watch_over(world)
    tried = 0
    for second in range(900):
        # Its reading side is well, and whatever it shall sign fails.
        world.faults.fail_before = 99
        before = world.faults.executed
        await sell(world, second)
        tried += world.faults.executed > before
        world.clock.pass_by(1)
        await watch.round(wait=True)
    # Of 900 sales in a quarter of an hour so many met the device; without the breaker all would.
    assert 3 <= tried <= 10
