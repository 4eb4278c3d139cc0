"""Read models: code that folds the service's own events into tables."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import TYPE_CHECKING, Protocol

from events.event import Event, Recorded

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


class Projection(Protocol):
    """`(name, version)` names the checkpoint. A changed fold gets a new version: it is filled from
    the beginning of the log into tables of its own while the old one still answers.

    `apply` runs in the transaction that moves the checkpoint, so each event counts exactly once.
    It must not begin, commit or roll back anything, and must not talk to the outside.
    An exception stops the projection and raises an alarm; nothing that it reads is skipped.
    """

    name: str
    version: int

    @property
    def reads(self) -> Set[str] | None:
        """Names of the events that `apply` wants to see (`names_of`); None: all. The others are
        passed by without being fetched or decoded, and the checkpoint moves on all the same.

        An event that is missing here is never seen; `events.testing.unread` finds that out.
        """
        ...

    async def apply(self, tx: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        """Fold a page of events, in log order: those that it reads, at least one."""
        ...


def names_of(*classes: type[Event]) -> frozenset[str]:
    """For `Projection.reads`."""
    return frozenset(cls.event_name for cls in classes)
