"""From the blank card to the last day: how a voucher comes to be, and how it ends."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import AwareDatetime

from events import Event, event_type
from money import Money
from voucher.events.terms import LotUse, SoldAt, Terms

ActivationFault = Literal["never_issued"]
Origin = Literal["till", "refund", "back_office", "import", "batch"]
"""How it came to be. `refund`: goods were returned, the voucher is the refund."""

BlockReason = Literal["lost", "stolen", "fraud", "dispute", "other"]
CodeReason = Literal["lost", "reprint", "weak_code", "remainder"]


@event_type("voucher.issued", version=2)
class VoucherIssued(Event):
    """A voucher came to be. `pending`: it pays only once its sale is recorded. `inactive`: a
    printed card that nobody has bought yet. `active`: given away, or imported with its balance."""

    voucher_id: str
    serial: str
    code_hash: str
    """HMAC-SHA-256 of the code, hex."""
    hash_key_id: str
    code_kind: Literal["own", "weak"] = "own"
    """`weak`: a short code from another system; guessed at more narrowly."""
    terms: Terms = Terms()
    value: Money
    """Face value. Zero for a blank card and for a voucher that only has an effect."""
    consideration: Money
    """What was paid for it; the face value unless it is sold below it or given away."""
    legal_entity_id: str
    """The issuer, who owes the value."""
    origin: Origin = "till"
    status: Literal["inactive", "pending", "active"] = "pending"
    sold_at: SoldAt | None = None
    batch_id: str | None = None
    """The print run or the import that it belongs to."""
    valid_until: date | None = None
    """The last day on which it can be used, in `time_zone`. None: counted from its sale."""
    time_zone: str
    opened: date
    """The business day of its issue: its year is the year of the liability."""
    issued_at: AwareDatetime


@event_type("voucher.card_prepared")
class VoucherCardPrepared(Event):
    """A printed card lies on the counter: from inactive to pending, with the value to be sold."""

    voucher_id: str
    serial: str
    preparation_id: str
    """The id under which the till prepares the sale."""
    value: Money
    consideration: Money
    sold_at: SoldAt
    valid_until: date
    time_zone: str
    """Of the store that sells it."""
    opened: date
    prepared_at: AwareDatetime


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
    business_date: date | None = None
    """Of the booking. None: the day of the fact itself, in the voucher's zone."""


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
    """A voucher that was prepared is not sold after all. A printed card is inactive again."""

    voucher_id: str
    serial: str | None = None
    """None: the cancel came before the preparation, which is refused from now on."""
    value: Money | None = None
    reason: str
    cancelled_at: AwareDatetime


@event_type("voucher.top_up_prepared")
class VoucherTopUpPrepared(Event):
    """Value is about to be sold onto a voucher. It counts once its booking is recorded."""

    voucher_id: str
    serial: str
    top_up_id: str
    """Also the name of the new lot."""
    value: Money
    consideration: Money
    rate: int | None = None
    """Single-purpose: basis points on the day of the top-up."""
    sold_at: SoldAt
    valid_until: date
    opened: date
    prepared_at: AwareDatetime


@event_type("voucher.topped_up")
class VoucherToppedUp(Event):
    """The top-up was recorded: the value can be used."""

    voucher_id: str
    serial: str
    top_up_id: str
    value: Money
    consideration: Money
    rate: int | None = None
    valid_until: date
    opened: date
    balance: Money
    """Afterwards."""
    booking_id: str
    store_id: str
    business_date: date | None = None
    """Of the booking. None: the day of the fact itself, in the voucher's zone."""
    topped_up_at: AwareDatetime


@event_type("voucher.top_up_cancelled")
class VoucherTopUpCancelled(Event):
    """The booking of a prepared top-up was aborted."""

    voucher_id: str
    serial: str
    top_up_id: str
    reason: str
    cancelled_at: AwareDatetime


@event_type("voucher.blocked")
class VoucherBlocked(Event):
    """It cannot be used until it is unblocked. Holds that are confirmed are honoured."""

    voucher_id: str
    serial: str
    reason: BlockReason
    note: str | None = None
    blocked_at: AwareDatetime


@event_type("voucher.unblocked")
class VoucherUnblocked(Event):
    """It can be used again."""

    voucher_id: str
    serial: str
    note: str | None = None
    unblocked_at: AwareDatetime


@event_type("voucher.code_replaced")
class VoucherCodeReplaced(Event):
    """A new secret code, the same voucher and serial. The old code opens nothing any more."""

    voucher_id: str
    serial: str
    old_code_hash: str
    code_hash: str
    hash_key_id: str
    reason: CodeReason
    replaced_at: AwareDatetime


@event_type("voucher.validity_extended")
class VoucherValidityExtended(Event):
    """A later last day, by somebody's decision. What an expiry run took is owed again."""

    voucher_id: str
    serial: str
    valid_until: date
    restored: Money
    """Taken by an expiry run and given back now; zero if none had come."""
    balance: Money
    reason: str
    extended_at: AwareDatetime


@event_type("voucher.expired")
class VoucherExpired(Event):
    """An expiry run wrote the rest off. Decided by a person; the passing of the last day alone
    makes a voucher unusable and changes no account."""

    voucher_id: str
    serial: str
    run_id: str
    amount: Money
    expired_at: AwareDatetime


@event_type("voucher.sale_reversed")
class VoucherSaleReversed(Event):
    """A booking took back the sale: `refunded` was given back for what was still there."""

    voucher_id: str
    serial: str
    hold_id: str
    booking_id: str
    refunded: Money
    """Of the balance."""
    spent: Money
    """Had been used before, so it is not given back."""
    uses: tuple[LotUse, ...] = ()
    store_id: str
    till_id: str
    business_date: date | None = None
    """Of the booking. None: the day of the fact itself, in the voucher's zone."""
    reversed_at: AwareDatetime
