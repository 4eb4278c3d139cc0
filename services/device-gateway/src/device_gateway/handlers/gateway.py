"""What every handler works with. Built once, in `service.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

from device_gateway.decider.booking import BOOKING
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.refusals import BookingUnknown, StoreUnknown
from device_gateway.decider.store import STORE
from device_gateway.devices.ports import DeviceShelf
from device_gateway.events import MasterDataChanged, VatRate
from device_gateway.handlers.clock import ClockGuard
from device_gateway.handlers.device_board import DeviceBoard
from device_gateway.handlers.lines import Lines
from device_gateway.handlers.live import Live
from device_gateway.handlers.scan_memory import ScanMemory
from device_gateway.ports import (
    CashierDesk,
    ChargeService,
    OfflineRulesKept,
    ReceiptDesk,
    ServiceLine,
    TillBookings,
    VoucherService,
)
from device_gateway.ports.assortment import Assortment
from device_gateway.ports.library import LibraryService
from device_gateway.ports.orders import NoOrders, OrderService
from device_gateway.ports.printers import Printers
from device_gateway.terminal.desk import TerminalDesk
from events import EventStore, state_of
from kassenverbund.kit.chain_tills import TillRights
from kassenverbund.kit.secrets import Secrets

if TYPE_CHECKING:
    from device_gateway.handlers.limits import ActCounts

IDS = UUID("6f1f1b1e-6f0a-5c6e-9f52-0d1d4a0b7a51")
"""Namespace of every id that the gateway derives."""

MASTER_DATA_MAX_AGE_S = 30.0
"""How old the master data may be with which a line is priced. It changes at program starts."""
VERSIONS_KEPT_MAX = 10_000
SCRYPTS_MAX = 2
"""PINs that are checked at once: each takes 16 MiB."""


def store_stream(store_id: str) -> str:
    return f"store-{store_id}"


def till_stream(till_id: str) -> str:
    return f"till-{till_id}"


def cashier_stream(cashier_id: str) -> str:
    return f"cashier-{cashier_id}"


def shift_stream(till_id: str, shift: int) -> str:
    return f"till-{till_id}/{shift}"


def offline_stream(store_id: str) -> str:
    return f"offline-{store_id}"


def booking_stream(booking_id: str) -> str:
    return f"booking-{booking_id}"


class Waiters:
    """HTTP requests of this process that wait for a booking's verdict."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Future[Booking]]] = {}

    def tell(self, booking_id: str, booking: Booking) -> None:
        """The booking has its verdict."""
        for waiting in self._waiting.get(booking_id, ()):
            if not waiting.done():
                waiting.set_result(booking)

    async def wait(self, booking_id: str, *, wait_s: float) -> Booking | None:
        """The booking as `tell` has it, or None after `wait_s`."""
        mine: asyncio.Future[Booking] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(booking_id, set()).add(mine)
        try:
            async with asyncio.timeout(wait_s):
                return await mine
        except TimeoutError:
            return None
        finally:
            waiting = self._waiting[booking_id]
            waiting.discard(mine)
            if not waiting:
                del self._waiting[booking_id]


@dataclass(frozen=True, slots=True)
class Place:
    """The shift in which a till's next process is numbered, as it was a moment ago."""

    store_id: str
    till_id: str
    shift: int
    is_open: bool
    """False: it opens with that process."""
    master_data: MasterDataChanged
    """In force for the whole shift."""

    @property
    def stream(self) -> str:
        return shift_stream(self.till_id, self.shift)

    @property
    def before(self) -> str | None:
        """The stream of the shift before."""
        return shift_stream(self.till_id, self.shift - 1) if self.shift > 1 else None


