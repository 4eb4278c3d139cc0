"""What a device needs away from any sale, over the memory store, with a clock that is moved."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import Event, Transient
from events.testing.scenario import Scenario
from fiscal_signer.adapters.memory import MemoryChip
from fiscal_signer.adapters.software_tses import SoftwareTses
from fiscal_signer.country.de import log_message
from fiscal_signer.decider import upkeep as rules
from fiscal_signer.decider.upkeep import UPKEEP, Notice, RecordCheck
from fiscal_signer.events import (
    SignatureMade,
    SignatureSurplus,
    TseChecked,
    TseWarned,
    TseWarningEnded,
    WarningName,
)
from fiscal_signer.handlers import Caretaker, NotNow, UpkeepSettings
from fiscal_signer.ports import DeleteExported, SelfTest, UpdateTime
from fiscal_signer.testing import NOON, Clock, World, paired, recorded
from fiscal_signer.testing.hardware import Hardware, HardwareTses

TSE = "tse-berlin"
DAY = timedelta(days=1)
EXACT = UpkeepSettings(jitter=timedelta(), settle=timedelta())

# -- what is warned of -------------------------------------------------------------------------

upkeep = Scenario(UPKEEP)


def look(now: datetime = NOON, **noticed: Notice) -> RecordCheck:
    found: dict[Any, Notice] = dict(noticed)
    return RecordCheck(TSE, "berlin", now, found)


def warned(stage: int, *, since: datetime = NOON, detail: str = "") -> TseWarned:
    return TseWarned(
        tse_id=TSE, store_id="berlin", warning="storage_fills", stage=stage, detail=detail,
        since=since,
    )  # fmt: skip


def over(warning: WarningName = "storage_fills") -> TseWarningEnded:
    return TseWarningEnded(tse_id=TSE, store_id="berlin", warning=warning, ended_at=NOON)


def test_a_warning_is_said_when_it_begins() -> None:
    upkeep.given().when(look(storage_fills=Notice(1))).then(warned(1))


def test_a_warning_is_not_repeated() -> None:
    upkeep.given(warned(1)).when(look(storage_fills=Notice(1))).then_nothing()


def test_a_higher_stage_is_said_and_keeps_the_begin() -> None:
    later = NOON + DAY
    upkeep.given(warned(1)).when(look(later, storage_fills=Notice(3))).then(warned(3, since=NOON))


def test_a_lower_stage_changes_nothing() -> None:
    upkeep.given(warned(3)).when(look(storage_fills=Notice(2))).then_nothing()


def test_a_warning_ends_when_all_is_well() -> None:
    upkeep.given(warned(2)).when(look(storage_fills=rules.WELL)).then(over())


def test_what_was_not_looked_at_goes_on() -> None:
    upkeep.given(warned(2)).when(look(time_drifts=rules.WELL)).then_nothing()


def test_an_ended_warning_can_begin_again() -> None:
    upkeep.given(warned(2), over()).when(look(storage_fills=Notice(1))).then(warned(1))


@given(st.lists(st.integers(0, 3), max_size=20))
def test_a_warning_is_active_exactly_while_it_was_last_seen(stages: list[int]) -> None:
    state = UPKEEP.initial
    for stage in stages:
        for event in UPKEEP.decide(look(storage_fills=Notice(stage)), state):
            state = UPKEEP.evolve(state, event)
        assert ("storage_fills" in state.warnings) == (stage > 0)


@pytest.mark.parametrize(
    ("days", "stage"), [(91, 0), (90, 1), (31, 1), (30, 2), (8, 2), (7, 3), (-1, 3)]
)
def test_a_certificate_is_warned_of_90_30_and_7_days_before(days: int, stage: int) -> None:
    assert rules.of_certificate(NOON + days * DAY, NOON).stage == stage


@pytest.mark.parametrize(("made", "stage"), [(79, 0), (80, 1), (90, 2), (97, 3), (100, 3)])
def test_signatures_are_warned_of_before_they_run_out(made: int, stage: int) -> None:
    assert rules.of_signatures(made * 200_000, 20_000_000).stage == stage


@pytest.mark.parametrize(("seconds", "stage"), [(29, 0), (-30, 1), (30, 1), (120, 2), (-600, 3)])
def test_a_clock_may_be_off_by_less_than_half_a_minute(seconds: int, stage: int) -> None:
    assert rules.of_drift(timedelta(seconds=seconds)).stage == stage


# -- the software TSE ----------------------------------------------------------------------


def caretaker(world: World, settings: UpkeepSettings = EXACT, **parts: Any) -> Caretaker:
    return Caretaker(
        world.drivers[TSE],
        store_id="berlin",
        store=world.store,
        clock=world.clock,
        settings=settings,
        **parts,
    )


def operations(world: World) -> list[str]:
    return [one.operation for one in world.events(SignatureSurplus)]


def checks(events: Sequence[Event]) -> list[tuple[str, ...]]:
    return [one.done for one in events if isinstance(one, TseChecked)]


async def test_self_test_and_time_stand_in_the_devices_log_and_are_explained() -> None:
    world = World(("berlin",))
    await world.reactor.handle([paired(), recorded("b1")])
    world.clock.pass_by(3_600)
    (checked,) = await caretaker(world).tend()
    assert isinstance(checked, TseChecked)
    assert checked.done == ("self_test", "time")
    counter = world.storage.devices[TSE].signature_counter
    assert checked.signatures == counter
    surplus = world.events(SignatureSurplus)[-2:]
    assert [(one.reason, one.operation) for one in surplus] == [
        ("system", "selfTest"), ("system", "updateTime"),
    ]  # fmt: skip
    assert surplus[-1].signature_counter == counter
    log = log_message.parse(base64.b64decode(surplus[-1].log_message))
    unix = int(world.clock().timestamp())
    assert log.system_data == bytes.fromhex("8104") + unix.to_bytes(4, "big") + bytes.fromhex(
        "8204"
    ) + unix.to_bytes(4, "big")


async def test_chores_come_once_a_day() -> None:
    world = World(("berlin",))
    keeper = caretaker(world)
    for _ in range(60 * 72):
        world.clock.pass_by(60)
        await keeper.tend()
    assert operations(world).count("selfTest") in (3, 4)


async def test_no_chore_begins_while_bookings_wait() -> None:
    world = World(("berlin",))
    keeper = caretaker(world)
    driver = world.drivers[TSE]
    driver._sales = 1
    world.clock.pass_by(40 * 3_600)
    assert await keeper.tend() == ()
    with pytest.raises(NotNow):
        await driver.errand(lambda device: device.info())
    driver._sales = 0
    assert checks(await keeper.tend()) == [("self_test", "time")]


async def test_after_a_booking_a_chore_waits_for_quiet_and_25_hours_hold_all_the_same() -> None:
    world = World(("berlin",))
    keeper = caretaker(world)
    await keeper.tend()
    tested = [world.clock()]
    soon = timedelta(minutes=1)
    for number in range(12 * 26):
        world.clock.pass_by(300)
        by = world.clock() + soon
        await world.reactor.handle([recorded(f"b{number}", sign_by=by)])
        if checks(await keeper.tend()):
            tested.append(world.clock())
    assert len(tested) == 2
    assert tested[1] - tested[0] > timedelta(hours=24)
    assert tested[1] - tested[0] < timedelta(hours=25)


async def test_another_process_goes_on_from_what_was_done() -> None:
    world = World(("berlin",))
    await caretaker(world).tend()
    world.clock.pass_by(12 * 3_600)
    world.restart("second")
    assert await caretaker(world).tend() == ()


async def test_a_process_that_drove_the_device_a_moment_ago_keeps_it() -> None:
    world = World(("berlin",))
    await world.reactor.handle([recorded("b1")])
    world.clock.pass_by(world.settings.lease_s + 1)
    world.process("second")
    with pytest.raises(Transient):
        await caretaker(world).tend()
    world.clock.pass_by(world.settings.idle_s)
    assert checks(await caretaker(world).tend())


async def test_devices_do_not_all_come_at_once() -> None:
    world = World(("berlin", "koeln"))
    settings = UpkeepSettings()
    first = {}
    for tse_id in world.drivers:
        keeper = Caretaker(
            world.drivers[tse_id], store_id="x", store=world.store, clock=world.clock,
            settings=settings,
        )  # fmt: skip
        first[tse_id] = keeper._not_before
    assert len(set(first.values())) == 2
    assert all(settings.settle <= at - NOON <= 2 * settings.settle for at in first.values())


async def test_a_certificate_that_ends_is_warned_of_in_time() -> None:
    world = World(("berlin",))
    keeper = caretaker(world)
    said = []
    for days in (0, 8 * 365 - 91, 1, 60, 23, 7):
        world.clock.pass_by(days * 86_400)
        said += [one for one in await keeper.tend() if isinstance(one, TseWarned)]
    assert [(one.warning, one.stage) for one in said] == [
        ("certificate_expires", 1), ("certificate_expires", 2), ("certificate_expires", 3),
    ]  # fmt: skip
    assert {one.until for one in said} == {NOON + 8 * 365 * DAY}


async def test_what_a_crash_left_of_a_chore_is_explained_by_the_next_process() -> None:
    world = World(("berlin",))
    await world.reactor.handle([recorded("b1")])
    device = await world.tses.open(TSE)
    await device.tend(SelfTest())  # and the process dies
    world.restart("second")
    await world.reactor.handle([recorded("b2")])
    assert operations(world) == ["initialize", "selfTest"]
    assert len(world.events(SignatureMade)) == 2


# -- a device as hardware ones are -----------------------------------------------------------


def hardware() -> tuple[World, Hardware]:
    clock = Clock()
    state = Hardware(clock)
    world = World(("berlin",), clock=clock)
    inner = SoftwareTses(
        world.storage, MemoryChip(), curves={TSE: "P-256"}, sealing_key=bytes(32),
        nonce=lambda: bytes(12), clock=clock,
    )  # fmt: skip
    world = World(("berlin",), clock=clock, devices=HardwareTses(inner, state))
    return world, state


async def test_a_device_gets_its_self_test_before_it_refuses_to_sign() -> None:
    world, _ = hardware()
    keeper = caretaker(world)
    await keeper.tend()
    for hour in range(1, 60):
        world.clock.pass_by(3_600)
        await keeper.tend()
        by = world.clock() + timedelta(minutes=1)
        await world.reactor.handle([recorded(f"b{hour}", sign_by=by)])
    assert len(world.events(SignatureMade)) == 59


async def test_a_clock_that_drifts_is_set_every_half_hour_without_an_entry_of_its_own() -> None:
    world, state = hardware()
    keeper = caretaker(world)
    for _ in range(60 * 4):
        world.clock.pass_by(60)
        await keeper.tend()
    assert sum(isinstance(one, UpdateTime) for one in state.chores) == 8
    assert len(world.events(TseChecked)) == 1
    assert operations(world).count("updateTime") == 8


async def test_a_self_test_that_fails_is_a_warning_until_one_passes() -> None:
    world, state = hardware()
    keeper = caretaker(world)
    state.self_test_fails = True
    first = await keeper.tend()
    world.clock.pass_by(600)
    state.self_test_fails = False
    second = await keeper.tend()
    assert [type(one) for one in first] == [TseChecked, TseWarned]
    assert [type(one) for one in second] == [TseChecked, TseWarningEnded]


async def test_a_worn_out_key_is_warned_of() -> None:
    world, state = hardware()
    state.signatures_max = 3
    said = [one for one in await caretaker(world).tend() if isinstance(one, TseWarned)]
    # It has made three: initialize, self-test, time.
    assert [(one.warning, one.stage) for one in said] == [("signatures_run_out", 3)]


async def test_before_it_is_full_a_device_forgets_what_the_log_holds() -> None:
    world, state = hardware()
    state.storage_max = 2_100  # Three messages of 500 bytes are more than 70 per cent of it.
    (checked, *_) = await caretaker(world).tend()
    assert isinstance(checked, TseChecked)
    assert checked.done == ("self_test", "time", "delete")
    assert DeleteExported(3) in state.chores
    assert state.deleted_up_to == max(
        one.signature_counter for one in world.events(SignatureSurplus)
    )
    assert world.events(TseWarned) == []


async def test_nothing_is_deleted_that_stands_in_the_device_alone() -> None:
    world, state = hardware()
    state.storage_max = 2_100

    async def unread() -> datetime:
        return world.clock()

    said = await caretaker(world, unread=unread).tend()
    assert state.deleted_up_to == 0
    assert [one.warning for one in said if isinstance(one, TseWarned)] == ["storage_fills"]


async def test_a_booking_that_comes_during_a_self_test_is_signed_after_it() -> None:
    world, state = hardware()
    coming: list[asyncio.Task[None]] = []

    def sale() -> None:
        coming.append(asyncio.create_task(world.reactor.handle([recorded("b1")])))

    state.self_test = sale
    await caretaker(world).tend()
    await coming[0]
    assert [one.booking_id for one in world.events(SignatureMade)] == ["b1"]
    counters = [one.signature_counter for one in world.events(SignatureMade, SignatureSurplus)]
    assert counters == sorted(counters)
