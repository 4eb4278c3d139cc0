"""What a cashier does to a sale before it is paid, with the voucher service behind."""

from __future__ import annotations

from datetime import time
from typing import Any

from device_gateway.handlers.automatic import close_due
from fiscal_signer.country.de.dsfinvk.bon import bon_of
from money import euro
from tests.support.counter import (
    Answer,
    Counter,
    article,
    by_voucher,
    cash,
    eur,
    on_center,
    voucher_sale,
)


async def act(counter: Counter, booking: Answer, path: str, status: int = 200, **body: Any) -> Any:
    return await counter.book(status, f"/{booking['booking_id']}{path}", **body)


async def begun(counter: Counter, *lines: Answer) -> Answer:
    return await counter.sell(list(lines), finish=False)


async def test_a_discounted_sale_is_signed_and_printed_as_it_is_paid(counter: Counter) -> None:
    going = await begun(counter, article(1000), article(500, "reduced"))
    told = await act(counter, going, "/discount", percent=1000, reason="Treue")
    assert told["open_amount"] == eur(1350)
    await act(counter, going, "/payments", payments=[cash(1350)])
    done = await act(counter, going, "/finish")
    assert counter.process_data() == "Beleg^9.00_4.50_0.00_0.00_0.00^13.50:Bar"
    assert counter.vat() == {"standard": (900, 144), "reduced": (450, 29)}
    line = counter.published()["lines"][2]
    assert (line["case"], line["reason"], line["amount"]) == ("Rabatt", "Treue", eur(-100))
    await counter.print(done["booking_id"])
    text = counter.paper("receipt").text
    assert "Rabatt 10 %" in text
    assert "Treue" in text


async def test_the_export_has_discounts_as_cases_of_their_own(counter: Counter) -> None:
    going = await begun(counter, article(1000), article(500, "reduced"))
    await act(counter, going, "/discount", percent=1000, reason="Treue")
    await act(counter, going, "/payments", payments=[cash(1350)])
    await act(counter, going, "/finish")
    bon = bon_of("booking.recorded", counter.published())
    assert [(each.case, each.lowers) for each in bon.positions] == [
        ("Umsatz", False), ("Umsatz", False), ("Rabatt", True), ("Rabatt", True),
    ]  # fmt: skip
    assert bon.vat == {1: [900, 756], 2: [450, 421]}


async def test_discounted_goods_come_back_at_what_they_cost(counter: Counter) -> None:
    going = await begun(counter, article(333, quantity="3"))
    await act(counter, going, "/discount", percent=1000, reason="Treue")
    await act(counter, going, "/payments", payments=[cash(899)])
    await act(counter, going, "/finish")
    back = 0
    for _ in range(3):
        told = await counter.book(
            returns=[{"booking_id": going["booking_id"], "line_id": "1", "reason": "Umtausch"}],
            finish=True,
        )
        assert {line["kind"] for line in counter.published()["lines"]} == {"return", "discount"}
        back += told["total"]["amount"]
    assert back == -899


async def test_a_discounted_sale_is_cancelled_as_a_whole(counter: Counter) -> None:
    going = await begun(counter, article(1000))
    await act(counter, going, "/discount", amount=eur(300), reason="Treue")
    await act(counter, going, "/payments", payments=[cash(700)])
    done = await act(counter, going, "/finish")
    gone = await act(counter, done, "/cancellation", reason="Irrtum")
    assert gone["total"] == eur(-700)
    assert counter.process_data() == "Beleg^-7.00_0.00_0.00_0.00_0.00^-7.00:Bar"
    lines = counter.published()["lines"]
    assert [(line.get("case"), line["amount"]["amount"]) for line in lines] == [
        (None, -1000), ("Rabatt", 300),
    ]  # fmt: skip


async def test_a_voucher_pays_no_more_than_a_discount_leaves(counter: Counter) -> None:
    code = await counter.bought(5000)
    going = await begun(counter, article(1000))
    await act(counter, going, "/discount", percent=2000, reason="Treue")
    await act(counter, going, "/payments", payments=[by_voucher(code)])
    await act(counter, going, "/finish")
    assert counter.published()["payments"][0]["amount"] == eur(800)
    assert await counter.balance(code) == 4200


