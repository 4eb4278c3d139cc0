"""From the gateway's events to verdicts, over the memory store and a software TSE."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from events import Transient
from events.reaction import Incoming
from fiscal_signer.country.de import qr
from fiscal_signer.events import (
    ClientRegistered,
    LeftUnsigned,
    OutageBegan,
    OutageEnded,
    RecordUnreadable,
    SegmentClosed,
    SegmentOpened,
    SignatureMade,
    SignatureNotStarted,
    SignaturesRequested,
    SignatureStarted,
    SignatureSurplus,
    TakenOver,
    TransactionAbandoned,
    TseInitialized,
)
from fiscal_signer.handlers import Settings
from fiscal_signer.testing import (
    NOON,
    Killed,
    World,
    aborted,
    incoming,
    line,
    paired,
    payment,
    recorded,
    started,
)


def verdicts(world: World) -> dict[str, str]:
    found: dict[str, str] = {}
    for event in world.events(SignatureMade, LeftUnsigned):
        assert event.booking_id not in found, "two verdicts"
        found[event.booking_id] = "signed" if isinstance(event, SignatureMade) else event.reason
    return found


def explained(world: World, tse_id: str = "tse-berlin") -> list[int]:
    """The signature counters that the log explains, in the log's order."""
    return [
        event.signature_counter
        for event in world.events(
            ClientRegistered, SignatureStarted, SignatureMade, TransactionAbandoned,
            SignatureSurplus,
        )
        if event.tse_id == tse_id and event.signature_counter is not None
    ]  # fmt: skip


def counters(world: World, tse_id: str = "tse-berlin") -> list[int]:
    return sorted(world.storage.logs[tse_id])


async def handle(world: World, *records: Incoming) -> None:
    await world.reactor.handle(records)


async def test_a_booking_is_started_and_signed() -> None:
    world = World()
    await handle(world, paired())
    await handle(world, started("b1"))
    await handle(world, recorded("b1"))
    (begun,), (made,) = world.events(SignatureStarted), world.events(SignatureMade)
    assert made.transaction_number == begun.transaction_number
    assert made.start_time == begun.start_time
    assert made.process_data == "Beleg^11.90_0.00_0.00_0.00_0.00^11.90:Bar"
    assert not made.certified
    assert not made.aborted
    assert qr.verify(made.qr).valid
    assert qr.verify(made.qr).serial == made.tse_serial


async def test_a_complete_sale_comes_in_one_batch_and_is_signed_in_one_request() -> None:
    world = World()
    await handle(world, paired(), started("b1"), recorded("b1"), started("b2"), recorded("b2"))
    assert verdicts(world) == {"b1": "signed", "b2": "signed"}
    (request,) = world.events(SignaturesRequested)
    assert [step.operation for step in request.steps] == [
        "register", "start", "finish", "start", "finish",
    ]  # fmt: skip


async def test_a_booking_without_a_start_is_started_and_finished() -> None:
    world = World()
    await handle(world, recorded("b1"))
    assert verdicts(world) == {"b1": "signed"}
    assert len(world.events(SignatureStarted)) == 1


async def test_an_aborted_booking_ends_its_transaction() -> None:
    world = World()
    await handle(world, started("b1"))
    await handle(world, aborted("b1"))
    (made,) = world.events(SignatureMade)
    assert made.aborted
    assert made.process_data == "AVBelegabbruch^0.00_0.00_0.00_0.00_0.00^"
    assert await (await world.tses.open("tse-berlin")).open_transactions() == {}


async def test_the_device_is_introduced_once() -> None:
    world = World()
    await handle(world, recorded("b1"))
    world.restart("second")
    await handle(world, recorded("b2"))
    (known,) = world.events(TseInitialized)
    assert (known.kind, known.certified, len(known.serial)) == ("software", False, 64)


async def test_what_comes_twice_changes_nothing() -> None:
    world = World()
    batch = (paired(), started("b1"), recorded("b1"), started("b2"), aborted("b2"))
    await handle(world, *batch)
    before = len(world.log)
    await handle(world, *batch)
    for record in batch:
        await handle(world, record)
    await handle(world, *reversed(batch))
    assert [entry.name for entry in world.log[before:]] == []


async def test_what_comes_twice_to_another_process_signs_nothing() -> None:
    world = World()
    batch = (paired(), started("b1"), recorded("b1"), started("b2"), aborted("b2"))
    await handle(world, *batch)
    before = counters(world)
    world.restart("second")
    await handle(world, *batch[1:3])
    await handle(world, *batch[3:])
    assert counters(world) == before
    assert verdicts(world) == {"b1": "signed", "b2": "signed"}


