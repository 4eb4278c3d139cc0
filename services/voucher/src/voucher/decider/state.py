"""What is known about one voucher after its events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from money import Money, total


class Status(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    CANCELLED = "cancelled"


class HoldState(StrEnum):
    HELD = "held"
    CONFIRMED = "confirmed"
    RELEASED = "released"
    EXPIRED = "expired"
    CAPTURED = "captured"
    FAILED = "failed"
    """A recorded booking wanted it, and nothing at all could be captured."""


@dataclass(frozen=True, slots=True)
class Hold:
    """An amount kept for one payment, or what became of it."""

    hold_id: str
    state: HoldState
    amount: Money
    """What is kept; once captured: what was spent."""
    left: Money
    """Available after it was placed; once captured: the balance afterwards."""
    expires_at: datetime
    store_id: str
    till_id: str = ""
    booking_id: str = ""
    payment_id: str = ""

    def lapsed(self, now: datetime) -> bool:
        """Its time is over. Decided by the time of the command, whether written down or not."""
        return self.state is HoldState.HELD and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class Unissued:
    """Nothing was prepared under this id."""

    cancelled: bool = False
    """A cancel came first: a preparation that comes later is refused."""
    failed: frozenset[str] = frozenset()
    """Bookings and holds whose failure is written down already."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A voucher with its terms, its balance and everything that was ever held on it."""

    voucher_id: str
    serial: str
    code_hash: str
    value: Money
    legal_entity_id: str
    booking_id: str
    valid_until: date
    time_zone: str
    usable_before: datetime
    """The first instant after the last day of validity."""
    status: Status
    balance: Money
    open: Mapping[str, Hold] = field(default_factory=dict)
    closed: Mapping[str, Hold] = field(default_factory=dict)

    def hold(self, hold_id: str) -> Hold | None:
        return self.open.get(hold_id) or self.closed.get(hold_id)

    def available(self, now: datetime, *, without: str = "") -> Money:
        """Balance minus what counts as held at `now`, the hold `without` left out."""
        counted = (
            hold.amount
            for hold in self.open.values()
            if hold.hold_id != without and not hold.lapsed(now)
        )
        return self.balance - total(counted, currency=self.balance.currency)

    def lapsed(self, now: datetime, *, without: str = "") -> Iterator[Hold]:
        return (hold for hold in self.open.values() if hold.hold_id != without and hold.lapsed(now))

    def usable(self, now: datetime) -> bool:
        return self.status is Status.ACTIVE and now < self.usable_before and bool(self.balance)

    def shown_state(self, now: datetime) -> str:
        """For people: pending, active, spent, expired, cancelled."""
        if self.status is not Status.ACTIVE:
            return self.status.value
        if not self.balance:
            return "spent"
        return "active" if now < self.usable_before else "expired"


Voucher = Unissued | Issued


def end_of(day: date, time_zone: str) -> datetime:
    """The first instant after `day` in a time zone; 31 Dec 23:59:59.999999 still belongs to it."""
    return datetime.combine(day + timedelta(days=1), time.min, tzinfo=ZoneInfo(time_zone))
