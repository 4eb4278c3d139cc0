"""What a till's shift, and the TSE it signs with, can be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from device_gateway.events import CashMoveKind, Reference
from money import Money


@dataclass(frozen=True, slots=True)
class RequestTse:
    """From the next shift on the till shall sign at `tse_id`."""

    store_id: str
    till_id: str
    tse_id: str
    requested_by: str
    now: datetime


@dataclass(frozen=True, slots=True)
class NoteOutage:
    """The signer says that a TSE has an outage, or that it is over."""

    store_id: str
    tse_id: str
    outage_id: str
    over: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class OpenShift:
    """`opened_by`: who asked, or `automatic`."""

    store_id: str
    till_id: str
    opened_by: str
    now: datetime


@dataclass(frozen=True, slots=True)
class About:
    """What every process of a shift has to know beside the shift."""

    legal_entity_id: str
    business_date: date
    sign_by: datetime
    cash_name: str
    cashier_id: str | None
    now: datetime
    approved_by: str | None = None


@dataclass(frozen=True, slots=True)
class MoveCash:
    """`amount` above zero; of a difference it has its sign."""

    booking_id: str
    kind: CashMoveKind
    amount: Money
    reason: str
    about: About
    reference: Reference | None = None


@dataclass(frozen=True, slots=True)
class CloseShift:
    """`counted` None: nobody counted. `skim`: what goes to the safe after the count."""

    closing_id: str
    difference_id: str
    skim_id: str
    counted: Money | None
    skim: Money | None
    about: About
    automatic: bool = False

    def reason_of(self, kind: CashMoveKind) -> str:
        """What the two moves of a closing say; papers have words for them."""
        return "cash_count" if kind == "difference" else "closing_skim"
