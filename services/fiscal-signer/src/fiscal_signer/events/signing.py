"""What a device was asked for, what came of it, and the verdicts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from events import Event, event_type
from fiscal_signer.events.parts import Part, Verdict


class Step(Part):
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


@event_type("signature.unreadable")
class RecordUnreadable(Event):
    """An event of the gateway that names no booking that could be read. None of its content is
    kept here; it stands in the gateway's log under `event_id`."""

    event_id: str
    foreign_name: str
    subject: str
    store_key: str
    error: str
