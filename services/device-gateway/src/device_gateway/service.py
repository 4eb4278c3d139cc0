"""Everything the gateway is made of, put together. Nothing happens at import."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from device_gateway.adapters.assortment import PostgresAssortment
from device_gateway.adapters.cashier_desk import PostgresCashierDesk
from device_gateway.adapters.costcenter_http import HttpChargeService
from device_gateway.adapters.devices import PostgresDeviceShelf
from device_gateway.adapters.library_http import HttpLibraryService
from device_gateway.adapters.limits import PostgresActCounts
from device_gateway.adapters.line import Line
from device_gateway.adapters.line_watch import LineWatch, PostgresOutbox
from device_gateway.adapters.logos import profiles_with
from device_gateway.adapters.offline_rules import PostgresOfflineRules
from device_gateway.adapters.orders_http import HttpOrderService
from device_gateway.adapters.pairing_tries import PostgresPairingTries
from device_gateway.adapters.print_queue import PostgresPrintQueue
from device_gateway.adapters.printer_lines import line_to
from device_gateway.adapters.readers import READERS
from device_gateway.adapters.terminal_leases import PostgresTerminalLeases
from device_gateway.adapters.till_bookings import PostgresTillBookings
from device_gateway.adapters.till_seen import PostgresTillSeen
from device_gateway.adapters.unfinished import PostgresUnfinished
from device_gateway.adapters.voucher_http import HttpVoucherService
from device_gateway.adapters.zvt.passwords import passwords_in
from device_gateway.adapters.zvt.session import ZvtLink
from device_gateway.api import router
from device_gateway.api.article_import import IMPORT_BYTES_MAX
from device_gateway.api.articles import IMPORTS_PATH
from device_gateway.devices.room import DeviceRoom
from device_gateway.events import registry
from device_gateway.handlers.automatic import run_closings
from device_gateway.handlers.devices import DevicesTold
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.lines import Lines
from device_gateway.handlers.live import Live, LiveEvent
from device_gateway.handlers.live_feed import LiveFeed
from device_gateway.handlers.offline_watch import OfflineWatch
from device_gateway.handlers.paper import Printed
from device_gateway.handlers.recovery import run_recovery
from device_gateway.handlers.scan_memory import ScanMemory
from device_gateway.handlers.stores import declare_stores, master_data_of
from device_gateway.handlers.tills import TOKEN_PREFIX, TillTokens
from device_gateway.handlers.unattended import declare_unattended_tills
from device_gateway.policies import verdicts
from device_gateway.ports.orders import NoOrders, OrderService
from device_gateway.printing.office import PrintOffice
from device_gateway.projections import UnfinishedProjection
from device_gateway.projections_assortment import AssortmentProjection
from device_gateway.projections_devices import DevicesProjection
from device_gateway.projections_till_bookings import TillBookingProjection
from device_gateway.public import PUBLICATION
from device_gateway.terminal.desk import TerminalDesk
from device_gateway.terminal.devices import ShelfTerminals
from device_gateway.terminal.presence import TerminalPresence
from kassenverbund.kit.chain_printers import logo_mark, logo_png
from kassenverbund.kit.service import Opened, Runtime, Service

PAPERS = "papers"
"""Folder below `var` in which virtual printers keep what they printed."""


def _orders(runtime: Runtime) -> OrderService:
    """Where no order service runs, tills are told so at once."""
    try:
        client = runtime.client("order-connector")
    except LookupError:
        return NoOrders()
    return HttpOrderService(client, Line(runtime.clock), clock=runtime.clock)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the gateway is made of, and runs besides it."""

    live: Live
    lines: Lines
    office: PrintOffice
    vouchers: HttpVoucherService
    voucher_line: Line
    devices: PostgresDeviceShelf
    terminals: TerminalDesk
    capped: Sequence[str]
    """Stores that may take vouchers without a line."""


def _parts(runtime: Runtime) -> _Parts:
    live = Live()
    logos = {logo_mark(name, logo): logo_png(logo) for name, logo in runtime.chain.logos.items()}
    office = PrintOffice(
        PostgresPrintQueue(runtime.pool, runtime.secrets),
        clock=runtime.clock,
        profile=profiles_with(logos),
        link=line_to(runtime.var / PAPERS),
        news=lambda told: live.tell(
            told.store_id, told.till_id, LiveEvent(told.kind, told.data, runtime.clock())
        ),
    )
    stores = runtime.chain.stores
    lines = Lines(
        live,
        tuple(store.id for store in stores),
        clock=runtime.clock,
        monotonic=time.monotonic,
    )
    line = Line(runtime.clock, seen=partial(lines.saw, "voucher"))
    devices = PostgresDeviceShelf(runtime.engine)
    return _Parts(
        live=live,
        lines=lines,
        office=office,
        vouchers=HttpVoucherService(runtime.client("voucher"), line, clock=runtime.clock),
        voucher_line=line,
        devices=devices,
        terminals=TerminalDesk(
            ShelfTerminals(devices),
            ZvtLink(password_of=passwords_in(runtime.terminal_secrets)),
            PostgresTerminalLeases(runtime.engine),
            runtime.clock,
        ),
        capped=[store.id for store in stores if store.vouchers_offline.policy == "cap"],
    )


