"""What back office's routes share: cursors, paths, and where its parts come from."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated

from fastapi import Path, Query

from costcenter.handlers.structure import Groups
from costcenter.handlers.structure_cards import Cards
from costcenter.handlers.structure_centers import Centers
from costcenter.queries.structure import StructureQueries
from costcenter.structure_ports import Contacts
from events import DomainError
from kassenverbund.kit.routes import PAGE_DEFAULT, PageSize

CURSOR_MAX = 200

Position = Annotated[int, Query(ge=0, le=2**62)]
"""Wait for the effect of a write, at most one second."""

GroupNumber = Annotated[int, Path(ge=1, le=9_999)]


class CursorInvalid(DomainError):
    code = "cursor.invalid"
    status = 422
    title = "The cursor does not belong to this list; begin without one"


@dataclass(frozen=True, slots=True)
class OfficeRooms:
    """Handlers and lists of the structure."""

    groups: Groups
    centers: Centers
    cards: Cards
    contacts: Contacts
    queries: StructureQueries
    now: Callable[[], datetime]
    today: Callable[[], date]
    """In the chain's time zone."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which page of a list."""

    after: str
    limit: int
    position: int


def wanted(
    cursor: Annotated[str | None, Query(max_length=CURSOR_MAX)] = None,
    limit: PageSize = PAGE_DEFAULT,
    position: Position = 0,
) -> Wanted:
    """FastAPI dependency. Raises `CursorInvalid`."""
    return Wanted(_after(cursor), limit, position)


def cursor_of(after: str | None) -> str | None:
    """Opaque, so that nobody builds one."""
    if after is None:
        return None
    return base64.urlsafe_b64encode(after.encode()).decode().rstrip("=")


def _after(cursor: str | None) -> str:
    if cursor is None:
        return ""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        after = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise CursorInvalid from None
    if not after.isprintable():
        raise CursorInvalid
    return after


def number_after(after: str) -> str:
    """A cursor of a list that is ordered by number. Raises `CursorInvalid`."""
    if after and not (after.isascii() and after.isdigit() and len(after) < 10):
        raise CursorInvalid
    return after
