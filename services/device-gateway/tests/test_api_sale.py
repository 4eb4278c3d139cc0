"""A sale over HTTP: complete or step by step, paid in every way, with answers that can be lost."""

from __future__ import annotations

from typing import Any

import pytest

from device_gateway.handlers.recovery import sweep


async def test_a_complete_cash_sale_is_recorded_with_the_tills_first_number(
    till: Any, words: Any
) -> None:
    answer = await till.post("", words.sale([words.article(1999)], words.cash(2000)))
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["state"], told["number"]) == ("recorded", 1)
    assert told["total"] == words.eur(1999)
    assert told["change"] == words.eur(1)
    assert told["open_amount"] == words.eur(0)


async def test_a_complete_cash_sale_is_one_append(rig: Any, till: Any, words: Any) -> None:
    await till.post("", words.sale([words.article(300)], words.cash(300)))
    await till.post("", words.sale([words.article(500)], words.cash(500)))
    wanted = [
        "till.number_given", "booking.started", "booking.lines_added", "payment.accepted",
        "booking.recorded",
    ]  # fmt: skip
    assert rig.names()[-5:] == wanted
    assert len({entry.idempotency_key for entry in rig.store.log[-5:]}) == 1


async def test_the_recorded_booking_says_by_when_it_must_be_signed(
    rig: Any, till: Any, words: Any
) -> None:
    await till.post("", words.sale([words.article(500)], words.cash(500)))
    recorded = rig.events("booking.recorded")[0]
    assert (recorded.sign_by - recorded.recorded_at).total_seconds() == 30


async def test_the_vat_table_is_computed_over_the_gross_sum_of_each_rate(
    till: Any, words: Any
) -> None:
    lines = [words.article(333), words.article(333), words.article(1070, vat="reduced")]
    told = (await till.post("", words.sale(lines, words.cash(1736)))).json()
    rows = [
        (row["vat"], row["gross"]["amount"], row["net"]["amount"], row["tax"]["amount"])
        for row in told["vat"]
    ]
    assert rows == [("standard", 666, 560, 106), ("reduced", 1070, 1000, 70)]


async def test_a_booking_grows_step_by_step_and_is_finished(till: Any, words: Any) -> None:
    opened = (await till.post("", {})).json()
    path = f"/{opened['booking_id']}"
    assert opened["state"] == "open"
    lines = {"lines": [words.article(700), words.article(250, quantity="0.5")]}
    added = (await till.post(f"{path}/lines", lines)).json()
    assert added["open_amount"] == words.eur(825)
    paid = (await till.post(f"{path}/payments", {"payments": [words.card(825)]})).json()
    assert paid["open_amount"] == words.eur(0)
    done = (await till.post(f"{path}/finish")).json()
    assert (done["state"], done["number"], done["total"]) == ("recorded", 1, words.eur(825))


async def test_a_repeated_request_is_answered_with_the_same_booking(
    rig: Any, till: Any, words: Any
) -> None:
    sale = words.sale([words.article(500)], words.cash(500))
    first = (await till.post("", sale, key="K1")).json()
    again = (await till.post("", sale, key="K1")).json()
    assert again == first
    assert len(rig.events("booking.recorded")) == 1


async def test_a_repeated_request_shows_the_signature_that_came_meanwhile(
    rig: Any, till: Any, words: Any
) -> None:
    sale = words.sale([words.article(500)], words.cash(500))
    first = (await till.post("", sale, key="K1")).json()
    await rig.sign(first["booking_id"])
    again = (await till.post("", sale, key="K1")).json()
    assert again["state"] == "signed"
    assert again["signature"]["signature_counter"] == 14
    assert again["receipt"]["text"].startswith("Beleg 1 5.00 EUR")


async def test_a_reused_key_with_another_body_is_refused_and_nothing_is_stored(
    rig: Any, till: Any, words: Any
) -> None:
    await till.post("", words.sale([words.article(500)], words.cash(500)), key="K1")
    before = len(rig.store.log)
    other = await till.post("", words.sale([words.article(600)], words.cash(600)), key="K1")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key.reused")
    assert len(rig.store.log) == before


