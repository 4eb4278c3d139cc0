"""Everything the service is made of, put together. Nothing happens at import."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy.exc import DBAPIError

from fiscal_signer.adapters.chip.pool import Chips
from fiscal_signer.adapters.exports.dsfinvk import DsfinvkMaker
from fiscal_signer.adapters.exports.jobs import PostgresJobs
from fiscal_signer.adapters.exports.report_146a import Report146aMaker
from fiscal_signer.adapters.exports.tar import TarMaker
from fiscal_signer.adapters.fiskaly.device import KIND as FISKALY_KIND
from fiscal_signer.adapters.journal import PostgresJournal
from fiscal_signer.adapters.log_archives import LogArchives
from fiscal_signer.adapters.postgres import PostgresDeviceStorage, PostgresLeases, PostgresMailbox
from fiscal_signer.adapters.software_archives import SoftwareArchives
from fiscal_signer.adapters.software_tse import KIND
from fiscal_signer.adapters.software_tses import PURPOSE, SoftwareTses
from fiscal_signer.adapters.tses import Fiskaly, TsesByKind, fiskaly_of
from fiscal_signer.api import FROM_LOG, router_of
from fiscal_signer.api_exports import routes as routes_of_exports
from fiscal_signer.country import country_of
from fiscal_signer.events import REGISTRY
from fiscal_signer.handlers import (
    Breaker,
    Caretaker,
    Settings,
    SurplusReader,
    TseDriver,
    UpkeepSettings,
    Ward,
    Watch,
    share_of,
)
from fiscal_signer.handlers.alarm import Alarm, Post
from fiscal_signer.handlers.exports import Exports
from fiscal_signer.policies import Assignment, Reactor
from fiscal_signer.policies.keeper import Keeper
from fiscal_signer.ports import Archives, TseFault
from fiscal_signer.projections import SignatureBook
from fiscal_signer.projections_exports import ExportBook
from fiscal_signer.projections_upkeep import TseUpkeep
from fiscal_signer.public import PUBLICATION
from fiscal_signer.queries import Queries
from fiscal_signer.queries_exports import ExportQueries
from kassenverbund.kit.chain import Chain, SigningPlace
from kassenverbund.kit.service import Opened, Runtime, Service

ALL_PLACES = frozenset(SigningPlace)
NONCE_BYTES = 12
NAME = "fiscal-signer"
SCHEMA = "fiscal_signer"

_log = logging.getLogger("fiscal_signer")


def service_for(places: frozenset[SigningPlace] = ALL_PLACES) -> Service:
    """The service for the stores whose signing place is one of `places`. One machine signs for
    all; a center beside store boxes is `service_for(frozenset({SigningPlace.CENTER}))`."""

    async def open_(runtime: Runtime) -> Opened:
        return _open(runtime, places)

    return Service(
        name=NAME,
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
        kinds_of(chain),
        {KIND: _software(runtime, storage, chips), FISKALY_KIND: fiskaly.tses},
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

    alarm = _alarm(runtime, queries, watched=len(drivers))
    archives: dict[str, Archives] = {
        KIND: SoftwareArchives(storage),
        FISKALY_KIND: fiskaly.archives,
        FROM_LOG: LogArchives(queries),
    }
    watch = _watch(runtime, drivers, queries, fiskaly, alarm)
    journal = PostgresJournal(runtime.engine)
    exports = _exports(runtime, owner, journal, archives, queries)
    router = router_of(queries, country_of("DE"), archives)
    desk = ExportQueries(runtime.engine, schema=SCHEMA)
    router.include_router(routes_of_exports(exports, desk, journal, runtime.clock))
    return Opened(
        router=router,
        projections=(SignatureBook(), TseUpkeep(), ExportBook()),
        reactions=(reactor.reaction(), *Keeper(journal).reactions()),
        tasks=(watch.run, exports.work),
        startup=partial(_start, chips),
        alerts=alarm.alerts,
        close=partial(_close, chips, fiskaly, alarm),
    )


def _exports(
    runtime: Runtime,
    owner: str,
    journal: PostgresJournal,
    archives: Mapping[str, Archives],
    queries: Queries,
) -> Exports:
    def zone_of(store_id: str) -> ZoneInfo:
        store = runtime.chain.store(store_id)
        return ZoneInfo("Europe/Berlin") if store is None else store.zone

    return Exports(
        runtime.store,
        PostgresJobs(runtime.engine),
        {
            "dsfinvk": DsfinvkMaker(runtime.engine, schema=SCHEMA),
            "report_146a": Report146aMaker(journal),
            "tar": TarMaker(archives, queries.tses, journal, zone_of),
        },
        folder=runtime.var / "exports",
        worker=owner,
        clock=runtime.clock,
    )


def _watch(
    runtime: Runtime,
    drivers: Mapping[str, TseDriver],
    queries: Queries,
    fiskaly: Fiskaly,
    alarm: Alarm,
) -> Watch:
    reader = SurplusReader(runtime.store, fiskaly.archives, queries.unread, clock=runtime.clock)
    kinds = kinds_of(runtime.chain)
    wards = {
        tse_id: _ward(driver, runtime, queries, reader if kinds[tse_id] == FISKALY_KIND else None)
        for tse_id, driver in drivers.items()
    }
    return Watch(
        wards,
        out=queries.tses_out,
        clock=runtime.clock,
        away=(DBAPIError, OSError),
        tick=alarm.update,
    )


def _ward(
    driver: TseDriver, runtime: Runtime, queries: Queries, reader: SurplusReader | None
) -> Ward:
    """`reader`: of a device that gives out some of its log in exports only."""
    tse_id = driver.tse_id
    return Ward(
        driver,
        Breaker(driver.settings, share_of(tse_id)),
        Caretaker(
            driver,
            store_id=driver.store_id,
            store=runtime.store,
            clock=runtime.clock,
            settings=UpkeepSettings(),
            unread=partial(queries.unread_since, tse_id),
            read_export=partial(reader.read, tse_id, driver.store_id) if reader else None,
        ),
    )


def kinds_of(chain: Chain) -> dict[str, str]:
    """TSE → kind."""
    return {tse.id: tse.kind for store in chain.stores for tse in store.tses}


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


def _alarm(runtime: Runtime, queries: Queries, *, watched: int) -> Alarm:
    post, to = None, runtime.chain.operator_mail
    if runtime.mailer is not None and to is not None:
        post = Post(runtime.mailer, to, runtime.chain.name, PostgresMailbox(runtime.engine))
    return Alarm(outages=queries.outages, warnings=queries.warnings, watched=watched, post=post)


async def _close(chips: Chips, fiskaly: Fiskaly, alarm: Alarm) -> None:
    await alarm.close()
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
