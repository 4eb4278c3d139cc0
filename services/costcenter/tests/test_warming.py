"""A process that has just started knows busy months before the first till asks."""

from __future__ import annotations

from costcenter.adapters.busy import PostgresBusyMonths
from costcenter.handlers.warming import warm
from costcenter.names import month_stream
from costcenter.testing.bookings import on_center, recorded
from costcenter.testing.shop import Shop

CHARGES = 3


async def test_months_with_many_charges_are_read_at_the_start(shop: Shop) -> None:
    await shop.world.company("B", "Firma B")
    await shop.world.group(2, "Firma B", company_id="B")
    await shop.world.center("5800", "Einkauf", company_id="B")
    await shop.world.card("5800", "5800", group=(2, 4))
    now = shop.world.clock.now
    for number in range(CHARGES):
        await shop.hold(f"h{number}", {"center_number": "5800"}, "1.00")
        paid = on_center(f"h{number}", "1.00")
        await shop.hear(recorded(f"b-h{number}", payments=[paid], at=now))
    await shop.catch_up()

    stream = month_stream("c5800", f"{now:%Y-%m}")
    streams, busy = shop.world.store.streams, PostgresBusyMonths(shop.engine)
    streams.forget(stream)
    assert await warm(shop.world.desk, busy, charges_min=CHARGES + 1) == 0
    assert streams.cached(stream) is None
    assert await warm(shop.world.desk, busy, charges_min=CHARGES) == 1
    found = streams.cached(stream)
    assert found is not None
    assert len(found[1].charges) == CHARGES
