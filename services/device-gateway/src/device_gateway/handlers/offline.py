"""Vouchers while nobody can be asked: what the store may take by the QR code alone.

`offline-{store_id}` counts what was taken, in the same append as the payment. The booking carries
it to the voucher service, which books it like any payment; what the voucher does not cover stands
on the store's overdraft account there.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from device_gateway.commands import NoteHeld
from device_gateway.decider.booking import BOOKING
from device_gateway.decider.booking_state import Booking, Tender
from device_gateway.decider.offline import (
    OFFLINE,
    AcceptOffline,
    GiveBackOffline,
    OfflineLimits,
    SignedVoucher,
)
from device_gateway.decider.refusals import OfflineOneByOne, OfflineUnsigned
from device_gateway.events import OfflineAccepted, Payment
from device_gateway.handlers.gateway import (
    Gateway,
    booking_stream,
    business_date,
    offline_stream,
)
from device_gateway.ports import (
    OfflineRules,
    VoucherUnreachable,
)
from events import Ask, Decider, Decision, handle, handle_together
from kassenverbund.kit.signed_qr import (
    VoucherQr,
    issuer_mark,
    looks_signed,
    store_mark,
    verify,
)
from money import Money

RULES_AGE_MAX = timedelta(days=7)
"""Older rules allow nothing: nobody has said for too long that the store still may."""

CLOCK_AHEAD_MAX = timedelta(minutes=5)
"""Rules from further in the future: this machine's clock is wrong, and with it every last day."""

UNTOUCHED_FOR = timedelta(minutes=30)
"""See `recovery.OPEN_IDLE_MAX_S`: then a booking that nobody touches is aborted."""


async def taken_offline(
    gateway: Gateway,
    booking: Booking,
    tender: Tender,
    codes: Sequence[str],
    away: VoucherUnreachable,
    *,
    ask: Ask,
) -> Booking:
    """Let a voucher pay by its signed QR code, within the store's limits.

    Raises `away` where the store takes none, `QrForged`, `OfflineUnsigned`, `OfflineOneByOne`,
    `OfflineNotTaken`, `OfflineCapReached`, `OfflineDayFull`, `BookingChanged`.
    """
    assert booking.started is not None
    assert tender.request is not None
    started, request, now = booking.started, tender.request, gateway.clock()
    rules = None if gateway.offline is None else await gateway.offline.of(started.store_id)
    limits = limits_of(rules, now)
    if rules is None or limits is None or limits.cap.currency != request.amount.currency:
        raise away
    if request.together or len(codes) != 1:
        raise OfflineOneByOne
    if not looks_signed(codes[0]):
        raise OfflineUnsigned
    content = verify(codes[0], _keys(rules))
    day = business_date(await gateway.terms_of(booking), now)
    line = gateway.voucher_line
    accepting = AcceptOffline(
        store_id=started.store_id,
        till_id=started.till_id,
        booking_id=started.booking_id,
        payment_id=tender.payment_id,
        hold_id=request.hold_id,
        voucher=_signed(content, rules),
        wanted=request.amount,
        limits=limits,
        business_date=day,
        now=now,
        down_since=None if line is None or line.state.up else line.state.since,
    )
    book_part, booking_part = offline_stream(started.store_id), booking_stream(started.booking_id)

    def decide(states: Mapping[str, Any]) -> Decision:
        accepted = OFFLINE.decide(accepting, states[book_part])
        held = [
            each
            for taken in accepted
            if isinstance(taken, OfflineAccepted)
            for each in BOOKING.decide(_held(tender, taken), states[booking_part])
        ]
        return Decision({book_part: accepted if held else (), booking_part: held})

    parts: dict[str, Decider[Any, Any]] = {book_part: OFFLINE, booking_part: BOOKING}
    await handle_together(gateway.store, parts, decide, ask=ask)
    return await gateway.booking(started.booking_id)


def limits_of(rules: OfflineRules | None, now: datetime) -> OfflineLimits | None:
    """The limits of a store that may take vouchers at `now`; None: it may not."""
    if rules is None or not rules.takes:
        return None
    if rules.cap is None or rules.per_day is None or rules.per_till_day is None:
        return None
    if now - rules.heard_at > RULES_AGE_MAX or rules.heard_at - now > CLOCK_AHEAD_MAX:
        return None
    return OfflineLimits(
        cap=rules.cap,
        per_day=rules.per_day,
        per_till_day=rules.per_till_day,
        sold_here=rules.sold_here,
        heard_at=rules.heard_at,
    )


def _keys(rules: OfflineRules) -> dict[bytes, Ed25519PublicKey]:
    return {
        bytes.fromhex(key_id): Ed25519PublicKey.from_public_bytes(base64.b64decode(key))
        for key_id, key in rules.keys.items()
    }


def _signed(content: VoucherQr, rules: OfflineRules) -> SignedVoucher:
    # A code that does not say who sold it was signed before codes were fit for this.
    knows = content.sold_in is not None
    return SignedVoucher(
        serial=content.serial,
        multi_purpose=content.kind == "multi_purpose",
        own_issuer=content.issuer == issuer_mark(rules.legal_entity_id),
        sold_here=content.sold_in == store_mark(rules.store_id),
        face=Money(amount=content.face_minor, currency=content.currency),
        offline_cap=Money(
            amount=content.offline_cap_minor if knows else 0, currency=content.currency
        ),
        valid_until=content.valid_until,
    )


def _held(tender: Tender, taken: OfflineAccepted) -> NoteHeld:
    assert tender.request is not None
    payment = Payment(
        payment_id=taken.payment_id,
        kind="voucher",
        name=tender.request.name,
        fiscal=tender.request.fiscal,
        amount=taken.amount,
        hold_id=taken.hold_id,
        voucher_serial=taken.serial,
        vat="zero",
        dsfinvk_key=5,
        case="MehrzweckgutscheinEinloesung",
        offline=True,
    )
    at = taken.accepted_at
    return NoteHeld(taken.booking_id, payment, at + UNTOUCHED_FOR, at)


async def given_back(gateway: Gateway, booking: Booking) -> None:
    """An aborted booking used up no limit. Does nothing for any other."""
    if booking.aborted is None:
        return
    hold_ids = [paid.hold_id for paid in booking.payments if paid.offline and paid.hold_id]
    if hold_ids:
        aborted = booking.aborted
        command = GiveBackOffline(hold_ids, gateway.clock())
        ask = Ask.of(f"offline/given-back/{aborted.booking_id}", aborted.booking_id)
        await handle(gateway.store, OFFLINE, offline_stream(aborted.store_id), command, ask=ask)
