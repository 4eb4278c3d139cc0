"""One center's charges of one month, stream `month-{center_id}-{yyyy-mm}`.

    held ── confirmed ── booked ── (reversed in parts)
      └─ released ◄─┘       ▲
           └────────────────┘ a recorded booking always wins

Every state of a charge stays known for as long as the stream does: a repeat is answered from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal, assert_never

from costcenter.commands import CloseMonth, ConfirmCharge
from costcenter.decider.refusals import (
    HoldExpired,
    HoldReleased,
    HoldUnknown,
    OpenHolds,
)
from costcenter.decider.shelf import Shelf
from costcenter.events import (
    ChargeBooked,
    ChargeConfirmed,
    Chargee,
    ChargeHeld,
    ChargeReleased,
    ChargeReversed,
    MonthClosed,
    MonthEvent,
    MonthOpened,
    ReleaseReason,
    SubsidyGranted,
    SubsidyShare,
    SubsidyTakenBack,
    Take,
    VatPart,
    Warned,
)
from events import Decider
from money import Money

CURRENCY = "EUR"

Became = Literal["held", "confirmed", "released", "booked"]


@dataclass(frozen=True, slots=True)
class Charge:
    """One payment on the center."""

    charge_id: str
    state: Became
    chargee: Chargee
    amount: Money
    """Held, and once booked what was booked."""
    parts: tuple[VatPart, ...]
    subsidies: tuple[SubsidyShare, ...]
    takes: tuple[Take, ...]
    """What it has from limit accounts; of a released one: what it had."""
    store_id: str
    till_id: str
    booking_id: str
    payment_id: str
    business_date: date
    expires_at: datetime | None
    release: ReleaseReason | None = None
    warnings: tuple[Warned, ...] = ()

    @property
    def open(self) -> bool:
        return self.state in ("held", "confirmed")

    def lapsed(self, now: datetime) -> bool:
        """Has run out, and nobody wrote it down yet."""
        return self.state == "held" and self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class Month:
    center_id: str | None = None
    month: str = ""
    closed: bool = False
    charges: Shelf[Charge] = field(default_factory=Shelf)
    open: Shelf[None] = field(default_factory=Shelf)
    """Ids of charges that are held or confirmed."""
    reversed: Shelf[int] = field(default_factory=Shelf)
    """Minor units by charge id: what was given back *in this month*, maybe of a charge of an
    earlier one."""
    reversals: Shelf[None] = field(default_factory=Shelf)
    charged: int = 0
    """Minor units: booked less reversed."""
    subsidies: int = 0
    booked: int = 0
    """How many."""

    def charge(self, charge_id: str) -> Charge:
        """Raises `HoldUnknown`."""
        found = self.charges.get(charge_id)
        if found is None:
            raise HoldUnknown
        return found


def opening(state: Month, center_id: str, month: str, now: datetime) -> list[MonthEvent]:
    """What has to be written before the first fact of a month."""
    if state.center_id is not None:
        return []
    return [MonthOpened(center_id=center_id, month=month, opened_at=now)]


def confirm(command: ConfirmCharge, state: Month) -> Sequence[MonthEvent]:
    """A hold that has run out is still confirmed as long as nobody has written that down: its
    amount is still taken. Raises `HoldUnknown`, `HoldReleased`, `HoldExpired`."""
    charge = state.charge(command.charge_id)
    match charge.state:
        case "held":
            return (
                ChargeConfirmed(
                    charge_id=charge.charge_id, month=state.month, confirmed_at=command.now
                ),
            )
        case "released":
            raise HoldExpired if charge.release == "expired" else HoldReleased
        case "confirmed" | "booked":
            return ()
        case _:
            assert_never(charge.state)


def close(command: CloseMonth, state: Month) -> Sequence[MonthEvent]:
    """Raises `OpenHolds`. A month without a charge needs no closing."""
    if state.center_id is None or state.closed:
        return ()
    if state.open:
        raise OpenHolds(center_id=state.center_id, holds=len(state.open))
    return (
        MonthClosed(
            center_id=state.center_id,
            month=state.month,
            charged=_money(state.charged),
            subsidies=_money(state.subsidies),
            charges=state.booked,
            closed_at=command.now,
        ),
    )


def _decide(command: ConfirmCharge | CloseMonth, state: Month) -> Sequence[MonthEvent]:
    return confirm(command, state) if isinstance(command, ConfirmCharge) else close(command, state)


def _money(minor: int) -> Money:
    return Money(amount=minor, currency=CURRENCY)


def evolve(state: Month, event: MonthEvent) -> Month:
    match event:
        case MonthOpened():
            return replace(state, center_id=event.center_id, month=event.month)
        case MonthClosed():
            return replace(state, closed=True)
        case ChargeHeld():
            return _put(state, _held(event))
        case ChargeConfirmed():
            return _put(state, replace(state.charges[event.charge_id], state="confirmed"))
        case ChargeReleased():
            released = replace(
                state.charges[event.charge_id], state="released", release=event.reason
            )
            return _put(state, released)
        case ChargeBooked():
            return _booked(state, event)
        case ChargeReversed():
            before = state.reversed.get(event.charge_id, 0)
            return replace(
                state,
                reversed=state.reversed.put(event.charge_id, before + event.amount.amount),
                reversals=state.reversals.put(event.reversal_id, None),
                charged=state.charged - event.amount.amount,
            )
        case SubsidyGranted():
            return replace(state, subsidies=state.subsidies + event.amount.amount)
        case SubsidyTakenBack():
            return replace(state, subsidies=state.subsidies - event.amount.amount)
        case _:
            assert_never(event)


def _put(state: Month, charge: Charge) -> Month:
    charge_id = charge.charge_id
    return replace(
        state,
        charges=state.charges.put(charge_id, charge),
        open=state.open.put(charge_id, None) if charge.open else state.open.without(charge_id),
    )


def _held(event: ChargeHeld) -> Charge:
    return Charge(
        charge_id=event.charge_id,
        state="held",
        chargee=event.chargee,
        amount=event.amount,
        parts=event.parts,
        subsidies=event.subsidies,
        takes=event.takes,
        store_id=event.store_id,
        till_id=event.till_id,
        booking_id=event.booking_id,
        payment_id=event.payment_id,
        business_date=event.business_date,
        expires_at=event.expires_at,
        warnings=event.warnings,
    )


def _booked(state: Month, event: ChargeBooked) -> Month:
    known = state.charges.get(event.charge_id)
    booked = Charge(
        charge_id=event.charge_id,
        state="booked",
        chargee=event.chargee,
        amount=event.amount,
        parts=event.parts,
        subsidies=event.subsidies,
        takes=event.takes if event.takes is not None else known.takes if known else (),
        store_id=event.store_id,
        till_id=event.till_id,
        booking_id=event.booking_id,
        payment_id=known.payment_id if known else "",
        business_date=event.business_date,
        expires_at=None,
    )
    return replace(
        _put(state, booked),
        charged=state.charged + event.amount.amount,
        booked=state.booked + 1,
    )


MONTH: Decider[ConfirmCharge | CloseMonth, Month] = Decider(
    initial=Month(), decide=_decide, evolve=evolve
)
