"""A till of the demo: the till API as a point of sale uses it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

CALL_S = 30.0
"""How long the demo waits for any answer."""

VERDICT_WAIT_S = 10
"""How long the demo lets a booking wait for its signature (`Prefer: wait`)."""


def demo_client(base_url: str, ca: Path | None) -> httpx.AsyncClient:
    """HTTPS to the running program, whose self-made certificate is trusted by its CA."""
    context = ssl.create_default_context(cafile=str(ca)) if ca else True
    return httpx.AsyncClient(base_url=base_url, verify=context, timeout=CALL_S)


class Refused(Exception):
    """The program said no: the problem+json as it came."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.problem: dict[str, Any] = (
            response.json() if "json" in response.headers.get("content-type", "") else {}
        )
        super().__init__(f"{self.status} {self.problem.get('code', response.text[:200])}")

    @property
    def code(self) -> str:
        return str(self.problem.get("code", ""))


WEB_TILL = "webkasse"


async def offer_web_till(client: httpx.AsyncClient, manager: str, *, store: str) -> str:
    """A code, good for ten minutes, that makes a browser the till `WEB_TILL` of the store. Raises
    `Refused`."""
    answer = await client.post(
        f"/stores/{store}/v1/pairings",
        json={"name": "Webkasse", "till_id": WEB_TILL},
        headers={"authorization": f"Bearer {manager}", "idempotency-key": str(uuid4())},
    )
    if answer.is_error:
        raise Refused(answer)
    code: str = answer.json()["code"]
    return code


def cents(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def article(name: str, amount: int, *, vat: str = "reduced") -> dict[str, Any]:
    """A line for one piece; books carry the reduced rate."""
    return {
        "kind": "article",
        "sku": name.split()[0].lower(),
        "name": name,
        "quantity": "1",
        "unit_price": cents(amount),
        "vat": vat,
    }


def voucher_sale(amount: int) -> dict[str, Any]:
    return {
        "kind": "voucher_sale",
        "name": "Gutschein",
        "quantity": "1",
        "unit_price": cents(amount),
        "vat": "zero",
    }


def cash(amount: int) -> dict[str, Any]:
    return {"kind": "cash", "amount": cents(amount)}


def by_voucher(code: str, amount: int | None = None) -> dict[str, Any]:
    """As much as the voucher can pay, or exactly `amount`."""
    payment: dict[str, Any] = {"kind": "voucher", "code": code}
    if amount is not None:
        payment["amount"] = cents(amount)
    return payment


def on_center(number: str, amount: int | None = None) -> dict[str, Any]:
    """All that is open, or exactly `amount`, on the cost center of this number."""
    payment: dict[str, Any] = {"kind": "cost_center", "card": {"center_number": number}}
    if amount is not None:
        payment["amount"] = cents(amount)
    return payment


@dataclass(frozen=True)
class DemoTill:
    client: httpx.AsyncClient
    store: str
    till_id: str
    token: str

    @classmethod
    async def pair(
        cls, client: httpx.AsyncClient, *, store: str, name: str, manager: str, key: str
    ) -> DemoTill:
        """A manager asks for a code; the till redeems it for its token."""
        asked = await client.post(
            f"/stores/{store}/v1/pairings",
            json={"name": name},
            headers={"Authorization": f"Bearer {manager}", "Idempotency-Key": key},
        )
        if asked.is_error:
            raise Refused(asked)
        paired = await client.post(
            f"/stores/{store}/v1/pair",
            json={"code": asked.json()["code"]},
            headers={"Idempotency-Key": f"{key}/pair"},
        )
        if paired.is_error:
            raise Refused(paired)
        answer = paired.json()
        return cls(client, store, answer["till_id"], answer["token"])

    async def _post(self, path: str, body: dict[str, Any], key: str) -> dict[str, Any]:
        response = await self.client.post(
            f"/stores/{self.store}/v1/tills/{self.till_id}/bookings{path}",
            json=body,
            headers={
                "Authorization": f"Bearer {self.token}",
                "Idempotency-Key": key,
                "Prefer": f"wait={VERDICT_WAIT_S}",
            },
        )
        if response.is_error:
            raise Refused(response)
        answer: dict[str, Any] = response.json()
        return answer

    async def sell(
        self, lines: list[dict[str, Any]], payments: list[dict[str, Any]], *, key: str
    ) -> dict[str, Any]:
        """A complete sale in one call."""
        return await self._post("", {"lines": lines, "payments": payments, "finish": True}, key)

    async def open(self, lines: list[dict[str, Any]], *, key: str) -> dict[str, Any]:
        return await self._post("", {"lines": lines, "payments": [], "finish": False}, key)

    async def pay(
        self, booking_id: str, payments: list[dict[str, Any]], *, key: str
    ) -> dict[str, Any]:
        return await self._post(f"/{booking_id}/payments", {"payments": payments}, key)

    async def finish(self, booking_id: str, *, key: str) -> dict[str, Any]:
        return await self._post(f"/{booking_id}/finish", {}, key)

    async def abort(self, booking_id: str, *, key: str) -> dict[str, Any]:
        return await self._post(f"/{booking_id}/abort", {"reason": "customer_left"}, key)
