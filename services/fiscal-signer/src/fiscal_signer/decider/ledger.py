"""Stream `tse-{id}`: what a device is, and in which segment its signatures stand now.

It has a few events a year, so that finding the newest segment never means reading them all.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from events import Decider, DomainError, Event
from fiscal_signer.events import SegmentOpened, TseInitialized
from fiscal_signer.ports import TseInfo


def ledger_stream(tse_id: str) -> str:
    return f"tse-{tse_id}"


def segment_stream(tse_id: str, segment: int) -> str:
    # Ids hold no slash, so no TSE's stream can be another one's segment.
    return f"tse-{tse_id}/{segment}"


class SegmentExists(DomainError):
    """Another process opened this segment, or a later one."""

    code = "tse.segment_exists"
    title = "This segment was opened before"


@dataclass(frozen=True, slots=True)
class Ledger:
    initialized: TseInitialized | None = None
    opened: SegmentOpened | None = None


@dataclass(frozen=True, slots=True)
class Initialize:
    tse_id: str
    store_id: str
    info: TseInfo


@dataclass(frozen=True, slots=True)
class OpenSegment:
    opened: SegmentOpened


def decide(command: Initialize | OpenSegment, ledger: Ledger) -> Sequence[Event]:
    """A device is introduced once; segments are opened one after the other."""
    match command:
        case Initialize():
            return _initialize(command) if ledger.initialized is None else ()
        case OpenSegment():
            before = ledger.opened.segment if ledger.opened else 0
            if command.opened.segment != before + 1:
                if command.opened.segment == 1:
                    return ()  # Two processes began at once; the first one's segment is used.
                raise SegmentExists
            return (command.opened,)
        case _:
            assert_never(command)


def _initialize(command: Initialize) -> Sequence[Event]:
    info = command.info
    return (
        TseInitialized(
            tse_id=command.tse_id,
            store_id=command.store_id,
            kind=info.kind,
            certified=info.certified,
            serial=info.serial,
            public_key=base64.b64encode(info.public_key).decode(),
            algorithm=info.algorithm,
            time_format=info.time_format,
            certificate=(
                None if info.certificate is None else base64.b64encode(info.certificate).decode()
            ),
            initialized_at=info.initialized_at,
        ),
    )


def evolve(ledger: Ledger, event: TseInitialized | SegmentOpened) -> Ledger:
    match event:
        case TseInitialized():
            return replace(ledger, initialized=event)
        case SegmentOpened():
            return replace(ledger, opened=event)
        case _:
            assert_never(event)


LEDGER: Decider[Initialize | OpenSegment, Ledger] = Decider(
    initial=Ledger(), decide=decide, evolve=evolve
)
