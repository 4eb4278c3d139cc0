"""What is known about one voucher after its events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from money import Money, total
from voucher.decider.lots import Part, end_of
from voucher.events import Cover, Kind, LotUse, Purpose, Terms

__all__ = [
    "ENDED", "Hold", "HoldState", "Issued", "Past", "Status", "TopUp", "Unissued", "Voucher",
    "end_of",
]  # fmt: skip


class Status(StrEnum):
    INACTIVE = "inactive"
    """A printed card that nobody has bought."""
    PENDING = "pending"
    ACTIVE = "active"
    CANCELLED = "cancelled"
    """Not sold after all, or its sale was taken back."""
    REPLACED = "replaced"
    """Merged into another voucher, its successor."""
    CLAIMED = "claimed"
    PAID_OUT = "paid_out"
    EXPIRED = "expired"
    """Written off by an expiry run. A voucher past its last day is still `active`, and useless."""


ENDED = frozenset(
    {Status.CANCELLED, Status.REPLACED, Status.CLAIMED, Status.PAID_OUT, Status.EXPIRED}
)


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
    held_at: datetime
    store_id: str
    till_id: str = ""
    booking_id: str = ""
    payment_id: str = ""
    purpose: Purpose = "payment"
    group_id: str | None = None
    uses: tuple[LotUse, ...] = ()
    """Once captured: from which lots."""
    spent: Money | None = None
    """Partial captures so far, while it is still open."""
    captured_by: tuple[str, ...] = ()
    """Bookings that captured a part of it, while it is still open."""
    back: Money | None = None
    """Once captured: what reversals have given back."""
    covers: tuple[Cover, ...] = ()
    """While it is open: the goods it pays for, of a voucher for some goods only."""

    def lapsed(self, now: datetime) -> bool:
        """Its time is over. Decided by the time of the command, whether written down or not."""
        return self.state is HoldState.HELD and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class Unissued:
    """Nothing was prepared under this id."""

    cancelled: bool = False
    """A cancel came first: a preparation that comes later is refused."""
    failed: frozenset[str] = frozenset()
    """Bookings, holds and top-ups whose failure is written down already."""


@dataclass(frozen=True, slots=True)
class TopUp:
    """A top-up that is being sold, or what became of it."""

    value: Money
    consideration: Money
    rate: int | None
    valid_until: date
    opened: date
    booking_id: str
    state: str = "prepared"
    """`prepared`, `recorded` or `cancelled`."""


@dataclass(frozen=True, slots=True)
class Past:
    """What happens seldom, kept apart so that a payment need not copy it."""

    card: bool = False
    """It was printed before it was sold."""
    preparation_id: str | None = None
    batch_id: str | None = None
    issue: Part | None = None
    """As it was issued: what a recorded sale brings back after a cancel."""
    top_ups: Mapping[str, TopUp] = field(default_factory=dict)
    reversals: Mapping[str, Money] = field(default_factory=dict)
    """By id: what each gave back."""
    moves: Mapping[str, Money] = field(default_factory=dict)
    """Transfers and claims by id: what each moved."""
    extensions: frozenset[str] = frozenset()
    """Of entitlements, by id."""
    failed: frozenset[str] = frozenset()
    """Bookings whose failure is written down already."""
    successor_id: str | None = None
    reversed_sale: str | None = None
    """The hold that took back its sale."""
    code_reason: str | None = None
    """Why the code was replaced the last time."""
    weak: bool = False
    """Its code is a short one of another system."""
    sold_in: str | None = None
    """The store whose till sold it."""


NOTHING_PAST = Past()


@dataclass(frozen=True, slots=True)
class Issued:
    """A voucher with its terms, its balance and everything that was ever held on it."""

    voucher_id: str
    serial: str
    code_hash: str
    terms: Terms
    value: Money
    """Face value. Of a blank card: zero until it is prepared."""
    legal_entity_id: str
    booking_id: str
    """That sells it; empty for one that no till sold."""
    valid_until: date | None
    """The last day of the lot that lasts longest; None: a card that was not sold yet."""
    time_zone: str
    status: Status
    balance: Money
    lots: tuple[Part, ...] = ()
    """In the order in which they are used up. They add up to `balance`."""
    blocked: bool = False
    open: Mapping[str, Hold] = field(default_factory=dict)
    """In the order in which they were placed."""
    closed: Mapping[str, Hold] = field(default_factory=dict)
    past: Past = NOTHING_PAST

    @property
    def kind(self) -> Kind:
        return self.terms.kind

    @property
    def waiver(self) -> str | None:
        """Given away: the reason under which its use lowers a price. None: it is a tender."""
        return None if self.terms.funding == "purchased" else self.terms.reason

    def hold(self, hold_id: str) -> Hold | None:
        return self.open.get(hold_id) or self.closed.get(hold_id)

    def held(self, now: datetime, *, without: str = "") -> Money:
        """What counts as held at `now`, the hold `without` left out."""
        return total(
            (
                hold.amount
                for hold in self.open.values()
                if hold.hold_id != without and not hold.lapsed(now)
            ),
            currency=self.balance.currency,
        )

    def free(self, now: datetime, *, without: str = "") -> Money:
        """What no other payment holds, lots past their day included: for a recorded booking."""
        return self.balance - self.held(now, without=without) if self.open else self.balance

    def available(self, now: datetime, *, without: str = "") -> Money:
        """What a new payment can use at `now`, the hold `without` left out."""
        if len(self.lots) == 1:
            if now >= self.lots[0].usable_before:
                return self.balance.zero
            return self.free(now, without=without)
        rooms = self.rooms(now, without=without)
        return total(
            (room for part, room in rooms if now < part.usable_before),
            currency=self.balance.currency,
        )

    def rooms(self, now: datetime, *, without: str = "") -> list[tuple[Part, Money]]:
        """What is left of each lot beside the other open holds, in the order of use.

        A hold stands on the lots that were usable when it was placed, the earliest first. Later
        holds can only stand on later lots, so what one hold got never has to move for another.
        """
        left = [part.left.amount for part in self.lots]
        for hold in self.open.values():
            if hold.hold_id == without or hold.lapsed(now):
                continue
            wanted = hold.amount.amount
            for strict in (True, False):
                for place, part in enumerate(self.lots):
                    if strict and hold.held_at >= part.usable_before:
                        continue
                    taken = min(wanted, left[place])
                    left[place] -= taken
                    wanted -= taken
        currency = self.balance.currency
        return [
            (part, Money(amount=minor, currency=currency))
            for part, minor in zip(self.lots, left, strict=True)
        ]

    def lapsed(self, now: datetime, *, without: str = "") -> Iterator[Hold]:
        return (hold for hold in self.open.values() if hold.hold_id != without and hold.lapsed(now))

    def spent(
        self,
        balance: Money,
        lots: tuple[Part, ...],
        open: Mapping[str, Hold],
        closed: Mapping[str, Hold],
    ) -> Issued:
        """After a payment. Written out: `replace` takes four times as long, and this is the
        busiest of all facts."""
        return Issued(
            voucher_id=self.voucher_id,
            serial=self.serial,
            code_hash=self.code_hash,
            terms=self.terms,
            value=self.value,
            legal_entity_id=self.legal_entity_id,
            booking_id=self.booking_id,
            valid_until=self.valid_until,
            time_zone=self.time_zone,
            status=self.status,
            balance=balance,
            lots=lots,
            blocked=self.blocked,
            open=open,
            closed=closed,
            past=self.past,
        )

    def lasts(self, now: datetime) -> bool:
        """Whether any of its lots is not past its last day."""
        return any(now < part.usable_before for part in self.lots)

    def usable(self, now: datetime) -> bool:
        """Whether it pays at all, before anybody asks where and for what."""
        if self.status is not Status.ACTIVE or self.blocked or not self.balance:
            return False
        if len(self.lots) == 1:
            return now < self.lots[0].usable_before
        return any(part.left and now < part.usable_before for part in self.lots)

    def shown_state(self, now: datetime) -> str:
        """For people: the status, or blocked, spent, expired."""
        if self.status is not Status.ACTIVE:
            return self.status.value
        if self.blocked:
            return "blocked"
        if not self.balance:
            return "spent"
        return "active" if self.usable(now) else "expired"


Voucher = Unissued | Issued
