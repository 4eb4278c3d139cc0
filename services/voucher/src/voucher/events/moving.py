"""Value that moves between vouchers, to an account, or that a store has spent too much of.

Both sides of a move are appended together: nobody ever sees the money twice or not at all.
"""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from events import Event, event_type
from money import Money
from voucher.events.terms import Lot, LotUse

TransferReason = Literal["transfer", "merge", "refund_forward"]
"""`refund_forward`: a refund to a voucher that was merged goes on to its successor."""


@event_type("voucher.transferred_out")
class VoucherTransferredOut(Event):
    """Value left for another voucher."""

    voucher_id: str
    serial: str
    transfer_id: str
    to_voucher_id: str
    to_serial: str
    amount: Money
    remaining: Money
    uses: tuple[LotUse, ...]
    reason: TransferReason
    closes: bool = False
    """A merge: this voucher ends, the other one is its successor."""
    top_up_id: str | None = None
    """The merge had happened; this top-up was recorded afterwards and goes the same way."""
    transferred_at: AwareDatetime


@event_type("voucher.transferred_in")
class VoucherTransferredIn(Event):
    """Value came from another voucher, with the dates and the tax of its lots."""

    voucher_id: str
    serial: str
    transfer_id: str
    from_voucher_id: str
    from_serial: str
    amount: Money
    balance: Money
    lots: tuple[Lot, ...]
    reason: TransferReason
    top_up_id: str | None = None
    """Set: a top-up of the merged voucher, recorded after the merge."""
    transferred_at: AwareDatetime


@event_type("voucher.claimed")
class VoucherClaimed(Event):
    """A known person took the voucher onto the own account. All of it, once; the voucher ends."""

    voucher_id: str
    serial: str
    claim_id: str
    account_id: str
    amount: Money
    uses: tuple[LotUse, ...]
    claimed_at: AwareDatetime


@event_type("overdraft.booked")
class OverdraftBooked(Event):
    """A store accepted more than a voucher held (stream `overdraft-{store_id}`)."""

    overdraft_id: str
    """Of the hold or redemption."""
    store_id: str
    legal_entity_id: str | None = None
    voucher_id: str | None = None
    serial: str | None = None
    booking_id: str
    amount: Money
    balance: Money
    """Of the store's overdraft account afterwards. Never negative."""
    offline: bool
    """True: the store had no line. False: a confirmed hold was lost all the same."""
    booked_at: AwareDatetime


@event_type("overdraft.settled")
class OverdraftSettled(Event):
    """Somebody decided what becomes of an overdraft."""

    overdraft_id: str
    store_id: str
    amount: Money
    balance: Money
    how: Literal["collected", "written_off", "voucher"]
    """`voucher`: the voucher got value again and paid it."""
    reason: str
    settled_at: AwareDatetime