async def test_a_gift_and_a_discount_take_off_what_is_there_once(counter: Counter) -> None:
    code = await counter.donated("10.00")
    going = await begun(counter, article(1000), article(400, "reduced"))
    await act(counter, going, "/lines/1/discount", percent=5000, reason="Mangel")
    await act(counter, going, "/payments", payments=[by_voucher(code)])
    await act(counter, going, "/finish")
    assert counter.published()["total"] == eur(0)
    assert counter.process_data() == "Beleg^0.00_0.00_0.00_0.00_0.00^"
    assert await counter.balance(code) == 100


async def test_a_cost_center_is_told_the_discounted_lines_and_then_they_stay(
    counter: Counter,
) -> None:
    going = await begun(counter, article(1000), article(500, "reduced"))
    await act(counter, going, "/lines/1/discount", percent=1000, reason="Mangel")
    await counter.centers.usable("4711")
    told = await act(counter, going, "/payments", payments=[on_center(center_number="4711")])
    assert told["open_amount"] == eur(0), told
    no = await act(counter, going, "/lines/2/void", 409)
    assert no["code"] == "booking.held_already"
    await act(counter, going, "/finish")
    parts = counter.published()["payments"][0]["parts"]
    assert {part["vat"]: part["gross"]["amount"] for part in parts} == {
        "standard": 900, "reduced": 500,
    }  # fmt: skip


async def test_a_voided_voucher_is_given_back_even_where_nobody_answered(counter: Counter) -> None:
    card = await counter.printed_card()
    sale = {**voucher_sale(2000), "voucher": {"value": eur(2000), "card_code": card}}
    going = await begun(counter, article(100), sale)
    counter.line.down = True
    told = await act(counter, going, "/lines/2/void", reason="Doch nicht")
    assert told["open_amount"] == eur(100)
    counter.line.down = False
    await counter.recover(going["booking_id"])
    assert [entry.name for entry in counter.log.log][-1] == "booking.line_given_back"
    again = await begun(counter, sale)
    assert again["total"] == eur(2000)


async def test_the_page_finds_the_open_sale_and_what_is_set_aside(counter: Counter) -> None:
    first = await begun(counter, article(700))
    await act(counter, first, "/park", label="Tisch 4")
    second = await begun(counter, article(900))

    async def now() -> Answer:
        answer = await counter.client.get(
            "/stores/berlin/v1/tills/till-1/current",
            headers={"authorization": f"Bearer {counter.token}"},
        )
        told: Answer = answer.json()
        return told

    told = await now()
    assert told["booking"]["booking_id"] == second["booking_id"]
    assert [(each["label"], each["total"]) for each in told["parked"]] == [("Tisch 4", eur(700))]
    await act(counter, second, "/abort")
    assert (await now())["booking"] is None
    await act(counter, first, "/resume")
    assert (await now())["booking"]["parked"] is None


async def test_what_is_set_aside_waits_for_the_closing(counter: Counter) -> None:
    aside = await begun(counter, article(700))
    await act(counter, aside, "/park")
    counter.clock.advance(seconds=7200)
    await counter.recover(aside["booking_id"])
    assert (await counter.booking(aside["booking_id"])).open
    no = (await counter.at_till("/shift/close", {})).json()
    assert (no["code"], no["bookings"]) == ("till.bookings_open", [aside["booking_id"]])
    closed = (await counter.at_till("/shift/close", {"abort_open": True})).json()
    assert closed["counts"] == {"aborted": 1, "closing": 1}


async def test_a_repeat_of_an_act_changes_nothing_more(counter: Counter) -> None:
    going = await begun(counter, article(1000))
    path, body = f"/{going['booking_id']}/discount", {"percent": 1000, "reason": "Treue"}
    first = await counter.ask(path, body, key="same")
    again = await counter.ask(path, body, key="same")
    assert first.json()["total"] == again.json()["total"] == eur(900)
    other = await counter.ask(path, {**body, "percent": 500}, key="same")
    assert other.status_code == 422


async def test_money_that_was_given_is_not_undercut(counter: Counter) -> None:
    going = await begun(counter, article(1000), article(500))
    await act(counter, going, "/payments", payments=[cash(1200)])
    no = await act(counter, going, "/lines/2/void", 409)
    assert (no["code"], no["settled"]) == ("booking.paid_already", eur(1200))
    assert (await counter.booking(going["booking_id"])).total == euro("15.00")


async def test_the_clock_closes_a_shift_with_what_is_set_aside(counter: Counter) -> None:
    aside = await begun(counter, article(700))
    await act(counter, aside, "/park")
    counter.clock.advance(seconds=86_400)
    assert await close_due(counter.gateway, {"berlin": time(4, 0)}) == 1
    assert (await counter.booking(aside["booking_id"])).aborted is not None