@dataclass(frozen=True, slots=True)
class Gateway:
    store: EventStore
    vouchers: VoucherService
    charges: ChargeService
    desk: ReceiptDesk
    secrets: Secrets
    clock: Callable[[], datetime]
    sign_within_s: float
    offline: OfflineRulesKept | None = None
    """None: nothing is ever taken by voucher without a line."""
    voucher_line: ServiceLine | None = None
    till_rights: TillRights = field(default_factory=TillRights)
    sign_in_required: frozenset[str] = frozenset()
    """The stores in which nothing is sold before somebody has signed in."""
    cashiers: CashierDesk | None = None
    """Names, PINs and wrong tries; None: nobody can sign in."""
    till_bookings: TillBookings | None = None
    """The list of a till's bookings; None: there is none."""
    scrypts: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SCRYPTS_MAX))
    terminals: TerminalDesk | None = None
    """None: cards are taken on terminals of their own."""
    waiters: Waiters = field(default_factory=Waiters)
    live: Live = field(default_factory=Live)
    counts: ActCounts | None = None
    """None: nothing is counted (tests)."""
    time: ClockGuard = field(default_factory=ClockGuard)
    printers: Printers | None = None
    """None: this process has no print spool."""
    lines: Lines | None = None
    """None: this process watches no lines."""
    scans: ScanMemory = field(default_factory=ScanMemory)
    devices: DeviceBoard = field(default_factory=DeviceBoard)
    device_shelf: DeviceShelf | None = None
    """Which devices there are; None: nobody lists them here."""
    assortment: Assortment | None = None
    """Search; None: there is none here."""
    library: LibraryService | None = None
    """Accounts, fees, entitlements; None: the store has no such service."""
    orders: OrderService = field(default_factory=NoOrders)
    places: dict[str, Place] = field(default_factory=dict)
    """Till → its open shift, as this process last saw it. A hint: the decision checks."""
    _masters: dict[str, tuple[datetime, MasterDataChanged]] = field(default_factory=dict)
    _versions: dict[tuple[str, int], MasterDataChanged] = field(default_factory=dict)

    async def master_data(self, store_id: str) -> MasterDataChanged:
        """The store as the log knows it. Raises `StoreUnknown`."""
        now = self.clock()
        found = self._masters.get(store_id)
        if found is not None and now - found[0] < timedelta(seconds=MASTER_DATA_MAX_AGE_S):
            return found[1]
        _, store = await state_of(self.store, STORE, store_stream(store_id))
        if store.master_data is None:
            raise StoreUnknown
        self._masters[store_id] = (now, store.master_data)
        return store.master_data

    async def master_data_of(self, store_id: str, version: int | None) -> MasterDataChanged:
        """The store as it was declared in `version`; None: as it is now. Raises `StoreUnknown`."""
        if version is None:
            return await self.master_data(store_id)
        found = self._versions.get((store_id, version))
        if found is not None:
            return found
        known = STORE.initial
        for recorded in await self.store.load(store_stream(store_id)):
            known = STORE.evolve(known, recorded.event)
            if known.version == version:
                break
        if known.master_data is None or known.version != version:
            raise StoreUnknown
        if len(self._versions) >= VERSIONS_KEPT_MAX:
            self._versions.clear()
        self._versions[store_id, version] = known.master_data
        return known.master_data

    async def terms_of(self, booking: Booking) -> MasterDataChanged:
        """By which the booking is priced: those of its shift."""
        assert booking.started is not None
        return await self.master_data_of(booking.started.store_id, booking.started.master_data)

    async def booking(self, booking_id: str) -> Booking:
        """As the log has it now. Raises `BookingUnknown`, also for what was never started: a cash
        move, a closing."""
        booking = await self.process(booking_id)
        if booking.started is None:
            raise BookingUnknown
        return booking

    async def process(self, booking_id: str) -> Booking:
        """Whatever has, or may get, a number of its till. Raises `BookingUnknown`."""
        _, process = await state_of(self.store, BOOKING, booking_stream(booking_id))
        if process.started is None and process.final is None:
            raise BookingUnknown
        return process

    def sign_by(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self.sign_within_s)


def business_date(master_data: MasterDataChanged, now: datetime) -> date:
    """The day in the store's time zone."""
    return now.astimezone(ZoneInfo(master_data.time_zone)).date()


def rates_on(master_data: MasterDataChanged, day: date) -> Mapping[str, VatRate]:
    """The VAT rates in force: for each key the newest that is valid by then."""
    rates: dict[str, VatRate] = {}
    for rate in sorted(master_data.vat, key=lambda entry: entry.valid_from):
        if rate.valid_from <= day:
            rates[rate.vat] = rate
    return rates
