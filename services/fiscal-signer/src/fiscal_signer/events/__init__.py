"""What the signer records. Streams: `tse-{id}` (what the device is, and its segments),
`tse-{id}/{segment}` (what it signed), `tse-{id}/upkeep` (how it is), `tse-{id}/read` (what its
exports added), `unsigned-{store}` (bookings that name no TSE of ours)."""

from __future__ import annotations

from events import Registry
from fiscal_signer.events.device import (
    ClientRefused,
    ClientRegistered,
    OpenTransaction,
    Orphan,
    SegmentClosed,
    SegmentOpened,
    TakenOver,
    TseInitialized,
)
from fiscal_signer.events.exports import (
    ExportCreated,
    ExportKind,
    ExportRequested,
)
from fiscal_signer.events.parts import Verdict
from fiscal_signer.events.signing import (
    ClosingSigned,
    LeftUnsigned,
    OutageBegan,
    OutageEnded,
    RecordUnreadable,
    SignatureMade,
    SignatureNotStarted,
    SignaturesRequested,
    SignatureStarted,
    SignatureSurplus,
    Step,
    SurplusRead,
    TransactionAbandoned,
)
from fiscal_signer.events.upkeep import (
    TseChecked,
    TseWarned,
    TseWarningEnded,
    WarningName,
)

SegmentEvent = (
    SegmentClosed | TakenOver | ClientRegistered | ClientRefused | SignaturesRequested
    | SignatureStarted | SignatureNotStarted | SignatureMade | LeftUnsigned
    | TransactionAbandoned | SignatureSurplus | OutageBegan | OutageEnded | ClosingSigned
)  # fmt: skip
"""What may stand in a segment."""

REGISTRY = Registry(
    TseInitialized, SegmentOpened, SegmentClosed, TakenOver, ClientRegistered, ClientRefused,
    SignaturesRequested, SignatureStarted, SignatureNotStarted, SignatureMade, LeftUnsigned,
    TransactionAbandoned, SignatureSurplus, OutageBegan, OutageEnded, RecordUnreadable,
    ClosingSigned, ExportRequested, ExportCreated,
    SurplusRead, TseChecked, TseWarned, TseWarningEnded,
)  # fmt: skip

__all__ = [
    "REGISTRY",
    "ClientRefused",
    "ClientRegistered",
    "ClosingSigned",
    "ExportCreated",
    "ExportKind",
    "ExportRequested",
    "LeftUnsigned",
    "OpenTransaction",
    "Orphan",
    "OutageBegan",
    "OutageEnded",
    "RecordUnreadable",
    "SegmentClosed",
    "SegmentEvent",
    "SegmentOpened",
    "SignatureMade",
    "SignatureNotStarted",
    "SignatureStarted",
    "SignatureSurplus",
    "SignaturesRequested",
    "Step",
    "SurplusRead",
    "TakenOver",
    "TransactionAbandoned",
    "TseChecked",
    "TseInitialized",
    "TseWarned",
    "TseWarningEnded",
    "Verdict",
    "WarningName",
]
