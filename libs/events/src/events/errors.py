"""The ways in which this library says no.

Two classes of error and nothing in between: a `DomainError` is an answer (the trade's rule said
no, asking again changes nothing), `Transient` is a fault (asking again later may succeed).
Everything else is a defect and stops or parks the work that met it.
"""

from __future__ import annotations


class DomainError(Exception):
    """A refusal. `code` is stable (`voucher.expired`); it reaches the caller as problem+json.

    `status` is the HTTP status that an API answers with: 409 for a wrong state or a lost race,
    404 for something unknown, 422 for input that can never be accepted, 403 for the wrong caller.
    `extra` holds JSON values that help the caller to go on (how much is available, for example).
    """

    code: str = "refused"
    status: int = 409
    title: str = "The request was refused"

    def __init__(self, detail: str = "", **extra: object) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.extra = extra


class Transient(Exception):
    """A fault that may pass: a lost connection, a fenced-off broker, a time-out."""


class WrongExpectedVersion(Exception):
    """The stream has moved on since it was read. Read it again and decide again."""

    def __init__(self, stream: str, expected: object, actual: int) -> None:
        super().__init__(f"{stream}: expected version {expected}, found {actual}")
        self.stream = stream
        self.expected = expected
        self.actual = actual


class LostRace(DomainError):
    """The same stream changed at every try. Nothing was stored; the caller may ask again."""

    code = "conflict"
    title = "Another request changed the same thing first; ask again"


class IdempotencyKeyReused(DomainError):
    """The idempotency key was used before with another input. Nothing was stored."""

    code = "idempotency_key.reused"
    status = 422
    title = "This idempotency key belongs to another request"


class ClaimTaken(DomainError):
    """A unique key that the request wanted is held by somebody else. Nothing was stored."""

    code = "claim.taken"
    title = "This key is taken"

    def __init__(self, key: str, owner: str) -> None:
        super().__init__(self.title)
        self.key = key
        self.owner = owner


class EventTooLarge(DomainError):
    """One event is larger than `EVENT_BYTES_MAX`. Nothing was stored."""

    code = "event.too_large"
    status = 413
    title = "The request holds more than one event can carry"


class TextRefused(DomainError):
    """The request holds U+0000, which no database column carries. Nothing was stored."""

    code = "text.refused"
    status = 422
    title = "The request holds a character that cannot be stored"


class RecordTooLarge(Exception):
    """A record is larger than `RECORD_BYTES_MAX`; every bus refuses it in the same way."""


class UnknownEventType(Exception):
    """A stored event has a name or version that no registry knows. Reading stops."""


class LogBroken(Exception):
    """A log does not hold together: a gap, a changed byte, a broken hash chain."""
