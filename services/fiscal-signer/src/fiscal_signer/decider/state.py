"""The state of a segment, folded from its events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar, assert_never

from fiscal_signer.events import (
    ClientRefused,
    ClientRegistered,
    ClosingSigned,
    LeftUnsigned,
    OpenTransaction,
    Orphan,
    OutageBegan,
    OutageEnded,
    SegmentClosed,
    SegmentEvent,
    SegmentOpened,
    SignatureMade,
    SignatureNotStarted,
    SignaturesRequested,
    SignatureStarted,
    SignatureSurplus,
    Step,
    TakenOver,
    TransactionAbandoned,
)

K = TypeVar("K")
V = TypeVar("V")

START_OPERATION, FINISH_OPERATION = "StartTransaction", "FinishTransaction"


@dataclass(frozen=True, slots=True)
class Segment:
    """The state of a segment. `open`: booking → transaction; `orphans`: number → transaction."""

    tse_id: str
    store_id: str
    number: int
    epoch: int
    counter: int
    """The highest signature counter that an event explains."""
    transaction: int
    clients: frozenset[str] = frozenset()
    open: Mapping[str, OpenTransaction] = field(default_factory=dict)
    orphans: Mapping[int, Orphan] = field(default_factory=dict)
    pending: Mapping[str, Step] = field(default_factory=dict)
    request_id: str = ""
    outage: OutageBegan | None = None
    closed: bool = False


def segment_from(opened: SegmentOpened) -> Segment:
    """The state in which a segment begins."""
    return Segment(
        tse_id=opened.tse_id,
        store_id=opened.store_id,
        number=opened.segment,
        epoch=opened.epoch,
        counter=opened.counter,
        transaction=opened.transaction,
        clients=frozenset(opened.clients),
        open={entry.booking_id: entry for entry in opened.open},
        orphans={entry.transaction_number: entry for entry in opened.orphans},
    )


def evolve(segment: Segment, event: SegmentEvent) -> Segment:
    """Fold one event."""
    match event:
        # What every sale brings stands first: each case costs a look at the event's class.
        case SignatureStarted():
            return _started(segment, event)
        case SignatureMade():
            return _made(segment, event)
        case SignaturesRequested():
            pending = {step.step_id: step for step in event.steps}
            return replace(segment, pending=pending, request_id=event.request_id)
        case SegmentClosed():
            return replace(segment, closed=True)
        case TakenOver():
            return replace(segment, epoch=event.epoch)
        case ClientRegistered():
            return replace(
                _answered(segment, f"{event.client_id}/register", event.signature_counter),
                clients=segment.clients | {event.client_id},
            )
        case ClientRefused():
            return _answered(segment, f"{event.client_id}/register", None)
        case SignatureNotStarted():
            return _answered(segment, f"{event.booking_id}/start", None)
        case LeftUnsigned():
            return _judged(segment, event.booking_id, None)
        case TransactionAbandoned():
            step_id = f"{event.transaction_number}/abandon"
            after = _answered(segment, step_id, event.signature_counter)
            return _without_open(after, event.transaction_number)
        case SignatureSurplus():
            return _surplus_seen(segment, event)
        case OutageBegan():
            # Whatever was asked for is over: the events that follow say what came of it.
            return replace(segment, outage=event, pending={})
        case OutageEnded():
            return replace(segment, outage=None)
        case ClosingSigned():
            return _closed_for(segment, event.client_id)
        case _:
            assert_never(event)


def _answered(segment: Segment, step_id: str, counter: int | None) -> Segment:
    return replace(
        segment,
        pending=_without_key(segment.pending, step_id),
        counter=max(segment.counter, counter or 0),
    )


def _started(segment: Segment, event: SignatureStarted) -> Segment:
    # A second start of one booking (its first was with another client): the first is left over.
    orphans = segment.orphans
    if event.booking_id in segment.open:
        orphans = _with_orphan(orphans, segment.open[event.booking_id])
    begun = OpenTransaction(
        booking_id=event.booking_id,
        till_id=event.till_id,
        client_id=event.client_id,
        transaction_number=event.transaction_number,
        start_time=event.start_time,
    )
    return _signed(
        segment,
        pending=_without_key(segment.pending, f"{event.booking_id}/start"),
        counter=event.signature_counter,
        open_={**segment.open, event.booking_id: begun},
        orphans=orphans,
        transaction=event.transaction_number,
    )


def _signed(
    segment: Segment,
    *,
    pending: Mapping[str, Step],
    counter: int,
    open_: Mapping[str, OpenTransaction],
    orphans: Mapping[int, Orphan],
    transaction: int,
) -> Segment:
    """`replace`, written out: it runs twice per sale, and `replace` takes twice as long."""
    return Segment(
        tse_id=segment.tse_id,
        store_id=segment.store_id,
        number=segment.number,
        epoch=segment.epoch,
        counter=max(segment.counter, counter),
        transaction=max(segment.transaction, transaction),
        clients=segment.clients,
        open=open_,
        orphans=orphans,
        pending=pending,
        request_id=segment.request_id,
        outage=segment.outage,
        closed=segment.closed,
    )


def _made(segment: Segment, event: SignatureMade) -> Segment:
    open_ = segment.open
    begun = open_.get(event.booking_id)
    if begun is not None and begun.transaction_number == event.transaction_number:
        # The usual case, in one step: this is folded once per sale.
        return _signed(
            segment,
            pending=_without_key(segment.pending, f"{event.booking_id}/finish"),
            counter=event.signature_counter,
            open_=_without_key(open_, event.booking_id),
            orphans=segment.orphans,
            transaction=segment.transaction,
        )
    after = _judged(segment, event.booking_id, event.signature_counter)
    return _without(after, event.transaction_number)


def _without_key(mapping: Mapping[K, V], key: K) -> Mapping[K, V]:
    if key not in mapping:
        return mapping
    left = dict(mapping)
    del left[key]
    return left


def _judged(segment: Segment, booking_id: str, counter: int | None) -> Segment:
    """The booking has its verdict. A transaction that is still open for it becomes an orphan;
    a signature takes it away again at once."""
    after = _answered(segment, f"{booking_id}/finish", counter)
    # A start that served only this verdict and was refused has no event of its own.
    after = _answered(after, f"{booking_id}/start", None)
    if booking_id not in after.open:
        return after
    left = after.open[booking_id]
    return replace(
        after,
        open=_without_key(after.open, booking_id),
        orphans=_with_orphan(after.orphans, left),
    )


def _with_orphan(orphans: Mapping[int, Orphan], left: OpenTransaction) -> dict[int, Orphan]:
    orphan = Orphan(
        transaction_number=left.transaction_number,
        client_id=left.client_id,
        booking_id=left.booking_id,
    )
    return {**orphans, left.transaction_number: orphan}


def _without(segment: Segment, number: int) -> Segment:
    if number not in segment.orphans:
        return segment
    return replace(segment, orphans=_without_key(segment.orphans, number))


def _surplus_seen(segment: Segment, event: SignatureSurplus) -> Segment:
    after = replace(segment, counter=max(segment.counter, event.signature_counter))
    number = event.transaction_number
    if number is None:
        return after
    if event.operation == START_OPERATION:
        orphan = Orphan(transaction_number=number, client_id=event.client_id)
        return replace(
            after,
            orphans={**after.orphans, number: orphan},
            transaction=max(after.transaction, number),
        )
    if event.operation != FINISH_OPERATION:
        return after
    return _without_open(after, number)


def _without_open(segment: Segment, number: int) -> Segment:
    open_ = {name: one for name, one in segment.open.items() if one.transaction_number != number}
    return _without(replace(segment, open=open_), number)


def _closed_for(segment: Segment, client_id: str) -> Segment:
    """What a closing found open and could not end (the device was out) carries no booking any
    more: it is ended as soon as the device is back."""
    left = [one for one in segment.open.values() if one.client_id == client_id]
    if not left:
        return segment
    orphans = segment.orphans
    for one in left:
        orphans = _with_orphan(orphans, one)
    open_ = {name: one for name, one in segment.open.items() if one.client_id != client_id}
    return replace(segment, open=open_, orphans=orphans)
