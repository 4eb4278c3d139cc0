"""The whole booking path in one place: three services, two processes of each, one seed.

Nothing runs by itself: each step says what happens next (a till asks, a relay publishes a page, a
receiver handles a batch, a printer prints), so the order of everything is under the seed's control.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

import httpx

from device_gateway.commands import NewLine, NewOrderLine
from device_gateway.decider.booking_state import Booking
from device_gateway.events import registry as gateway_registry
from device_gateway.handlers import closings, ending, orders, sales
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.paper import note_printed
from device_gateway.handlers.sales import Sale
from device_gateway.handlers.stores import declare_stores
from device_gateway.handlers.tendered import TenderedPayment
from device_gateway.handlers.tills import offer_pairing, pair_till
from events import Ask, DomainError
from events.errors import Transient
from events.store.dead_letters import MemoryDeadLetters
from events.testing.memory import MemoryBus, MemoryCheckpoints, MemoryEventStore
from fiscal_signer.adapters.memory import MemoryChip, MemoryDeviceStorage, MemoryLeases
from fiscal_signer.adapters.software_tses import SoftwareTses
from fiscal_signer.events import REGISTRY as SIGNER_REGISTRY
from money import Money
from tests.simulation.chain import STORES, TILLS, chain, store_of, tse_of
from tests.simulation.devices import Devices, Paper, Printers
from tests.simulation.faults import Crash, Faults
from tests.simulation.folded import FoldedBookings, FoldedVouchers
from tests.simulation.parts import Rows
from tests.simulation.processes import (
    Breakable,
    GatewayProcess,
    Ground,
    Process,
    SignerProcess,
    Switch,
    VoucherProcess,
)
from tests.simulation.virtual_time import VirtualClock, VirtualLoop
from voucher.service import REGISTRY as VOUCHER_REGISTRY

T = TypeVar("T")

PLACES = ("gateway-0", "gateway-1", "voucher-0", "voucher-1", "signer-0", "signer-1")
WORKS = ("relay", "receive", "tidy")
ROUNDS_MAX = 2_000
"""A world that is not quiet after so many rounds never will be."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a till asked, so that it can ask it again: `what` names a step of the booking path."""

    till_id: str
    what: str
    key: str
    booking_id: str = ""
    lines: tuple[NewLine, ...] = ()
    payments: tuple[TenderedPayment, ...] = ()
    finish: bool = False
    training: bool = False
    amount: Money | None = None
    """What is moved or counted."""

    @property
    def ask(self) -> Ask:
        lines = "|".join(f"{line.kind}/{line.unit_price}" for line in self.lines)
        paid = "|".join(
            f"{each.kind}/{each.amount}/{each.code or each.codes}" for each in self.payments
        )
        body = (
            f"{self.what} {self.booking_id} {lines} {paid} {self.finish} {self.training}"
            f" {self.amount}"
        )
        return Ask.of(f"till:{self.till_id}/{self.key}", body)


