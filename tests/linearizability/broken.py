"""`kassenverbund` with one fault built in, named by `FAULT`. Only a test runs this.

FAULT=holds_do_not_count python -m tests.linearizability.broken serve voucher
"""

from __future__ import annotations

import importlib
import os
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import count
from typing import Any

import asyncpg

from events import ANY
from events.store.planned import APPEND_PLANNED
from events.store.streams import Streams
from kassenverbund.cli import main
from money import Money
from voucher.decider.lots import Part
from voucher.decider.state import Issued

_HANDLE = importlib.import_module("events.handle")  # `events.handle` itself is the function

SOLD_BY = 40
"""Commits after which all vouchers are sold; before that, nothing gets lost."""

EVERY = 12


def holds_do_not_count() -> None:
    """What is held for one payment is given to the next one as well."""

    def held(voucher: Issued, now: datetime, *, without: str = "") -> Money:
        return voucher.balance.zero

    def rooms(voucher: Issued, now: datetime, *, without: str = "") -> list[tuple[Part, Money]]:
        return [(part, part.left) for part in voucher.lots]

    Issued.held = held  # type: ignore[method-assign,assignment]  # the fault
    Issued.rooms = rooms  # type: ignore[method-assign,assignment]  # the fault


def old_states_decide() -> None:
    """Check, then act: two requests decide on one state, and neither is asked which it saw."""

    @asynccontextmanager
    async def no_turn(streams: Streams, names: Iterable[str]) -> AsyncIterator[None]:
        yield

    def any_version(_: int) -> Any:
        return ANY

    Streams.turn = no_turn  # type: ignore[method-assign,assignment]  # the fault
    vars(_HANDLE)["Exact"] = any_version


def looks_are_old() -> None:
    """A process shows what it knew; what the others have stored since, it does not ask."""

    async def state_of(store: Any, decider: Any, stream: str) -> tuple[int, Any]:
        found: tuple[int, Any] = await _HANDLE._current(store, decider, stream)
        return found

    vars(importlib.import_module("voucher.handlers.desk"))["state_of"] = state_of


def commits_get_lost() -> None:
    """Now and then an answer is given for what is not stored."""
    fetchval, appends = asyncpg.Connection.fetchval, count(1)

    async def forgetful(connection: Any, query: str, *arguments: Any, **named: Any) -> Any:
        number = next(appends) if query == APPEND_PLANNED else 0
        if number <= SOLD_BY or number % EVERY:
            return await fetchval(connection, query, *arguments, **named)
        await connection.execute("BEGIN")
        answer = await fetchval(connection, query, *arguments, **named)
        await connection.execute("ROLLBACK")
        return answer

    asyncpg.Connection.fetchval = forgetful


FAULTS: dict[str, Callable[[], None]] = {
    fault.__name__: fault
    for fault in (holds_do_not_count, old_states_decide, looks_are_old, commits_get_lost)
}

if __name__ == "__main__":
    FAULTS[os.environ["FAULT"]]()
    main()
