"""Keeps what inspections may ask for: the gateway's events and the signers' own, as they came.

Apart from signing, and never in its way: two reactions with checkpoints of their own. The signer's
own events come over the bus as those of a store's box do, so a chain has one journal whoever
signed. An event that can't be read is kept all the same, and found by nobody but a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from pydantic_core import from_json

from events.reaction import Incoming, Reaction

GATEWAY = "device-gateway"
SIGNER = "fiscal-signer"

PROCESSES = frozenset(
    {
        "booking.recorded", "booking.aborted", "booking.ordered", "training.recorded",
        "cash.moved", "till.closed",
    }
)  # fmt: skip
"""What has a number of its till, and becomes a row of an export. (Events from before shifts and
numbers of aborted bookings have none: they are kept as `rest`.)"""

VERDICTS = frozenset({"signature.made", "signature.left_unsigned"})

_OFTEN = frozenset(
    {
        "booking.started", "till.number_given", "tse.client_registered", "closing.signed",
        "tse.checked", "signature.surplus_read",
    }
)  # fmt: skip
"""Kept, and never looked for by name."""

FROM_GATEWAY = PROCESSES | {
    "booking.started", "till.number_given", "till.paired", "till.revoked", "till.opened",
    "till.tse_requested", "master_data.changed",
}  # fmt: skip

FROM_SIGNERS = VERDICTS | {
    "signature.started", "signature.surplus", "signature.abandoned", "signature.surplus_read",
    "outage.began", "outage.ended", "tse.initialized", "tse.client_registered", "tse.checked",
    "tse.warned", "tse.warning_ended", "closing.signed", "export.created",
}  # fmt: skip

_OTHERS = {"signature.started": "start", "till.opened": "opening"}

TEXT_MAX = 200
"""Longer ids are none of ours."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One entry of the journal before it has its position."""

    incoming: Incoming
    kind: str
    store_id: str
    till_id: str = ""
    booking_id: str = ""
    shift: int | None = None
    number: int | None = None
    business_date: date | None = None


class Journal(Protocol):
    """Where entries go."""

    async def keep(self, entries: Sequence[Kept]) -> None:
        """Store all that are not there yet, in this order. Raises `Transient`."""
        ...


class Keeper:
    """Both reactions. They park nothing: an event of any content can be kept."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def reactions(self) -> tuple[Reaction, ...]:
        return (
            self._reaction("keep", GATEWAY, FROM_GATEWAY),
            self._reaction("keep-own", SIGNER, FROM_SIGNERS),
        )

    def _reaction(self, name: str, topic: str, events: frozenset[str]) -> Reaction:
        # One lane per store, as on the bus. More would not be faster: positions are given one
        # batch after the other.
        return Reaction(name, topic, events, lane=_store, handle=self.handle)

    async def handle(self, records: Sequence[Incoming]) -> None:
        """Raises `Transient` alone."""
        await self._journal.keep([entry_of(record) for record in records])


def _store(record: Incoming) -> str:
    return record.key


def entry_of(record: Incoming) -> Kept:
    """What exports look for in an event. Never raises."""
    try:
        data = from_json(record.data, cache_strings="keys")
    except ValueError:
        data = None
    if not isinstance(data, dict):
        return Kept(record, "rest", record.key)
    number, shift = _whole(data.get("number")), _whole(data.get("shift"))
    return Kept(
        incoming=record,
        kind=_kind(record.name, numbered=number is not None and shift is not None),
        store_id=_text(data.get("store_id")) or record.key,
        till_id=_text(data.get("till_id")),
        booking_id=_text(data.get("booking_id")),
        shift=shift,
        number=number,
        business_date=_day(data.get("business_date")),
    )


def _kind(name: str, *, numbered: bool) -> str:
    if name in PROCESSES:
        return "process" if numbered else "unnumbered"
    if name in VERDICTS:
        return "verdict"
    if name in _OTHERS:
        return _OTHERS[name]
    return "rest" if name in _OFTEN else "rare"


def _text(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= TEXT_MAX and "\0" not in value else ""


def _whole(value: Any) -> int | None:
    return value if type(value) is int and 0 < value < 2**31 else None


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value)
    except (ValueError, TypeError):
        return None