async def test_every_counter_of_the_device_is_explained_in_order() -> None:
    world = World()
    for number in range(5):
        await handle(world, started(f"b{number}"), recorded(f"b{number}"))
    assert explained(world) == counters(world)


async def test_stores_do_not_share_a_device() -> None:
    world = World()
    await handle(world, recorded("b1"))
    await handle(world, recorded("k1", store="koeln"))
    serials = {event.tse_serial for event in world.events(SignatureMade)}
    assert len(serials) == 2


# -- too late, malformed, not ours ---------------------------------------------------------


async def test_after_sign_by_a_booking_is_left_unsigned_without_asking_the_device() -> None:
    world = World()
    await handle(world, started("b1"))
    before = counters(world)
    world.clock.pass_by(31)
    await handle(world, recorded("b1"))
    assert verdicts(world) == {"b1": "too_late"}
    # Its open transaction is ended without a booking.
    assert len(counters(world)) == len(before)
    await handle(world, recorded("b2", sign_by=NOON + timedelta(minutes=5)))
    (left,) = world.events(TransactionAbandoned)
    assert left.booking_id == "b1"
    assert await (await world.tses.open("tse-berlin")).open_transactions() == {}


async def test_a_signature_that_came_too_late_is_kept_as_surplus() -> None:
    world = World()
    world.faults.slow_s = 31
    await handle(world, recorded("b1"))
    assert verdicts(world) == {"b1": "too_late"}
    late = [one for one in world.events(SignatureSurplus) if one.reason == "too_late"]
    assert [one.booking_id for one in late] == ["b1"]
    assert explained(world) == counters(world)
    world.faults.slow_s = 0
    await handle(world, recorded("b2", sign_by=NOON + timedelta(minutes=5)))
    assert verdicts(world)["b2"] == "signed"
    assert world.events(TransactionAbandoned) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"lines": []}, "sums_differ"),
        ({"lines": [line(1190, key=9)]}, "vat_key_unknown"),
        ({"payments": [payment(1190, kind="voucher", fiscal="Keine")]}, "payment_without_vat_key"),
        ({"lines": "what"}, "malformed"),
        ({"sign_by": "2026-11-22"}, "malformed"),
        ({"client_id": "a b"}, "malformed"),
        ({"payments": [payment(1190, fiscal="Gold")]}, "malformed"),
    ],
)
async def test_what_cannot_be_signed_is_said_and_stops_nobody(
    change: dict[str, Any], reason: str
) -> None:
    world = World()
    await handle(world, started("b1"), recorded("b1", **change), recorded("b2"))
    assert verdicts(world) == {"b1": reason, "b2": "signed"}


async def test_the_reason_of_a_malformed_booking_holds_no_value_of_it() -> None:
    world = World()
    await handle(world, recorded("b1", currency="secret-name"))
    (left,) = world.events(LeftUnsigned)
    assert left.detail == "currency: string_pattern_mismatch"


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'{"booking_id": 7}', b"\xff\xfe"])
async def test_an_event_that_names_no_booking_is_kept_as_an_entry(raw: bytes) -> None:
    world = World()
    broken = incoming("booking.recorded", raw, key="berlin")
    await handle(world, broken, recorded("b2"))
    (entry,) = world.events(RecordUnreadable)
    assert entry.event_id == str(broken.event_id)
    assert verdicts(world) == {"b2": "signed"}


async def test_a_booking_with_an_unknown_tse_is_left_unsigned_once() -> None:
    world = World()
    stray = recorded("b1", store="paris")
    await handle(world, stray)
    await handle(world, stray)
    assert verdicts(world) == {"b1": "tse_unknown"}


async def test_a_booking_with_another_stores_tse_is_left_unsigned() -> None:
    world = World()
    await handle(world, recorded("b1", tse_id="tse-koeln"))
    assert verdicts(world) == {"b1": "tse_of_another_store"}
    assert "tse-koeln" not in world.storage.devices


async def test_a_store_that_another_signer_signs_for_is_left_alone() -> None:
    world = World()
    world.reactor = world.process("first", elsewhere=frozenset({"koeln"}))
    await handle(world, recorded("k1", store="koeln"), recorded("b1"))
    assert verdicts(world) == {"b1": "signed"}


def lanes(world: World, records: Sequence[Incoming]) -> list[str]:
    return [world.reactor.lane(record) for record in records]


