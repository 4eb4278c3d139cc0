"""What a service lets out: which events, on which topic, in which order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from events.event import Event, Recorded


@dataclass(frozen=True, slots=True)
class Publication:
    """A service's `public.py`. The relay publishes the events named here and skips the rest.

    `ordering_key` says what stays in order on the bus (design.md §4.7): all records with one key
    reach each consumer in the order of the log.
    """

    topic: str
    events: tuple[type[Event], ...]
    ordering_key: Callable[[Recorded], str]
