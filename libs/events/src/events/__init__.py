"""Event sourcing and messaging: the log, `handle`, projections, relay, receiver and the bus.

Nothing in here knows a voucher or a till. See `docs/decisions/` for why it is built as it is.
"""

from events.decider import Decider, fold
from events.errors import (
    ClaimTaken,
    DomainError,
    EventTooLarge,
    IdempotencyKeyReused,
    LogBroken,
    LostRace,
    RecordTooLarge,
    TextRefused,
    Transient,
    UnknownEventType,
    WrongExpectedVersion,
)
from events.event import (
    Event,
    Metadata,
    Recorded,
    Registry,
    Upcaster,
    encode,
    event_type,
    upcaster,
)
from events.handle import (
    Ask,
    Decision,
    Handled,
    HandledTogether,
    handle,
    handle_together,
    input_hash,
    state_of,
)
from events.store.contract import (
    Appended,
    AppendRequest,
    Claim,
    EventStore,
    GiveBack,
    NewEvents,
    Take,
)
from events.version import ANY, EXISTS, NO_STREAM, Exact, ExpectedVersion

__all__ = [
    "ANY",
    "EXISTS",
    "NO_STREAM",
    "AppendRequest",
    "Appended",
    "Ask",
    "Claim",
    "ClaimTaken",
    "Decider",
    "Decision",
    "DomainError",
    "Event",
    "EventStore",
    "EventTooLarge",
    "Exact",
    "ExpectedVersion",
    "GiveBack",
    "Handled",
    "HandledTogether",
    "IdempotencyKeyReused",
    "LogBroken",
    "LostRace",
    "Metadata",
    "NewEvents",
    "RecordTooLarge",
    "Recorded",
    "Registry",
    "Take",
    "TextRefused",
    "Transient",
    "UnknownEventType",
    "Upcaster",
    "WrongExpectedVersion",
    "encode",
    "event_type",
    "fold",
    "handle",
    "handle_together",
    "input_hash",
    "state_of",
    "upcaster",
]  # fmt: skip
