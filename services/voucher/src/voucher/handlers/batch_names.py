"""Names of print runs and imports, what they refuse, and small steps that both take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from events import DomainError, Event, EventStore, Take, state_of
from kassenverbund.kit.chain import Chain
from voucher.decider.batch import BATCH, Batch, BatchState, FillBatch
from voucher.events import VoucherIssued
from voucher.handlers.names import LegalEntityUnknown


class CodesGone(DomainError):
    code = "batch.codes_gone"
    title = "The codes of this run were never fetched and are gone; void it"


class ExportTaken(DomainError):
    """Another request has fetched the file. It can be asked for again under the same
    Idempotency-Key, until it is acknowledged."""

    code = "batch.export_taken"
    title = "The codes of this run were handed out to another request"


class DigestDiffers(DomainError):
    code = "batch.digest_differs"
    status = 422
    title = "This is not the SHA-256 of the file that was handed out; fetch it again"


class ValueMissing(DomainError):
    code = "batch.value"
    status = 422
    title = "The value differs from the template's"


@dataclass(frozen=True, slots=True)
class CodeFile:
    content: bytes
    digest: str
    """SHA-256, hex."""
    cards: int


def batch_stream(batch_id: str) -> str:
    return f"batch-{batch_id}"


def card_id(batch_id: str, number: int) -> str:
    """The voucher's id of the n-th card (from 0) of a run."""
    return str(uuid5(NAMESPACE_URL, f"kassenverbund:batch:{batch_id}:{number}"))


def parts_of(cards: int, size: int) -> Iterator[tuple[int, range]]:
    """`(part, numbers)` for each part of a batch."""
    for part, start in enumerate(range(0, cards, size)):
        yield part, range(start, min(start + size, cards))


def issue_claims(issued: VoucherIssued, stream: str) -> tuple[Take, Take]:
    return Take(f"code:{issued.code_hash}", stream), Take(f"serial:{issued.serial}", stream)


async def voided(store: EventStore, batch_id: str) -> bool:
    """Whether cards of a batch that were never sold may not be sold any more."""
    _, batch = await state_of(store, BATCH, batch_stream(batch_id))
    return isinstance(batch, Batch) and batch.void_reason is not None


def fill(batch: BatchState, done: int, now: datetime) -> tuple[Event, ...]:
    """The batch's own facts for the append that brings it to `done`."""
    return tuple(BATCH.decide(FillBatch(done=done, now=now), batch))


def zone_of(chain: Chain, legal_entity_id: str) -> str:
    """The time zone of an entity's vouchers that no store has sold yet: its first store's.

    Raises `LegalEntityUnknown`.
    """
    for store in chain.stores:
        if store.legal_entity == legal_entity_id:
            return store.time_zone
    if any(entity.id == legal_entity_id for entity in chain.legal_entities):
        return chain.stores[0].time_zone
    raise LegalEntityUnknown(legal_entity_id)
