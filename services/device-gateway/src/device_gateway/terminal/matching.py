"""Whether what a terminal says afterwards is the transaction that it was asked for. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from device_gateway.events import TerminalAsked, TerminalReceipt, TerminalTold
from device_gateway.terminal.ports import TerminalStatus

CLOCK_OFF_S = 180.0
"""By how much the terminal's clock and ours may differ."""


def instant_of(
    time: str | None, date: str | None, *, zone: ZoneInfo, near: datetime
) -> datetime | None:
    """The terminal's local time and date (HHMMSS, MMDD), in the year that is nearest to `near`."""
    if time is None or date is None:
        return None
    found = []
    for year in (near.year - 1, near.year, near.year + 1):
        try:
            local = datetime.strptime(f"{year}{date}{time}", "%Y%m%d%H%M%S")  # noqa: DTZ007  # Its zone comes next.
        except ValueError:
            continue
        found.append(local.replace(tzinfo=zone))
    return min(found, key=lambda each: abs(each - near), default=None)


def is_asked_for(
    status: TerminalStatus | None,
    asked: TerminalAsked,
    told: TerminalTold | None,
    known: Collection[str],
    *,
    zone: ZoneInfo,
    now: datetime,
) -> bool:
    """Amount, trace and time have to agree; `known`: traces of our earlier transactions. What
    stays doubtful is no match: then a person decides."""
    if status is None or not status.ok or not amount_agrees(status, asked):
        return False
    if status.trace is None or status.trace in known:
        return False
    if told is not None and told.result == "00" and told.trace not in (None, status.trace):
        return False
    at = instant_of(status.time, status.date, zone=zone, near=now)
    if at is None:
        # Without a time of its own only what it told before proves that it is the same.
        return told is not None and told.trace == status.trace
    off = timedelta(seconds=CLOCK_OFF_S)
    return asked.asked_at - off <= at <= now + off


def amount_agrees(status: TerminalStatus, asked: TerminalAsked) -> bool:
    """A currency that is not told is the registered one."""
    return (
        status.amount == asked.amount.amount
        and (status.currency or asked.amount.currency) == asked.amount.currency
    )


def receipt_of(
    status: TerminalStatus,
    terminal_id: str,
    lines: Sequence[str],
    *,
    zone: ZoneInfo,
    now: datetime,
) -> TerminalReceipt:
    """What is kept of a transaction."""
    return TerminalReceipt(
        terminal_id=terminal_id,
        terminal_number=status.terminal_number,
        receipt_number=status.receipt_number,
        trace=status.trace,
        card_type=status.card_type,
        masked_pan=status.pan_end,
        at=instant_of(status.time, status.date, zone=zone, near=now),
        text=tuple(lines),
    )
