"""A signer without a database, for tests, simulations and benchmarks: the real driver over the
memory store, the real software TSE over a memory that outlives it, and a device that can be told
to fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from events import EventStore, Recorded
from events.reaction import Incoming
from events.testing.memory import MemoryEventStore
from fiscal_signer.adapters.memory import MemoryChip, MemoryDeviceStorage, MemoryLeases
from fiscal_signer.adapters.software_tse import Chip
from fiscal_signer.adapters.software_tses import SoftwareTses
from fiscal_signer.country import country_of
from fiscal_signer.events import REGISTRY
from fiscal_signer.handlers import Settings, TseDriver
from fiscal_signer.policies import Assignment, Reactor
from fiscal_signer.ports import (
    DeviceAnswer,
    DeviceStep,
    Leases,
    RegisterClient,
    Tse,
    TseError,
    TseFault,
    TseInfo,
    Tses,
)
from fiscal_signer.testing.behind import TseBehind

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
_IDS = UUID("6f9619ff-8b86-d011-b42d-00cf4fc964ff")


class Clock:
    """Stands still until it is moved."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Killed(BaseException):
    """The process died here."""


class Faults:
    """What goes wrong at the device, and when. Counts run down with each call."""

    def __init__(self) -> None:
        self.away = False
        """Every call fails before anything is done."""
        self.fail_before = 0
        """So many `execute` calls fail before anything is done."""
        self.lose_answers = 0
        """So many `execute` calls are done, and then their answer is lost."""
        self.half_done = 0
        """So many `execute` calls do the first half of their steps, and then fail."""
        self.leave_after = 0
        """So many `execute` calls are done and answered, and then the device is away."""
        self.own_counters = 0
        """Before so many `execute` calls the device uses a counter for itself."""
        self.kill_before = 0
        self.kill_after = 0
        self.slow_s = 0.0
        """How far the clock moves during an `execute`."""
        self.hang: asyncio.Event | None = None
        """Calls that only ask wait for it."""
        self.hanging = asyncio.Event()
        self.calls = 0
        """How often the device was called."""
        self.executed = 0


