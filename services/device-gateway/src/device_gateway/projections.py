"""Read model: which bookings somebody still has to do something about.

A page of the log is folded in memory first and written with at most three statements, whatever
it holds; a sale that begins and ends within the page is never written at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from device_gateway.decider.booking_state import papers_of
from device_gateway.events import (
    BookingAborted,
    BookingOrdered,
    BookingParked,
    BookingRecorded,
    BookingResumed,
    BookingStarted,
    CashMoved,
    LineChanged,
    LineGivenBack,
    LinePrepared,
    LineRefused,
    LinesAdded,
    LineVoided,
    PaymentAccepted,
    PaymentHeld,
    PaymentRefused,
    PaymentReleased,
    PaymentReopened,
    PaymentRequested,
    PaymentWithdrawn,
    ReceiptQueued,
    TillClosed,
    TrainingRecorded,
)
from events import Recorded
from events.projection import names_of

_BEGUN = text(
    "INSERT INTO unfinished_booking"
    " (booking_id, store_id, last_at, papers_due, releases_due, phase)"
    " SELECT * FROM unnest(CAST(:booking_ids AS text[]), CAST(:store_ids AS text[]),"
    " CAST(:last_at AS timestamptz[]), CAST(:papers AS integer[]), CAST(:releases AS integer[]),"
    " CAST(:phases AS text[])) ON CONFLICT DO NOTHING"
)
_MOVED = text(
    "UPDATE unfinished_booking AS kept SET last_at = coalesce(moved.last_at, kept.last_at),"
    " papers_due = kept.papers_due + moved.papers,"
    " releases_due = kept.releases_due + moved.releases,"
    " phase = coalesce(moved.phase, kept.phase)"
    " FROM unnest(CAST(:booking_ids AS text[]), CAST(:last_at AS timestamptz[]),"
    " CAST(:papers AS integer[]), CAST(:releases AS integer[]), CAST(:phases AS text[]))"
    " AS moved(booking_id, last_at, papers, releases, phase)"
    " WHERE kept.booking_id = moved.booking_id"
)
_DONE = text(
    "DELETE FROM unfinished_booking WHERE booking_id = ANY(CAST(:aborted AS text[]))"
    " OR (booking_id = ANY(CAST(:settled AS text[]))"
    " AND phase = 'recorded' AND papers_due <= 0 AND releases_due <= 0)"
)


@dataclass(slots=True)
class _Change:
    """What a page does to one booking's row."""

    store_id: str | None = None
    """Set: the booking begins in this page, and the figures below are all there is of it."""
    last_at: datetime | None = None
    papers: int = 0
    releases: int = 0
    phase: str | None = None
    aborted: bool = False
    settled: bool = False
    """Something that was due is done: the row may have nothing left to say."""

    @property
    def leaves_nothing(self) -> bool:
        """Nothing is left to do for a booking of which this page holds everything."""
        done = self.phase == "recorded" and self.papers <= 0 and self.releases <= 0
        return self.aborted or (self.settled and done)


