"""The checks find what they are there for: a driver with a defect, and damaged remains."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from fiscal_signer.handlers import Settings
from fiscal_signer.testing import NOON, World, incoming
from tests.endurance.checks import faults
from tests.endurance.facts import Device, Fact, Facts
from tests.endurance.ground import TSES
from tests.endurance.script import ABORTED, Script
from tests.endurance.signer import BlindDevice

STORE = TSES[2].store_id
"""It has one TSE, of its own name."""
SIGN_BY = NOON + timedelta(hours=1)
LOST = (3, 11, 12, 30)
"""Before these events a device loses its next answer."""


async def played(*, blind: bool = False) -> Facts:
    """A small script over the memory store, with lost answers; what it left behind."""
    world = World((STORE,), settings=Settings(pause_s=0.0, segment_events_max=60))
    if blind:
        for driver in world.drivers.values():
            driver._device = BlindDevice(
                driver.tse_id, STORE, store=world.store, tses=world.tses, settings=world.settings
            )
    facts = Facts()
    script = Script(1, STORE, 60)
    for number, told in enumerate([*script.events, *script.last_sales()]):
        data = told.data
        if told.process is not None:
            facts.told[told.tse_id].append(told)
            facts.sign_by[told.booking_id] = SIGN_BY
            data = {**data, "sign_by": SIGN_BY.isoformat()}
        world.faults.lose_answers = number in LOST
        world.faults.away = number in (20, 21)
        await world.reactor.handle([incoming(told.name, data, tag=str(number))])
        if number == 22:
            await world.drivers[told.tse_id].probe()
    for entry in world.log:
        document = json.loads(entry.data)
        facts.log.append(Fact(entry.position, entry.name, document, entry.idempotency_key))
    for tse_id, memory in world.storage.devices.items():
        logs: dict[int, bytes | None] = {**world.storage.logs[tse_id]}
        facts.devices[tse_id] = Device(memory.public_key, logs)
    return facts


async def test_a_sound_driver_breaks_no_rule() -> None:
    assert faults(await played()) == []


async def test_a_driver_that_does_not_ask_first_is_found() -> None:
    found = faults(await played(blind=True))
    assert any("signed 2 times" in fault for fault in found), found


def _first(facts: Facts, name: str) -> Fact:
    return next(fact for fact in facts.log if fact.name == name)


def _twice(facts: Facts) -> None:
    facts.log.append(_first(facts, "signature.made"))


def _missing(facts: Facts) -> None:
    facts.log.remove(_first(facts, "signature.left_unsigned"))


def _no_outage(facts: Facts) -> None:
    facts.log.remove(_first(facts, "outage.began"))


def _never_ended(facts: Facts) -> None:
    facts.log.remove(_first(facts, "outage.ended"))


def _another_reason(facts: Facts) -> None:
    _first(facts, "signature.left_unsigned").data["reason"] = "transaction_number_not_found"


def _too_early(facts: Facts) -> None:
    _first(facts, "signature.left_unsigned").data["reason"] = "too_late"


def _hidden_counter(facts: Facts) -> None:
    facts.log.remove(_first(facts, "signature.surplus"))


def _gap(facts: Facts) -> None:
    (device,) = facts.devices.values()
    del device.logs[5]


def _changed_log(facts: Facts) -> None:
    (device,) = facts.devices.values()
    raw = device.logs[6]
    assert raw is not None
    device.logs[6] = raw[:-1] + bytes([raw[-1] ^ 1])


def _late(facts: Facts) -> None:
    facts.sign_by[_first(facts, "signature.made").data["booking_id"]] = NOON - timedelta(minutes=1)


def _other_data(facts: Facts) -> None:
    told = facts.told[_first(facts, "signature.made").data["tse_id"]]
    first, second = [one for one in told if one.process and one.process[1] != ABORTED][:2]
    one, two = told.index(first), told.index(second)
    told[one], told[two] = second, first


def _open_at_a_closing(facts: Facts) -> None:
    """The end of what was the till's last process before its closing never happened."""
    (device,) = facts.devices.values()
    closing = _first(facts, "closing.signed").data
    made = [
        fact.data["signature_counter"]
        for fact in facts.log
        if fact.name == "signature.made" and fact.data["client_id"] == closing["client_id"]
    ]
    del device.logs[max(counter for counter in made if counter < closing["signature_counter"])]


def _untold_closing(facts: Facts) -> None:
    facts.log.remove(_first(facts, "closing.signed"))


def _other_z(facts: Facts) -> None:
    _first(facts, "closing.signed").data["z_number"] += 1


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        (_twice, "one_verdict_each"),
        (_missing, "one_verdict_each"),
        (_no_outage, "unsigned_is_documented"),
        (_another_reason, "unsigned_is_documented"),
        (_too_early, "unsigned_is_documented"),
        (_never_ended, "outages_ended"),
        (_hidden_counter, "counters_are_gapless"),
        (_gap, "counters_are_gapless"),
        (_changed_log, "logs_are_the_devices"),
        (_late, "signed_as_told"),
        (_other_data, "order_is_kept"),
        (_open_at_a_closing, "nothing_open_across_a_closing"),
        (_untold_closing, "closings_are_told"),
        (_other_z, "closings_are_told"),
    ],
)
async def test_damage_is_found_by_its_rule(damage: Callable[[Facts], None], rule: str) -> None:
    facts = copy.deepcopy(await played())
    damage(facts)
    assert any(fault.startswith(f"{rule}: ") for fault in faults(facts))
