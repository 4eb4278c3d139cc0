"""The gateway's events → what they ask of a TSE. Pure.

Nothing is ever dropped here: what can't be signed becomes a job with a refusal (and so a verdict
`unsigned` with its reason), and what names no booking becomes an entry of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from events.reaction import Incoming
from fiscal_signer.commands import Job, Process
from fiscal_signer.country import Country, ProcessDataRefused
from fiscal_signer.foreign import (
    BookingAborted,
    BookingOrdered,
    BookingRecorded,
    BookingStarted,
    CashMoved,
    Ended,
    Named,
    TillClosed,
    TillOpened,
    TillPaired,
    TrainingRecorded,
    named,
)

E = TypeVar("E", bound=Ended)

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
    kind: str
    """As of a job."""
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
        kind, detail = (job.kind, job.detail) if job is not None else ("receipt", "")
        return ForNobody(ids, kind, reason, detail)
    if job is None or (job.kind != "register" and not ids.booking_id):
        return Unreadable(job.detail if job is not None else "nothing to do for this event")
    if job.kind == "register" and job.refusal:
        return Unreadable(job.detail)
    return ForTse(ids.tse_id, job)


def _read(record: Incoming, assignments: Mapping[str, Assignment]) -> tuple[Named, Job | None]:
    reader = _READERS.get(record.name)
    if reader is None:
        return named(document_of(record)), None
    try:
        return reader(record, assignments)
    except ValidationError as misfit:
        return _malformed(record, misfit)


_Reader = Callable[[Incoming, Mapping[str, Assignment]], tuple[Named, Job]]


def _paired(model: type[TillPaired]) -> _Reader:
    """Whenever a till is paired or opened, its TSE learns to know it."""

    def read(record: Incoming, assignments: Mapping[str, Assignment]) -> tuple[Named, Job]:
        till = record.read(model)
        ids = Named(store_id=till.store_id, till_id=till.till_id, tse_id=till.tse_id)
        job_id = str(record.event_id)
        return ids, Job(job_id=job_id, kind="register", client_id=till.client_id)

    return read


def _started(record: Incoming, assignments: Mapping[str, Assignment]) -> tuple[Named, Job]:
    started = record.read(BookingStarted)
    return _ids(started), Job(
        job_id=str(record.event_id),
        kind="start",
        client_id=started.client_id,
        booking_id=started.booking_id,
        till_id=started.till_id,
    )


def _ended(
    model: type[E], process_of: Callable[[Country, E], Process], kind: Any = "receipt"
) -> _Reader:
    """Whenever a process of a till is over, its transaction ends with what it was."""

    def read(record: Incoming, assignments: Mapping[str, Assignment]) -> tuple[Named, Job]:
        ended = record.read(model)
        process, refusal, detail = None, "", ""
        assignment = assignments.get(ended.tse_id)
        if assignment is not None:
            try:
                process = process_of(assignment.country, ended)
            except ProcessDataRefused as refused:
                refusal, detail = refused.code, str(refused)[:DETAIL_MAX]
        ids = _ids(ended)
        return ids, Job(
            job_id=str(record.event_id),
            kind=kind,
            client_id=ended.client_id,
            booking_id=ended.booking_id,
            till_id=ended.till_id,
            process=process,
            sign_by=ended.sign_by,
            refusal=refusal,
            detail=detail,
            z_number=ids.z_number,
        )

    return read


def _ids(booking: BookingStarted) -> Named:
    return Named(
        booking_id=booking.booking_id,
        store_id=booking.store_id,
        till_id=booking.till_id,
        tse_id=booking.tse_id,
        client_id=booking.client_id,
        z_number=booking.z_number if isinstance(booking, TillClosed) else None,
    )


_READERS: Mapping[str, _Reader] = {
    "till.paired": _paired(TillPaired),
    "till.opened": _paired(TillOpened),
    "booking.started": _started,
    "booking.recorded": _ended(BookingRecorded, lambda country, each: country.receipt(each)),
    "booking.aborted": _ended(BookingAborted, lambda country, _: country.aborted(), "abort"),
    "booking.ordered": _ended(BookingOrdered, lambda country, each: country.order(each)),
    "training.recorded": _ended(TrainingRecorded, lambda country, each: country.training(each)),
    "cash.moved": _ended(CashMoved, lambda country, each: country.cash(each)),
    "till.closed": _ended(TillClosed, lambda country, each: country.closing(each), "closing"),
}

_KIND_BY_NAME: Mapping[str, Any] = {
    "till.paired": "register",
    "till.opened": "register",
    "booking.started": "start",
    "booking.aborted": "abort",
    "till.closed": "closing",
}
"""What an event asks for that can't be read; all others: a receipt."""

HEARD = frozenset(_READERS)
"""The events of topic `device-gateway` that the signer acts on."""


def _malformed(record: Incoming, misfit: ValidationError) -> tuple[Named, Job]:
    """The ids that can be read, and a job that says what was wrong: places and kinds of the
    faults, never the values (they may be anything)."""
    ids = named(document_of(record))
    faults = [f"{'.'.join(map(str, one['loc']))}: {one['type']}" for one in misfit.errors()[:5]]
    return ids, Job(
        job_id=str(record.event_id),
        kind=_KIND_BY_NAME.get(record.name, "receipt"),
        client_id=ids.client_id,
        booking_id=ids.booking_id,
        till_id=ids.till_id,
        refusal="malformed",
        detail="; ".join(faults)[:DETAIL_MAX],
        z_number=ids.z_number,
    )
