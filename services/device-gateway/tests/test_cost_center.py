"""Payments by cost center through the till API: charged, refused, split, lost and found."""

from __future__ import annotations

import json
from typing import Any

import pytest

from device_gateway.handlers.recovery import ANSWER_WAIT_MAX_S, OPEN_IDLE_MAX_S, sweep
from device_gateway.handlers.stores import declare_stores
from kassenverbund.kit.auth import Caller

MEAL = 980


class Crash(BaseException):
    """kill -9: no handler, no `except Exception`, sees it."""


@pytest.fixture
def centers(rig: Any) -> Any:
    """Center 4711 with a month of 500.00, its virtual card 4711 and a card with a chip."""
    rig.centers.limits["4711"] = 50_000
    rig.centers.cards |= {"4711": "4711", "RFID-4712": "4711"}
    return rig.centers


def payment(rig: Any) -> Any:
    """The payment by cost center of the newest recorded booking."""
    paid = rig.events("booking.recorded")[-1].payments
    return next(each for each in paid if each.kind == "cost_center")


async def test_a_sale_on_a_cost_center_is_recorded_and_the_charge_confirmed(
    rig: Any, till: Any, words: Any, centers: Any
) -> None:
    sale = words.sale([words.article(MEAL, vat="reduced")], words.center(center_number="4711"))
    told = (await till.post("", sale)).json()
    assert (told["state"], told["open_amount"]) == ("recorded", words.eur(0))
    assert [hold["state"] for hold in centers.holds.values()] == ["confirmed"]


async def test_the_recorded_payment_names_center_card_case_and_parts(
    rig: Any, till: Any, words: Any, centers: Any
) -> None:
    centers.addresses["4711"] = ["Firma A GmbH", "Weg 1", "10115 Berlin"]
    lines = [words.article(300), words.article(700, vat="reduced")]
    await till.post("", words.sale(lines, words.center(500, code="RFID-4712"), words.cash(500)))
    paid = payment(rig)
    assert (paid.center_number, paid.card_number, paid.case, paid.fiscal) == (
        "4711", "4712", "Forderungsentstehung", "Keine",
    )  # fmt: skip
    assert paid.center_address == ("Firma A GmbH", "Weg 1", "10115 Berlin")
    assert [(part.dsfinvk_key, part.gross.amount) for part in paid.parts] == [(1, 150), (2, 350)]


async def test_the_service_is_asked_with_the_lines_of_the_goods(
    rig: Any, till: Any, words: Any, centers: Any
) -> None:
    lines = [
        {**words.article(360, quantity="2", vat="reduced"), "article_group": "meals"},
        words.voucher_sale(1000),
    ]
    paid = [words.center(number="4711"), words.cash(1000)]
    await till.post("", words.sale(lines, *paid))
    asked = centers.bodies[0]
    assert asked["amount"] == words.eur(720)
    assert asked["basket"] == [
        {
            "gross": words.eur(720), "vat": "reduced", "dsfinvk_key": 2, "article_group": "meals",
            "line_id": "1", "rate": 700, "quantity": "2",
        }
    ]  # fmt: skip


async def test_no_code_of_a_card_stands_in_an_event(
    rig: Any, till: Any, words: Any, centers: Any
) -> None:
    centers.cards["RFID-SECRETUID"] = "4711"
    centers.failing = ["away", "lost"]
    await till.post("", words.sale([words.article(MEAL)], words.center(code="RFID-SECRETUID")))
    everything = b"".join(entry.data for entry in rig.store.log)
    assert rig.events("booking.recorded")
    assert b"RFID-SECRETUID" not in everything


async def test_a_limit_refuses_with_what_it_leaves_and_the_rest_can_be_split(
    rig: Any, till: Any, words: Any, centers: Any
) -> None:
    centers.limits["4711"] = 760
    lines = [words.article(MEAL, vat="reduced")]
    refused = await till.post("", words.sale(lines, words.center(center_number="4711")))
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (409, "limit.exceeded")
    assert (problem["available"], problem["name"], problem["state"]) == (
        words.eur(760), "Monat", "open",
    )  # fmt: skip
    path = f"/{problem['booking_id']}"
    split = [words.center(760, center_number="4711"), words.card(220)]
    assert (await till.post(f"{path}/payments", {"payments": split})).status_code == 200
    assert (await till.post(f"{path}/finish")).json()["state"] == "recorded"
    assert payment(rig).amount.amount == 760


