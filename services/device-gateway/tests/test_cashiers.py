"""Cashiers, rights and lent rights: who may do what at a till."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from device_gateway.handlers import cashiers
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.rights import allowed
from events import Ask, DomainError

TILL = "/stores/berlin/v1/tills/till-1"
PEOPLE = "/stores/berlin/v1/cashiers"


@pytest_asyncio.fixture(loop_scope="session")
async def people(rig: Any, till: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Anna is a cashier (PIN 80516273, a card), Chef a manager (PIN 9999). Their PINs are cheap:
    what a try costs otherwise is no matter here."""
    monkeypatch.setattr(cashiers, "SCRYPT_N", 2)
    for cashier_id, role, pin in (("anna", "cashier", "80516273"), ("chef", "manager", "9999")):
        body = {"name": f"{cashier_id.title()} Muster", "role": role, "pin": pin}
        if cashier_id == "anna":
            body["code"] = "04AB12CD"
        assert (await put(rig, f"{PEOPLE}/{cashier_id}", body)).status_code == 200
    return rig


async def put(rig: Any, path: str, body: Any, who: str = "manager", key: str | None = None) -> Any:
    headers = {"authorization": f"Bearer {who}", "idempotency-key": key or uuid4().hex}
    return await rig.http.put(path, json=body, headers=headers)


async def at(rig: Any, till: Any, method: str, path: str, body: Any = None, **headers: str) -> Any:
    head = {"authorization": f"Bearer {till.token}", "idempotency-key": uuid4().hex, **headers}
    return await rig.http.request(method, TILL + path, json=body, headers=head)


async def test_a_cashier_signs_in_by_pin_and_out_again(people: Any, till: Any) -> None:
    told = await at(people, till, "POST", "/cashier", {"cashier": "anna", "pin": "80516273"})
    assert told.status_code == 200, told.text
    assert told.json()["name"] == "Anna Muster"
    assert told.json()["rights"] == ["void_line", "cash_move", "close", "training", "reprint"]
    out = await at(people, till, "DELETE", "/cashier")
    assert out.json()["cashier"] is None
    assert "discount" in out.json()["rights"]
    assert people.names()[-2:] == ["cashier.signed_in", "cashier.signed_out"]


async def test_a_cashier_signs_in_by_card_alone(people: Any, till: Any) -> None:
    told = await at(people, till, "POST", "/cashier", {"code": "04AB12CD"})
    assert told.json()["cashier"] == "anna"


async def test_a_sale_names_who_is_signed_in(people: Any, till: Any, words: Any) -> None:
    await at(people, till, "POST", "/cashier", {"code": "04AB12CD"})
    sold = await till.post("", words.sale([words.article(500)], words.cash(500)))
    assert sold.status_code == 200, sold.text
    assert people.events("booking.recorded")[-1].cashier_id == "anna"


async def test_no_name_no_pin_and_no_card_stands_in_the_log(people: Any, till: Any) -> None:
    await at(people, till, "POST", "/cashier", {"cashier": "anna", "pin": "80516273"})
    told = "".join(each.event.model_dump_json() for each in people.store.log)
    assert "Muster" not in told
    assert "04AB12CD" not in told
    assert "80516273" not in told


@pytest.mark.parametrize(
    "proof",
    [
        {"cashier": "anna", "pin": "4321"},
        {"cashier": "nobody", "pin": "80516273"},
        {"code": "04FFFFFF"},
    ],
)
async def test_who_is_not_known_gets_the_same_answer(
    people: Any, till: Any, proof: dict[str, str]
) -> None:
    told = await at(people, till, "POST", "/cashier", proof)
    assert (told.status_code, told.json()["code"]) == (403, "cashier.not_recognized")


async def test_five_wrong_pins_lock_the_till_for_five_minutes(people: Any, till: Any) -> None:
    for _ in range(5):
        wrong = await at(people, till, "POST", "/cashier", {"cashier": "anna", "pin": "0000"})
        assert wrong.json()["code"] == "cashier.not_recognized"
    right = {"cashier": "anna", "pin": "80516273"}
    locked = await at(people, till, "POST", "/cashier", right)
    assert (locked.status_code, locked.json()["code"]) == (429, "cashier.locked")
    people.clock.advance(301)
    assert (await at(people, till, "POST", "/cashier", right)).status_code == 200


