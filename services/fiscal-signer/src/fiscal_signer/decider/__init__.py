"""What one segment of a TSE's signature log allows. Pure.

A segment is a stream with one writer at a time. Its rules: at most one request is open; a booking
gets one verdict; a signature after `sign_by` is no verdict; every counter that the device gave is
explained by an event; whoever has an older epoch writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from events import Decider, Event
from fiscal_signer.commands import (
    CloseSegment,
    EndOutage,
    RecordAnswers,
    RequestSignatures,
    SegmentCommand,
    TakeOver,
)
from fiscal_signer.decider.closings import closing_of
from fiscal_signer.decider.plan import (
    ABANDON_PER_REQUEST_MAX,
    STEPS_MAX,
    Plan,
    claims_of,
    portions,
    start_claim,
    verdict_claim,
)
from fiscal_signer.decider.refusals import (
    AnswersMissing,
    Overtaken,
    RequestOpen,
    SegmentIsClosed,
)
from fiscal_signer.decider.results import Results, end_outage
from fiscal_signer.decider.state import Segment, evolve, segment_from
from fiscal_signer.events import SegmentClosed, SegmentOpened, TakenOver

__all__ = [
    "ABANDON_PER_REQUEST_MAX", "STEPS_MAX", "AnswersMissing", "Overtaken", "RequestOpen",
    "Segment", "SegmentIsClosed", "claims_of", "closing_of", "decide", "decider_from",
    "evolve", "portions", "segment_from", "start_claim", "verdict_claim",
]  # fmt: skip


def decider_from(opened: SegmentOpened) -> Decider[SegmentCommand, Segment]:
    """The decider of the segment that `opened` began."""
    return Decider(initial=segment_from(opened), decide=decide, evolve=evolve)


def decide(command: SegmentCommand, segment: Segment) -> Sequence[Event]:
    """See the module. Raises `SegmentIsClosed`, `Overtaken`, `RequestOpen`, `AnswersMissing`."""
    if segment.closed:
        raise SegmentIsClosed
    match command:
        case TakeOver():
            return _take_over(command, segment)
        case RequestSignatures():
            _current(command.epoch, segment)
            if segment.pending:
                raise RequestOpen
            return Plan(command, segment).events()
        case RecordAnswers():
            _current(command.epoch, segment)
            return Results(command, segment).events()
        case EndOutage():
            _current(command.epoch, segment)
            return end_outage(command, segment)
        case CloseSegment():
            _current(command.epoch, segment)
            if segment.pending or segment.outage:
                raise RequestOpen
            return (SegmentClosed(tse_id=segment.tse_id, segment=segment.number),)
        case _:
            assert_never(command)


def _current(epoch: int, segment: Segment) -> None:
    if epoch != segment.epoch:
        raise Overtaken


def _take_over(command: TakeOver, segment: Segment) -> Sequence[Event]:
    if command.epoch < segment.epoch:
        raise Overtaken
    if command.epoch == segment.epoch:
        return ()
    return (
        TakenOver(
            tse_id=segment.tse_id,
            store_id=segment.store_id,
            epoch=command.epoch,
            taken_at=command.now,
        ),
    )
