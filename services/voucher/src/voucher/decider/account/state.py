"""What is known about one account after its events.

Credit lies in lots. A hold and a settlement by credit keep parts of certain lots (`Pins`) from the
moment they are placed, so what was promised to one payment is never counted for another, whatever
may be paid from which lot.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from money import Money
from voucher.decider.state import HoldState
from voucher.events import CreditLot, CreditSource, Limits, LotUse, Purpose, Settlement

Pins = tuple[tuple[str, int], ...]
"""Lot id → minor units, in the order in which they are used."""


class LoadState(StrEnum):
    PREPARED = "prepared"
    CREDITED = "credited"
    CANCELLED = "cancelled"


class SettlementState(StrEnum):
    PREPARED = "prepared"
    DROPPED = "dropped"
    EXPIRED = "expired"
    SETTLED = "settled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Credit:
    """One lot, and how it came onto the account."""

    lot: CreditLot
    source: CreditSource
    voucher_serial: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    serial: str
    code_hash: str
    live: bool = True


@dataclass(frozen=True, slots=True)
class Load:
    load_id: str
    amount: Money
    booking_id: str
    day: date
    state: LoadState


@dataclass(frozen=True, slots=True)
class AccountHold:
    """Credit kept for one payment, or what became of it. Reads as a voucher's hold does."""

    hold_id: str
    state: HoldState
    amount: Money
    left: Money
    """Available after it was placed; once captured: the balance afterwards."""
    expires_at: datetime
    store_id: str
    till_id: str
    booking_id: str
    payment_id: str
    card_serial: str | None
    purpose: Purpose
    day: date
    """The business day whose limits it counts against."""
    pins: Pins = ()
    uses: tuple[LotUse, ...] = ()
    """Once captured."""
    given_back: int = 0

    def lapsed(self, now: datetime) -> bool:
        return self.state is HoldState.HELD and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class Fee:
    fee_id: str
    kind: str
    amount: Money
    due: date
    text: str | None
    open: Money
    place: int
    """Fees that are due on one day are settled in the order in which they were posted."""
    withdrawn: bool = False
    settlements: int = 0


@dataclass(frozen=True, slots=True)
class Settling:
    """A settlement that is prepared, or what became of it."""

    settlement_id: str
    fee_id: str
    how: Settlement
    amount: Money
    booking_id: str | None
    expires_at: datetime
    state: SettlementState
    from_credit: bool = False
    voucher_id: str | None = None
    voucher_serial: str | None = None
    reason: str | None = None
    store_id: str | None = None
    pins: Pins = ()
    settled: Money | None = None
    """What of it was settled, once it was."""

    def live(self, now: datetime) -> bool:
        return self.state is SettlementState.PREPARED and now < self.expires_at


@dataclass(frozen=True, slots=True)
class Unopened:
    """Nobody opened this account. What recorded bookings wanted of it is remembered."""

    failed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Opened:
    account_id: str
    legal_entity_id: str
    holder_id: str | None
    currency: str
    limits: Limits
    receipt_duty: bool
    time_zone: str
    balance: Money
    blocked: str | None = None
    cards: Mapping[str, Card] = field(default_factory=dict)
    credits: Mapping[str, Credit] = field(default_factory=dict)
    """By lot, in the order of arrival."""
    credit_ids: Mapping[str, Money] = field(default_factory=dict)
    loads: Mapping[str, Load] = field(default_factory=dict)
    open: Mapping[str, AccountHold] = field(default_factory=dict)
    closed: Mapping[str, AccountHold] = field(default_factory=dict)
    reversals: Mapping[str, tuple[str, Money]] = field(default_factory=dict)
    """Reversal → hold and amount."""
    fees: Mapping[str, Fee] = field(default_factory=dict)
    settlements: Mapping[str, Settling] = field(default_factory=dict)
    spent: Mapping[str, int] = field(default_factory=dict)
    """Minor units spent per day (`2026-11-22`) and month (`2026-11`), by the account's clock."""
    loaded: Mapping[str, int] = field(default_factory=dict)
    """Minor units loaded per month."""

    def money(self, minor: int) -> Money:
        return Money(amount=minor, currency=self.currency)

    def day(self, now: datetime) -> date:
        """The business day: a calendar day in the account's time zone."""
        return now.astimezone(ZoneInfo(self.time_zone)).date()

    def hold(self, hold_id: str) -> AccountHold | None:
        return self.open.get(hold_id) or self.closed.get(hold_id)

    def card_of(self, code_hash: str | None) -> Card | None:
        """The live card with this code."""
        return next(
            (card for card in self.cards.values() if card.live and card.code_hash == code_hash),
            None,
        )

    def lapsed(self, now: datetime, *, without: str = "") -> Iterator[AccountHold]:
        return (hold for hold in self.open.values() if hold.hold_id != without and hold.lapsed(now))

    def preparing(self) -> Iterator[Settling]:
        """Settlements that are prepared, the lapsed ones too."""
        return (
            entry for entry in self.settlements.values() if entry.state is SettlementState.PREPARED
        )

    def open_of(self, fee: Fee, now: datetime, *, without: str = "") -> Money:
        """What of a fee nobody else is about to settle."""
        kept = sum(
            entry.amount.amount
            for entry in self.preparing()
            if entry.fee_id == fee.fee_id and entry.settlement_id != without and entry.live(now)
        )
        return self.money(max(0, fee.open.amount - kept))


Account = Unopened | Opened
