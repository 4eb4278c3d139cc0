"""What is done less often at the sale's page, each act once: what it does and what is shown."""

from __future__ import annotations

from uuid import uuid4

from device_gateway.testing.window import Window
from tests.support.counter import Counter, article, by_voucher, cash, eur, voucher_sale


async def test_a_sale_is_put_on_account(window: Window, counter: Counter) -> None:
    await window.act("enter", entry="buch")
    await window.act("on-account", payer="kunde-17", reference="Bestellung 7", dialog="on-account")
    assert window.status == 200, window.refused
    assert window.shows("Stimmt: Verkauf abschließen")
    await window.act("finish")
    (paid,) = counter.published()["payments"]
    assert (paid["kind"], paid["payer"]["id"], paid["payer"]["reference"]) == (
        "on_account", "kunde-17", "Bestellung 7",
    )  # fmt: skip


async def test_the_rest_of_a_voucher_is_paid_out(window: Window, counter: Counter) -> None:
    line = voucher_sale(2000, template="rest", value=eur(2000))
    code = (await counter.sell([line], cash(2000)))["vouchers"][0]["code"]
    await counter.sell([article(1700)], by_voucher(code))
    await window.load("/dialog/payout")
    await window.act("payout", code=code, reason="Rest unter 5 Euro", dialog="payout")
    assert window.shows("3,00 €")
    assert counter.published()["kind"] == "payout"
    await counter.spread()
    assert await counter.balance(code) == 0


async def test_a_voucher_is_topped_up(window: Window, counter: Counter) -> None:
    code = await counter.bought(1000)
    await window.act("top-up", code=code, value="15", dialog="top-up")
    assert window.shows("15,00 €")
    await window.act("cash")
    await counter.spread()
    assert await counter.balance(code) == 2500


async def test_a_tip_is_a_line_of_its_own(window: Window, counter: Counter) -> None:
    await window.act("enter", entry="buch")
    await window.act("tip", value="2,01", dialog="tip")
    assert window.shows("22,00 €")
    await window.act("cash", entry="22")
    assert [line["kind"] for line in counter.published()["lines"]] == ["article", "tip"]


async def test_empties_come_back(window: Window, counter: Counter) -> None:
    await window.act("enter", entry="heft")
    await window.act("cash")
    await window.load("/dialog/deposit")
    assert window.shows("Pfand Flasche · 0,25 €")
    await window.act("deposit", sku="pfand", quantity="6", dialog="deposit")
    assert window.shows("Auszuzahlen")
    await window.act("finish", refund="cash")
    assert window.status == 200, window.refused
    assert counter.published()["total"] == eur(-150)


async def test_a_training_has_its_banner_and_counts_nothing(
    window: Window, counter: Counter
) -> None:
    await window.act("enter", entry="buch", training="on", dialog="training")
    assert window.shows("Nichts an diesem Verkauf ist echt.")
    await window.act("cash")
    assert window.status == 200, window.refused
    names = [entry.name for entry in counter.log.log]
    assert "training.recorded" in names
    assert "booking.recorded" not in names


async def test_a_sale_is_cancelled_by_its_number(window: Window, counter: Counter) -> None:
    await window.act("enter", entry="buch")
    await window.act("cash")
    number = counter.published()["number"]
    await window.load(f"/dialog/cancel?receipt={number}")
    original = window.hidden("original")
    await window.act("cancel", original=original, reason="Falsch gebucht", dialog="cancel")
    assert window.status == 200, window.refused
    assert (counter.published()["kind"], counter.published()["total"]) == (
        "cancellation", eur(-1999),
    )  # fmt: skip


async def test_the_last_receipt_stays_at_hand(window: Window, counter: Counter) -> None:
    await window.act("enter", entry="buch")
    await window.act("cash", entry="20")
    booking = counter.published()["booking_id"]
    await window.act("enter", entry="heft")
    strip = await Window(counter.client, counter.token).load(f"/last?booking={booking}")
    assert strip.shows("Letzter Beleg")
    assert strip.shows("19,99 €")
    assert strip.hidden("last") == booking
    open_one = await Window(counter.client, counter.token).load(f"/last?booking={uuid4()}")
    assert open_one.shows("Noch kein Beleg.")


async def test_the_preview_has_the_code_of_the_receipt_as_a_picture(
    window: Window, counter: Counter
) -> None:
    await window.act("enter", entry="buch")
    await window.act("cash")
    booking = counter.published()["booking_id"]
    await counter.print(booking)
    await window.load(f"/receipt/{booking}")
    assert '<figure class="paper"' in window.text
    assert window.shows("19,99")


async def test_a_key_leads_to_the_dialog_of_orders(window: Window) -> None:
    await window.act("sku", sku="abholen")
    assert window.dialog == "pickup"


async def test_orders_that_cannot_be_looked_up_are_said_to_be(window: Window) -> None:
    await window.act("pickup-find", number="K-1000", dialog="pickup")
    assert (window.status, window.refused, window.dialog) == (503, "order.unavailable", "pickup")
    assert window.shows("Nummer notieren und später noch einmal fragen.")
    assert 'value="K-1000"' in window.text
