"""What the real handlers write, as statements and live balances show it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from costcenter.testing.bookings import on_center, recorded, reversal
from costcenter.testing.shop import Shop, eur

DEPARTMENT = {"center_number": "5800"}


async def _department(shop: Shop) -> None:
    """Company B, its group 2, center 5800 and card 5800, with a limit on each level."""
    world = shop.world
    await world.company("B", "Firma B")
    await world.group(2, "Firma B", company_id="B")
    await world.center("5800", "Einkauf", company_id="B")
    await world.card("5800", "5800", group=(2, 4))
    await world.limit("L-card", "card", "k5800", "day", "15.00")
    await world.limit("L-center", "center", "c5800", "month", "500.00")
    await world.limit("L-group", "user_group", "2-4", "week", count=3)
    await world.limit("L-main", "main_group", "2", "month", "900.00")
    budget: dict[str, Any] = {
        "valid_from": world.clock.now.date(),
        "valid_until": world.clock.now.date(),
    }
    await world.limit("L-company", "company", "B", "range", "1000.00", **budget)


async def _remaining(shop: Shop, path: str) -> dict[str, Any]:
    answer = await shop.send("GET", path, by="office")
    assert answer.status_code == 200, answer.text
    return {
        each["limit_id"]: each["left"]["amount"] if each["left"] else each["left_count"]
        for each in answer.json()["limits"]
    }


async def test_from_the_hold_to_the_closed_month(shop: Shop) -> None:
    """One flow, as the day goes: each step shows at once where it has to."""
    await _department(shop)
    await shop.catch_up()
    await shop.hold("h1", DEPARTMENT, "12.40")

    # The accounts know it before any read model does.
    left = await _remaining(shop, "/v1/companies/B/remaining")
    assert left == {"L-company": 98_760, "L-group": 2, "L-main": 88_760, "L-center": 48_760}
    assert await _remaining(shop, "/v1/cards/k5800/remaining") == {"L-card": 260}
    assert await _remaining(shop, "/v1/centers/c5800/remaining") == {"L-center": 48_760}
    assert await _remaining(shop, "/v1/main-groups/2/remaining") == {"L-group": 2, "L-main": 88_760}

    now = shop.world.clock.now
    paid = on_center("h1", "12.40")
    await shop.hear(recorded("b-h1", payments=[paid], at=now))
    back = reversal("h1", "r1", "2.40")
    await shop.hear(recorded("b-r1", lines=[back], at=now))
    await shop.catch_up()
    assert (await _remaining(shop, "/v1/cards/k5800/remaining")) == {"L-card": 500}

    month = f"{now:%Y-%m}"
    answer = await shop.send("GET", f"/v1/centers/c5800/statement?month={month}", by="office")
    statement = answer.json()
    assert (statement["charged"], statement["reversed"]) == (eur("12.40"), eur("2.40"))
    assert (statement["net"], statement["state"]) == (eur("10.00"), "open")
    (rate,) = statement["rates"]
    assert (rate["vat"], rate["net"]) == ("reduced", eur("10.00"))

    slips = await shop.send("GET", f"/v1/centers/c5800/months/{month}/charges", by="office")
    assert [row["amount"]["amount"] for row in slips.json()["rows"]] == [1_240, -240]
    assert all(row["booking_number"] for row in slips.json()["rows"])

    shop.world.clock.now += timedelta(days=60)
    closed = await shop.send("POST", f"/v1/months/{month}/close", {}, by="office")
    assert closed.status_code == 200, closed.text
    await shop.catch_up()
    months = await shop.send("GET", f"/v1/reports/months?month={month}&center=c5800", by="office")
    (row,) = months.json()["rows"]
    assert (row["state"], row["agrees"], row["net"]) == ("closed", True, eur("10.00"))


async def test_what_does_not_exist_has_no_limits(shop: Shop) -> None:
    for path in ("companies/none", "centers/none", "cards/none", "main-groups/99"):
        answer = await shop.send("GET", f"/v1/{path}/remaining", by="office")
        assert (answer.status_code, answer.json()["code"]) == (404, "scope.unknown"), path


async def test_balances_are_for_the_office(shop: Shop) -> None:
    for by in ("till", "cashier", "analyst"):
        answer = await shop.send("GET", "/v1/cards/k4711/remaining", by=by)
        assert answer.status_code == 403, by
