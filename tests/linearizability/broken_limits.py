"""`kassenverbund` with one fault in its limits, named by `FAULT`. Only a test runs this.

FAULT=a_limit_is_forgotten python -m tests.linearizability.broken_limits serve costcenter
"""

from __future__ import annotations

import importlib
import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from costcenter import service
from costcenter.adapters.lapsed import PostgresLapsedCharges
from costcenter.decider.structure_state import Limited
from costcenter.decider.usage import Accounts, Usage
from events import ANY, Event, NewEvents
from events.store.streams import Streams
from kassenverbund.cli import main

_HANDLE = importlib.import_module("events.handle")  # `events.handle` itself is the function

USED = Accounts.used


def a_limit_is_forgotten() -> None:
    """The company's limit is never full."""

    def used(accounts: Accounts, limited: Limited, account: str) -> Usage:
        found = USED(accounts, limited, account)
        return Usage(opened=found.opened) if limited.limit.limit_id == "company" else found

    Accounts.used = used  # type: ignore[method-assign,assignment]  # the fault


def old_states_decide() -> None:
    """Check, then act: two requests decide on one state, and nobody asks which they saw."""

    @asynccontextmanager
    async def no_turn(streams: Streams, names: Iterable[str]) -> AsyncIterator[None]:
        yield

    def unchecked(stream: str, expected: Any, events: Sequence[Event]) -> NewEvents:
        return NewEvents(stream, ANY if events else expected, events)

    def forgotten(streams: Streams, stream: str) -> None:
        """Every decision reads what is stored; only the check is missing."""

    Streams.turn = no_turn  # type: ignore[method-assign,assignment]  # the fault
    Streams.cached = forgotten  # type: ignore[method-assign,assignment]  # as the fault needs it
    vars(_HANDLE)["NewEvents"] = unchecked


def lapsed_holds_stay() -> None:
    """What has run out takes room for ever."""

    async def none(
        self: PostgresLapsedCharges, limit_ids: Sequence[str], now: datetime, *, holds_max: int
    ) -> Sequence[tuple[str, str]]:
        return []

    async def never(*_: Any) -> int:
        return 0

    PostgresLapsedCharges.lapsed_on = none  # type: ignore[method-assign]  # the fault
    service.sweep = never  # type: ignore[assignment]  # the fault


FAULTS: dict[str, Callable[[], None]] = {
    fault.__name__: fault for fault in (a_limit_is_forgotten, old_states_decide, lapsed_holds_stay)
}

if __name__ == "__main__":
    FAULTS[os.environ["FAULT"]]()
    main()
