"""C18, the charge's half: 12.40 with card 4711, 8.10 and -8.10 with card 4712 leave 12.40 owed."""

from __future__ import annotations

import json
from typing import Any

from money import euro
from tests.support.counter import Counter, article, incoming, on_center


async def test_c18_a_reversal_line_takes_a_charge_back(counter: Counter) -> None:
    await counter.centers.usable("4711")
    await counter.centers.card("4712", "4711")
    await counter.sell([article(1240, vat="reduced")], on_center(number="4711"))
    await counter.sell([article(810, vat="reduced")], on_center(number="4712"))
    await counter.centers.hear(_reversing(counter, 810))
    month = await counter.centers.world.month("4711", counter.clock.now.strftime("%Y-%m"))
    assert sum(charge.amount.amount for charge in month.charges.values()) - 810 == 1240
    taken_back = counter.centers.reversed()
    assert [(each.chargee.card_number, each.amount) for each in taken_back] == [
        ("4712", euro("8.10"))
    ]


def _reversing(counter: Counter, minor: int) -> Any:
    """The booking that a till will send for it: the newest one, as a reversal of its charge."""
    entry = [each for each in counter.log.log if each.name == "booking.recorded"][-1]
    booking = json.loads(entry.data)
    charge = booking["payments"][0]
    booking["booking_id"] = "5f0f6c3e-3a77-5f27-8a5f-1f6f3a1e2b99"
    booking["payments"] = []
    booking["lines"] = [
        {
            **booking["lines"][0],
            "kind": "charge_reversal",
            "hold_id": charge["hold_id"],
            "reversal_id": "r1",
            "amount": {"amount": -minor, "currency": "EUR"},
        }
    ]
    return incoming(entry, json.dumps(booking).encode())
