"""What is noted of a booking once it is recorded: verdict and papers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from device_gateway.commands.tills import (
    AcceptClock as AcceptClock,
)
from device_gateway.commands.tills import (
    DeclareStore as DeclareStore,
)
from device_gateway.commands.tills import (
    DeclareUnattended as DeclareUnattended,
)
from device_gateway.commands.tills import (
    OfferPairing as OfferPairing,
)
from device_gateway.commands.tills import (
    PairTill as PairTill,
)
from device_gateway.commands.tills import (
    RevokeTill as RevokeTill,
)
from device_gateway.commands.tills import (
    RollToken as RollToken,
)
from device_gateway.events import PaperKind, VerdictReceived


@dataclass(frozen=True, slots=True)
class NoteVerdict:
    verdict: VerdictReceived


@dataclass(frozen=True, slots=True)
class NoteOverdue:
    booking_id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class NoteQueued:
    booking_id: str
    job_id: str
    document: PaperKind
    now: datetime


@dataclass(frozen=True, slots=True)
class NotePrinted:
    """From the printing room: the printer has the job."""

    booking_id: str
    printer_id: str
    job_id: str
    is_copy: bool
    now: datetime
