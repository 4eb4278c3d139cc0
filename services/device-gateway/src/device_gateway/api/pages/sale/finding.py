"""An earlier booking, by what stands on its receipt: its number, or the receipt's QR code."""

from __future__ import annotations

import re
from datetime import datetime

from device_gateway.decider.booking_state import Booking
from device_gateway.decider.refusals import BookingUnknown
from device_gateway.decider.shift import SHIFT
from device_gateway.events import NumberGiven
from device_gateway.handlers.gateway import Gateway, shift_stream
from device_gateway.handlers.shifts import newest_shift
from device_gateway.handlers.tills import tills_of
from events import DomainError, state_of

SHIFTS_MAX = 60
"""How many shifts of a till are looked through: about two months."""
QR_PARTS = 12
_NUMBER = re.compile(
    r"^(?:(?P<till>[A-Za-z0-9][A-Za-z0-9._:-]{0,63})[ /#])?(?P<number>[0-9]{1,9})$"
)


class ReceiptUnknown(DomainError):
    code = "page.receipt_unknown"
    status = 404
    title = "No receipt of this store has this number or code"


async def booking_by(gateway: Gateway, store_id: str, booking_id: str) -> Booking:
    """A booking of this store. Raises `ReceiptUnknown`."""
    try:
        found = await gateway.booking(booking_id)
    except BookingUnknown:
        raise ReceiptUnknown from None
    assert found.started is not None
    if found.started.store_id != store_id:
        raise ReceiptUnknown
    return found


async def by_receipt(gateway: Gateway, store_id: str, till_id: str, text: str) -> Booking:
    """`153` (of this till), `till-2/153`, or the text of the QR code of a receipt.

    Raises `ReceiptUnknown`.
    """
    typed = text.strip()
    if typed.startswith("V0;"):
        return await _by_qr(gateway, store_id, typed)
    found = _NUMBER.match(typed)
    if found is None:
        raise ReceiptUnknown
    named = found.group("till") or till_id
    if all(till.till_id != named for till in await tills_of(gateway, store_id)):
        raise ReceiptUnknown
    booking_id = await _numbered(gateway, named, int(found.group("number")))
    return await booking_by(gateway, store_id, booking_id)


async def _numbered(gateway: Gateway, till_id: str, number: int) -> str:
    """Raises `ReceiptUnknown`."""
    till, _ = await newest_shift(gateway, till_id)
    for shift in range(till.shift, max(0, till.shift - SHIFTS_MAX), -1):
        stream = shift_stream(till_id, shift)
        _, state = await state_of(gateway.store, SHIFT, stream)
        if state.opened is None or state.opened.numbers >= number:
            continue  # An older one.
        for recorded in await gateway.store.load(stream):
            event = recorded.event
            if isinstance(event, NumberGiven) and event.number == number:
                return event.booking_id
        break
    raise ReceiptUnknown


async def _by_qr(gateway: Gateway, store_id: str, text: str) -> Booking:
    """DSFinV-K, annex I: V0;serial;type;data;transaction;counter;start;end;… Raises
    `ReceiptUnknown`."""
    parts = text.split(";")
    if len(parts) != QR_PARTS or not parts[4].isdigit():
        raise ReceiptUnknown
    client_id, transaction = parts[1], int(parts[4])
    start = _instant(parts[6])
    for till in await tills_of(gateway, store_id):
        if till.client_id != client_id:
            continue
        newest = (await newest_shift(gateway, till.till_id))[0].shift
        for shift in range(newest, max(0, newest - SHIFTS_MAX), -1):
            stream = shift_stream(till.till_id, shift)
            _, state = await state_of(gateway.store, SHIFT, stream)
            if state.opened is None or (start is not None and state.opened.opened_at > start):
                continue
            found = await _in_shift(gateway, stream, transaction, start)
            if found is not None:
                return await booking_by(gateway, store_id, found)
            break
    raise ReceiptUnknown


async def _in_shift(
    gateway: Gateway, stream: str, transaction: int, start: datetime | None
) -> str | None:
    for recorded in reversed(await gateway.store.load(stream)):
        event = recorded.event
        if not isinstance(event, NumberGiven):
            continue
        if start is not None and recorded.recorded_at < start:
            break
        process = await gateway.process(event.booking_id)
        verdict = process.verdict
        if verdict is not None and verdict.transaction_number == transaction:
            return event.booking_id
    return None


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
