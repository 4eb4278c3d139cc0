"""Leases over HTTP, in process, over PostgreSQL."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from costcenter.testing.bookings import on_center, recorded
from costcenter.testing.shop import Shop, eur, problem


@pytest.fixture
async def center(shop: Shop, unique: str) -> str:
    """A center of its own with 100.00 a month, and a virtual card; both have its number."""
    number = str(int(unique[:10], 16))
    await shop.world.center(number)
    await shop.world.card(number, number)
    await shop.world.limit(f"L-{number}", "center", f"c{number}", "month", "100.00")
    return number


def body(center: str, amount: str = "10.00", **other: Any) -> dict[str, Any]:
    return {
        "store_id": "berlin",
        "center_id": f"c{center}",
        "amount": eur(amount),
        "count": 5,
        "hours": 24,
        **other,
    }


async def grant(shop: Shop, center: str, amount: str = "10.00", **other: Any) -> dict[str, Any]:
    answer = await shop.send("POST", "/v1/leases", body(center, amount, **other))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_lease_answers_with_what_it_covers(shop: Shop, center: str) -> None:
    lease = await grant(shop, center)
    assert lease["state"] == "open"
    assert lease["left"] == eur("10.00")
    assert [card["number"] for card in lease["cards"]] == [center]
    assert lease["center"]["number"] == center


async def test_no_code_or_hash_of_a_card_leaves_the_service(shop: Shop, center: str) -> None:
    uid = f"04A1{int(center):016X}"  # Ten bytes, whatever the number.
    await shop.world.card(f"{center}9", center, code=uid)
    answer = await shop.send("POST", "/v1/leases", body(center))
    stored = [
        entry.event.code_hash  # type: ignore[attr-defined]  # card.issued
        for entry in await shop.world.store.load(f"card-k{center}9")
    ]
    assert len(answer.json()["cards"]) == 2
    assert stored[0] not in answer.text
    assert uid not in answer.text


async def test_the_same_key_gives_the_same_lease(shop: Shop, center: str) -> None:
    answers = [
        await shop.send("POST", "/v1/leases", body(center), key=f"same-{center}") for _ in range(2)
    ]
    assert len({answer.json()["lease_id"] for answer in answers}) == 1
    other = await shop.send("POST", "/v1/leases", body(center, "11.00"), key=f"same-{center}")
    assert problem(other) == (422, "idempotency_key.reused")


async def test_what_does_not_fit_is_refused_with_what_would(shop: Shop, center: str) -> None:
    await grant(shop, center, "95.00")
    answer = await shop.send("POST", "/v1/leases", body(center))
    assert problem(answer) == (409, "limit.exceeded")
    assert answer.json()["available"] == eur("5.00")


async def test_leases_and_holds_at_once_fill_the_limit_and_no_more(shop: Shop, center: str) -> None:
    """Eight leases of 20.00 and eight charges of 15.00 want 280.00 of 100.00."""
    leases = [shop.send("POST", "/v1/leases", body(center, "20.00")) for _ in range(8)]
    holds = [shop.hold(f"{center}-{number}", {"number": center}, "15.00") for number in range(8)]
    answers = await asyncio.gather(*leases, *holds)
    assert {answer.status_code for answer in answers} == {200, 409}
    taken = sum(
        answer.json()["amount"]["amount"] for answer in answers if answer.status_code == 200
    )
    account = await shop.world.usage(f"L-{center}-2026-10")
    assert account.amount == taken
    # No room is left that one of those refused would have fitted into.
    assert 10_000 - 1_500 < taken <= 10_000


async def test_a_store_reports_and_returns_its_lease(shop: Shop, center: str) -> None:
    lease = await grant(shop, center)
    path, charge = f"/v1/leases/{lease['lease_id']}", f"off-{center}"
    early = await shop.send("POST", f"{path}/return", {"charges": [charge]})
    assert problem(early) == (409, "lease.unreported")
    paid = on_center(
        charge, "4.00", offline=True, lease_id=lease["lease_id"], card_number=center,
        card_id=f"k{center}",
    )  # fmt: skip
    await shop.hear(recorded(f"b-{charge}", payments=[paid]))
    returned = await shop.send("POST", f"{path}/return", {"charges": [charge]})
    assert (returned.status_code, returned.json()["state"]) == (200, "reported")
    assert (await shop.world.usage(f"L-{center}-2026-10")).amount == 400


async def test_a_list_shows_what_a_store_has(shop: Shop, center: str) -> None:
    lease = await grant(shop, center)
    koeln = await grant(shop, center, store_id="koeln")
    await shop.catch_up()
    listed = await shop.send("GET", "/v1/leases?store_id=berlin&open=true&limit=500", by="office")
    ids = {row["lease_id"] for row in listed.json()["leases"]}
    assert lease["lease_id"] in ids
    assert koeln["lease_id"] not in ids


async def test_a_list_shows_what_is_overdue(shop: Shop, center: str) -> None:
    lease = await grant(shop, center, hours=1)
    shop.world.clock.advance(hours=2)
    await shop.catch_up()
    listed = await shop.send("GET", "/v1/leases?overdue=true&limit=500", by="office")
    assert lease["lease_id"] in {row["lease_id"] for row in listed.json()["leases"]}
    written = await shop.send(
        "POST", f"/v1/leases/{lease['lease_id']}/write-off", {"reason": "Brand"}, by="manager"
    )
    assert written.json()["state"] == "written_off"
    await shop.catch_up()
    one = await shop.send("GET", f"/v1/leases/{lease['lease_id']}", by="auditor")
    assert (one.json()["state"], one.json()["left"]) == ("written_off", eur("0.00"))
    rows = await shop.send("GET", "/v1/leases?open=false&limit=500", by="office")
    (row,) = [r for r in rows.json()["leases"] if r["lease_id"] == lease["lease_id"]]
    assert (row["note"], row["returned_by"]) == ("Brand", "person:m")


async def test_a_store_touches_only_its_own_leases(shop: Shop, center: str) -> None:
    lease = await grant(shop, center, store_id="koeln")
    other = await shop.send("POST", "/v1/leases", body(center, store_id="koeln"), by="manager")
    assert problem(other) == (403, "auth.forbidden")
    path = f"/v1/leases/{lease['lease_id']}"
    assert problem(await shop.send("GET", path, by="manager")) == (403, "lease.store")
    returned = await shop.send("POST", f"{path}/return", {}, by="manager")
    assert problem(returned) == (403, "lease.store")
    listed = await shop.send("GET", "/v1/leases?store_id=koeln", by="manager")
    assert problem(listed) == (403, "auth.forbidden")


@pytest.mark.parametrize("by", ["cashier", "till", "analyst", "auditor"])
async def test_who_may_not_lease(shop: Shop, center: str, by: str) -> None:
    answer = await shop.send("POST", "/v1/leases", body(center), by=by)
    assert problem(answer) == (403, "auth.forbidden")


@pytest.mark.parametrize(
    "wrong",
    [{"amount": eur("-1.00")}, {"count": 0}, {"hours": 0}, {"hours": 1_000}, {"colour": "red"}],
)
async def test_bad_input_takes_nothing(shop: Shop, center: str, wrong: dict[str, Any]) -> None:
    answer = await shop.send("POST", "/v1/leases", {**body(center), **wrong})
    assert answer.status_code == 422
    assert not (await shop.world.usage(f"L-{center}-2026-10")).opened


async def test_an_unknown_lease_is_not_found(shop: Shop) -> None:
    assert problem(await shop.send("GET", "/v1/leases/none", by="office")) == (
        404,
        "lease.unknown",
    )
    answer = await shop.send("POST", "/v1/leases/none/return", {})
    assert problem(answer) == (404, "lease.unknown")
