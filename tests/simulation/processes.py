"""The processes of the simulation: real services over `parts`, two of each."""

from __future__ import annotations

import random
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast

import httpx
from fastapi import FastAPI

from device_gateway.adapters.costcenter_http import HttpChargeService
from device_gateway.adapters.voucher_http import HttpVoucherService
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.recovery import sweep as recover
from device_gateway.policies import verdicts
from device_gateway.public import PUBLICATION as GATEWAY_PUBLICATION
from events.bus.contract import KeysLost, Subscription
from events.errors import Transient
from events.publication import Publication
from events.reaction import Reaction, by_policies
from events.receiver import Receiver, group_of
from events.relay import Relay
from events.store.dead_letters import MemoryDeadLetters
from events.testing.memory import MemoryBus, MemoryCheckpoints, MemoryEventStore
from fiscal_signer.adapters.memory import MemoryLeases
from fiscal_signer.handlers import Settings, TseDriver
from fiscal_signer.policies import Reactor
from fiscal_signer.ports import TseFault
from fiscal_signer.public import PUBLICATION as SIGNER_PUBLICATION
from fiscal_signer.service import assignments_of
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.problems import install_problem_handlers
from kassenverbund.kit.secrets import Secrets
from tests.simulation.faults import Crash, Faults
from tests.simulation.parts import (
    Attempts,
    Deliveries,
    Desk,
    Devices,
    FoldedBookings,
    FoldedVouchers,
    LapsedHolds,
    Printers,
    ProcessBus,
    ProcessCheckpoints,
    ProcessStore,
    Rows,
    UnfinishedBookings,
    Wire,
)
from tests.simulation.virtual_time import VirtualClock
from voucher.api import sales, till
from voucher.handlers import Rules, Vouchers
from voucher.handlers.account_names import AccountRules
from voucher.handlers.accounts import Accounts
from voucher.handlers.finding import Finder
from voucher.handlers.payments import Payments
from voucher.policies import HEARD, TOPIC, lane, policies
from voucher.public import PUBLICATION as VOUCHER_PUBLICATION
from voucher.qr import QrCodes
from voucher.service import sweep as expire

SECRETS = Secrets(root=b"s" * 32, key_id="simulation")
PAGES = (1, 2, 5, 500)
"""How many log entries or records one step takes at most; drawn anew for each process."""


@dataclass(frozen=True)
class Breakable:
    """The parts that a test may replace by broken ones, to see that the checks find it."""

    relay: type[Relay] = Relay
    voucher_client: type[HttpVoucherService] = HttpVoucherService
    vouchers: type[Vouchers] = Vouchers
    acknowledges_first: bool = False


@dataclass
class Ground:
    """What all processes share: that which survives them."""

    chain: Chain
    clock: VirtualClock
    chance: random.Random
    faults: Faults
    bus: MemoryBus
    logs: dict[str, MemoryEventStore]
    bookings: FoldedBookings
    issued: FoldedVouchers
    checkpoints: dict[str, MemoryCheckpoints]
    letters: dict[str, MemoryDeadLetters]
    rows: Rows
    printers: Printers
    devices: Devices
    leases: MemoryLeases
    breakable: Breakable


class Process:
    """One process of a service: its store, its relay, its place at the bus."""

    def __init__(self, ground: Ground, name: str, publication: Publication) -> None:
        self.dead = False
        self.name = name
        self.ground = ground
        self.log = ground.logs[publication.topic]
        self.store = ProcessStore(self.log, self, ground.faults)
        self._page = ground.chance.choice(PAGES)
        self._publication = publication
        self._relay = self._new_relay()
        self._receiver = Receiver(
            ground.bus, publication.topic, (), ground.letters[publication.topic], clock=ground.clock
        )
        self._place: AsyncExitStack | None = None
        self._subscription: Subscription | None = None
        self.reaction: Reaction

    def _new_relay(self) -> Relay:
        ground, topic = self.ground, self._publication.topic
        return ground.breakable.relay(
            self.store,
            ProcessBus(ground.bus, self, ground.faults),
            self._publication,
            ProcessCheckpoints(ground.checkpoints[topic], self, ground.faults),
            page_max=self._page,
        )

    async def relay(self) -> bool:
        """Publish a page; whether there was one. Raises `Transient`, `Crash`."""
        try:
            return await self._relay.step() > 0
        except Transient:
            self._relay.forget()
            raise

    async def receive(self) -> bool:
        """Handle what came; whether there was something. Raises `Transient`, `Crash`."""
        try:
            return await self._receive()
        except (Transient, Crash):
            await self.leave()
            raise

    async def _receive(self) -> bool:
        if self._subscription is None:
            group = group_of(self._publication.topic, self.reaction)
            self._place = AsyncExitStack()
            self._subscription = await self._place.enter_async_context(
                self.ground.bus.subscribe(self.reaction.topic, group=group)
            )
        subscription = self._subscription
        batch = await subscription.fetch(records_max=self._page, wait_s=0.0)
        if not batch:
            return False
        try:
            if self.ground.breakable.acknowledges_first:
                await subscription.acknowledge(batch)
            await self._receiver.handle(self.reaction, batch.records)
            if not self.ground.breakable.acknowledges_first:
                await self.ground.faults.around(
                    self, "acknowledge", lambda: subscription.acknowledge(batch)
                )
        except KeysLost:
            pass
        return True

    async def leave(self) -> None:
        """Give the keys to the others, as a member that is heard of no more does."""
        place, self._place, self._subscription = self._place, None, None
        if place is not None:
            await place.aclose()

    async def tidy(self) -> None:
        """What the process does from time to time by itself."""


