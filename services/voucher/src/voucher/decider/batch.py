"""A print run of blank cards, or an import: ordered, filled part by part, and done.

Its vouchers come to be in the same append as the batch's progress, so a batch never says more or
less than there is. Pure: time, ids and hashes come in with the command.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal, assert_never

from events import Decider, DomainError
from money import Money
from voucher.events import (
    BatchCompleted,
    BatchEvent,
    BatchExported,
    BatchOrdered,
    BatchProgressed,
    BatchVoided,
    BlockReason,
    Terms,
    VoucherBlocked,
    VoucherEvent,
    VoucherIssued,
)

Kind = Literal["cards", "import"]


class BatchUnknown(DomainError):
    code = "batch.unknown"
    status = 404
    title = "There is no such batch"


class BatchReused(DomainError):
    code = "batch.reused"
    status = 422
    title = "This batch id was ordered before with other terms"


class BatchUnfinished(DomainError):
    code = "batch.unfinished"
    title = "The batch is not complete yet"


class BatchExportedBefore(DomainError):
    code = "batch.exported"
    title = "The codes of this batch were handed out and are wiped"


class BatchEnded(DomainError):
    code = "batch.voided"
    title = "This batch was voided"


class NotCards(DomainError):
    code = "batch.not_cards"
    title = "Only a print run can be exported or voided"


@dataclass(frozen=True, slots=True)
class OrderBatch:
    batch_id: str
    kind: Kind
    legal_entity_id: str
    cards: int
    terms: Terms
    value: Money | None
    total: Money | None
    now: datetime


@dataclass(frozen=True, slots=True)
class FillBatch:
    """The vouchers up to number `done` are stored before or together with this."""

    done: int
    now: datetime


@dataclass(frozen=True, slots=True)
class ExportBatch:
    """Somebody acknowledged the file of codes with this digest."""

    digest: str
    now: datetime


@dataclass(frozen=True, slots=True)
class VoidBatch:
    reason: str
    now: datetime


BatchCommand = OrderBatch | FillBatch | ExportBatch | VoidBatch


@dataclass(frozen=True, slots=True)
class Unordered:
    """Nobody ordered it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """An ordered batch."""

    batch_id: str
    kind: Kind
    legal_entity_id: str
    cards: int
    terms: Terms
    value: Money | None
    total: Money | None
    ordered_at: datetime
    done: int = 0
    completed_at: datetime | None = None
    digest: str | None = None
    """Of the exported file; None: not exported."""
    void_reason: str | None = None

    @property
    def state(self) -> str:
        """`running`, `completed`, `exported` or `voided`."""
        if self.void_reason is not None:
            return "voided"
        if self.digest is not None:
            return "exported"
        return "completed" if self.completed_at is not None else "running"


BatchState = Unordered | Batch


def decide(command: BatchCommand, batch: BatchState) -> Sequence[BatchEvent]:
    if isinstance(command, OrderBatch):
        return _order(command, batch)
    if isinstance(batch, Unordered):
        raise BatchUnknown
    match command:
        case FillBatch():
            return _fill(command, batch)
        case ExportBatch():
            return _export(command, batch)
        case VoidBatch():
            return _void(command, batch)
        case _:
            assert_never(command)


def _order(command: OrderBatch, batch: BatchState) -> Sequence[BatchEvent]:
    ordered = BatchOrdered(
        batch_id=command.batch_id,
        kind=command.kind,
        legal_entity_id=command.legal_entity_id,
        cards=command.cards,
        terms=command.terms,
        value=command.value,
        total=command.total,
        ordered_at=command.now,
    )
    if isinstance(batch, Unordered):
        return (ordered,)
    again = _ordered(ordered)
    if (again.kind, again.legal_entity_id, again.cards, again.value, again.total) != (
        batch.kind, batch.legal_entity_id, batch.cards, batch.value, batch.total
    ) or again.terms.template_id != batch.terms.template_id:  # fmt: skip
        raise BatchReused
    return ()


def _fill(command: FillBatch, batch: Batch) -> Sequence[BatchEvent]:
    if batch.void_reason is not None:
        raise BatchEnded
    assert command.done <= batch.cards  # The worker counts the cards that were ordered.
    if command.done <= batch.done:
        return ()  # Another process was faster.
    progressed = BatchProgressed(
        batch_id=batch.batch_id, done=command.done, progressed_at=command.now
    )
    if command.done < batch.cards:
        return (progressed,)
    completed = BatchCompleted(
        batch_id=batch.batch_id, cards=batch.cards, total=batch.total, completed_at=command.now
    )
    return (progressed, completed)


