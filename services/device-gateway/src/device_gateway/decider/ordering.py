"""Orders: what is ordered now and paid later, by a booking that refers to it. Pure.

Each is a process of its own (Bestellung-V1): numbered, signed, and of no weight in any total.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from device_gateway.commands import NewOrderLine, OrderLines
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.pricing import (
    LINES_MAX,
    QUANTITY_MAX,
    UNIT_PRICE_MAX,
)
from device_gateway.decider.refusals import (
    BookingExists,
    BookingTooLarge,
    CurrencyUnknown,
    OrderRefused,
    VatUnknown,
)
from device_gateway.decider.till import Till, must_be_active
from device_gateway.events import BookingOrdered, OrderedLine, TillOpened

PROCESS_DATA_MAX = 1_000
"""Characters that DSFinV-K keeps of what is signed of one order. A longer one is sent in two."""


def order(
    command: OrderLines, till: Till, shift: TillOpened, booking: Booking, number: int
) -> tuple[BookingOrdered, ...]:
    """Raises `OrderRefused`, `VatUnknown`, `CurrencyUnknown`, `BookingTooLarge`, `TillUnknown`."""
    if booking.started is not None or booking.final is not None:
        raise BookingExists
    must_be_active(till, command.store_id)
    lines = _lines(command)
    return (
        BookingOrdered(
            booking_id=command.booking_id,
            store_id=command.store_id,
            till_id=command.till_id,
            till_name=shift.till_name,
            legal_entity_id=command.legal_entity_id,
            tse_id=shift.tse_id,
            client_id=shift.client_id,
            number=number,
            shift=shift.shift,
            started_at=command.now,
            recorded_at=command.now,
            sign_by=command.sign_by,
            business_date=command.business_date,
            currency=command.currency,
            cashier_id=command.cashier_id,
            lines=lines,
            group=command.group,
            order_of=command.order_of,
            kitchen=command.kitchen,
            master_data=shift.master_data,
        ),
    )


def _lines(command: OrderLines) -> Sequence[OrderedLine]:
    if not command.lines:
        raise OrderRefused("an order has at least one line")
    if len(command.lines) > LINES_MAX:
        raise BookingTooLarge(f"an order has at most {LINES_MAX} lines", limit=LINES_MAX)
    signed = sum(_signed(line) for line in command.lines)
    if signed > PROCESS_DATA_MAX:
        raise BookingTooLarge(
            f"what is signed of an order has at most {PROCESS_DATA_MAX} characters: send two",
            limit=PROCESS_DATA_MAX,
        )
    found = list[OrderedLine]()
    for number, line in enumerate(command.lines, start=1):
        if not 0 < abs(line.quantity) <= QUANTITY_MAX:
            raise OrderRefused(f"line {number}: quantity is not 0, and at most {QUANTITY_MAX}")
        if not 0 <= line.unit_price.amount <= UNIT_PRICE_MAX:
            raise OrderRefused(f"line {number}: unit_price is 0 to {UNIT_PRICE_MAX} minor units")
        if line.unit_price.currency != command.currency:
            raise CurrencyUnknown(f"line {number}: this store sells in {command.currency}")
        rate = command.rates.get(line.vat)
        if rate is None:
            raise VatUnknown(f"line {number}: there is no VAT key {line.vat}", vat=line.vat)
        found.append(
            OrderedLine(
                line_id=str(number),
                name=line.name,
                quantity=_text(line.quantity),
                unit_price=line.unit_price,
                vat=line.vat,
                rate=rate.rate,
                dsfinvk_key=rate.dsfinvk_key,
                sku=line.sku,
                article_group=line.article_group,
            )
        )
    return tuple(found)


def _signed(line: NewOrderLine) -> int:
    """Characters of `2;"Limo";2.30`, and of what parts it from the next."""
    name = line.name.replace('"', '""')
    return len(f'{_text(line.quantity)};"{name}";{line.unit_price.as_decimal()}') + 1


def _text(quantity: Decimal) -> str:
    return format(quantity.normalize(), "f")
