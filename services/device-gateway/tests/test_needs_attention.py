"""What can't be handled is kept for a person with its reason: never deleted, never in the way."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from device_gateway.policies import verdicts
from events.bus.contract import Record
from events.receiver import Receiver
from events.store.dead_letters import MemoryDeadLetters
from events.testing.memory_bus import MemoryBus


def record(name: str, document: dict[str, Any]) -> Record:
    return Record(
        key="berlin",
        headers={
            "ce_specversion": "1.0",
            "ce_id": str(uuid4()),
            "ce_source": "/fiscal-signer",
            "ce_type": f"{name}.v1",
            "ce_subject": "tse",
            "ce_time": "2026-11-20T12:00:00.000000Z",
            "ce_sequence": "1",
            "ce_position": "1",
            "ce_partitionkey": "berlin",
            "content-type": "application/json",
        },
        value=json.dumps(document).encode(),
    )


async def test_a_verdict_that_nobody_can_read_lands_in_needs_attention_and_stays(
    rig: Any, till: Any, words: Any, signature_of: Any
) -> None:
    for _ in range(2):
        await till.post("", words.sale([words.article(500)], words.cash(500)))
    first, second = rig.events("booking.recorded")
    letters = MemoryDeadLetters()
    receiver = Receiver(MemoryBus(), "device-gateway", [verdicts(rig.gateway)], letters)
    unreadable = record("signature.made", {"booking_id": first.booking_id})
    await receiver.handle(
        verdicts(rig.gateway), [unreadable, record("signature.made", signature_of(second))]
    )
    await receiver.handle(verdicts(rig.gateway), [unreadable])  # The bus says it again.

    (kept,) = await letters.list()
    assert (kept.lane, kept.event_type) == (first.booking_id, "signature.made.v1")
    assert "ValidationError" in kept.reason
    (verdict,) = rig.events("booking.verdict_received")
    assert verdict.booking_id == second.booking_id
