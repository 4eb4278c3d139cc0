"""P20: whatever happens to a card, past bookings stay with their center, and the card of each
booking is known."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from costcenter.events import ChargeBooked
from costcenter.names import card_number_claim, card_stream
from costcenter.service import REGISTRY
from costcenter.testing.fakes import Clock
from costcenter.testing.world import World, build_world
from events import DomainError
from events.testing.memory import MemoryEventStore
from kassenverbund.kit.chain import Chain

CENTERS = ("4711", "4800", "4900")
CARDS = ("4711", "4712", "4713")

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("pay"), st.sampled_from(CARDS), st.none()),
        st.tuples(st.just("move"), st.sampled_from(CARDS), st.sampled_from((*CENTERS, None))),
        st.tuples(st.just("replace"), st.sampled_from(CARDS), st.none()),
        st.tuples(st.just("block"), st.sampled_from(CARDS), st.booleans()),
        st.tuples(st.just("end"), st.sampled_from(CARDS), st.none()),
    ),
    min_size=5,
    max_size=25,
)


def chain() -> Chain:
    path = Path(__file__).parents[3] / "chain.yaml"
    return Chain.model_validate(YAML(typ="safe").load(path))


CHAIN = chain()


@dataclass
class Told:
    """What the script knows by itself."""

    codes: dict[str, str] = field(default_factory=dict)
    """The code of each card now."""
    booked: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Center and card of each charge, as its hold said."""


async def step(
    world: World, told: Told, place: int, what: str, number: str, detail: object
) -> None:
    card = f"k{number}"
    match what:
        case "pay":
            code = told.codes[number]
            held = await world.pay(f"h{place}", "1.00", code=code)
            told.booked[f"h{place}"] = (held.charge.chargee.center_number, number)
        case "move":
            target = f"c{detail}" if detail else None
            await world.cards.move(world.ask(), card_id=card, center_id=target)
        case "replace":
            code = f"04A1B2{place:02X}{number}"
            await world.cards.replace(
                world.ask(), card_id=card, reason="lost", medium="rfid", code=code
            )
            told.codes[number] = code
        case "block" if detail:
            await world.cards.block(world.ask(), card_id=card, reason="verloren")
        case "block":
            await world.cards.unblock(world.ask(), card_id=card)
        case _:
            await world.cards.end(world.ask(), card_id=card, reason="aus")


async def script(steps: list[tuple[str, str, object]]) -> None:
    clock = Clock()
    store = MemoryEventStore("costcenter", REGISTRY, clock=clock)
    world, told = build_world(store, clock, CHAIN), Told()
    await world.group(1, "Firma A")
    for number in CENTERS:
        await world.center(number)
    for number in CARDS:
        told.codes[number] = f"04A1FFFF{number}"
        await world.card(number, CENTERS[0], code=told.codes[number])
    for place, (what, number, detail) in enumerate(steps):
        try:
            await step(world, told, place, what, number, detail)
        except DomainError as refusal:
            if refusal.code not in {"card.ended", "card.not_usable"}:
                raise

    log = await store.read(after=0, records_max=100_000)
    booked = {
        event.charge_id: (event.chargee.center_number, event.chargee.card_number)
        for event in (entry.event for entry in log)
        if isinstance(event, ChargeBooked)
    }
    assert booked == told.booked
    for number in CARDS:
        assert await store.owner_of(card_number_claim(number)) == card_stream(f"k{number}")


@settings(deadline=None, max_examples=40)
@given(STEPS)
def test_past_bookings_keep_center_and_card(steps: list[tuple[str, str, object]]) -> None:
    asyncio.run(script(steps))
