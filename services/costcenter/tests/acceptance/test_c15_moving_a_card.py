"""C15: moving card 4712 to center 4800 updates both lists; past bookings stay with 4711."""

from __future__ import annotations

from costcenter.events import ChargeBooked
from costcenter.names import month_stream
from costcenter.testing.bookings import on_center, recorded
from costcenter.testing.office import Office
from costcenter.testing.shop import problem

MODES = {4: ("Kostenstellen", "cost_center")}


async def shown(office: Office, center: str) -> list[str]:
    return [card["number"] for card in (await office.get(f"/centers/{center}"))["cards"]]


async def test_both_lists_change_and_past_bookings_stay(office: Office) -> None:
    await office.groups(1, MODES)
    old, new = await office.center("4711"), await office.center("4800")
    await office.card("4711", old)
    card = await office.card("4712", old)
    number = {"number": office.number("4712")}
    for place, center in enumerate((old, new)):
        if place:
            await office.done("POST", f"/cards/{card}/move", {"center_id": new})
        charge = f"h{office.prefix}-{place}"
        held = await office.shop.hold(charge, number, "8.10")
        assert held.json()["center"]["center_id"] == center
        await office.shop.hear(recorded(f"b-{charge}", payments=[on_center(charge, "8.10")]))

    assert await shown(office, old) == [office.number("4711")]
    assert await shown(office, new) == [office.number("4712")]
    month = office.shop.world.clock.now.strftime("%Y-%m")
    for place, center in enumerate((old, new)):
        log = await office.shop.world.store.load(month_stream(center, month))
        booked = [entry.event for entry in log if isinstance(entry.event, ChargeBooked)]
        assert [event.charge_id for event in booked] == [f"h{office.prefix}-{place}"]
        assert booked[0].chargee.card_number == office.number("4712")


async def test_a_card_that_is_taken_off_books_nowhere(office: Office) -> None:
    await office.groups(1, MODES)
    center = await office.center("4711")
    card = await office.card("4712", center)
    await office.done("POST", f"/cards/{card}/move", {"center_id": None})
    assert await shown(office, center) == []
    held = await office.shop.hold(f"h{office.prefix}", {"number": office.number("4712")}, "8.10")
    assert problem(held) == (409, "card.not_usable")
