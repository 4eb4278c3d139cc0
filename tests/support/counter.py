"""A counter in one process: the till API, the gateway, the voucher service and the cost centers as
they are, over memory stores, with what the signer would sign. Nothing runs by itself, so nothing is
waited for.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx
from fastapi import APIRouter, FastAPI

from device_gateway.adapters.costcenter_http import HttpChargeService
from device_gateway.adapters.library_http import HttpLibraryService
from device_gateway.adapters.virtual_printer import Paper, judge
from device_gateway.adapters.voucher_http import HttpVoucherService
from device_gateway.api import router
from device_gateway.decider.booking_state import Booking
from device_gateway.events import registry
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.paper import Printed, queue_papers
from device_gateway.handlers.recovery import settle
from device_gateway.handlers.stores import declare_stores
from device_gateway.handlers.tills import TillTokens, offer_pairing, pair_till
from device_gateway.policies import verdicts
from device_gateway.ports import OfflineRules, VoucherDesk
from device_gateway.printing.desk import PrintingDesk
from device_gateway.printing.job import PrintJob
from device_gateway.printing.office import PrintOffice
from device_gateway.terminal.desk import TerminalDesk
from device_gateway.testing import MemoryAssortment
from events import Ask, Recorded, Take
from events.handle import input_hash
from events.reaction import Incoming
from events.store.contract import AppendRequest, NewEvents
from events.testing.memory import MemoryEventStore
from events.version import Exact
from fiscal_signer.country import country_of
from fiscal_signer.foreign import BookingRecorded as SignedBooking
from kassenverbund.chain_file import load_chain
from kassenverbund.kit.auth import Caller, Unauthenticated
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.problems import install_problem_handlers
from kassenverbund.kit.secrets import Secrets
from money import Money
from tests.support.centers import CostCenters, open_centers
from tests.support.program import ROOT
from voucher import codes
from voucher.api import fees, renewal, safety, sales, till
from voucher.api.accounts import routes as account_routes
from voucher.api.catalogue import preset_routes
from voucher.events import Terms, VoucherIssued
from voucher.handlers import Rules, serial_of, stream_of
from voucher.handlers.catalogue import Catalogue
from voucher.qr import QrCodes
from voucher.service import REGISTRY as VOUCHER_REGISTRY
from voucher.testing.fakes import Clock
from voucher.testing.members import Members, build_members
from voucher.testing.world import World, build_world

Answer = dict[str, Any]


class Tokens:
    """Knows the gateway, and whom the gateway has paired."""

    def __init__(self) -> None:
        self._check: Callable[[str], Awaitable[Caller | None]] | None = None

    def accept(self, prefix: str, check: Callable[[str], Awaitable[Caller | None]]) -> None:
        self._check = check

    async def caller(self, token: str) -> Caller:
        if token == "gateway":
            return Caller("service", "device-gateway", frozenset({"service"}))
        if token == "office":
            return Caller("person", "b.bauer", frozenset({"back_office"}))
        if token == "manager":
            return Caller("person", "m.meier", frozenset({"manager"}), store_id="berlin")
        found = None if self._check is None else await self._check(token)
        if found is None:
            raise Unauthenticated
        return found


class Queue:
    """A print queue that keeps the bytes."""

    def __init__(self) -> None:
        self.jobs: dict[str, tuple[PrintJob, bytes]] = {}

    async def put(self, job: PrintJob, payload: bytes, *, as_first: bool = False) -> bool:
        new = job.job_id not in self.jobs
        self.jobs.setdefault(job.job_id, (job, payload))
        return new


class Tries:
    async def admit(self, *, store_id: str, source: str, now: datetime) -> float | None:
        return None

    async def succeeded(self, *, store_id: str, source: str, now: datetime) -> None:
        return None


class KeptRules:
    """What the gateway has heard about vouchers without a line."""

    def __init__(self) -> None:
        self.rules: dict[str, OfflineRules] = {}

    async def keep(self, rules: OfflineRules) -> None:
        self.rules[rules.store_id] = rules

    async def of(self, store_id: str) -> OfflineRules | None:
        return self.rules.get(store_id)


class Line(httpx.AsyncBaseTransport):
    """The line to the services behind: an answer can be lost on it."""

    def __init__(self, app: FastAPI) -> None:
        self._whole = httpx.ASGITransport(app)
        self.loses = 0
        """Answers that will not arrive; what was asked is done all the same."""
        self.down = False
        """Nobody is reached."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            raise httpx.ConnectError("down")
        answer = await self._whole.handle_async_request(request)
        if self.loses:
            self.loses -= 1
            raise httpx.ReadError("lost")
        return answer


