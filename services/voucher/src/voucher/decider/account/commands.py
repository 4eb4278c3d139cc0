"""What can be asked of one account. Time, ids and business days come in with the command.

Confirming, releasing and expiring a hold, and its capture by a recorded booking, are the same
commands as for a voucher: a till does not know which of the two it was given.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from money import Money
from voucher.commands import CaptureHold, ConfirmHold, ExpireHolds, Mode, ReleaseHold
from voucher.events import CreditLot, CreditSource, Limits, Purpose, ReleaseReason, Settlement


@dataclass(frozen=True, slots=True)
class OpenAccount:
    account_id: str
    legal_entity_id: str
    holder_id: str | None
    currency: str
    limits: Limits
    receipt_duty: bool
    time_zone: str
    now: datetime


@dataclass(frozen=True, slots=True)
class SetLimits:
    limits: Limits
    now: datetime


@dataclass(frozen=True, slots=True)
class AssignCard:
    """A card opens the account from now on. `replaces`: another one opens nothing any more."""

    card_serial: str
    code_hash: str
    hash_key_id: str
    replaces: str | None
    now: datetime


@dataclass(frozen=True, slots=True)
class EndCard:
    card_serial: str
    reason: Literal["lost", "returned"]
    now: datetime


@dataclass(frozen=True, slots=True)
class BlockAccount:
    reason: str
    now: datetime


@dataclass(frozen=True, slots=True)
class UnblockAccount:
    now: datetime


@dataclass(frozen=True, slots=True)
class PrepareLoad:
    """Credit is about to be sold. `code_hash`: of the card that was shown, if one was."""

    load_id: str
    code_hash: str | None
    amount: Money
    booking_id: str
    store_id: str
    till_id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class CreditLoad:
    """The sale of a load is recorded; nothing can refuse it any more."""

    account_id: str
    load_id: str
    amount: Money
    booking_id: str
    store_id: str
    till_id: str
    legal_entity_id: str
    business_date: date
    valid_until: date
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class CancelLoad:
    load_id: str
    reason: str
    now: datetime


@dataclass(frozen=True, slots=True)
class GiveCredit:
    """Credit without a payment at a till: a claimed voucher, a refund, goodwill."""

    credit_id: str
    source: CreditSource
    lots: tuple[CreditLot, ...]
    voucher_serial: str | None
    legal_entity_id: str
    reason: str | None
    now: datetime


@dataclass(frozen=True, slots=True)
class PlaceAccountHold:
    """Keep credit for one payment, or for the return of the rest in cash."""

    hold_id: str
    code_hash: str
    amount: Money
    mode: Mode
    store_id: str
    till_id: str
    booking_id: str
    payment_id: str
    accepted_by: str
    purpose: Purpose
    payout_max: Money | None
    """The most that is returned in cash; None: nothing is."""
    expires_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class ReverseSpend:
    """Goods that were paid from the account came back."""

    reversal_id: str
    hold_id: str
    amount: Money
    booking_id: str | None
    recorded: bool
    """True: it stands in a recorded booking, so it is never refused for its amount."""
    revive_until: date
    """The last day of credit that has passed its own meanwhile."""
    now: datetime


@dataclass(frozen=True, slots=True)
class PostFee:
    fee_id: str
    kind: str
    amount: Money
    due: date
    text: str | None
    now: datetime


@dataclass(frozen=True, slots=True)
class WithdrawFee:
    fee_id: str
    reason: str
    now: datetime


@dataclass(frozen=True, slots=True)
class WaivedBy:
    """A donated voucher that waives a fee."""

    voucher_id: str
    serial: str


@dataclass(frozen=True, slots=True)
class PrepareSettlement:
    """A booking at the till is about to settle a fee, or part of it."""

    settlement_id: str
    fee_id: str
    how: Settlement
    amount: Money
    from_credit: bool
    """A waiver by credit that was given away."""
    voucher: WaivedBy | None
    reason: str | None
    booking_id: str
    store_id: str
    till_id: str
    expires_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class DropSettlement:
    settlement_id: str
    reason: ReleaseReason
    now: datetime


@dataclass(frozen=True, slots=True)
class SettledFee:
    """One line of a recorded booking."""

    settlement_id: str
    fee_id: str
    how: Settlement
    amount: Money
    reason: str | None


@dataclass(frozen=True, slots=True)
class RecordSettlements:
    """The fee lines of one recorded booking for one account; nothing can refuse them any more."""

    account_id: str
    booking_id: str
    store_id: str
    till_id: str
    legal_entity_id: str
    fees: tuple[SettledFee, ...]
    recorded_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class SettleNow:
    """Settle without a booking: where no receipt duty is on, and waivers, which move no money."""

    settlement_id: str
    fee_id: str
    how: Settlement
    amount: Money
    from_credit: bool
    voucher: WaivedBy | None
    reason: str | None
    store_id: str | None
    now: datetime


AccountCommand = (
    OpenAccount
    | SetLimits
    | AssignCard
    | EndCard
    | BlockAccount
    | UnblockAccount
    | PrepareLoad
    | CreditLoad
    | CancelLoad
    | GiveCredit
    | PlaceAccountHold
    | ConfirmHold
    | ReleaseHold
    | CaptureHold
    | ExpireHolds
    | ReverseSpend
    | PostFee
    | WithdrawFee
    | PrepareSettlement
    | DropSettlement
    | RecordSettlements
    | SettleNow
)
