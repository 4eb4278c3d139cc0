"""What lies beside the log for the back office: persons, and imports on their way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

ImportState = Literal["checking", "checked", "running", "completed", "refused"]
"""`checked`: a dry run without a refusal. It, `completed` and `refused` are ends."""


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
    dry_run: bool
    rows: int
    done: int
    """Of the rows, in this state."""
    facts: int
    """That are recorded, or would be."""
    since: datetime
    report: Mapping[str, Any]
    """`refused`: rows that cannot be; `refused_count`."""


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

    async def parts(self, import_id: str) -> Sequence[int]:
        """The parts that are kept, in order."""
        ...

    async def wipe(self, import_id: str, part: int | None = None) -> None:
        """One part, or all of them."""
        ...

    def turn(self, import_id: str) -> AbstractAsyncContextManager[bool]:
        """Look after an import alone; False: another process does. Ends with the process."""
        ...
