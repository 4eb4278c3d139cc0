"""One center, its cards and the limits stacked on it; and what a limit is to a careful clerk.

The arithmetic is done anew from amounts: nothing of the service's own accounts is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from costcenter.testing.fakes import Clock
from costcenter.testing.world import World, build_world
from events.store.postgres import PostgresEventStore
from kassenverbund.chain_file import load_chain
from tests.support.program import ROOT

CENTER = "4711"
CARDS = ("4711", "4712", "4713", "4714")
GROUP = "1-4"

Unit = Literal["amount", "count"]


@dataclass(frozen=True, slots=True)
class Stacked:
    """A limit. `card` None: everything that the center is charged counts."""

    limit_id: str
    level: str
    window: str
    value: int
    """Minor units, or charges."""
    card: str | None = None
    unit: Unit = "amount"

    def counts(self, card: str) -> bool:
        return self.card in (None, card)

    def worth(self, amount: int) -> int:
        """What a charge of `amount` takes."""
        return amount if self.unit == "amount" else 1


LIMITS = (
    Stacked("card", "card", "day", 30_000, card="4711"),
    Stacked("card-count", "card", "day", 40, card="4712", unit="count"),
    Stacked("center", "center", "month", 140_000),
    Stacked("user-group", "user_group", "week", 139_000),
    Stacked("main-group", "main_group", "month", 138_000),
    Stacked("company", "company", "range", 137_000),
)
"""The five levels and four windows on every charge of the card 4711. The company's budget is what
runs out; the card's own limits run out before."""


async def furnish(store: PostgresEventStore, limits: Sequence[Stacked] = LIMITS) -> None:
    """Company, group, center, cards and limits, by the service's own handlers."""
    clock = Clock()
    clock.now = datetime.now(UTC)
    world = build_world(store, clock, load_chain(ROOT / "chain.yaml"))
    await world.company("A", "Firma A")
    await world.group(1, "Firma A", company_id="A")
    await world.center(CENTER, company_id="A")
    for card in CARDS:
        await world.card(card, CENTER)
    for limit in limits:
        await _set(world, limit)


async def _set(world: World, limit: Stacked) -> None:
    scope = {
        "card": f"k{limit.card}", "center": f"c{CENTER}", "user_group": GROUP, "main_group": "1",
        "company": "A",
    }[limit.level]  # fmt: skip
    other: dict[str, Any] = {}
    if limit.window == "range":
        today = world.clock.now.date()
        other = {
            "valid_from": today.replace(year=today.year - 1, day=1),
            "valid_until": today.replace(year=today.year + 1, day=1),
        }
    if limit.unit == "count":
        await world.limit(
            limit.limit_id, limit.level, scope, limit.window, count=limit.value, **other
        )
    else:
        amount = f"{limit.value // 100}.{limit.value % 100:02d}"
        await world.limit(limit.limit_id, limit.level, scope, limit.window, amount, **other)
