"""What the signer adds to the time that a device takes, and how many bookings slow devices allow.

    python -m benchmarks.signing_devices [--seconds 4] [--tses 1 8 32] [--json]

The devices are software TSEs in this process (P-384, their memory in memory) that take a given time
for each signature on top. What is spent inside a device is measured there and taken off; what is
left is ours: the policy, the intent and the result in the log (PostgreSQL, two commits), the QR
code.

Overhead: one till, in milliseconds per signature. "Apart": one event at a time (`booking.started`,
then `booking.recorded`), two commits per signature. "Sale": both in one batch, as a till sends a
whole sale, two commits for two signatures. Bare: a row committed before the device's time and one
after it, on a connection of its own, which is the least that "intent before the call, result after
it" costs. The device's own time is taken off there too.

Bookings per second: each TSE gets its bookings in batches, as the receiver hands them over while
the device works at the last one. The reference is what the devices alone allow.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import asyncpg
import uvloop

from benchmarks.report import Row, show
from benchmarks.signing import CURVE, all_signed, names, now, reactor_of, server
from events.reaction import Incoming
from events.store.connection import engine_for
from events.store.migrate import migrate
from events.store.postgres import PostgresEventStore
from fiscal_signer.adapters.memory import MemoryChip, MemoryDeviceStorage
from fiscal_signer.adapters.postgres import PostgresLeases
from fiscal_signer.adapters.software_tses import SoftwareTses
from fiscal_signer.events import REGISTRY
from fiscal_signer.policies import Reactor
from fiscal_signer.ports import (
    Chore,
    DeviceAnswer,
    DeviceStep,
    Figures,
    RegisterClient,
    Signed,
    Tse,
    TseInfo,
)
from fiscal_signer.service import SERVICE
from fiscal_signer.testing import paired, recorded, started
from kassenverbund.program import GC_THRESHOLD

DELAYS_MS = (0, 5, 50, 250)
RATE_DELAYS_MS = (0, 5, 50)
TSES = (1, 8, 32)
BOOKINGS_PER_BATCH = {0: 50, 5: 10, 50: 4}
SALES_MIN = 5
AIM_MS = 2.0
AIM_AT_MS = 5
RATE_AIM = 0.8


class SlowDevices:
    """`fiscal_signer.ports.Tses`: software TSEs that take `delay_s` per signature."""

    def __init__(self, tses: int, delay_s: float) -> None:
        self.delay_s = delay_s
        self.spent_s = 0.0
        """Inside of the devices, all together."""
        self._inner = SoftwareTses(
            MemoryDeviceStorage(),
            MemoryChip(),
            curves=dict.fromkeys(names(tses), CURVE),
            sealing_key=bytes(32),
            nonce=lambda: os.urandom(12),
            clock=now,
        )

    async def open(self, tse_id: str) -> Tse:
        return _SlowTse(await self._inner.open(tse_id), self)


class _SlowTse:
    def __init__(self, inner: Tse, devices: SlowDevices) -> None:
        self._inner = inner
        self._devices = devices

    async def info(self) -> TseInfo:
        return await self._inner.info()

    async def execute(self, steps: Sequence[DeviceStep]) -> Sequence[DeviceAnswer]:
        began = time.perf_counter()
        signatures = sum(not isinstance(step, RegisterClient) for step in steps)
        if self._devices.delay_s:
            await asyncio.sleep(self._devices.delay_s * signatures)
        answers = await self._inner.execute(steps)
        self._devices.spent_s += time.perf_counter() - began
        return answers

    async def logs_after(self, signature_counter: int) -> Sequence[Signed]:
        return await self._inner.logs_after(signature_counter)

    async def open_transactions(self) -> dict[int, str]:
        return await self._inner.open_transactions()

    async def figures(self) -> Figures:
        return await self._inner.figures()

    async def tend(self, chore: Chore) -> bool:
        return await self._inner.tend(chore)


@asynccontextmanager
async def signer(url: str, devices: SlowDevices, tses: int) -> AsyncIterator[Reactor]:
    """The service's reaction over `devices`, with the log on PostgreSQL."""
    schema = f"signer_{uuid4().hex[:8]}"
    await migrate(url, schema=schema, folder=SERVICE.migrations)
    engine = engine_for(url, schema=schema)
    try:
        async with PostgresEventStore.open(
            url, service=SERVICE.name, schema=schema, registry=REGISTRY
        ) as store:
            yield reactor_of(store, devices, PostgresLeases(engine), tses)
            await all_signed(url, schema)
    finally:
        await engine.dispose()


# -- overhead ------------------------------------------------------------------------------