async def test_up_to_charges_what_the_limit_leaves(
    rig: Any, till: Any, words: Any, centers: Any
) -> None:
    centers.limits["4711"] = 760
    paid = {**words.center(center_number="4711"), "mode": "up_to"}
    told = (await till.post("", words.sale([words.article(MEAL)], paid, words.card(220)))).json()
    assert (told["state"], told["payments"][0]["amount"]) == ("recorded", words.eur(760))


async def test_a_refusal_is_told_again_to_a_repeated_request(
    rig: Any, till: Any, words: Any, centers: Any
) -> None:
    centers.limits["4711"] = 760
    sale = words.sale([words.article(MEAL)], words.center(center_number="4711"))
    first = (await till.post("", sale, key="K")).json()
    centers.limits["4711"] = 50_000
    assert (await till.post("", sale, key="K")).json() == first


async def test_several_virtual_cards_are_told_and_one_is_chosen(
    rig: Any, till: Any, words: Any, centers: Any
) -> None:
    centers.cards["4713"] = "4711"
    sale = words.sale([words.article(MEAL)], words.center(center_number="4711"))
    choice = (await till.post("", sale)).json()
    assert (choice["code"], choice["cards"]) == ("charge.card_choice", ["4711", "4713"])
    chosen = words.center(center_number="4711", card_number="4713")
    path = f"/{choice['booking_id']}"
    await till.post(f"{path}/payments", {"payments": [chosen]})
    await till.post(f"{path}/finish")
    assert payment(rig).card_number == "4713"


async def test_a_cost_center_buys_no_voucher(rig: Any, till: Any, words: Any, centers: Any) -> None:
    sale = words.sale([words.voucher_sale(1000)], words.center(number="4711"))
    assert (await till.post("", sale)).json()["code"] == "charge.buys_voucher"
    assert centers.calls == []


async def test_subsidies_become_payments_of_the_same_hold(
    rig: Any, till: Any, words: Any, centers: Any
) -> None:
    centers.subsidies["4711"] = {
        "rule_id": "R1", "name": "Mittagessen", "case": "ZuschussEcht", "minor": 310,
    }  # fmt: skip
    sale = words.sale([words.article(720, vat="reduced")], words.center(number="4711"))
    told = (await till.post("", sale)).json()
    assert [(paid["kind"], paid["amount"]) for paid in told["payments"]] == [
        ("cost_center", words.eur(410)), ("subsidy", words.eur(310)),
    ]  # fmt: skip
    center, subsidy = rig.events("booking.recorded")[0].payments
    assert (center.hold_id, center.case) == (subsidy.hold_id, "Forderungsentstehung")
    assert (subsidy.case, subsidy.name, subsidy.rule_id) == ("ZuschussEcht", "Mittagessen", "R1")


async def test_what_a_subsidy_leaves_is_paid_by_the_guest(
    rig: Any, till: Any, words: Any, centers: Any
) -> None:
    centers.center_pays = False
    centers.subsidies["4711"] = {
        "rule_id": "R1", "name": "Mittagessen", "case": "ZuschussEcht", "minor": 310,
    }  # fmt: skip
    lines = [words.article(720, vat="reduced")]
    told = await till.post("", words.sale(lines, words.center(number="4711"), words.cash(410)))
    assert told.json()["state"] == "recorded"
    kinds = [paid.kind for paid in rig.events("booking.recorded")[0].payments]
    assert kinds == ["subsidy", "cash"]


async def test_an_abort_leaves_the_charge_to_its_event(
    rig: Any, till: Any, words: Any, centers: Any
) -> None:
    body = {"lines": [words.article(MEAL)], "payments": [words.center(number="4711")]}
    opened = (await till.post("", body)).json()
    await till.post(f"/{opened['booking_id']}/abort")
    aborted = rig.events("booking.aborted")[0]
    assert (aborted.charge_ids, aborted.hold_ids) == (tuple(centers.holds), ())


