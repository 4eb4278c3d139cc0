"""A gateway in one process: the real API, handlers and HTTP adapter over the memory store, with a
voucher service that keeps its promises over HTTP and can be made to fail like a real one."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from device_gateway.adapters.costcenter_http import HttpChargeService
from device_gateway.adapters.voucher_http import HttpVoucherService
from device_gateway.api import router
from device_gateway.events import BookingOrdered, MasterDataChanged, Record, registry
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.stores import declare_stores
from device_gateway.handlers.tills import TillTokens
from device_gateway.policies import verdicts
from device_gateway.ports import ReceiptOrder, SoldVoucher, Unfinished
from device_gateway.testing import MemoryCashiers
from events import EventStore
from events.reaction import Incoming
from events.testing.memory import MemoryEventStore
from kassenverbund.kit.auth import Caller, Unauthenticated
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.problems import install_problem_handlers
from kassenverbund.kit.secrets import Secrets

CHAIN: dict[str, Any] = {
    "id": "kette",
    "name": "Kette",
    "legal_entities": [
        {
            "id": "gmbh",
            "name": "Kette GmbH",
            "address": {"street": "Weg 1", "postal_code": "10435", "city": "Berlin"},
            "vat_id": "DE123456789",
        }
    ],
    "stores": [
        {
            "id": name,
            "name": f"Laden {name}",
            "legal_entity": "gmbh",
            "address": {"street": "Weg 1", "postal_code": "10435", "city": "Berlin"},
            "tses": [{"id": f"tse-{name}-1"}, {"id": f"tse-{name}-2"}],
            "printers": [{"id": f"bon-{name}", "virtual": True}],
        }
        for name in ("berlin", "koeln")
    ],
    "vat": [
        {"vat": "standard", "rate": 1900, "valid_from": "2021-01-01", "label": "Regelsteuersatz",
         "dsfinvk_key": 1},
        {"vat": "reduced", "rate": 700, "valid_from": "2021-01-01", "label": "ermäßigt",
         "dsfinvk_key": 2},
        {"vat": "zero", "rate": 0, "valid_from": "2021-01-01", "label": "nicht steuerbar",
         "dsfinvk_key": 5},
    ],
    "means_of_payment": [
        {"kind": "cash", "name": "Bar", "fiscal": "Bar"},
        {"kind": "card", "name": "Karte", "fiscal": "Unbar"},
        {"kind": "voucher", "name": "Gutschein", "fiscal": "Keine"},
        {"kind": "cost_center", "name": "Kostenstelle", "fiscal": "Keine"},
    ],
}  # fmt: skip


@dataclass
class Clock:
    now: datetime = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class VoucherService:
    """The voucher service's till routes, by the contract: same id, same answer; tombstones;
    expiry; one answer for every voucher that cannot be used. `failing` breaks the next calls."""

    clock: Clock
    balances: dict[str, int] = field(default_factory=dict)
    holds: dict[str, dict[str, Any]] = field(default_factory=dict)
    prepared: dict[str, dict[str, Any]] = field(default_factory=dict)
    weak: set[str] = field(default_factory=set)
    """Codes that are short ones of another system."""
    captured: set[str] = field(default_factory=set)
    """Holds whose booking has reached the service."""
    calls: list[str] = field(default_factory=list)
    covers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """By code: what a hold says it pays for; word for word, sense or not."""
    failing: list[str] = field(default_factory=list)
    """One word per coming call: `away` (503, nothing done), `lost` (done, then 502)."""

    def sell(self, code: str, minor: int) -> None:
        self.balances[code] = minor

    def available(self, code: str) -> int:
        held: int = sum(
            hold["amount"]
            for hold in self.holds.values()
            if hold.get("code") == code and self._counts(hold)
        )
        return self.balances[code] - held

    def _counts(self, hold: dict[str, Any]) -> bool:
        if hold["state"] == "held":
            return bool(hold["expires_at"] > self.clock.now)
        return bool(hold["state"] == "confirmed")

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.middleware("http")
        async def unreliable(request: Request, go_on: Callable[[Request], Awaitable[Any]]) -> Any:
            self.calls.append(f"{request.method} {request.url.path}")
            fault = self.failing.pop(0) if self.failing else ""
            if fault == "away":
                return JSONResponse({"code": "unavailable"}, 503)
            answer = await go_on(request)
            return JSONResponse({"code": "internal"}, 502) if fault == "lost" else answer

        app.put("/voucher/v1/prepared/{voucher_id}")(self._prepare)
        app.put("/voucher/v1/holds/{hold_id}")(self._hold)
        app.post("/voucher/v1/holds/{hold_id}/confirm")(self._confirm)
        app.post("/voucher/v1/holds/{hold_id}/release")(self._release)
        app.post("/voucher/v1/prepared/{voucher_id}/delivered")(self._delivered)
        app.put("/voucher/v1/holds/{hold_id}/new-code")(self._new_code)
        app.post("/voucher/v1/holds/{hold_id}/new-code/delivered")(self._new_code_delivered)
        return app

    async def _prepare(self, voucher_id: str, body: dict[str, Any]) -> Any:
        digest = hashlib.sha256(voucher_id.encode()).hexdigest().upper()
        made = self.prepared.setdefault(
            voucher_id,
            {
                "voucher_id": voucher_id,
                "serial": f"GS-{digest[:8]}",
                "code": f"GE{digest[8:22]}",
                "value": body["value"],
                "valid_until": "2029-12-31",
                "state": "pending",
            },
        )
        if made["value"] != body["value"]:
            return _problem(422, "idempotency_key.reused")
        return made

    async def _delivered(self, voucher_id: str) -> Any:
        self.prepared[voucher_id]["code"] = None
        return {"voucher_id": voucher_id}

    async def _hold(self, hold_id: str, body: dict[str, Any]) -> Any:
        known = self.holds.get(hold_id)
        if known is not None:
            if known["state"] == "released":
                return _problem(409, "hold.released")
            return self._held(hold_id, known)
        code, wanted = body["code"], body["amount"]["amount"]
        if code not in self.balances or self.available(code) <= 0:
            return _problem(409, "voucher.not_usable")
        self.holds[hold_id] = {
            "code": code,
            "amount": min(wanted, self.available(code)),
            "state": "held",
            "expires_at": self.clock.now + timedelta(minutes=5),
        }
        return self._held(hold_id, self.holds[hold_id])

    def _held(self, hold_id: str, hold: dict[str, Any]) -> dict[str, Any]:
        return {
            "hold_id": hold_id,
            "voucher_id": f"v-{hold['code']}",
            "serial": f"S-{hold['code']}",
            "amount": {"amount": hold["amount"], "currency": "EUR"},
            "voucher_remaining": {"amount": self.available(hold["code"]), "currency": "EUR"},
            "expires_at": hold["expires_at"].isoformat(),
            "state": hold["state"],
            "kind": "multi_purpose",
            "dsfinvk_key": 5,
            "vat": "zero",
            "covers": self.covers.get(hold["code"]),
            "new_code": hold["code"] in self.weak,
        }

    async def _confirm(self, hold_id: str) -> Any:
        hold = self.holds.get(hold_id)
        if hold is None:
            return _problem(404, "hold.unknown")
        if hold["state"] == "released":
            return _problem(409, "hold.released")
        if hold["state"] == "held" and hold["expires_at"] <= self.clock.now:
            return _problem(409, "hold.expired")
        hold["state"] = "confirmed"
        return {"hold_id": hold_id, "state": "confirmed"}

    async def _new_code(self, hold_id: str) -> Any:
        hold = self.holds[hold_id]
        if hold_id not in self.captured:
            return _problem(409, "hold.open")
        if hold.get("told") or self.balances[hold["code"]] <= hold["amount"]:
            return {"hold_id": hold_id, "state": "kept"}
        return {
            "hold_id": hold_id,
            "state": "renewed",
            "voucher_id": f"v-{hold['code']}",
            "serial": f"S-{hold['code']}",
            "code": f"NEW-{hold['code']}",
            "value": {"amount": self.balances[hold["code"]] - hold["amount"], "currency": "EUR"},
            "valid_until": "2029-12-31",
        }

    async def _new_code_delivered(self, hold_id: str) -> Any:
        self.holds[hold_id]["told"] = True
        return {"voucher_id": hold_id}

    async def _release(self, hold_id: str) -> Any:
        self.holds.setdefault(hold_id, {"amount": 0})["state"] = "released"
        return {"hold_id": hold_id, "state": "released"}


def _problem(status: int, code: str, **extra: Any) -> JSONResponse:
    return JSONResponse({"code": code, "status": status, "detail": code, **extra}, status)


@dataclass
class CenterService:
    """The cost centers' till routes, by the contract: one limit per center, cards by code or
    number, a subsidy per card. `failing` as at the vouchers."""

    clock: Clock
    limits: dict[str, int] = field(default_factory=dict)
    """Center number → what all charges may come to."""
    cards: dict[str, str] = field(default_factory=dict)
    """Code or number of a card → center number."""
    modes: dict[str, str] = field(default_factory=dict)
    """Code of a card → how its group pays."""
    addresses: dict[str, list[str]] = field(default_factory=dict)
    subsidies: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Code or number of a card → `{rule_id, name, case, minor}`."""
    center_pays: bool = True
    """False: what subsidies leave is paid otherwise."""
    holds: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    failing: list[str] = field(default_factory=list)

    def used(self, center: str) -> int:
        return sum(
            hold["amount"]["amount"]
            for hold in self.holds.values()
            if hold.get("number") == center and self._counts(hold)
        )

    def _counts(self, hold: dict[str, Any]) -> bool:
        if hold["state"] == "held":
            return bool(hold["until"] > self.clock.now)
        return bool(hold["state"] == "confirmed")

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.middleware("http")
        async def unreliable(request: Request, go_on: Callable[[Request], Awaitable[Any]]) -> Any:
            self.calls.append(f"{request.method} {request.url.path}")
            fault = self.failing.pop(0) if self.failing else ""
            if fault == "away":
                return JSONResponse({"code": "unavailable"}, 503)
            answer = await go_on(request)
            return JSONResponse({"code": "internal"}, 502) if fault == "lost" else answer

        app.put("/costcenter/v1/charges/{hold_id}")(self._charge)
        app.post("/costcenter/v1/lookups")(self._look_up)
        app.post("/costcenter/v1/charges/{hold_id}/confirm")(self._confirm)
        app.post("/costcenter/v1/charges/{hold_id}/release")(self._release)
        return app

    async def _charge(self, hold_id: str, body: dict[str, Any]) -> Any:
        self.bodies.append(body)
        known = self.holds.get(hold_id)
        if known is not None:
            return _problem(409, "hold.released") if known["state"] == "released" else known["told"]
        card, wanted = body["card"], body["amount"]["amount"]
        if "center_number" in card:
            virtual = [
                name
                for name, center in self.cards.items()
                if center == card["center_number"] and not name.startswith("RFID")
            ]
            if len(virtual) != 1 and card.get("card_number") not in virtual:
                code = "charge.card_choice" if virtual else "charge.no_card"
                extra = {"cards": virtual} if virtual else {}
                return _problem(409, code, **extra)
            named = card.get("card_number") or virtual[0]
        else:
            named = card.get("code") or card["number"]
        if named not in self.cards:
            return _problem(404, "card.unknown")
        number = self.cards[named]
        granted = self._granted(named, wanted, body["basket"])
        paid = sum(each["amount"]["amount"] for each in granted)
        asked = wanted - paid if self.center_pays else 0
        room = self.limits.get(number, 10**9) - self.used(number)
        override = body.get("override")
        if asked > room and not override:
            if body["mode"] == "exact" or room <= 0:
                return _problem(
                    409, "limit.exceeded", limit_id="L1", name="Monat", level="center",
                    window="month", available=eur(max(room, 0)),
                )  # fmt: skip
            asked = room
        until = self.clock.now + timedelta(seconds=120)
        told = {
            "hold_id": hold_id,
            "state": "held",
            "center": {"center_id": f"c-{number}", "number": number, "name": f"Kst {number}",
                       "address": self.addresses.get(number, [])},
            "card_id": f"k-{named.removeprefix('RFID-')}",
            "card_number": named.removeprefix("RFID-"),
            "amount": eur(asked),
            "parts": _split(asked, body["basket"]),
            "subsidies": granted,
            "remaining": [{"name": "Monat", "level": "center", "window": "month",
                           "left": eur(room - asked)}] if number in self.limits else [],
            "warnings": [],
            "expires_at": until.isoformat(),
        }  # fmt: skip
        self.holds[hold_id] = {
            "number": number, "amount": told["amount"], "state": "held", "until": until,
            "told": told,
        }  # fmt: skip
        return told

    async def _look_up(self, body: dict[str, Any]) -> Any:
        code = body["card"]["code"]
        if code not in self.cards:
            return _problem(404, "card.unknown")
        return {"mode": self.modes.get(code, "cost_center")}

    def _granted(self, card: str, wanted: int, basket: list[dict[str, Any]]) -> list[Any]:
        rule = self.subsidies.get(card)
        if rule is None:
            return []
        minor = min(rule["minor"], wanted)
        said = {name: rule[name] for name in ("rule_id", "name", "case")}
        return [{**said, "amount": eur(minor), "parts": _split(minor, basket)}]

    async def _confirm(self, hold_id: str) -> Any:
        hold = self.holds.get(hold_id)
        if hold is None:
            return _problem(404, "hold.unknown")
        if hold["state"] == "released":
            return _problem(409, "hold.released")
        if hold["state"] == "held" and hold["until"] <= self.clock.now:
            return _problem(409, "hold.expired")
        hold["state"] = "confirmed"
        return {"hold_id": hold_id, "state": "confirmed"}

    async def _release(self, hold_id: str) -> Any:
        self.holds.setdefault(hold_id, {"amount": eur(0)})["state"] = "released"
        return {"hold_id": hold_id, "state": "released"}