class UnfinishedProjection:
    """A row per booking from its start until it is aborted, or recorded, printed and released."""

    name = "unfinished_booking"
    version = 1
    reads = names_of(
        BookingAborted,
        BookingOrdered,
        BookingRecorded,
        BookingStarted,
        CashMoved,
        LinePrepared,
        LineRefused,
        LinesAdded,
        LineVoided,
        LineChanged,
        LineGivenBack,
        BookingParked,
        BookingResumed,
        PaymentAccepted,
        PaymentHeld,
        PaymentRefused,
        PaymentReleased,
        PaymentReopened,
        PaymentRequested,
        PaymentWithdrawn,
        ReceiptQueued,
        TillClosed,
        TrainingRecorded,
    )

    async def apply(self, tx: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        changes: dict[str, _Change] = {}
        for entry in recorded:
            _fold(changes, entry.event)
        begun = {
            booking_id: change
            for booking_id, change in changes.items()
            if change.store_id is not None and not change.leaves_nothing
        }
        moved = {
            booking_id: change
            for booking_id, change in changes.items()
            if change.store_id is None and not change.aborted
        }
        aborted = [booking_id for booking_id, change in changes.items() if change.aborted]
        settled = [booking_id for booking_id, change in moved.items() if change.settled]
        if begun:
            stores = [change.store_id for change in begun.values()]
            phases = [change.phase or "open" for change in begun.values()]
            columns = {**_columns(begun), "phases": phases, "store_ids": stores}
            await tx.execute(_BEGUN, columns)
        if moved:
            await tx.execute(_MOVED, _columns(moved))
        if aborted or settled:
            await tx.execute(_DONE, {"aborted": aborted, "settled": settled})


def _columns(changes: dict[str, _Change]) -> dict[str, list[object]]:
    rows = changes.values()
    return {
        "booking_ids": list(changes),
        "last_at": [row.last_at for row in rows],
        "papers": [row.papers for row in rows],
        "releases": [row.releases for row in rows],
        "phases": [row.phase for row in rows],
    }


def _fold(changes: dict[str, _Change], event: object) -> None:
    """Add one event to the changes of its page."""
    match event:
        case BookingStarted():
            begun = changes.setdefault(event.booking_id, _Change())
            begun.store_id, begun.last_at = event.store_id, event.started_at
        case BookingAborted():
            changes.setdefault(event.booking_id, _Change()).aborted = True
        case BookingRecorded() | TrainingRecorded():
            recorded = changes.setdefault(event.booking_id, _Change())
            recorded.last_at, recorded.phase = event.recorded_at, "recorded"
            recorded.papers += len(papers_of(event))
        case CashMoved() | TillClosed() | BookingOrdered():
            if papers := papers_of(event):
                moved = changes.setdefault(event.booking_id, _Change(event.store_id))
                moved.last_at, moved.phase = event.recorded_at, "recorded"
                moved.papers += len(papers)
        case ReceiptQueued():
            queued = changes.setdefault(event.booking_id, _Change())
            queued.papers, queued.settled = queued.papers - 1, True
        case PaymentReleased():
            released = changes.setdefault(event.booking_id, _Change())
            released.releases, released.settled = released.releases - 1, True
        case PaymentReopened() | PaymentRefused():
            _refused(changes.setdefault(event.booking_id, _Change()), event)
        case PaymentWithdrawn():
            withdrawn = changes.setdefault(event.booking_id, _Change())
            withdrawn.releases += int(event.hold_id is not None)
            withdrawn.last_at = event.withdrawn_at
        case LineVoided() | LineChanged() | LineGivenBack() | BookingParked() | BookingResumed():
            _edited(changes.setdefault(event.booking_id, _Change()), event)
        case LinesAdded():
            changes.setdefault(event.booking_id, _Change()).last_at = event.added_at
        case LinePrepared():
            changes.setdefault(event.booking_id, _Change()).last_at = event.prepared_at
        case LineRefused():
            changes.setdefault(event.booking_id, _Change()).last_at = event.refused_at
        case PaymentAccepted():
            changes.setdefault(event.booking_id, _Change()).last_at = event.accepted_at
        case PaymentRequested():
            changes.setdefault(event.booking_id, _Change()).last_at = event.requested_at
        case PaymentHeld():
            changes.setdefault(event.booking_id, _Change()).last_at = event.held_at
        case _:
            return


def _edited(
    change: _Change,
    event: LineVoided | LineChanged | LineGivenBack | BookingParked | BookingResumed,
) -> None:
    """What people did to an open sale."""
    match event:
        case LineVoided():
            change.releases, change.last_at = change.releases + event.give_back, event.voided_at
        case LineGivenBack():
            change.releases, change.settled = change.releases - 1, True
        case LineChanged():
            change.last_at = event.changed_at
        case BookingParked():
            change.last_at = event.parked_at
        case BookingResumed():
            change.last_at = event.resumed_at


def _refused(change: _Change, event: PaymentReopened | PaymentRefused) -> None:
    if isinstance(event, PaymentReopened):
        change.releases, change.last_at = change.releases + 1, event.reopened_at
    else:
        change.releases += int(event.release_due)
        change.last_at = event.refused_at
