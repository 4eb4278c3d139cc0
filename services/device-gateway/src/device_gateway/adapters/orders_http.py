"""The order service over HTTP (`/order-connector/v1`): the till side of its interface (domain
document on orders, C.6)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from device_gateway.adapters.asking import Asking, Reply
from device_gateway.ports import Place
from device_gateway.ports.orders import (
    ClaimedOrder,
    OrderNotUsable,
    OrderUnavailable,
    WebLine,
    WebOrder,
)
from money import Money

LINES_MAX = 500


class _Line(Reply):
    name: str
    quantity: Annotated[str, Field(pattern=r"^[0-9]{1,6}(\.[0-9]{1,3})?$")] = "1"
    unit_price: Money
    sku: str | None = None
    vat: str | None = None
    article_group: str | None = None


class _Order(Reply):
    order_id: str
    number: Annotated[str, Field(min_length=1, max_length=40)]
    store_id: str
    state: str
    paid: bool
    total: Money
    lines: Annotated[tuple[_Line, ...], Field(max_length=LINES_MAX)] = ()


class _Claim(Reply):
    claim_id: str
    lease_until: datetime
    order: _Order


class _Done(Reply):
    pass


class HttpOrderService(Asking):
    """See `device_gateway.ports.orders.OrderService`."""

    name = "the order service"
    unavailable = OrderUnavailable
    unreachable = OrderUnavailable

    def refused(
        self, code: str, status: int, problem: Mapping[str, Any], extra: Mapping[str, object]
    ) -> OrderNotUsable:
        told = ("state", "store_id", "receipt", "number")
        kept = {name: problem[name] for name in told if name in problem}
        return OrderNotUsable(code, status, str(problem.get("detail", "")), **kept, **extra)

    async def find(
        self, *, code: str | None = None, number: str | None = None, store_id: str
    ) -> WebOrder:
        # The code is a secret: it stands in a body, never in an address.
        body = {"store_id": store_id, **({"code": code} if code else {"number": number})}
        reply = await self.ask(_Order, "POST", "/order-connector/v1/lookups", body, key="look")
        return _order(reply)

    async def claim(self, claim_id: str, *, order_id: str, place: Place) -> ClaimedOrder:
        body = {
            "claim_id": claim_id,
            "order_id": order_id,
            "store_id": place.store_id,
            "booking_id": place.booking_id,
        }
        path = f"/order-connector/v1/tills/{place.till_id}/claims"
        reply = await self.ask(_Claim, "POST", path, body, key=f"claim:{claim_id}")
        return ClaimedOrder(reply.claim_id, _order(reply.order), reply.lease_until)

    async def give_back(self, claim_id: str, *, reason: str) -> None:
        path = f"/order-connector/v1/claims/{claim_id}/rejected"
        await self.ask(_Done, "POST", path, {"reason": reason}, key=f"rejected:{claim_id}")


def _order(reply: _Order) -> WebOrder:
    return WebOrder(
        order_id=reply.order_id,
        number=reply.number,
        store_id=reply.store_id,
        state=reply.state,
        paid=reply.paid,
        total=reply.total,
        lines=tuple(WebLine(**dict(line)) for line in reply.lines),
    )
