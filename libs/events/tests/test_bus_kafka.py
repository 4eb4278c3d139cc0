"""The bus's contract on a real Apache Kafka."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from events.bus.contract import Bus
from events.bus.kafka import KafkaBus, Timing
from events.bus.local_kafka import LocalKafka
from events.testing.bus_contract import HAND_OVER_S, ProcessContract, survives_a_restart

SESSION_S = 6.0
"""The least that a broker accepts unless it was told otherwise."""

TIMING = Timing(request_s=2.0, session_s=SESSION_S, heartbeat_s=0.2, hand_over_s=HAND_OVER_S)

pytestmark = pytest.mark.kafka


class TestKafka(ProcessContract):
    @pytest.fixture
    async def bus(self, kafka_bootstrap: str) -> AsyncIterator[Bus]:
        async with KafkaBus.open(kafka_bootstrap, client_id="first", timing=TIMING) as bus:
            yield bus

    @pytest.fixture
    async def other(self, kafka_bootstrap: str) -> AsyncIterator[Bus]:
        async with KafkaBus.open(kafka_bootstrap, client_id="second", timing=TIMING) as other:
            yield other

    @pytest.fixture
    def member_command(self, kafka_bootstrap: str) -> Callable[[str, str], list[str]]:
        return lambda topic, group: ["kafka", kafka_bootstrap, str(SESSION_S), topic, group]


@pytest.mark.slow
async def test_a_restarted_broker_is_survived(kafka_jars: Path, tmp_path: Path) -> None:
    broker = LocalKafka(tmp_path, jars=kafka_jars)
    with broker:
        async with KafkaBus.open(broker.bootstrap, timing=TIMING) as bus:
            await survives_a_restart(bus, stop=broker.kill, start=broker.start)


async def test_a_broker_that_is_away_stops_no_start() -> None:
    async with KafkaBus.open("127.0.0.1:1", timing=TIMING) as bus:
        assert not await bus.healthy()
