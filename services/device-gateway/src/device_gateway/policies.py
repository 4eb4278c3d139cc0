"""What the gateway does about the signer's events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import ValidationError

from device_gateway.commands.shifts import NoteOutage
from device_gateway.events import VerdictReceived
from device_gateway.foreign import (
    AboutBooking,
    OutageBegan,
    OutageEnded,
    SignatureLeftUnsigned,
    SignatureMade,
)
from device_gateway.handlers.closings import note_outage
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.verdicts import note_verdict
from events.reaction import Incoming, Reaction

SIGNER = "fiscal-signer"
VERDICTS = frozenset({"signature.made", "signature.left_unsigned"})
OUTAGES = frozenset({"outage.began", "outage.ended"})


def signed(made: SignatureMade, *, now: datetime) -> VerdictReceived:
    """A signature becomes the booking's verdict, value for value."""
    return VerdictReceived(
        verdict="signed", received_at=now, decided_at=made.log_time, **made.model_dump()
    )


def unsigned(left: SignatureLeftUnsigned, *, now: datetime) -> VerdictReceived:
    """The signer decided that this booking stays without a signature, and why."""
    return VerdictReceived(verdict="unsigned", received_at=now, **left.model_dump())


def verdict_of(record: Incoming, *, now: datetime) -> VerdictReceived:
    """Raises pydantic's `ValidationError` for a record that does not fit: parked."""
    if record.name == "signature.made":
        return signed(record.read(SignatureMade), now=now)
    return unsigned(record.read(SignatureLeftUnsigned), now=now)


def outage_of(record: Incoming) -> NoteOutage:
    """Raises pydantic's `ValidationError` for a record that does not fit: parked."""
    if record.name == "outage.began":
        began = record.read(OutageBegan)
        return NoteOutage(
            began.store_id, began.tse_id, began.outage_id, over=False, at=began.began_at
        )
    ended = record.read(OutageEnded)
    return NoteOutage(ended.store_id, ended.tse_id, ended.outage_id, over=True, at=ended.ended_at)


def lane(record: Incoming) -> str:
    """A booking: one malformed record never holds up another sale's receipt. Of outages the TSE."""
    try:
        return record.read(AboutBooking).booking_id
    except ValidationError:
        return record.subject


def verdicts(gateway: Gateway) -> Reaction:
    """Every verdict reaches its booking, and then the paper. An outage is kept with the store: the
    next shift of a till may sign elsewhere."""

    async def handle(records: Sequence[Incoming]) -> None:
        for record in records:
            if record.name in OUTAGES:
                outage = outage_of(record)
                await note_outage(gateway, outage, ask=record.ask("note_outage", outage.tse_id))
                continue
            verdict = verdict_of(record, now=gateway.clock())
            await note_verdict(gateway, verdict, ask=record.ask("note_verdict", verdict.booking_id))

    return Reaction(
        name="device-gateway-verdicts",
        topic=SIGNER,
        events=VERDICTS | OUTAGES,
        lane=lane,
        handle=handle,
    )
