"""C23, the booking's half: 7.60 on the cost center and 2.20 by card in one sale."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from device_gateway.terminal.ports import TerminalDevice
from device_gateway.testing.terminal import TerminalSimulator
from device_gateway.testing.terminals import desk
from money import euro
from tests.support.counter import (
    Counter,
    article,
    by_voucher,
    card,
    eur,
    on_center,
    open_counter,
)

MEAL = [article(980, vat="reduced")]


async def test_c23_the_center_pays_what_its_limit_leaves_and_a_card_the_rest(
    counter: Counter,
) -> None:
    center_id = await counter.centers.usable("4711")
    await counter.centers.limit(center_id, "7.60")
    problem = await counter.refused(MEAL, on_center(center_number="4711"))
    assert (problem["code"], problem["available"]) == ("limit.exceeded", eur(760))
    booking = f"/{problem['booking_id']}"
    split = {"payments": [on_center(760, center_number="4711"), card(220)]}
    assert (await counter.ask(f"{booking}/payments", split)).status_code == 200
    await counter.ask(f"{booking}/finish")
    await counter.spread()
    assert counter.process_data() == "Beleg^0.00_2.20_0.00_0.00_0.00^2.20:Unbar"
    assert counter.centers.booked()[0].amount == euro("7.60")


async def test_c23_a_card_terminal_takes_the_rest_and_the_receipt_says_so() -> None:
    """7.60 on the center, 2.20 by ZVT over a real socket: one booking, one debit."""
    async with TerminalSimulator() as terminal:
        device = TerminalDevice("ec-1", "berlin", terminal.address)
        counter = await open_counter(terminals=lambda clock: desk(clock, [device]))
        clock, zone = counter.clock, ZoneInfo("Europe/Berlin")
        terminal.clock = lambda: clock().astimezone(zone)
        center_id = await counter.centers.usable("4711")
        await counter.centers.limit(center_id, "7.60")
        at_center = on_center(center_number="4711", mode="up_to")
        done = await counter.sell(MEAL, at_center, {"kind": "card", "terminal": True})
        assert [paid["amount"] for paid in done["payments"]] == [eur(760), eur(220)]
        assert counter.process_data() == "Beleg^0.00_2.20_0.00_0.00_0.00^2.20:Unbar"
        assert terminal.debits == [220]
        await counter.print(done["booking_id"])
        assert "Betrag 2.20 EUR" in counter.paper("receipt").text


async def test_c23_a_lost_card_payment_books_nothing_and_debits_once() -> None:
    """The line drops after the terminal took the money, and it repeats no receipt: unknown, until
    a person says what its journal says."""
    async with TerminalSimulator(acts=["drop_after"], repeats="empty") as terminal:
        device = TerminalDevice("ec-1", "berlin", terminal.address)
        counter = await open_counter(terminals=lambda clock: desk(clock, [device]))
        await counter.centers.usable("4711")
        at_center = on_center(760, center_number="4711")
        problem = await counter.refused(MEAL, at_center, {"kind": "card", "terminal": True})
        assert problem["code"] == "payment.unknown"
        path = f"/{problem['booking_id']}"
        assert (await counter.ask(f"{path}/finish")).json()["code"] == "payment.at_terminal"
        said: dict[str, Any] = {
            "outcome": "approved", "reason": "Journal geprüft", "receipt_number": "0042",
        }  # fmt: skip
        payment = f"{path}/payments/{problem['payment_id']}"
        await counter.book(path=f"{payment}/resolve", **said)
        await counter.book(path=f"{path}/finish")
        assert counter.process_data() == "Beleg^0.00_2.20_0.00_0.00_0.00^2.20:Unbar"
        assert terminal.debits == [220]


async def test_c23_the_till_may_ask_for_as_much_as_there_is(counter: Counter) -> None:
    center_id = await counter.centers.usable("4711")
    await counter.centers.limit(center_id, "7.60")
    done = await counter.sell(MEAL, on_center(center_number="4711", mode="up_to"), card(220))
    assert [paid["amount"] for paid in done["payments"]] == [eur(760), eur(220)]


async def test_c23_a_voucher_and_a_center_share_one_sale(counter: Counter) -> None:
    await counter.centers.usable("4711")
    code = await counter.bought(220)
    await counter.sell(MEAL, by_voucher(code), on_center(center_number="4711"))
    assert counter.process_data() == "Beleg^0.00_2.20_0.00_0.00_-2.20^"
    assert counter.centers.booked()[0].amount == euro("7.60")


async def test_c23_a_cost_center_buys_no_voucher(counter: Counter) -> None:
    await counter.centers.usable("4711")
    sold = {"kind": "voucher_sale", "name": "Gutschein", "unit_price": eur(1000), "vat": "zero"}
    problem = await counter.refused([sold], on_center(center_number="4711"))
    assert problem["code"] == "charge.buys_voucher"
