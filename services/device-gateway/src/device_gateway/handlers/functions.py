"""Keys of the goods group "Cashierfunctions": pressed, they ask for a number or a code and settle
what is open (C16)."""

from __future__ import annotations

from device_gateway.decider.booking_state import Booking
from device_gateway.events import ArticleListed, Function
from device_gateway.handlers import ending, sales
from device_gateway.handlers.ending import Progress
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.tendered import TenderedPayment
from device_gateway.handlers.vouchers import sub_ask
from device_gateway.ports import ChargeAsked, ChargeCard
from events import Ask, DomainError


class NotAFunction(DomainError):
    code = "article.no_function"
    status = 422
    title = "This article is sold; it does nothing"


class FunctionOfThePage(DomainError):
    """`function`: the till's page does it, by requests of their own."""

    code = "article.function_of_page"
    status = 422
    title = "This key does nothing by itself"


async def press(
    gateway: Gateway, booking: Booking, pressed: ArticleListed, entered: str, *, ask: Ask
) -> Progress:
    """Settle all that is open by what was typed or scanned, and record the booking. Where it is
    refused, or does not pay everything, the sale stays open.

    Raises `NotAFunction`, `FunctionOfThePage`, and what the payment and `finish` raise.
    """
    if pressed.function is None:
        raise NotAFunction(sku=pressed.sku)
    paid = _payment(pressed.function, entered)
    assert booking.started is not None
    progress = await sales.pay(gateway, booking, [paid], ask=ask)
    async with ending.naming(gateway, booking.started.booking_id):
        return await ending.finish(gateway, progress.booking, ask=sub_ask(ask, "finish"))


def _payment(function: Function, entered: str) -> TenderedPayment:
    match function:
        case "pay_by_center_number":
            return TenderedPayment(
                "cost_center", None, charge=ChargeAsked(ChargeCard(center_number=entered))
            )
        case "pay_by_customer_card":
            return TenderedPayment("customer_card", None, code=entered)
        case "redeem_voucher":
            return TenderedPayment("voucher", None, code=entered)
        case _:
            raise FunctionOfThePage(function=function)
