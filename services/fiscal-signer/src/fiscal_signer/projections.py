"""Read models: the TSEs at a glance, what each signature counter was used for, and the verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from events import Event, Recorded
from events.projection import names_of
from fiscal_signer.events import (
    ClientRegistered,
    LeftUnsigned,
    OutageBegan,
    OutageEnded,
    SegmentOpened,
    SignatureMade,
    SignatureStarted,
    SignatureSurplus,
    SurplusRead,
    TransactionAbandoned,
    TseInitialized,
)

_SEEN = text(
    "INSERT INTO tse_overview (tse_id, store_id) VALUES (:tse_id, :store_id)"
    " ON CONFLICT (tse_id) DO NOTHING"
)
_INITIALIZED = text(
    "UPDATE tse_overview SET kind = :kind, certified = :certified, serial = :serial,"
    " public_key = :public_key, algorithm = :algorithm, time_format = :time_format,"
    " certificate = :certificate, initialized_at = :initialized_at WHERE tse_id = :tse_id"
)
_OUTAGE = text(
    "UPDATE tse_overview SET outage_id = :outage_id, outage_reason = :reason,"
    " outage_began_at = :began_at WHERE tse_id = :tse_id"
)
_READ = text(
    "UPDATE signature_log SET log_message = :log_message, client_id = :client_id"
    " WHERE tse_id = :tse_id AND signature_counter = :signature_counter"
)
# One statement for what every sale brings, whatever the page holds.
_KEPT = text(
    "WITH logged AS (INSERT INTO signature_log (tse_id, signature_counter, purpose, booking_id,"
    " store_id, client_id, transaction_number, log_message)"
    " SELECT * FROM unnest(CAST(:log_tses AS text[]), CAST(:log_counters AS bigint[]),"
    " CAST(:purposes AS text[]), CAST(:log_bookings AS text[]), CAST(:log_stores AS text[]),"
    " CAST(:client_ids AS text[]), CAST(:numbers AS bigint[]), CAST(:messages AS text[]))),"
    " judged AS (INSERT INTO booking_verdict (booking_id, store_id, tse_id, verdict,"
    " signature_counter, document) SELECT booking_id, store_id, tse_id, verdict, counter,"
    " document::json FROM unnest(CAST(:booking_ids AS text[]), CAST(:store_ids AS text[]),"
    " CAST(:tse_ids AS text[]), CAST(:verdicts AS text[]), CAST(:counters AS bigint[]),"
    " CAST(:documents AS text[]))"
    " AS judged(booking_id, store_id, tse_id, verdict, counter, document))"
    " UPDATE tse_overview AS tse SET"
    " signature_counter = greatest(tse.signature_counter, seen.counter),"
    " transaction_number = greatest(tse.transaction_number, seen.number),"
    " signed = tse.signed + seen.signed, unsigned = tse.unsigned + seen.unsigned"
    " FROM unnest(CAST(:seen_tses AS text[]), CAST(:seen_counters AS bigint[]),"
    " CAST(:seen_numbers AS bigint[]), CAST(:seen_signed AS bigint[]),"
    " CAST(:seen_unsigned AS bigint[])) AS seen(tse_id, counter, number, signed, unsigned)"
    " WHERE tse.tse_id = seen.tse_id"
)

Logged = (
    ClientRegistered | SignatureStarted | SignatureMade | TransactionAbandoned | SignatureSurplus
)


class SignatureBook:
    """One page of the log becomes a handful of statements, whatever it holds."""

    name = "signature_book"
    version = 1
    reads = names_of(
        ClientRegistered,
        LeftUnsigned,
        OutageBegan,
        OutageEnded,
        SegmentOpened,
        SignatureMade,
        SignatureStarted,
        SignatureSurplus,
        SurplusRead,
        TransactionAbandoned,
        TseInitialized,
    )

    async def apply(self, tx: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        """Fold a page of events, in log order."""
        for entry in recorded:
            await _devices(tx, entry.event)
        logged = [entry.event for entry in recorded if _is_logged(entry.event)]
        judged = [
            entry for entry in recorded if isinstance(entry.event, SignatureMade | LeftUnsigned)
        ]
        if logged or judged:
            columns = _columns_of_log(logged) | _columns_of_verdicts(judged)
            await tx.execute(_KEPT, columns | _columns_of_counts(recorded))
        for entry in recorded:
            # Later than what it completes, also within a page.
            if isinstance(entry.event, SurplusRead):
                names = {"tse_id", "signature_counter", "client_id", "log_message"}
                await tx.execute(_READ, entry.event.model_dump(include=names))


async def _devices(tx: AsyncConnection, event: Event) -> None:
    """The rare events about a device itself."""
    match event:
        case SegmentOpened():
            await tx.execute(_SEEN, {"tse_id": event.tse_id, "store_id": event.store_id})
        case TseInitialized():
            await tx.execute(_SEEN, {"tse_id": event.tse_id, "store_id": event.store_id})
            await tx.execute(_INITIALIZED, event.model_dump(exclude={"store_id"}))
        case OutageBegan():
            await tx.execute(_OUTAGE, event.model_dump(exclude={"store_id"}))
        case OutageEnded():
            over = {"outage_id": None, "reason": None, "began_at": None}
            await tx.execute(_OUTAGE, {"tse_id": event.tse_id, **over})
        case _:
            return


def _is_logged(event: Event) -> bool:
    return isinstance(event, Logged) and event.signature_counter is not None


def _purpose(event: Event) -> str:
    match event:
        case ClientRegistered():
            return "client"
        case SignatureStarted():
            return "start"
        case SignatureMade():
            return "abort" if event.aborted else "receipt"
        case TransactionAbandoned():
            return "abandon"
        case SignatureSurplus():
            return event.reason
    raise AssertionError(event)


def _columns_of_log(events: Sequence[Any]) -> dict[str, list[Any]]:
    return {
        "log_tses": [event.tse_id for event in events],
        "log_counters": [event.signature_counter for event in events],
        "purposes": [_purpose(event) for event in events],
        "log_bookings": [getattr(event, "booking_id", "") for event in events],
        "log_stores": [event.store_id for event in events],
        "client_ids": [event.client_id for event in events],
        "numbers": [getattr(event, "transaction_number", None) for event in events],
        "messages": [event.log_message for event in events],
    }


def _columns_of_verdicts(judged: Sequence[Recorded]) -> dict[str, list[Any]]:
    events: list[Any] = [entry.event for entry in judged]
    return {
        "booking_ids": [event.booking_id for event in events],
        "store_ids": [event.store_id for event in events],
        "tse_ids": [event.tse_id for event in events],
        "verdicts": [
            "signed" if isinstance(event, SignatureMade) else "unsigned" for event in events
        ],
        "counters": [getattr(event, "signature_counter", None) for event in events],
        # As it is stored, where it has today's shape; an older one as it reads today.
        "documents": [
            entry.data.decode()
            if entry.schema_version == entry.event.event_version
            else entry.event.model_dump_json()
            for entry in judged
        ],
    }


def _columns_of_counts(recorded: Sequence[Recorded]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for event in (entry.event for entry in recorded):
        if not isinstance(event, Logged | LeftUnsigned):
            continue
        row = found.setdefault(event.tse_id, [event.tse_id, 0, 0, 0, 0])
        row[1] = max(row[1], getattr(event, "signature_counter", None) or 0)
        row[2] = max(row[2], getattr(event, "transaction_number", None) or 0)
        row[3] += isinstance(event, SignatureMade)
        row[4] += isinstance(event, LeftUnsigned)
    names = ("seen_tses", "seen_counters", "seen_numbers", "seen_signed", "seen_unsigned")
    return {name: [row[at] for row in found.values()] for at, name in enumerate(names)}