async def measured(url: str, delay_ms: int, seconds: float) -> dict[str, list[float]]:
    """Milliseconds per signature beyond the device's: `apart`, `sale` and `bare`, taken in turns,
    so that whatever else happens on the machine happens to all of them."""
    devices = SlowDevices(1, delay_ms / 1000)
    store = "store-0"
    found: dict[str, list[float]] = {"apart": [], "sale": [], "bare": []}
    async with signer(url, devices, 1) as reactor, bare(url, delay_ms) as bare_one:
        await reactor.handle([paired(store=store)])
        for _ in range(8):
            await one(reactor, devices, sale(store)[:1])
        end = time.perf_counter() + 3 * seconds
        while time.perf_counter() < end or len(found["sale"]) < SALES_MIN:
            found["apart"] += [await one(reactor, devices, [event]) for event in sale(store)]
            found["sale"].append(await one(reactor, devices, sale(store)) / 2)
            found["bare"].append(await bare_one())
    return found


def sale(store: str) -> list[Incoming]:
    booking, by = str(uuid4()), now() + timedelta(minutes=1)
    return [started(booking, store=store), recorded(booking, store=store, sign_by=by)]


async def one(reactor: Reactor, devices: SlowDevices, records: Sequence[Incoming]) -> float:
    before, began = devices.spent_s, time.perf_counter()
    await reactor.handle(records)
    return (time.perf_counter() - began - (devices.spent_s - before)) * 1000


@asynccontextmanager
async def bare(url: str, delay_ms: int) -> AsyncIterator[Callable[[], Awaitable[float]]]:
    """Two committed rows around the device's time."""
    table = f"bare_{uuid4().hex[:8]}"
    connection = await asyncpg.connect(url, server_settings={"synchronous_commit": "on"})
    insert = f"INSERT INTO {table} VALUES ($1, $2)"

    async def signature() -> float:
        began = time.perf_counter()
        await connection.execute(insert, uuid4(), b"x" * 500)
        asked = time.perf_counter()
        await asyncio.sleep(delay_ms / 1000)
        answered = time.perf_counter()
        await connection.execute(insert, uuid4(), b"x" * 1_000)
        return (time.perf_counter() - answered + asked - began) * 1000

    try:
        await connection.execute(f"CREATE TABLE {table} (id uuid PRIMARY KEY, data bytea)")
        yield signature
    finally:
        await connection.close()


async def overhead(url: str, delay_ms: int, seconds: float) -> list[Row]:
    found = await measured(url, delay_ms, seconds)
    rows = []
    for way in ("apart", "sale"):
        for name, of in (("p50", statistics.median), ("p99", p99)):
            mine = of(found[way])
            aimed = delay_ms == AIM_AT_MS and name == "p50"
            rows.append(
                Row(
                    name=f"per signature at {delay_ms} ms, {way}, {name}",
                    ours=mine,
                    unit="ms",
                    reference=of(found["bare"]),
                    against="two commits",
                    aim=f"< {AIM_MS:.0f} ms" if aimed else "",
                    met=mine < AIM_MS if aimed else None,
                    note=f"{len(found[way])} taken" if name == "p50" else "",
                )
            )
    return rows


def p99(values: Sequence[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


# -- bookings per second -------------------------------------------------------------------


async def rate(url: str, tses: int, delay_ms: int, seconds: float) -> Row:
    devices = SlowDevices(tses, delay_ms / 1000)
    size = BOOKINGS_PER_BATCH[delay_ms]
    async with signer(url, devices, tses) as reactor:

        async def work(number: int, end: float) -> int:
            done = 0
            while time.perf_counter() < end:
                await reactor.handle(batch(f"store-{number}", size))
                done += size
            return done

        await asyncio.gather(*(work(number, time.perf_counter() + 0.3) for number in range(tses)))
        began = time.perf_counter()
        done = sum(await asyncio.gather(*(work(n, began + seconds) for n in range(tses))))
        pace = done / (time.perf_counter() - began)
    most = tses / (2 * delay_ms / 1000) if delay_ms else None
    bound = most is not None and most <= 700
    return Row(
        name=f"bookings, {tses} TSE{'s' if tses > 1 else ''} at {delay_ms} ms",
        ours=pace,
        unit="/s",
        reference=most,
        against="what the devices allow" if most else "",
        aim=f"ratio ≥ {RATE_AIM}" if bound else "",
        met=pace >= RATE_AIM * most if bound and most else None,
        note=f"batches of {size}; the devices' {CURVE} in this process",
    )


def batch(store: str, bookings: int) -> list[Incoming]:
    return [event for _ in range(bookings) for event in sale(store)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--delays", type=int, nargs="*", default=list(DELAYS_MS))
    parser.add_argument("--tses", type=int, nargs="*", default=list(TSES))
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()

    async def run(url: str) -> list[Row]:
        rows = [row for delay in given.delays for row in await overhead(url, delay, given.seconds)]
        for delay in RATE_DELAYS_MS:
            rows += [await rate(url, tses, delay, given.seconds) for tses in given.tses]
        return rows

    # As the program does (kassenverbund/program.py), for both sides.
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 100)
    with server() as url:
        rows = uvloop.run(run(url))
    show("Signing: devices", rows, as_json=given.json)


if __name__ == "__main__":
    main()
