"""Everything the service is made of, put together. Nothing happens at import."""

from __future__ import annotations

import asyncio
import logging
import secrets as system
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

from events import Registry, Transient
from events.reaction import Reaction, by_policies
from kassenverbund.kit.service import Opened, Runtime, Service
from voucher import api
from voucher.adapters.attempts import PostgresAttempts
from voucher.adapters.deliveries import PostgresDeliveries
from voucher.adapters.holds import PostgresLapsedHolds
from voucher.adapters.past import PostgresPastVouchers
from voucher.events import EVENTS
from voucher.handlers import Rules, Vouchers
from voucher.handlers.account_names import AccountRules
from voucher.policies import HEARD, TOPIC, lane, policies
from voucher.ports import Attempts, Deliveries, LapsedHolds
from voucher.projections import VoucherBook
from voucher.public import PUBLICATION
from voucher.queries import Queries
from voucher.service_accounts import DELIVER_EVERY_S, open_accounts
from voucher.upcasters import UPCASTERS

SWEEP_EVERY_S = 5.0
"""How soon after its end an expired hold shows as released. It stopped counting at once."""

SWEPT_MAX = 200
"""Holds that one sweep writes down; the rest wait for the next."""

PURGE_EVERY_S = 60.0

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


async def _open(runtime: Runtime) -> Opened:
    deliveries = PostgresDeliveries(runtime.engine, runtime.secrets, system.token_bytes)
    attempts = PostgresAttempts(runtime.engine)
    lapsed = PostgresLapsedHolds(runtime.engine)
    vouchers = Vouchers(
        runtime.store,
        chain=runtime.chain,
        secrets=runtime.secrets,
        deliveries=deliveries,
        attempts=attempts,
        clock=runtime.clock,
        random_bytes=system.token_bytes,
        rules=Rules(),
        past=PostgresPastVouchers(runtime.engine),
    )
    accounts = open_accounts(
        runtime, vouchers, deliveries=deliveries, attempts=attempts, rules=AccountRules()
    )
    router = api.router(
        vouchers,
        Queries(runtime.engine),
        clock=runtime.clock,
        payments=accounts.payments,
        accounts=accounts.accounts,
    )
    for more in accounts.routers:
        router.include_router(more)
    return Opened(
        router=router,
        projections=(VoucherBook(), *accounts.projections),
        reactions=(
            Reaction(
                name="bookings",
                topic=TOPIC,
                events=HEARD,
                lane=lane,
                handle=by_policies(
                    (*policies(runtime.clock), *accounts.policies), accounts.execute
                ),
            ),
        ),
        tasks=(
            lambda: _every(SWEEP_EVERY_S, lambda: sweep(vouchers, lapsed, runtime.clock())),
            lambda: _every(SWEEP_EVERY_S, accounts.sweep),
            lambda: _every(DELIVER_EVERY_S, accounts.deliver),
            lambda: _every(PURGE_EVERY_S, lambda: purge(deliveries, attempts, runtime.clock())),
        ),
    )


SERVICE = Service(
    name="voucher",
    registry=REGISTRY,
    publication=PUBLICATION,
    migrations=Path(__file__).parents[2] / "migrations",
    open=_open,
)