def test_a_lane_is_a_tse_and_nothing_breaks_it() -> None:
    world = World()
    broken = incoming("booking.recorded", b"\xff{", key="berlin")
    deep = incoming("booking.recorded", b"[" * 100_000, key="berlin")
    assert lanes(world, [recorded("b1"), recorded("k1", store="koeln"), broken, deep]) == [
        "tse/tse-berlin", "tse/tse-koeln", "store/berlin", "store/berlin",
    ]  # fmt: skip


# -- the device fails ----------------------------------------------------------------------


async def test_a_device_that_fails_once_is_asked_again() -> None:
    world = World()
    world.faults.fail_before = 1
    await handle(world, recorded("b1"))
    assert verdicts(world) == {"b1": "signed"}
    assert world.events(OutageBegan) == []


@pytest.mark.parametrize("fault", ["lose_answers", "half_done"])
async def test_after_a_lost_answer_the_device_is_asked_before_anything_is_repeated(
    fault: str,
) -> None:
    world = World()
    await handle(world, paired())
    setattr(world.faults, fault, 2)
    await handle(world, recorded("b1"), recorded("b2"))
    assert verdicts(world) == {"b1": "signed", "b2": "signed"}
    assert explained(world) == counters(world)
    assert not [one for one in world.events(SignatureSurplus) if one.reason == "unexplained"]


async def test_a_device_that_stays_away_is_an_outage() -> None:
    world = World()
    await handle(world, started("b1"))
    world.faults.away = True
    await handle(world, recorded("b1"), started("b2"), recorded("b2"))
    assert verdicts(world) == {"b1": "outage", "b2": "outage"}
    (outage,) = world.events(OutageBegan)
    assert {event.outage_id for event in world.events(LeftUnsigned)} == {outage.outage_id}
    assert [event.booking_id for event in world.events(SignatureNotStarted)] == ["b2"]


async def test_during_an_outage_the_verdict_falls_without_the_device() -> None:
    world = World()
    world.faults.away = True
    await handle(world, recorded("b1"))
    requests = len(world.events(SignaturesRequested))
    await handle(world, started("b2"), recorded("b2"))
    assert verdicts(world) == {"b1": "outage", "b2": "outage"}
    assert len(world.events(SignaturesRequested)) == requests


async def test_an_outage_ends_with_a_probe_and_missed_bookings_stay_unsigned() -> None:
    world = World()
    await handle(world, started("b1"))
    world.faults.away = True
    await handle(world, recorded("b1"))
    assert not await world.drivers["tse-berlin"].probe()
    world.faults.away = False
    assert await world.drivers["tse-berlin"].probe()
    (began,), (ended,) = world.events(OutageBegan), world.events(OutageEnded)
    assert ended.outage_id == began.outage_id
    await handle(world, recorded("b1"), recorded("b2"))
    assert verdicts(world) == {"b1": "outage", "b2": "signed"}
    assert [event.booking_id for event in world.events(TransactionAbandoned)] == ["b1"]


async def test_what_the_device_did_unheard_is_explained_when_it_is_back() -> None:
    world = World(settings=Settings(pause_s=0.0, tries_max=1))
    await handle(world, started("b1"))
    world.faults.lose_answers = 1
    await handle(world, recorded("b1"))
    assert verdicts(world) == {"b1": "outage"}
    assert await world.drivers["tse-berlin"].probe()
    unheard = [one for one in world.events(SignatureSurplus) if one.reason == "unexplained"]
    assert [one.booking_id for one in unheard] == ["b1"]
    assert explained(world) == counters(world)
    await handle(world, recorded("b2"))
    assert world.events(TransactionAbandoned) == []


async def test_a_start_that_the_device_did_unheard_is_ended_when_it_is_back() -> None:
    world = World(settings=Settings(pause_s=0.0, tries_max=1))
    await handle(world, paired())
    world.faults.lose_answers = 1
    await handle(world, started("b1"))
    await world.drivers["tse-berlin"].probe()
    await handle(world, recorded("b1"))
    assert verdicts(world) == {"b1": "signed"}
    assert await (await world.tses.open("tse-berlin")).open_transactions() == {}
    assert explained(world) == counters(world)


async def test_a_device_with_less_memory_than_we_have_seen_stays_out() -> None:
    world = World()
    await handle(world, recorded("b1"))
    before = world.storage.devices["tse-berlin"]
    world.restart("second")
    await handle(world, recorded("b2"))
    world.storage.devices["tse-berlin"] = before
    world.faults.fail_before = 1
    world.restart("third")
    await handle(world, recorded("b3"))
    assert verdicts(world)["b3"] == "outage"
    assert [event.reason for event in world.events(OutageBegan)] == ["memory_lost"]
    assert not await world.drivers["tse-berlin"].probe()


