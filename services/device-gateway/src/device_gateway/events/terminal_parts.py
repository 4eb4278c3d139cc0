"""What a card terminal said, as it stands in events. Of a card at most four digits."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from device_gateway.events.parts import LeftOut, Part, Rare
from money import Money

TerminalAct = Literal["pay", "refund", "reverse"]

TEXT_LINES_MAX = 60


class TerminalWish(Part):
    """Which terminal a payment is asked of, and how."""

    terminal_id: str
    act: TerminalAct = "pay"
    receipt_number: Rare[str] = None
    """Of the payment that is reversed."""


class TerminalReceipt(Part):
    """A transaction of a terminal."""

    terminal_id: str
    """Ours: the device."""
    terminal_number: Rare[str] = None
    """TID, as the network operator knows it."""
    receipt_number: Rare[str] = None
    trace: Rare[str] = None
    card_type: Rare[str] = None
    masked_pan: Rare[Annotated[str, Field(max_length=4)]] = None
    """The last four digits of the card's number."""
    at: Rare[datetime] = None
    """By the terminal's clock."""
    text: Annotated[tuple[str, ...], LeftOut, Field(max_length=TEXT_LINES_MAX)] = ()
    """The customer's receipt, as the terminal would print it."""


class CardTotal(Part):
    """One row of an end of day."""

    card_type: str
    count: int
    amount: Money