@dataclass
class Counter:
    """One till of the store in Berlin, and the services behind it."""

    clock: Clock
    vouchers: World
    members: Members
    centers: CostCenters
    line: Line
    gateway: Gateway
    log: MemoryEventStore
    queue: Queue
    client: httpx.AsyncClient
    token: str
    desk: VoucherDesk
    behind: httpx.AsyncClient
    """To the services behind, as the gateway reaches them."""
    heard: int = 0

    async def ask(
        self, path: str = "", body: Answer | None = None, *, key: str = "", **headers: str
    ) -> httpx.Response:
        return await self.at_till(f"/bookings{path}", body, key=key, **headers)

    async def at_till(
        self, path: str, body: Answer | None = None, *, key: str = "", **headers: str
    ) -> httpx.Response:
        return await self.client.post(
            f"/stores/berlin/v1/tills/till-1{path}",
            json=body or {},
            headers={
                "authorization": f"Bearer {self.token}",
                "idempotency-key": key or uuid4().hex,
                **headers,
            },
        )

    async def office(
        self, method: str, path: str, body: Any = None, *, token: str = "office"
    ) -> httpx.Response:
        """A request of people to the store in Berlin."""
        return await self.client.request(
            method,
            f"/stores/berlin/v1/{path}",
            json=body,
            headers={"authorization": f"Bearer {token}", "idempotency-key": uuid4().hex},
        )

    async def sell(
        self, lines: Sequence[Answer], *payments: Answer, finish: bool = True, key: str = ""
    ) -> Answer:
        """A sale as the till sends it, and what follows from it elsewhere."""
        body = {"lines": list(lines), "payments": list(payments), "finish": finish}
        answer = await self.ask("", body, key=key)
        assert answer.status_code == 200, answer.text
        await self.spread()
        told: Answer = answer.json()
        return told

    async def refused(
        self, lines: Sequence[Answer], *payments: Answer, finish: bool = True, key: str = ""
    ) -> Answer:
        """The problem that a sale is answered with."""
        body = {"lines": list(lines), "payments": list(payments), "finish": finish}
        answer = await self.ask("", body, key=key)
        assert answer.status_code >= 400, answer.text
        await self.spread()
        told: Answer = answer.json()
        return told

    async def book(self, status: int = 200, path: str = "", **body: Any) -> Answer:
        """Any request to the bookings, and what follows from it elsewhere."""
        answer = await self.ask(path, body)
        assert answer.status_code == status, answer.text
        await self.spread()
        told: Answer = answer.json()
        return told

    async def balance(self, code: str) -> int:
        """What is on a voucher, in minor units."""
        found, _ = await self.vouchers.vouchers.look_up(code, source="test")
        return found.balance.amount

    async def spread(self) -> None:
        """Vouchers and cost centers hear what the gateway has published."""
        news = self.log.log[self.heard :]
        self.heard += len(news)
        for entry in news:
            if entry.name in ("booking.recorded", "booking.aborted"):
                await self.members.hear(incoming(entry))
                await self.centers.hear(incoming(entry))

    async def recover(self, booking_id: str) -> None:
        """What the recovery does about one booking."""
        await settle(self.gateway, await self.gateway.booking(booking_id))
        await self.spread()

    async def booking(self, booking_id: str) -> Booking:
        return await self.gateway.booking(booking_id)

    def published(self) -> Answer:
        """The newest `booking.recorded`, as it goes onto the bus."""
        newest = [entry for entry in self.log.log if entry.name == "booking.recorded"][-1]
        document: Answer = json.loads(newest.data)
        return document

    def process_data(self) -> str:
        """What the signer signs of the newest booking."""
        booking = SignedBooking.model_validate(self.published())
        return country_of("DE").receipt(booking).data

    def vat(self) -> dict[str, tuple[int, int]]:
        """VAT key → (gross, tax) of the newest booking, minor units."""
        rows = self.published()["vat"]
        return {row["vat"]: (row["gross"]["amount"], row["tax"]["amount"]) for row in rows}

    async def print(self, booking_id: str) -> None:
        """The signer stays silent, so receipt and slips are printed without it."""
        self.clock.advance(seconds=60)
        await self.recover(booking_id)
        await queue_papers(self.gateway, await self.booking(booking_id))

    def paper(self, document: str) -> Paper:
        """The newest paper of a kind, as a printer reads its bytes."""
        payload = [data for job, data in self.queue.jobs.values() if job.document == document][-1]
        return judge(payload).papers[-1]

    async def donated(
        self, value: str, reason: str = "Treue", *, template: str | None = None
    ) -> str:
        """The code of a voucher that was given away."""
        given = await self.vouchers.give_away(f"given-{uuid4().hex[:8]}", value, reason, template)
        return given.code

    async def printed_card(self) -> str:
        """The code of a card of a print run that is not sold yet; it has no value."""
        desk, card_id = self.vouchers.vouchers.desk, uuid4().hex
        code = codes.generate(codes.Kind.VOUCHER, desk.random_bytes)
        hashed = codes.hashed(code, desk.secrets)
        card = VoucherIssued(
            voucher_id=card_id,
            serial=serial_of(card_id),
            code_hash=hashed.value,
            hash_key_id=hashed.key_id,
            terms=Terms(),
            value=Money(amount=0),
            consideration=Money(amount=0),
            legal_entity_id="kette",
            origin="batch",
            status="inactive",
            batch_id="L1",
            time_zone="Europe/Berlin",
            opened=self.clock.now.date(),
            issued_at=self.clock.now,
        )
        stream = stream_of(card_id)
        await self.vouchers.store.append(
            AppendRequest(
                key=card_id,
                input_hash=input_hash(card_id),
                streams=(NewEvents(stream, Exact(0), (card,)),),
                claims=(
                    Take(f"code:{hashed.value}", stream),
                    Take(f"serial:{card.serial}", stream),
                ),
            )
        )
        return code

    async def bought(self, minor: int, **terms: Any) -> str:
        """The code of a multi-purpose voucher sold at this till."""
        sold = await self.sell([voucher_sale(minor, **terms)], cash(minor))
        code: str = sold["vouchers"][0]["code"]
        return code


