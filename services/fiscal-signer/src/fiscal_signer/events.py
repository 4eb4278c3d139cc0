"""What the signer records. Streams: `tse-{id}` (what the device is, and its segments),
`tse-{id}/{segment}` (what it signed), `tse-{id}/upkeep` (how it is), `tse-{id}/read` (what its
exports added), `unsigned-{store}` (bookings that name no TSE of ours)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from events import Event, Registry, event_type

Verdict = Literal["signed", "unsigned"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


@event_type("tse.initialized")
class TseInitialized(Event):
    """A device came into use. Its key never changes; another key is another TSE."""

    tse_id: str
    store_id: str
    kind: str
    certified: bool
    serial: str
    """64 hex digits: SHA-256 over the key's point."""
    public_key: str
    """base64 of the uncompressed point."""
    algorithm: str
    time_format: str
    certificate: str | None = None
    """base64 of the DER."""
    initialized_at: datetime


class OpenTransaction(_Part):
    """A transaction that was started for a booking and has no end yet."""

    booking_id: str
    till_id: str
    client_id: str
    transaction_number: int
    start_time: datetime


class Orphan(_Part):
    """A transaction that is open on the device and will carry no booking."""

    transaction_number: int
    client_id: str
    booking_id: str = ""


@event_type("tse.segment_opened")
class SegmentOpened(Event):
    """The device's signatures go on in stream `tse-{tse_id}/{segment}`. Carries everything that
    went before, so that a takeover reads one segment and never the years behind it."""

    tse_id: str
    store_id: str
    segment: int
    epoch: int
    counter: int
    transaction: int
    clients: tuple[str, ...] = ()
    open: tuple[OpenTransaction, ...] = ()
    orphans: tuple[Orphan, ...] = ()
    opened_at: datetime


@event_type("tse.segment_closed")
class SegmentClosed(Event):
    """Nothing may follow in this stream: whoever still writes here has been overtaken."""

    tse_id: str
    segment: int


@event_type("tse.taken_over")
class TakenOver(Event):
    """A process began to drive the device. It moves the stream's version, which is what keeps a
    process with an older epoch from recording anything, its intents included."""

    tse_id: str
    store_id: str
    epoch: int
    taken_at: datetime


@event_type("tse.client_registered")
class ClientRegistered(Event):
    """A till is known to the TSE by its serial number."""

    tse_id: str
    store_id: str
    client_id: str
    signature_counter: int | None = None
    """None: the device knew the client before and signed nothing now."""
    log_message: str = ""
    registered_at: datetime


@event_type("tse.client_refused")
class ClientRefused(Event):
    """The device does not take another client, or not this one."""

    tse_id: str
    store_id: str
    client_id: str
    reason: str


class Step(_Part):
    """One thing that the device was asked to do."""

    step_id: str
    """Unique in its request: `{booking_id}/start`."""
    operation: Literal["register", "start", "finish"]
    purpose: Literal["client", "start", "receipt", "abort", "abandon", "closing"]
    """Why: a `start` may serve a booking that begins or one that is already recorded."""
    client_id: str
    booking_id: str = ""
    till_id: str = ""
    transaction_number: int | None = None
    """Of a finish; None: the number that this request's start brings."""
    process_type: str = ""
    process_data: str = ""
    sign_by: datetime | None = None
    z_number: int | None = None
    """Of a closing."""


@event_type("signature.requested")
class SignaturesRequested(Event):
    """The intent, recorded before the device is called. While one is unanswered there is no
    other: after a crash the device is asked what became of exactly these steps."""

    tse_id: str
    store_id: str
    request_id: str
    steps: tuple[Step, ...]
    requested_at: datetime


@event_type("signature.started")
class SignatureStarted(Event):
    """The TSE began the transaction of a booking and gave it its number."""

    booking_id: str
    store_id: str
    till_id: str
    tse_id: str
    client_id: str
    transaction_number: int
    signature_counter: int
    start_time: datetime
    value: str
    """base64 of r‖s."""
    log_message: str
    """base64, as the device stored it."""


@event_type("signature.not_started")
class SignatureNotStarted(Event):
    """The start of a booking found no working device. Its end is tried again, and the verdict
    falls there."""

    booking_id: str
    store_id: str
    till_id: str
    tse_id: str
    client_id: str
    reason: str


@event_type("signature.made")
class SignatureMade(Event):
    """The verdict `signed`. Everything a receipt needs, as the device returned it."""

    booking_id: str
    store_id: str
    till_id: str
    tse_id: str
    tse_serial: str
    certified: bool
    client_id: str
    transaction_number: int
    signature_counter: int
    start_time: datetime
    log_time: datetime
    process_type: str
    process_data: str
    algorithm: str
    time_format: str
    value: str
    """base64 of r‖s."""
    public_key: str
    qr: str
    log_message: str
    """base64, as the device stored it."""
    aborted: bool = False
    """True: the transaction of a booking that was given up (AVBelegabbruch)."""


@event_type("signature.left_unsigned")
class LeftUnsigned(Event):
    """The verdict `unsigned`. Final: a missed booking is never signed later."""

    booking_id: str
    store_id: str
    till_id: str
    tse_id: str
    client_id: str
    reason: str
    """`outage`, `too_late`, `malformed`, a code of `ProcessDataRefused` or of `TseError`."""
    detail: str = ""
    outage_id: str | None = None
    process_type: str
    process_data: str
    aborted: bool = False
    decided_at: datetime


