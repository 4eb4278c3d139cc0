"""A process of the signer that can be killed: it signs the sales that it is told of.

python -m fiscal_signer.testing.fiskaly_process DATABASE_URL FISKALY_URL BOOKING…
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from datetime import timedelta

from events.store.connection import engine_for
from events.store.postgres import PostgresEventStore
from fiscal_signer.adapters.fiskaly import Limits, client_for
from fiscal_signer.adapters.postgres import PostgresLeases
from fiscal_signer.events import REGISTRY
from fiscal_signer.handlers import Settings
from fiscal_signer.testing import NOON, Clock, World, paired, recorded
from fiscal_signer.testing.fiskaly_line import devices_of

SCHEMA = "fiscal_signer"
LEASE_S = 0.5
LIMITS = Limits(call_s=60.0)
SETTINGS = Settings(pause_s=0.0, lease_s=LEASE_S, call_s=60.0)


async def sign(database_url: str, fiskaly_url: str, bookings: Sequence[str]) -> None:
    """Bring the bookings to their verdicts. Raises `Transient` while another process leads."""
    clock = Clock()
    engine = engine_for(database_url, schema=SCHEMA)
    client = client_for(fiskaly_url, None, LIMITS)
    try:
        async with PostgresEventStore.open(
            database_url, service="fiscal-signer", schema=SCHEMA, registry=REGISTRY
        ) as store:
            world = World(
                ("berlin",),
                store=store,
                leases=PostgresLeases(engine),
                settings=SETTINGS,
                clock=clock,
                devices=devices_of(client, clock=clock, monotonic=time.monotonic, limits=LIMITS),
            )
            reactor = world.process(f"process {os.getpid()}")
            by = NOON + timedelta(hours=1)
            await reactor.handle([paired(), *(recorded(name, sign_by=by) for name in bookings)])
    finally:
        await client.aclose()
        await engine.dispose()


if __name__ == "__main__":
    asyncio.run(sign(sys.argv[1], sys.argv[2], sys.argv[3:]))
