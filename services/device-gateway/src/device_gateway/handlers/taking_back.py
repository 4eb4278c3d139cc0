"""Returns, payouts and cancellations: what other services have to agree to, before anything is
stored.

A voucher that ends (paid out, or its sale taken back) is held first. Nothing has to be stored for
that: a hold that nobody confirms ends by itself, and the line that is stored then names it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID, uuid5

from device_gateway.commands import (
    Refund,
    ReturnedLine,
    TakenVoucher,
)
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.cancelling import cancellable, restored_holds, sold_vouchers
from device_gateway.decider.going_out import something_back
from device_gateway.decider.refusals import (
    BookingUnknown,
    CancellationNeedsCodes,
    NotRestorable,
)
from device_gateway.decider.returns import take_back
from device_gateway.events import (
    BookingOrdered,
    Line,
    MasterDataChanged,
    Reference,
)
from device_gateway.handlers.gateway import Gateway
from device_gateway.ports import Hold, Place, ServiceRefused, ServiceUnavailable, TakesBack
from money import Money

ORDER = "Bestellung"
"""Name of a reference to an order: the paper shows when the first of them began."""
REST_MAX = 1_000_000
"""Minor units: no voucher is worth more."""


@dataclass(frozen=True, slots=True)
class WantedPayout:
    """The rest of a voucher in cash. The code stays in memory."""

    code: str = field(repr=False)
    reason: str
    approved_by: str | None = None
    """The manager at the till, where the voucher's terms pay out by goodwill only."""


@dataclass(frozen=True, slots=True)
class GivenBack:
    """What a booking takes back, as the till sent it."""

    returns: Sequence[ReturnedLine] = ()
    payouts: Sequence[WantedPayout] = ()

    def by_original(self) -> Mapping[str, Sequence[ReturnedLine]]:
        found: dict[str, list[ReturnedLine]] = {}
        for each in self.returns:
            found.setdefault(each.booking_id, []).append(each)
        return found


NOTHING_BACK = GivenBack()
RefundKind = Literal["cash", "card"]


def refund_of(master_data: MasterDataChanged, booking_id: str, kind: RefundKind) -> Refund | None:
    """None: the store does not take this means, so nothing goes out by it."""
    for means in master_data.means_of_payment:
        if means.kind == kind:
            payment_id = str(uuid5(UUID(booking_id), "refund"))
            return Refund(payment_id, kind, means.name, means.fiscal, means.payment_type)
    return None


async def payouts_held(
    gateway: Gateway, place: Place, master_data: MasterDataChanged, wanted: Sequence[WantedPayout]
) -> tuple[TakenVoucher, ...]:
    """Hold the rest of each voucher. Raises `VoucherRefused`, `VoucherUnavailable`; then what was
    held for this booking is let go."""
    most = Money(amount=REST_MAX, currency=master_data.currency)
    held = list[TakenVoucher]()
    try:
        for index, each in enumerate(wanted):
            part_id = str(uuid5(UUID(place.booking_id), f"payout/{index}"))
            hold = await gateway.vouchers.hold_whole(
                part_id,
                code=each.code,
                purpose="payout",
                amount=most,
                exact=False,
                place=Place(place.store_id, place.till_id, place.booking_id, part_id),
                approved_by=each.approved_by,
            )
            held.append(_taken(hold, each.reason, _voucher_name(master_data), "payout"))
    except (ServiceRefused, ServiceUnavailable):
        await let_go(gateway, held)
        raise
    return tuple(held)


def _taken(hold: Hold, reason: str, name: str, purpose: TakesBack) -> TakenVoucher:
    return TakenVoucher(
        hold_id=hold.hold_id,
        voucher_id=hold.voucher_id,
        serial=hold.serial,
        amount=hold.amount,
        vat=hold.vat,
        dsfinvk_key=hold.dsfinvk_key,
        rate=hold.rate or 0,
        reason=reason,
        name=name,
        kind="voucher_payout" if purpose == "payout" else "voucher_sale_reversal",
    )


def _voucher_name(master_data: MasterDataChanged) -> str:
    for means in master_data.means_of_payment:
        if means.kind == "voucher":
            return means.name
    return "Gutschein"


