"""The cost center service as it is, over a memory store: what back office sets up, what tills and
bookings ask of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from fastapi import FastAPI

from costcenter.api import till
from costcenter.decider.month import MONTH, Month
from costcenter.events import (
    Address,
    CardKind,
    ChargeBooked,
    ChargeHeld,
    ChargeReleased,
    Limit,
    Mode,
    Scope,
    Window,
)
from costcenter.handlers.booking import Bookings
from costcenter.handlers.charging import Charges
from costcenter.handlers.desk import Desk, Rules
from costcenter.handlers.months import Months
from costcenter.handlers.structure import Groups, Writer
from costcenter.handlers.structure_cards import CardData, Cards
from costcenter.handlers.structure_centers import CenterData, Centers
from costcenter.names import month_stream
from costcenter.policies import policies
from costcenter.service import REGISTRY, executes
from events import Ask, Event, state_of
from events.reaction import Incoming, by_policies
from events.testing.memory import MemoryEventStore
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.secrets import Secrets
from money import euro

SECRETS = Secrets(root=bytes(32), key_id="test")


class OfTheLog:
    """Lapsed holds and open months by looking at the whole log."""

    def __init__(self, log: MemoryEventStore) -> None:
        self._log = log

    async def lapsed(self, now: datetime, *, holds_max: int) -> Sequence[tuple[str, str]]:
        found = []
        for stream in {entry.stream for entry in self._log.log if entry.name == "charge.held"}:
            _, month = await state_of(self._log, MONTH, stream)
            found += [
                (stream, charge_id)
                for charge_id, charge in month.charges.items()
                if charge.state == "held" and charge.expires_at and charge.expires_at <= now
            ]
        return sorted(found)[:holds_max]

    async def lapsed_on(
        self, limit_ids: Sequence[str], now: datetime, *, holds_max: int
    ) -> Sequence[tuple[str, str]]:
        return await self.lapsed(now, holds_max=holds_max)

    async def open_until(
        self, month: str, *, after: tuple[str, str], months_max: int
    ) -> Sequence[tuple[str, str]]:
        return ()


@dataclass
class CostCenters:
    """One chain's cost centers."""

    log: MemoryEventStore
    groups: Groups
    centers: Centers
    cards: Cards
    charges: Charges
    bookings: Bookings
    months: Months
    clock: Any

    def routes(self, app: FastAPI) -> None:
        """Mount what tills and gateways ask."""
        app.include_router(till.routes(self.charges, self.months), prefix="/costcenter")

    async def hear(self, record: Incoming) -> None:
        """A booking's event arrives."""
        react = by_policies(policies(self.clock), executes(self.charges, self.bookings))
        await react([record])

    def events(self, kind: type[Event]) -> list[Any]:
        return [entry.event for entry in self.log.log if isinstance(entry.event, kind)]

    def booked(self) -> list[ChargeBooked]:
        return self.events(ChargeBooked)

    def held(self) -> list[ChargeHeld]:
        return self.events(ChargeHeld)

    def released(self) -> list[ChargeReleased]:
        return self.events(ChargeReleased)

    async def month(self, center_id: str, month: str) -> Month:
        return (await state_of(self.log, MONTH, month_stream(center_id, month)))[1]

    # --- what back office does ---

    async def group(
        self, main: int, number: int, *, mode: Mode = "cost_center", company: str | None = None
    ) -> None:
        """User group `main`-`number`, and its main group."""
        await self.groups.set_main_group(
            _ask(), main_group=main, name=f"Gruppe {main}", company_id=company
        )
        await self.groups.set_user_group(
            _ask(), main_group=main, number=number, name=f"{main}-{number}", mode=mode, new=False
        )

    async def company(self, company_id: str, name: str, *lines: str) -> None:
        await self.groups.set_company(
            _ask(), company_id=company_id, name=name, address=address(name, *lines), vat_id=None
        )

    async def center(
        self,
        number: str,
        name: str,
        *,
        company: str | None = None,
        own_address: Address | None = None,
    ) -> str:
        """A center; its id is `c-{number}`."""
        center_id = f"c-{number}"
        await self.centers.put(
            _ask(),
            CenterData(
                center_id=center_id,
                number=number,
                name=name,
                company_id=company,
                address=own_address,
            ),
        )
        return center_id

    async def card(
        self,
        number: str,
        center_id: str | None,
        *,
        group: tuple[int, int] = (1, 4),
        code: str | None = None,
    ) -> str:
        """A card; with a `code` a physical one. Its id is `k-{number}`."""
        kind: CardKind = "virtual" if code is None else "physical"
        await self.cards.issue(
            _ask(),
            CardData(
                card_id=f"k-{number}",
                number=number,
                kind=kind,
                medium="none" if code is None else "rfid",
                main_group=group[0],
                user_group=group[1],
                center_id=center_id,
                code=code,
            ),
        )
        return f"k-{number}"

    async def usable(self, number: str, name: str = "Empfang", **center: Any) -> str:
        """A center with a virtual card of the same number in group 1-4."""
        await self.group(1, 4)
        center_id = await self.center(number, name, **center)
        await self.card(number, center_id)
        return center_id

    async def limit(self, center_id: str, amount: str, window: Window = "month") -> None:
        await self.groups.set_limit(
            _ask(),
            limit=Limit(
                limit_id=f"L-{center_id}-{window}",
                name="Budget",
                scope=Scope(level="center", id=center_id),
                window=window,
                amount=euro(amount),
            ),
        )


def address(name: str, *lines: str) -> Address:
    return Address(name=name, lines=lines, postal_code="10115", city="Berlin")


def _ask() -> Ask:
    return Ask.of(uuid4().hex, "")


def open_centers(chain: Chain, clock: Any) -> CostCenters:
    """Nothing is set up in it."""
    log = MemoryEventStore("costcenter", REGISTRY, clock=clock)
    rules = Rules.of(chain)
    desk = Desk(log, chain=chain, secrets=SECRETS, clock=clock, rules=rules)
    found = OfTheLog(log)
    charges = Charges(desk, found)
    writer = Writer(log, chain.currency, clock)
    return CostCenters(
        log=log,
        groups=Groups(writer),
        centers=Centers(writer, chain.cost_centers),
        cards=Cards(writer, SECRETS),
        charges=charges,
        bookings=Bookings(desk),
        months=Months(desk, charges, found),
        clock=clock,
    )