async def test_a_removed_cashier_has_no_rights_even_where_he_stands(people: Any, till: Any) -> None:
    await at(people, till, "POST", "/cashier", {"cashier": "anna", "pin": "80516273"})
    gone = await people.http.delete(
        f"{PEOPLE}/anna", headers={"authorization": "Bearer manager", "idempotency-key": "gone"}
    )
    assert gone.status_code == 200, gone.text
    with pytest.raises(DomainError, match="may not") as refused:
        await allowed(people.gateway, "berlin", "till-1", "void_line")
    assert refused.value.code == "till.right_missing"
    again = await at(people, till, "POST", "/cashier", {"code": "04AB12CD"})
    assert again.json()["code"] == "cashier.not_recognized"


async def test_a_late_repeat_never_brings_an_old_pin_back(people: Any, till: Any) -> None:
    first = {"name": "Anna", "pin": "1111"}
    await put(people, f"{PEOPLE}/anna", first, key="first")
    await put(people, f"{PEOPLE}/anna", {"name": "Anna", "pin": "2222"})
    await put(people, f"{PEOPLE}/anna", first, key="first")
    old = await at(people, till, "POST", "/cashier", {"cashier": "anna", "pin": "1111"})
    assert old.status_code == 403
    new = await at(people, till, "POST", "/cashier", {"cashier": "anna", "pin": "2222"})
    assert new.status_code == 200


async def test_one_card_is_one_person(people: Any) -> None:
    taken = await put(people, f"{PEOPLE}/bert", {"name": "Bert", "code": "04AB12CD"})
    assert (taken.status_code, taken.json()["code"]) == (409, "cashier.card_taken")


async def test_a_manager_of_one_store_enrolls_nobody_elsewhere(people: Any) -> None:
    path = "/stores/koeln/v1/cashiers/anna"
    foreign = await put(people, path, {"name": "Anna"}, who="manager-koeln")
    assert (foreign.status_code, foreign.json()["code"]) == (403, "cashier.elsewhere")
    everywhere = {"name": "Carla", "store_ids": []}
    own = await put(people, "/stores/koeln/v1/cashiers/carla", everywhere, who="manager-koeln")
    assert own.json()["code"] == "cashier.elsewhere"


async def test_the_list_names_who_may_sign_in_here(people: Any) -> None:
    await put(people, "/stores/koeln/v1/cashiers/dora", {"name": "Dora"})
    told = await people.http.get(PEOPLE, headers={"authorization": "Bearer manager"})
    assert [each["cashier"] for each in told.json()["cashiers"]] == ["anna", "chef"]
    assert "pin" not in told.json()["cashiers"][0]


async def test_a_lent_right_counts_once_and_the_repeat_of_its_act_again(
    people: Any, till: Any
) -> None:
    await at(people, till, "POST", "/cashier", {"cashier": "anna", "pin": "80516273"})
    gateway: Gateway = people.gateway
    lent = {"cashier": "chef", "pin": "9999", "right": "discount"}
    approval = (await at(people, till, "POST", "/approvals", lent)).json()["approval"]

    act = Ask.of("till:till-1/act", "x")
    who = await allowed(gateway, "berlin", "till-1", "discount", approval, ask=act)
    assert (who.cashier_id, who.approved_by, who.discount_max) == ("anna", "chef", 10_000)
    again = await allowed(gateway, "berlin", "till-1", "discount", approval, ask=act)
    assert again.approved_by == "chef"
    other = replace(act, key="till:till-1/another")
    with pytest.raises(DomainError) as refused:
        await allowed(gateway, "berlin", "till-1", "discount", approval, ask=other)
    assert refused.value.code == "approval.not_valid"


@pytest.mark.parametrize("spoiled", ["late", "other_right", "other_booking"])
async def test_a_lent_right_is_for_its_act_and_its_time(
    people: Any, till: Any, spoiled: str
) -> None:
    lent = {"cashier": "chef", "pin": "9999", "right": "cancel", "booking_id": "b-1"}
    approval = (await at(people, till, "POST", "/approvals", lent)).json()["approval"]
    if spoiled == "late":
        people.clock.advance(121)
    right: Any = "discount" if spoiled == "other_right" else "cancel"
    booking = "b-2" if spoiled == "other_booking" else "b-1"
    with pytest.raises(DomainError) as refused:
        await allowed(people.gateway, "berlin", "till-1", right, approval, booking_id=booking)
    assert refused.value.code == "approval.not_valid"


