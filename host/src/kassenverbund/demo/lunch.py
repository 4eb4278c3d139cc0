"""A company lunch: back office opens a cost center, a till charges it within its limit."""

from __future__ import annotations

from typing import Any

import httpx

from kassenverbund.demo.till import DemoTill, Refused, cents, on_center

MEAL = {
    "kind": "article", "sku": "menu-1", "name": "Tagesgericht", "quantity": "1",
    "unit_price": cents(980), "vat": "reduced",
}  # fmt: skip
BUDGET = 760
"""A month's limit of the demo's center, minor units: less than the meal costs."""


async def open_center(client: httpx.AsyncClient, token: str, *, number: str, key: str) -> None:
    """Company, group, center, virtual card and limit. Raises `Refused`."""
    home = {
        "name": "Firma A GmbH", "lines": ["Musterweg 3"], "postal_code": "10115", "city": "Berlin",
    }  # fmt: skip
    company, center = f"demo-{number}", f"demo-{number}"
    group: dict[str, Any] = {"name": "Kostenstellen", "mode": "cost_center"}
    card = {
        "number": number, "kind": "virtual", "main_group": 1, "user_group": 4, "center_id": center,
    }  # fmt: skip
    limit = {"name": "Monatsbudget", "window": "month", "amount": cents(BUDGET)}
    steps: tuple[tuple[str, dict[str, Any]], ...] = (
        (f"/companies/{company}", {"name": "Firma A GmbH", "address": home}),
        ("/main-groups/1", {"name": "Firma A GmbH"}),
        ("/main-groups/1/user-groups/4", group),
        (f"/centers/{center}", {"number": number, "name": "Empfang", "company_id": company}),
        (f"/cards/{center}", card),
        (f"/centers/{center}/limits/{center}", limit),
    )
    for index, (path, body) in enumerate(steps):
        answer = await client.put(
            f"/costcenter/v1{path}",
            json=body,
            headers={"Authorization": f"Bearer {token}", "Idempotency-Key": f"{key}-{index}"},
        )
        if answer.is_error:
            raise Refused(answer)


async def lunch(till: DemoTill, *, number: str, keys: tuple[str, str, str]) -> dict[str, Any]:
    """The meal exceeds the month's limit: what is left is charged, the rest is paid by card.

    Raises `Refused`; answers the finished booking.
    """
    try:
        return await till.sell([MEAL], [on_center(number)], key=keys[0])
    except Refused as full:
        if full.code != "limit.exceeded":
            raise
        booking_id = str(full.problem["booking_id"])
        left = int(full.problem["available"]["amount"])
    rest = {"kind": "card", "amount": cents(980 - left)}
    await till.pay(booking_id, [on_center(number, left), rest], key=keys[1])
    return await till.finish(booking_id, key=keys[2])
