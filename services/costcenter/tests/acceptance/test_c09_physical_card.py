"""C09: a physical card is an RFID tag or a QR code. How it is read is the till's half."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from costcenter.decider.refusals import CardNotUsable, CardUnknown, NoCard

if TYPE_CHECKING:
    from services.costcenter.tests.conftest import World


@pytest.mark.parametrize("read", ["04A1B2C3D4E5F6", "04:a1:b2:c3:d4:e5:f6", "04a1b2c3 d4e5f6"])
async def test_c09_the_uid_resolves_to_card_4711_however_it_is_written(
    world: World, read: str
) -> None:
    await world.group(1, "Firma A")
    await world.center("4711")
    await world.card("4711", "4711", code="04A1B2C3D4E5F6")
    assert (await world.hold("H1", "9.80", code=read)).charge.chargee.card_number == "4711"


async def test_c09_an_unknown_uid_pays_nothing(world: World) -> None:
    await world.furnish()
    with pytest.raises(CardUnknown):
        await world.hold("H1", "9.80", code="04FFFFFFFFFFFF")


async def test_c09_a_physical_card_has_to_be_shown(world: World) -> None:
    await world.group(1, "Firma A")
    await world.center("4711")
    await world.card("4711", "4711", code="04A1B2C3D4E5F6")
    for typed in ({"number": "4711"}, {"center": "4711"}):
        with pytest.raises(NoCard) as refused:
            await world.hold("H1", "9.80", **typed)  # type: ignore[arg-type]  # Strings both.
        assert refused.value.extra["state"] == "physical"


async def test_c09_a_replaced_medium_pays_nothing_and_the_new_one_pays(world: World) -> None:
    await world.furnish()
    card_id = await world.card("4712", "4711", code="04A1B2C3D4E5F6")
    await world.pay("H1", "1.00", code="04A1B2C3D4E5F6")
    await world.cards.replace(
        world.ask(), card_id=card_id, reason="lost", medium="rfid", code="04A1B2C3D4E5F7"
    )
    with pytest.raises(CardNotUsable) as refused:
        await world.hold("H2", "1.00", code="04A1B2C3D4E5F6")
    assert refused.value.extra == {"reason": "replaced"}
    placed = await world.hold("H3", "1.00", code="04A1B2C3D4E5F7")
    assert placed.charge.chargee.card_number == "4712"


async def test_c09_no_event_carries_the_code(world: World) -> None:
    await world.furnish()
    await world.card("4712", "4711", code="04A1B2C3D4E5F6")
    await world.pay("H1", "1.00", code="04A1B2C3D4E5F6")
    for entry in await world.store.read(after=0, records_max=1_000):
        assert b"04A1B2C3D4E5F6" not in entry.data