def _split(minor: int, basket: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Over the VAT keys of the basket in proportion; the last part has what is left."""
    gross: dict[str, int] = {}
    keys: dict[str, dict[str, Any]] = {}
    for part in basket:
        gross[part["vat"]] = gross.get(part["vat"], 0) + part["gross"]["amount"]
        keys[part["vat"]] = {name: part[name] for name in ("vat", "rate", "dsfinvk_key")}
    whole, left, parts = sum(gross.values()), minor, []
    for vat in gross:
        share = left if vat == list(gross)[-1] else minor * gross[vat] // whole
        left -= share
        parts.append({**keys[vat], "gross": eur(share)})
    return [part for part in parts if part["gross"]["amount"]]


@dataclass
class Desk:
    """A printing desk that keeps what it was given, by job id."""

    receipts: dict[str, ReceiptOrder] = field(default_factory=dict)
    slips: dict[str, Sequence[SoldVoucher]] = field(default_factory=dict)
    remainders: dict[str, Sequence[SoldVoucher]] = field(default_factory=dict)
    order_slips: dict[str, BookingOrdered] = field(default_factory=dict)
    crash_next: bool = False
    prints: bool = False
    """There is a printer, which will say when the paper is out."""

    def text(self, order: ReceiptOrder) -> str:
        mark = "TSE ausgefallen" if order.outage else ""
        process = order.booking
        number = getattr(process, "number", "X")
        return f"Beleg {number} {process.total if isinstance(process, Record) else ''} {mark}"

    def html(self, order: ReceiptOrder) -> str:
        return f"<p>{self.text(order)}</p>"

    def escpos(self, order: ReceiptOrder) -> bytes:
        return self.text(order).encode()

    def pdf(self, order: ReceiptOrder) -> bytes:
        return b"%PDF " + self.text(order).encode()

    async def enqueue_order_slips(
        self, ordered: BookingOrdered, master_data: MasterDataChanged, *, job_id: str
    ) -> bool:
        self.order_slips.setdefault(job_id, ordered)
        return self.prints

    async def repeat_order_slip(
        self,
        ordered: BookingOrdered,
        master_data: MasterDataChanged,
        *,
        printer_id: str,
        job_id: str,
    ) -> bool:
        return self.prints

    def has_drawer(self, master_data: MasterDataChanged, till_id: str) -> bool:
        return True

    async def enqueue(self, order: ReceiptOrder, *, job_id: str) -> bool:
        if self.crash_next:
            self.crash_next = False
            raise ConnectionError("the desk fell over")
        self.receipts.setdefault(job_id, order)
        return self.prints

    async def enqueue_voucher_slips(
        self, order: ReceiptOrder, *, job_id: str, vouchers: Sequence[SoldVoucher]
    ) -> bool:
        self.slips.setdefault(job_id, vouchers)
        return self.prints

    async def enqueue_remainder_slips(
        self, order: ReceiptOrder, *, job_id: str, vouchers: Sequence[SoldVoucher]
    ) -> bool:
        if not vouchers:
            return False
        self.remainders.setdefault(job_id, vouchers)
        return self.prints


class LogScan:
    """Unfinished bookings by looking at the whole log: what the read model must say, too."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def list(self, *, untouched_since: datetime, bookings_max: int) -> Sequence[Unfinished]:
        log = await self._store.read(after=0, records_max=100_000)
        started = [entry.event for entry in log if entry.name == "booking.started"]
        return [
            Unfinished(event.booking_id, event.store_id, event.started_at)  # type: ignore[attr-defined]  # BookingStarted
            for event in started
        ][:bookings_max]


@dataclass
class Tries:
    """Counts like the adapter in PostgreSQL does, for one window."""

    tries_max: int = 10
    tries: int = 0

    async def admit(self, *, store_id: str, source: str, now: datetime) -> float | None:
        self.tries += 1
        return 30.0 if self.tries > self.tries_max else None

    async def succeeded(self, *, store_id: str, source: str, now: datetime) -> None:
        self.tries -= 1


class Tokens:
    """Tokens of people by name, tills by what the gateway registers."""

    def __init__(self) -> None:
        self.people: dict[str, Caller] = {}
        self._checks: dict[str, Callable[[str], Awaitable[Caller | None]]] = {}

    def accept(self, prefix: str, check: Callable[[str], Awaitable[Caller | None]]) -> None:
        self._checks[prefix] = check

    async def caller(self, token: str) -> Caller:
        for prefix, check in self._checks.items():
            if token.startswith(prefix):
                found = await check(token)
                if found is not None:
                    return found
        if token in self.people:
            return self.people[token]
        raise Unauthenticated


class Till:
    """A till as a point of sale would talk to the gateway."""

    def __init__(self, rig: Rig, store_id: str, till_id: str, token: str) -> None:
        self.rig, self.store_id, self.till_id, self.token = rig, store_id, till_id, token
        self.base = f"/stores/{store_id}/v1/tills/{till_id}/bookings"

    async def post(
        self, path: str = "", body: Any = None, *, key: str | None = None, **headers: str
    ) -> httpx.Response:
        return await self.rig.http.post(
            self.base + path,
            json=body if body is not None else {},
            headers={
                "authorization": f"Bearer {self.token}",
                "idempotency-key": key or uuid4().hex,
                **headers,
            },
        )

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.rig.http.get(
            self.base + path, headers={"authorization": f"Bearer {self.token}", **headers}
        )


class Rig:
    """Everything of one gateway, with the ways to break it."""

    def __init__(self, store: Any = None, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.vouchers = VoucherService(self.clock)
        self.centers = CenterService(self.clock)
        self.desk = Desk()
        self.tokens = Tokens()
        self.tokens.people["manager"] = Caller("person", "m", frozenset({"manager"}))
        self.tokens.people["manager-koeln"] = Caller(
            "person", "mk", frozenset({"manager"}), store_id="koeln"
        )
        self.tokens.people["service"] = Caller("service", "voucher", frozenset({"service"}))
        self.store: Any = store or MemoryEventStore("device-gateway", registry(), clock=self.clock)
        self.tries = Tries()
        self.terminals: Callable[[], Any] = lambda: None
        self.restart()

    def restart(self, **changes: Any) -> None:
        """A new process over the same log: nothing that was only in memory is left. `changes`:
        fields of its `Gateway`."""
        if isinstance(self.store, MemoryEventStore):
            self.store.streams = type(self.store.streams)()
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.vouchers.app()), base_url="http://voucher"
        )
        self.gateway = Gateway(
            store=self.store,
            vouchers=HttpVoucherService(client),
            charges=HttpChargeService(
                httpx.AsyncClient(
                    transport=httpx.ASGITransport(self.centers.app()), base_url="http://centers"
                )
            ),
            desk=self.desk,
            secrets=Secrets(root=bytes(range(32)), key_id="test"),
            clock=self.clock,
            sign_within_s=30.0,
            terminals=self.terminals(),
            **{"cashiers": MemoryCashiers(), **changes},
        )
        self.unfinished = LogScan(self.store)
        till_tokens = TillTokens(self.gateway)
        self.tokens.accept("kvt_", till_tokens.caller)
        app = FastAPI()
        app.state.authenticator = self.tokens
        app.include_router(
            router(self.gateway, tokens=till_tokens, tries=self.tries), prefix="/stores"
        )
        install_problem_handlers(app)
        self.app = app
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")

    async def declare(self) -> None:
        await declare_stores(self.gateway, Chain.model_validate(CHAIN))

    async def as_person(
        self, who: str, path: str, body: Any = None, *, key: str | None = None
    ) -> httpx.Response:
        return await self.http.post(
            path,
            json=body if body is not None else {},
            headers={"authorization": f"Bearer {who}", "idempotency-key": key or uuid4().hex},
        )

    async def paired(self, store_id: str = "berlin", till_id: str | None = None) -> Till:
        offered = await self.as_person(
            "manager", f"/stores/{store_id}/v1/pairings", {"till_id": till_id} if till_id else {}
        )
        assert offered.status_code == 200, offered.text
        answer = await self.pair(store_id, offered.json()["code"])
        assert answer.status_code == 200, answer.text
        paired = answer.json()
        return Till(self, store_id, paired["till_id"], paired["token"])

    async def pair(self, store_id: str, code: str, *, key: str | None = None) -> httpx.Response:
        return await self.http.post(
            f"/stores/{store_id}/v1/pair",
            json={"code": code},
            headers={"idempotency-key": key or uuid4().hex},
        )

    async def sign(self, booking_id: str, *, event_id: Any = None, **changes: Any) -> None:
        """The signer's verdict comes over the bus."""
        recorded = next(
            entry.event
            for entry in self.store.log
            if entry.name == "booking.recorded" and entry.event.booking_id == booking_id
        )
        await self.deliver("signature.made", signature(recorded, **changes), event_id)

    async def deliver(self, name: str, document: dict[str, Any], event_id: Any = None) -> None:
        reaction = verdicts(self.gateway)
        record = Incoming(
            event_id=event_id or uuid4(),
            name=name,
            version=1,
            source="fiscal-signer",
            subject="tse",
            sequence=1,
            time=self.clock.now,
            key="berlin",
            data=json.dumps(document).encode(),
            headers={},
        )
        assert name in reaction.events
        reaction.lane(record)
        await reaction.handle([record])

    def names(self) -> list[str]:
        return [entry.name for entry in self.store.log]

    def events(self, name: str) -> list[Any]:
        return [entry.event for entry in self.store.log if entry.name == name]


