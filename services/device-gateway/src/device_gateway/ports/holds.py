"""What another service holds for a booking."""

from __future__ import annotations

from typing import Protocol

from events import DomainError


class ServiceUnavailable(DomainError):
    """No answer within the time a cashier can wait, after bounded tries with the same id."""

    status = 503


class ServiceRefused(DomainError):
    """The other service said no; `code`, `status` and `detail` are its own."""

    def __init__(self, code: str, status: int, detail: str, **extra: object) -> None:
        super().__init__(detail, **extra)
        self.code = code
        self.status = status


class Holder(Protocol):
    """A service that holds something for a booking. Every call may be repeated with the same id.
    Raises `ServiceRefused` for an answer that says no, `ServiceUnavailable` where none came."""

    async def confirm(self, hold_id: str) -> None:
        """A confirmed hold no longer expires."""
        ...

    async def release(self, hold_id: str) -> None:
        """End the hold; an unknown one leaves a tombstone, so a late hold is refused."""
        ...
