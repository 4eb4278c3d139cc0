"""What can be asked of one voucher. Time and ids come in with the command."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from money import Money
from voucher.events import SoldAt

Mode = Literal["exact", "up_to"]
"""`exact`: all of the amount or nothing. `up_to`: as much of it as the voucher can give."""


@dataclass(frozen=True, slots=True)
class IssueVoucher:
    """Prepare a voucher for sale."""

    voucher_id: str
    serial: str
    code_hash: str
    hash_key_id: str
    value: Money
    legal_entity_id: str
    sold_at: SoldAt
    valid_until: date
    time_zone: str
    now: datetime


@dataclass(frozen=True, slots=True)
class ActivateVoucher:
    """The sale of this voucher is recorded."""

    voucher_id: str
    booking_id: str
    value: Money
    store_id: str
    till_id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class CancelVoucher:
    """The sale of this voucher will not be recorded. A recorded sale wins over this."""

    voucher_id: str
    reason: str
    now: datetime


@dataclass(frozen=True, slots=True)
class PlaceHold:
    """Keep an amount for one payment."""

    hold_id: str
    code_hash: str
    amount: Money
    mode: Mode
    store_id: str
    till_id: str
    booking_id: str
    payment_id: str
    accepted_by: str
    """The legal entity of the till."""
    across_entities: bool
    """Whether a voucher of another legal entity is accepted at all."""
    expires_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class ConfirmHold:
    """The booking is about to be recorded: the hold must not expire any more."""

    hold_id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class ReleaseHold:
    """The payment is not made."""

    hold_id: str
    reason: Literal["released", "aborted"]
    now: datetime


@dataclass(frozen=True, slots=True)
class CaptureHold:
    """The payment stands in a recorded booking; nothing can refuse it any more."""

    voucher_id: str | None
    """What the booking says; the hold's own stream is asked first."""
    hold_id: str
    booking_id: str
    amount: Money
    store_id: str
    till_id: str
    accepted_by: str | None
    recorded_at: datetime
    """The booking's time, for the facts; `now` decides which other holds still count."""
    now: datetime


@dataclass(frozen=True, slots=True)
class RedeemVoucher:
    """Hold, confirm and capture in one decision, for systems that sign elsewhere."""

    redemption_id: str
    code_hash: str
    amount: Money
    mode: Mode
    store_id: str
    accepted_by: str
    across_entities: bool
    now: datetime


@dataclass(frozen=True, slots=True)
class ExpireHolds:
    """Write down which holds have run out. Decides nothing new: they no longer counted."""

    now: datetime


VoucherCommand = (
    IssueVoucher
    | ActivateVoucher
    | CancelVoucher
    | PlaceHold
    | ConfirmHold
    | ReleaseHold
    | CaptureHold
    | RedeemVoucher
    | ExpireHolds
)
