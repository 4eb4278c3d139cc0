"""What the gateway needs of a card terminal, whatever it speaks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from events import DomainError
from money import Money

Ending = Literal["approved", "declined", "aborted", "lost"]
"""`lost`: the terminal was asked, and nobody knows what it did."""


class TerminalUnknown(DomainError):
    code = "terminal.unknown"
    status = 404
    title = "This till has no such card terminal"


class TerminalAway(DomainError):
    """It was not asked for anything: no money moved."""

    code = "terminal.away"
    status = 503
    title = "The card terminal does not answer"


class TerminalBusy(DomainError):
    """`payment_id`, where it is known: what it is busy with. Nothing new was asked."""

    code = "terminal.busy"
    status = 409
    title = "The card terminal is busy with something else"


@dataclass(frozen=True, slots=True)
class TerminalDevice:
    """A terminal of a store. Its password stands in no event: `adapters/zvt/passwords.py`."""

    terminal_id: str
    store_id: str
    address: str
    """host:port"""
    till_id: str | None = None
    """The till that uses it alone; None: every till of the store."""
    name: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TerminalStatus:
    """What a terminal says of one transaction. Of the card at most four digits are kept."""

    ok: bool
    result: str
    """Result code, two hex digits; `00` is success."""
    amount: int | None = None
    """Minor units."""
    currency: str | None = None
    trace: str | None = None
    receipt_number: str | None = None
    terminal_number: str | None = None
    """TID."""
    card_type: str | None = None
    pan_end: str | None = None
    time: str | None = None
    """HHMMSS by the terminal's own clock."""
    date: str | None = None
    """MMDD."""
    totals: Sequence[tuple[str, int, int]] = ()
    """End of day: (kind of card, number, minor units)."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a request to a terminal ended."""

    ending: Ending
    status: TerminalStatus | None = None
    code: str = ""
    """The terminal's own code, two hex digits; of `lost` a word for what happened."""
    lines: Sequence[str] = ()
    """What it would print for the customer."""


class Listener(Protocol):
    """Who hears a terminal while it works."""

    async def text(self, text: str, code: str) -> None:
        """What stands on its display now."""
        ...

    async def status(self, status: TerminalStatus) -> None:
        """Status information arrived. It is acknowledged to the terminal only after this."""
        ...


class TerminalSession(Protocol):
    """A registered line to one terminal. One request at a time; none raises for anything that a
    terminal or a network does, and each is bounded in time."""

    async def pay(self, amount: Money, heard: Listener, abort: asyncio.Event) -> Ended: ...

    async def refund(self, amount: Money, heard: Listener, abort: asyncio.Event) -> Ended: ...

    async def reverse(
        self, receipt_number: str, amount: Money, heard: Listener, abort: asyncio.Event
    ) -> Ended:
        """Take the payment with this receipt number back (Storno)."""
        ...

    async def status(self) -> Ended:
        """Whether it is ready: `approved`."""
        ...

    async def repeat_receipt(self) -> Ended:
        """The newest transaction again, without doing it again. `status` None: it says nothing."""
        ...

    async def end_of_day(self, heard: Listener) -> Ended: ...

    async def diagnosis(self, heard: Listener) -> Ended: ...

    async def close(self) -> None:
        """Twice is fine."""
        ...


class TerminalLink(Protocol):
    async def open(self, device: TerminalDevice) -> TerminalSession:
        """Connect and register. Raises `TerminalAway`: then nothing was asked for."""
        ...


class Terminals(Protocol):
    """Which terminals there are."""

    async def find(
        self, store_id: str, till_id: str | None, terminal_id: str | None
    ) -> TerminalDevice:
        """The terminal of that id; None: the till's own, else one for all tills of the store.
        Raises `TerminalUnknown`."""
        ...


class TerminalLeases(Protocol):
    """Who may talk to a terminal now, over all processes."""

    async def take(self, terminal_id: str, *, owner: str, now: datetime, until: datetime) -> bool:
        """False: somebody else has it."""
        ...

    async def renew(self, terminal_id: str, *, owner: str, until: datetime) -> bool:
        """Keep it. True: somebody wants the payment aborted."""
        ...

    async def give_back(self, terminal_id: str, *, owner: str) -> None: ...

    async def want_abort(self, terminal_id: str) -> bool:
        """Ask whoever has it to abort. False: nobody has it."""
        ...
