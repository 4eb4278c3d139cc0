"""What leaves the service: every fact, in the order of each voucher."""

from events.event import Recorded
from events.publication import Publication
from voucher.events import EVENTS


def _ordering_key(recorded: Recorded) -> str:
    return recorded.stream


PUBLICATION = Publication(topic="voucher", events=EVENTS, ordering_key=_ordering_key)
