"""Tills for tests: paired over HTTP, selling in bulk, and asked what they know."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from kassenverbund.demo.till import (
    DemoTill,
    Refused,
    article,
    by_voucher,
    cash,
    cents,
    voucher_sale,
)

__all__ = [
    "DemoTill", "Refused", "Sale", "article", "by_voucher", "cash", "cents", "pair_tills",
    "until_signed", "voucher_sale",
]  # fmt: skip

SIGNED_WAIT_S = 60.0


@dataclass(frozen=True)
class Sale:
    """One complete sale of one till, with the key that a repeat uses again."""

    till: DemoTill
    key: str
    lines: list[dict[str, Any]]
    payments: list[dict[str, Any]]

    async def send(self, client: httpx.AsyncClient) -> dict[str, Any]:
        """Send it (again). Raises `Refused`, or httpx's transport errors."""
        till = DemoTill(client, self.till.store, self.till.till_id, self.till.token)
        return await till.sell(self.lines, self.payments, key=self.key)


async def pair_tills(
    client: httpx.AsyncClient, *, manager: str, stores: Sequence[str], each: int = 2, tag: str = ""
) -> list[DemoTill]:
    return [
        await DemoTill.pair(
            client, store=store, name=f"Kasse {number}", manager=manager,
            key=f"pair-{tag}-{store}-{number}",
        )
        for store in stores
        for number in range(1, each + 1)
    ]  # fmt: skip


async def until_signed(
    client: httpx.AsyncClient, till: DemoTill, booking_id: str
) -> dict[str, Any]:
    """The booking, once the signer has given its verdict. Raises TimeoutError."""
    async with asyncio.timeout(SIGNED_WAIT_S):
        while True:
            answer = await client.get(
                f"/stores/{till.store}/v1/tills/{till.till_id}/bookings/{booking_id}",
                headers={"Authorization": f"Bearer {till.token}"},
            )
            answer.raise_for_status()
            booking: dict[str, Any] = answer.json()
            if booking["state"] in ("signed", "unsigned", "aborted"):
                return booking
            await asyncio.sleep(0.1)
