"""The back office of the cost centers, over HTTP: what tests need before a till can charge."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from kassenverbund.demo.till import cents

SETTLED_WAIT_S = 30.0
"""How long an event may take to the cost centers."""


def on_center(amount: int | None = None, *, mode: str = "", **card: str) -> dict[str, Any]:
    """A payment by cost center; `number=`, `code=` or `center_number=` names the card."""
    paid: dict[str, Any] = {"kind": "cost_center", "card": card}
    if amount is not None:
        paid["amount"] = cents(amount)
    return {**paid, "mode": mode} if mode else paid


@dataclass(frozen=True)
class Office:
    client: httpx.AsyncClient
    token: str

    async def ask(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self.client.request(
            method,
            f"/costcenter/v1{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.token}", "Idempotency-Key": uuid4().hex},
        )
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        told: dict[str, Any] = answer.json()
        return told

    async def center(self, number: str, *, limit: int | None = None, code: str = "") -> None:
        """A center of company A with a virtual card of its number; `limit`: minor units a month;
        `code`: a card with a chip besides."""
        home = {"name": "Firma A", "lines": ["Musterweg 3"], "postal_code": "10115",
                "city": "Berlin"}  # fmt: skip
        await self.ask("PUT", "/companies/A", {"name": "Firma A", "address": home})
        await self.ask("PUT", "/main-groups/1", {"name": "Firma A", "company_id": "A"})
        group = {"name": "Kostenstellen", "mode": "cost_center"}
        await self.ask("PUT", "/main-groups/1/user-groups/4", group)
        center = {"number": number, "name": "Empfang", "company_id": "A"}
        await self.ask("PUT", f"/centers/c-{number}", center)
        card: dict[str, Any] = {
            "number": number, "kind": "virtual", "main_group": 1, "user_group": 4,
            "center_id": f"c-{number}",
        }  # fmt: skip
        await self.ask("PUT", f"/cards/k-{number}", card)
        if code:
            chip = {"number": f"{number}-1", "kind": "physical", "medium": "rfid", "code": code}
            await self.ask("PUT", f"/cards/k-{number}-1", {**card, **chip})
        if limit is not None:
            budget = {"name": "Monatsbudget", "window": "month", "amount": cents(limit)}
            await self.ask("PUT", f"/centers/c-{number}/limits/l-{number}", budget)

    async def left(self, number: str, *, store: str = "berlin") -> int:
        """What the limit of a center leaves, minor units."""
        found = await self.ask("POST", "/lookups", {"card": {"number": number}, "store_id": store})
        left: int = found["remaining"][0]["left"]["amount"]
        return left

    async def until_left(self, number: str, minor: int) -> None:
        """Raises TimeoutError with what was left instead."""
        left = await self.left(number)
        try:
            async with asyncio.timeout(SETTLED_WAIT_S):
                while left != minor:
                    await asyncio.sleep(0.1)
                    left = await self.left(number)
        except TimeoutError:
            raise TimeoutError(f"{left} are left of {number}, and not {minor}") from None