def incoming(entry: Recorded, data: bytes | None = None) -> Incoming:
    """As it comes from the bus; `data`: with another content."""
    return Incoming(
        event_id=entry.event_id,
        name=entry.name,
        version=entry.schema_version,
        source="device-gateway",
        subject=entry.stream,
        sequence=entry.version,
        time=entry.recorded_at,
        key="berlin",
        data=entry.data if data is None else data,
        headers={},
    )


async def open_counter(
    chain: Chain | None = None,
    *,
    rules: Rules | None = None,
    office: PrintOffice | None = None,
    terminals: Callable[[Clock], TerminalDesk] | None = None,
) -> Counter:
    """The example chain (or another with its store in Berlin), a till in Berlin paired. `office`: a
    real print spool instead of a queue that only keeps the bytes."""
    chain, clock, tokens = chain or load_chain(ROOT / "chain.yaml"), Clock(), Tokens()
    voucher_log = MemoryEventStore("voucher", VOUCHER_REGISTRY, clock=clock)
    world = build_world(voucher_log, clock, chain, rules or chain.vouchers)
    behind = FastAPI()
    behind.state.authenticator = tokens
    members = build_members(world, chain)
    accounts, payments = members.accounts, members.payments
    presets = APIRouter()
    preset_routes(presets, Catalogue(voucher_log, chain=chain, clock=clock))
    qr = QrCodes(world.vouchers.desk.secrets)
    for routes in (
        till.routes(world.vouchers, payments, accounts),
        sales.routes(world.vouchers, qr),
        safety.offline_routes(qr, chain),
        renewal.routes(world.vouchers, qr),
        account_routes(accounts, voucher_log, clock),
        fees.routes(members.fees, members.claims, members.entitlements),
        presets,
    ):
        behind.include_router(routes, prefix="/voucher")
    centers = open_centers(chain, clock)
    centers.routes(behind)
    install_problem_handlers(behind)
    line = Line(behind)
    log = MemoryEventStore("device-gateway", registry(), clock=clock)
    queue = Queue()
    asking = httpx.AsyncClient(
        transport=line, base_url="http://v", headers={"authorization": "Bearer gateway"}
    )
    service = HttpVoucherService(asking, clock=clock)
    gateway = Gateway(
        store=log,
        vouchers=service,
        charges=HttpChargeService(asking),
        desk=PrintingDesk(queue, clock=clock)  # type: ignore[arg-type]  # only `put` is asked for
        if office is None
        else office.desk,
        printers=office,
        secrets=Secrets(root=bytes(32), key_id="test"),
        clock=clock,
        sign_within_s=30.0,
        offline=KeptRules(),
        assortment=MemoryAssortment(log),
        library=HttpLibraryService(asking, clock=clock),
        terminals=None if terminals is None else terminals(clock),
    )
    if office is not None:
        office.listener = Printed(gateway)
    await declare_stores(gateway, chain)
    offered = await offer_pairing(
        gateway, store_id="berlin", till_id="till-1", name="Kasse 1", ask=Ask.of("offer", "")
    )
    paired = await pair_till(gateway, store_id="berlin", code=offered.code, ask=Ask.of("pair", ""))
    till_tokens = TillTokens(gateway)
    tokens.accept("kvt_", till_tokens.caller)
    front = FastAPI()
    front.state.authenticator = tokens
    front.include_router(router(gateway, tokens=till_tokens, tries=Tries()), prefix="/stores")
    install_problem_handlers(front)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(front), base_url="http://g")
    assert verdicts(gateway).topic == "fiscal-signer"
    return Counter(
        clock, world, members, centers, line, gateway, log, queue, client, paired.token, service,
        asking,
    )  # fmt: skip


