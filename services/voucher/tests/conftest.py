"""A voucher service over the memory store, with the real handlers, policies and codes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from events import Ask, EventStore, Handled, handle
from events.reaction import Incoming, by_policies
from events.store.connection import engine_for
from events.store.migrate import migrate
from events.store.postgres import PostgresEventStore
from events.testing.memory import MemoryEventStore
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.secrets import Secrets
from money import euro
from voucher import codes
from voucher.commands import IssueVoucher
from voucher.decider import VOUCHER, Issued
from voucher.events import MULTI_PURPOSE, Limits, SoldAt, Terms
from voucher.handlers import Prepared, Rules, Vouchers, serial_of, stream_of
from voucher.handlers.accounts import AccountRules, Accounts
from voucher.handlers.entitlements import Entitlements
from voucher.handlers.fees import AtTill, Fees, Settle
from voucher.handlers.names import claims_of_issue
from voucher.handlers.payments import Payments
from voucher.policies import policies
from voucher.policies_accounts import account_policies, executed_by
from voucher.service import REGISTRY, SERVICE
from voucher.service_accounts import executes

SECRETS = Secrets(root=b"r" * 32, key_id="test")


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


class MemoryDeliveries:
    """`voucher.ports.Deliveries` without encryption: the adapter has tests of its own."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[str, datetime]] = {}

    async def keep(self, voucher_id: str, code: str, *, until: datetime) -> str:
        return self.rows.setdefault(voucher_id, (code, until))[0]

    async def read(self, voucher_id: str) -> str | None:
        row = self.rows.get(voucher_id)
        return row[0] if row else None

    async def wipe(self, voucher_id: str) -> None:
        self.rows.pop(voucher_id, None)

    async def purge(self, now: datetime) -> int:
        late = [key for key, (_, until) in self.rows.items() if until <= now]
        for key in late:
            del self.rows[key]
        return len(late)


class MemoryAttempts:
    """`voucher.ports.Attempts` that counts and never locks."""

    def __init__(self) -> None:
        self.wrongs: list[str] = []

    async def locked_s(self, source: str, now: datetime) -> int:
        return 0

    async def wrong(self, source: str, now: datetime) -> int:
        self.wrongs.append(source)
        return 0

    async def purge(self, now: datetime) -> int:
        return 0


def random_bytes_from(seed: str) -> codes.RandomBytes:
    """Different bytes at each call, the same in each run."""
    calls = 0

    def draw(size: int) -> bytes:
        nonlocal calls
        calls += 1
        raw = b"".join(uuid5(NAMESPACE_URL, f"{seed}/{calls}/{part}").bytes for part in range(2))
        return raw[:size]

    return draw


@dataclass
class World:
    """Tills' requests and the gateway's bookings in one place."""

    store: EventStore
    vouchers: Vouchers
    clock: Clock
    deliveries: MemoryDeliveries
    attempts: MemoryAttempts
    name: str = ""

    def ask(self) -> Ask:
        """A request that nobody asked before."""
        return Ask.of(uuid4().hex, "")

    async def prepare(self, voucher_id: str, value: str, booking_id: str = "B1") -> Prepared:
        sold_at = SoldAt(store_id="berlin", till_id="t1", booking_id=booking_id, line_id="L1")
        return await self.vouchers.prepare(
            self.ask(),
            voucher_id=voucher_id,
            value=euro(value),
            legal_entity_id="kette",
            sold_at=sold_at,
        )

    async def sell(self, voucher_id: str, value: str) -> Prepared:
        done = await self.prepare(voucher_id, value, booking_id=f"sale-{voucher_id}")
        await self.hear(recorded(f"sale-{voucher_id}", sells=[(voucher_id, value)]))
        return done

    async def hold(
        self, code: str, amount: str, hold_id: str, mode: Any = "exact", **other: Any
    ) -> Handled[Any]:
        asked = {
            "hold_id": hold_id,
            "typed": code,
            "amount": euro(amount),
            "mode": mode,
            "store_id": "koeln",
            "till_id": "t2",
            "booking_id": "B2",
            "payment_id": "P1",
            "expires_in_s": 300,
            "source": "till:koeln/t2",
        }
        return await self.vouchers.hold(self.ask(), **{**asked, **other})

    async def redeem(self, code: str, amount: str, redemption_id: str) -> Handled[Any]:
        return await self.vouchers.redeem(
            self.ask(),
            redemption_id=redemption_id,
            typed=code,
            amount=euro(amount),
            mode="exact",
            store_id="koeln",
            source="service:shop",
        )

    async def hear(self, *records: Incoming) -> None:
        await by_policies(policies(self.clock), self.vouchers.execute)(records)

    async def state(self, voucher_id: str) -> Any:
        state: Any = VOUCHER.initial
        for entry in await self.store.load(stream_of(voucher_id)):
            state = VOUCHER.evolve(state, entry.event)
        return state

    async def issued(self, voucher_id: str) -> Issued:
        state = await self.state(voucher_id)
        assert isinstance(state, Issued)
        return state

    async def names(self) -> list[str]:
        return [entry.name for entry in await self.store.read(after=0, records_max=10_000)]