def exportable(batch: BatchState) -> Batch:
    """Raises why the codes of this batch cannot be had (any more, or yet)."""
    if isinstance(batch, Unordered):
        raise BatchUnknown
    if batch.kind != "cards":
        raise NotCards
    if batch.void_reason is not None:
        raise BatchEnded
    if batch.digest is not None:
        raise BatchExportedBefore
    if batch.completed_at is None:
        raise BatchUnfinished
    return batch


def _export(command: ExportBatch, batch: Batch) -> Sequence[BatchEvent]:
    if batch.digest == command.digest and batch.void_reason is None:
        return ()
    exportable(batch)
    return (
        BatchExported(
            batch_id=batch.batch_id,
            cards=batch.cards,
            digest=command.digest,
            exported_at=command.now,
        ),
    )


def _void(command: VoidBatch, batch: Batch) -> Sequence[BatchEvent]:
    if batch.void_reason is not None:
        return ()
    if batch.kind == "import" and batch.done:
        raise NotCards
    return (BatchVoided(batch_id=batch.batch_id, reason=command.reason, voided_at=command.now),)


def evolve(batch: BatchState, event: BatchEvent) -> BatchState:
    if isinstance(event, BatchOrdered):
        return _ordered(event)
    assert isinstance(batch, Batch)  # It is ordered first.
    match event:
        case BatchProgressed():
            return replace(batch, done=event.done)
        case BatchCompleted():
            return replace(batch, completed_at=event.completed_at)
        case BatchExported():
            return replace(batch, digest=event.digest)
        case BatchVoided():
            return replace(batch, void_reason=event.reason)
        case _:
            assert_never(event)


def _ordered(event: BatchOrdered) -> Batch:
    return Batch(
        batch_id=event.batch_id,
        kind=event.kind,
        legal_entity_id=event.legal_entity_id,
        cards=event.cards,
        terms=event.terms,
        value=event.value,
        total=event.total,
        ordered_at=event.ordered_at,
    )


BATCH: Decider[BatchCommand, BatchState] = Decider(
    initial=Unordered(), decide=decide, evolve=evolve
)


@dataclass(frozen=True, slots=True)
class PrintCard:
    """One blank card of a run."""

    voucher_id: str
    serial: str
    code_hash: str
    hash_key_id: str
    consideration: Money
    valid_until: date | None
    time_zone: str
    opened: date
    now: datetime


def print_card(command: PrintCard, batch: Batch, value: Money) -> VoucherIssued:
    """A card that nobody has bought yet: it owes nothing."""
    return VoucherIssued(
        voucher_id=command.voucher_id,
        serial=command.serial,
        code_hash=command.code_hash,
        hash_key_id=command.hash_key_id,
        terms=batch.terms,
        value=value,
        consideration=command.consideration,
        legal_entity_id=batch.legal_entity_id,
        origin="batch",
        status="inactive",
        batch_id=batch.batch_id,
        valid_until=command.valid_until,
        time_zone=command.time_zone,
        opened=command.opened,
        issued_at=command.now,
    )


@dataclass(frozen=True, slots=True)
class TakeOver:
    """One voucher of another system, with what is left on it."""

    voucher_id: str
    serial: str
    code_hash: str
    hash_key_id: str
    weak: bool
    terms: Terms
    value: Money
    consideration: Money
    legal_entity_id: str
    inactive: bool
    """A printed card that was never sold."""
    blocked: BlockReason | None
    valid_until: date | None
    time_zone: str
    opened: date
    now: datetime


def take_over(command: TakeOver, batch_id: str) -> Sequence[VoucherEvent]:
    """It goes on here with its serial, its code and its rest."""
    issued = VoucherIssued(
        voucher_id=command.voucher_id,
        serial=command.serial,
        code_hash=command.code_hash,
        hash_key_id=command.hash_key_id,
        code_kind="weak" if command.weak else "own",
        terms=command.terms,
        value=command.value,
        consideration=command.consideration,
        legal_entity_id=command.legal_entity_id,
        origin="import",
        status="inactive" if command.inactive else "active",
        batch_id=batch_id,
        valid_until=command.valid_until,
        time_zone=command.time_zone,
        opened=command.opened,
        issued_at=command.now,
    )
    if command.blocked is None:
        return (issued,)
    blocked = VoucherBlocked(
        voucher_id=command.voucher_id,
        serial=command.serial,
        reason=command.blocked,
        note="taken over as blocked",
        blocked_at=command.now,
    )
    return (issued, blocked)
