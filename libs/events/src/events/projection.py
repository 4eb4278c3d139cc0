"""Read models: code that folds the service's own events into tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from events.event import Recorded

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


class Projection(Protocol):
    """`(name, version)` names the checkpoint. A changed fold gets a new version: it is filled from
    the beginning of the log into tables of its own while the old one still answers.

    `apply` runs in the transaction that moves the checkpoint, so each event counts exactly once.
    It must not begin, commit or roll back anything, and must not talk to the outside.
    An exception stops the projection and raises an alarm; nothing is skipped.
    """

    name: str
    version: int

    async def apply(self, tx: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        """Fold a page of events, in log order."""
        ...
