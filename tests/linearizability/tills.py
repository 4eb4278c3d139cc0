"""Clients at tills: each does one payment after the other, and asks again where no answer came."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any

import httpx

from tests.linearizability.bookings import Bookings
from tests.linearizability.clerk import (
    Answer,
    Capture,
    Confirm,
    Done,
    Hold,
    LookUp,
    No,
    Redeem,
    Release,
    Released,
    Request,
    Seen,
)
from tests.linearizability.processes import Processes
from tests.linearizability.record import Asking, Records, Sold, now, since_zero

ANSWER_WAIT_S = 15.0
"""How long a client waits before it takes an answer for lost."""

IMPATIENT_S = (0.005, 0.1)
"""How long an impatient client waits: its request is on its way, and it asks elsewhere."""

IMPATIENT = 0.08
"""How many first tries are impatient."""

GIVES_UP = 0.15
"""How many clients leave after a lost answer instead of asking again."""

REPEATS = 0.15
"""How many answered calls are sent once more, with the same key."""

ASKED_AGAIN_WAIT_S = 60.0
"""Then a client that never gives up says that the service is gone."""

PAUSE_S = 0.05
"""Before the next try, where a process said that it cannot now."""

SHORT_S = 1
"""How long the holds last that are meant to run out."""

AMOUNTS = (100, 2_000)


@dataclass(frozen=True, slots=True)
class Till:
    store_id: str
    till_id: str


@dataclass
class Progress:
    """How many payments are over, for those who wait for it."""

    done: int = 0
    _changed: asyncio.Event | None = None

    def one_more(self) -> None:
        self.done += 1
        if self._changed is not None:
            self._changed.set()

    async def reached(self, count: int) -> None:
        while self.done < count:
            self._changed = asyncio.Event()
            await self._changed.wait()


@dataclass
class Client:
    """One of several people who work at one till at the same time."""

    name: str
    till: Till
    rng: random.Random
    service: Processes
    bookings: Bookings
    records: Records
    vouchers: Sequence[Sold]
    """The hot ones first."""
    skew: float
    """Zipf's exponent: how much hotter the first is than the next."""
    _number: int = 0

    async def work(self, payments: int, progress: Progress) -> None:
        for _ in range(payments):
            await self._pay()
            progress.one_more()

    async def _pay(self) -> None:
        self._number += 1
        voucher, id = self._any_voucher(), f"{self.name}-{self._number}"
        amount, exact = self.rng.randint(*AMOUNTS), self.rng.random() < 0.6
        if self.rng.random() < 0.3:
            await self.ask(voucher, LookUp())
        kind = self.rng.random()
        if kind < 0.35:
            await self.ask(voucher, Redeem(id, amount, exact))
        elif kind < 0.42:
            await self.ask(voucher, Release(id))
            await self.ask(voucher, Hold(id, amount, exact))
        elif kind < 0.50:
            await self._too_late(voucher, Hold(id, amount, exact, SHORT_S))
        else:
            await self._by_hold(voucher, Hold(id, amount, exact), kind)

    async def _by_hold(self, voucher: Sold, hold: Hold, kind: float) -> None:
        held = await self.ask(voucher, hold)
        if isinstance(held, No):
            return
        if held is None or kind < 0.65:
            # As a till does that got no answer, and will not ask again.
            await self.ask(voucher, Release(hold.id))
            return
        if isinstance(await self.ask(voucher, Confirm(hold.id)), Done):
            assert isinstance(held, Done)
            await self._end(voucher, hold, held.amount, abort=kind < 0.72)

    async def _too_late(self, voucher: Sold, hold: Hold) -> None:
        held = await self.ask(voucher, hold)
        if not isinstance(held, Done) or held.until is None:
            return
        await asyncio.sleep(max(0.0, held.until - now() + self.rng.uniform(-0.2, 0.3)))
        if isinstance(await self.ask(voucher, Confirm(hold.id)), Done):
            await self._end(voucher, hold, held.amount, abort=self.rng.random() < 0.5)

    async def _end(self, voucher: Sold, hold: Hold, amount: int, *, abort: bool) -> None:
        request: Request = Release(hold.id) if abort else Capture(hold.id, amount)
        asking = self.records.begin(voucher, self.name, request)
        if abort:
            await self.bookings.abort(asking, hold.id, self.till.store_id)
        else:
            await self.bookings.pay(asking, voucher, hold.id, amount, self.till.store_id)

    def _any_voucher(self) -> Sold:
        weights = accumulate(1 / (place + 1) ** self.skew for place in range(len(self.vouchers)))
        return self.rng.choices(self.vouchers, cum_weights=list(weights))[0]

    async def ask(
        self, voucher: Sold, request: Request, *, calmly: bool = False, first: int | None = None
    ) -> Answer | None:
        """Ask until there is an answer, or give up (never, if `calmly`). None: nobody knows.
        `first`: the process that is asked first, some other where none is named."""
        asking = self.records.begin(voucher, self.name, request)
        number, deadline = None, now() + ASKED_AGAIN_WAIT_S
        while now() < deadline:
            named = first if number is None else None
            number = self.service.any_of_them(self.rng, but=number) if named is None else named
            wait_s = ANSWER_WAIT_S
            if not asking.tries and not calmly and self.rng.random() < IMPATIENT:
                wait_s = self.rng.uniform(*IMPATIENT_S)
            answer = await self._try(number, voucher, asking, wait_s)
            if answer is not None:
                asking.answered_with(answer)
                await self._perhaps_again(number, voucher, asking)
                return answer
            if asking.tries and not calmly and self.rng.random() < GIVES_UP:
                return None
        raise AssertionError(f"{self.name} was not answered: {request}")

    async def _perhaps_again(self, number: int, voucher: Sold, asking: Asking) -> None:
        """The same call with the same key, at another process: it has to say the same."""
        if isinstance(asking.answer, Seen | No) or self.rng.random() > REPEATS:
            return
        other = self.service.any_of_them(self.rng, but=number)
        again = await self._try(other, voucher, Asking(self.name, asking.request), ANSWER_WAIT_S)
        if again is not None:
            asking.answered_with(again)

    async def _try(
        self, number: int, voucher: Sold, asking: Asking, wait_s: float
    ) -> Answer | None:
        """One request to one process. None: no answer that says anything."""
        asking.tries.append(now())
        try:
            response = await self.send(number, voucher, asking.request, wait_s)
        except httpx.ConnectError:
            asking.tries.pop()  # Nobody was there: it was not sent.
            await asyncio.sleep(PAUSE_S)
            return None
        except httpx.TransportError:
            return None
        answer = answer_of(asking.request, response)
        if answer is None:
            await asyncio.sleep(PAUSE_S)
        return answer

    async def send(
        self, number: int, voucher: Sold, request: Request, wait_s: float
    ) -> httpx.Response:
        """One request to one process. Raises httpx's transport errors."""
        method, path, body, key = self._call(voucher, request)
        back_office = isinstance(request, LookUp)
        token = self.service.tokens.back_office if back_office else self.service.tokens.gateway
        headers = {"authorization": f"Bearer {token}", "idempotency-key": key}
        return await self.service.clients[number].request(
            method, f"/voucher/v1/{path}", json=body, headers=headers, timeout=wait_s
        )

    def _call(self, voucher: Sold, request: Request) -> tuple[str, str, dict[str, Any], str]:
        store = {"store_id": self.till.store_id}
        match request:
            case LookUp():
                return "POST", "lookups", {"code": voucher.code}, "-"
            case Redeem(id):
                return "POST", "redemptions", {
                    **_paid(voucher, request), **store, "redemption_id": id
                }, f"{id}/redeem"  # fmt: skip
            case Hold(id, lasts_s=lasts_s):
                return "PUT", f"holds/{id}", {
                    **_paid(voucher, request), **store, "till_id": self.till.till_id,
                    "booking_id": id, "payment_id": "P1", "expires_in_s": int(lasts_s),
                }, f"{id}/hold"  # fmt: skip
            case Confirm(id):
                return "POST", f"holds/{id}/confirm", {}, f"{id}/confirm"
            case Release(id):
                return "POST", f"holds/{id}/release", {}, f"{id}/release"
            case Capture():
                raise AssertionError("a capture goes over the bus")


