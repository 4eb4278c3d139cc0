"""One process of the signer, as the program runs it, at devices that fail.

python -m tests.endurance.signer FOLDER DATABASE_URL FISKALY_URL SEED [BREAK]

SIGUSR1 makes it take every TSE by force, whoever drives it now. BREAK builds a defect in, to see
that the checks find it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from events import Metadata, Transient
from events.bus.postgres import PostgresBus
from events.receiver import Receiver
from events.store.connection import engine_for
from events.store.dead_letters import PostgresDeadLetters
from events.store.postgres import PostgresEventStore
from events.subscription import run_projection
from fiscal_signer.adapters.chip.pool import Chips
from fiscal_signer.adapters.fiskaly import Access, Cloud, FiskalyTses, Limits, client_for
from fiscal_signer.adapters.postgres import PostgresDeviceStorage, PostgresLeases
from fiscal_signer.adapters.software_tses import SoftwareTses
from fiscal_signer.adapters.tses import TsesByKind
from fiscal_signer.country import country_of
from fiscal_signer.events import REGISTRY
from fiscal_signer.handlers import (
    Breaker,
    Caretaker,
    Settings,
    TseDriver,
    UpkeepSettings,
    Ward,
    Watch,
)
from fiscal_signer.handlers.device import Device
from fiscal_signer.policies import Assignment, Reactor
from fiscal_signer.ports import (
    DeviceAnswer,
    DeviceStep,
    Tse,
    TseError,
    TseFault,
    Tses,
)
from fiscal_signer.projections import SignatureBook
from fiscal_signer.projections_upkeep import TseUpkeep
from fiscal_signer.queries import Queries
from fiscal_signer.testing.behind import TseBehind
from tests.endurance.ground import FISKALY, KEY, PIN, SCHEMA, SECRET, SOFTWARE, TSES, Folder

SETTINGS = Settings(
    call_s=0.8, step_s=0.05, pause_s=0.02, lease_s=1.0, probe_s=0.3, probe_max_s=1.0,
    steady_s=3.0, idle_s=3.0, segment_events_max=500,
)  # fmt: skip
UPKEEP = UpkeepSettings(
    check_every=timedelta(seconds=5),
    quiet=timedelta(seconds=0.2),
    overdue=timedelta(seconds=1),
    jitter=timedelta(seconds=1),
    again=timedelta(seconds=1),
    settle=timedelta(seconds=1),
)
"""A day's chores every few seconds."""
LIMITS = Limits(call_s=0.6, wait_max_s=0.1, waits_max=1, pause_s=0.05)
BUS_LEASE_S = 1.0
HANGS_S = 30.0
"""Longer than any caller waits."""

FAULTS = (("fails", 0.02), ("loses its answer", 0.03), ("hangs", 0.01), ("half done", 0.01),
          ("slow", 0.25))  # fmt: skip
"""What a software TSE does, and how likely at each call."""

OFTENER_BROKEN = 6
"""With a defect built in, faults come so much more often: it has to show soon."""

_STEAL = text(
    "UPDATE tse_lease SET until = clock_timestamp() - interval '1 ms' WHERE tse_id = :tse_id"
)
_log = logging.getLogger("endurance")


