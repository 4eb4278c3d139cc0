"""Which faults of the Kafka client pass, and which are defects."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError

from events.bus.kafka.common import Timing, answer_to
from events.bus.kafka.subscription import KafkaSubscription
from events.errors import Transient

BROKEN_OFF = "unable to perform operation on <TCPTransport closed=True>; the handler is closed"


@pytest.mark.parametrize(
    "fault", [KafkaConnectionError(), OSError("reset"), TimeoutError(), RuntimeError(BROKEN_OFF)]
)
def test_a_line_that_breaks_passes(fault: Exception) -> None:
    assert isinstance(answer_to(fault), Transient)


@pytest.mark.parametrize(
    "fault", [MessageSizeTooLargeError(), RuntimeError("another"), ValueError("ours")]
)
def test_a_defect_stays_what_it_is(fault: Exception) -> None:
    assert answer_to(fault) is fault


class BrokenOff:
    """A consumer whose connection was broken off while it wrote (uvloop)."""

    async def getmany(self, **asked: Any) -> Any:
        raise RuntimeError(BROKEN_OFF)


async def test_a_connection_broken_off_while_writing_ends_no_receiver() -> None:
    subscription = KafkaSubscription(BrokenOff(), "topic", Timing())
    with pytest.raises(Transient):
        await subscription.fetch(records_max=1, wait_s=1)