def _incoming(name: str, booking_id: str, document: dict[str, Any], delivery: str) -> Incoming:
    return Incoming(
        event_id=uuid5(NAMESPACE_URL, f"{name}/{booking_id}/{delivery}"),
        name=name,
        version=1,
        source="device-gateway",
        subject=f"booking-{booking_id}",
        sequence=3,
        time=datetime(2026, 11, 22, 10, 0, tzinfo=UTC),
        key="berlin",
        data=json.dumps(document).encode(),
        headers={},
    )


def recorded(
    booking_id: str,
    *,
    sells: list[tuple[str, str]] | None = None,
    paid: list[tuple[str, str, str | None]] | None = None,
    delivery: str = "1",
) -> Incoming:
    """booking.recorded as the gateway publishes it, with fields that nobody reads here."""

    def money(text: str) -> dict[str, Any]:
        return euro(text).model_dump()

    document = {
        "booking_id": booking_id,
        "store_id": "koeln",
        "till_id": "t2",
        "till_name": "Kasse 2",
        "legal_entity_id": "kette",
        "number": 17,
        "recorded_at": "2026-11-22T10:00:00.000000Z",
        "lines": [
            {"line_id": "L0", "kind": "article", "name": "Buch", "amount": money("9.99")},
            *(
                {"line_id": f"L{voucher_id}", "kind": "voucher_sale", "name": "Gutschein",
                 "amount": money(value), "voucher_id": voucher_id}
                for voucher_id, value in sells or []
            ),
        ],
        "payments": [
            {"payment_id": "P0", "kind": "cash", "amount": money("9.99")},
            *(
                {"payment_id": f"P{hold_id}", "kind": "voucher", "amount": money(amount),
                 "hold_id": hold_id, "voucher_id": voucher_id}
                for hold_id, amount, voucher_id in paid or []
            ),
        ],
    }  # fmt: skip
    return _incoming("booking.recorded", booking_id, document, delivery)


def aborted(
    booking_id: str,
    *,
    vouchers: list[str] | None = None,
    holds: list[str] | None = None,
    delivery: str = "1",
) -> Incoming:
    document = {
        "booking_id": booking_id,
        "store_id": "koeln",
        "till_id": "t2",
        "aborted_at": "2026-11-22T10:00:00.000000Z",
        "reason": "customer left",
        "hold_ids": holds or [],
        "voucher_ids": vouchers or [],
    }
    return _incoming("booking.aborted", booking_id, document, delivery)


@pytest.fixture(name="recorded")
def _recorded() -> Callable[..., Incoming]:
    return recorded


@pytest.fixture(name="aborted")
def _aborted() -> Callable[..., Incoming]:
    return aborted


