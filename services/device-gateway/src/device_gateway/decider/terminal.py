"""A card terminal: one thing at a time, and what it said of the newest. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from device_gateway.commands.terminal import (
    AskTerminal,
    NoteAnswered,
    NoteReconciled,
    NoteTold,
    TerminalCommand,
)
from device_gateway.events import (
    TerminalAnswered,
    TerminalAsked,
    TerminalEvent,
    TerminalReconciled,
    TerminalTold,
)
from device_gateway.terminal.ports import TerminalBusy
from events import Decider

TRACES_KEPT = 50


@dataclass(frozen=True, slots=True)
class Terminal:
    asked: TerminalAsked | None = None
    """It was, or may have been, asked for this, and nobody knows yet what came of it."""
    told: TerminalTold | None = None
    """What it said of `asked` so far."""
    traces: tuple[str, ...] = ()
    """Of its newest transactions that are ours."""
    newest: TerminalAnswered | None = None
    """The newest that went through; None after an end of day."""
    reconciled: TerminalReconciled | None = None


def decide(command: TerminalCommand, terminal: Terminal) -> Sequence[TerminalEvent]:
    match command:
        case AskTerminal():
            return _ask(command, terminal)
        case NoteTold():
            return _told(command, terminal)
        case NoteAnswered():
            asked = terminal.asked
            if asked is None or asked.payment_id != command.payment_id:
                return ()
            return (
                TerminalAnswered(
                    terminal_id=asked.terminal_id,
                    store_id=asked.store_id,
                    payment_id=command.payment_id,
                    outcome=command.outcome,
                    answered_at=command.now,
                    trace=command.trace,
                    receipt_number=command.receipt_number,
                ),
            )
        case NoteReconciled():
            return (
                TerminalReconciled(
                    terminal_id=command.terminal_id,
                    store_id=command.store_id,
                    run_id=command.run_id,
                    reconciled_at=command.now,
                    total=command.total,
                    totals=tuple(command.totals),
                    text=tuple(command.text),
                    till_id=command.till_id,
                ),
            )
        case _:
            assert_never(command)


def _ask(command: AskTerminal, terminal: Terminal) -> tuple[TerminalAsked, ...]:
    """Raises `TerminalBusy` while anything is open, the same payment included."""
    if terminal.asked is not None:
        raise TerminalBusy(payment_id=terminal.asked.payment_id)
    return (
        TerminalAsked(
            terminal_id=command.terminal_id,
            store_id=command.store_id,
            till_id=command.till_id,
            booking_id=command.booking_id,
            payment_id=command.payment_id,
            act=command.act,
            amount=command.amount,
            asked_at=command.now,
        ),
    )


def _told(command: NoteTold, terminal: Terminal) -> tuple[TerminalTold, ...]:
    asked = terminal.asked
    if asked is None or asked.payment_id != command.payment_id:
        return ()
    return (
        TerminalTold(
            terminal_id=asked.terminal_id,
            store_id=asked.store_id,
            payment_id=command.payment_id,
            result=command.result,
            told_at=command.now,
            amount=command.amount,
            currency=command.currency,
            trace=command.trace,
            receipt_number=command.receipt_number,
            terminal_number=command.terminal_number,
            card_type=command.card_type,
            masked_pan=command.masked_pan,
            time=command.time,
            date=command.date,
        ),
    )


def evolve(terminal: Terminal, event: TerminalEvent) -> Terminal:
    match event:
        case TerminalAsked():
            return replace(terminal, asked=event, told=None)
        case TerminalTold():
            return replace(terminal, told=event)
        case TerminalAnswered():
            known = replace(terminal, asked=None, told=None)
            if event.trace is not None:
                known = replace(known, traces=(*known.traces, event.trace)[-TRACES_KEPT:])
            return replace(known, newest=event) if event.outcome == "approved" else known
        case TerminalReconciled():
            return replace(terminal, reconciled=event, newest=None)
        case _:
            assert_never(event)


TERMINAL: Decider[TerminalCommand, Terminal] = Decider(
    initial=Terminal(), decide=decide, evolve=evolve
)
