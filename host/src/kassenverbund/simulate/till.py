"""A till as a cashier uses it, over the till API."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx

from kassenverbund.demo.till import article, by_voucher, cash, cents, on_center, voucher_sale
from kassenverbund.simulate.plan import Act

GOODS = (
    ("Taschenbuch Nordwind", 1299, "reduced"),
    ("Bildband Küste", 3490, "reduced"),
    ("Postkarte", 150, "standard"),
    ("Notizbuch liniert", 895, "standard"),
    ("Füllhalter", 2450, "standard"),
    ("Kinderbuch Der Maulwurf", 1600, "reduced"),
    ("Geschenkpapier", 320, "standard"),
    ("Stadtplan", 690, "reduced"),
)

LINES_MAX = 5
SALES_KEPT = 200
CODES_KEPT = 500
VOUCHER_VALUES = (1000, 2500, 5000)

REPEAT_AFTER_S = 0.3
"""How long a till waits before it asks again with the same key."""

AGAIN = frozenset({429, 502, 503, 504})
"""Answers after which the same request is asked again."""

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request and what came of it, for whoever keeps a record."""

    act: Act
    path: str
    key: str
    status: int
    """0: no answer, in all the time there was."""
    answer: Answer
    took_s: float
    """All repeats together."""
    repeats: int


@dataclass(frozen=True, slots=True)
class Done:
    """How an act ended. `code`: of the first refusal, although the customer may have paid otherwise
    then; `error`: it came to no end."""

    act: Act
    kind: str
    """What it became: without a voucher to pay with, one is sold."""
    took_s: float = 0.0
    code: str = ""
    error: str = ""


class Refused(Exception):
    """The program said no."""

    def __init__(self, problem: Answer) -> None:
        self.problem = problem
        super().__init__(self.code)

    @property
    def code(self) -> str:
        return str(self.problem.get("code", "unknown"))

    @property
    def booking_id(self) -> str | None:
        found = self.problem.get("booking_id")
        return None if found is None else str(found)


class NoAnswer(Exception):
    """Nobody answered, or nobody who could work."""


@dataclass
class Shelf:
    """What the tills of a store know together: vouchers to pay with, sales that may come back."""

    codes: deque[tuple[str, int]] = field(default_factory=lambda: deque(maxlen=CODES_KEPT))
    """Code and what should be left on it, minor units."""
    sales: deque[str] = field(default_factory=lambda: deque(maxlen=SALES_KEPT))


