"""The one event of this library. Every store that a program opens can hold it."""

from __future__ import annotations

from datetime import datetime

from events.event import Event, event_type


@event_type("dead_letter.discarded")
class DeadLetterDiscarded(Event):
    """Somebody decided that a record which could not be handled never will be.

    Stream `dead-letter-{letter_id}`. The record itself still stands in its source's log.
    """

    letter_id: int
    reaction: str
    topic: str
    lane: str
    event_id: str
    """Empty for a record that was no CloudEvent."""
    event_type: str
    reason: str
    """Why it could not be handled."""
    attempts: int
    discarded_by: str
    """`person:<subject>`"""
    explanation: str
    discarded_at: datetime


def stream_of(letter_id: int) -> str:
    return f"dead-letter-{letter_id}"
