"""What of the people at the tills is no event: names, PINs, and how often one was wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PinHash:
    """What is kept of a PIN (scrypt)."""

    salt: bytes
    hashed: bytes

    def __repr__(self) -> str:
        return "PinHash()"


class CashierDesk(Protocol):
    """`version` is that of the cashier's stream: an older one never replaces a newer."""

    async def keep(
        self,
        cashier_id: str,
        *,
        name: str,
        store_ids: Sequence[str],
        pin: PinHash | None,
        version: int,
    ) -> None:
        """`pin` None: the one that he has stays."""

    async def forget(self, cashier_id: str, *, version: int) -> None:
        """Name and PIN are gone."""

    async def pin_of(self, cashier_id: str) -> PinHash | None: ...

    async def names_of(self, cashier_ids: Sequence[str]) -> Mapping[str, str]: ...

    async def in_store(self, store_id: str) -> Sequence[str]:
        """Ids of the people who may sign in there, at most `LISTED_MAX`."""
        ...

    async def admit(self, *, till_id: str, now: datetime) -> float | None:
        """Count a try at this till. Seconds to wait: it is not taken."""
        ...

    async def succeeded(self, *, till_id: str) -> None:
        """The try was right: none counts any more."""
