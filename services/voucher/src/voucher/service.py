"""Everything the service is made of, put together. Nothing happens at import."""

from __future__ import annotations

import asyncio
import logging
import secrets as system
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from events import Registry, Transient
from events.reaction import Reaction, by_policies
from kassenverbund.kit.service import Opened, Runtime, Service
from voucher import api
from voucher.adapters.attempts import OWN, WEAK, PostgresAttempts
from voucher.adapters.batches import PostgresBatchParts, PostgresBatchWork
from voucher.adapters.deliveries import PostgresDeliveries
from voucher.adapters.holds import PostgresLapsedHolds
from voucher.adapters.mail_outbox import PostgresMailOutbox
from voucher.adapters.past import PostgresPastVouchers
from voucher.adapters.streams import PostgresVoucherStreams
from voucher.api.batches import STREAMED
from voucher.events import EVENTS
from voucher.handlers import Vouchers
from voucher.handlers.account_names import AccountRules
from voucher.handlers.finding import Finder
from voucher.handlers.mailing import Mailing
from voucher.handlers.overdrafts import Overdrafting
from voucher.policies import HEARD, TOPIC, lane, policies
from voucher.ports import Attempts, Deliveries, LapsedHolds
from voucher.projections import VoucherBook
from voucher.projections_catalogue import CatalogueBook
from voucher.public import PUBLICATION
from voucher.qr import QrCodes
from voucher.queries import Queries
from voucher.queries_catalogue import CatalogueQueries
from voucher.service_accounts import DELIVER_EVERY_S, open_accounts
from voucher.service_office import build_back_office
from voucher.upcasters import UPCASTERS

SWEEP_EVERY_S = 5.0
"""How soon after its end an expired hold shows as released. It stopped counting at once."""

SWEPT_MAX = 200
"""Holds that one sweep writes down; the rest wait for the next."""

MAIL_EVERY_S = 2.0

PURGE_EVERY_S = 60.0

BATCHES_EVERY_S = 0.5
"""How soon an ordered batch is begun."""

SCHEMA = "voucher"

_log = logging.getLogger("voucher")

REGISTRY = Registry(*EVENTS, upcasters=UPCASTERS)


async def sweep(vouchers: Vouchers, holds: LapsedHolds, now: datetime) -> int:
    """Write down which holds have run out; answers how many it looked at."""
    lapsed = await holds.lapsed(now, holds_max=SWEPT_MAX)
    for voucher_id, hold_id in lapsed:
        await vouchers.expire(voucher_id, hold_id)
    return len(lapsed)


async def purge(deliveries: Deliveries, attempts: Attempts, now: datetime) -> int:
    """Forget codes and counters whose time is up; answers how many codes."""
    gone = await deliveries.purge(now)
    await attempts.purge(now)
    if gone:
        # Their print was never acknowledged: somebody may hold a voucher that shows no code.
        _log.warning("%d codes were never delivered and are gone", gone)
    return gone


async def _every(seconds: float, work: Callable[[], Awaitable[object]]) -> None:
    """Run `work` again and again. A fault that may pass waits for the next round."""
    while True:
        try:
            await work()
        except Transient as fault:
            _log.warning("put off: %s", fault)
        await asyncio.sleep(seconds)


def _queries(runtime: Runtime) -> Queries:
    stores = runtime.chain.stores
    return Queries(
        runtime.engine,
        stores={store.id: store.name for store in stores},
        time_zone=stores[0].time_zone,
    )


@dataclass(frozen=True, slots=True)
class _Beside:
    """What lies beside the log."""

    deliveries: PostgresDeliveries
    outbox: PostgresMailOutbox
    attempts: PostgresAttempts
    weak_attempts: PostgresAttempts
    lapsed: PostgresLapsedHolds
    parts: PostgresBatchParts