async def test_a_charge_that_expired_before_the_finish_is_open_again(
    rig: Any, till: Any, words: Any, centers: Any
) -> None:
    body = {"lines": [words.article(MEAL)], "payments": [words.center(number="4711")]}
    opened = (await till.post("", body)).json()
    rig.clock.advance(121)
    problem = (await till.post(f"/{opened['booking_id']}/finish")).json()
    assert (problem["code"], problem["reason"]) == ("booking.open_amount", "hold.expired")
    assert problem["open_amount"] == words.eur(MEAL)
    await sweep(rig.gateway, rig.unfinished)
    assert [hold["state"] for hold in centers.holds.values()] == ["released"]


async def test_without_the_cost_centers_the_cashier_is_told_and_cash_goes_on(
    rig: Any, till: Any, words: Any, centers: Any
) -> None:
    centers.failing = ["away"] * 3
    answer = await till.post("", words.sale([words.article(MEAL)], words.center(number="4711")))
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (503, "costcenter.unavailable")
    path = f"/{problem['booking_id']}"
    await till.post(f"{path}/payments", {"payments": [words.cash(MEAL)]})
    assert (await till.post(f"{path}/finish")).json()["state"] == "recorded"


async def test_a_charge_whose_answers_were_lost_is_released_by_its_id(
    rig: Any, till: Any, words: Any, centers: Any
) -> None:
    centers.failing = ["lost"] * 3
    sale = words.sale([words.article(MEAL)], words.center(number="4711"))
    assert (await till.post("", sale)).status_code == 503
    assert centers.used("4711") == MEAL
    await sweep(rig.gateway, rig.unfinished)
    assert centers.used("4711") == 0
    assert rig.vouchers.calls == []


async def test_a_charge_that_nobody_asks_about_again_is_given_up(
    rig: Any, till: Any, words: Any, centers: Any
) -> None:
    charge = rig.gateway.charges.charge

    async def dies(*args: Any, **kwargs: Any) -> Any:
        await charge(*args, **kwargs)
        raise Crash

    rig.gateway.charges.charge = dies
    sale = words.sale([words.article(MEAL)], words.center(number="4711"))
    with pytest.raises(Crash):
        await till.post("", sale)
    rig.restart()
    rig.clock.advance(ANSWER_WAIT_MAX_S + 1)
    await sweep(rig.gateway, rig.unfinished)
    assert rig.events("payment.refused")[0].code == "costcenter.unavailable"
    assert [hold["state"] for hold in centers.holds.values()] == ["released"]
    rig.clock.advance(OPEN_IDLE_MAX_S + 1)
    await sweep(rig.gateway, rig.unfinished)
    assert len(rig.events("booking.aborted")) == 1


async def test_an_answer_whose_parts_are_not_its_amount_charges_nothing(
    rig: Any, till: Any, words: Any, centers: Any
) -> None:
    async def odd(hold_id: str, body: dict[str, Any]) -> Any:
        told = await type(centers)._charge(centers, hold_id, body)
        return {**told, "parts": [{**told["parts"][0], "gross": words.eur(1)}]}

    centers._charge = odd
    rig.restart()
    sale = words.sale([words.article(MEAL)], words.center(number="4711"))
    assert (await till.post("", sale)).json()["code"] == "costcenter.unavailable"
    await sweep(rig.gateway, rig.unfinished)
    assert centers.used("4711") == 0


async def test_a_chain_without_cost_centers_takes_none(
    rig: Any, till: Any, words: Any, chain: Any
) -> None:
    means = tuple(each for each in chain.means_of_payment if each.kind != "cost_center")
    await declare_stores(rig.gateway, chain.model_copy(update={"means_of_payment": means}))
    rig.restart()
    answer = await till.post("", words.sale([words.article(MEAL)], words.center(number="4711")))
    assert (answer.status_code, answer.json()["code"]) == (422, "payment.kind_unknown")


# --- a customer card: its group says what it is ---


def scanned(code: str) -> dict[str, Any]:
    return {"kind": "customer_card", "code": code}


async def test_a_scanned_card_of_a_cost_center_charges_it(
    rig: Any, till: Any, words: Any, centers: Any
) -> None:
    told = (await till.post("", words.sale([words.article(MEAL)], scanned("RFID-4712")))).json()
    assert (told["state"], told["payments"][0]["kind"]) == ("recorded", "cost_center")


@pytest.mark.parametrize("known", [True, False])
async def test_any_other_scanned_card_pays_what_is_loaded_on_it(
    rig: Any, till: Any, words: Any, centers: Any, known: bool
) -> None:
    rig.vouchers.sell("RFID-1", 5000)
    if known:
        centers.cards["RFID-1"], centers.modes["RFID-1"] = "4711", "prepaid"
    told = (await till.post("", words.sale([words.article(MEAL)], scanned("RFID-1")))).json()
    assert (told["state"], told["payments"][0]["kind"]) == ("recorded", "voucher")


