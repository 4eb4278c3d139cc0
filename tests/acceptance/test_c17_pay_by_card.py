"""C17 (and C05, C09): a card is scanned, and its group's mode says that a center pays."""

from __future__ import annotations

from tests.support.counter import Counter, article, on_center

MEAL = [article(980, vat="reduced")]


async def test_c17_a_scanned_card_charges_its_center(counter: Counter) -> None:
    await counter.centers.group(1, 4)
    await counter.centers.center("4711", "Empfang")
    await counter.centers.card("4712", "4711", code="04A1B2C3")
    done = await counter.sell(MEAL, on_center(code="04:a1:b2:c3"))
    paid = done["payments"][0]
    assert (paid["center_number"], paid["card_number"]) == ("4711", "4712")


async def test_c05_a_card_of_a_group_that_pays_at_once_is_refused(counter: Counter) -> None:
    await counter.centers.group(1, 2, mode="prepaid")
    await counter.centers.center("4711", "Empfang")
    await counter.centers.card("4712", "4711", group=(1, 2), code="04A1B2C3")
    problem = await counter.refused(MEAL, on_center(code="04A1B2C3"))
    assert (problem["code"], problem["mode"]) == ("charge.group_mode", "prepaid")


async def test_c17_the_uid_of_a_card_stands_in_no_log(counter: Counter) -> None:
    await counter.centers.group(1, 4)
    await counter.centers.center("4711", "Empfang")
    await counter.centers.card("4712", "4711", code="04A1B2C3D4E5F6")
    await counter.sell(MEAL, on_center(code="04A1B2C3D4E5F6"))
    logs = b"".join(entry.data for entry in (*counter.log.log, *counter.centers.log.log))
    assert b"04A1B2C3D4E5F6" not in logs.upper()


async def test_c17_the_till_only_scans_and_the_group_says_that_a_center_pays(
    counter: Counter,
) -> None:
    await counter.centers.group(1, 4)
    await counter.centers.center("4711", "Empfang")
    await counter.centers.card("4712", "4711", code="04A1B2C3")
    done = await counter.sell(MEAL, {"kind": "customer_card", "code": "04A1B2C3"})
    paid = done["payments"][0]
    assert (paid["kind"], paid["center_number"]) == ("cost_center", "4711")


async def test_c17_the_same_scan_of_a_voucher_s_code_pays_by_voucher(counter: Counter) -> None:
    code = await counter.bought(980)
    done = await counter.sell(MEAL, {"kind": "customer_card", "code": code})
    assert done["payments"][0]["kind"] == "voucher"


async def test_c05_a_scanned_card_of_a_group_that_pays_in_cash_is_refused(
    counter: Counter,
) -> None:
    await counter.centers.group(1, 6, mode="cash")
    await counter.centers.card("4712", None, group=(1, 6), code="04A1B2C3")
    problem = await counter.refused(MEAL, {"kind": "customer_card", "code": "04A1B2C3"})
    assert (problem["code"], problem["mode"]) == ("charge.group_mode", "cash")


async def test_c17_the_key_for_customer_cards_settles_the_sale_by_a_scan(counter: Counter) -> None:
    await counter.centers.group(1, 4)
    await counter.centers.center("4711", "Empfang")
    await counter.centers.card("4712", "4711", code="04A1B2C3")
    key = {"name": "Kundenkarte", "vat": "zero", "kind": "function"}
    await counter.office("PUT", "articles/KK", {**key, "function": "pay_by_customer_card"})
    begun = await counter.sell(MEAL, finish=False)
    body = {"sku": "KK", "entered": "04A1B2C3"}
    done = (await counter.ask(f"/{begun['booking_id']}/functions", body)).json()
    assert (done["state"], done["payments"][0]["center_number"]) == ("recorded", "4711")
