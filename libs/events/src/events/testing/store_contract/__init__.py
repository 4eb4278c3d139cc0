"""What every event store promises, as tests. An adapter's test file subclasses `StoreContract`.

class TestMemory(StoreContract):
    @pytest.fixture
    async def store(self) -> EventStore: ...
    @pytest.fixture
    async def other(self, store) -> EventStore: "another process on the same log"
"""

from __future__ import annotations

from events.testing.store_contract.appends import AppendContract
from events.testing.store_contract.races import RaceContract
from events.testing.store_contract.samples import (
    DEADLINE_S,
    REGISTRY,
    Closed,
    Counted,
    Unregistered,
    closed,
    counted,
    numbers_of,
    whole_log,
)
from events.testing.store_contract.together import TogetherContract


class StoreContract(AppendContract, TogetherContract, RaceContract):
    """Sentences that hold for every adapter."""


__all__ = [
    "DEADLINE_S",
    "REGISTRY",
    "Closed",
    "Counted",
    "StoreContract",
    "Unregistered",
    "closed",
    "counted",
    "numbers_of",
    "whole_log",
]
