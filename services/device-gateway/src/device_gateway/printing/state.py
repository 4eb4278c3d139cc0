"""What is known of a printer, from what came of the last try to reach it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from device_gateway.printing.job import Delivery, JobState

Condition = Literal["ready", "warning", "down"]

WARNINGS = frozenset({"paper_near_end"})

MUTE = frozenset({"", "mute", "unconfirmed"})
"""Nothing is wrong with the printer: it only does not say everything."""


@dataclass(frozen=True, slots=True)
class PrinterState:
    """`since`: when state and reason became what they are."""

    printer_id: str
    store_id: str
    state: Condition
    reason: str
    since: datetime
    seen_at: datetime


def condition_of(reason: str) -> tuple[Condition, str]:
    """What a reason says about the printer."""
    if reason in MUTE:
        return "ready", ""
    return ("warning" if reason in WARNINGS else "down"), reason


def condition_after(delivery: Delivery) -> tuple[Condition, str]:
    """The same of a delivery: what is on paper was printed by a printer that works."""
    if delivery.outcome in (JobState.SENT, JobState.CONFIRMED):
        return condition_of(delivery.reason if delivery.reason in WARNINGS else "")
    return condition_of(delivery.reason or "offline")
