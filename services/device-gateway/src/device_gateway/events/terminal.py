"""A card terminal, as the gateway talks to it. Stream `terminal-{terminal_id}`.

`terminal.asked` is stored before the terminal is asked for anything that moves money, and
`terminal.answered` together with what it means for the booking: in between, nobody else may ask it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from device_gateway.events.parts import LeftOut, Rare
from device_gateway.events.terminal_parts import CardTotal, TerminalAct
from events import Event, event_type
from money import Money


@event_type("terminal.asked")
class TerminalAsked(Event):
    terminal_id: str
    store_id: str
    till_id: str
    booking_id: str
    payment_id: str
    act: TerminalAct
    amount: Money
    """Above zero, whatever it does."""
    asked_at: datetime


@event_type("terminal.told")
class TerminalTold(Event):
    """Status information arrived. It is no completion: the line may still break."""

    terminal_id: str
    store_id: str
    payment_id: str
    result: str
    told_at: datetime
    amount: Rare[int] = None
    """Minor units."""
    currency: Rare[str] = None
    trace: Rare[str] = None
    receipt_number: Rare[str] = None
    terminal_number: Rare[str] = None
    card_type: Rare[str] = None
    masked_pan: Rare[Annotated[str, Field(max_length=4)]] = None
    time: Rare[str] = None
    """HHMMSS by the terminal's clock."""
    date: Rare[str] = None
    """MMDD."""


@event_type("terminal.answered")
class TerminalAnswered(Event):
    terminal_id: str
    store_id: str
    payment_id: str
    outcome: Literal["approved", "declined", "aborted", "unknown"]
    answered_at: datetime
    trace: Rare[str] = None
    receipt_number: Rare[str] = None


@event_type("terminal.reconciled")
class TerminalReconciled(Event):
    """The terminal's end of day (Kassenschnitt), with its totals."""

    terminal_id: str
    store_id: str
    run_id: str
    reconciled_at: datetime
    total: Rare[Money] = None
    totals: Annotated[tuple[CardTotal, ...], LeftOut] = ()
    text: Annotated[tuple[str, ...], LeftOut] = ()
    till_id: Rare[str] = None
