"""An order of a web shop is picked up: found by its code, claimed for this till, and booked with
its lines; paid `online` where the shop has the money already."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID, uuid5

from device_gateway.commands import NewLine
from device_gateway.decider.refusals import BookingUnknown
from device_gateway.events import Reference
from device_gateway.handlers.assortment import article
from device_gateway.handlers.ending import Progress
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.limits import limited
from device_gateway.handlers.sales import Sale, booking_id_of, sell
from device_gateway.handlers.tendered import ORDER, TenderedPayment
from device_gateway.ports import Place
from device_gateway.ports.orders import OrderNotUsable, OrderUnavailable, WebLine, WebOrder
from events import Ask, DomainError
from money import total

PICKED_UP = "Abholung"
"""`name` of the reference to an order that is paid at the till."""


async def find(
    gateway: Gateway,
    store_id: str,
    *,
    code: str | None,
    number: str | None,
    till_id: str | None = None,
) -> WebOrder:
    """The order, for a look; a till may look up so often. Raises `OrderUnavailable`,
    `OrderNotUsable`, `ActTooOften`."""
    if till_id is not None:
        await limited(gateway, "lookup", store_id=store_id, till_id=till_id)
    return await gateway.orders.find(code=code, number=number, store_id=store_id)


async def pick_up(
    gateway: Gateway,
    store_id: str,
    till_id: str,
    *,
    code: str | None,
    number: str | None,
    cashier_id: str | None,
    ask: Ask,
) -> Progress:
    """Claim the order and begin its booking; one that is paid already is recorded at once.

    A repeat finds the booking. Raises `OrderUnavailable`, `OrderNotUsable` (`order.other_store`
    names the store), and what a sale raises; the order is given back then.
    """
    booking_id = booking_id_of(ask)
    try:
        booking = await gateway.booking(booking_id)
        await gateway.store.outcome(ask.key, ask.input_hash)  # A reused key is refused.
        return Progress(booking)
    except BookingUnknown:
        pass
    order = await find(gateway, store_id, code=code, number=number)
    if order.store_id != store_id:
        raise OrderNotUsable(
            "order.other_store", 409, "This order waits in another store", store_id=order.store_id
        )
    claim_id = str(uuid5(UUID(booking_id), "order"))
    place = Place(store_id, till_id, booking_id, claim_id)
    claimed = await gateway.orders.claim(claim_id, order_id=order.order_id, place=place)
    try:
        sale = await _sale(gateway, store_id, till_id, claimed.order, cashier_id)
        return await sell(gateway, sale, ask=ask)
    except DomainError as refusal:
        await _given_back(gateway, claim_id, refusal.code)
        raise


async def _sale(
    gateway: Gateway, store_id: str, till_id: str, order: WebOrder, cashier_id: str | None
) -> Sale:
    lines = [await _line(gateway, line) for line in order.lines]
    amounts = (line.unit_price.times(line.quantity) for line in lines)
    amount = total(amounts, currency=order.total.currency)
    if amount != order.total:
        raise OrderNotUsable(
            "order.total_differs", 409, "The lines of this order do not add up to its total",
            total=order.total.model_dump(), lines=amount.model_dump(),
        )  # fmt: skip
    paid = [TenderedPayment("online", order.total, order=order.number)] if order.paid else []
    return Sale(
        store_id=store_id,
        till_id=till_id,
        lines=lines,
        payments=paid,
        finish=order.paid,
        cashier_id=cashier_id,
        # What is paid online refers to its order by the payment.
        references=() if order.paid else (Reference(type=ORDER, id=order.number, name=PICKED_UP),),
    )


async def _line(gateway: Gateway, line: WebLine) -> NewLine:
    """At the price of the shop: the customer has agreed to it. The VAT is ours to know."""
    vat, group = line.vat, line.article_group
    if vat is None and line.sku is not None:
        listed = await article(gateway, line.sku)
        vat, group = listed.vat, group or listed.article_group
    if vat is None:
        raise OrderNotUsable("order.vat_unknown", 409, f"{line.name}: its VAT is not known")
    return NewLine(
        kind="article",
        sku=line.sku,
        name=line.name,
        quantity=Decimal(line.quantity),
        unit_price=line.unit_price,
        vat=vat,
        article_group=group,
    )


async def _given_back(gateway: Gateway, claim_id: str, reason: str) -> None:
    try:
        await gateway.orders.give_back(claim_id, reason=reason)
    except (OrderUnavailable, OrderNotUsable):
        return  # The claim runs out by itself.
