"""Pairing, tokens, revoking: who may act as a till, and who may not."""

from __future__ import annotations

from typing import Any

import pytest


async def test_a_code_pairs_a_till_and_is_never_stored(rig: Any) -> None:
    offered = (await rig.as_person("manager", "/stores/berlin/v1/pairings", {"name": "K1"})).json()
    assert len(offered["code"]) == 8
    assert set(offered["code"]) <= set("BCDFGHJKLMNPQRSTVWXZ")
    paired = (await rig.pair("berlin", offered["code"].lower())).json()
    assert paired["till_id"] == offered["till_id"]
    assert paired["client_id"] == "KV-berlin-1"
    assert paired["token"].startswith("kvt_")
    stored = b"".join(entry.data for entry in rig.store.log)
    assert offered["code"].encode() not in stored
    assert paired["token"].encode() not in stored


async def test_a_repeated_offer_gives_the_same_code(rig: Any) -> None:
    first = await rig.as_person("manager", "/stores/berlin/v1/pairings", {}, key="P")
    again = await rig.as_person("manager", "/stores/berlin/v1/pairings", {}, key="P")
    assert first.json() == again.json()


async def test_a_lost_answer_to_pairing_is_asked_for_again(rig: Any) -> None:
    offered = (await rig.as_person("manager", "/stores/berlin/v1/pairings", {})).json()
    first = await rig.pair("berlin", offered["code"], key="same")
    again = await rig.pair("berlin", offered["code"], key="same")
    assert first.json() == again.json()
    assert len(rig.events("till.paired")) == 1


async def test_a_pairing_answer_is_not_repeated_for_ever(rig: Any) -> None:
    offered = (await rig.as_person("manager", "/stores/berlin/v1/pairings", {})).json()
    await rig.pair("berlin", offered["code"], key="same")
    rig.clock.advance(601)
    assert (await rig.pair("berlin", offered["code"], key="same")).status_code == 404


async def test_a_code_pairs_one_till_only(rig: Any) -> None:
    offered = (await rig.as_person("manager", "/stores/berlin/v1/pairings", {})).json()
    await rig.pair("berlin", offered["code"])
    again = await rig.pair("berlin", offered["code"])
    assert (again.status_code, again.json()["code"]) == (404, "pairing.unknown")


async def test_wrong_codes_are_stopped_and_the_caller_hears_when_to_come_back(rig: Any) -> None:
    answers = [await rig.pair("berlin", "BBBBBBBB") for _ in range(11)]
    assert [answer.status_code for answer in answers] == [404] * 10 + [429]
    assert answers[-1].json()["code"] == "pairing.rate_limited"
    assert answers[-1].headers["retry-after"] == "30"


async def test_right_codes_do_not_count_as_tries(rig: Any) -> None:
    for _ in range(15):
        await rig.paired("berlin")


async def test_a_revoked_till_is_out_at_once(rig: Any, till: Any, words: Any) -> None:
    revoked = await rig.as_person("manager", "/stores/berlin/v1/tills/till-1/revoke", {})
    assert revoked.json() == {"till_id": "till-1", "revoked": True}
    answer = await till.post("", words.sale([words.article(500)], words.cash(500)))
    assert (answer.status_code, answer.json()["code"]) == (401, "auth.required")


@pytest.mark.parametrize("waits", ["sale", "look"])
async def test_a_till_that_is_revoked_while_it_waits_gets_no_answer(
    rig: Any, till: Any, words: Any, both: Any, waits: str
) -> None:
    sale = words.sale([words.article(500)], words.cash(500))
    path = ""
    if waits == "look":
        path = f"/{(await till.post('', sale)).json()['booking_id']}"

    async def revoke_soon() -> None:
        while not rig.events("booking.recorded"):
            await rig.store.wait_for_append(after=len(rig.store.log), wait_s=1)
        await rig.as_person("manager", "/stores/berlin/v1/tills/till-1/revoke", {})

    asked = till.get(path, prefer="wait=8") if path else till.post("", sale, prefer="wait=8")
    answer, _ = await both(asked, revoke_soon())
    assert (answer.status_code, answer.json()["code"]) == (401, "auth.required")


async def test_a_till_paired_anew_loses_its_old_token_and_keeps_its_numbers(
    rig: Any, till: Any, words: Any
) -> None:
    await till.post("", words.sale([words.article(500)], words.cash(500)))
    again = await rig.paired("berlin", "till-1")
    sale = words.sale([words.article(500)], words.cash(500))
    assert (await till.post("", sale)).status_code == 401
    assert (await again.post("", sale)).json()["number"] == 2


async def test_tills_share_the_tses_of_their_store(rig: Any) -> None:
    for _ in range(4):
        await rig.paired("berlin")
    answer = await rig.http.get(
        "/stores/berlin/v1/tills", headers={"authorization": "Bearer manager"}
    )
    tills = answer.json()["tills"]
    assert [till["tse_id"] for till in tills] == ["tse-berlin-1", "tse-berlin-2"] * 2
    assert len({till["client_id"] for till in tills}) == 4


async def test_tills_that_are_paired_at_once_get_different_serials(rig: Any, both: Any) -> None:
    await both(*(rig.paired("berlin") for _ in range(8)))
    serials = [event.client_id for event in rig.events("till.paired")]
    assert sorted(serials) == [f"KV-berlin-{number}" for number in range(1, 9)]


async def test_another_service_learns_whose_token_it_is(rig: Any, till: Any) -> None:
    known = await rig.as_person("service", "/stores/introspections", {"token": till.token})
    assert known.json() == {
        "active": True,
        "kind": "till",
        "id": "till-1",
        "roles": ["cashier"],
        "store_id": "berlin",
        "till_id": "till-1",
    }
    unknown = await rig.as_person("service", "/stores/introspections", {"token": "kvt_x"})
    assert unknown.json()["active"] is False


@pytest.mark.parametrize("who", ["manager", "manager-koeln"])
async def test_people_may_not_ask_whose_token_it_is(rig: Any, till: Any, who: str) -> None:
    answer = await rig.as_person(who, "/stores/introspections", {"token": till.token})
    assert answer.json()["code"] == "auth.forbidden"


async def test_a_manager_of_another_store_may_not_pair_here(rig: Any) -> None:
    answer = await rig.as_person("manager-koeln", "/stores/berlin/v1/pairings", {})
    assert (answer.status_code, answer.json()["code"]) == (403, "auth.foreign_store")


async def test_a_till_may_not_pair_another_till(rig: Any, till: Any) -> None:
    answer = await rig.as_person(till.token, "/stores/berlin/v1/pairings", {})
    assert answer.json()["code"] == "auth.forbidden"


async def test_a_store_that_is_not_declared_is_unknown(rig: Any) -> None:
    answer = await rig.as_person("manager", "/stores/nowhere/v1/pairings", {})
    assert (answer.status_code, answer.json()["code"]) == (404, "store.unknown")


async def test_master_data_is_recorded_once_and_again_when_it_changes(rig: Any) -> None:
    before = rig.names().count("master_data.changed")
    rig.clock.advance(60)
    await rig.declare()
    assert rig.names().count("master_data.changed") == before == 2


async def test_a_pairing_whose_commit_is_unknown_is_asked_again(rig: Any) -> None:
    offered = (await rig.as_person("manager", "/stores/berlin/v1/pairings", {})).json()
    rig.store.lose_answer = True
    answer = await rig.pair("berlin", offered["code"])
    assert answer.status_code == 200
    assert len(rig.events("till.paired")) == 1