async def test_nobody_lends_what_he_may_not(people: Any, till: Any) -> None:
    lent = {"code": "04AB12CD", "right": "cancel"}
    told = await at(people, till, "POST", "/approvals", lent)
    assert (told.status_code, told.json()["code"]) == (403, "till.right_missing")


async def test_where_it_is_required_nothing_is_sold_without_somebody(
    people: Any, till: Any, words: Any
) -> None:
    people.restart(cashiers=people.gateway.cashiers, sign_in_required=frozenset({"berlin"}))
    sale = words.sale([words.article(500)], words.cash(500))
    refused = await till.post("", sale)
    assert (refused.status_code, refused.json()["code"]) == (403, "till.sign_in_needed")
    await at(people, till, "POST", "/cashier", {"cashier": "anna", "pin": "80516273"})
    assert (await till.post("", sale)).status_code == 200


async def test_a_sale_that_was_begun_waits_for_somebody_once_he_has_signed_out(
    people: Any, till: Any, words: Any
) -> None:
    anna = {"cashier": "anna", "pin": "80516273"}
    people.restart(cashiers=people.gateway.cashiers, sign_in_required=frozenset({"berlin"}))
    await at(people, till, "POST", "/cashier", anna)
    begun = await till.post("", {"lines": [words.article(500)], "payments": [], "finish": False})
    booking = f"/{begun.json()['booking_id']}"
    await at(people, till, "DELETE", "/cashier")
    acts = {
        f"{booking}/lines": {"lines": [words.article(100)]},
        f"{booking}/payments": {"payments": [words.cash(600)]},
        f"{booking}/finish": {},
        f"{booking}/lines/1/quantity": {"quantity": "2"},
        f"{booking}/discount": {"percent": 1000, "reason": "x"},
        f"{booking}/park": {},
    }
    for path, body in acts.items():
        refused = await till.post(path, body)
        assert (refused.status_code, refused.json()["code"]) == (403, "till.sign_in_needed"), path
    await at(people, till, "POST", "/cashier", anna)
    for path, body in list(acts.items())[:3]:
        done = await till.post(path, body, key=path)
        assert done.status_code == 200, done.text
    assert done.json()["state"] == "recorded"
    await at(people, till, "DELETE", "/cashier")
    again = await till.post(path, body, key=path)
    assert again.status_code == 200  # What was answered is answered again.


async def test_what_is_delivered_on_account_needs_its_right(
    people: Any, till: Any, words: Any
) -> None:
    await at(people, till, "POST", "/cashier", {"cashier": "anna", "pin": "80516273"})
    owed = {"kind": "on_account", "payer": {"id": "kunde-17", "kind": "customer"}}
    refused = await till.post("", words.sale([words.article(500)], owed))
    assert (refused.status_code, refused.json()["code"]) == (403, "till.right_missing")
    assert refused.json()["right"] == "on_account"
    begun = await till.post("", {"lines": [words.article(500)], "payments": [], "finish": False})
    path = f"/{begun.json()['booking_id']}/payments"
    later = await till.post(path, {"payments": [owed]})
    assert (later.status_code, later.json().get("right")) == (403, "on_account")
    lent = {"cashier": "chef", "pin": "9999", "right": "on_account"}
    approval = (await at(people, till, "POST", "/approvals", lent)).json()["approval"]
    body = {"payments": [owed]}
    passed = await till.post(path, body, approval=approval)
    # The right is there now; this store delivers nothing on account.
    assert passed.json()["code"] == "payment.kind_unknown"


async def test_in_training_mode_every_sale_is_a_training_until_somebody_signs_in(
    people: Any, till: Any, words: Any
) -> None:
    told = await at(people, till, "PUT", "/training", {"on": True})
    assert told.json()["training"] is True
    assert (await at(people, till, "GET", "/shift")).json()["training"] is True
    sale = words.sale([words.article(500)], words.cash(500))
    assert (await till.post("", sale)).json()["kind"] == "training"
    await at(people, till, "POST", "/cashier", {"code": "04AB12CD"})
    assert (await till.post("", sale)).json()["kind"] == "sale"