def eur(minor: int) -> Answer:
    return {"amount": minor, "currency": "EUR"}


def article(minor: int, vat: str = "standard", **more: Any) -> Answer:
    return {"kind": "article", "name": "Ware", "unit_price": eur(minor), "vat": vat, **more}


def voucher_sale(minor: int, vat: str = "zero", **terms: Any) -> Answer:
    line = {"kind": "voucher_sale", "name": "Gutschein", "unit_price": eur(minor), "vat": vat}
    return {**line, "voucher": terms} if terms else line


def single_purpose(minor: int, vat: str, goods: str = "Bücher") -> Answer:
    return voucher_sale(minor, vat, kind="single_purpose", goods=goods)


def top_up(code: str, minor: int, vat: str = "zero") -> Answer:
    line = {"kind": "voucher_top_up", "name": "Aufladung", "unit_price": eur(minor), "vat": vat}
    return {**line, "code": code}


def article_voucher(minor: int, sku: str, vat: str = "zero") -> Answer:
    """The article of a pair: its sku says which half."""
    half = "redemption" if sku.endswith("EINLOESEN") else "sale"
    return {
        "kind": f"voucher_article_{half}",
        "sku": sku,
        "name": "Gutschein",
        "unit_price": eur(minor),
        "vat": vat,
    }


def cash(minor: int) -> Answer:
    return {"kind": "cash", "amount": eur(minor)}


def card(minor: int) -> Answer:
    return {"kind": "card", "amount": eur(minor)}


def on_center(minor: int | None = None, *, mode: str = "", **card: str) -> Answer:
    """`number=`, `code=` or `center_number=` names the card."""
    paid: Answer = {"kind": "cost_center", "card": card}
    if minor is not None:
        paid["amount"] = eur(minor)
    return {**paid, "mode": mode} if mode else paid


def by_voucher(*codes: str) -> Answer:
    if len(codes) == 1:
        return {"kind": "voucher", "code": codes[0]}
    return {"kind": "voucher", "codes": list(codes)}
