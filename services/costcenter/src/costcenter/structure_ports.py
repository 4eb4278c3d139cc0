"""What lies beside the log for the back office: persons, and imports on their way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, Protocol

ImportState = Literal["checking", "running", "completed", "refused"]


@dataclass(frozen=True, slots=True)
class Contact:
    """A person to ask about a center. Never in an event."""

    contact_id: str
    name: str
    phone: str | None
    mail: str | None


class Contacts(Protocol):
    async def put(self, contact: Contact, now: datetime) -> None: ...

    async def get(self, contact_id: str) -> Contact | None: ...

    async def delete(self, contact_id: str) -> bool:
        """Forget a person. False: there was none."""
        ...


@dataclass(frozen=True, slots=True)
class Import:
    """How far an import is."""

    import_id: str
    kind: str
    state: ImportState
    rows: int
    done: int
    changed: int
    """Rows that changed something."""
    since: datetime
    report: Mapping[str, Any] | None = None
    """Why it was refused after it had been accepted."""

    def at(self, *, done: int, changed: int) -> Import:
        return replace(self, done=done, changed=changed)


class Imports(Protocol):
    """Imports and their rows until they are in the log. Codes stand in them as hashes."""

    async def add(self, entry: Import) -> None:
        """Without effect where there is one with this id."""
        ...

    async def get(self, import_id: str) -> Import | None: ...

    async def set(self, entry: Import) -> None: ...

    async def open(self) -> Sequence[Import]:
        """Those that somebody has to look after, oldest first."""
        ...

    async def keep(self, import_id: str, part: int, content: bytes) -> None: ...

    async def read(self, import_id: str, part: int) -> bytes | None: ...

    async def wipe(self, import_id: str) -> None:
        """Its parts."""
        ...

    def turn(self, import_id: str) -> AbstractAsyncContextManager[bool]:
        """Look after an import alone; False: another process does. Ends with the process."""
        ...