def _beside(runtime: Runtime) -> _Beside:
    engine, secrets = runtime.engine, runtime.secrets
    return _Beside(
        deliveries=PostgresDeliveries(engine, secrets, system.token_bytes),
        outbox=PostgresMailOutbox(engine, secrets, system.token_bytes),
        attempts=PostgresAttempts(engine, OWN),
        weak_attempts=PostgresAttempts(engine, WEAK),
        lapsed=PostgresLapsedHolds(engine),
        parts=PostgresBatchParts(engine, secrets, system.token_bytes),
    )


def _mailing(runtime: Runtime, beside: _Beside, qr: QrCodes) -> Mailing:
    return Mailing(
        runtime.store,
        chain=runtime.chain,
        deliveries=beside.deliveries,
        outbox=beside.outbox,
        mailer=runtime.mailer,
        qr=qr,
        clock=runtime.clock,
    )


def _rooms(runtime: Runtime, beside: _Beside) -> api.Rooms:
    """All handlers, over one log."""
    qr = QrCodes(runtime.secrets)
    finder = Finder(
        runtime.store,
        secrets=runtime.secrets,
        qr=qr,
        attempts=beside.attempts,
        weak_attempts=beside.weak_attempts,
        foreign_codes=runtime.chain.vouchers.foreign_codes,
    )
    back_office = build_back_office(
        runtime.store,
        chain=runtime.chain,
        secrets=runtime.secrets,
        parts=beside.parts,
        work=PostgresBatchWork(runtime.engine),
        streams=PostgresVoucherStreams(runtime.engine, REGISTRY),
        clock=runtime.clock,
        random_bytes=system.token_bytes,
        rules=runtime.chain.vouchers,
    )
    vouchers = Vouchers(
        runtime.store,
        chain=runtime.chain,
        secrets=runtime.secrets,
        deliveries=beside.deliveries,
        finder=finder,
        clock=runtime.clock,
        random_bytes=system.token_bytes,
        rules=runtime.chain.vouchers,
        templates=back_office.catalogue,
        past=PostgresPastVouchers(runtime.engine),
    )
    accounts = open_accounts(
        runtime,
        vouchers,
        deliveries=beside.deliveries,
        finder=finder,
        rules=AccountRules.of(runtime.chain),
        private_webhooks=runtime.chain.accounts.private_webhooks,
    )
    return api.Rooms(
        chain=runtime.chain,
        vouchers=vouchers,
        accounts=accounts,
        back_office=back_office,
        templates=CatalogueQueries(runtime.engine, schema=SCHEMA),
        mailing=_mailing(runtime, beside, qr),
        overdrafts=Overdrafting(runtime.store),
        qr=qr,
        queries=_queries(runtime),
        clock=runtime.clock,
    )


async def _open(runtime: Runtime) -> Opened:
    beside, clock = _beside(runtime), runtime.clock
    rooms = _rooms(runtime, beside)
    accounts = rooms.accounts
    return Opened(
        router=api.router(rooms),
        projections=(VoucherBook(), CatalogueBook(), *accounts.projections),
        reactions=(
            Reaction(
                name="bookings",
                topic=TOPIC,
                events=HEARD,
                lane=lane,
                handle=by_policies((*policies(clock), *accounts.policies), accounts.execute),
            ),
        ),
        tasks=(
            lambda: _every(SWEEP_EVERY_S, lambda: sweep(rooms.vouchers, beside.lapsed, clock())),
            lambda: _every(MAIL_EVERY_S, rooms.mailing.send_due),
            lambda: _every(SWEEP_EVERY_S, accounts.sweep),
            lambda: _every(DELIVER_EVERY_S, accounts.deliver),
            lambda: _every(
                PURGE_EVERY_S, lambda: purge(beside.deliveries, beside.attempts, clock())
            ),
            lambda: _every(PURGE_EVERY_S, lambda: beside.parts.purge(clock())),
            lambda: _every(BATCHES_EVERY_S, rooms.back_office.batches.work),
        ),
        streamed=STREAMED,
    )


SERVICE = Service(
    name="voucher",
    registry=REGISTRY,
    publication=PUBLICATION,
    migrations=Path(__file__).parents[2] / "migrations",
    open=_open,
)
