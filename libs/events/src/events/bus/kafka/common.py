"""What the parts of the Kafka adapter share: timing, and how faults are told apart."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
)

from events.errors import Transient

CLOSE_S = 3.0
"""How long an orderly goodbye to the broker may take."""

_log = logging.getLogger(__name__)

_DEFECTS = (InvalidTopicError, MessageSizeTooLargeError, TopicAuthorizationFailedError)
"""Asking again won't help: the set-up is wrong and somebody has to know."""


FAULTS = (KafkaError, OSError, TimeoutError, RuntimeError)
"""What `answer_to` looks at. uvloop calls a write on a connection that has just been broken off a
RuntimeError, and aiokafka hands it on as it is."""

_CLOSED = "the handler is closed"


@dataclass(frozen=True, slots=True)
class Timing:
    """How fast faults and changes of a group are noticed. Tests make it faster."""

    request_s: float = 15.0
    """How long a request, and with it a batch, may wait for the broker before `Transient`."""
    session_s: float = 10.0
    """A member that was killed loses its keys after this time."""
    heartbeat_s: float = 1.0
    hand_over_s: float = 20.0
    """How long a member may go on with what it fetched while others wait for its keys."""
    rebalance_s: float = 60.0
    max_poll_s: float = 300.0
    """A member that does not fetch for so long loses its keys."""


def answer_to(fault: BaseException) -> BaseException:
    """`Transient` for what may pass; a defect as it is."""
    if isinstance(fault, _DEFECTS) or not isinstance(fault, FAULTS):
        return fault
    if not isinstance(fault, (KafkaError, OSError)) and _CLOSED not in str(fault):
        return fault  # A RuntimeError of another kind.
    return Transient(f"{type(fault).__name__}: {fault}")


async def within(wait_s: float, goodbye: object) -> None:
    """Wait for an orderly end, but not for ever and not with an error: the broker may be gone."""
    try:
        async with asyncio.timeout(wait_s):
            await goodbye  # type: ignore[misc]  # a coroutine of an untyped library
    except FAULTS as fault:
        _log.info("an orderly goodbye to the broker failed: %r", fault)


def ms(seconds: float) -> int:
    """Milliseconds, as aiokafka wants them."""
    return round(seconds * 1000)
