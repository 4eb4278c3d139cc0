"""What leaves the service: every fact, in the order of each stream, but the bookkeeping of limits
(`charge.held` says what it took)."""

from costcenter.events import EVENTS, NOT_PUBLISHED
from events.event import Recorded
from events.publication import Publication


def _ordering_key(recorded: Recorded) -> str:
    return recorded.stream


PUBLICATION = Publication(
    topic="costcenter",
    events=tuple(event for event in EVENTS if event not in NOT_PUBLISHED),
    ordering_key=_ordering_key,
)
