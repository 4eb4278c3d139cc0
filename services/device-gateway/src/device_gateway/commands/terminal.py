"""What a card terminal and its payments can be asked to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from device_gateway.events import CardTotal, TerminalAct, TerminalReceipt
from money import Money


@dataclass(frozen=True, slots=True)
class AskTerminal:
    """Stored before the terminal is asked."""

    terminal_id: str
    store_id: str
    till_id: str
    booking_id: str
    payment_id: str
    act: TerminalAct
    amount: Money
    now: datetime


@dataclass(frozen=True, slots=True)
class NoteTold:
    """Status information, on its arrival."""

    payment_id: str
    result: str
    now: datetime
    amount: int | None = None
    currency: str | None = None
    trace: str | None = None
    receipt_number: str | None = None
    terminal_number: str | None = None
    card_type: str | None = None
    masked_pan: str | None = None
    time: str | None = None
    date: str | None = None


@dataclass(frozen=True, slots=True)
class NoteAnswered:
    """What the terminal asked for `payment_id` has come to."""

    payment_id: str
    outcome: Literal["approved", "declined", "aborted", "unknown"]
    now: datetime
    trace: str | None = None
    receipt_number: str | None = None


@dataclass(frozen=True, slots=True)
class NoteReconciled:
    """The end of day of a terminal."""

    terminal_id: str
    store_id: str
    run_id: str
    now: datetime
    total: Money | None = None
    totals: Sequence[CardTotal] = ()
    text: Sequence[str] = ()
    till_id: str | None = None


TerminalCommand = AskTerminal | NoteTold | NoteAnswered | NoteReconciled


@dataclass(frozen=True, slots=True)
class NoteTaken:
    """The terminal did what the payment asked for; or a person says so (`receipt` None)."""

    booking_id: str
    payment_id: str
    now: datetime
    receipt: TerminalReceipt | None = None
    receipt_number: str | None = None
    payment_type: str | None = None


@dataclass(frozen=True, slots=True)
class NoteNotTaken:
    """It surely did not."""

    booking_id: str
    payment_id: str
    code: str
    detail: str
    status: int
    now: datetime


@dataclass(frozen=True, slots=True)
class NoteUnknown:
    """Nobody can find out what it did."""

    booking_id: str
    payment_id: str
    terminal_id: str
    reason: str
    now: datetime


@dataclass(frozen=True, slots=True)
class ResolvePayment:
    """A person says what became of an unknown payment."""

    booking_id: str
    payment_id: str
    outcome: Literal["approved", "not_taken"]
    reason: str
    now: datetime
    receipt_number: str | None = None
    cashier_id: str | None = None
    approved_by: str | None = None
    payment_type: str | None = None


CardCommand = NoteTaken | NoteNotTaken | NoteUnknown | ResolvePayment