class World:
    """`run` plays one step; `heal` brings everything to rest."""

    def __init__(self, seed: int, *, rate: float = 0.0, breakable: Breakable | None = None) -> None:
        self.chance = random.Random(seed)
        self.loop = VirtualLoop()
        self.loop.set_exception_handler(self._unheard)
        self.clock = VirtualClock(self.loop)
        self.faults = Faults(self.chance, rate, calm=True)
        self.storage = MemoryDeviceStorage()
        self.ground = self._ground(breakable or Breakable())
        self.codes: list[str] = []
        """Every code that a customer was given."""
        self.requests: list[Request] = []
        self.late: list[httpx.Request] = []
        """Requests that are still on their way to the voucher service."""
        self.defects: list[BaseException] = []
        self._background = set[asyncio.Task[Any]]()
        self._switch = Switch(self.ground)
        self.processes: dict[str, Process] = {}
        for place in PLACES:
            self.processes[place] = self._started(place)
        self.run(self._open())
        self.faults.calm = False

    def _ground(self, breakable: Breakable) -> Ground:
        registries = {
            "device-gateway": gateway_registry(),
            "voucher": VOUCHER_REGISTRY,
            "fiscal-signer": SIGNER_REGISTRY,
        }
        logs = {
            name: MemoryEventStore(name, registry, clock=self.clock, new_id=self._id)
            for name, registry in registries.items()
        }
        tses = SoftwareTses(
            self.storage,
            MemoryChip(),
            curves={tse_of(store): "P-256" for store in STORES},
            sealing_key=bytes(32),
            nonce=lambda: self.chance.randbytes(12),
            clock=self.clock,
        )
        return Ground(
            chain=chain(),
            clock=self.clock,
            chance=self.chance,
            faults=self.faults,
            bus=MemoryBus(),
            logs=logs,
            bookings=FoldedBookings(logs["device-gateway"]),
            issued=FoldedVouchers(logs["voucher"]),
            checkpoints={name: MemoryCheckpoints() for name in registries},
            letters={name: MemoryDeadLetters() for name in registries},
            rows=Rows(),
            printers=Printers(),
            devices=Devices(tses, self.faults),
            leases=MemoryLeases(self.clock),
            breakable=breakable,
        )

    def _id(self) -> UUID:
        return UUID(int=self.chance.getrandbits(128), version=4)

    def _unheard(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        fault = context.get("exception")
        # Whom nobody waits for any more, nobody hears: these are answers, or part of a death.
        expected = Crash | DomainError | Transient | httpx.TransportError | asyncio.CancelledError
        if not isinstance(fault, expected):
            self.defects.append(fault or RuntimeError(context["message"]))

    # -- processes -------------------------------------------------------------------------

    def _started(self, place: str) -> Process:
        match place.partition("-")[0]:
            case "gateway":
                return GatewayProcess(self.ground, place, (self._serve, self.late.append))
            case "voucher":
                return VoucherProcess(self.ground, place)
            case _:
                return SignerProcess(self.ground, place)

    async def _restart(self, place: str) -> None:
        """The process is gone with all that was only in its memory; a new one takes its place."""
        old = self.processes[place]
        old.dead = True
        await old.leave()
        self.processes[place] = self._started(place)

    async def _serve(self, request: httpx.Request) -> httpx.Response:
        """One of the voucher service's processes answers. Raises `httpx.ReadError` when it dies."""
        task = asyncio.ensure_future(self._answer(request))
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return await asyncio.shield(task)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        place = self.chance.choice(("voucher-0", "voucher-1"))
        process = self.processes[place]
        assert isinstance(process, VoucherProcess)
        try:
            return await self._switch.ask(process, request)
        except Crash:
            if self.processes[place] is process:
                await self._restart(place)
            raise httpx.ReadError("the connection broke") from None
        except Exception as defect:
            self.defects.append(defect)
            raise

    # -- steps -----------------------------------------------------------------------------

    def run(self, step: Awaitable[T]) -> T:
        """Play one step to its end. Raises what no process may ever raise."""

        async def play() -> T:
            return await step

        done = self.loop.play(play())
        if self.defects:
            raise self.defects[0]
        return done

    def close(self) -> None:
        self.loop.close()

    async def _open(self) -> None:
        """Declare the stores and pair the tills, undisturbed."""
        gateway = self.gateway(0)
        await declare_stores(gateway, self.ground.chain)
        for till_id in TILLS:
            store_id = store_of(till_id)
            ask = Ask.of(f"offer/{till_id}", till_id)
            offered = await offer_pairing(
                gateway, store_id=store_id, till_id=till_id, name=till_id, ask=ask
            )
            ask = Ask.of(f"pair/{till_id}", offered.code)
            await pair_till(gateway, store_id=store_id, code=offered.code, ask=ask)

    def gateway(self, number: int) -> Gateway:
        process = self.processes[f"gateway-{number}"]
        assert isinstance(process, GatewayProcess)
        return process.gateway

    async def within(self, place: str, work: Callable[[], Awaitable[T]]) -> T | None:
        """`work` of the process at `place`; None where it died of it or could not do it."""
        process = self.processes[place]
        try:
            return await work()
        except Crash:
            if self.processes[place] is process:
                await self._restart(place)
        except Transient:
            pass
        return None

    async def work(self, place: str, what: str) -> bool:
        """One step of a process by itself; whether there was anything to do."""
        process = self.processes[place]
        step: Callable[[], Awaitable[bool | None]] = getattr(process, what)
        return bool(await self.within(place, step))

    async def ask(self, request: Request, gateway: int) -> str | None:
        """A till asks. Answers the id of its booking, or the code of a refusal, or None."""
        if request not in self.requests:
            self.requests.append(request)

        async def asked() -> str:
            return await self._asked(request, self.gateway(gateway))

        try:
            return await self.within(f"gateway-{gateway}", asked)
        except DomainError as no:
            return no.code

    async def _asked(self, request: Request, gateway: Gateway) -> str:
        if request.what in ("close", "move", "order"):
            final = (await self._no_sale(request, gateway)).final
            assert final is not None
            return final.booking_id
        if request.what == "sell":
            sale = Sale(
                store_of(request.till_id), request.till_id, request.lines, request.payments,
                request.finish, training=request.training,
            )  # fmt: skip
            done = await sales.sell(gateway, sale, ask=request.ask)
        else:
            booking = await gateway.booking(request.booking_id)
            match request.what:
                case "pay":
                    done = await sales.pay(gateway, booking, request.payments, ask=request.ask)
                case "finish":
                    done = await ending.finish(gateway, booking, ask=request.ask)
                case _:
                    done = await ending.abort(gateway, booking, reason="cashier", ask=request.ask)
        self._note([sold.code for sold in done.sold or ()])
        assert done.booking.started is not None
        return done.booking.started.booking_id

    async def _no_sale(self, request: Request, gateway: Gateway) -> Booking:
        store_id, till_id = store_of(request.till_id), request.till_id
        match request.what:
            case "close":
                return await closings.close_till(
                    gateway, store_id=store_id, till_id=till_id, counted=request.amount, skim=None,
                    abort_open=request.finish, cashier_id=None, ask=request.ask,
                )  # fmt: skip
            case "move":
                assert request.amount is not None
                return await closings.move_till_cash(
                    gateway, store_id=store_id, till_id=till_id,
                    kind="paid_in" if request.finish else "transit_out", amount=request.amount,
                    reason="any", cashier_id=None, ask=request.ask,
                )  # fmt: skip
        line = NewOrderLine("Menü", Decimal(1), Money(amount=980, currency="EUR"), "standard")
        return await orders.order(
            gateway, orders.Order(store_id, till_id, (line,)), ask=request.ask
        )

    async def together(self, requests: Sequence[tuple[Request, int]]) -> None:
        """Requests that meet: at one process they share its caches, at two they race."""
        await asyncio.gather(*(self.ask(request, gateway) for request, gateway in requests))

    async def print(self) -> Paper | None:
        """A printer prints the next job, and a process says so to the booking."""
        paper = self.ground.printers.print()
        if paper is not None:
            self._note(paper.codes)
            await self.tell_printed(paper)
        return paper

    async def tell_printed(self, paper: Paper) -> None:
        number = self.chance.randrange(2)

        async def told() -> None:
            await note_printed(
                self.gateway(number),
                booking_id=paper.booking_id,
                printer_id="bon",
                job_id=paper.job_id,
                is_copy=False,
            )

        await self.within(f"gateway-{number}", told)

    def _note(self, codes: Sequence[str | None]) -> None:
        self.codes += [code for code in codes if code and code not in self.codes]

    async def deliver_late(self) -> None:
        """A request that was given up long ago arrives after all."""
        request = self.late.pop(self.chance.randrange(len(self.late)))
        try:
            await self._serve(request)
        except httpx.ReadError:
            return

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def crash(self, place: str) -> None:
        await self._restart(place)

    # -- rest ------------------------------------------------------------------------------

    async def heal(self) -> None:
        """Everything works again, what was lost arrives, and time passes until nothing moves."""
        self.faults.calm = True
        self.ground.bus.away = False
        for store in STORES:
            self.ground.devices.switch(tse_of(store), on=True)
        await self.quiet()
        while self.late:
            await self.deliver_late()
        for seconds in (5.0, 61.0, 301.0, 1801.0, 31.0, 5.0):
            await self.wait(seconds)
            await self.quiet()
        # What was printed is told until it is noted; a process may have died of it before.
        for paper in self.ground.printers.papers:
            await self.tell_printed(paper)
        await self.quiet()

    async def quiet(self) -> None:
        """Everybody works until nobody finds anything to do."""
        for _ in range(ROUNDS_MAX):
            before = self._heads()
            moved = False
            for place in PLACES:
                for what in ("relay", "receive"):
                    moved |= await self.work(place, what)
            moved |= await self.print() is not None
            if self._background:
                await asyncio.wait(self._background)
            if moved:
                continue
            for place in PLACES:
                await self.work(place, "tidy")
            if self._heads() == before:
                return
        raise AssertionError("the world does not come to rest")

    def _heads(self) -> list[int]:
        return [len(log.log) for log in self.ground.logs.values()]
