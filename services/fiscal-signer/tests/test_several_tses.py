"""A store with two TSEs: one that is out stops no other, and a till may move between them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from events.reaction import Incoming
from fiscal_signer.country import country_of
from fiscal_signer.events import (
    ClientRegistered,
    LeftUnsigned,
    OutageBegan,
    SignatureMade,
    SignatureStarted,
    SignatureSurplus,
)
from fiscal_signer.policies import Assignment
from fiscal_signer.testing import NOON, World, incoming, recorded, started

FIRST, SECOND = "tse-berlin", "tse-cellar"
HOUR = NOON + timedelta(hours=1)


def two_tses() -> World:
    world = World(("berlin", "cellar"))
    world.assignments[SECOND] = Assignment(SECOND, "berlin", country_of("DE"))
    world.reactor = world.process("first")
    return world


def sale(name: str, tse_id: str, *, till: str = "1") -> Incoming:
    return recorded(name, till=till, sign_by=HOUR, tse_id=tse_id)


def moved_to(tse_id: str) -> Incoming:
    till = {"store_id": "berlin", "till_id": "berlin-1", "client_id": "KV-berlin-1"}
    return incoming("till.paired", {**till, "name": "Kasse", "tse_id": tse_id})


def verdicts(world: World) -> dict[str, str]:
    return {
        event.booking_id: "signed" if isinstance(event, SignatureMade) else event.reason
        for event in world.events(SignatureMade, LeftUnsigned)
    }


def explained(world: World, tse_id: str) -> list[int]:
    kinds: tuple[type[Any], ...] = (
        ClientRegistered, SignatureStarted, SignatureMade, SignatureSurplus,
    )  # fmt: skip
    return [one.signature_counter for one in world.events(*kinds) if one.tse_id == tse_id]


async def test_while_one_is_out_the_other_goes_on_and_its_tills_notice_nothing() -> None:
    world = two_tses()
    await world.reactor.handle([sale("a1", FIRST), sale("b1", SECOND, till="2")])
    world.restart("second")
    del world.storage.devices[SECOND], world.storage.logs[SECOND]
    await world.reactor.handle([sale("a2", FIRST), sale("b2", SECOND, till="2")])
    await world.reactor.handle([sale("b3", SECOND, till="2"), sale("a3", FIRST)])
    assert verdicts(world) == {
        "a1": "signed", "a2": "signed", "a3": "signed",
        "b1": "signed", "b2": "outage", "b3": "outage",
    }  # fmt: skip
    assert {one.tse_id for one in world.events(OutageBegan)} == {SECOND}


async def test_a_till_moves_to_the_other_tse_and_back() -> None:
    world = two_tses()
    for number, tse_id in enumerate((FIRST, SECOND, FIRST)):
        await world.reactor.handle([moved_to(tse_id)])
        await world.reactor.handle([started(f"s{number}", tse_id=tse_id)])
        await world.reactor.handle([sale(f"s{number}", tse_id)])
    made = world.events(SignatureMade)
    assert [one.tse_id for one in made] == [FIRST, SECOND, FIRST]
    assert {one.client_id for one in made} == {"KV-berlin-1"}
    # Each counts for itself, knows the till once, and explains all that it signed.
    assert [one.transaction_number for one in made] == [1, 1, 2]
    assert [one.tse_id for one in world.events(ClientRegistered)] == [FIRST, SECOND]
    for tse_id in (FIRST, SECOND):
        assert explained(world, tse_id) == sorted(world.storage.logs[tse_id])


async def test_a_till_that_moves_without_a_word_is_registered_with_its_first_sale() -> None:
    world = two_tses()
    await world.reactor.handle([sale("s1", FIRST)])
    await world.reactor.handle([sale("s2", SECOND)])
    assert verdicts(world) == {"s1": "signed", "s2": "signed"}


async def test_lanes_of_two_tses_are_apart() -> None:
    world = two_tses()
    lanes = {world.reactor.lane(sale("s", tse_id)) for tse_id in (FIRST, SECOND)}
    assert lanes == {f"tse/{FIRST}", f"tse/{SECOND}"}
