"""What the deliverer of webhooks needs: the outbox and the wire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Who hears of which facts. The secret is only read to sign."""

    webhook_id: str
    url: str
    events: tuple[str, ...]
    active: bool
    stopped: str | None
    """Why it is not active: `by_office`, `gone` (HTTP 410), `overflow`, `secret_unreadable`."""
    created_at: datetime
    changed_at: datetime
    delivered: int
    """Position of the newest fact that was delivered; 0: none was."""
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One fact for one subscriber."""

    webhook_id: str
    position: int
    event_id: str
    name: str
    body: str
    dead: bool
    attempts: int
    next_try_at: datetime
    fault: str | None


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one attempt. `fault` None: delivered."""

    fault: str | None = None
    gone: bool = False
    """The subscriber wants no more (HTTP 410)."""


class WebhookOutbox(Protocol):
    """Raises `Transient` where the database is away."""

    async def lease(self, now: datetime, until: datetime) -> tuple[Subscriber, bytes] | None:
        """A subscriber whose oldest waiting delivery is due, and its secret. Nobody else gets it
        before `until`. None: nothing is due."""
        ...

    async def release(self, webhook_id: str) -> None: ...

    async def next(self, webhook_id: str, now: datetime) -> Delivery | None:
        """The oldest waiting delivery if it is due and the subscriber is active."""
        ...

    async def delivered(self, delivery: Delivery, now: datetime) -> None: ...

    async def failed(self, delivery: Delivery, fault: str, *, next_try_at: datetime | None) -> None:
        """`next_try_at` None: it is dead, and the next one comes."""
        ...

    async def stop(self, webhook_id: str, reason: str, now: datetime) -> None: ...

    async def waiting(self, webhook_id: str) -> int: ...


class WebhookWire(Protocol):
    """Sends one signed delivery. Never raises for what the other side does."""

    async def send(
        self, url: str, *, secret: bytes, message_id: str, body: str, now: datetime
    ) -> Answered: ...