class RoughTse(TseBehind):
    """A software TSE whose line to its driver is bad."""

    def __init__(
        self, tse_id: str, inner: Tse, folder: Folder, chance: random.Random, often: int
    ) -> None:
        super().__init__(inner)
        self._tse_id = tse_id
        self._folder = folder
        self._chance = chance
        self._often = often

    def _reach(self) -> None:
        if self._folder.is_away(self._tse_id):
            raise TseFault(TseError.UNREACHABLE, "it is away")

    async def execute(self, steps: Sequence[DeviceStep]) -> Sequence[DeviceAnswer]:
        self._reach()
        fault = self._drawn()
        if fault == "fails":
            raise TseFault(TseError.STORAGE_FAILURE, fault)
        if fault == "half done":
            await self._inner.execute(steps[: len(steps) // 2])
            raise TseFault(TseError.STORAGE_FAILURE, fault)
        if fault == "slow":
            await asyncio.sleep(self._chance.random() * 0.1)
        answers = await self._inner.execute(steps)
        if fault == "hangs":
            await asyncio.sleep(HANGS_S)
        if fault == "loses its answer":
            raise TseFault(TseError.UNREACHABLE, fault)
        return answers

    def _drawn(self) -> str:
        if self._folder.calm:
            return ""
        at = self._chance.random()
        for fault, share in FAULTS:
            at -= share * self._often
            if at < 0:
                self._folder.struck(f"software {fault}")
                return fault
        return ""


class RoughTses:
    def __init__(self, inner: Tses, folder: Folder, chance: random.Random, often: int) -> None:
        self._inner = inner
        self._folder = folder
        self._chance = chance
        self._often = often

    async def open(self, tse_id: str) -> Tse:
        inner = await self._inner.open(tse_id)
        return RoughTse(tse_id, inner, self._folder, self._chance, self._often)


class BlindDevice(Device):
    """A defect: it repeats a call without asking the device what it has done."""

    async def bring(self, answers: Any, *, now: datetime, ask_first: bool) -> None:
        await super().bring(answers, now=now, ask_first=False)


class Blind(TseDriver):
    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._device = BlindDevice(
            parts["tse_id"], parts["store_id"], store=parts["store"], tses=parts["tses"],
            settings=parts["settings"],
        )  # fmt: skip


def now() -> datetime:
    return datetime.now(UTC)


def fiskaly(client: Any) -> FiskalyTses:
    access = Access(api_key=KEY, api_secret=SECRET)
    cloud = Cloud(client, access, monotonic=time.monotonic, limits=LIMITS)
    tses = [tse for tse in TSES if tse.kind == FISKALY]
    return FiskalyTses(
        cloud,
        tss_ids={tse.tse_id: tse.tss_id for tse in tses},
        admin_pins={tse.tse_id: PIN for tse in tses},
        clock=now,
        new_id=uuid4,
    )


async def serve(folder: Folder, url: str, fiskaly_url: str, seed: int, broken: bool) -> None:
    """Until it is killed."""
    async with AsyncExitStack() as stack:
        engine = engine_for(url, schema=SCHEMA, pool_max=3)
        stack.push_async_callback(engine.dispose)
        store = await stack.enter_async_context(
            PostgresEventStore.open(url, service="fiscal-signer", schema=SCHEMA, registry=REGISTRY)
        )
        bus = await stack.enter_async_context(PostgresBus.open(url, lease_s=BUS_LEASE_S))
        chips = Chips(processes_max=1)
        stack.push_async_callback(chips.close)
        await chips.start()
        client = await stack.enter_async_context(client_for(fiskaly_url, None, LIMITS))
        software = SoftwareTses(
            PostgresDeviceStorage(engine),
            chips,
            curves={tse.tse_id: tse.curve for tse in TSES if tse.kind == SOFTWARE},
            sealing_key=bytes(32),
            nonce=lambda: os.urandom(12),
            clock=now,
        )
        kinds = {tse.tse_id: tse.kind for tse in TSES}
        often = OFTENER_BROKEN if broken else 1
        rough = RoughTses(software, folder, random.Random(seed), often)
        tses = TsesByKind(kinds, {SOFTWARE: rough, FISKALY: fiskaly(client)})
        country = country_of("DE")
        assignments = {tse.tse_id: Assignment(tse.tse_id, tse.store_id, country) for tse in TSES}
        leases, owner = PostgresLeases(engine), f"{os.getpid()}/{uuid4().hex[:8]}"
        drivers = {
            tse.tse_id: (Blind if broken else TseDriver)(
                tse_id=tse.tse_id,
                store_id=tse.store_id,
                country=country,
                store=store,
                tses=tses,
                leases=leases,
                owner=owner,
                clock=now,
                settings=SETTINGS,
            )
            for tse in TSES
        }
        reactor = Reactor(store, drivers, assignments, elsewhere=frozenset(), clock=now)
        letters = PostgresDeadLetters(engine, schema=SCHEMA)
        receiver = Receiver(bus, "fiscal-signer", [reactor.reaction()], letters)
        async with asyncio.TaskGroup() as group:
            group.create_task(receiver.run())
            for book in (SignatureBook(), TseUpkeep()):
                group.create_task(run_projection(store, engine, book, schema=SCHEMA))
            group.create_task(_watch(engine, store, drivers).run())
            group.create_task(_steal_when_told(engine, drivers))


def _watch(engine: AsyncEngine, store: PostgresEventStore, drivers: dict[str, TseDriver]) -> Watch:
    queries = Queries(engine)
    wards = {
        tse_id: Ward(
            driver,
            Breaker(SETTINGS),
            Caretaker(
                driver,
                store_id=driver.store_id,
                store=store,
                clock=now,
                settings=UPKEEP,
                unread=partial(queries.unread_since, tse_id),
            ),
        )
        for tse_id, driver in drivers.items()
    }
    away = (DBAPIError, OSError)
    return Watch(wards, out=queries.tses_out, clock=now, away=away, every_s=SETTINGS.probe_s)


async def _steal_when_told(engine: AsyncEngine, drivers: dict[str, TseDriver]) -> None:
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, told.set)
    while True:
        await told.wait()
        told.clear()
        for tse_id, driver in drivers.items():
            try:
                async with engine.begin() as connection:
                    await connection.execute(_STEAL, {"tse_id": tse_id})
                await driver.work((), Metadata())
            except (Transient, DBAPIError, OSError) as fault:
                _log.info("%s was not taken: %s", tse_id, fault)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(process)d %(message)s")
    asyncio.run(
        serve(
            Folder(Path(sys.argv[1])),
            sys.argv[2],
            sys.argv[3],
            int(sys.argv[4]),
            broken=len(sys.argv) > 5,
        )
    )
