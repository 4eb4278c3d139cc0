"""The facts of a voucher's life, from its preparation at a till to its last cent.

No fact carries the secret code. `serial` is the public name on receipts and in reports; the code's
keyed hash lets a till find the voucher.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from events import Event, event_type
from money import Money

ReleaseReason = Literal["released", "expired", "aborted"]
CaptureFault = Literal["hold_unknown", "hold_released", "hold_expired", "over_hold", "not_usable"]
ActivationFault = Literal["never_issued"]


class SoldAt(BaseModel):
    """The booking line that sells a voucher."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    store_id: str
    till_id: str
    booking_id: str
    line_id: str


@event_type("voucher.issued", version=1)
class VoucherIssued(Event):
    """A voucher was prepared for sale. It is pending: it pays only once its sale is recorded."""

    voucher_id: str
    serial: str
    code_hash: str
    """HMAC-SHA-256 of the code, hex."""
    hash_key_id: str
    kind: Literal["multi_purpose"] = "multi_purpose"
    """Multi-purpose: taxed when redeemed, by what is bought (UStG § 3 (15))."""
    value: Money
    legal_entity_id: str
    """The issuer, who owes the value."""
    sold_at: SoldAt
    valid_until: date
    """The last day on which it can be used, in `time_zone`."""
    time_zone: str
    """Of the store that sold it."""
    issued_at: AwareDatetime


@event_type("voucher.activated", version=1)
class VoucherActivated(Event):
    """The sale was recorded: the voucher can be used."""

    voucher_id: str
    serial: str
    booking_id: str
    value: Money
    activated_at: AwareDatetime
    reinstated: bool = False
    """It had been cancelled before the recorded sale arrived. The sale stands."""


@event_type("voucher.activation_failed", version=1)
class VoucherActivationFailed(Event):
    """A recorded booking sold a voucher that was never prepared here. Somebody has to look."""

    voucher_id: str
    serial: str | None = None
    booking_id: str
    value: Money
    store_id: str
    till_id: str
    reason: ActivationFault
    failed_at: AwareDatetime


@event_type("voucher.cancelled", version=1)
class VoucherCancelled(Event):
    """A voucher that was prepared is not sold after all."""

    voucher_id: str
    serial: str | None = None
    """None: the cancel came before the preparation, which is refused from now on."""
    value: Money | None = None
    reason: str
    cancelled_at: AwareDatetime


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
    """What the hold had kept, if one was open; what was not spent of it is available again."""
    store_id: str
    till_id: str | None = None
    accepted_by: str | None = None
    """The legal entity that took the voucher in payment."""
    redeemed_at: AwareDatetime


@event_type("voucher.capture_failed", version=1)
class VoucherCaptureFailed(Event):
    """A recorded booking was paid with more than the voucher could give. Somebody has to look:
    `missing` is owed by nobody yet. The booking stands."""

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
    failed_at: AwareDatetime


VoucherEvent = (
    VoucherIssued
    | VoucherActivated
    | VoucherActivationFailed
    | VoucherCancelled
    | VoucherHeld
    | VoucherHoldConfirmed
    | VoucherHoldReleased
    | VoucherRedeemed
    | VoucherCaptureFailed
)

EVENTS: tuple[type[Event], ...] = (
    VoucherIssued,
    VoucherActivated,
    VoucherActivationFailed,
    VoucherCancelled,
    VoucherHeld,
    VoucherHoldConfirmed,
    VoucherHoldReleased,
    VoucherRedeemed,
    VoucherCaptureFailed,
)