@pytest.fixture(name="secrets")
def _secrets() -> Secrets:
    return SECRETS


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def chain() -> Chain:
    from ruamel.yaml import YAML

    path = Path(__file__).parents[3] / "chain.yaml"
    return Chain.model_validate(YAML(typ="safe").load(path))


def build_world(store: EventStore, clock: Clock, chain: Chain, rules: Rules) -> World:
    deliveries, attempts = MemoryDeliveries(), MemoryAttempts()
    vouchers = Vouchers(
        store,
        chain=chain,
        secrets=SECRETS,
        deliveries=deliveries,
        attempts=attempts,
        clock=clock,
        random_bytes=random_bytes_from(uuid4().hex),
        rules=rules,
    )
    return World(store, vouchers, clock, deliveries, attempts)


@dataclass
class Members:
    """Accounts, fees and entitlements beside the vouchers of a `World`, on the same log."""

    world: World
    accounts: Accounts
    fees: Fees
    entitlements: Entitlements
    payments: Payments

    async def open(self, account_id: str = "A1", **other: Any) -> None:
        asked: dict[str, Any] = {
            "account_id": account_id,
            "legal_entity_id": "kette",
            "holder_id": "reader-7",
            "limits": Limits(),
            "receipt_duty": True,
            "time_zone": "Europe/Berlin",
        }
        await self.accounts.open(self.world.ask(), **{**asked, **other})

    async def account(self, account_id: str = "A1") -> Any:
        return await self.accounts.account(account_id)

    async def card(self, account_id: str = "A1", card_id: str = "K1") -> str:
        done = await self.accounts.assign_card(
            self.world.ask(), account_id=account_id, card_id=card_id, replaces=None
        )
        return done.code

    async def load(self, amount: str, load_id: str = "L1", account_id: str = "A1") -> None:
        await self.accounts.prepare_load(
            self.world.ask(),
            load_id=load_id,
            account_id=account_id,
            typed=None,
            amount=euro(amount),
            booking_id=f"B-{load_id}",
            store_id="koeln",
            till_id="t2",
            source="till:koeln/t2",
        )
        line = {"kind": "account_load", "account_id": account_id, "load_id": load_id,
                "amount": euro(amount).model_dump()}  # fmt: skip
        await self.hear(booked(f"B-{load_id}", line))

    async def fee(self, fee_id: str, amount: str, kind: str = "annual_fee", **other: Any) -> None:
        asked: dict[str, Any] = {"due": date(2026, 11, 22), "text": None}
        await self.fees.post(
            self.world.ask(),
            account_id="A1",
            fee_id=fee_id,
            kind=kind,
            amount=euro(amount),
            **{**asked, **other},
        )

    def wanted(
        self, settlement_id: str, fee_id: str, how: Any, amount: str, **other: Any
    ) -> Settle:
        asked: dict[str, Any] = {
            "account_id": "A1",
            "settlement_id": settlement_id,
            "fee_id": fee_id,
            "how": how,
            "amount": euro(amount),
            "from_credit": False,
            "typed": None,
            "reason": None,
            "store_id": "koeln",
            "source": "till:koeln/t2",
        }
        return Settle(**{**asked, **other})

    async def prepare(
        self, settlement_id: str, fee_id: str, how: Any, amount: str, **other: Any
    ) -> Any:
        till = AtTill(booking_id="B9", till_id="t2")
        wanted = self.wanted(settlement_id, fee_id, how, amount, **other)
        return await self.fees.prepare(self.world.ask(), wanted, till)

    async def voucher(self, voucher_id: str, value: str, terms: Terms = MULTI_PURPOSE) -> str:
        """An active voucher with any terms; answers its code."""
        stream, now = stream_of(voucher_id), self.world.clock()
        code = codes.generate(codes.Kind.VOUCHER, random_bytes_from(voucher_id))
        hashed = codes.hashed(code, SECRETS)
        gift = terms.funding != "purchased"
        command = IssueVoucher(
            voucher_id=voucher_id, serial=serial_of(voucher_id), code_hash=hashed.value,
            hash_key_id=hashed.key_id, value=euro(value), legal_entity_id="kette", sold_at=None,
            valid_until=date(2029, 12, 31), time_zone="Europe/Berlin", opened=date(2026, 11, 22),
            now=now, consideration=euro("0.00") if gift else None, terms=terms,
            origin="back_office",
        )  # fmt: skip
        await handle(
            self.world.store, VOUCHER, stream, command, ask=self.world.ask(),
            claims=claims_of_issue(stream),
        )  # fmt: skip
        return code

    async def hear(self, *records: Incoming) -> None:
        commands = executed_by(self.accounts, self.fees, self.entitlements)
        await by_policies(
            (
                *policies(self.world.clock),
                *account_policies(self.world.clock, self.accounts.load_until),
            ),
            executes(self.payments, commands),
        )(records)


