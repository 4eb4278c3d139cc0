"""Orders of web shops that are picked up at a till (the order-connector), while a cashier waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from device_gateway.ports.holds import ServiceRefused, ServiceUnavailable
from device_gateway.ports.vouchers import Place
from money import Money


@dataclass(frozen=True, slots=True)
class WebLine:
    """What was ordered; `unit_price` is gross. `vat` None: that of the assortment."""

    name: str
    quantity: str
    unit_price: Money
    sku: str | None = None
    vat: str | None = None
    article_group: str | None = None


@dataclass(frozen=True, slots=True)
class WebOrder:
    """An order as the shop knows it. No person stands in it."""

    order_id: str
    number: str
    """That customer and paper know."""
    store_id: str
    """Where it waits to be picked up."""
    state: str
    paid: bool
    total: Money
    lines: Sequence[WebLine] = ()


@dataclass(frozen=True, slots=True)
class ClaimedOrder:
    """An order that one till, and no other, is about to book."""

    claim_id: str
    order: WebOrder
    lease_until: datetime


class OrderUnavailable(ServiceUnavailable):
    """No such service runs, or it does not answer."""

    code = "order.unavailable"
    title = "Orders cannot be looked up now; take the number down and ask again later"


class OrderNotUsable(ServiceRefused):
    """The order service said no: unknown, picked up already, of another store."""


class OrderService(Protocol):
    """Every call may be repeated with the same id. Raises `OrderNotUsable` for an answer that says
    no, `OrderUnavailable` where no answer came. That it was picked up, it hears by
    `booking.recorded`; a claim that is never booked runs out by itself."""

    async def find(
        self, *, code: str | None = None, number: str | None = None, store_id: str
    ) -> WebOrder:
        """The order of a pick-up code, or of a number."""
        ...

    async def claim(self, claim_id: str, *, order_id: str, place: Place) -> ClaimedOrder:
        """Take the order over for this till's booking."""
        ...

    async def give_back(self, claim_id: str, *, reason: str) -> None:
        """The booking will not be made; another till may take the order."""
        ...


class NoOrders:
    """Where no order service runs: everything is refused at once."""

    async def find(
        self, *, code: str | None = None, number: str | None = None, store_id: str
    ) -> WebOrder:
        raise OrderUnavailable("no order service runs for this store")

    async def claim(self, claim_id: str, *, order_id: str, place: Place) -> ClaimedOrder:
        raise OrderUnavailable("no order service runs for this store")

    async def give_back(self, claim_id: str, *, reason: str) -> None:
        return None
