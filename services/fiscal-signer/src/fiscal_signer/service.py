"""Everything the service is made of, put together. Nothing happens at import."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from uuid import uuid4

from sqlalchemy.exc import DBAPIError

from events import Transient
from fiscal_signer.adapters.chip.pool import Chips
from fiscal_signer.adapters.postgres import PostgresDeviceStorage, PostgresLeases
from fiscal_signer.adapters.software_archives import SoftwareArchives
from fiscal_signer.adapters.software_tse import KIND
from fiscal_signer.adapters.software_tses import PURPOSE, SoftwareTses
from fiscal_signer.adapters.tses import Fiskaly, TsesByKind, fiskaly_of
from fiscal_signer.api import router_of
from fiscal_signer.country import country_of
from fiscal_signer.events import REGISTRY
from fiscal_signer.handlers import Settings, TseDriver
from fiscal_signer.policies import Assignment, Reactor
from fiscal_signer.ports import TseFault
from fiscal_signer.projections import SignatureBook
from fiscal_signer.public import PUBLICATION
from fiscal_signer.queries import Queries
from kassenverbund.kit.chain import Chain, SigningPlace
from kassenverbund.kit.service import Opened, Runtime, Service

ALL_PLACES = frozenset(SigningPlace)
NONCE_BYTES = 12

_log = logging.getLogger("fiscal_signer")


def service_for(places: frozenset[SigningPlace] = ALL_PLACES) -> Service:
    """The service for the stores whose signing place is one of `places`. One machine signs for
    all; a center beside store boxes is `service_for(frozenset({SigningPlace.CENTER}))`."""

    async def open_(runtime: Runtime) -> Opened:
        return _open(runtime, places)

    return Service(
        name="fiscal-signer",
        registry=REGISTRY,
        publication=PUBLICATION,
        migrations=Path(__file__).parents[2] / "migrations",
        open=open_,
    )


SERVICE = service_for()


def _open(runtime: Runtime, places: frozenset[SigningPlace]) -> Opened:
    chain, settings = runtime.chain, Settings()
    assignments = assignments_of(chain)
    elsewhere = frozenset(store.id for store in chain.stores if store.signing_place not in places)
    chips = Chips(processes_max=os.cpu_count() or 1)
    storage = PostgresDeviceStorage(runtime.engine)
    fiskaly = fiskaly_of(chain, runtime.fiskaly, runtime.clock)
    tses = TsesByKind(
        {tse.id: tse.kind for store in chain.stores for tse in store.tses},
        {"software": _software(runtime, storage, chips), "fiskaly": fiskaly.tses},
    )
    leases = PostgresLeases(runtime.engine)
    owner = f"{socket.gethostname()}/{os.getpid()}/{uuid4().hex[:8]}"
    drivers = {
        assignment.tse_id: TseDriver(
            tse_id=assignment.tse_id,
            store_id=assignment.store_id,
            country=assignment.country,
            store=runtime.store,
            tses=tses,
            leases=leases,
            owner=owner,
            clock=runtime.clock,
            settings=settings,
        )
        for assignment in assignments.values()
        if assignment.store_id not in elsewhere
    }
    reactor = Reactor(runtime.store, drivers, assignments, elsewhere=elsewhere, clock=runtime.clock)
    queries = Queries(runtime.engine)

    async def watch() -> None:
        await watch_devices(drivers, queries, every_s=settings.probe_s)

    return Opened(
        router=router_of(queries, country_of("DE"), {KIND: SoftwareArchives(storage)}),
        projections=(SignatureBook(),),
        reactions=(reactor.reaction(),),
        tasks=(watch,),
        startup=partial(_start, chips),
        close=partial(_close, chips, fiskaly),
    )


def _software(runtime: Runtime, storage: PostgresDeviceStorage, chips: Chips) -> SoftwareTses:
    declared = (tse for store in runtime.chain.stores for tse in store.tses)
    return SoftwareTses(
        storage,
        chips,
        curves={tse.id: tse.curve for tse in declared if tse.kind == "software"},
        sealing_key=runtime.secrets.key(PURPOSE),
        nonce=lambda: os.urandom(NONCE_BYTES),
        clock=runtime.clock,
    )


async def _close(chips: Chips, fiskaly: Fiskaly) -> None:
    await fiskaly.close()
    await chips.close()


async def _start(chips: Chips) -> None:
    try:
        await chips.start()
    except TseFault as fault:
        # Selling goes on without a device, and so does the program; bookings will say why.
        _log.error("the software TSEs cannot sign: %s", fault)


def assignments_of(chain: Chain) -> dict[str, Assignment]:
    """TSE → store and country. Raises `CountryNotSupported` for a store that no package fits."""
    return {
        tse.id: Assignment(tse.id, store.id, country_of(store.country))
        for store in chain.stores
        for tse in store.tses
    }


async def watch_devices(
    drivers: Mapping[str, TseDriver], queries: Queries, *, every_s: float
) -> None:
    """Introduce new devices, then try those that are out, away from any sale. Ends never."""
    waiting = set(drivers)
    while True:
        for tse_id in sorted(waiting):
            if await _settled(drivers[tse_id]):
                waiting.discard(tse_id)
        for tse_id in await _out(queries):
            if tse_id in drivers:
                await _probed(drivers[tse_id])
        await asyncio.sleep(every_s)


async def _out(queries: Queries) -> list[str]:
    try:
        return await queries.tses_out()
    except (DBAPIError, OSError) as away:
        _log.warning("which TSEs are out is not known now: %s", type(away).__name__)
        return []


async def _settled(driver: TseDriver) -> bool:
    try:
        await driver.introduce()
    except (TseFault, Transient) as fault:
        _log.warning("%s did not introduce itself: %s", driver.tse_id, fault)
        return False
    return True


async def _probed(driver: TseDriver) -> None:
    try:
        well = await driver.probe()
    except Transient as fault:
        _log.info("%s was not tried: %s", driver.tse_id, fault)
    else:
        _log.info("%s is %s", driver.tse_id, "back" if well else "still out")