async def test_a_reused_key_is_refused_at_every_step(till: Any, words: Any) -> None:
    opened = (await till.post("", {"lines": [words.article(900)]})).json()
    path = f"/{opened['booking_id']}"
    await till.post(f"{path}/payments", {"payments": [words.cash(400)]}, key="P")
    other = await till.post(f"{path}/payments", {"payments": [words.cash(500)]}, key="P")
    assert other.json()["code"] == "idempotency_key.reused"
    finished = await till.post(f"{path}/finish", key="P")
    assert finished.status_code in (409, 422)


async def test_a_voucher_pays_what_it_can_and_its_rest_is_shown(
    rig: Any, till: Any, words: Any
) -> None:
    rig.vouchers.sell("CODE-50", 5000)
    told = (await till.post("", words.sale([words.article(500)], words.voucher("CODE-50")))).json()
    assert told["state"] == "recorded"
    assert told["payments"][0]["amount"] == words.eur(500)
    assert told["payments"][0]["voucher_remaining"] == words.eur(4500)
    recorded = rig.events("booking.recorded")[0].payments[0]
    assert (recorded.vat, recorded.dsfinvk_key, recorded.fiscal) == ("zero", 5, "Keine")
    assert rig.vouchers.holds[recorded.hold_id]["state"] == "confirmed"


async def test_a_small_voucher_and_cash_pay_together(rig: Any, till: Any, words: Any) -> None:
    rig.vouchers.sell("CODE-10", 1000)
    sale = words.sale([words.article(1600)], words.voucher("CODE-10"), words.cash(1000))
    told = (await till.post("", sale)).json()
    assert [paid["amount"]["amount"] for paid in told["payments"]] == [1000, 600]
    assert told["change"] == words.eur(400)


async def test_a_small_voucher_alone_leaves_the_rest_open(rig: Any, till: Any, words: Any) -> None:
    rig.vouchers.sell("CODE-10", 1000)
    sale = words.sale([words.article(1600)], words.voucher("CODE-10"))
    answer = await till.post("", sale)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "booking.open_amount")
    assert problem["open_amount"] == words.eur(600)
    path = f"/{problem['booking_id']}"
    assert (await till.get(path)).json()["state"] == "open"
    await till.post(f"{path}/payments", {"payments": [words.cash(600)]})
    done = (await till.post(f"{path}/finish")).json()
    assert (done["state"], done["number"]) == ("recorded", 1)


async def test_a_voucher_of_a_given_amount_is_not_asked_for_more(
    rig: Any, till: Any, words: Any
) -> None:
    rig.vouchers.sell("CODE-50", 5000)
    sale = words.sale([words.article(1600)], words.voucher("CODE-50", 700), words.cash(900))
    told = (await till.post("", sale)).json()
    assert [paid["amount"]["amount"] for paid in told["payments"]] == [700, 900]


def covering(line: int, minor: int) -> dict[str, Any]:
    return {"line": line, "amount": {"amount": minor, "currency": "EUR"}}


@pytest.mark.parametrize(
    "covers",
    [
        [covering(0, 299), covering(1, 400)],
        [covering(0, 301), covering(1, 399)],
        [covering(0, 700)],
        [covering(0, 300), covering(0, 300), covering(1, 100)],
        [covering(1, 700), covering(0, 0)],
        [covering(0, 300), covering(2, 400)],
    ],
    ids=["too little", "a line too much", "all on one", "a line twice", "nothing", "no line"],
)
async def test_a_hold_that_covers_lines_without_sense_is_given_up_and_released(
    rig: Any, till: Any, words: Any, covers: list[dict[str, Any]]
) -> None:
    rig.vouchers.sell("CODE-7", 700)
    rig.vouchers.covers["CODE-7"] = covers
    sale = words.sale([words.article(300), words.article(600)], words.voucher("CODE-7"))
    answer = await till.post("", sale)
    assert (answer.status_code, answer.json()["open_amount"]) == (503, words.eur(900))
    rig.clock.advance(60)
    await sweep(rig.gateway, rig.unfinished)
    assert [hold["state"] for hold in rig.vouchers.holds.values()] == ["released"]


