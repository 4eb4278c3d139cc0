"""The cost center service as it is, over a memory store: what back office sets up, what tills and
bookings ask of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from costcenter.api import till
from costcenter.events import (
    Address,
    ChargeBooked,
    ChargeHeld,
    ChargeReleased,
    ChargeReversed,
    Mode,
    SubsidyGranted,
    SubsidyRule,
    Window,
)
from costcenter.service import REGISTRY
from costcenter.testing.world import World, build_world
from events import Event
from events.reaction import Incoming
from events.testing.memory import MemoryEventStore
from kassenverbund.kit.chain import Chain
from money import euro


@dataclass
class CostCenters:
    """One chain's cost centers."""

    log: MemoryEventStore
    world: World

    def routes(self, app: FastAPI) -> None:
        """Mount what tills and gateways ask."""
        routes = till.routes(self.world.charges, self.world.months)
        app.include_router(routes, prefix="/costcenter")

    async def hear(self, record: Incoming) -> None:
        """A booking's event arrives."""
        await self.world.hear(record)

    def events(self, kind: type[Event]) -> list[Any]:
        return [entry.event for entry in self.log.log if isinstance(entry.event, kind)]

    def held(self) -> list[ChargeHeld]:
        return self.events(ChargeHeld)

    def booked(self) -> list[ChargeBooked]:
        return self.events(ChargeBooked)

    def released(self) -> list[ChargeReleased]:
        return self.events(ChargeReleased)

    def reversed(self) -> list[ChargeReversed]:
        return self.events(ChargeReversed)

    def granted(self) -> list[SubsidyGranted]:
        return self.events(SubsidyGranted)

    # --- what back office does ---

    async def group(self, main: int, number: int, *, mode: Mode = "cost_center") -> None:
        """User group `main`-`number`, and its main group."""
        groups, ask = self.world.groups, self.world.ask
        await groups.set_main_group(ask(), main_group=main, name=f"G{main}", company_id=None)
        await groups.set_user_group(
            ask(), main_group=main, number=number, name=f"{main}-{number}", mode=mode, new=False
        )

    async def company(self, company_id: str, name: str, *lines: str) -> None:
        await self.world.groups.set_company(
            self.world.ask(),
            company_id=company_id,
            name=name,
            address=address(name, *lines),
            vat_id=None,
        )

    async def center(self, number: str, name: str, **more: Any) -> str:
        """A center; its id is `c{number}`. `company_id`, `address`: as `CenterData`."""
        return await self.world.center(number, name, **more)

    async def card(self, number: str, center: str | None, **more: Any) -> str:
        """A card of the center of this number; with a `code` a physical one."""
        return await self.world.card(number, center, **more)

    async def usable(self, number: str, name: str = "Empfang", **more: Any) -> str:
        """A center with a virtual card of the same number in group 1-4."""
        await self.group(1, 4)
        center_id = await self.center(number, name, **more)
        await self.card(number, number)
        return center_id

    async def limit(self, center_id: str, amount: str, window: Window = "month") -> None:
        await self.world.limit(f"L-{center_id}", "center", center_id, window, amount)

    async def subsidy(self, amount: str, **more: Any) -> None:
        """Somebody pays so much of each meal of group 1-4, once a day."""
        rule = SubsidyRule(
            rule_id="R1",
            name="Essenszuschuss",
            main_group=1,
            user_groups=(4,),
            kind="fixed",
            amount=euro(amount),
            **{"tax_case": "real", **more},
        )
        await self.world.rules.set(self.world.ask(), rule)


def address(name: str, *lines: str) -> Address:
    return Address(name=name, lines=lines, postal_code="10115", city="Berlin")


def open_centers(chain: Chain, clock: Any) -> CostCenters:
    """Nothing is set up in it."""
    log = MemoryEventStore("costcenter", REGISTRY, clock=clock)
    return CostCenters(log, build_world(log, clock, chain))
