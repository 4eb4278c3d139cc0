"""Whatever breaks, and wherever: each booking has one verdict, each counter one event."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from events import Transient
from events.reaction import Incoming
from fiscal_signer.country.de import log_message
from fiscal_signer.events import (
    ClientRegistered,
    ClosingSigned,
    LeftUnsigned,
    SignatureMade,
    SignatureStarted,
    SignatureSurplus,
    TransactionAbandoned,
)
from fiscal_signer.handlers import Settings
from fiscal_signer.testing import (
    NOON,
    Faults,
    Killed,
    World,
    aborted,
    closed,
    moved,
    ordered,
    recorded,
    started,
    trained,
)

FAULTS = (
    "none", "kill_before", "kill_after", "fail_before", "lose_answers", "half_done", "store_away",
    "store_loses_answer", "device_away", "device_back", "device_leaves", "own_counter", "restart",
    "slow", "probe",
)  # fmt: skip

# A booking's life at one till: begun, then recorded or given up; or recorded at once. Closings
# come whatever is open.
LIVES = st.sampled_from(
    ["start record", "start abort", "record", "start", "train", "order", "cash", "close"]
)
PLAN = st.lists(
    st.tuples(LIVES, st.sampled_from(FAULTS), st.booleans(), st.integers(1, 3)),
    min_size=1,
    max_size=12,
)
HOUR = timedelta(hours=1)


def records_of(number: int, life: str, short: bool) -> list[Incoming]:
    booking = f"b{number}"
    sign_by = NOON + (timedelta(seconds=15) if short else HOUR)
    events = {
        "start": started(booking),
        "record": recorded(booking, sign_by=sign_by),
        "abort": aborted(booking, sign_by=sign_by),
        "train": trained(booking, sign_by=sign_by),
        "order": ordered(booking, sign_by=sign_by),
        "cash": moved(booking, sign_by=sign_by),
        "close": closed(booking, z_number=number + 1, sign_by=sign_by),
    }
    return [events[part] for part in life.split()]


def strike(world: World, fault: str) -> None:
    match fault:
        case "kill_before" | "kill_after" | "half_done":
            setattr(world.faults, fault, 1)
        case "fail_before" | "lose_answers":
            setattr(world.faults, fault, 2)
        case "store_away":
            world.memory.fail_before = True
        case "store_loses_answer":
            world.memory.lose_answer = True
        case "device_away":
            world.faults.away = True
        case "device_back":
            world.faults.away = False
        case "device_leaves":
            world.faults.leave_after = 1
        case "own_counter":
            world.faults.own_counters = 1
        case "slow":
            world.clock.pass_by(20)


async def deliver(world: World, records: list[Incoming], epochs: list[int]) -> None:
    """At least once, like the receiver: again until it went through, by a new process after a
    death."""
    for _ in range(20):
        try:
            await world.reactor.handle(records)
            return
        except Transient:
            world.clock.pass_by(1)
        except Killed:
            epochs[0] += 1
            world.restart(f"process-{epochs[0]}")
    raise AssertionError("it never went through")


async def play(plan: list[tuple[str, str, bool, int]]) -> World:
    world = World(
        stores=("berlin",),
        settings=Settings(pause_s=0.0, tries_max=2, segment_events_max=25, idle_s=0.0),
    )
    epochs = [1]
    pending: list[Incoming] = []
    for number, (life, fault, short, repeat) in enumerate(plan):
        strike(world, fault)
        if fault == "restart":
            epochs[0] += 1
            world.restart(f"process-{epochs[0]}")
        if fault == "probe":
            await world.drivers["tse-berlin"].probe()
        pending += records_of(number, life, short)
        if repeat == 3:
            continue  # It goes with the next delivery: batches differ in size.
        for _ in range(repeat):
            await deliver(world, pending, epochs)
        pending = []
    # From here on everything works again, so nothing may stay unexplained.
    vars(world.faults).update(vars(Faults()))
    await deliver(world, pending, epochs)
    world.clock.pass_by(60)  # Whoever died at a probe is not waited for any longer.
    await world.drivers["tse-berlin"].probe()
    await deliver(world, [recorded("last", sign_by=NOON + HOUR)], epochs)
    return world


@settings(max_examples=150, deadline=None)
@given(PLAN)
def test_every_booking_has_one_verdict_and_every_counter_one_event(
    plan: list[tuple[str, str, bool, int]],
) -> None:
    world = asyncio.run(play(plan))

    verdicts = [event.booking_id for event in world.events(SignatureMade, LeftUnsigned)]
    ended = [f"b{number}" for number, (life, *_) in enumerate(plan) if life != "start"]
    assert sorted(verdicts) == sorted([*ended, "last"])

    explained = [
        event.signature_counter
        for event in world.events(
            ClientRegistered, SignatureStarted, SignatureMade, TransactionAbandoned,
            SignatureSurplus,
        )
        if event.signature_counter is not None
    ]  # fmt: skip
    device = sorted(world.storage.logs["tse-berlin"])
    assert device == list(range(1, len(device) + 1))
    assert explained == device

    signed = [event for event in world.events(SignatureMade) if not event.aborted]
    order = [event.booking_id for event in signed]
    assert order == sorted(order, key=lambda name: 999 if name == "last" else int(name[1:]))
    assert all(event.log_time <= NOON + HOUR for event in signed)

    closings = {f"b{number}" for number, (life, *_) in enumerate(plan) if life == "close"}
    told = {event.closing_id: event.verdict for event in world.events(ClosingSigned)}
    assert told.keys() == closings
    assert len(world.events(ClosingSigned)) == len(closings)
    assert {name for name in told if told[name] == "signed"} == closings & set(order)
    assert open_when_a_closing_was_signed(world) == []

    # A start that no end followed stays open until the next closing.
    last_closing = max((int(name[1:]) for name in closings), default=-1)
    waiting = [number for number, (life, *_) in enumerate(plan) if life == "start"]
    left_open = world.storage.devices["tse-berlin"].open_transactions
    assert len(left_open) <= sum(number > last_closing for number in waiting)


def open_when_a_closing_was_signed(world: World) -> list[int]:
    """By the device's own log: its one till has nothing open then but the closing itself."""
    found: list[int] = []
    open_: set[int] = set()
    for _, raw in sorted(world.storage.logs["tse-berlin"].items()):
        log = log_message.parse(raw)
        if log.transaction_number is None:
            continue
        if log.operation == log_message.START:
            open_.add(log.transaction_number)
            continue
        open_.discard(log.transaction_number)
        if log.process_type == "SonstigerVorgang":
            found += open_
    return found