async def test_a_device_with_another_key_signs_nothing() -> None:
    world = World()
    await handle(world, recorded("b1"))
    del world.storage.devices["tse-berlin"]
    del world.storage.logs["tse-berlin"]
    world.restart("second")
    await handle(world, recorded("b2"))
    assert verdicts(world)["b2"] == "outage"
    assert counters(world) == [1]


# -- crashes and take-overs ------------------------------------------------------------------


@pytest.mark.parametrize("where", ["kill_before", "kill_after"])
async def test_a_crash_around_the_device_call_is_resolved_by_asking_it(where: str) -> None:
    world = World()
    await handle(world, paired())
    setattr(world.faults, where, 1)
    with pytest.raises(Killed):
        await handle(world, recorded("b1"), recorded("b2"))
    world.restart("second")
    await handle(world, recorded("b1"), recorded("b2"))
    assert verdicts(world) == {"b1": "signed", "b2": "signed"}
    assert explained(world) == counters(world)
    assert len(counters(world)) == 6


async def test_after_a_crash_that_lasted_too_long_nothing_is_signed_late() -> None:
    world = World()
    await handle(world, paired())
    world.faults.kill_before = 1
    with pytest.raises(Killed):
        await handle(world, recorded("b1"))
    world.clock.pass_by(60)
    world.restart("second")
    await handle(world, recorded("b1"))
    assert verdicts(world) == {"b1": "too_late"}
    assert len(counters(world)) == 2


async def test_a_lost_answer_of_the_store_changes_nothing() -> None:
    world = World()
    world.memory.lose_answer = True
    await handle(world, recorded("b1"))
    world.memory.lose_answer = True
    await handle(world, recorded("b2"))
    assert verdicts(world) == {"b1": "signed", "b2": "signed"}


async def test_while_one_process_drives_a_device_another_one_waits() -> None:
    world = World()
    await handle(world, recorded("b1"))
    with pytest.raises(Transient):
        await world.process("second").handle([recorded("b2")])


async def test_a_process_that_was_overtaken_records_nothing_and_calls_no_device() -> None:
    world = World()
    zombie = world.reactor
    await zombie.handle([recorded("b1")])
    world.clock.pass_by(world.settings.lease_s + 1)
    await world.process("second").handle([recorded("b2")])
    before = counters(world)
    # It believes in its lease still: only the stream's version tells it.
    world.store.streams.forget("tse-tse-berlin/1")
    with pytest.raises(Transient):
        await zombie.handle([recorded("b3")])
    assert counters(world) == before
    assert [event.epoch for event in world.events(TakenOver)] == [2]


# -- segments ------------------------------------------------------------------------------


async def test_a_long_segment_is_closed_and_the_next_one_goes_on_where_it_ended() -> None:
    world = World(settings=Settings(pause_s=0.0, segment_events_max=15))
    await handle(world, paired(), started("open"))
    for number in range(12):
        await handle(world, started(f"b{number}"), recorded(f"b{number}"))
    assert len(world.events(SegmentClosed)) >= 2
    assert [event.segment for event in world.events(SegmentOpened)] == [1, 2, 3]
    world.restart("second")
    await handle(world, recorded("open", sign_by=NOON + timedelta(minutes=5)))
    assert len(verdicts(world)) == 13
    assert explained(world) == counters(world)
    assert set(verdicts(world).values()) == {"signed"}
    assert len(world.events(ClientRegistered)) == 1


async def test_many_jobs_are_cut_into_requests() -> None:
    world = World()
    bookings = [f"b{number}" for number in range(150)]
    await handle(world, *(recorded(booking) for booking in bookings))
    assert list(verdicts(world)) == bookings
    assert len(world.events(SignaturesRequested)) == 2
    assert explained(world) == counters(world)


async def test_a_counter_that_the_device_cannot_be_asked_about_any_more_is_explained_later() -> (
    None
):
    world = World()
    await handle(world, recorded("b1"))
    # It uses a counter for itself, signs and answers; asked about that counter it is away.
    world.faults.own_counters = world.faults.leave_after = 1
    await handle(world, recorded("b2"))
    assert verdicts(world)["b2"] == "outage"
    world.faults.away = False
    assert await world.drivers["tse-berlin"].probe()
    await handle(world, recorded("b3"))
    assert verdicts(world)["b3"] == "signed"
    assert explained(world) == counters(world)