@event_type("closing.signed")
class ClosingSigned(Event):
    """The verdict on a closing, told once more with its Z number, in the same append as the
    verdict itself. Whatever was open for this till's client before is over."""

    closing_id: str
    """The `booking_id` of its verdict."""
    store_id: str
    till_id: str
    z_number: int | None
    """None: it could not be read."""
    tse_id: str
    client_id: str
    verdict: Verdict
    transaction_number: int | None = None
    signature_counter: int | None = None
    log_time: datetime | None = None
    outage_id: str | None = None
    decided_at: datetime


@event_type("signature.abandoned")
class TransactionAbandoned(Event):
    """A transaction without a booking, or one that was open at a closing, was ended on the device
    as AVBelegabbruch, or the device knew it no longer."""

    tse_id: str
    store_id: str
    booking_id: str
    client_id: str
    transaction_number: int
    signature_counter: int | None = None
    """None: the device refused, `reason` says why; the transaction is not tried again."""
    reason: str = ""
    log_message: str = ""


@event_type("signature.surplus")
class SignatureSurplus(Event):
    """The device signed something that no verdict stands on: late, or by a process that was
    overtaken, or a system operation of its own. Kept, so that every counter is explained."""

    tse_id: str
    store_id: str
    booking_id: str = ""
    """Empty: nobody knows which booking it was meant for."""
    reason: Literal["too_late", "unexplained", "system"]
    operation: str
    client_id: str
    transaction_number: int | None = None
    signature_counter: int
    log_time: datetime
    log_message: str


@event_type("outage.began")
class OutageBegan(Event):
    """A TSE does not sign (AEAO to § 146a, 1.14.1: start and reason). Selling goes on; receipts
    carry the outage mark until it ends."""

    outage_id: str
    tse_id: str
    store_id: str
    reason: str
    began_at: datetime


@event_type("outage.ended")
class OutageEnded(Event):
    """The TSE signs again. What was left unsigned stays so: nothing is signed late."""

    outage_id: str
    tse_id: str
    store_id: str
    ended_at: datetime


@event_type("signature.surplus_read")
class SurplusRead(Event):
    """The bytes of a log message of which only the counter was known (`signature.surplus`,
    operation `unread`): an export of the device held them. The earlier entry stands as it is."""

    tse_id: str
    store_id: str
    signature_counter: int
    kind: Literal["transaction", "system", "audit"]
    operation: str
    """Empty where its kind has none."""
    client_id: str = ""
    log_time: datetime
    log_message: str
    """base64, as the device stored it."""
    read_at: datetime


@event_type("tse.checked")
class TseChecked(Event):
    """A look at a device, away from any sale, about once a day. Its chores (self-test, time) left
    log messages of their own."""

    tse_id: str
    store_id: str
    done: tuple[Literal["self_test", "time", "export", "delete"], ...]
    """The chores that went well."""
    failed: tuple[Literal["self_test", "time", "export", "delete"], ...] = ()
    detail: str = ""
    """Why a chore failed: a code of `TseError`."""
    drift_ms: int | None = None
    """Its clock against ours; above 0: it is ahead."""
    certificate_until: datetime | None = None
    signatures: int
    """Made so far."""
    signatures_max: int | None = None
    storage_used: int | None = None
    storage_max: int | None = None
    checked_at: datetime


WarningName = Literal[
    "certificate_expires", "storage_fills", "signatures_run_out", "time_drifts",
    "self_test_failed", "export_overdue", "outage",
]  # fmt: skip


@event_type("tse.warned")
class TseWarned(Event):
    """Somebody has to look after a device. Said again with each higher stage."""

    tse_id: str
    store_id: str
    warning: WarningName
    stage: int = 1
    """How urgent: 1, 2, 3."""
    detail: str
    since: datetime
    """When its first stage was noticed."""
    until: datetime | None = None
    """When it will be too late, where that is known."""


@event_type("tse.warning_ended")
class TseWarningEnded(Event):
    """What was warned of is over."""

    tse_id: str
    store_id: str
    warning: WarningName
    ended_at: datetime


@event_type("signature.unreadable")
class RecordUnreadable(Event):
    """An event of the gateway that names no booking that could be read. None of its content is
    kept here; it stands in the gateway's log under `event_id`."""

    event_id: str
    foreign_name: str
    subject: str
    store_key: str
    error: str


ExportKind = Literal["dsfinvk", "tar", "report_146a"]


@event_type("export.requested")
class ExportRequested(Event):
    """Somebody wants an export of closings from `begin` to `end`. Stream `export-{export_id}`."""

    export_id: str
    kind: ExportKind
    store_ids: tuple[str, ...]
    """Empty: all. So with tills."""
    till_ids: tuple[str, ...]
    begin: date
    end: date
    journal_position: int
    """Nothing that was kept later is in it: the same request makes the same bytes."""
    requested_by: str
    requested_at: datetime


@event_type("export.created")
class ExportCreated(Event):
    """The export is there. Whoever holds a file can prove by its hash that it is this one."""

    export_id: str
    kind: ExportKind
    store_ids: tuple[str, ...]
    till_ids: tuple[str, ...]
    begin: date
    end: date
    sha256: str
    bytes: int
    rows: int
    """Of all tables."""
    closings: int
    differences: int
    """Sums of closings that are not those of their processes; each stands in the report inside."""
    requested_by: str
    created_at: datetime
    journal_position: int


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