def signature(recorded: Any, **changes: Any) -> dict[str, Any]:
    """`signature.made` for a recorded booking, as the signer publishes it."""
    return {
        "booking_id": recorded.booking_id,
        "store_id": recorded.store_id,
        "till_id": recorded.till_id,
        "tse_id": recorded.tse_id,
        "tse_serial": "ab" * 32,
        "certified": False,
        "client_id": recorded.client_id,
        "transaction_number": 7,
        "signature_counter": 14,
        "start_time": recorded.started_at.isoformat(),
        "log_time": recorded.recorded_at.isoformat(),
        "process_type": "Kassenbeleg-V1",
        "process_data": "Beleg^5.00_0.00_0.00_0.00_0.00^5.00:Bar",
        "algorithm": "ecdsa-plain-SHA384",
        "time_format": "unixTime",
        "value": "c2ln",
        "public_key": "a2V5",
        "qr": "V0;KV-berlin-1;…",
        "log_message": "bG9n",
        "aborted": False,
        **changes,
    }


def article(minor: int, *, quantity: str = "1", vat: str = "standard") -> dict[str, Any]:
    return {
        "kind": "article",
        "sku": "978-3",
        "name": "Buch",
        "quantity": quantity,
        "unit_price": {"amount": minor, "currency": "EUR"},
        "vat": vat,
    }


