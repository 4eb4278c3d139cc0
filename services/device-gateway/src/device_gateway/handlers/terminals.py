"""Card terminals as the log knows them, and how a payment at one is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from device_gateway.commands.terminal import NoteAnswered, NoteNotTaken, NoteTaken, NoteUnknown
from device_gateway.decider.booking import BOOKING
from device_gateway.decider.terminal import TERMINAL, Terminal
from device_gateway.events import BookingEvent
from device_gateway.handlers.gateway import Gateway, booking_stream
from device_gateway.terminal.desk import TerminalDesk
from device_gateway.terminal.ports import TerminalUnknown
from events import Ask, Decision, DomainError, handle_together, state_of


class CardRefused(DomainError):
    """`card.declined`, `card.aborted`, `card.not_taken` and what else kept a card from paying."""

    code = "card.declined"
    title = "The card did not pay"

    def __init__(self, code: str, status: int, detail: str, **extra: Any) -> None:
        super().__init__(detail, **extra)
        self.code = code
        self.status = status


class CardUnknown(DomainError):
    """`payment_id`, `terminal`, `reason`. Look into the terminal's journal, then resolve it."""

    code = "payment.unknown"
    title = "Nobody knows whether the card paid: look at the terminal, then say what it did"


def terminal_stream(terminal_id: str) -> str:
    return f"terminal-{terminal_id}"


def desk_of(gateway: Gateway) -> TerminalDesk:
    """Raises `TerminalUnknown` where this process has no terminals."""
    if gateway.terminals is None:
        raise TerminalUnknown
    return gateway.terminals


async def terminal_of(gateway: Gateway, terminal_id: str) -> Terminal:
    return (await state_of(gateway.store, TERMINAL, terminal_stream(terminal_id)))[1]


async def note_both(
    gateway: Gateway,
    booking_id: str,
    terminal_id: str,
    command: NoteTaken | NoteNotTaken | NoteUnknown,
    answered: NoteAnswered,
) -> None:
    """How a payment ended, on the booking's stream and the terminal's, in one append."""
    mine, theirs = booking_stream(booking_id), terminal_stream(terminal_id)

    def decide(states: Mapping[str, Any]) -> Decision:
        said: Sequence[BookingEvent] = BOOKING.decide(command, states[mine])
        return Decision({mine: said, theirs: TERMINAL.decide(answered, states[theirs])})

    key = f"terminal/answered/{answered.payment_id}"
    await handle_together(
        gateway.store, {mine: BOOKING, theirs: TERMINAL}, decide, ask=Ask.of(key, key)
    )
