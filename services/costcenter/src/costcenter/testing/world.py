"""A cost center service with the real handlers and policies, as tests ask it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import uuid4

from costcenter.commands import Overriding
from costcenter.decider.goods import Good
from costcenter.decider.month import MONTH, Charge, Month
from costcenter.decider.usage import USAGE, Usage
from costcenter.events import Address, Limit, Mode, Scope
from costcenter.handlers.booking import Bookings
from costcenter.handlers.charging import Charges, Payment, Placed, Wanted
from costcenter.handlers.desk import Desk, Rules
from costcenter.handlers.finding import InHand
from costcenter.handlers.leases import Leases
from costcenter.handlers.months import Months
from costcenter.handlers.structure import Groups, Writer
from costcenter.handlers.structure_cards import CardData, Cards
from costcenter.handlers.structure_centers import CenterData, Centers
from costcenter.handlers.subsidies import SubsidyRules
from costcenter.names import month_stream
from costcenter.policies import policies
from costcenter.ports import LapsedCharges, OpenMonths
from costcenter.service import executes
from costcenter.testing.bookings import aborted, on_center, recorded, reversal
from costcenter.testing.fakes import SECRETS, Clock, LoggedMonths
from events import Ask, EventStore, fold
from events.reaction import Incoming, by_policies
from kassenverbund.kit.chain import Chain
from money import euro

USERS: dict[int, tuple[str, Mode]] = {
    1: ("Geschaeftsleitung", "prepaid"),
    2: ("Mitarbeiter", "prepaid"),
    3: ("Auszubildende", "prepaid"),
    4: ("Kostenstellen", "cost_center"),
    5: ("Aushilfen", "cash"),
    6: ("Gaeste", "cash"),
}
"""Company A of the checklist."""


def good(gross: str, *, group: str | None = None, key: str = "reduced", rate: int = 700) -> Good:
    return Good(vat=key, rate=rate, dsfinvk_key=2, gross=euro(gross), article_group=group)


@dataclass
class World:
    """The back office, tills' requests and the gateway's bookings in one place."""

    store: EventStore
    clock: Clock
    chain: Chain
    desk: Desk
    charges: Charges
    bookings: Bookings
    leases: Leases
    rules: SubsidyRules
    months: Months
    groups: Groups
    centers: Centers
    cards: Cards
    lapsed: LapsedCharges

    def ask(self) -> Ask:
        """A request that nobody asked before."""
        return Ask.of(uuid4().hex, "")

    # -- structure -----------------------------------------------------------------------------

    async def company(self, company_id: str, name: str, city: str = "Berlin") -> None:
        address = Address(name=name, lines=("Hauptstr. 1",), postal_code="10115", city=city)
        await self.groups.set_company(
            self.ask(), company_id=company_id, name=name, address=address, vat_id=None
        )

    async def group(
        self,
        main_group: int,
        name: str,
        *,
        users: dict[int, tuple[str, Mode]] | None = None,
        company_id: str | None = None,
    ) -> None:
        await self.groups.set_main_group(
            self.ask(), main_group=main_group, name=name, company_id=company_id
        )
        for number, (title, mode) in (users or USERS).items():
            await self.groups.set_user_group(
                self.ask(), main_group=main_group, number=number, name=title, mode=mode, new=True
            )

    async def center(self, number: str, name: str = "Empfang", **other: Any) -> str:
        """Its id is made of its number."""
        center_id = f"c{number}"
        data = CenterData(center_id=center_id, number=number, name=name, **other)
        await self.centers.put(self.ask(), data)
        return center_id

    async def card(
        self,
        number: str,
        center: str | None,
        *,
        group: tuple[int, int] = (1, 4),
        code: str | None = None,
        **other: Any,
    ) -> str:
        """Its id is made of its number. With a code: physical. `center`: a center's number."""
        data = CardData(
            card_id=f"k{number}",
            number=number,
            kind="physical" if code else "virtual",
            medium=other.pop("medium", "rfid") if code else "none",
            main_group=group[0],
            user_group=group[1],
            center_id=f"c{center}" if center else None,
            code=code,
            **other,
        )
        await self.cards.issue(self.ask(), data)
        return data.card_id

    async def limit(
        self,
        limit_id: str,
        level: Any,
        scope_id: str,
        window: Any,
        amount: str | None = None,
        *,
        opening: tuple[str, int, date] | None = None,
        **other: Any,
    ) -> None:
        limit = Limit(
            limit_id=limit_id,
            name=f"Limit {limit_id}",
            scope=Scope(level=level, id=scope_id),
            window=window,
            amount=euro(amount) if amount else None,
            **other,
        )
        opened: dict[str, Any] = {}
        if opening:
            opened = {
                "opening_used": euro(opening[0]),
                "opening_count": opening[1],
                "opening_day": opening[2],
            }
        await self.groups.set_limit(self.ask(), limit=limit, **opened)

    async def furnish(self, number: str = "4711", name: str = "Empfang") -> None:
        """A main group like company A's, a center, and its virtual card of the same number."""
        await self.group(1, "Firma A")
        await self.center(number, name)
        await self.card(number, number)

    # -- tills ---------------------------------------------------------------------------------

    async def hold(
        self,
        charge_id: str,
        amount: str,
        *,
        code: str | None = None,
        number: str | None = None,
        center: str | None = None,
        card_number: str | None = None,
        mode: Any = "exact",
        basket: Sequence[Good] | None = None,
        store_id: str = "berlin",
        booking_id: str | None = None,
        override: Overriding | None = None,
        ask: Ask | None = None,
        expires_in_s: int | None = None,
        till_id: str = "t1",
    ) -> Placed:
        """Without a card: that of center 4711, by its number."""
        if code is None and number is None and center is None:
            center = "4711"
        return await self.charges.hold(
            ask or self.ask(),
            charge_id=charge_id,
            wanted=Wanted(
                hand=InHand(code, number, center, card_number),
                amount=euro(amount),
                mode=mode,
                basket=(good(amount),) if basket is None else tuple(basket),
                store_id=store_id,
                override=override,
            ),
            payment=Payment(
                till_id=till_id,
                booking_id=booking_id or f"b-{charge_id}",
                payment_id="P1",
                expires_in_s=expires_in_s,
            ),
        )

    async def confirm(self, charge_id: str) -> Charge:
        return (await self.charges.confirm(self.ask(), charge_id=charge_id))[0]

    async def let_go(self, charge_id: str) -> None:
        await self.charges.let_go(self.ask(), charge_id=charge_id)

    async def pay(self, charge_id: str, amount: str, **asked: Any) -> Placed:
        """Hold, confirm, record: a payment as it goes through."""
        placed = await self.hold(charge_id, amount, **asked)
        await self.confirm(charge_id)
        await self.book(charge_id, str(placed.charge.amount.as_decimal()))
        return placed

    async def book(self, charge_id: str, amount: str, **other: Any) -> None:
        """The gateway records a booking now."""
        booking: dict[str, Any] = {"at": self.clock.now, **other.pop("booking", {})}
        paid = on_center(charge_id, amount, **other)
        await self.hear(recorded(f"b-{charge_id}", payments=[paid], **booking))

    async def abort(self, *charge_ids: str) -> None:
        await self.hear(aborted(f"b-{charge_ids[0]}", charges=charge_ids))

    async def give_back(self, charge_id: str, reversal_id: str, amount: str) -> None:
        line = reversal(charge_id, reversal_id, amount)
        await self.hear(recorded(f"b-{reversal_id}", lines=[line], at=self.clock.now))

    async def hear(self, *records: Incoming) -> None:
        execute = executes(self.charges, self.bookings)
        await by_policies(policies(self.clock), execute)(records)

    # -- what came of it -----------------------------------------------------------------------

    async def month(self, number: str = "4711", month: str = "2026-10") -> Month:
        entries = await self.store.load(month_stream(f"c{number}", month))
        return fold(MONTH, (entry.event for entry in entries))

    async def usage(self, stream: str) -> Usage:
        """Of `usage-<stream>`."""
        entries = await self.store.load(f"usage-{stream}")
        return fold(USAGE, (entry.event for entry in entries))

    async def names(self) -> list[str]:
        return [entry.name for entry in await self.store.read(after=0, records_max=100_000)]

    def another(self, store: EventStore) -> World:
        """The same as another process sees it."""
        return build_world(store, self.clock, self.chain, lapsed=self.lapsed)


def build_world(
    store: EventStore,
    clock: Clock,
    chain: Chain,
    *,
    lapsed: LapsedCharges | None = None,
    open_months: OpenMonths | None = None,
) -> World:
    logged = LoggedMonths(store)
    desk = Desk(store, chain=chain, secrets=SECRETS, clock=clock, rules=Rules.of(chain))
    found = lapsed or logged
    charges = Charges(desk, found)
    writer = Writer(store, chain.currency, clock)
    leases = Leases(desk, hours_max=chain.cost_centers.lease_max_hours, expire_on=charges.expire_on)
    return World(
        store=store,
        clock=clock,
        chain=chain,
        desk=desk,
        charges=charges,
        bookings=Bookings(desk, leases),
        leases=leases,
        rules=SubsidyRules(store, currency=chain.currency, clock=clock),
        months=Months(desk, charges, open_months or logged),
        groups=Groups(writer),
        centers=Centers(writer, chain.cost_centers),
        cards=Cards(writer, SECRETS),
        lapsed=found,
    )