class FaultyTse(TseBehind):
    """A TSE between the driver and the real software TSE."""

    def __init__(self, inner: Tse, faults: Faults, clock: Clock) -> None:
        super().__init__(inner)
        self._faults = faults
        self._clock = clock

    def _reach(self) -> None:
        self._faults.calls += 1
        if self._faults.away:
            raise TseFault(TseError.UNREACHABLE, "told to be away")

    async def info(self) -> TseInfo:
        self._reach()
        if self._faults.hang is not None:
            self._faults.hanging.set()
            await self._faults.hang.wait()
        return await self._inner.info()

    async def execute(self, steps: Sequence[DeviceStep]) -> Sequence[DeviceAnswer]:
        self._reach()
        faults = self._faults
        faults.executed += 1
        self._clock.pass_by(faults.slow_s)
        if _due(faults, "kill_before"):
            raise Killed
        if _due(faults, "fail_before"):
            raise TseFault(TseError.STORAGE_FAILURE, "told to fail")
        if _due(faults, "half_done"):
            await self._inner.execute(steps[: len(steps) // 2])
            raise TseFault(TseError.STORAGE_FAILURE, "told to fail half-way")
        if _due(faults, "own_counters"):
            # Registering a till is a system operation; each needs another name to have an effect.
            counter = (await self._inner.info()).signature_counter
            await self._inner.execute([RegisterClient(f"OWN-{counter}")])
        answers = await self._inner.execute(steps)
        if _due(faults, "kill_after"):
            raise Killed
        if _due(faults, "leave_after"):
            faults.away = True
        if _due(faults, "lose_answers"):
            raise TseFault(TseError.UNREACHABLE, "told to lose the answer")
        return answers


def _due(faults: Faults, name: str) -> bool:
    left: int = getattr(faults, name)
    if left:
        setattr(faults, name, left - 1)
    return left > 0


class FaultyTses:
    def __init__(self, inner: Tses, faults: Faults, clock: Clock) -> None:
        self._inner = inner
        self._faults = faults
        self._clock = clock

    async def open(self, tse_id: str) -> Tse:
        self._faults.calls += 1
        if self._faults.away:
            raise TseFault(TseError.UNREACHABLE, "told to be away")
        return FaultyTse(await self._inner.open(tse_id), self._faults, self._clock)


class World:
    """A chain with one TSE per store (`tse-berlin` in `berlin`), and any number of processes."""

    def __init__(
        self,
        stores: Sequence[str] = ("berlin", "koeln"),
        *,
        store: EventStore | None = None,
        leases: Leases | None = None,
        chip: Chip | None = None,
        curve: str = "P-256",
        settings: Settings | None = None,
        clock: Clock | None = None,
        devices: Tses | None = None,
    ) -> None:
        """`devices`: others than software TSEs."""
        self.clock = clock or Clock()
        self.memory = MemoryEventStore("fiscal-signer", REGISTRY, clock=self.clock)
        self.store: EventStore = store or self.memory
        self.storage = MemoryDeviceStorage()
        self.leases = leases or MemoryLeases(self.clock)
        self.faults = Faults()
        self.tses = FaultyTses(
            devices
            or SoftwareTses(
                self.storage,
                chip or MemoryChip(),
                curves={f"tse-{name}": curve for name in stores},
                sealing_key=bytes(32),
                nonce=lambda: bytes(12),
                clock=self.clock,
            ),
            self.faults,
            self.clock,
        )
        country = country_of("DE")
        self.assignments = {
            f"tse-{name}": Assignment(f"tse-{name}", name, country) for name in stores
        }
        self.settings = settings or Settings(pause_s=0.0)
        self.drivers: dict[str, TseDriver] = {}
        self.reactor = self.process("first")

    def process(self, owner: str, *, elsewhere: frozenset[str] = frozenset()) -> Reactor:
        """A (new) process of the signer. It shares nothing with others but what is stored."""
        drivers = {
            tse_id: TseDriver(
                tse_id=tse_id,
                store_id=assignment.store_id,
                country=assignment.country,
                store=self.store,
                tses=self.tses,
                leases=self.leases,
                owner=owner,
                clock=self.clock,
                settings=self.settings,
            )
            for tse_id, assignment in self.assignments.items()
        }
        self.drivers = drivers
        return Reactor(self.store, drivers, self.assignments, elsewhere=elsewhere, clock=self.clock)

    def restart(self, owner: str) -> None:
        """The process is gone, and its lease with it; another one takes over."""
        self.clock.pass_by(self.settings.lease_s + 1)
        self.store.streams.__init__()  # type: ignore[misc]  # a new process has no cache
        self.reactor = self.process(owner)

    def events(self, *kinds: type[Any]) -> list[Any]:
        """What the log holds, of these kinds."""
        return [entry.event for entry in self.memory.log if isinstance(entry.event, kinds)]

    @property
    def log(self) -> list[Recorded]:
        return self.memory.log


def incoming(name: str, data: dict[str, Any] | bytes, *, key: str = "", tag: str = "") -> Incoming:
    """An event of the gateway as the receiver hands it over. The same input has the same id."""
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    store = data.get("store_id", "") if isinstance(data, dict) else ""
    booking = data.get("booking_id", "") if isinstance(data, dict) else ""
    return Incoming(
        event_id=uuid5(_IDS, f"{name}/{tag}/{raw.decode(errors='replace')}"),
        name=name,
        version=1,
        source="device-gateway",
        subject=f"booking-{booking}",
        sequence=1,
        time=NOON,
        key=key or str(store),
        data=raw,
        headers={},
    )


def money(cents: int) -> dict[str, Any]:
    return {"amount": cents, "currency": "EUR"}


def started(booking_id: str, *, store: str = "berlin", till: str = "1", **fields: Any) -> Incoming:
    return incoming(
        "booking.started",
        {**_ids(booking_id, store, till), "started_at": NOON.isoformat(), **fields},
    )


def recorded(
    booking_id: str,
    *,
    store: str = "berlin",
    till: str = "1",
    sign_by: datetime | str = NOON + timedelta(seconds=30),
    cents: int = 1190,
    **fields: Any,
) -> Incoming:
    """A cash sale at 19 %, unless `lines` and `payments` say otherwise."""
    booking = {
        **_ids(booking_id, store, till),
        "number": 1,
        "sign_by": sign_by if isinstance(sign_by, str) else sign_by.isoformat(),
        "currency": "EUR",
        "lines": [line(cents)],
        "payments": [payment(cents)],
        **fields,
    }
    return incoming("booking.recorded", booking)


def aborted(
    booking_id: str,
    *,
    store: str = "berlin",
    till: str = "1",
    sign_by: datetime = NOON + timedelta(seconds=30),
) -> Incoming:
    booking = {**_ids(booking_id, store, till), "sign_by": sign_by.isoformat(), "reason": "x"}
    return incoming("booking.aborted", booking)


def trained(booking_id: str, *, cents: int = 1190, **ids: Any) -> Incoming:
    """A cash sale of a cashier in training."""
    return _final(
        "training.recorded", booking_id, lines=[line(cents)], payments=[payment(cents)], **ids
    )


def ordered(booking_id: str, *lines: tuple[str, str, int], **ids: Any) -> Incoming:
    """An order of (quantity, name, unit price in cents) each; one meal, unless told otherwise."""
    entries = [
        {"quantity": quantity, "name": name, "unit_price": money(cents)}
        for quantity, name, cents in lines or [("1", "Tagesgericht", 980)]
    ]
    return _final("booking.ordered", booking_id, lines=entries, **ids)


def moved(
    booking_id: str, *, cents: int = -5000, case: str = "Geldtransit", **ids: Any
) -> Incoming:
    """Money out of the drawer, unless told otherwise."""
    return _final("cash.moved", booking_id, kind="any", case=case, amount=money(cents), **ids)


def closed(
    booking_id: str,
    *,
    z_number: int = 1,
    cases: Sequence[tuple[str, int]] = (("Umsatz", 1190), ("Geldtransit", -5000)),
    cash: int = 10_000,
    **ids: Any,
) -> Incoming:
    """The end of a shift, with (case, gross) each."""
    totals = [{"case": case, "gross": money(cents)} for case, cents in cases]
    return _final(
        "till.closed",
        booking_id,
        z_number=z_number,
        business_date=f"{NOON:%Y-%m-%d}",
        cases=totals,
        cash={"expected": money(cash)},
        **ids,
    )


def opened(till: str = "1", *, store: str = "berlin", tse: str = "") -> Incoming:
    """A shift begins, at the store's TSE or at another one."""
    ids = {"store_id": store, "till_id": f"{store}-{till}", "tse_id": tse or f"tse-{store}"}
    return incoming("till.opened", {**ids, "shift": 1, "client_id": f"KV-{store}-{till}"})


def _final(
    name: str,
    booking_id: str,
    *,
    store: str = "berlin",
    till: str = "1",
    sign_by: datetime = NOON + timedelta(seconds=30),
    **fields: Any,
) -> Incoming:
    ids = _ids(booking_id, store, till)
    return incoming(name, {**ids, "sign_by": sign_by.isoformat(), "currency": "EUR", **fields})


def paired(till: str = "1", *, store: str = "berlin") -> Incoming:
    ids = {"store_id": store, "till_id": f"{store}-{till}", "tse_id": f"tse-{store}"}
    return incoming("till.paired", {**ids, "name": "Kasse", "client_id": f"KV-{store}-{till}"})


def line(cents: int, *, kind: str = "article", key: int = 1, rate: int = 1900) -> dict[str, Any]:
    return {"kind": kind, "amount": money(cents), "rate": rate, "dsfinvk_key": key, "name": "x"}


def payment(
    cents: int, *, kind: str = "cash", fiscal: str = "Bar", key: int | None = None
) -> dict[str, Any]:
    found = {"payment_id": "p1", "kind": kind, "fiscal": fiscal, "amount": money(cents)}
    return found if key is None else {**found, "dsfinvk_key": key}


def _ids(booking_id: str, store: str, till: str) -> dict[str, Any]:
    return {
        "booking_id": booking_id,
        "store_id": store,
        "till_id": f"{store}-{till}",
        "tse_id": f"tse-{store}",
        "client_id": f"KV-{store}-{till}",
    }
