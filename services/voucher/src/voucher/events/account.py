"""Stored-value accounts: credit of a known person, open fees, prepaid customer cards.

Stream `account-{account_id}`. Persons appear by the id of the system that knows them.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from events import Event, event_type
from money import Money
from voucher.events.spending import Purpose, ReleaseReason
from voucher.events.terms import Lot, LotUse, Names, Part

CreditSource = Literal["load", "voucher", "refund", "goodwill"]
"""`load`: paid at a till. `voucher`: claimed. `goodwill`: given away, with a reason."""

Settlement = Literal["credit", "payment", "waiver"]


class Limits(Part):
    """What an account may hold and spend. None: no limit. Periods are calendar periods."""

    balance_max: Money | None = None
    load_per_month: Money | None = None
    spend_per_day: Money | None = None
    spend_per_month: Money | None = None


class CreditLot(Lot):
    """Credit with the fees that it may settle."""

    fee_kinds: Names = ()
    """Empty: all."""


@event_type("account.opened")
class AccountOpened(Event):
    """An account for a person or for the bearer of a card."""

    account_id: str
    legal_entity_id: str
    """Owes the credit."""
    holder_id: str | None = None
    """The person's id in the system that knows them; None: whoever bears the card."""
    currency: str
    limits: Limits = Limits()
    receipt_duty: bool = True
    """Germany: an offset of credit and fee is a booking at the till. Off: it happens by itself."""
    time_zone: str
    opened_at: AwareDatetime


@event_type("account.limits_set")
class AccountLimitsSet(Event):
    """Other limits from now on. History stays."""

    account_id: str
    limits: Limits
    set_at: AwareDatetime


@event_type("account.card_assigned")
class AccountCardAssigned(Event):
    """A card opens the account."""

    account_id: str
    card_serial: str
    code_hash: str
    hash_key_id: str
    assigned_at: AwareDatetime


@event_type("account.card_ended")
class AccountCardEnded(Event):
    """A card opens nothing any more (lost, replaced, returned)."""

    account_id: str
    card_serial: str
    code_hash: str
    reason: Literal["lost", "replaced", "returned"]
    ended_at: AwareDatetime


@event_type("account.blocked")
class AccountBlocked(Event):
    """Nothing can be spent until it is unblocked. Confirmed holds are honoured."""

    account_id: str
    reason: str
    blocked_at: AwareDatetime


@event_type("account.unblocked")
class AccountUnblocked(Event):
    """It can be used again."""

    account_id: str
    unblocked_at: AwareDatetime


@event_type("account.load_prepared")
class AccountLoadPrepared(Event):
    """A load is being sold. It counts once its booking is recorded."""

    account_id: str
    load_id: str
    amount: Money
    booking_id: str
    store_id: str
    till_id: str
    prepared_at: AwareDatetime


@event_type("account.load_cancelled")
class AccountLoadCancelled(Event):
    """The booking of a prepared load was aborted."""

    account_id: str
    load_id: str
    reason: str
    cancelled_at: AwareDatetime


@event_type("account.credited")
class AccountCredited(Event):
    """Credit came onto the account."""

    account_id: str
    credit_id: str
    source: CreditSource
    lots: tuple[CreditLot, ...]
    amount: Money
    balance: Money
    voucher_serial: str | None = None
    booking_id: str | None = None
    reason: str | None = None
    business_date: date
    credited_at: AwareDatetime


@event_type("account.held")
class AccountHeld(Event):
    """Part of the credit is kept for one payment until `expires_at`."""

    account_id: str
    hold_id: str
    amount: Money
    available: Money
    store_id: str
    till_id: str
    booking_id: str
    payment_id: str
    card_serial: str | None = None
    purpose: Purpose = "payment"
    business_date: date
    expires_at: AwareDatetime
    held_at: AwareDatetime


@event_type("account.hold_confirmed")
class AccountHoldConfirmed(Event):
    """The hold no longer expires."""

    account_id: str
    hold_id: str
    confirmed_at: AwareDatetime


