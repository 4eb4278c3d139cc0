"""The statement of an account: opening + moves = closing, from the log itself.

Only facts that change the balance are moves; holds and preparations are not.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from events import DomainError, Event, Recorded
from money import Money
from voucher.decider.account.state import Opened
from voucher.events import (
    AccountCredited,
    AccountPaidOut,
    AccountSpendReversed,
    AccountSpent,
    FeeSettled,
)

MOVES_MAX = 10_000
"""Moves of one statement; a longer period is asked for in parts."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet would run a text that begins like this."""


class StatementTooLong(DomainError):
    code = "statement.too_long"
    status = 422
    title = "This period has too many moves; ask for a shorter one"


class PeriodInvalid(DomainError):
    code = "statement.period"
    status = 422
    title = "A period has a first and a last day, in this order, and is not too long"


@dataclass(frozen=True, slots=True)
class Move:
    """One change of the balance, on a day by the account's clock."""

    position: int
    day: date
    what: str
    """`load`, `voucher`, `refund`, `goodwill`, `spent`, `reversed`, `paid_out`, `fee`."""
    amount: Money
    """Negative: it left the account."""
    balance: Money
    booking_id: str | None
    reference: str
    """Of the load, hold, reversal or fee."""
    text: str | None


@dataclass(frozen=True, slots=True)
class Statement:
    account_id: str
    first: date
    last: date
    opening: Money
    moves: tuple[Move, ...]
    closing: Money


def statement(
    account: Opened, recorded: Sequence[Recorded], *, first: date, last: date
) -> Statement:
    """Of the days `first` to `last`, both included. Raises `StatementTooLong`."""
    opening = closing = account.balance.zero
    moves: list[Move] = []
    for entry in recorded:
        move = _move(entry.event, entry.position, account.time_zone)
        if move is None or move.day > last:
            continue
        closing = closing + move.amount
        if move.day < first:
            opening = opening + move.amount
        else:
            moves.append(move)
    if len(moves) > MOVES_MAX:
        raise StatementTooLong(moves_max=MOVES_MAX)
    return Statement(account.account_id, first, last, opening, tuple(moves), closing)


def _move(event: Event, position: int, time_zone: str) -> Move | None:
    zone = ZoneInfo(time_zone)
    match event:
        case AccountCredited():
            day, text = event.credited_at.astimezone(zone).date(), event.reason
            text = text or event.voucher_serial
            return Move(
                position, day, event.source, event.amount, event.balance, event.booking_id,
                event.credit_id, text,
            )  # fmt: skip
        case AccountSpent():
            day = event.spent_at.astimezone(zone).date()
            return Move(
                position, day, "spent", -event.amount, event.remaining, event.booking_id,
                event.hold_id, event.card_serial,
            )  # fmt: skip
        case AccountSpendReversed():
            day = event.reversed_at.astimezone(zone).date()
            return Move(
                position, day, "reversed", event.amount, event.balance, event.booking_id,
                event.reversal_id, None,
            )  # fmt: skip
        case AccountPaidOut():
            day = event.paid_out_at.astimezone(zone).date()
            return Move(
                position, day, "paid_out", -event.amount, event.remaining, event.booking_id,
                event.hold_id, None,
            )  # fmt: skip
        case FeeSettled() if event.uses:
            day = event.settled_at.astimezone(zone).date()
            used = Money(
                amount=sum(use.amount.amount for use in event.uses), currency=event.amount.currency
            )
            return Move(
                position, day, "fee", -used, event.balance, event.booking_id, event.fee_id,
                event.reason or event.kind,
            )  # fmt: skip
        case _:
            return None


COLUMNS = ("date", "what", "amount", "balance", "currency", "booking_id", "reference", "text")


def as_csv(found: Statement) -> str:
    """The statement with its opening and closing line. Amounts with a decimal point."""
    lines = io.StringIO()
    rows = csv.writer(lines, lineterminator="\r\n")
    rows.writerow(COLUMNS)
    currency = found.opening.currency
    opening, closing = found.opening.as_decimal(), found.closing.as_decimal()
    rows.writerow([found.first, "opening", "", opening, currency, "", "", ""])
    for move in found.moves:
        rows.writerow(
            [
                move.day,
                move.what,
                move.amount.as_decimal(),
                move.balance.as_decimal(),
                currency,
                _plain(move.booking_id),
                _plain(move.reference),
                _plain(move.text),
            ]
        )
    rows.writerow([found.last, "closing", "", closing, currency, "", "", ""])
    return lines.getvalue()


def _plain(text: str | None) -> str:
    if text and text.startswith(_FORMULA):
        return f"'{text}"
    return text or ""
