"""From jobs to intents, and to the verdicts for which no device is needed."""

from __future__ import annotations

from collections.abc import Sequence

from events import Event, Take
from fiscal_signer.commands import Job, RequestSignatures
from fiscal_signer.decider.closings import closing_of
from fiscal_signer.decider.state import Segment
from fiscal_signer.events import (
    LeftUnsigned,
    Orphan,
    SignatureNotStarted,
    SignaturesRequested,
    Step,
)

STEPS_MAX = 320
"""Steps of one request; keeps its event below half of `EVENT_BYTES_MAX`, and lets the receiver's
`BATCH_MAX` records be one request."""

ABANDON_PER_REQUEST_MAX = 16
"""Left-over transactions end in small portions, so that no sale waits for many of them."""


PORTION_BYTES_MAX = 24 * 1024
"""Process data of one request. Orders may be long; a request is one event."""

_JOBS_MAX = (STEPS_MAX - ABANDON_PER_REQUEST_MAX) // 3
"""A job takes three steps at most."""


def portions(jobs: Sequence[Job]) -> list[tuple[Job, ...]]:
    """Jobs cut into requests that keep to `STEPS_MAX` and `PORTION_BYTES_MAX`. A closing is one by
    itself: whatever came before it has its answer then."""
    found: list[tuple[Job, ...]] = []
    portion: list[Job] = []
    size = 0
    for job in jobs:
        weight = len(job.process.data) if job.process else 0
        full = len(portion) == _JOBS_MAX or size + weight > PORTION_BYTES_MAX
        if portion and (full or "closing" in (job.kind, portion[-1].kind)):
            found.append(tuple(portion))
            portion, size = [], 0
        portion.append(job)
        size += weight
    return [*found, tuple(portion)] if portion else found