async def test_a_scanned_card_of_a_group_that_pays_at_once_is_refused(
    rig: Any, till: Any, words: Any, centers: Any
) -> None:
    centers.modes["RFID-4712"] = "cash"
    answer = await till.post("", words.sale([words.article(MEAL)], scanned("RFID-4712")))
    problem = answer.json()
    assert (problem["code"], problem["mode"]) == ("charge.group_mode", "cash")
    assert rig.events("booking.started") == []


@pytest.mark.parametrize("stepwise", [True, False])
async def test_a_repeat_takes_a_scanned_card_for_what_it_was(
    rig: Any, till: Any, words: Any, centers: Any, stepwise: bool
) -> None:
    lines = [words.article(MEAL)]
    path, body = "", words.sale(lines, scanned("RFID-4712"))
    if stepwise:
        opened = (await till.post("", {"lines": lines})).json()
        path, body = f"/{opened['booking_id']}/payments", {"payments": [scanned("RFID-4712")]}
    first = (await till.post(path, body, key="K")).json()
    centers.modes["RFID-4712"] = "prepaid"
    assert (await till.post(path, body, key="K")).json() == first


# --- a manager's override ---


async def test_a_manager_at_the_till_lets_it_pass_by_name(
    rig: Any, till: Any, words: Any, centers: Any
) -> None:
    centers.limits["4711"] = 760
    paid = {**words.center(number="4711"), "override": {"reason": "Messe"}}
    sale = words.sale([words.article(MEAL)], paid)
    headers = {"override-authorization": "Bearer manager"}
    assert (await till.post("", sale, **headers)).json()["state"] == "recorded"
    assert centers.bodies[0]["override"] == {"by": "m", "reason": "Messe"}


@pytest.mark.parametrize("token", [None, "cashier", "manager-koeln", "service"])
async def test_nobody_else_lets_it_pass(
    rig: Any, till: Any, words: Any, centers: Any, token: str | None
) -> None:
    rig.tokens.people["cashier"] = Caller("person", "c", frozenset({"cashier"}))
    paid = {**words.center(number="4711"), "override": {"reason": "Messe"}}
    headers = {} if token is None else {"override-authorization": f"Bearer {token}"}
    answer = await till.post("", words.sale([words.article(MEAL)], paid), **headers)
    assert answer.status_code == 403
    assert centers.calls == []


@pytest.mark.parametrize(
    "paid",
    [
        {"kind": "cost_center"},
        {"kind": "cost_center", "card": {}},
        {"kind": "cost_center", "card": {"code": "A", "number": "B"}},
        {"kind": "cost_center", "card": {"number": "B", "card_number": "C"}},
        {"kind": "cost_center", "card": {"code": "A\u0000"}},
        {"kind": "cost_center", "card": {"code": "A"}, "code": "A"},
        {"kind": "cash", "amount": {"amount": 1, "currency": "EUR"}, "card": {"code": "A"}},
        {"kind": "cash", "amount": {"amount": 1, "currency": "EUR"}, "mode": "up_to"},
    ],
)
async def test_a_payment_that_does_not_name_its_card_is_refused(
    rig: Any, till: Any, words: Any, paid: dict[str, Any]
) -> None:
    answer = await till.post("", words.sale([words.article(MEAL)], paid))
    assert answer.status_code == 422
    assert rig.events("booking.started") == []


async def test_two_tills_and_the_last_of_a_limit_charge_it_once(
    rig: Any, till: Any, words: Any, centers: Any, both: Any
) -> None:
    centers.limits["4711"] = 1000
    other = await rig.paired("koeln", "till-9")
    sale = words.sale([words.article(1000)], words.center(number="4711"))
    answers = await both(till.post("", sale), other.post("", sale))
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_the_recorded_booking_is_written_down_without_what_it_does_not_have(
    rig: Any, till: Any, words: Any
) -> None:
    await till.post("", words.sale([words.article(500)], words.cash(500)))
    entry = next(each for each in rig.store.log if each.name == "booking.recorded")
    assert "parts" not in json.loads(entry.data)["payments"][0]