async def test_a_hold_that_covers_lines_is_recorded_with_them(
    rig: Any, till: Any, words: Any
) -> None:
    rig.vouchers.sell("CODE-7", 700)
    rig.vouchers.covers["CODE-7"] = [covering(0, 300), covering(1, 400)]
    lines = [words.article(300), words.article(600)]
    await till.post("", words.sale(lines, words.voucher("CODE-7"), words.cash(200)))
    covers = rig.events("booking.recorded")[0].payments[0].covers
    assert [(part.line_id, part.amount.amount) for part in covers] == [("1", 300), ("2", 400)]


async def test_an_unknown_voucher_records_nothing_and_the_booking_stays_open(
    rig: Any, till: Any, words: Any
) -> None:
    answer = await till.post("", words.sale([words.article(500)], words.voucher("NOBODY")))
    assert (answer.status_code, answer.json()["code"]) == (409, "voucher.not_usable")
    assert rig.events("booking.recorded") == []
    told = (await till.get(f"/{answer.json()['booking_id']}")).json()
    assert (told["state"], told["payments"][0]["refusal"]) == ("open", "voucher.not_usable")


async def test_no_code_of_a_voucher_stands_in_an_event(rig: Any, till: Any, words: Any) -> None:
    rig.vouchers.sell("SECRETCODE", 5000)
    lines = [words.article(500), words.voucher_sale(1000)]
    sale = words.sale(lines, words.voucher("SECRETCODE"), words.cash(1000))
    told = (await till.post("", sale)).json()
    sold = told["vouchers"][0]["code"]
    assert sold
    everything = (
        b"".join(entry.data for entry in rig.store.log if entry.event.store_id == "berlin")
        .replace(b"S-SECRETCODE", b"")
        .replace(b"v-SECRETCODE", b"")
    )
    assert b"SECRETCODE" not in everything
    assert sold.encode() not in everything


async def test_a_sold_voucher_comes_with_its_code_and_again_on_a_repeat(
    rig: Any, till: Any, words: Any
) -> None:
    sale = words.sale([words.voucher_sale(5000)], words.cash(5000))
    first = (await till.post("", sale, key="V")).json()["vouchers"]
    again = (await till.post("", sale, key="V")).json()["vouchers"]
    assert first == again
    assert first[0]["serial"].startswith("GS-")
    assert first[0]["code"]


async def test_a_sold_vouchers_code_is_not_shown_by_a_look_at_the_booking(
    till: Any, words: Any
) -> None:
    told = (await till.post("", words.sale([words.voucher_sale(5000)], words.cash(5000)))).json()
    looked = (await till.get(f"/{told['booking_id']}")).json()
    assert looked["vouchers"][0]["serial"] == told["vouchers"][0]["serial"]
    assert looked["vouchers"][0]["code"] is None


async def test_a_voucher_cannot_buy_a_voucher(rig: Any, till: Any, words: Any) -> None:
    rig.vouchers.sell("CODE-50", 5000)
    sale = words.sale([words.voucher_sale(1000)], words.voucher("CODE-50"))
    answer = await till.post("", sale)
    assert answer.json()["code"] == "payment.voucher_buys_voucher"
    assert rig.vouchers.holds == {}


async def test_a_voucher_pays_for_the_articles_beside_a_sold_voucher_and_no_more(
    rig: Any, till: Any, words: Any
) -> None:
    rig.vouchers.sell("CODE-50", 5000)
    lines = [words.article(300), words.voucher_sale(1000)]
    told = (
        await till.post("", words.sale(lines, words.voucher("CODE-50"), words.cash(1000)))
    ).json()
    assert [paid["amount"]["amount"] for paid in told["payments"]] == [300, 1000]


async def test_a_card_may_not_pay_more_than_is_open(rig: Any, till: Any, words: Any) -> None:
    before = len(rig.store.log)
    answer = await till.post("", words.sale([words.article(500)], words.card(501)))
    assert (answer.status_code, answer.json()["code"]) == (409, "payment.exceeds_open")
    assert len(rig.store.log) == before


async def test_an_aborted_booking_names_the_holds_and_vouchers_that_end(
    rig: Any, till: Any, words: Any
) -> None:
    rig.vouchers.sell("CODE-10", 1000)
    lines = [words.article(1600), words.voucher_sale(500)]
    opened = (await till.post("", {"lines": lines, "payments": [words.voucher("CODE-10")]})).json()
    told = (await till.post(f"/{opened['booking_id']}/abort", {"reason": "Kunde"})).json()
    assert told["state"] == "aborted"
    aborted = rig.events("booking.aborted")[0]
    assert set(aborted.hold_ids) == set(rig.vouchers.holds)
    assert len(aborted.voucher_ids) == 1
    assert aborted.reason == "Kunde"


