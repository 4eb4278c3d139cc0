"""What a run left behind: what was told, what the log says, and what the devices really did."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg
import httpx

from tests.endurance.ground import FISKALY, SCHEMA, TSES
from tests.endurance.script import Told

KEPT = (
    "tse.client_registered", "tse.taken_over", "tse.segment_opened", "signature.started",
    "signature.made", "signature.left_unsigned", "signature.abandoned", "signature.surplus",
    "outage.began", "outage.ended", "closing.signed",
)  # fmt: skip
_EVENTS = (
    f"SELECT position, type, data::text AS data, idempotency_key FROM {SCHEMA}.event"
    " WHERE position > $1 AND type = ANY($2::text[]) ORDER BY position LIMIT 5000"
)
_LOGS = f"SELECT signature_counter, log_message FROM {SCHEMA}.software_tse_log WHERE tse_id = $1"
_KEY = f"SELECT public_key FROM {SCHEMA}.software_tse WHERE tse_id = $1"


@dataclass(frozen=True, slots=True)
class Fact:
    """One event of the signer's log."""

    position: int
    name: str
    data: dict[str, Any]
    key: str
    """Of its append."""


@dataclass(frozen=True, slots=True)
class Device:
    """What a device has really done: counter → log message; None: it gives no bytes of it."""

    public_key: bytes
    logs: dict[int, bytes | None]


@dataclass
class Facts:
    told: dict[str, list[Told]] = field(default_factory=lambda: defaultdict(list))
    """TSE → what a verdict is due to, in the order in which it was published."""
    sign_by: dict[str, datetime] = field(default_factory=dict)
    log: list[Fact] = field(default_factory=list)
    devices: dict[str, Device] = field(default_factory=dict)

    def of(self, *names: str, tse_id: str | None = None) -> list[Fact]:
        return [
            fact
            for fact in self.log
            if fact.name in names and tse_id in (None, fact.data["tse_id"])
        ]

    @property
    def verdicts(self) -> list[Fact]:
        return self.of("signature.made", "signature.left_unsigned")


async def read_on(connection: asyncpg.Connection[Any], facts: Facts, after: int) -> int:
    """Read what came to the log since. Returns the position to go on from."""
    while rows := await connection.fetch(_EVENTS, after, list(KEPT)):
        for row in rows:
            fact = Fact(
                row["position"], row["type"], json.loads(row["data"]), row["idempotency_key"]
            )
            facts.log.append(fact)
        after = rows[-1]["position"]
    return after


async def read_devices(connection: asyncpg.Connection[Any], fiskaly: str, facts: Facts) -> None:
    """Ask each device itself, past the signer."""
    async with httpx.AsyncClient() as client:
        for tse in TSES:
            if tse.kind == FISKALY:
                truth = (await client.get(f"{fiskaly}/truth/{tse.tss_id}")).json()
                logs: dict[int, bytes | None] = dict.fromkeys(range(1, truth["counter"] + 1))
                logs |= {int(at): bytes.fromhex(raw) for at, raw in truth["logs"].items()}
                facts.devices[tse.tse_id] = Device(bytes.fromhex(truth["public_key"]), logs)
            else:
                key = await connection.fetchval(_KEY, tse.tse_id)
                rows = await connection.fetch(_LOGS, tse.tse_id)
                stored = {row["signature_counter"]: row["log_message"] for row in rows}
                facts.devices[tse.tse_id] = Device(key, stored)
