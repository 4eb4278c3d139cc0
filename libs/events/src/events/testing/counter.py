"""A service of two events and one read model, for the tests of this library."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from events import Decider, DomainError
from events.event import Event, Recorded
from events.testing.store_contract import Closed, Counted

DEADLINE_S = 30.0
"""How long a test waits for what must happen."""


class CounterClosed(DomainError):
    """Nothing counts any more."""

    code = "counter.closed"


@dataclass(frozen=True)
class Count:
    """The command: go on by one, or close."""

    close: bool = False


@dataclass(frozen=True)
class Counter:
    """The folded state."""

    total: int = 0
    closed: bool = False


def decide(command: Count, counter: Counter) -> Sequence[Event]:
    """Raises `CounterClosed`."""
    if counter.closed:
        raise CounterClosed
    return (Closed(),) if command.close else (Counted(n=counter.total + 1),)


def evolve(counter: Counter, event: Counted | Closed) -> Counter:
    """Asserts that no number is missing or comes twice."""
    if isinstance(event, Closed):
        return replace(counter, closed=True)
    assert event.n == counter.total + 1  # Else two deciders have not seen each other.
    return replace(counter, total=event.n)


COUNTER: Decider[Count, Counter] = Decider(initial=Counter(), decide=decide, evolve=evolve)


class Totals:
    """A read model that is wrong as soon as one event is applied twice or not at all."""

    name = "totals"

    def __init__(
        self, schema: str, *, version: int = 1, reads: frozenset[str] | None = None
    ) -> None:
        self.version = version
        self.reads = reads
        self._table = f"{schema}.total_v{version}"
        self.fail: Callable[[Sequence[Recorded]], None] | None = None

    async def apply(self, tx: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        for entry in recorded:
            await tx.execute(
                text(
                    f"INSERT INTO {self._table} AS t VALUES (:stream, 1)"
                    " ON CONFLICT (stream) DO UPDATE SET events = t.events + 1"
                ),
                {"stream": entry.stream},
            )
        if self.fail is not None:
            self.fail(recorded)

    async def create(self, engine: AsyncEngine) -> None:
        async with engine.begin() as tx:
            await tx.execute(
                text(f"CREATE TABLE {self._table} (stream text PRIMARY KEY, events int NOT NULL)")
            )

    async def totals(self, engine: AsyncEngine) -> dict[str, int]:
        async with engine.connect() as connection:
            rows = await connection.execute(text(f"SELECT stream, events FROM {self._table}"))
            return {row.stream: row.events for row in rows}