async def let_go(gateway: Gateway, held: Iterable[TakenVoucher]) -> None:
    """Nothing was stored for these holds. They would end by themselves; sooner is kinder."""
    for voucher in held:
        try:
            await gateway.vouchers.release(voucher.hold_id)
        except (ServiceRefused, ServiceUnavailable):
            continue


async def cancellation_agreed(
    gateway: Gateway,
    original: Booking,
    codes: Mapping[str, str],
    *,
    place: Place,
    reason: str,
) -> Mapping[str, TakenVoucher]:
    """By line of the original: the vouchers that it sold, held. Also makes sure that the vouchers
    that paid for it can get that back.

    Raises the refusals of `cancellable`, `CancellationNeedsCodes`, `NotRestorable`,
    `VoucherRefused` and `VoucherUnavailable`; nothing is held or stored then.
    """
    recorded = cancellable(original)
    sold = sold_vouchers(recorded)
    missing = [line.line_id for line in sold if line.line_id not in codes]
    if missing:
        raise CancellationNeedsCodes(lines=missing)
    await _restorable(gateway, restored_holds(original))
    held: dict[str, TakenVoucher] = {}
    try:
        for line in sold:
            held[line.line_id] = await _sale_held(gateway, line, codes[line.line_id], place, reason)
    except (ServiceRefused, ServiceUnavailable):
        await let_go(gateway, held.values())
        raise
    return held


async def _sale_held(
    gateway: Gateway, line: Line, code: str, place: Place, reason: str
) -> TakenVoucher:
    part_id = str(uuid5(UUID(place.booking_id), f"sale-reversal/{line.line_id}"))
    hold = await gateway.vouchers.hold_whole(
        part_id,
        code=code,
        purpose="sale_reversal",
        amount=line.amount,
        exact=True,
        place=Place(place.store_id, place.till_id, place.booking_id, part_id),
    )
    return _taken(hold, reason, line.name, "sale_reversal")


async def returns_agreed(gateway: Gateway, store_id: str, back: GivenBack) -> None:
    """Make sure that vouchers that paid for these goods can get that back.

    Raises `LineRefused`, the refusals of `take_back`, `NotRestorable`, `BookingUnknown` and
    `VoucherUnavailable`; nothing is stored.
    """
    holds: dict[str, Money] = {}
    something_back(back.by_original())
    for original_id, wanted in back.by_original().items():
        original = await gateway.booking(original_id)
        assert original.started is not None
        if original.started.store_id != store_id:
            raise BookingUnknown(booking_id=original_id)
        plan = take_back(original, wanted, booking_id=original_id, numbered=0)
        for line in plan.lines:
            if line.kind == "voucher_redemption_reversal" and line.hold_id is not None:
                before = holds.get(line.hold_id)
                holds[line.hold_id] = line.amount if before is None else before + line.amount
    await _restorable(gateway, holds)


async def _restorable(gateway: Gateway, holds: Mapping[str, Money]) -> None:
    rests = await asyncio.gather(*(gateway.vouchers.restorable(hold_id) for hold_id in holds))
    for (hold_id, amount), rest in zip(holds.items(), rests, strict=True):
        if rest is None or rest < amount:
            raise NotRestorable(
                hold_id=hold_id, restorable=None if rest is None else rest.model_dump()
            )


async def known_references(
    gateway: Gateway, store_id: str, sent: Sequence[Reference]
) -> tuple[Reference, ...]:
    """References to bookings of ours, with what is known of them (an order: when it began). Raises
    `BookingUnknown`; those to others stay as they were sent."""
    found = list[Reference]()
    for each in sent:
        if each.type != "Transaktion":
            found.append(each)
            continue
        booking = await gateway.process(each.id)
        final = booking.final
        if final is None or final.store_id != store_id:
            raise BookingUnknown(booking_id=each.id)
        found.append(
            each.model_copy(
                update={
                    "name": ORDER if isinstance(final, BookingOrdered) else each.name,
                    "date": final.started_at,
                    "till_id": final.till_id,
                    "z_number": final.shift or None,
                    "number": final.number,
                }
            )
        )
    return tuple(found)