def _gateway(runtime: Runtime, parts: _Parts) -> Gateway:
    center_line = Line(runtime.clock, seen=partial(parts.lines.saw, "costcenter"))
    gateway = Gateway(
        store=runtime.store,
        vouchers=parts.vouchers,
        charges=HttpChargeService(runtime.client("costcenter"), center_line, clock=runtime.clock),
        desk=parts.office.desk,
        printers=parts.office,
        secrets=runtime.secrets,
        clock=runtime.clock,
        sign_within_s=runtime.sign_within_s,
        offline=PostgresOfflineRules(runtime.engine, parts.capped),
        voucher_line=parts.voucher_line,
        live=parts.live,
        lines=parts.lines,
        counts=PostgresActCounts(runtime.engine),
        till_rights=runtime.chain.till_rights,
        sign_in_required=frozenset(
            store.id for store in runtime.chain.stores if store.sign_in == "required"
        ),
        cashiers=PostgresCashierDesk(runtime.engine),
        till_bookings=PostgresTillBookings(runtime.engine),
        assortment=PostgresAssortment(runtime.engine),
        scans=ScanMemory(runtime.chain.code_patterns),
        orders=_orders(runtime),
        device_shelf=parts.devices,
        terminals=parts.terminals,
        library=HttpLibraryService(
            runtime.client("voucher"), parts.voucher_line, clock=runtime.clock
        ),
    )
    parts.office.listener = Printed(gateway)
    return gateway


def _tasks(
    runtime: Runtime, parts: _Parts, gateway: Gateway
) -> tuple[Callable[[], Awaitable[None]], ...]:
    """What runs besides the requests."""
    stores = runtime.chain.stores
    published = {event.event_name for event in PUBLICATION.events}
    line_watch = LineWatch(
        parts.lines,
        {name: runtime.client(name) for name in ("voucher", "costcenter")},
        PostgresOutbox(runtime.engine, published),
    )
    watch = OfflineWatch(gateway, parts.vouchers, stores=parts.capped, any_store=stores[0].id)
    device_room = DeviceRoom(
        parts.devices,
        DevicesTold(gateway),
        stores=[store.id for store in stores],
        drivers={**READERS, "card_terminal": partial(TerminalPresence, desk=parts.terminals)},
        clock=runtime.clock,
    )
    gateway.devices.look = device_room.look
    unattended = {
        store.id: tuple(till.id for till in store.unattended_tills)
        for store in stores
        if store.unattended_tills
    }
    closing_times = {store.id: at for store in stores if (at := store.closing.time)}
    return (
        parts.terminals.run,
        device_room.run,
        parts.office.run,
        lambda: run_recovery(gateway, PostgresUnfinished(runtime.engine)),
        watch.run,
        lambda: run_closings(gateway, closing_times, unattended),
        line_watch.run,
        LiveFeed(gateway, parts.lines).run,
    )


async def _open(runtime: Runtime) -> Opened:
    parts = _parts(runtime)
    gateway = _gateway(runtime, parts)
    tokens = TillTokens(gateway)
    seen = PostgresTillSeen(runtime.engine, tokens.seen)
    tokens.kept = seen
    runtime.authenticator.accept(TOKEN_PREFIX, tokens.caller)

    async def startup() -> None:
        await gateway.time.learn(runtime.store)
        await declare_stores(gateway, runtime.chain)
        await declare_unattended_tills(gateway, runtime.chain)
        now = runtime.clock()
        for store in runtime.chain.stores:
            parts.office.know(store.id, master_data_of(runtime.chain, store, now).printers)

    return Opened(
        router=router(gateway, tokens=tokens, tries=PostgresPairingTries(runtime.engine)),
        projections=(
            UnfinishedProjection(),
            TillBookingProjection(),
            AssortmentProjection(),
            DevicesProjection(),
        ),
        streamed={
            IMPORTS_PATH.format(store_id=store.id): IMPORT_BYTES_MAX
            for store in runtime.chain.stores
        },
        reactions=(verdicts(gateway),),
        tasks=(*_tasks(runtime, parts, gateway), seen.run),
        startup=startup,
    )


SERVICE = Service(
    name="device-gateway",
    registry=registry(),
    publication=PUBLICATION,
    migrations=Path(__file__).parents[2] / "migrations",
    open=_open,
    mount="/stores",
    needs=frozenset({"costcenter", "voucher"}),
)