def eur(minor: int) -> dict[str, Any]:
    return {"amount": minor, "currency": "EUR"}


@pytest.fixture
def words() -> Any:
    """The small builders of requests, for the tests of this folder."""

    class Words:
        article = staticmethod(article)
        eur = staticmethod(eur)

        @staticmethod
        def cash(minor: int) -> dict[str, Any]:
            return {"kind": "cash", "amount": eur(minor)}

        @staticmethod
        def card(minor: int) -> dict[str, Any]:
            return {"kind": "card", "amount": eur(minor)}

        @staticmethod
        def voucher(code: str, minor: int | None = None) -> dict[str, Any]:
            paid: dict[str, Any] = {"kind": "voucher", "code": code}
            return paid if minor is None else {**paid, "amount": eur(minor)}

        @staticmethod
        def center(minor: int | None = None, **card: str) -> dict[str, Any]:
            paid: dict[str, Any] = {"kind": "cost_center", "card": card}
            return paid if minor is None else {**paid, "amount": eur(minor)}

        @staticmethod
        def voucher_sale(minor: int) -> dict[str, Any]:
            return {
                "kind": "voucher_sale",
                "name": "Gutschein",
                "quantity": "1",
                "unit_price": eur(minor),
                "vat": "zero",
            }

        @staticmethod
        def sale(lines: list[Any], *payments: Any) -> dict[str, Any]:
            return {"lines": lines, "payments": list(payments), "finish": True}

    return Words


@pytest_asyncio.fixture(loop_scope="session")
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    await made.declare()
    yield made
    await made.http.aclose()


@pytest_asyncio.fixture(loop_scope="session")
async def till(rig: Rig) -> Till:
    return await rig.paired("berlin", "till-1")


@pytest.fixture(scope="session")
def make_rig() -> type[Rig]:
    return Rig


@pytest.fixture(scope="session")
def chain() -> Chain:
    return Chain.model_validate(CHAIN)


@pytest.fixture(scope="session")
def signature_of() -> Callable[[Any], dict[str, Any]]:
    """`signature.made` for a recorded booking."""
    return signature


@pytest.fixture
def package() -> Path:
    """The folder of the device gateway."""
    return Path(__file__).parent.parent


@pytest.fixture
def both() -> Callable[..., Awaitable[list[Any]]]:
    """Run requests side by side."""

    async def run(*requests: Awaitable[Any]) -> list[Any]:
        return list(await asyncio.gather(*requests))

    return run
