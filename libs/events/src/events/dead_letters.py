"""What an operator does about dead letters: list, show, retry, discard.

Listing and showing are the store's own (`DeadLetters.list`, `.show`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from events.cloudevents import from_record
from events.dead_letter_events import DeadLetterDiscarded, stream_of
from events.errors import Transient
from events.event import Metadata
from events.handle import input_hash
from events.reaction import Reaction
from events.store.contract import Appended, AppendRequest, EventStore, NewEvents
from events.store.dead_letters import DeadLetters, readable
from events.version import ANY

RETRIED_MAX = 10_000
"""How many letters one retry handles at most."""


@dataclass(frozen=True, slots=True)
class Retried:
    """What came of a retry."""

    handled: int
    stuck_on: int = 0
    """The letter that failed again; 0: none, the lane is free."""
    reason: str = ""


async def retry(letters: DeadLetters, reaction: Reaction, lane: str) -> Retried:
    """Handle the letters of a lane again, oldest first, until one fails or none is left.

    Safe next to a running receiver: what comes meanwhile waits behind, or is handled after.
    Raises `LaneBusy` where somebody else does the same, `Transient` where the database is away.
    """
    handled = 0
    while handled < RETRIED_MAX:
        async with letters.oldest(reaction.name, lane) as holding:
            if holding is None:
                break
            try:
                await reaction.handle([from_record(holding.letter.record)])
            except Transient:
                raise
            except Exception as fault:
                reason = readable(fault)
                await holding.failed(reason)
                return Retried(handled, stuck_on=holding.letter.id, reason=reason)
            await holding.done()
        handled += 1
    return Retried(handled)


async def discard(
    letters: DeadLetters,
    store: EventStore,
    letter_id: int,
    *,
    by: str,
    explanation: str,
    now: datetime,
) -> Appended:
    """Record that a letter is given up, then take it away. Letters behind it wait for `retry`.

    The decision is an event of the service's own log. Raises `LetterUnknown`, `Transient`: ask
    again, the event is stored once (with the first explanation).
    """
    letter = await letters.show(letter_id)
    appended = await store.append(
        AppendRequest(
            key=f"dead-letter/{letter_id}/discard",
            input_hash=input_hash(letter.fingerprint),
            streams=(
                NewEvents(
                    stream_of(letter_id),
                    ANY,
                    (
                        DeadLetterDiscarded(
                            letter_id=letter_id,
                            reaction=letter.reaction,
                            topic=letter.topic,
                            lane=letter.lane,
                            event_id=letter.event_id,
                            event_type=letter.event_type,
                            reason=letter.reason,
                            attempts=letter.attempts,
                            discarded_by=by,
                            explanation=explanation,
                            discarded_at=now,
                        ),
                    ),
                ),
            ),
            metadata=Metadata(actor=by, causation_id=letter.event_id),
        )
    )
    await letters.remove(letter_id)
    return appended