@event_type("account.hold_released")
class AccountHoldReleased(Event):
    """The amount can be used again."""

    account_id: str
    hold_id: str
    amount: Money
    available: Money
    reason: ReleaseReason
    released_at: AwareDatetime


@event_type("account.spent")
class AccountSpent(Event):
    """A recorded booking was paid from the account."""

    account_id: str
    hold_id: str
    booking_id: str
    amount: Money
    remaining: Money
    held: Money | None = None
    uses: tuple[LotUse, ...]
    card_serial: str | None = None
    store_id: str
    till_id: str
    accepted_by: str | None = None
    business_date: date
    spent_at: AwareDatetime


@event_type("account.spend_reversed")
class AccountSpendReversed(Event):
    """Goods came back: the value is on the account again."""

    account_id: str
    reversal_id: str
    hold_id: str
    booking_id: str | None = None
    amount: Money
    balance: Money
    uses: tuple[LotUse, ...]
    valid_until: date | None = None
    """Some of these lots had passed their last day meanwhile: their new one."""
    refused: Money | None = None
    """A recorded booking gave back more than had been spent: not credited. Somebody has to look."""
    business_date: date
    reversed_at: AwareDatetime


@event_type("account.paid_out")
class AccountPaidOut(Event):
    """The rest of a prepaid card was returned in cash."""

    account_id: str
    hold_id: str
    booking_id: str | None = None
    amount: Money
    remaining: Money
    uses: tuple[LotUse, ...]
    store_id: str
    paid_out_at: AwareDatetime


@event_type("fee.posted")
class FeePosted(Event):
    """A fee is open on an account, as the system that owns it says."""

    account_id: str
    fee_id: str
    """In the owner's system."""
    kind: str
    """For example `annual_fee`, `overdue_fee`."""
    amount: Money
    due: date
    text: Annotated[str, Field(max_length=200)] | None = None
    posted_at: AwareDatetime


@event_type("fee.withdrawn")
class FeeWithdrawn(Event):
    """The owner's system took an open fee back. What was settled stays settled."""

    account_id: str
    fee_id: str
    amount: Money
    """What was still open."""
    reason: str
    withdrawn_at: AwareDatetime


@event_type("fee.settlement_prepared")
class FeeSettlementPrepared(Event):
    """A booking at the till is about to settle a fee. Until it ends nobody else can."""

    account_id: str
    fee_id: str
    settlement_id: str
    how: Settlement
    amount: Money
    from_credit: bool = False
    """A waiver: by credit that had been given away, not by a decision or a voucher."""
    voucher_id: str | None = None
    """A waiver by a donated voucher: the voucher, which keeps the amount under the same id."""
    voucher_serial: str | None = None
    reason: str | None = None
    """A waiver names it."""
    booking_id: str
    store_id: str
    till_id: str
    expires_at: AwareDatetime
    prepared_at: AwareDatetime


@event_type("fee.settlement_dropped")
class FeeSettlementDropped(Event):
    """The booking was aborted or took too long: the fee is open as before."""

    account_id: str
    fee_id: str
    settlement_id: str
    reason: ReleaseReason
    dropped_at: AwareDatetime


@event_type("fee.settled")
class FeeSettled(Event):
    """A fee, or part of it, is settled."""

    account_id: str
    fee_id: str
    settlement_id: str
    kind: str
    how: Settlement
    amount: Money
    open: Money
    """Of the fee afterwards."""
    balance: Money
    """Credit of the account afterwards."""
    uses: tuple[LotUse, ...] = ()
    """Settled by credit: from which lots."""
    voucher_serial: str | None = None
    """A waiver by a donated voucher names it."""
    reason: str | None = None
    """A waiver names it."""
    booking_id: str | None = None
    """None: settled by itself, where no receipt duty is on."""
    store_id: str | None = None
    business_date: date
    settled_at: AwareDatetime


@event_type("fee.settlement_failed")
class FeeSettlementFailed(Event):
    """A recorded booking settled what was not open any more. Somebody has to look."""

    account_id: str
    fee_id: str
    settlement_id: str
    how: Settlement
    amount: Money
    booking_id: str
    store_id: str
    reason: str
    failed_at: AwareDatetime
