"""What can be asked of one voucher. Time, ids and days come in with the command."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from money import Money
from voucher.events import (
    MULTI_PURPOSE,
    BlockReason,
    CodeReason,
    Origin,
    Purpose,
    SoldAt,
    Terms,
)

Mode = Literal["exact", "up_to"]
"""`exact`: all of the amount or nothing. `up_to`: as much of it as the voucher can give."""


@dataclass(frozen=True, slots=True)
class Goods:
    """One part of the basket that a voucher is asked to pay for."""

    gross: Money
    vat: str
    dsfinvk_key: int
    article_group: str | None = None
    line_id: str | None = None
    """With it, `gross` is what is still unpaid of that line."""


@dataclass(frozen=True, slots=True)
class IssueVoucher:
    """Prepare a voucher for sale, or give one away."""

    voucher_id: str
    serial: str
    code_hash: str
    hash_key_id: str
    value: Money
    legal_entity_id: str
    sold_at: SoldAt | None
    """None: no till sells it (`origin` says why)."""
    valid_until: date
    time_zone: str
    opened: date
    """The business day of the store."""
    now: datetime
    consideration: Money | None = None
    """None: the face value."""
    terms: Terms = MULTI_PURPOSE
    origin: Origin = "till"


@dataclass(frozen=True, slots=True)
class PrepareCard:
    """Prepare the sale of a printed card."""

    preparation_id: str
    code_hash: str
    value: Money
    consideration: Money | None
    legal_entity_id: str
    sold_at: SoldAt
    valid_until: date
    time_zone: str
    opened: date
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
    booking_id: str | None = None
    """Only the sale of this booking; None: whichever is being prepared."""


@dataclass(frozen=True, slots=True)
class VoidCard:
    """A printed card that nobody bought opens nothing any more. A sold one is left alone."""

    reason: str
    now: datetime


@dataclass(frozen=True, slots=True)
class PrepareTopUp:
    """Value is about to be sold onto this voucher."""

    top_up_id: str
    code_hash: str
    value: Money
    consideration: Money | None
    rate: int | None
    """Single-purpose: of the VAT key of the terms, on `opened`."""
    accepted_by: str
    sold_at: SoldAt
    valid_until: date
    opened: date
    balance_max: Money
    now: datetime


@dataclass(frozen=True, slots=True)
class RecordTopUp:
    """The sale of the top-up is recorded. It counts, whatever was known before."""

    voucher_id: str
    top_up_id: str
    value: Money
    booking_id: str
    store_id: str
    till_id: str
    rates: tuple[tuple[str, int], ...]
    """VAT key and rate of the day, for a top-up that was never prepared here."""
    valid_until: date
    """As above."""
    opened: date
    now: datetime


@dataclass(frozen=True, slots=True)
class CancelTopUp:
    """The booking of this top-up was aborted."""

    top_up_id: str
    reason: str
    now: datetime


@dataclass(frozen=True, slots=True)
class PlaceHold:
    """Keep an amount for one payment, for the rest in cash, or to take back the sale."""

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
    purpose: Purpose = "payment"
    basket: tuple[Goods, ...] | None = None
    """What is bought; only asked of vouchers that do not pay for everything."""
    group_id: str | None = None
    approved_by: str | None = None
    """A manager who allows a payout by goodwill."""
    payout_max: Money | None = None
    """The most that is paid out at once."""


@dataclass(frozen=True, slots=True)
class ConfirmHold:
    """The booking is about to be recorded: the hold must not expire any more."""

    hold_id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class ReleaseGroup:
    """All holds of a group end; an unknown group is remembered."""

    group_id: str
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
    purpose: Purpose = "payment"
    final: bool = True
    """False: the hold keeps the rest for another capture."""
    offline: bool = False
    serial: str | None = None
    """Where the booking knows no `voucher_id`: taken without a line, by the QR code alone."""


@dataclass(frozen=True, slots=True)
class CapturePart:
    """A system that signs elsewhere recorded a booking that was paid with a part of a hold. May
    be refused, other than `CaptureHold`."""

    hold_id: str
    booking_id: str
    amount: Money
    final: bool
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
    basket: tuple[Goods, ...] | None = None


@dataclass(frozen=True, slots=True)
class ReverseRedemption:
    """Goods came back: value returns to the voucher."""

    reversal_id: str
    hold_id: str
    amount: Money
    booking_id: str | None
    store_id: str
    recorded: bool
    """True: it stands in a recorded booking, so it is never refused for its amount."""
    revived_until: date
    """The last day that a voucher gets which is past its own."""
    now: datetime


@dataclass(frozen=True, slots=True)
class ExpireHolds:
    """Write down which holds have run out. Decides nothing new: they no longer counted."""

    now: datetime


@dataclass(frozen=True, slots=True)
class BlockVoucher:
    """Nothing pays with it until it is unblocked; confirmed holds are honoured."""

    reason: BlockReason
    note: str | None
    now: datetime


@dataclass(frozen=True, slots=True)
class UnblockVoucher:
    note: str | None
    now: datetime


@dataclass(frozen=True, slots=True)
class ExtendValidity:
    """A later last day; what an expiry run took is owed again."""

    valid_until: date
    reason: str
    now: datetime


@dataclass(frozen=True, slots=True)
class WriteOff:
    """An expiry run takes what is past its last day."""

    run_id: str
    legal_entity_id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class ReplaceCode:
    """A new code for the same voucher; the old one is dead."""

    code_hash: str
    hash_key_id: str
    reason: CodeReason
    now: datetime


@dataclass(frozen=True, slots=True)
class RenewCode:
    """A till has used a voucher with a short code of another system: a code of ours takes over,
    where a rest is left that somebody can use."""

    hold_id: str
    """What the till paid with."""
    code_hash: str
    hash_key_id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class ClaimVoucher:
    """A known person takes all of it onto the own account. Appended with the account's credit."""

    claim_id: str
    account_id: str
    code_hash: str
    legal_entity_id: str
    """Of the account: it owes the credit afterwards."""
    now: datetime


@dataclass(frozen=True, slots=True)
class ExtendEntitlement:
    """The effect of the voucher was confirmed at the till. Once per voucher."""

    extension_id: str
    subject_id: str
    old_until: date
    new_until: date
    booking_id: str | None
    store_id: str
    recorded: bool
    """True: it stands in a recorded booking."""
    now: datetime


@dataclass(frozen=True, slots=True)
class BookedTopUp:
    """A recorded booking sold a top-up. What it needs of the day is added by the handler."""

    voucher_id: str
    top_up_id: str
    amount: Money
    booking_id: str
    store_id: str
    till_id: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class BookedReversal:
    """A recorded booking gave the price of goods back to a voucher."""

    voucher_id: str | None
    hold_id: str
    reversal_id: str
    amount: Money
    booking_id: str
    store_id: str
    recorded_at: datetime


VoucherCommand = (
    IssueVoucher | PrepareCard | ActivateVoucher | CancelVoucher | VoidCard
    | PrepareTopUp | RecordTopUp | CancelTopUp
    | PlaceHold | ConfirmHold | ReleaseHold | CaptureHold | CapturePart | RedeemVoucher
    | ReverseRedemption | ExpireHolds
    | BlockVoucher | UnblockVoucher | ExtendValidity | WriteOff | ReplaceCode | RenewCode
    | ClaimVoucher | ExtendEntitlement
)  # fmt: skip
