"""Vouchers without a line: the rules that were heard, and the line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from money import Money


@dataclass(frozen=True, slots=True)
class OfflineRules:
    """What a store may take while nobody can be asked, as the voucher service last said it.

    `cap`, `per_day` and `per_till_day` are None where `takes` is false: nothing may be taken.
    """

    store_id: str
    takes: bool
    legal_entity_id: str
    sold_here: bool
    """Only vouchers that this store sold."""
    keys: Mapping[str, str]
    """Key id (hex) → Ed25519 public key (base64 of its 32 bytes)."""
    heard_at: datetime
    cap: Money | None = None
    per_day: Money | None = None
    per_till_day: Money | None = None


class OfflineRulesKept(Protocol):
    """The last rules that were heard: they survive a restart without a line."""

    async def keep(self, rules: OfflineRules) -> None:
        """Rules that were heard earlier than the kept ones change nothing."""
        ...

    async def of(self, store_id: str) -> OfflineRules | None:
        """None: none were ever heard."""
        ...


class VoucherDesk(Protocol):
    """What of the voucher service no cashier waits for. Raises as `VoucherService`."""

    async def offline_rules(self, store_id: str) -> OfflineRules:
        """What the store may take from now on."""
        ...

    async def captured(self, hold_id: str, currency: str) -> Money | None:
        """What a recorded booking got of its hold; None: the booking was not heard of yet."""
        ...


@dataclass(frozen=True, slots=True)
class LineState:
    """Whether a service answers, and since when."""

    up: bool
    since: datetime


class ServiceLine(Protocol):
    """What this process knows about the line to a service."""

    @property
    def state(self) -> LineState:
        """As the last calls have shown it."""
        ...
