"""Plays the month: three stores, six tills, a change of master data in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from fiscal_signer.testing.fiskaly import Tss
from kassenverbund.settings import Settings
from tests.acceptance.month.chain import chain
from tests.acceptance.month.clerk import PAYABLE, Clerk, Shelf, eur
from tests.support.office import Office
from tests.support.whole import MovedClock, Whole, until, whole_program

Found = TypeVar("Found")

FIRST, CHANGE, LAST = date(2027, 2, 1), date(2027, 2, 16), date(2027, 2, 28)
OUTAGE = date(2027, 2, 9)
SWITCH = date(2027, 2, 22)
BERLIN = ZoneInfo("Europe/Berlin")

ACTIONS = (
    "sale", "sale", "sale", "by_weight", "web_order", "tip", "deposit", "multi_sold",
    "single_sold", "multi_redeemed", "multi_pays_part", "paid_out", "single_redeemed",
    "donated_redeemed", "charged", "subsidised", "delivered", "returned", "exchanged", "cancelled",
    "aborted", "training", "ordered", "cash_moved",
)  # fmt: skip
"""A till does them all, in an order of its own, before it does one again."""


def opening_days() -> Iterator[date]:
    day = FIRST
    while day <= LAST:
        if day.isoweekday() != 7:
            yield day
        day += timedelta(days=1)


@dataclass
class Month:
    settings: Settings
    url: str
    tss: Tss
    seed: int = 2027
    each_day: int = 3
    clock: MovedClock = field(default_factory=lambda: MovedClock(datetime(2027, 2, 1, tzinfo=UTC)))
    clerks: list[Clerk] = field(default_factory=list)
    queues: dict[str, list[str]] = field(default_factory=dict)

    async def play(self, inspect: Callable[[Whole], Awaitable[Found]]) -> Found:
        """All days, in two lives of the program; then the inspector comes."""
        days = list(opening_days())
        before = [day for day in days if day < CHANGE]
        async with whole_program(self.settings, chain(changed=False), self.url, self.clock) as one:
            await self.set_up(one)
            for day in before:
                await self.day(one, day)
        async with whole_program(self.settings, chain(changed=True), self.url, self.clock) as two:
            for clerk in self.clerks:
                clerk.whole, clerk.manager = two, two.token("manager")
            for day in days[len(before) :]:
                await self.day(two, day)
            return await inspect(two)

    async def set_up(self, whole: Whole) -> None:
        manager, office = whole.token("manager"), whole.token("back_office")
        kette, hafen = Shelf(), Shelf()
        for number, (store, name) in enumerate(
            (store, f"Kasse {number}")
            for store, count in (("berlin", 2), ("koeln", 2), ("hamburg", 2))
            for number in range(1, count + 1)
        ):  # fmt: skip
            asked = await whole.ask(
                "POST", f"/stores/{store}/v1/pairings", {"name": name}, token=manager,
                key=f"pair-{number}",
            )  # fmt: skip
            paired = await whole.ask(
                "POST", f"/stores/{store}/v1/pair", {"code": asked["code"]}, token=manager,
                key=f"paired-{number}",
            )  # fmt: skip
            shelf = hafen if store == "hamburg" else kette
            random = Random(f"{self.seed}/{number}")
            clerk = Clerk(whole, store, paired["till_id"], paired["token"], manager, shelf, random)
            clerk.center = None if store == "hamburg" else "4711"
            self.clerks.append(clerk)
        for entity, shelf in (("kette", kette), ("hafen", hafen)):
            for number in range(12):
                given = {"voucher_id": f"gift-{entity}-{number}", "legal_entity_id": entity,
                         "value": eur(500), "reason": "Treue"}  # fmt: skip
                told = await whole.ask(
                    "POST",
                    "/voucher/v1/vouchers",
                    given,
                    token=office,
                    key=f"gift-{entity}{number}",
                )
                shelf.donated.append(told["code"])
        template = {"name": "Gutschein", "terms": {"payout": "goodwill"},
                    "value": eur(5000), "price": eur(5000)}  # fmt: skip
        await whole.ask("PUT", f"/voucher/v1/templates/{PAYABLE}", template, token=office, key="t")
        await self.centers(Office(whole.client, office))

    async def centers(self, office: Office) -> None:
        """A center that pays on account, and two groups whose meals somebody pays a part of."""
        await office.center("4711")
        for group, tax_case in ((1, "real"), (2, "unreal")):
            number = f"500{group}"
            body = {"name": f"Kantine {group}", "mode": "cost_center"}
            await office.ask("PUT", f"/main-groups/1/user-groups/{group}", body)
            center = {"number": number, "name": "Kantine", "company_id": "A"}
            await office.ask("PUT", f"/centers/c-{number}", center)
            card = {"number": number, "kind": "virtual", "main_group": 1, "user_group": group,
                    "center_id": f"c-{number}"}  # fmt: skip
            await office.ask("PUT", f"/cards/k-{number}", card)
            rule = {"name": f"Essen {group}", "user_groups": [group], "kind": "fixed",
                    "amount": eur(310), "article_groups": ["meal"], "tax_case": tax_case,
                    "own_share": "center", "per_day_max": 100}  # fmt: skip
            await office.ask("PUT", f"/main-groups/1/subsidies/r{group}", rule)

    # -- a day ------------------------------------------------------------------------------------

    async def day(self, whole: Whole, day: date) -> None:
        """From the opening to the closing of all tills."""
        self.clock.now = datetime.combine(day, time(9), BERLIN).astimezone(UTC)
        if day == SWITCH:
            await self.switch(whole, self.clerks[0])
        for round_ in range(self.each_day):
            if day == OUTAGE and round_ == 1:
                self.tss.state = "DISABLED"
            if day == OUTAGE and round_ == self.each_day - 1:
                self.tss.state = "INITIALIZED"
                await self.well_again(whole)
            if day == FIRST and round_ == 0:
                await asyncio.gather(*(clerk.open() for clerk in self.clerks))
            await asyncio.gather(*(clerk.act(self.next(clerk)) for clerk in self.clerks))
            self.clock.advance(minutes=7, seconds=round_)
        await asyncio.gather(*(clerk.close() for clerk in self.clerks))
        self.clock.advance(minutes=1)

    async def switch(self, whole: Whole, clerk: Clerk) -> None:
        """A manager sends a till to the other TSE of its store, from the next opening on."""
        path = f"/stores/{clerk.store}/v1/tills/{clerk.till}"
        shift = await whole.ask("GET", f"{path}/shift", token=clerk.manager)
        others = {"tse-berlin", "tse-berlin-2"} - {shift["tse_id"]}
        body = {"tse_id": others.pop()}
        await whole.ask("PUT", f"{path}/tse", body, token=clerk.manager, key="switch")

    def next(self, clerk: Clerk) -> str:
        queue = self.queues.setdefault(clerk.till, [])
        if not queue:
            queue += clerk.random.sample(ACTIONS, len(ACTIONS))
        return queue.pop()

    async def well_again(self, whole: Whole) -> None:
        """The signer finds out by itself that the device is back."""

        async def over() -> Sequence[Any]:
            self.clock.advance(seconds=5)
            return await whole.events("fiscal-signer", "outage.ended")

        await until(over)
