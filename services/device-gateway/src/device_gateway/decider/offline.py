"""What a store may take by voucher while nobody can be asked: the rules of `vouchers_offline`.

A signature proves that a voucher was issued, not that something is left on it. So the store takes
no more of one voucher than `cap` until the voucher service has booked it, and no more of all of
them than its limits of the day: that is what it can lose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import assert_never

from device_gateway.decider.refusals import (
    OfflineCapReached,
    OfflineDayFull,
    OfflineNotTaken,
)
from device_gateway.events import OfflineAccepted, OfflineGivenBack, OfflineSettled
from events import Decider
from money import Money

DAYS_KEPT = 3
"""Business dates whose sums are remembered: yesterday's sale may be aborted today."""

OfflineEvent = OfflineAccepted | OfflineGivenBack | OfflineSettled


@dataclass(frozen=True, slots=True)
class OfflineLimits:
    """The store's limits, as the voucher service told them at `heard_at`."""

    cap: Money
    per_day: Money
    per_till_day: Money
    sold_here: bool
    heard_at: datetime


@dataclass(frozen=True, slots=True)
class SignedVoucher:
    """What a QR code says whose signature is genuine."""

    serial: str
    multi_purpose: bool
    own_issuer: bool
    """Issued by the store's legal entity."""
    sold_here: bool
    """By a till of this store."""
    face: Money
    offline_cap: Money
    """Zero: it is never taken without asking (single-purpose, given away, for some goods only)."""
    valid_until: date


@dataclass(frozen=True, slots=True)
class AcceptOffline:
    """Take as much of `wanted` as the limits allow."""

    store_id: str
    till_id: str
    booking_id: str
    payment_id: str
    hold_id: str
    voucher: SignedVoucher
    wanted: Money
    limits: OfflineLimits
    business_date: date
    now: datetime
    down_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class GiveBackOffline:
    """The bookings of these holds were aborted."""

    hold_ids: Sequence[str]
    now: datetime


@dataclass(frozen=True, slots=True)
class SettleOffline:
    """The voucher service has booked a hold."""

    hold_id: str
    captured: Money
    now: datetime


OfflineCommand = AcceptOffline | GiveBackOffline | SettleOffline


@dataclass(frozen=True, slots=True)
class OfflineBook:
    """One store's acceptances."""

    open: Mapping[str, OfflineAccepted] = field(default_factory=dict)
    """By hold: those of which the voucher service is not known to have heard."""
    days: Mapping[date, Mapping[str, Money]] = field(default_factory=dict)
    """What was taken on each of the last business dates, by till."""

    def of_voucher(self, serial: str, zero: Money) -> Money:
        """What is open of one voucher."""
        return sum((each.amount for each in self.open.values() if each.serial == serial), zero)

    def of_till(self, day: date, till_id: str, zero: Money) -> Money:
        return self.days.get(day, {}).get(till_id, zero)

    def of_day(self, day: date, zero: Money) -> Money:
        return sum(self.days.get(day, {}).values(), zero)


def decide(command: OfflineCommand, book: OfflineBook) -> Sequence[OfflineEvent]:
    match command:
        case AcceptOffline():
            return _accept(command, book)
        case GiveBackOffline():
            return tuple(
                OfflineGivenBack(
                    store_id=book.open[hold_id].store_id,
                    hold_id=hold_id,
                    given_back_at=command.now,
                )
                for hold_id in command.hold_ids
                if hold_id in book.open
            )
        case SettleOffline(hold_id=hold_id) if hold_id in book.open:
            return (
                OfflineSettled(
                    store_id=book.open[hold_id].store_id,
                    hold_id=hold_id,
                    captured=command.captured,
                    settled_at=command.now,
                ),
            )
        case SettleOffline():
            return ()
        case _:
            assert_never(command)


def _accept(command: AcceptOffline, book: OfflineBook) -> tuple[OfflineAccepted, ...]:
    if command.hold_id in book.open:
        return ()
    _must_be_takable(command)
    voucher, limits, zero = command.voucher, command.limits, command.wanted.zero
    used = book.of_voucher(voucher.serial, zero)
    left_of_voucher = min(limits.cap, voucher.offline_cap, voucher.face) - used
    if left_of_voucher <= zero:
        raise OfflineCapReached(cap=limits.cap.model_dump())
    left_of_day = min(
        limits.per_day - book.of_day(command.business_date, zero),
        limits.per_till_day - book.of_till(command.business_date, command.till_id, zero),
    )
    if left_of_day <= zero:
        raise OfflineDayFull
    return (
        OfflineAccepted(
            store_id=command.store_id,
            till_id=command.till_id,
            booking_id=command.booking_id,
            payment_id=command.payment_id,
            hold_id=command.hold_id,
            serial=voucher.serial,
            amount=min(command.wanted, left_of_voucher, left_of_day),
            business_date=command.business_date,
            down_since=command.down_since,
            rules_heard_at=limits.heard_at,
            accepted_at=command.now,
        ),
    )


def _must_be_takable(command: AcceptOffline) -> None:
    """Raises `OfflineNotTaken` for a genuine voucher that somebody would have to be asked about."""
    voucher = command.voucher
    if voucher.face.currency != command.wanted.currency:
        raise OfflineNotTaken("it is in another currency", reason="currency")
    if not voucher.multi_purpose or not voucher.offline_cap:
        raise OfflineNotTaken("its terms do not allow it", reason="terms")
    if not voucher.own_issuer:
        raise OfflineNotTaken("another company issued it", reason="issuer")
    if command.limits.sold_here and not voucher.sold_here:
        raise OfflineNotTaken("another store sold it", reason="store")
    if voucher.valid_until < command.business_date:
        raise OfflineNotTaken("its last day is past", reason="expired")


def evolve(book: OfflineBook, event: OfflineEvent) -> OfflineBook:
    match event:
        case OfflineAccepted():
            taken = _moved(book, event, event.amount)
            return replace(taken, open={**taken.open, event.hold_id: event})
        case OfflineGivenBack():
            before = book.open[event.hold_id]
            return _closed(_moved(book, before, -before.amount), event.hold_id)
        case OfflineSettled():
            return _closed(book, event.hold_id)
        case _:
            assert_never(event)


def _closed(book: OfflineBook, hold_id: str) -> OfflineBook:
    return replace(
        book, open={known: each for known, each in book.open.items() if known != hold_id}
    )


def _moved(book: OfflineBook, accepted: OfflineAccepted, amount: Money) -> OfflineBook:
    day, till = accepted.business_date, accepted.till_id
    newest = max((*book.days, day))
    kept = {
        known: tills
        for known, tills in book.days.items()
        if newest - known < timedelta(days=DAYS_KEPT)
    }
    tills = kept.get(day, {})
    before = tills.get(till, amount.zero)
    if newest - day < timedelta(days=DAYS_KEPT):
        kept[day] = {**tills, till: before + amount}
    return replace(book, days=kept)


OFFLINE: Decider[OfflineCommand, OfflineBook] = Decider(
    initial=OfflineBook(), decide=decide, evolve=evolve
)