class Plan:
    """Jobs → steps for the device, and verdicts that need none. Keeps the jobs' order."""

    def __init__(self, command: RequestSignatures, segment: Segment) -> None:
        self._command = command
        self._segment = segment
        self._steps: list[Step] = []
        self._verdicts: list[Event] = []
        self._clients = set(segment.clients)
        self._started = set(segment.open)
        self._begun: set[str] = set()
        self._judged: set[str] = set()

    def events(self) -> Sequence[Event]:
        if self._segment.outage is None:
            for left in self._left_over():
                self._abandon(left)
        for job in self._command.jobs:
            self._add(job)
        if not self._steps:
            return self._verdicts
        assert len(self._steps) <= STEPS_MAX  # handlers.py cuts the jobs into portions.
        requested = SignaturesRequested(
            tse_id=self._segment.tse_id,
            store_id=self._segment.store_id,
            request_id=self._command.request_id,
            steps=tuple(self._steps),
            requested_at=self._command.now,
        )
        return [*self._verdicts, requested]

    def _add(self, job: Job) -> None:
        match job.kind:
            case "register":
                if self._segment.outage is None:
                    self._register(job)
            case "start":
                self._begin(job)
            case "receipt" | "abort" | "closing":
                self._end(job)

    def _left_over(self) -> Sequence[Orphan]:
        """What is ended before the jobs: some of what lost its booking, and before a closing all
        that is open on its till's client."""
        orphans = list(self._segment.orphans.values())
        closing = {job.client_id for job in self._command.jobs if job.kind == "closing"}
        if not closing:
            return orphans[:ABANDON_PER_REQUEST_MAX]
        open_ = [
            Orphan(
                transaction_number=entry.transaction_number,
                client_id=entry.client_id,
                booking_id=entry.booking_id,
            )
            for entry in self._segment.open.values()
        ]
        of_client = [one for one in (*orphans, *open_) if one.client_id in closing]
        return of_client[: STEPS_MAX - 3]

    def _register(self, job: Job) -> None:
        if job.client_id in self._clients:
            return
        self._clients.add(job.client_id)
        self._steps.append(
            Step(
                step_id=f"{job.client_id}/register",
                operation="register",
                purpose="client",
                client_id=job.client_id,
            )
        )

    def _begin(self, job: Job) -> None:
        if job.booking_id in self._started or job.booking_id in self._begun:
            return
        if job.booking_id in self._judged:
            return
        self._begun.add(job.booking_id)
        if self._segment.outage or job.refusal:
            self._not_started(job, job.refusal or "outage")
            return
        self._start_step(job, purpose="start")

    def _not_started(self, job: Job, reason: str) -> None:
        self._verdicts.append(
            SignatureNotStarted(
                booking_id=job.booking_id,
                store_id=self._segment.store_id,
                till_id=job.till_id,
                tse_id=self._segment.tse_id,
                client_id=job.client_id,
                reason=reason,
            )
        )

    def _take_back_start(self, job: Job, reason: str) -> None:
        """A booking that begins and is judged unsigned in one request is not begun at all: its
        transaction would stay open on the device, and nobody would know of it."""
        step_id = f"{job.booking_id}/start"
        kept = [step for step in self._steps if step.step_id != step_id]
        if len(kept) < len(self._steps):
            self._steps = kept
            self._not_started(job, reason)

    def _start_step(self, job: Job, *, purpose: str) -> None:
        self._register(job)
        self._started.add(job.booking_id)
        self._steps.append(
            Step.model_validate(
                {
                    "step_id": f"{job.booking_id}/start",
                    "operation": "start",
                    "purpose": purpose,
                    "client_id": job.client_id,
                    "booking_id": job.booking_id,
                    "till_id": job.till_id,
                    "sign_by": job.sign_by,
                }
            )
        )

    def _end(self, job: Job) -> None:
        if job.booking_id in self._judged:
            return
        self._judged.add(job.booking_id)
        refusal = self._refusal(job)
        if refusal or job.process is None:
            self._take_back_start(job, refusal or "malformed")
            unsigned = self._left_unsigned(job, refusal or "malformed")
            self._verdicts.append(unsigned)
            if job.kind == "closing":
                now = self._command.now
                self._verdicts.append(closing_of(unsigned, job.z_number, now=now))
            return
        begun = self._segment.open.get(job.booking_id)
        if job.booking_id not in self._started or (
            # The till changed its serial number in the middle: the device would refuse.
            begun is not None and begun.client_id != job.client_id
        ):
            begun = None
            self._start_step(job, purpose=job.kind)
        self._steps.append(
            Step.model_validate(
                {
                    "step_id": f"{job.booking_id}/finish",
                    "operation": "finish",
                    "purpose": job.kind,
                    "client_id": job.client_id,
                    "booking_id": job.booking_id,
                    "till_id": job.till_id,
                    "transaction_number": begun.transaction_number if begun else None,
                    "process_type": job.process.type,
                    "process_data": job.process.data,
                    "sign_by": job.sign_by,
                    "z_number": job.z_number,
                }
            )
        )

    def _refusal(self, job: Job) -> str:
        if job.refusal:
            return job.refusal
        if job.sign_by is not None and self._command.now > job.sign_by:
            return "too_late"
        return "outage" if self._segment.outage else ""

    def _left_unsigned(self, job: Job, reason: str) -> LeftUnsigned:
        outage = self._segment.outage
        return LeftUnsigned(
            booking_id=job.booking_id,
            store_id=self._segment.store_id,
            till_id=job.till_id,
            tse_id=self._segment.tse_id,
            client_id=job.client_id,
            reason=reason,
            detail=job.detail or (outage.reason if outage and reason == "outage" else ""),
            outage_id=outage.outage_id if outage else None,
            process_type=job.process.type if job.process else "",
            process_data=job.process.data if job.process else "",
            aborted=job.kind == "abort",
            decided_at=self._command.now,
        )

    def _abandon(self, orphan: Orphan) -> None:
        self._steps.append(
            Step(
                step_id=f"{orphan.transaction_number}/abandon",
                operation="finish",
                purpose="abandon",
                client_id=orphan.client_id,
                booking_id=orphan.booking_id,
                transaction_number=orphan.transaction_number,
                process_type=self._command.abandoned.type,
                process_data=self._command.abandoned.data,
            )
        )


def claims_of(events: Sequence[Event], owner: str) -> tuple[Take, ...]:
    """The unique keys of a request: a booking is started once and judged once, over all TSEs and
    segments. `owner` is new for each request, so a job that comes again finds its key taken."""
    claims: list[Take] = []
    for event in events:
        if isinstance(event, SignaturesRequested):
            claims += [Take(claim, owner) for step in event.steps if (claim := _claim(step))]
        elif isinstance(event, LeftUnsigned):
            claims.append(Take(verdict_claim(event.booking_id), owner))
        elif isinstance(event, SignatureNotStarted):
            claims.append(Take(start_claim(event.booking_id), owner))
    return tuple(claims)


def verdict_claim(booking_id: str) -> str:
    return f"verdict:{booking_id}"


def start_claim(booking_id: str) -> str:
    return f"start:{booking_id}"


def _claim(step: Step) -> str:
    if step.operation == "start" and step.purpose == "start":
        return start_claim(step.booking_id)
    if step.operation == "finish" and step.purpose in ("receipt", "abort", "closing"):
        return verdict_claim(step.booking_id)
    return ""
