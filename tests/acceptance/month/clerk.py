"""A till and who stands at it: everything that happens in a shop, in an order by a seed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.support.whole import Whole, until

Body = dict[str, Any]
VERDICT_WAIT_S = 30
TRIES_MAX = 5
FLOAT = 40_000
"""In the drawer in the morning: enough to give money back."""
PAYABLE = "bar"
"""The template of vouchers whose rest may be paid out."""


def eur(minor: int) -> Body:
    return {"amount": minor, "currency": "EUR"}


def goods(minor: int, vat: str, quantity: str = "1", **more: Any) -> Body:
    line = {"kind": "article", "name": "Ware", "unit_price": eur(minor), "vat": vat}
    return {**line, "quantity": quantity, **more}


@dataclass
class Shelf:
    """What tills of one legal entity share: vouchers that were sold and not spent."""

    multi: list[str] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)
    """Of which a part is spent."""
    single: list[str] = field(default_factory=list)
    donated: list[str] = field(default_factory=list)


@dataclass
class Clerk:
    whole: Whole
    store: str
    till: str
    token: str
    manager: str
    shelf: Shelf
    random: Random
    center: str | None = None
    """The number of a cost center's card."""
    sold: list[Body] = field(default_factory=list)
    """Plain sales of which something may come back."""
    done: dict[str, int] = field(default_factory=dict)
    asked: int = 0

    async def post(self, path: str, body: Body | None = None, *, allowed_by: str = "") -> Any:
        """Ask until there is an answer, as tills do: always with the same key."""
        self.asked += 1
        headers = {
            "authorization": f"Bearer {self.token}", "prefer": f"wait={VERDICT_WAIT_S}",
            "idempotency-key": f"{self.till}/{self.asked}",
        }  # fmt: skip
        if allowed_by:
            headers["override-authorization"] = f"Bearer {allowed_by}"
        path = f"/stores/{self.store}/v1/tills/{self.till}/{path}"
        for _ in range(TRIES_MAX):
            answer = await self.whole.client.post(path, json=body or {}, headers=headers)
            if answer.status_code != 503:
                break
        assert answer.is_success, f"{path} {body}: {answer.status_code} {answer.text}"
        return answer.json()

    async def sell(self, lines: list[Body], *paid: Body, **more: Any) -> Any:
        body = {"lines": lines, "payments": list(paid), "finish": True, "cashier": "p-7", **more}
        answer = await self.post("bookings", body)
        assert answer["state"] in ("signed", "unsigned"), answer
        return answer

    async def act(self, name: str) -> None:
        self.done[name] = self.done.get(name, 0) + 1
        action: Callable[[], Awaitable[None]] = getattr(self, name)
        await action()

    # -- goods --------------------------------------------------------------------------------

    def basket(self) -> tuple[list[Body], int]:
        lines, total = [], 0
        for _ in range(self.random.randint(1, 4)):
            minor, count = self.random.randint(99, 4999), self.random.choice([1, 1, 2, 3])
            vat = self.random.choice(["standard", "reduced", "reduced", "meals"])
            lines.append(goods(minor, vat, str(count)))
            total += minor * count
        return lines, total

    async def sale(self) -> None:
        lines, total = self.basket()
        way = self.random.choice(["cash", "card", "both"])
        if way == "both":
            part = self.random.randint(1, total - 1)
            paid = [{"kind": "card", "amount": eur(part)}, {"kind": "cash", "amount": eur(total)}]
        else:
            paid = [{"kind": way, "amount": eur(total)}]
        self.sold.append(await self.sell(lines, *paid))

    async def by_weight(self) -> None:
        line = goods(1299, "reduced", "0.347")
        await self.sell([line], {"kind": "cash", "amount": eur(1000)})

    async def web_order(self) -> None:
        lines, total = self.basket()
        order = f"WEB-{self.random.randint(1000, 9999)}"
        await self.sell(lines, {"kind": "online", "amount": eur(total), "order": order})

    async def tip(self) -> None:
        lines = [goods(980, "meals"), {"kind": "tip", "name": "Trinkgeld", "unit_price": eur(100),
                                       "vat": "zero"}]  # fmt: skip
        await self.sell(lines, {"kind": "card", "amount": eur(1080)})

    async def deposit(self) -> None:
        bottle = {"kind": "deposit", "name": "Pfand", "unit_price": eur(25), "vat": "standard"}
        back = {"kind": "deposit_return", "name": "Leergut", "unit_price": eur(25),
                "vat": "standard", "quantity": "2"}  # fmt: skip
        await self.sell(
            [goods(199, "standard"), bottle, back], {"kind": "cash", "amount": eur(174)}
        )

    # -- vouchers -----------------------------------------------------------------------------

    async def multi_sold(self) -> None:
        line = {"kind": "voucher_sale", "name": "Gutschein", "unit_price": eur(5000),
                "vat": "zero", "voucher": {"template": PAYABLE}}  # fmt: skip
        sold = await self.sell([line], {"kind": "cash", "amount": eur(5000)})
        self.shelf.multi.append(sold["vouchers"][0]["code"])

    async def single_sold(self) -> None:
        terms = {"kind": "single_purpose", "goods": "Bücher"}
        line = {"kind": "voucher_sale", "name": "Buchgutschein", "unit_price": eur(2000),
                "vat": "reduced", "voucher": terms}  # fmt: skip
        sold = await self.sell([line], {"kind": "card", "amount": eur(2000)})
        self.shelf.single.append(sold["vouchers"][0]["code"])

    async def usable(self, code: str) -> bool:
        """Whether a voucher was heard of as sold: it takes a moment."""
        headers = {"authorization": f"Bearer {self.token}"}
        found = await self.whole.client.post(
            "/voucher/v1/lookups", json={"code": code}, headers=headers
        )
        return found.is_success and found.json()["state"] == "active"

    async def take(self, codes: list[str]) -> str | None:
        if not codes:
            return None
        code = codes.pop(0)
        await until(lambda: self.usable(code))
        return code

    async def multi_redeemed(self) -> None:
        code = await self.take(self.shelf.multi)
        if code is None:
            return await self.sale()
        lines = [goods(1990, "reduced"), goods(1000, "standard")]
        answer = await self.sell(lines, {"kind": "voucher", "code": code})
        self.shelf.rest.append(next((one["code"] for one in answer["remainders"]), code))

    async def multi_pays_part(self) -> None:
        code = await self.take(self.shelf.rest or self.shelf.multi)
        if code is None:
            return await self.sale()
        await self.sell(
            [goods(9900, "standard")], {"kind": "voucher", "code": code},
            {"kind": "cash", "amount": eur(10000)},
        )  # fmt: skip

    async def paid_out(self) -> None:
        code = await self.take(self.shelf.rest or self.shelf.multi)
        if code is None:
            return await self.sale()
        body = {"payouts": [{"code": code, "reason": "Kulanz"}], "finish": True}
        await self.post("bookings", body, allowed_by=self.manager)

    async def single_redeemed(self) -> None:
        code = await self.take(self.shelf.single)
        if code is None:
            return await self.sale()
        await self.sell(
            [goods(2490, "reduced")], {"kind": "voucher", "code": code},
            {"kind": "cash", "amount": eur(2490)},
        )  # fmt: skip

    async def donated_redeemed(self) -> None:
        code = await self.take(self.shelf.donated)
        if code is None:
            return await self.sale()
        await self.sell(
            [goods(1990, "reduced")], {"kind": "voucher", "code": code},
            {"kind": "cash", "amount": eur(2000)},
        )  # fmt: skip

    # -- cost centers -------------------------------------------------------------------------

    async def charged(self) -> None:
        if self.center is None:
            return await self.sale()
        lines, _ = self.basket()
        await self.sell(lines, {"kind": "cost_center", "card": {"number": self.center}})

    async def subsidised(self) -> None:
        if self.center is None:
            return await self.sale()
        number = self.random.choice(["5001", "5002"])
        lines = [goods(890, "meals", article_group="meal"), goods(150, "standard")]
        paid = {"kind": "cost_center", "card": {"number": number}, "mode": "up_to"}
        await self.sell(lines, paid)

    async def delivered(self) -> None:
        """Two on account, of which one comes back; the other stays owed."""
        kind = "customer" if self.done["delivered"] % 2 else "third_party"
        payer = {"id": "kunde-17", "kind": kind}
        lines = [goods(890, "meals", "2"), goods(150, "standard")]
        owed = await self.sell(lines, {"kind": "on_account", "payer": payer})
        back = {"booking_id": owed["booking_id"], "line_id": owed["lines"][0]["line_id"],
                "quantity": "1", "reason": "kalt geliefert"}  # fmt: skip
        await self.sell([], returns=[back])

    # -- what comes back, and what counts for nothing ---------------------------------------

    async def returned(self) -> None:
        if not self.sold:
            return await self.sale()
        sale = self.sold.pop(self.random.randrange(len(self.sold)))
        line = sale["lines"][0]
        back = {"booking_id": sale["booking_id"], "line_id": line["line_id"], "quantity": "1",
                "reason": "gefällt nicht"}  # fmt: skip
        await self.sell([], returns=[back])

    async def exchanged(self) -> None:
        if not self.sold:
            return await self.sale()
        sale = self.sold.pop()
        line = sale["lines"][-1]
        back = {"booking_id": sale["booking_id"], "line_id": line["line_id"], "quantity": "1",
                "reason": "falsche Größe"}  # fmt: skip
        paid = {"kind": "cash", "amount": eur(9999 - line["unit_price"]["amount"])}
        await self.sell([goods(9999, "reduced")], paid, returns=[back])

    async def cancelled(self) -> None:
        if not self.sold:
            return await self.sale()
        sale = self.sold.pop()
        await self.post(f"bookings/{sale['booking_id']}/cancellation", {"reason": "Irrtum"})

    async def aborted(self) -> None:
        lines, _ = self.basket()
        opened = await self.post("bookings", {"lines": lines, "payments": [], "finish": False})
        path = f"bookings/{opened['booking_id']}"
        await self.post(f"{path}/abort", {"reason": "Kunde geht"})

        async def judged() -> bool:
            """Nobody waits for it at a till; here the clock must not run away from the signer."""
            path_ = f"/stores/{self.store}/v1/tills/{self.till}/{path}"
            booking = await self.whole.ask("GET", path_, token=self.token)
            return bool(booking["signature"] or booking["unsigned_reason"])

        await until(judged)

    async def training(self) -> None:
        lines, total = self.basket()
        await self.sell(lines, {"kind": "cash", "amount": eur(total)}, training=True)

    async def ordered(self) -> None:
        line = {"name": 'Eisbecher "Himbeere"', "quantity": "2", "unit_price": eur(399),
                "vat": "meals"}  # fmt: skip
        order = await self.post("orders", {"lines": [line], "group": "Tisch 4"})
        bill = {"type": "Transaktion", "id": order["booking_id"], "name": "Bestellung"}
        await self.sell(
            [goods(399, "meals", "2")], {"kind": "cash", "amount": eur(798)}, references=[bill]
        )

    async def cash_moved(self) -> None:
        kind = self.random.choice(["owner_in", "transit_in", "paid_in"])
        await self.post("cash-moves", {"kind": kind, "amount": eur(2500), "reason": "Wechselgeld"})
        kind = self.random.choice(["transit_out", "paid_out", "wage"])
        await self.post("cash-moves", {"kind": kind, "amount": eur(1500), "reason": "Bank"})

    # -- the shift --------------------------------------------------------------------------------

    async def open(self) -> None:
        await self.post("shift/open", {"float": eur(FLOAT), "cashier": "p-7"})

    async def close(self) -> Body:
        shift = await self.whole.ask(
            "GET", f"/stores/{self.store}/v1/tills/{self.till}/shift?report=x", token=self.manager
        )
        cash = shift["report"]["cash"]["amount"]
        counted = cash + self.random.choice([0, 0, 0, -5, 10])
        body: Body = {"cashier": "p-7"}
        if self.random.random() < 0.8:
            body |= {"counted": eur(counted), "skim": eur(max(0, counted - FLOAT))}
        closed: Body = await self.post("shift/close", body)
        return closed