@dataclass
class SimulatedTill:
    """One cashier: one act after the other."""

    client: httpx.AsyncClient
    store: str
    till_id: str
    token: str
    shelf: Shelf
    run: str
    """Part of every key: another run is other sales."""
    center: str = ""
    """Number of the cost center that is charged."""
    patience_s: float = 0.0
    """How long a request that nobody answers is asked again with the same key."""
    wait_s: int = 0
    """`Prefer: wait` of the request that finishes a sale."""
    keep: Callable[[Asked], None] = lambda asked: None

    async def do(self, act: Act) -> tuple[str, str]:
        """One act, to its end. What it became, and the code of the first refusal (or empty).

        Raises `NoAnswer`; `Refused` where even cash or an abort was refused.
        """
        rng = Random(act.seed)  # noqa: S311  (goods, not a secret)
        match act.kind:
            case "voucher_sale":
                return await self._sell_voucher(act, rng)
            case "voucher":
                return await self._pay_by_voucher(act, rng)
            case "center":
                return await self._charge(act, rng)
            case "return":
                return await self._take_back(act, rng)
            case "abort":
                opened = await self._post(act, "open", "", {"lines": goods(rng)})
                path = f"/{opened['booking_id']}/abort"
                await self._post(act, "abort", path, {"reason": "customer_left"})
                return act.kind, ""
            case _:
                return await self._sell(act, rng)

    async def _sell(self, act: Act, rng: Random) -> tuple[str, str]:
        lines = goods(rng)
        minor = total(lines)
        if act.kind == "card":
            payment: Answer = {"kind": "card", "amount": cents(minor)}
        else:
            payment = cash(-(-minor // 500) * 500)
        sold = await self._post(act, "sell", "", _whole(lines, payment))
        self.shelf.sales.append(sold["booking_id"])
        return ("card" if act.kind == "card" else "cash"), ""

    async def _sell_voucher(self, act: Act, rng: Random) -> tuple[str, str]:
        value = rng.choice(VOUCHER_VALUES)
        lines = [voucher_sale(value)]
        try:
            sold = await self._post(act, "sell", "", _whole(lines, cash(value)))
        except Refused as no:
            await self._let_go(act, no)
            return "voucher_sale", no.code
        code = next((each.get("code") for each in sold["vouchers"] if each.get("code")), None)
        if code is not None:
            self.shelf.codes.append((code, value))
        return "voucher_sale", ""

    async def _pay_by_voucher(self, act: Act, rng: Random) -> tuple[str, str]:
        if not self.shelf.codes:
            return await self._sell_voucher(act, rng)
        code, left = self.shelf.codes.popleft()
        minor = rng.randint(1, max(1, left // 100)) * 100
        lines = [article("Gutscheinkauf Buch", minor)]
        try:
            await self._post(act, "sell", "", _whole(lines, by_voucher(code)))
        except Refused as no:
            if no.code.startswith("voucher.un"):
                self.shelf.codes.append((code, left))
            await self._pay_in_cash(act, no, minor)
            return "voucher", no.code
        if left > minor:
            self.shelf.codes.append((code, left - minor))
        return "voucher", ""

    async def _charge(self, act: Act, rng: Random) -> tuple[str, str]:
        if not self.center:
            return await self._sell(act, rng)
        lines = goods(rng)
        try:
            await self._post(act, "sell", "", _whole(lines, on_center(self.center)))
        except Refused as no:
            await self._pay_in_cash(act, no, total(lines))
            return "center", no.code
        return "center", ""

    async def _take_back(self, act: Act, rng: Random) -> tuple[str, str]:
        if not self.shelf.sales:
            return await self._sell(act, rng)
        line = {
            "booking_id": self.shelf.sales.popleft(), "line_id": "1", "quantity": "1",
            "reason": "gefällt nicht",
        }  # fmt: skip
        try:
            await self._post(act, "return", "", {"returns": [line], "finish": True})
        except Refused as no:
            await self._let_go(act, no)
            return "return", no.code
        return "return", ""

    async def _pay_in_cash(self, act: Act, no: Refused, minor: int) -> None:
        """As at a counter: what does not take the customer's money takes his cash."""
        if no.booking_id is None:
            raise no
        open_ = no.problem.get("open_amount", {}).get("amount", minor)
        for index, held in enumerate(() if open_ else no.problem.get("held", ())):
            # It was held, and nobody confirms it: taken back, so that the customer can pay.
            path = f"/{no.booking_id}/payments/{held}/release"
            freed = await self._post(act, f"release-{index}", path, {})
            open_ = freed["open_amount"]["amount"]
        paid = {"payments": [cash(open_)]}
        await self._post(act, "cash", f"/{no.booking_id}/payments", paid)
        await self._post(act, "finish", f"/{no.booking_id}/finish", {})

    async def _let_go(self, act: Act, no: Refused) -> None:
        if no.booking_id is not None:
            body = {"reason": "customer_left"}
            await self._post(act, "abort", f"/{no.booking_id}/abort", body)

    async def _post(self, act: Act, step: str, path: str, body: Mapping[str, Any]) -> Answer:
        key = f"{self.run}/{act.number}/{step}"
        loop = asyncio.get_running_loop()
        began, repeats = loop.time(), 0
        while True:
            status, answer = await self._once(path, body, key)
            if status and status not in AGAIN:
                break
            # What the till was told to wait for, and not another service that is away: that is an
            # answer.
            if status == 503 and answer.get("code") != "unavailable":
                break
            if loop.time() - began + REPEAT_AFTER_S > self.patience_s:
                break
            repeats += 1
            await asyncio.sleep(REPEAT_AFTER_S)
        self.keep(Asked(act, path, key, status, answer, loop.time() - began, repeats))
        if status == 0 or (
            status >= 500 and answer.get("code") in (None, "unavailable", "internal")
        ):
            raise NoAnswer(str(answer.get("code", answer.get("error", status))))
        if status >= 400:
            raise Refused(answer)
        return answer

    async def _once(self, path: str, body: Mapping[str, Any], key: str) -> tuple[int, Answer]:
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key}
        if self.wait_s:
            headers["Prefer"] = f"wait={self.wait_s}"
        url = f"/stores/{self.store}/v1/tills/{self.till_id}/bookings{path}"
        try:
            response = await self.client.post(url, json=body, headers=headers)
            return response.status_code, response.json()
        except (httpx.HTTPError, ValueError) as fault:
            return 0, {"error": type(fault).__name__}


def goods(rng: Random) -> list[Answer]:
    """One to five lines."""
    names = rng.choices(GOODS, k=rng.randint(1, LINES_MAX))
    return [article(name, minor, vat=vat) for name, minor, vat in names]


def total(lines: list[Answer]) -> int:
    """Minor units; each line is one piece."""
    return sum(int(line["unit_price"]["amount"]) for line in lines)


def _whole(lines: list[Answer], payment: Answer) -> Answer:
    return {"lines": lines, "payments": [payment], "finish": True}