def booked(
    booking_id: str, *lines: dict[str, Any], payments: Any = (), delivery: str = "1"
) -> Incoming:
    """booking.recorded with any lines."""
    document = {
        "booking_id": booking_id,
        "store_id": "koeln",
        "till_id": "t2",
        "legal_entity_id": "kette",
        "recorded_at": "2026-11-22T10:00:00.000000Z",
        "business_date": "2026-11-22",
        "lines": list(lines),
        "payments": list(payments),
    }
    return _incoming("booking.recorded", booking_id, document, delivery)


def gave_up(booking_id: str, **ids: list[str]) -> Incoming:
    """booking.aborted with any ids."""
    document = {
        "booking_id": booking_id,
        "store_id": "koeln",
        "till_id": "t2",
        "aborted_at": "2026-11-22T10:00:00.000000Z",
        "reason": "customer left",
        **ids,
    }
    return _incoming("booking.aborted", booking_id, document, "1")


@pytest.fixture(name="booked")
def _booked() -> Callable[..., Incoming]:
    return booked


@pytest.fixture(name="gave_up")
def _gave_up() -> Callable[..., Incoming]:
    return gave_up


@pytest.fixture
def members(world: World, chain: Chain) -> Members:
    shared: dict[str, Any] = {
        "chain": chain,
        "secrets": SECRETS,
        "attempts": world.attempts,
        "clock": world.clock,
    }
    accounts = Accounts(
        world.store,
        deliveries=world.deliveries,
        random_bytes=random_bytes_from("cards"),
        rules=AccountRules(),
        **shared,
    )
    return Members(
        world,
        accounts,
        Fees(world.store, rules=AccountRules(), **shared),
        Entitlements(world.store, **shared),
        Payments(world.store, world.vouchers, accounts),
    )


@pytest.fixture
def new_world() -> Callable[[EventStore, Clock, Chain, Rules], World]:
    return build_world


@pytest.fixture
def memory(clock: Clock) -> MemoryEventStore:
    return MemoryEventStore("voucher", REGISTRY, clock=clock)


@pytest.fixture
def world(memory: MemoryEventStore, clock: Clock, chain: Chain) -> World:
    return build_world(memory, clock, chain, Rules())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def migrated_url(database_url: str) -> str:
    """A database with the service's schema, as the program makes it."""
    await migrate(database_url, schema=SERVICE.schema, folder=SERVICE.migrations)
    return database_url


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def models(migrated_url: str) -> AsyncIterator[AsyncEngine]:
    """The engine that the program hands to the service."""
    engine = engine_for(migrated_url, schema=SERVICE.schema)
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def postgres(migrated_url: str) -> AsyncIterator[PostgresEventStore]:
    async with PostgresEventStore.open(
        migrated_url, service="voucher", schema=SERVICE.schema, registry=REGISTRY
    ) as store:
        yield store


@pytest.fixture(params=["memory", "postgres"])
def either(request: pytest.FixtureRequest, clock: Clock, chain: Chain) -> World:
    """The same service over the memory store and over PostgreSQL."""
    store: EventStore = request.getfixturevalue(str(request.param))
    return build_world(store, clock, chain, Rules())