class GatewayProcess(Process):
    def __init__(self, ground: Ground, name: str, wire: Any) -> None:
        super().__init__(ground, name, GATEWAY_PUBLICATION)
        transport = Wire(self, ground.faults, *wire)
        client = httpx.AsyncClient(
            transport=transport,
            base_url="http://voucher",
            headers={"authorization": "Bearer gateway"},
        )
        self.gateway = Gateway(
            store=self.store,
            vouchers=ground.breakable.voucher_client(client),
            charges=HttpChargeService(client),
            desk=Desk(ground.printers, self, ground.faults),
            secrets=SECRETS,
            clock=ground.clock,
            sign_within_s=30.0,
        )
        self.reaction = verdicts(self.gateway)

    async def tidy(self) -> None:
        await recover(self.gateway, UnfinishedBookings(self.ground.bookings))


class VoucherProcess(Process):
    def __init__(self, ground: Ground, name: str) -> None:
        super().__init__(ground, name, VOUCHER_PUBLICATION)
        deliveries = Deliveries(ground.rows, self, ground.faults)
        finder = Finder(
            self.store,
            secrets=SECRETS,
            qr=QrCodes(SECRETS),
            attempts=Attempts(),
            weak_attempts=Attempts(),
            foreign_codes=False,
        )
        self.vouchers = ground.breakable.vouchers(
            self.store,
            chain=ground.chain,
            secrets=SECRETS,
            deliveries=deliveries,
            finder=finder,
            clock=ground.clock,
            random_bytes=ground.chance.randbytes,
            rules=Rules(),
        )
        self.accounts = Accounts(
            self.store,
            chain=ground.chain,
            secrets=SECRETS,
            deliveries=deliveries,
            finder=finder,
            clock=ground.clock,
            random_bytes=ground.chance.randbytes,
            rules=AccountRules(),
        )
        self.payments = Payments(self.store, self.vouchers, self.accounts)
        self.reaction = Reaction(
            name="bookings",
            topic=TOPIC,
            events=HEARD,
            lane=lane,
            handle=by_policies(policies(ground.clock), self.vouchers.execute),
        )

    async def tidy(self) -> None:
        await expire(self.vouchers, LapsedHolds(self.ground.issued), self.ground.clock())


class SignerProcess(Process):
    def __init__(self, ground: Ground, name: str) -> None:
        super().__init__(ground, name, SIGNER_PUBLICATION)
        assignments = assignments_of(ground.chain)
        settings = Settings(tries_max=2, segment_events_max=60)
        self.drivers = {
            each.tse_id: TseDriver(
                tse_id=each.tse_id,
                store_id=each.store_id,
                country=each.country,
                store=self.store,
                tses=ground.devices.of(self),
                leases=ground.leases,
                owner=f"{name}/{ground.chance.getrandbits(32)}",
                clock=ground.clock,
                settings=settings,
            )
            for each in assignments.values()
        }
        reactor = Reactor(
            self.store, self.drivers, assignments, elsewhere=frozenset(), clock=ground.clock
        )
        self.reaction = reactor.reaction()

    async def tidy(self) -> None:
        for driver in self.drivers.values():
            try:
                await driver.introduce()
                await driver.probe()
            except (TseFault, Transient):
                continue


class Switch:
    """The voucher service's address: leads to whichever of its processes is `asked`.

    Routes are made once. Making them takes longer than the rest of a restart.
    """

    def __init__(self, ground: Ground) -> None:
        self._asked: ContextVar[VoucherProcess] = ContextVar("asked")
        app = FastAPI()
        app.state.authenticator = self
        vouchers = cast(Vouchers, _Present(self._asked, "vouchers"))
        payments = cast(Payments, _Present(self._asked, "payments"))
        accounts = cast(Accounts, _Present(self._asked, "accounts"))
        # What a till asks. The other routes have tests of their own.
        app.include_router(till.routes(vouchers, payments, accounts), prefix="/voucher")
        app.include_router(sales.routes(vouchers, QrCodes(SECRETS)), prefix="/voucher")
        install_problem_handlers(app)
        self._transport = httpx.ASGITransport(app)

    async def caller(self, token: str) -> Caller:
        return Caller("service", "device-gateway", frozenset({"service"}))

    async def ask(self, process: VoucherProcess, request: httpx.Request) -> httpx.Response:
        """The answer of one process. To be called in a task of its own."""
        self._asked.set(process)
        answer = await self._transport.handle_async_request(request)
        await answer.aread()
        return answer


class _Present:
    """Stands for a part of the process that is asked in this task."""

    def __init__(self, asked: ContextVar[VoucherProcess], part: str) -> None:
        self._asked = asked
        self._part = part

    def __getattr__(self, name: str) -> Any:
        return getattr(getattr(self._asked.get(), self._part), name)
