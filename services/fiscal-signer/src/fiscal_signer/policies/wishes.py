"""The gateway's events → what they ask of a TSE. Pure.

Nothing is ever dropped here: what can't be signed becomes a job with a refusal (and so a verdict
`unsigned` with its reason), and what names no booking becomes an entry of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from events.reaction import Incoming
from fiscal_signer.commands import Job
from fiscal_signer.country import Country, ProcessDataRefused
from fiscal_signer.foreign import (
    BookingAborted,
    BookingRecorded,
    BookingStarted,
    Named,
    TillPaired,
    named,
)

HEARD = frozenset({"till.paired", "booking.started", "booking.recorded", "booking.aborted"})
"""The events of topic `device-gateway` that the signer acts on."""

DETAIL_MAX = 300


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which TSE a booking names belongs to which store, and whose rules hold there."""

    tse_id: str
    store_id: str
    country: Country


@dataclass(frozen=True, slots=True)
class ForTse:
    """A job for a TSE of ours."""

    tse_id: str
    job: Job


@dataclass(frozen=True, slots=True)
class ForNobody:
    """A booking that names no TSE of its store: it gets its verdict without one."""

    ids: Named
    aborted: bool
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An event that names no booking."""

    error: str


@dataclass(frozen=True, slots=True)
class NotMine:
    """The store's signing place is elsewhere."""


Wish = ForTse | ForNobody | Unreadable | NotMine


def document_of(record: Incoming) -> Mapping[str, Any]:
    """The event's data; empty where it is no JSON object."""
    try:
        document = json.loads(record.data)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def wish_of(
    record: Incoming, assignments: Mapping[str, Assignment], *, elsewhere: frozenset[str]
) -> Wish:
    """What one event asks for. `elsewhere`: stores that another signer signs for."""
    ids, job = _read(record, assignments)
    if ids.store_id in elsewhere:
        return NotMine()
    assignment = assignments.get(ids.tse_id)
    if assignment is None or assignment.store_id != ids.store_id:
        reason = "tse_unknown" if assignment is None else "tse_of_another_store"
        if job is not None and job.kind == "start" and ids.booking_id:
            # A start has no verdict; the booking's end will get one, with this reason.
            return NotMine()
        if not ids.booking_id:
            return Unreadable(job.detail if job is not None and job.detail else reason)
        detail = job.detail if job is not None else ""
        return ForNobody(ids, record.name == "booking.aborted", reason, detail)
    if job is None or (job.kind != "register" and not ids.booking_id):
        return Unreadable(job.detail if job is not None else "nothing to do for this event")
    if job.kind == "register" and job.refusal:
        return Unreadable(job.detail)
    return ForTse(ids.tse_id, job)


def _read(record: Incoming, assignments: Mapping[str, Assignment]) -> tuple[Named, Job | None]:
    job_id = str(record.event_id)
    try:
        match record.name:
            case "till.paired":
                till = record.read(TillPaired)
                ids = Named(store_id=till.store_id, till_id=till.till_id, tse_id=till.tse_id)
                return ids, Job(job_id=job_id, kind="register", client_id=till.client_id)
            case "booking.started":
                started = record.read(BookingStarted)
                return _ids(started), Job(
                    job_id=job_id,
                    kind="start",
                    client_id=started.client_id,
                    booking_id=started.booking_id,
                    till_id=started.till_id,
                )
            case "booking.recorded":
                recorded = record.read(BookingRecorded)
                return _ids(recorded), _receipt(job_id, recorded, assignments)
            case "booking.aborted":
                aborted = record.read(BookingAborted)
                return _ids(aborted), _abort(job_id, aborted, assignments)
    except ValidationError as misfit:
        return _malformed(record, misfit)
    return named(document_of(record)), None


def _ids(booking: BookingStarted | BookingRecorded | BookingAborted) -> Named:
    return Named(
        booking_id=booking.booking_id,
        store_id=booking.store_id,
        till_id=booking.till_id,
        tse_id=booking.tse_id,
        client_id=booking.client_id,
    )


def _receipt(job_id: str, booking: BookingRecorded, assignments: Mapping[str, Assignment]) -> Job:
    """Whenever a booking is recorded, its receipt is signed."""
    process, refusal, detail = None, "", ""
    assignment = assignments.get(booking.tse_id)
    if assignment is not None:
        try:
            process = assignment.country.receipt(booking)
        except ProcessDataRefused as refused:
            refusal, detail = refused.code, str(refused)[:DETAIL_MAX]
    return Job(
        job_id=job_id,
        kind="receipt",
        client_id=booking.client_id,
        booking_id=booking.booking_id,
        till_id=booking.till_id,
        process=process,
        sign_by=booking.sign_by,
        refusal=refusal,
        detail=detail,
    )


def _abort(job_id: str, booking: BookingAborted, assignments: Mapping[str, Assignment]) -> Job:
    """Whenever a booking is given up, its transaction ends as such."""
    assignment = assignments.get(booking.tse_id)
    return Job(
        job_id=job_id,
        kind="abort",
        client_id=booking.client_id,
        booking_id=booking.booking_id,
        till_id=booking.till_id,
        process=assignment.country.aborted() if assignment else None,
        sign_by=booking.sign_by,
    )


_KIND_BY_NAME = {
    "till.paired": "register",
    "booking.started": "start",
    "booking.recorded": "receipt",
    "booking.aborted": "abort",
}


def _malformed(record: Incoming, misfit: ValidationError) -> tuple[Named, Job]:
    """The ids that can be read, and a job that says what was wrong: places and kinds of the
    faults, never the values (they may be anything)."""
    ids = named(document_of(record))
    faults = [f"{'.'.join(map(str, one['loc']))}: {one['type']}" for one in misfit.errors()[:5]]
    kind: Any = _KIND_BY_NAME[record.name]
    return ids, Job(
        job_id=str(record.event_id),
        kind=kind,
        client_id=ids.client_id,
        booking_id=ids.booking_id,
        till_id=ids.till_id,
        refusal="malformed",
        detail="; ".join(faults)[:DETAIL_MAX],
    )