def _paid(voucher: Sold, request: Redeem | Hold) -> dict[str, Any]:
    return {
        "code": voucher.code,
        "amount": {"amount": request.amount, "currency": "EUR"},
        "mode": "exact" if request.exact else "up_to",
    }


def answer_of(request: Request, response: httpx.Response) -> Answer | None:
    """What an answer over HTTP says. None: it leaves open whether anything happened.

    Raises AssertionError for an answer that no till may get.
    """
    document = response.json()
    if response.status_code >= 500 or document.get("code") == "conflict":
        return None
    if response.status_code != 200:
        assert response.status_code in (404, 409), f"{request}: {response.text}"
        available = document.get("available")
        return No(document["code"], None if available is None else available["amount"])
    match request:
        case LookUp():
            return Seen(document["balance"]["amount"], document["available"]["amount"])
        case Redeem():
            return Done(document["amount"]["amount"], document["remaining"]["amount"])
        case Release():
            return Released()
        case Hold():
            until = since_zero(datetime.fromisoformat(document["expires_at"]).timestamp())
            return Done(_amount(document), document["voucher_remaining"]["amount"], until)
        case _:
            return Done(_amount(document), document["voucher_remaining"]["amount"])


def _amount(document: dict[str, Any]) -> int:
    amount: int = document["amount"]["amount"]
    return amount