async def test_a_recorded_booking_cannot_be_aborted_or_changed(till: Any, words: Any) -> None:
    told = (await till.post("", words.sale([words.article(500)], words.cash(500)))).json()
    path = f"/{told['booking_id']}"
    codes = [
        (await till.post(f"{path}/abort")).json()["code"],
        (await till.post(f"{path}/lines", {"lines": [words.article(1)]})).json()["code"],
        (await till.post(f"{path}/payments", {"payments": [words.cash(1)]})).json()["code"],
    ]
    assert codes == ["booking.recorded"] * 3


async def test_finishing_twice_gives_the_same_number(till: Any, words: Any) -> None:
    opened = (
        await till.post("", {"lines": [words.article(500)], "payments": [words.cash(500)]})
    ).json()
    first = (await till.post(f"/{opened['booking_id']}/finish")).json()
    again = (await till.post(f"/{opened['booking_id']}/finish")).json()
    assert first["number"] == again["number"] == 1


async def test_an_empty_booking_cannot_be_finished(till: Any, words: Any) -> None:
    answer = await till.post("", words.sale([]))
    assert (answer.status_code, answer.json()["code"]) == (409, "booking.empty")


async def test_a_waiting_till_gets_the_signature_in_the_same_answer(
    rig: Any, till: Any, words: Any, both: Any
) -> None:
    rig.gateway.clock.now = rig.clock.now

    async def sign_soon() -> None:
        while not rig.events("booking.recorded"):
            await rig.store.wait_for_append(after=len(rig.store.log), wait_s=1)
        await rig.sign(rig.events("booking.recorded")[0].booking_id)

    sale = words.sale([words.article(500)], words.cash(500))
    answer, _ = await both(till.post("", sale, prefer="wait=3"), sign_soon())
    told = answer.json()
    assert told["state"] == "signed"
    assert told["signature"]["qr"].startswith("V0;")


async def test_a_lost_answer_of_the_voucher_service_is_asked_for_again_with_the_same_id(
    rig: Any, till: Any, words: Any
) -> None:
    rig.vouchers.sell("CODE-50", 5000)
    rig.vouchers.failing = ["lost"]
    told = (await till.post("", words.sale([words.article(500)], words.voucher("CODE-50")))).json()
    assert told["state"] == "recorded"
    assert len(rig.vouchers.holds) == 1
    assert rig.vouchers.available("CODE-50") == 4500


async def test_a_silent_voucher_service_is_told_to_the_cashier_and_the_hold_is_released_later(
    rig: Any, till: Any, words: Any
) -> None:
    rig.vouchers.sell("CODE-50", 5000)
    rig.vouchers.failing = ["lost", "away", "away"]
    answer = await till.post("", words.sale([words.article(500)], words.voucher("CODE-50")))
    assert (answer.status_code, answer.json()["code"]) == (503, "voucher.unavailable")
    assert rig.vouchers.available("CODE-50") == 4500
    await sweep(rig.gateway, rig.unfinished)
    assert rig.vouchers.available("CODE-50") == 5000
    path = f"/{answer.json()['booking_id']}"
    await till.post(f"{path}/payments", {"payments": [words.cash(500)]})
    assert (await till.post(f"{path}/finish")).json()["state"] == "recorded"


async def test_a_hold_that_expired_before_the_finish_opens_its_amount_again(
    rig: Any, till: Any, words: Any
) -> None:
    rig.vouchers.sell("CODE-10", 1000)
    opened = (
        await till.post("", {"lines": [words.article(900)], "payments": [words.voucher("CODE-10")]})
    ).json()
    assert opened["open_amount"] == words.eur(0)
    rig.clock.advance(600)
    answer = await till.post(f"/{opened['booking_id']}/finish")
    assert (answer.status_code, answer.json()["code"]) == (409, "booking.open_amount")
    assert answer.json()["open_amount"] == words.eur(900)
    assert rig.events("booking.recorded") == []
