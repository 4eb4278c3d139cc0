"""What a segment of a TSE is told. Ids and time come in with the command."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from fiscal_signer.ports import Signed


@dataclass(frozen=True, slots=True)
class Process:
    """What is handed to the TSE when a transaction is finished."""

    type: str
    data: str


@dataclass(frozen=True, slots=True)
class Job:
    """What one event of the gateway asks for."""

    job_id: str
    """The foreign event's id."""
    kind: Literal["register", "start", "receipt", "abort", "closing"]
    """`receipt`: any process of a till that is over and whole, trainings, orders and cash moves
    too. `closing`: the end of a shift, before which nothing of its till may stay open."""
    client_id: str
    booking_id: str = ""
    till_id: str = ""
    process: Process | None = None
    sign_by: datetime | None = None
    refusal: str = ""
    """Why it can never be signed (a stable code); empty: it can."""
    detail: str = ""
    z_number: int | None = None
    """Of a closing."""


@dataclass(frozen=True, slots=True)
class TakeOver:
    epoch: int
    now: datetime


@dataclass(frozen=True, slots=True)
class RequestSignatures:
    """Turn jobs into intents, and into verdicts where no device is needed."""

    epoch: int
    request_id: str
    jobs: tuple[Job, ...]
    abandoned: Process
    """With what a transaction without a booking is ended."""
    now: datetime


@dataclass(frozen=True, slots=True)
class Done:
    """What the device did for a step, with the mark that the receipt would carry."""

    signed: Signed
    qr: str = ""
    start_time: datetime | None = None
    """Of a finish: when its transaction began."""


@dataclass(frozen=True, slots=True)
class NotDone:
    """The device refused the step for good, or (`code` empty) had nothing to do for it."""

    code: str = ""


@dataclass(frozen=True, slots=True)
class Outage:
    outage_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Identity:
    """What every signature repeats about its device."""

    serial: str
    certified: bool
    algorithm: str
    time_format: str
    public_key: str


@dataclass(frozen=True, slots=True)
class RecordAnswers:
    """What came of the open request. With `outage`, what has no answer is left unsigned;
    without it every step must have one. `surplus` are logs that belong to no step."""

    epoch: int
    identity: Identity | None
    """None only where nothing was signed."""
    now: datetime
    answers: dict[str, Done | NotDone] = field(default_factory=dict)
    surplus: tuple[Signed, ...] = ()
    outage: Outage | None = None


@dataclass(frozen=True, slots=True)
class EndOutage:
    """The device answers again; `surplus` is what it did while we did not hear it."""

    epoch: int
    now: datetime
    surplus: tuple[Signed, ...] = ()


@dataclass(frozen=True, slots=True)
class CloseSegment:
    epoch: int


SegmentCommand = TakeOver | RequestSignatures | RecordAnswers | EndOutage | CloseSegment
