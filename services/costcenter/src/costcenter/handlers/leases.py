"""Leases: a store's share of the limits for the time without a line.

A lease takes from every limit that may bind its charges, in one append with `lease.granted`. It
covers one card, or all cards of a center that can be charged now and have no limit of their own:
for those, the limits of all their user groups are taken from. A card that gets a limit, or comes to
the center, afterwards is charged all the same; its own limits then take it, room or not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from costcenter.commands import BookCharge
from costcenter.decider.binding import Structure, binding, company_of
from costcenter.decider.lease import (
    LEASE,
    GrantLease,
    Lease,
    LeaseCommand,
    LeaseOfAnotherStore,
    LeaseUnknown,
    ReturnLease,
    WriteOffLease,
)
from costcenter.decider.leasing import (
    Leased,
    book,
    bounds,
    days_between,
    per_booking,
    post_grant,
    post_return,
    takes_of,
)
from costcenter.decider.month import MONTH, Month
from costcenter.decider.refusals import LimitExceeded
from costcenter.decider.structure import CARD, CENTER, COMPANY, GROUP
from costcenter.decider.structure_state import Card, Center, CenterCard, Company, MainGroup
from costcenter.decider.usage import USAGE, Accounts, Posting, Stale
from costcenter.decider.windows import is_long, month_of, newest_claim
from costcenter.handlers.desk import PLANS_MAX, Desk, streams_of
from costcenter.handlers.lease_grounds import (
    Deciders,
    Grounds,
    WantedLease,
    accounts_of,
    cards_of,
    grounds_of,
    newer,
    reads_of,
)
from costcenter.names import (
    TOMBSTONE,
    card_stream,
    center_stream,
    company_stream,
    group_stream,
    hold_claim,
    lease_stream,
)
from events import (
    Ask,
    ClaimTaken,
    Decision,
    DomainError,
    HandledTogether,
    LostRace,
    handle_together,
    state_of,
)
from money import Money


class LeaseTooLong(DomainError):
    """`extra`: `hours_max`."""

    code = "lease.too_long"
    status = 422
    title = "No lease runs that long"


@dataclass(frozen=True, slots=True)
class Granted:
    lease: Lease
    center: Center
    cards: tuple[CenterCard, ...]
    """Covered now."""
    position: int


class Leases:
    """Everything that can be asked of leases. One per process."""

    def __init__(
        self, desk: Desk, *, hours_max: int, expire_on: Callable[[str], Awaitable[int]]
    ) -> None:
        """`expire_on`: free what lapsed holds still keep from a limit, and say how many."""
        self._desk = desk
        self._hours_max = hours_max
        self._expire_on = expire_on

    async def grant(self, ask: Ask, wanted: WantedLease) -> Granted:
        """Take a share of the limits for a store; all of it or nothing.

        Raises `LimitExceeded`, `CenterUnknown`, `CenterNotUsable`, `CardUnknown`,
        `CardNotUsable`, `NoCard` (none that a lease covers), `TooManyCards`, `LeaseTooLong`,
        `StoreUnknown`, `LostRace`.
        """
        if not 1 <= wanted.hours <= self._hours_max:
            raise LeaseTooLong(hours_max=self._hours_max)
        now, zone = self._desk.clock(), self._desk.place(wanted.store_id).zone
        ends_at = now + timedelta(hours=wanted.hours)
        days = days_between(now.astimezone(zone).date(), ends_at.astimezone(zone).date())
        # A repeat of the request means the same lease.
        lease_id = str(uuid5(NAMESPACE_URL, ask.key))
        expired = False
        for attempt in range(PLANS_MAX):
            fresh = attempt > 0
            grounds = await grounds_of(self._desk, wanted, days[0])
            try:
                done = await self._grant(
                    ask, wanted, grounds, days, lease_id=lease_id, ends_at=ends_at, fresh=fresh
                )
            except Stale:
                continue
            except ClaimTaken as taken:
                self._desk.remembered.forget(taken.key)  # Somebody opened the next part first.
                continue
            except LimitExceeded as refusal:
                # Holds that have run out leave no room unused.
                if expired or not await self._expire_on(str(refusal.extra["limit_id"])):
                    raise
                expired = True
                continue
            self._remember(grounds, days)
            return Granted(
                lease=done.states[lease_stream(lease_id)],
                center=grounds.center,
                cards=cards_of(grounds),
                position=done.appended.last_position,
            )
        raise LostRace

    async def _grant(
        self,
        ask: Ask,
        wanted: WantedLease,
        grounds: Grounds,
        days: Sequence[date],
        *,
        lease_id: str,
        ends_at: datetime,
        fresh: bool,
    ) -> HandledTogether:
        names = accounts_of(grounds, days)
        newest = await self._desk.newest(names, fresh=fresh)
        stream = lease_stream(lease_id)
        parts: Deciders = {stream: LEASE}
        parts.update((part, USAGE) for part in streams_of(names, newest, month_of(days[0])))
        now = self._desk.clock()

        def decide(states: Mapping[str, Any]) -> Decision:
            if states[stream].lease_id is not None:
                return Decision({})
            now_true = newer(grounds, wanted, states, days[0])
            found = bounds(now_true.structures(), days)
            if not {bound.account for bound in found} - {None} <= set(names):
                raise Stale(stream)
            accounts = _accounts(states, newest)
            command = GrantLease(
                lease_id=lease_id,
                store_id=wanted.store_id,
                center_id=wanted.center_id,
                card_id=wanted.card_id,
                amount=wanted.amount,
                count=wanted.count,
                takes=takes_of(found, accounts, wanted.amount, wanted.count),
                per_booking=per_booking(found),
                ends_at=ends_at,
                now=now,
            )
            posting = Posting(accounts, now)
            post_grant(command, found, posting, days[0])
            granted = LEASE.decide(command, states[stream])
            return Decision({stream: granted, **posting.events}, posting.claims)

        return await handle_together(
            self._desk.store, parts, decide, ask=ask, reads=reads_of(grounds, wanted)
        )

    def _remember(self, grounds: Grounds, days: Sequence[date]) -> None:
        for account in accounts_of(grounds, days):
            if is_long(account):
                self._desk.remembered.forget(newest_claim(account))

    # -- use and return ------------------------------------------------------------------------

    async def book(self, ask: Ask, command: BookCharge) -> None:
        """A recorded booking that a store charged to its lease. Once, whatever is repeated.

        Raises `LeaseUnknown` (nothing is booked: it is a charge like any other then), `LostRace`.
        """
        assert command.lease_id is not None  # That is why it comes here.
        stream, claim = lease_stream(command.lease_id), hold_claim(command.charge_id)
        for attempt in range(PLANS_MAX):
            fresh = attempt > 0
            lease: Lease = await self._desk.state(stream, LEASE, fresh=True)
            if lease.lease_id is None:
                raise LeaseUnknown(command.lease_id)
            structure = await self._structure(lease, command, fresh=fresh)
            month = month_of(command.business_date)
            target = await self._desk.open_month(lease.center_id, month, fresh=fresh)
            names = [take.account for take in lease.takes]
            mine = [bound.account for bound in binding(structure, command.business_date)]
            names += [account for account in mine if account is not None and account not in names]
            newest = await self._desk.newest(names, fresh=fresh)
            owner = await self._desk.owner(claim, fresh=True)
            parts: Deciders = {stream: LEASE, target.stream: MONTH}
            parts.update((part, USAGE) for part in streams_of(names, newest, month))

            def decide(
                states: Mapping[str, Any],
                structure: Structure = structure,
                target_stream: str = target.stream,
                open_month: Any = target,
                newest: dict[str, str | None] = newest,
                owner: str | None = owner,
            ) -> Decision:
                if states[target_stream].closed:
                    raise Stale(target_stream)
                leased = Leased(
                    lease=states[stream],
                    structure=structure,
                    target=replace(open_month, state=states[target_stream]),
                    accounts=_accounts(states, newest),
                    owner=owner,
                )
                return book(command, leased)

            try:
                await handle_together(self._desk.store, parts, decide, ask=ask)
            except (Stale, LostRace):
                # Nobody waits for a report: it rather tries again than be parked.
                continue
            except ClaimTaken as taken:
                self._desk.remembered.forget(taken.key)
                continue
            self._desk.remembered.forget(claim)
            return
        raise LostRace

    async def _structure(self, lease: Lease, command: BookCharge, *, fresh: bool) -> Structure:
        """The card as it is now on the lease's center. Unknown: `Card()`."""
        state = self._desk.state
        card, group, company = Card(), MainGroup(), Company()
        card_id = command.card_id or lease.card_id
        center: Center = await state(center_stream(lease.center_id), CENTER, fresh=fresh)
        if card_id is not None:
            card = await state(card_stream(card_id), CARD, fresh=fresh)
        if card.card_id is not None:
            group = await state(group_stream(card.main_group), GROUP, fresh=fresh)
        company_id = company_of(center, group)
        if company_id is not None:
            company = await state(company_stream(company_id), COMPANY, fresh=fresh)
        return Structure(card, center, group, company)

    async def give_back(
        self,
        ask: Ask,
        *,
        lease_id: str,
        charges: tuple[str, ...],
        store_id: str | None,
        by: str | None,
    ) -> tuple[Lease, int]:
        """The store has reported everything that it charged: the rest goes back.

        `store_id`: the only store that the caller speaks for. Raises `LeaseUnknown`,
        `LeaseUnreported`, `LeaseOfAnotherStore`, `LostRace`.
        """
        await self.one(lease_id, store_id=store_id)
        # Those that were held before the line broke are booked without the lease.
        missing = [charge_id for charge_id in charges if not await self._booked(charge_id)]
        command = ReturnLease(charges=tuple(missing), by=by, now=self._desk.clock())
        return await self._end(ask, lease_id, command)

    async def _booked(self, charge_id: str) -> bool:
        owner = await self._desk.owner(hold_claim(charge_id), fresh=True)
        if owner is None or owner == TOMBSTONE:
            return False
        month: Month = await self._desk.state(owner, MONTH, fresh=True)
        charge = month.charges.get(charge_id)
        return charge is not None and charge.state == "booked"

    async def write_off(
        self, ask: Ask, *, lease_id: str, by: str, reason: str, store_id: str | None
    ) -> tuple[Lease, int]:
        """The store will never report, and somebody says that it charged nothing more.

        Raises `LeaseUnknown`, `LeaseRunning`, `LeaseOfAnotherStore`, `LostRace`.
        """
        await self.one(lease_id, store_id=store_id)
        command = WriteOffLease(by=by, reason=reason, now=self._desk.clock())
        return await self._end(ask, lease_id, command)

    async def _end(self, ask: Ask, lease_id: str, command: LeaseCommand) -> tuple[Lease, int]:
        stream = lease_stream(lease_id)
        for attempt in range(PLANS_MAX):
            before: Lease = await self._desk.state(stream, LEASE, fresh=True)
            names = [take.account for take in before.takes]
            newest = await self._desk.newest(names, fresh=attempt > 0)
            parts: Deciders = {stream: LEASE}
            for account in names:
                standing = newest[account] if is_long(account) else account
                if standing is not None:
                    parts[standing] = USAGE

            def decide(
                states: Mapping[str, Any], newest: dict[str, str | None] = newest
            ) -> Decision:
                lease: Lease = states[stream]
                posting = Posting(_accounts(states, newest), command.now)
                ended = LEASE.decide(command, lease)
                if ended:
                    post_return(lease, posting)
                return Decision({stream: ended, **posting.events}, posting.claims)

            try:
                done = await handle_together(self._desk.store, parts, decide, ask=ask)
            except (Stale, KeyError):
                continue
            return done.states[stream], done.appended.last_position
        raise LostRace

    async def one(self, lease_id: str, *, store_id: str | None) -> Lease:
        """A lease as it is now. Raises `LeaseUnknown`, `LeaseOfAnotherStore`."""
        _, lease = await state_of(self._desk.store, LEASE, lease_stream(lease_id))
        if lease.lease_id is None:
            raise LeaseUnknown
        if store_id is not None and lease.store_id != store_id:
            raise LeaseOfAnotherStore
        return lease

    async def cards(self, lease: Lease) -> tuple[Center, tuple[CenterCard, ...]]:
        """The center of a lease and the cards that it covers now; none if none can be charged."""
        wanted = WantedLease(
            store_id=lease.store_id,
            center_id=lease.center_id,
            card_id=lease.card_id,
            amount=Money(amount=lease.left, currency=lease.currency),
            count=lease.left_count,
            hours=1,
        )
        zone = self._desk.place(lease.store_id).zone
        today = self._desk.clock().astimezone(zone).date()
        try:
            grounds = await grounds_of(self._desk, wanted, today)
        except DomainError:
            stream = center_stream(lease.center_id)
            return await self._desk.state(stream, CENTER, fresh=True), ()
        return grounds.center, cards_of(grounds)


def _accounts(states: Mapping[str, Any], newest: Mapping[str, str | None]) -> Accounts:
    usage = {name: state for name, state in states.items() if name.startswith("usage-")}
    return Accounts(usage, newest)
