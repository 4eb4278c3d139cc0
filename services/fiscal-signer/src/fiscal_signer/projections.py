"""Read models: the TSEs at a glance, what each signature counter was used for, and the verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from events import Event, Recorded
from fiscal_signer.events import (
    ClientRegistered,
    LeftUnsigned,
    OutageBegan,
    OutageEnded,
    SegmentOpened,
    SignatureMade,
    SignatureStarted,
    SignatureSurplus,
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
_COUNTED = text(
    "UPDATE tse_overview SET signature_counter = greatest(signature_counter, :counter),"
    " transaction_number = greatest(transaction_number, :number),"
    " signed = signed + :signed, unsigned = unsigned + :unsigned WHERE tse_id = :tse_id"
)
_LOGGED = text(
    "INSERT INTO signature_log (tse_id, signature_counter, purpose, booking_id, store_id,"
    " client_id, transaction_number, log_message)"
    " SELECT * FROM unnest(CAST(:tse_ids AS text[]), CAST(:counters AS bigint[]),"
    " CAST(:purposes AS text[]), CAST(:booking_ids AS text[]), CAST(:store_ids AS text[]),"
    " CAST(:client_ids AS text[]), CAST(:numbers AS bigint[]), CAST(:messages AS text[]))"
)
_JUDGED = text(
    "INSERT INTO booking_verdict (booking_id, store_id, tse_id, verdict, signature_counter,"
    " document) SELECT booking_id, store_id, tse_id, verdict, counter, document::json"
    " FROM unnest(CAST(:booking_ids AS text[]), CAST(:store_ids AS text[]),"
    " CAST(:tse_ids AS text[]), CAST(:verdicts AS text[]), CAST(:counters AS bigint[]),"
    " CAST(:documents AS text[]))"
    " AS judged(booking_id, store_id, tse_id, verdict, counter, document)"
)

Logged = (
    ClientRegistered | SignatureStarted | SignatureMade | TransactionAbandoned | SignatureSurplus
)


class SignatureBook:
    """One page of the log becomes a handful of statements, whatever it holds."""

    name = "signature_book"
    version = 1

    async def apply(self, tx: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        """Fold a page of events, in log order."""
        for entry in recorded:
            await _devices(tx, entry.event)
        logged = [entry.event for entry in recorded if _is_logged(entry.event)]
        if logged:
            await tx.execute(_LOGGED, _columns_of_log(logged))
        judged = [
            entry for entry in recorded if isinstance(entry.event, SignatureMade | LeftUnsigned)
        ]
        if judged:
            await tx.execute(_JUDGED, _columns_of_verdicts(judged))
        for counted in _counts([entry.event for entry in recorded]).values():
            await tx.execute(_COUNTED, counted)


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
        "tse_ids": [event.tse_id for event in events],
        "counters": [event.signature_counter for event in events],
        "purposes": [_purpose(event) for event in events],
        "booking_ids": [getattr(event, "booking_id", "") for event in events],
        "store_ids": [event.store_id for event in events],
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
        "documents": [event.model_dump_json() for event in events],
    }


def _counts(events: Sequence[Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for event in events:
        if not isinstance(event, Logged | LeftUnsigned):
            continue
        row = found.setdefault(
            event.tse_id,
            {"tse_id": event.tse_id, "counter": 0, "number": 0, "signed": 0, "unsigned": 0},
        )
        row["counter"] = max(row["counter"], getattr(event, "signature_counter", None) or 0)
        row["number"] = max(row["number"], getattr(event, "transaction_number", None) or 0)
        row["signed"] += isinstance(event, SignatureMade)
        row["unsigned"] += isinstance(event, LeftUnsigned)
    return found
