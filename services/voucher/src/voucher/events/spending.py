"""Holds, redemptions and what is given back."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from events import Event, event_type
from money import Money
from voucher.events.terms import Cover, LotUse

ReleaseReason = Literal["released", "expired", "aborted"]
CaptureFault = Literal["hold_unknown", "hold_released", "hold_expired", "over_hold", "not_usable"]
Purpose = Literal["payment", "payout", "sale_reversal"]
"""What a hold is for: goods, the rest in cash, or taking back the sale of the voucher itself."""


@event_type("voucher.held", version=1)
class VoucherHeld(Event):
    """Part of the balance is kept for one payment until `expires_at`."""

    voucher_id: str
    serial: str
    hold_id: str
    amount: Money
    available: Money
    """What further payments can use after this hold."""
    store_id: str
    till_id: str
    booking_id: str
    payment_id: str
    expires_at: AwareDatetime
    held_at: AwareDatetime
    purpose: Purpose = "payment"
    group_id: str | None = None
    """Several vouchers that pay together."""
    approved_by: str | None = None
    """A payout by goodwill: the person who allowed it."""
    covers: Annotated[tuple[Cover, ...], Field(exclude_if=lambda given: given == ())] = ()
    """Which goods it pays for. Empty: the voucher pays for everything, or the fact is from before
    this was written down."""


@event_type("voucher.hold_confirmed", version=1)
class VoucherHoldConfirmed(Event):
    """The till is about to record the booking. The hold no longer expires."""

    voucher_id: str
    serial: str
    hold_id: str
    confirmed_at: AwareDatetime


@event_type("voucher.hold_released", version=1)
class VoucherHoldReleased(Event):
    """The amount can be used by others again."""

    voucher_id: str
    serial: str
    hold_id: str
    amount: Money
    available: Money
    reason: ReleaseReason
    released_at: AwareDatetime


@event_type("voucher.redeemed", version=1)
class VoucherRedeemed(Event):
    """Part or all of the value was spent. `remaining` is the balance afterwards."""

    voucher_id: str
    serial: str
    hold_id: str
    booking_id: str | None = None
    """None: redeemed by a system that signs elsewhere."""
    amount: Money
    remaining: Money
    held: Money | None = None
    """What the hold had kept, if one was open; what was not spent of it is available again,
    unless `held_still` says otherwise."""
    held_still: Money | None = None
    """A partial capture: what the hold keeps for the next one. None: the hold is over."""
    uses: tuple[LotUse, ...] = ()
    """From which lots. Empty in facts that were written before lots: then the one lot."""
    waiver: str | None = None
    """A donated or promotional voucher: the reason under which the price was lowered. No tender."""
    store_id: str
    till_id: str | None = None
    issued_by: str | None = None
    """The legal entity that owes the value."""
    accepted_by: str | None = None
    """The legal entity that took the voucher in payment."""
    offline: bool = False
    """Accepted by a store without a line and reported later."""
    business_date: date | None = None
    """Of the booking. None: the day of the fact itself, in the voucher's zone."""
    redeemed_at: AwareDatetime


@event_type("voucher.capture_failed", version=1)
class VoucherCaptureFailed(Event):
    """A recorded booking was paid with more than the voucher could give. Somebody has to look:
    `missing` stands on the store's overdraft account. The booking stands."""

    voucher_id: str | None = None
    serial: str | None = None
    hold_id: str
    booking_id: str
    amount: Money
    missing: Money
    held: Money | None = None
    """What an open hold had kept, if this fact ends it."""
    store_id: str
    till_id: str
    reason: CaptureFault
    offline: bool = False
    failed_at: AwareDatetime


@event_type("voucher.redemption_reversed")
class VoucherRedemptionReversed(Event):
    """Goods came back: value that had been spent is on the voucher again."""

    voucher_id: str
    serial: str
    reversal_id: str
    hold_id: str
    """The redemption. All its reversals together never exceed it."""
    booking_id: str | None = None
    amount: Money
    balance: Money
    """Afterwards."""
    uses: tuple[LotUse, ...] = ()
    """Back onto which lots."""
    valid_until: date | None = None
    """The voucher had expired meanwhile: its new last day, as the policy gives it."""
    refused: Money | None = None
    """A recorded booking gave back more than had been redeemed: not credited. Somebody has to
    look."""
    store_id: str
    business_date: date | None = None
    """Of the booking. None: the day of the fact itself, in the voucher's zone."""
    reversed_at: AwareDatetime


@event_type("voucher.paid_out")
class VoucherPaidOut(Event):
    """The rest was paid in cash, as the terms allow. The voucher is closed."""

    voucher_id: str
    serial: str
    hold_id: str
    booking_id: str | None = None
    amount: Money
    remaining: Money
    uses: tuple[LotUse, ...] = ()
    store_id: str
    till_id: str | None = None
    business_date: date | None = None
    """Of the booking. None: the day of the fact itself, in the voucher's zone."""
    paid_out_at: AwareDatetime


@event_type("voucher.entitlement_extended")
class VoucherEntitlementExtended(Event):
    """A voucher's effect was confirmed at the till: a date was set forward. No fee was booked."""

    voucher_id: str
    serial: str
    extension_id: str
    entitlement: str
    subject_id: str
    """Of the person in the system that keeps the entitlement. No name."""
    old_until: date
    new_until: date
    booking_id: str | None = None
    store_id: str
    confirmed_at: AwareDatetime
