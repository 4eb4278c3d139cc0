"""Facts told straight into the read models, and the reports over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events import Event, EventStore, Metadata, Recorded
from events.event import encode
from kassenverbund.kit.auth import Caller
from money import Money, euro
from voucher.events import (
    LotUse,
    SoldAt,
    Terms,
    VoucherActivated,
    VoucherIssued,
    VoucherRedeemed,
)
from voucher.projections import VoucherBook

BERLIN = ZoneInfo("Europe/Berlin")
STORES = {"berlin": "Buchhandlung am Park", "koeln": "Buchhandlung am Dom"}
TABLES = (
    "voucher_book", "value_lot", "liability_day", "store_day", "fact_line", "open_hold",
    "preparation", "concession", "failure", "overdraft", "account_book", "account_fee",
    "fee_settlement", "batch_book", "template_book",
)  # fmt: skip
CALLERS = {
    "office": Caller(kind="person", id="o", roles=frozenset({"back_office"})),
    "auditor": Caller(kind="person", id="x", roles=frozenset({"auditor"})),
    "manager": Caller(kind="person", id="m", roles=frozenset({"manager"}), store_id="berlin"),
    "cashier": Caller(kind="person", id="c", roles=frozenset({"cashier"})),
    "till": Caller(kind="till", id="t1", store_id="berlin", till_id="t1"),
}


class Log:
    """A log that a test writes by itself. Noon of a day unless a fact says otherwise."""

    def __init__(self) -> None:
        self.entries: list[Recorded] = []
        self.now = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def on(self, day: str, time: str = "12:00") -> Log:
        """Go to a day and time in Berlin."""
        self.now = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=BERLIN).astimezone(UTC)
        return self

    @property
    def today(self) -> date:
        return self.now.astimezone(BERLIN).date()

    def tell(self, *events: Event, actor: str = "person:anna") -> None:
        for event in events:
            position = len(self.entries) + 1
            told = vars(event)
            stream = next(
                (f"{what}-{told[f'{what}_id']}" for what in ("account", "voucher", "batch")
                 if told.get(f"{what}_id") and event.event_name.startswith((what, "fee"))),
                "other",
            )  # fmt: skip
            self.entries.append(
                Recorded(
                    position=position,
                    stream=stream,
                    version=position,
                    event_id=uuid5(NAMESPACE_URL, str(position)),
                    event=event,
                    name=event.event_name,
                    schema_version=event.event_version,
                    data=encode(event),
                    metadata=Metadata(actor=actor),
                    idempotency_key=str(position),
                    recorded_at=self.now,
                )
            )

    def issue(self, voucher_id: str, value: str, /, **other: Any) -> VoucherIssued:
        """An issued voucher, pending unless `status` says otherwise."""
        event = VoucherIssued.model_validate(
            {
                "voucher_id": voucher_id,
                "serial": f"GS-{voucher_id}",
                "code_hash": f"hash-{voucher_id}",
                "hash_key_id": "k1",
                "value": euro(value),
                "consideration": euro(value),
                "legal_entity_id": "kette",
                "sold_at": SoldAt(
                    store_id="berlin", till_id="t1", booking_id=f"B-{voucher_id}", line_id="L1"
                ),
                "valid_until": date(self.today.year + 3, 12, 31),
                "time_zone": "Europe/Berlin",
                "opened": self.today,
                "issued_at": self.now,
                **other,
            }
        )
        self.tell(event, actor="service:device-gateway")
        return event

    def sell(self, voucher_id: str, value: str, /, **other: Any) -> None:
        """Issued, and its sale recorded."""
        self.issue(voucher_id, value, **other)
        self.tell(
            VoucherActivated(
                voucher_id=voucher_id,
                serial=f"GS-{voucher_id}",
                booking_id=f"B-{voucher_id}",
                value=euro(value),
                activated_at=self.now,
            ),
            actor="policy:bookings",
        )

    def give(self, voucher_id: str, value: str, reason: str = "Lesefest") -> None:
        """Donated: nobody paid for it."""
        terms = Terms(funding="donated", reason=reason)
        self.issue(
            voucher_id, value, terms=terms, status="active", consideration=euro("0"), sold_at=None,
            origin="back_office",
        )  # fmt: skip

    def redeem(
        self, voucher_id: str, amount: str, left: str, /, hold_id: str = "", **other: Any
    ) -> None:
        told = {
            "voucher_id": voucher_id,
            "serial": f"GS-{voucher_id}",
            "hold_id": hold_id or f"H{len(self.entries)}",
            "booking_id": f"B{len(self.entries)}",
            "amount": euro(amount),
            "remaining": euro(left),
            "uses": (use("issue", amount),),
            "store_id": "koeln",
            "till_id": "t2",
            "redeemed_at": self.now,
        }
        self.tell(VoucherRedeemed.model_validate({**told, **other}), actor="policy:bookings")


def use(lot_id: str, amount: str) -> LotUse:
    return LotUse(lot_id=lot_id, amount=euro(amount), consideration=euro(amount))


async def empty(engine: AsyncEngine) -> None:
    # For a few rows this takes a hundredth of the time of TRUNCATE.
    async with engine.begin() as tx:
        for table in TABLES:
            await tx.execute(text(f"DELETE FROM {table}"))


async def fold(engine: AsyncEngine, entries: Sequence[Recorded], *, page: int = 500) -> None:
    """Fold a log into the read models, `page` events at a time."""
    book = VoucherBook()
    for start in range(0, len(entries), page):
        async with engine.begin() as tx:
            await book.apply(tx, entries[start : start + page])


async def rows_of(engine: AsyncEngine) -> dict[str, list[str]]:
    """Everything that the read models hold."""
    async with engine.connect() as connection:
        return {
            table: sorted(map(repr, await connection.execute(text(f"SELECT * FROM {table}"))))
            for table in TABLES
        }


class Office:
    """The reports behind HTTP, over a log that is folded before each question."""

    def __init__(self, log: Log, engine: AsyncEngine, client: httpx.AsyncClient) -> None:
        self.log, self.engine, self.client = log, engine, client
        self.folded = 0

    async def follow(self, store: EventStore) -> None:
        """Read on in the log of a store that other parts write to."""
        after = len(self.log.entries)
        self.log.entries += await store.read(after=after, records_max=100_000)

    async def get(
        self, path: str, /, who: str = "office", accept: str = "*/*", **query: Any
    ) -> httpx.Response:
        await fold(self.engine, self.log.entries[self.folded :])
        self.folded = len(self.log.entries)
        return await self.client.get(
            path,
            params={name.rstrip("_"): value for name, value in query.items()},
            headers={"authorization": f"Bearer {who}", "accept": accept},
        )

    async def rows(self, path: str, /, **query: Any) -> list[dict[str, Any]]:
        """The rows, with money as text: `50.00`."""
        answer = await self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return [{k: plain(v) for k, v in row.items()} for row in answer.json()["rows"]]


def plain(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"amount", "currency"}:
        return str(Money.model_construct(**value).as_decimal())
    return value


class CurrentLog:
    """The clock of an application that serves test after test: each has a log of its own."""

    log: Log

    def __call__(self) -> datetime:
        return self.log()
