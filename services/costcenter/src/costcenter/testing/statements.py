"""Facts told straight into the statements' read models, and the reports over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from costcenter import names
from costcenter.events import (
    CardIssued,
    CenterOpened,
    ChargeBooked,
    Chargee,
    ChargeReversed,
    SubsidyGranted,
    SubsidyTakenBack,
    VatPart,
)
from costcenter.projections.statements import Statements
from events import Event, Metadata, Recorded
from events.event import encode
from events.subscription import checkpoint_name
from kassenverbund.kit.auth import Caller
from money import Money, euro

BERLIN = ZoneInfo("Europe/Berlin")
TABLES = (
    "statement_line", "statement_sum", "statement_month", "statement_center", "statement_company",
    "statement_group", "statement_card",
)  # fmt: skip


def _person(name: str, role: str, **other: Any) -> Caller:
    return Caller(kind="person", id=name, roles=frozenset({role}), **other)


CALLERS = {
    "office": _person("o", "back_office"),
    "auditor": _person("x", "auditor"),
    "manager": _person("m", "manager", store_id="berlin"),
    "cashier": _person("c", "cashier"),
    "firma-a": _person("a", "company", company_id="A"),
    "firma-b": _person("b", "company", company_id="B"),
    "nameless": _person("n", "company"),
    "till": Caller(kind="till", id="t1", store_id="berlin", till_id="t1"),
}


class Log:
    """A log that a test writes by itself. Noon of a day in October unless a fact says otherwise."""

    def __init__(self) -> None:
        self.entries: list[Recorded] = []
        self.now = datetime(2026, 10, 12, 10, 0, tzinfo=UTC)
        self.cards: dict[str, Chargee] = {}

    def __call__(self) -> datetime:
        return self.now

    def on(self, day: str) -> Log:
        """Go to a day in Berlin."""
        self.now = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=BERLIN).astimezone(UTC)
        return self

    @property
    def today(self) -> date:
        return self.now.astimezone(BERLIN).date()

    def tell(self, stream: str, *events: Event) -> None:
        for event in events:
            position = len(self.entries) + 1
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
                    metadata=Metadata(actor="policy:bookings"),
                    idempotency_key=str(position),
                    recorded_at=self.now,
                )
            )

    def open(self, center_id: str, number: str, *cards: str, company: str | None = None) -> None:
        """A center, and cards of group 1-4 by their numbers."""
        self.tell(
            names.center_stream(center_id),
            CenterOpened(
                center_id=center_id, number=number, name=f"Center {number}", company_id=company,
                opened_at=self.now,
            ),
        )  # fmt: skip
        for card in cards:
            self.issue(card, center_id, number, company=company)

    def issue(
        self, card: str, center_id: str | None, number: str, *, company: str | None = None,
        group: tuple[int, int] = (1, 4),
    ) -> None:  # fmt: skip
        self.tell(
            names.card_stream(card),
            CardIssued(
                card_id=card, number=card, kind="virtual", medium="none", main_group=group[0],
                user_group=group[1], center_id=center_id, issued_at=self.now,
            ),
        )  # fmt: skip
        self.cards[card] = Chargee(
            center_id=center_id or "", center_number=number, center_name=f"Center {number}",
            card_id=card, card_number=card, main_group=group[0], user_group=group[1],
            company_id=company,
        )  # fmt: skip

    def charge(self, charge_id: str, card: str, amount: str, **other: Any) -> None:
        """A recorded booking of today, at 19 % unless `parts` say otherwise."""
        chargee, day = self.cards[card], self.today
        told = {
            "charge_id": charge_id, "month": f"{day:%Y-%m}", "chargee": chargee,
            "amount": euro(amount), "parts": (part(amount),), "booking_id": f"B-{charge_id}",
            "booking_number": len(self.entries), "store_id": "berlin", "till_id": "t1",
            "business_date": day, "booked_at": self.now,
        }  # fmt: skip
        event = ChargeBooked.model_validate({**told, **other})
        self.tell(names.month_stream(chargee.center_id, event.month), event)

    def give_back(self, charge_id: str, card: str, amount: str, **other: Any) -> None:
        chargee, day = self.cards[card], self.today
        told = {
            "charge_id": charge_id, "month": f"{day:%Y-%m}", "reversal_id": f"R-{charge_id}",
            "chargee": chargee, "amount": euro(amount), "parts": (part(amount),),
            "booking_id": f"BR-{charge_id}", "store_id": "berlin", "till_id": "t1",
            "business_date": day, "reversed_at": self.now,
        }  # fmt: skip
        event = ChargeReversed.model_validate({**told, **other})
        self.tell(names.month_stream(chargee.center_id, event.month), event)

    def grant(self, charge_id: str, card: str, payer: str, amount: str, **other: Any) -> None:
        """A subsidy that `payer` owes for a meal of `card`."""
        told = {
            **self._subsidy(charge_id, card, payer, amount), "name": "Mittagessen",
            "tax_case": "unreal", "till_id": "t1", "granted_at": self.now,
        }  # fmt: skip
        event = SubsidyGranted.model_validate({**told, **other})
        self.tell(names.month_stream(payer, event.month), event)

    def take_back(self, charge_id: str, card: str, payer: str, amount: str, **other: Any) -> None:
        told = {
            **self._subsidy(charge_id, card, payer, amount), "reversal_id": f"R-{charge_id}",
            "taken_back_at": self.now,
        }  # fmt: skip
        event = SubsidyTakenBack.model_validate({**told, **other})
        self.tell(names.month_stream(payer, event.month), event)

    def _subsidy(self, charge_id: str, card: str, payer: str, amount: str) -> dict[str, Any]:
        return {
            "center_id": payer, "month": f"{self.today:%Y-%m}", "charge_id": charge_id,
            "rule_id": "lunch", "card_id": card, "card_number": card,
            "booking_id": f"B-{charge_id}", "store_id": "berlin", "business_date": self.today,
            "amount": euro(amount), "parts": (part(amount),), "uses": 1,
        }  # fmt: skip


def part(gross: str, vat: str = "standard", rate: int = 1900, key: int = 1) -> VatPart:
    return VatPart(vat=vat, rate=rate, dsfinvk_key=key, gross=euro(gross))


async def empty(engine: AsyncEngine) -> None:
    async with engine.begin() as tx:
        for table in (*TABLES, "checkpoint"):
            # For a few rows this takes a hundredth of the time of TRUNCATE.
            await tx.execute(text(f"DELETE FROM {table}"))


async def fold(engine: AsyncEngine, entries: Sequence[Recorded], *, page: int = 500) -> None:
    """Fold a log into the read models, `page` events at a time, as the program does."""
    book = Statements()
    move = text(
        "INSERT INTO checkpoint (subscription, position) VALUES (:name, :position)"
        " ON CONFLICT (subscription) DO UPDATE SET position = excluded.position"
    )
    for start in range(0, len(entries), page):
        some = entries[start : start + page]
        async with engine.begin() as tx:
            await book.apply(tx, some)
            await tx.execute(move, {"name": checkpoint_name(book), "position": some[-1].position})


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

    async def get(
        self, path: str, /, who: str = "office", accept: str = "*/*", **query: Any
    ) -> httpx.Response:
        await fold(self.engine, self.log.entries[self.folded :])
        self.folded = len(self.log.entries)
        params = {name.rstrip("_"): value for name, value in query.items()}
        return await self.client.get(
            httpx.URL(path).copy_merge_params(params),
            headers={"authorization": f"Bearer {who}", "accept": accept},
        )

    async def rows(self, path: str, /, **query: Any) -> list[dict[str, Any]]:
        """The rows, with money as text: `50.00`."""
        found: list[dict[str, Any]] = (await self.document(path, **query))["rows"]
        return found

    async def document(self, path: str, /, **query: Any) -> dict[str, Any]:
        """The whole answer, with money as text."""
        answer = await self.get(path, **query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = plain(answer.json())
        return found


def plain(value: Any) -> Any:
    if isinstance(value, list):
        return [plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"amount", "currency"}:
        return str(Money.model_construct(**value).as_decimal())
    return {name: plain(each) for name, each in value.items()}


class CurrentLog:
    """The clock of an application that serves test after test: each has a log of its own."""

    log: Log

    def __call__(self) -> datetime:
        return self.log()
