"""What the gateway's bookings lead to: charges are booked, and reversed. Never refused for a limit
or a lost hold: a recorded booking is a fact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from costcenter.commands import BookCharge, ReverseCharge
from costcenter.decider import allowance
from costcenter.decider.allowance import ALLOWANCE
from costcenter.decider.binding import Structure, binding, company_of
from costcenter.decider.charging import Basis
from costcenter.decider.lease import LeaseUnknown
from costcenter.decider.month import MONTH, Charge, Month
from costcenter.decider.refusals import CenterUnknown, ChargeUnknown
from costcenter.decider.reversing import Reversed, reverse
from costcenter.decider.settling import (
    Booked,
    Target,
    book,
    payers_of,
)
from costcenter.decider.structure import CARD, CENTER, COMPANY, GROUP
from costcenter.decider.structure_state import Card, Center, Company
from costcenter.decider.usage import USAGE, Accounts, Stale
from costcenter.decider.windows import month_of, months_from, newest_claim
from costcenter.events import Chargee
from costcenter.handlers.desk import PLANS_MAX, Desk, center_and_month, streams_of
from costcenter.handlers.leases import Leases
from costcenter.handlers.plans import standing
from costcenter.names import (
    TOMBSTONE,
    card_number_claim,
    card_stream,
    center_number_claim,
    center_stream,
    company_stream,
    group_stream,
    hold_claim,
    month_stream,
)
from events import Ask, ClaimTaken, Decider, Decision, LostRace, handle_together

Parts = dict[str, Decider[Any, Any]]


class Bookings:
    """One per process."""

    def __init__(self, desk: Desk, leases: Leases) -> None:
        self._desk = desk
        self._leases = leases

    async def book(self, command: BookCharge, ask: Ask) -> None:
        """What a store charged to its lease goes there; a lease that nobody knows does not hinder.

        Raises `HoldBooked` (another booking has this charge), `CenterUnknown` (neither hold nor
        card nor center is known), `LostRace`."""
        # Nobody can grant a subsidy without a line: what comes with one shows as not held.
        leased = command.lease_id is not None and not command.subsidies
        if leased and not await self._held(command.charge_id):
            try:
                await self._leases.book(ask, command)
                return
            except LeaseUnknown:
                pass  # A charge that nobody held: it shows as such.
        for attempt in range(PLANS_MAX):
            fresh = attempt > 0
            try:
                owner = await self._desk.owner(hold_claim(command.charge_id), fresh=fresh)
                if owner is None or owner == TOMBSTONE:
                    owner = await self._desk.owner(hold_claim(command.charge_id), fresh=True)
                if owner is None or owner == TOMBSTONE:
                    await self._book_stranger(command, ask, owner)
                else:
                    await self._book_known(command, ask, owner, fresh=fresh)
                return
            except Stale:
                continue
            except ClaimTaken as taken:
                # The hold, or the next part of an account, arrived just now.
                self._desk.remembered.forget(taken.key)
        raise LostRace

    async def _held(self, charge_id: str) -> bool:
        """Its room was kept before the line broke: then it needs none of a lease."""
        owner = await self._desk.owner(hold_claim(charge_id), fresh=True)
        if owner is None or owner == TOMBSTONE:
            return False
        month: Month = await self._desk.state(owner, MONTH, fresh=True)
        return charge_id in month.open

    async def _book_known(self, command: BookCharge, ask: Ask, home: str, *, fresh: bool) -> None:
        center_id, month = center_and_month(home)
        state: Month = await self._desk.state(home, MONTH, fresh=fresh)
        charge = state.charges.get(command.charge_id)
        if charge is None:
            if not fresh:
                raise Stale(home)
            # The claim is there and the charge is not: a defect, and no booking may hide it.
            raise ChargeUnknown
        if state.closed:
            target = await self._desk.open_month(
                center_id, max(month, month_of(command.business_date)), fresh=fresh
            )
        else:
            target = Target(center_id, month, state)
        payers = await self._payers(command, charge, None, target, fresh=fresh)
        takes = charge.takes if _touches_accounts(command, charge) else ()
        accounts = [take.account for take in takes]
        newest = await self._desk.newest(accounts, fresh=fresh)
        used = _allowances_written(command, charge)
        parts: Parts = {home: MONTH, target.stream: MONTH}
        parts.update((payer.stream, MONTH) for payer in payers.values())
        parts.update((stream, USAGE) for stream in standing(accounts, newest))
        parts.update((stream, ALLOWANCE) for stream in used)

        def decide(states: Mapping[str, Any]) -> Decision:
            now = states[home].charge(command.charge_id)
            needed = {take.account for take in now.takes}
            if _touches_accounts(command, now) and not needed <= set(accounts):
                raise Stale(home)
            if not set(_allowances_written(command, now)) <= set(used):
                raise Stale(home)
            return book(
                command,
                Booked(
                    charge=now,
                    owner=home,
                    target=_now(target, states),
                    payers={who: _now(payer, states) for who, payer in payers.items()},
                    accounts=_accounts(states, newest),
                    allowances={stream: states[stream] for stream in used},
                ),
            )

        await handle_together(self._desk.store, parts, decide, ask=ask)
        self._desk.remembered.put(hold_claim(command.charge_id), target.stream)

    async def _payers(
        self,
        command: BookCharge,
        charge: Charge | None,
        stranger: Basis | None,
        target: Target,
        *,
        fresh: bool,
    ) -> dict[str, Target]:
        found = {target.center_id: target}
        for payer in payers_of(command, charge, stranger):
            if payer not in found:
                found[payer] = await self._desk.open_month(payer, target.month, fresh=fresh)
        return found

    async def _book_stranger(self, command: BookCharge, ask: Ask, owner: str | None) -> None:
        """Nobody held it: what the booking itself names is charged."""
        structure, center = await self._named(command)
        chargee = _chargee(command, structure, center)
        day = command.business_date
        target = await self._desk.open_month(chargee.center_id, month_of(day), fresh=True)
        basis = Basis(structure) if structure is not None else None
        accounts = [
            bound.account
            for bound in (binding(structure, day) if structure is not None else ())
            if bound.account is not None
        ]
        newest = await self._desk.newest(accounts, fresh=True)
        payers = await self._payers(command, None, basis, target, fresh=True)
        parts: Parts = {target.stream: MONTH}
        parts.update((payer.stream, MONTH) for payer in payers.values())
        parts.update((name, USAGE) for name in streams_of(accounts, newest, target.month))
        if chargee.card_id:
            used = [allowance.stream_of(s.rule_id, chargee.card_id, day) for s in command.subsidies]
            parts.update((stream, ALLOWANCE) for stream in used)

        def decide(states: Mapping[str, Any]) -> Decision:
            return book(
                command,
                Booked(
                    charge=states[target.stream].charges.get(command.charge_id),
                    owner=owner,
                    target=_now(target, states),
                    payers={who: _now(payer, states) for who, payer in payers.items()},
                    accounts=_accounts(states, newest),
                    stranger=basis,
                    chargee=chargee,
                ),
            )

        await handle_together(self._desk.store, parts, decide, ask=ask)
        for account in newest:
            self._desk.remembered.forget(newest_claim(account))

    async def _named(self, command: BookCharge) -> tuple[Structure | None, Center]:
        """The card that the booking names, with what it rests on, and the center. Raises
        `CenterUnknown`."""
        state, owner_of = self._desk.state, self._desk.store.owner_of
        card_owner = card_stream(command.card_id) if command.card_id else None
        if card_owner is None and command.card_number is not None:
            card_owner = await owner_of(card_number_claim(command.card_number))
        card: Card = Card()
        if card_owner is not None:
            card = await state(card_owner, CARD, fresh=True)
        center_owner = None
        if command.center_number is not None:
            center_owner = await owner_of(center_number_claim(command.center_number))
        if center_owner is None and card.center_id is not None:
            center_owner = center_stream(card.center_id)
        if center_owner is None:
            raise CenterUnknown
        center: Center = await state(center_owner, CENTER, fresh=True)
        if center.center_id is None:
            raise CenterUnknown
        if card.card_id is None:
            return None, center
        group = await state(group_stream(card.main_group), GROUP, fresh=True)
        company_id = company_of(center, group)
        company = Company()
        if company_id is not None:
            company = await state(company_stream(company_id), COMPANY, fresh=True)
        return Structure(card, center, group, company), center

    async def reverse(self, command: ReverseCharge, ask: Ask) -> None:
        """Raises `ChargeUnknown` (never booked), `LostRace`."""
        for attempt in range(PLANS_MAX):
            fresh = attempt > 0
            home = await self._desk.owner(hold_claim(command.charge_id), fresh=True)
            if home is None or home == TOMBSTONE:
                raise ChargeUnknown
            try:
                await self._reverse_on(command, ask, home, fresh=fresh)
                return
            except Stale:
                continue
            except ClaimTaken:
                return  # This reversal id is done: the gateway says it once.
        raise LostRace

    async def _reverse_on(
        self, command: ReverseCharge, ask: Ask, home: str, *, fresh: bool
    ) -> None:
        center_id, month = center_and_month(home)
        state: Month = await self._desk.state(home, MONTH, fresh=fresh)
        charge = state.charges.get(command.charge_id)
        if charge is None:
            if not fresh:
                raise Stale(home)
            raise ChargeUnknown
        if state.closed:
            later = max(month, month_of(command.business_date))
            target = await self._desk.open_month(center_id, later, fresh=fresh)
        else:
            target = Target(center_id, month, state)
        between = [month_stream(center_id, name) for name in months_from(month, target.month)]
        accounts = [take.account for take in charge.takes]
        newest = await self._desk.newest(accounts, fresh=fresh)
        parts: Parts = {target.stream: MONTH}
        parts.update((stream, USAGE) for stream in standing(accounts, newest))
        payers = await self._returning(command, charge, target, fresh=fresh)
        parts.update((payer.stream, MONTH) for payer in payers.values())
        used = allowance.streams_of(
            (share for share in charge.subsidies if share.payer_center_id in payers),
            card_id=charge.chargee.card_id,
            day=charge.business_date,
        )
        parts.update((stream, ALLOWANCE) for stream in used)
        reads: Parts = {stream: MONTH for stream in between if stream not in parts}

        def decide(states: Mapping[str, Any]) -> Decision:
            return reverse(
                command,
                Reversed(
                    charge=states[home].charges.get(command.charge_id),
                    months=[states[stream] for stream in between],
                    target=_now(target, states),
                    accounts=_accounts(states, newest),
                    payers={who: _now(payer, states) for who, payer in payers.items()},
                    allowances={stream: states[stream] for stream in used},
                ),
            )

        await handle_together(self._desk.store, parts, decide, ask=ask, reads=reads)

    async def _returning(
        self, command: ReverseCharge, charge: Charge, target: Target, *, fresh: bool
    ) -> dict[str, Target]:
        """Where the payers of the subsidies that come back are settled."""
        rules = {some.rule_id for some in command.subsidies}
        found: dict[str, Target] = {}
        for share in charge.subsidies:
            payer = share.payer_center_id
            if share.rule_id in rules and payer not in found:
                found[payer] = target
                if payer != target.center_id:
                    found[payer] = await self._desk.open_month(payer, target.month, fresh=fresh)
        return found


def _now(target: Target, states: Mapping[str, Any]) -> Target:
    """Raises `Stale` where the month was closed meanwhile."""
    state: Month = states[target.stream]
    if state.closed:
        raise Stale(target.stream)
    return Target(target.center_id, target.month, state)


def _touches_accounts(command: BookCharge, charge: Charge) -> bool:
    """Confirmed and booked with the held amount, a charge leaves its accounts as they are."""
    return charge.state == "released" or (charge.open and charge.amount != command.amount)


def _allowances_written(command: BookCharge, charge: Charge) -> tuple[str, ...]:
    """Allowances that a booking changes: of a hold what was not booked, else everything."""
    card_id, day = charge.chargee.card_id, charge.business_date
    if charge.state == "released":
        return tuple(allowance.stream_of(some.rule_id, card_id, day) for some in command.subsidies)
    if not charge.open:
        return ()
    paid = {subsidy.rule_id: subsidy.amount for subsidy in command.subsidies}
    lowered = [
        share
        for share in charge.subsidies
        if paid.get(share.rule_id, share.amount.zero) < share.amount
    ]
    return allowance.streams_of(lowered, card_id=card_id, day=day)


def _accounts(states: Mapping[str, Any], newest: Mapping[str, str | None]) -> Accounts:
    usage = {name: state for name, state in states.items() if name.startswith("usage-")}
    return Accounts(usage, newest)


def _chargee(command: BookCharge, structure: Structure | None, center: Center) -> Chargee:
    assert center.center_id is not None
    card = structure.card if structure is not None else Card()
    return Chargee(
        center_id=center.center_id,
        center_number=center.number,
        center_name=center.name,
        card_id=card.card_id or "",
        card_number=card.number or command.card_number or "",
        main_group=card.main_group,
        user_group=card.user_group,
        company_id=structure.company.company_id if structure is not None else center.company_id,
    )
