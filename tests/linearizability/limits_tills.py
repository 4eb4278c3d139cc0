"""Clients at tills that charge one center: hold, confirm, record; release; forget; abort.

A client asks again, elsewhere and with the same key, until it is answered: what it was told is what
the checks hold against the log.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx

from events.bus.contract import Record
from events.bus.postgres import PostgresBus
from tests.linearizability.limits_plan import CARDS, CENTER
from tests.linearizability.processes import Processes
from tests.linearizability.tills import (
    ANSWER_WAIT_S,
    ASKED_AGAIN_WAIT_S,
    IMPATIENT,
    IMPATIENT_S,
    PAUSE_S,
    Progress,
    Till,
)

GATEWAY = "device-gateway"

SHORT_S = 5
"""The shortest life that a hold may have: those that are forgotten."""

REPEATS = 0.1
"""How many answered holds are asked for once more, at another process."""

AMOUNTS = (100, 2_000)


@dataclass(slots=True)
class Held:
    """One hold, as its client saw it."""

    charge_id: str
    card: str
    wanted: int
    exact: bool
    invoked: datetime
    answered: datetime | None = None
    amount: int | None = None
    """Held; None: refused."""
    refusal: dict[str, Any] | None = None
    booked: int | None = None
    """What the recorded booking says."""
    aborted: bool = False
    lost: int = 0
    """Tries without an answer."""
    others: list[tuple[int | None, str]] = field(default_factory=list)
    """What the same request was answered when it was sent again."""


@dataclass
class Gateway:
    """Recorded and aborted bookings, out on the bus."""

    bus: PostgresBus
    number: int = 0

    async def record(self, held: Held, till: Till) -> None:
        assert held.amount is not None
        held.booked = held.amount
        amount = _money(held.amount)
        vat = {"vat": "standard", "rate": 1900, "dsfinvk_key": 1, "gross": amount}
        payment = {"payment_id": "P1", "kind": "cost_center", "hold_id": held.charge_id,
                   "amount": amount, "parts": [vat]}  # fmt: skip
        await self._send("booking.recorded", held, till, lines=[], payments=[payment])

    async def abort(self, held: Held, till: Till) -> None:
        held.aborted = True
        await self._send("booking.aborted", held, till, charge_ids=[held.charge_id])

    async def _send(self, name: str, held: Held, till: Till, **parts: Any) -> None:
        self.number += 1
        now = datetime.now(UTC)
        at, booking = now.isoformat(timespec="microseconds"), f"b-{held.charge_id}"
        document = {
            "booking_id": booking, "store_id": till.store_id, "till_id": till.till_id,
            "number": self.number, "recorded_at": at, "aborted_at": at, "reason": "given up",
            "business_date": f"{now:%Y-%m-%d}", **parts,
        }  # fmt: skip
        headers = {
            "ce_specversion": "1.0", "ce_id": str(uuid4()), "ce_source": f"/{GATEWAY}",
            "ce_type": f"{name}.v1", "ce_subject": f"booking-{booking}", "ce_time": at,
            "ce_sequence": "3", "ce_partitionkey": till.store_id,
            "content-type": "application/json",
        }  # fmt: skip
        record = Record(key=till.store_id, headers=headers, value=json.dumps(document).encode())
        await self.bus.publish(GATEWAY, [record])


@dataclass
class Charging:
    """One of several people who work at one till at the same time."""

    name: str
    till: Till
    rng: random.Random
    service: Processes
    gateway: Gateway
    seen: list[Held]
    """Of all clients."""
    cards: Sequence[str] = CARDS
    amounts: tuple[int, int] = AMOUNTS
    _number: int = 0

    async def work(self, payments: int, progress: Progress) -> None:
        for _ in range(payments):
            await self._pay()
            progress.one_more()

    async def _pay(self) -> None:
        kind = self.rng.random()
        held = self._wish()
        if kind < 0.06:
            # Given up before it arrives: what comes later is refused.
            await self._release(held)
        await self.hold(held, lasts_s=SHORT_S if kind > 0.84 else 300)
        if held.amount is None or kind > 0.84:
            return
        if kind < 0.22:
            await self._release(held)
            return
        await self.confirm(held)
        if kind < 0.32:
            await self.gateway.abort(held, self.till)
        else:
            await self.gateway.record(held, self.till)

    def _wish(self) -> Held:
        self._number += 1
        return Held(
            charge_id=f"{self.name}-{self._number}",
            card=self.rng.choice(self.cards),
            wanted=self.rng.randint(*self.amounts),
            exact=self.rng.random() < 0.6,
            invoked=datetime.now(UTC),
        )

    async def hold(self, held: Held, *, lasts_s: int) -> None:
        """Ask until there is an answer; note it. Raises AssertionError for one that no till may
        get."""
        self.seen.append(held)
        held.invoked = datetime.now(UTC)
        answer = await self._put(held, lasts_s)
        held.answered = datetime.now(UTC)
        held.amount, held.refusal = _said(answer)
        if held.amount is None:
            if held.lost:
                # A try without an answer may still be under way, and find room after the refusal.
                await self._release(held)
            return
        if self.rng.random() < REPEATS:
            amount, refusal = _said(await self._put(held, lasts_s))
            held.others.append((amount, (refusal or {}).get("code", "")))

    async def _put(self, held: Held, lasts_s: int) -> httpx.Response:
        amount = _money(held.wanted)
        body = {
            "card": {"center_number": CENTER, "card_number": held.card}, "amount": amount,
            "mode": "exact" if held.exact else "up_to", "store_id": self.till.store_id,
            "till_id": self.till.till_id, "booking_id": f"b-{held.charge_id}",
            "payment_id": "P1", "expires_in_s": lasts_s,
            "basket": [{"vat": "standard", "rate": 1900, "dsfinvk_key": 1, "gross": amount}],
        }  # fmt: skip
        return await self._ask("PUT", held.charge_id, body, f"{held.charge_id}/hold", held)

    async def _release(self, held: Held) -> None:
        await self._ask("POST", f"{held.charge_id}/release", {}, f"{held.charge_id}/release")

    async def confirm(self, held: Held) -> None:
        answer = await self._ask(
            "POST", f"{held.charge_id}/confirm", {}, f"{held.charge_id}/confirm", held
        )
        assert answer.status_code == 200, answer.text

    async def _ask(
        self, method: str, path: str, body: Any, key: str, held: Held | None = None
    ) -> httpx.Response:
        """Until a process answers. Raises AssertionError when none does for long."""
        number: int | None = None
        loop = asyncio.get_running_loop()
        deadline, tries = loop.time() + ASKED_AGAIN_WAIT_S, 0
        while loop.time() < deadline:
            number = self.service.any_of_them(self.rng, but=number)
            wait_s, tries = ANSWER_WAIT_S, tries + 1
            if tries == 1 and self.rng.random() < IMPATIENT:
                wait_s = self.rng.uniform(*IMPATIENT_S)
            token = self.service.tokens.gateway
            try:
                answer = await self.service.clients[number].request(
                    method, f"/costcenter/v1/charges/{path}", json=body, timeout=wait_s,
                    headers={"authorization": f"Bearer {token}", "idempotency-key": key},
                )  # fmt: skip
            except httpx.TransportError as fault:
                if held is not None and not isinstance(fault, httpx.ConnectError):
                    held.lost += 1
                await asyncio.sleep(PAUSE_S)
                continue
            if answer.status_code < 500 and answer.json().get("code") != "conflict":
                return answer
            await asyncio.sleep(PAUSE_S)
        raise AssertionError(f"{self.name} was not answered: {method} {path}")


def _said(answer: httpx.Response) -> tuple[int | None, dict[str, Any] | None]:
    document = answer.json()
    if answer.status_code == 200:
        return document["amount"]["amount"], None
    codes = ("limit.exceeded", "hold.released", "hold.expired")
    assert document.get("code") in codes, answer.text
    return None, document


def _money(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}
