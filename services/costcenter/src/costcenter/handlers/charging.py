"""Charges at the till: hold, confirm, release, and what they would come to.

Claims: `hold:<id>` → the month that the charge stands in, or `TOMBSTONE` for a hold that was
released before it arrived; `newest:<account>` → the newest part of a long limit account.

Which streams a decision needs follows from the structure (whose limits bind?), so it is prepared
from what this process has seen, and checked inside the decision on the states that the append is
bound to. Where they do not fit, it is prepared again (`Stale`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, TypeVar

from costcenter.commands import ConfirmCharge, HoldCharge, Mode, Overriding, ReleaseCharge, Shown
from costcenter.decider import allowance
from costcenter.decider.allowance import ALLOWANCE, Allowance
from costcenter.decider.binding import (
    Bound,
    Room,
    Structure,
    binding,
    company_of,
)
from costcenter.decider.charging import (
    Assessed,
    Basis,
    Left,
    assess,
    check_repeat,
    hold,
    home_of,
    left_of,
    rules_for,
)
from costcenter.decider.goods import Good
from costcenter.decider.month import MONTH, Charge, Month
from costcenter.decider.refusals import (
    CardUnknown,
    HoldExpired,
    HoldReleased,
    HoldUnknown,
    LimitExceeded,
)
from costcenter.decider.settling import release
from costcenter.decider.structure import CARD, CENTER, COMPANY, GROUP
from costcenter.decider.structure_state import Card, Center, Company, MainGroup
from costcenter.decider.subsidies import payer_of
from costcenter.decider.usage import USAGE, Accounts, Stale
from costcenter.decider.windows import is_long, month_of, newest_claim
from costcenter.events import SubsidyRule
from costcenter.handlers.desk import PLANS_MAX, Desk, streams_of
from costcenter.handlers.finding import InHand, find
from costcenter.names import (
    TOMBSTONE,
    card_stream,
    center_stream,
    company_stream,
    group_stream,
    hold_claim,
    month_stream,
)
from costcenter.ports import LapsedCharges
from events import (
    Ask,
    ClaimTaken,
    Decider,
    Decision,
    DomainError,
    HandledTogether,
    IdempotencyKeyReused,
    LostRace,
    Take,
    handle_together,
)
from money import Money

HOLD_S_MAX = 900
"""A hold lives at most so long, whatever the till asks."""

LAPSED_MAX = 200
"""Holds that are expired before one refusal; no till waits for more."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a till asks for."""

    hand: InHand
    amount: Money
    mode: Mode
    basket: tuple[Good, ...]
    store_id: str
    override: Overriding | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """Which payment it is for."""

    till_id: str
    booking_id: str
    payment_id: str
    expires_in_s: int | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """A charge as it stands, with what the slip needs."""

    charge: Charge
    center: Center
    company: Company
    remaining: tuple[Left, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Quote:
    """What a charge would come to now."""

    assessed: Assessed
    structure: Structure


@dataclass(frozen=True, slots=True)
class Looked:
    """A card as a till sees it."""

    structure: Structure
    remaining: tuple[Left, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The streams that one hold needs."""

    structure: Structure
    rules: tuple[SubsidyRule, ...]
    home: str
    accounts: tuple[str, ...]
    newest: dict[str, str | None]
    parts: dict[str, Decider[Any, Any]]
    reads: dict[str, Decider[Any, Any]]


class Charges:
    """Everything that a till asks. One per process."""

    def __init__(self, desk: Desk, lapsed: LapsedCharges) -> None:
        self.desk = desk
        self._lapsed = lapsed

    # -- hold ----------------------------------------------------------------------------------

    async def hold(self, ask: Ask, *, charge_id: str, wanted: Wanted, payment: Payment) -> Placed:
        """Keep an amount for one payment. Raises the refusals of `decider.charging` and
        `handlers.finding`, `StoreUnknown`, `LostRace`."""
        tried: set[str] = set()
        # Less than was asked for is given only when nothing that lapsed is in the way any more.
        whole = True
        for attempt in range(PLANS_MAX):
            shown: Shown | None = None
            try:
                shown = await find(self.desk, wanted.hand, fresh=attempt > 0)
                command = self._command(charge_id, shown, wanted, payment)
                if whole:
                    command = replace(command, mode="exact")
                return await self._hold(ask, command, fresh=attempt > 0)
            except Stale:
                continue
            except ClaimTaken as taken:
                if taken.key == hold_claim(charge_id):
                    return await self._known(charge_id, shown, wanted, payment, taken)
                self.desk.remembered.forget(taken.key)  # Another till opened the next part.
            except (IdempotencyKeyReused, LostRace):
                raise
            except DomainError as refusal:
                if await self.desk.store.owner_of(hold_claim(charge_id)) is not None:
                    return await self._known(charge_id, shown, wanted, payment, refusal)
                if not isinstance(refusal, LimitExceeded):
                    if attempt > 0:
                        raise
                    continue  # Once more, without what this process remembers.
                # Each of several limits may be full of holds that nobody has written down yet.
                limit_id = str(refusal.extra["limit_id"])
                if limit_id not in tried:
                    tried.add(limit_id)
                    if await self.expire_on(limit_id):
                        continue
                if not whole or wanted.mode == "exact":
                    raise
                whole = False
        raise LostRace

    def _command(
        self, charge_id: str, shown: Shown, wanted: Wanted, payment: Payment
    ) -> HoldCharge:
        now = self.desk.clock()
        local = now.astimezone(self.desk.place(wanted.store_id).zone)
        lives = min(payment.expires_in_s or self.desk.rules.hold_s, HOLD_S_MAX)
        return HoldCharge(
            charge_id=charge_id,
            shown=shown,
            amount=wanted.amount,
            mode=wanted.mode,
            basket=wanted.basket,
            store_id=wanted.store_id,
            till_id=payment.till_id,
            booking_id=payment.booking_id,
            payment_id=payment.payment_id,
            business_date=local.date(),
            local_time=local.time().replace(tzinfo=None),
            expires_at=now + timedelta(seconds=lives),
            now=now,
            override=wanted.override,
        )

    async def _hold(self, ask: Ask, command: HoldCharge, *, fresh: bool) -> Placed:
        plan = await self._plan(command, fresh=fresh)
        stream = month_stream(plan.home, month_of(command.business_date))

        def decide(states: Mapping[str, Any]) -> Decision:
            basis = _basis(command, plan, states)
            return hold(command, basis, states[stream])

        done = await handle_together(self.desk.store, plan.parts, decide, ask=ask, reads=plan.reads)
        self.desk.remembered.put(hold_claim(command.charge_id), stream)
        charge = done.states[stream].charges.get(command.charge_id)
        if charge is None:  # The same key was decided in another month.
            return await self._known_charge(command, HoldUnknown())
        if charge.state == "released":
            raise HoldExpired if charge.release == "expired" else HoldReleased
        return self._placed(charge, command, plan, done)

    def _placed(
        self, charge: Charge, command: HoldCharge, plan: Plan, done: HandledTogether
    ) -> Placed:
        newest = {
            account: _newest_of(account, plan.newest[account], done.states)
            for account in plan.newest
        }
        for account, part in newest.items():
            if part is None:
                self.desk.remembered.forget(newest_claim(account))
            else:
                self.desk.remembered.put(newest_claim(account), part)
        taken = {take.limit_id for take in charge.takes}
        bounds = binding(plan.structure, command.business_date)
        accounts = _accounts(done.states, newest)
        return Placed(
            charge=charge,
            center=plan.structure.center,
            company=plan.structure.company,
            remaining=_remaining([b for b in bounds if b.limit.limit_id in taken], accounts),
            position=done.appended.last_position,
        )

    async def _plan(self, command: HoldCharge, *, fresh: bool) -> Plan:
        structure = await self.structure(command, fresh=fresh)
        rules = rules_for(structure, command)
        home = home_of(structure, rules)
        if structure.card.card_id is None and not fresh:
            raise Stale(command.shown.card_id)
        if home is None:
            # Nothing to write to: what is asked is refused, on the newest state.
            assess(command, Basis(await self.structure(command, fresh=True)))
            raise Stale(command.shown.card_id)
        accounts = tuple(
            bound.account
            for bound in binding(structure, command.business_date)
            if bound.account is not None
        )
        newest = await self.desk.newest(accounts, fresh=fresh)
        month = month_of(command.business_date)
        parts: dict[str, Decider[Any, Any]] = {month_stream(home, month): MONTH}
        parts.update((stream, USAGE) for stream in streams_of(accounts, newest, month))
        for rule in rules:
            used = allowance.stream_of(rule.rule_id, command.shown.card_id, command.business_date)
            parts[used] = ALLOWANCE
        return Plan(structure, rules, home, accounts, newest, parts, _reads(structure))

    async def structure(self, command: HoldCharge, *, fresh: bool) -> Structure:
        """Card, center, group, company and payers as this process has seen them, or as they are
        now."""
        state = self.desk.state
        card: Card = await state(card_stream(command.shown.card_id), CARD, fresh=fresh)
        center, group, company = Center(), MainGroup(), Company()
        if card.center_id is not None:
            center = await state(center_stream(card.center_id), CENTER, fresh=fresh)
        if card.card_id is not None:
            group = await state(group_stream(card.main_group), GROUP, fresh=fresh)
        company_id = company_of(center, group)
        if company_id is not None:
            company = await state(company_stream(company_id), COMPANY, fresh=fresh)
        bare = Structure(card, center, group, company)
        payers: dict[str, Center] = {}
        for rule in rules_for(bare, command):
            payer = payer_of(rule, card)
            if payer is not None and payer not in payers:
                payers[payer] = await state(center_stream(payer), CENTER, fresh=fresh)
        return Structure(card, center, group, company, payers)

    async def _known(
        self,
        charge_id: str,
        shown: Shown | None,
        wanted: Wanted,
        payment: Payment,
        refusal: DomainError,
    ) -> Placed:
        """The hold was placed before, maybe in another month: it stands, whatever is refused
        now."""
        if shown is None:
            raise refusal
        return await self._known_charge(self._command(charge_id, shown, wanted, payment), refusal)

    async def _known_charge(self, command: HoldCharge, refusal: DomainError) -> Placed:
        owner = await self.desk.store.owner_of(hold_claim(command.charge_id))
        if owner is None:
            raise refusal
        if owner == TOMBSTONE:
            raise HoldReleased
        month: Month = await self.desk.state(owner, MONTH, fresh=True)
        charge = month.charge(command.charge_id)
        check_repeat(command, charge)
        structure = await self.structure(command, fresh=False)
        return Placed(charge, structure.center, structure.company, (), 0)

    async def expire_on(self, limit_id: str) -> int:
        """Free what lapsed holds still keep from a limit. Answers how many were looked at."""
        found = await self._lapsed.lapsed_on([limit_id], self.desk.clock(), holds_max=LAPSED_MAX)
        for stream, charge_id in found:
            await self.expire(stream, charge_id)
        return len(found)

    # -- what it would come to -----------------------------------------------------------------

    async def quote(self, wanted: Wanted) -> Quote:
        """Nothing is stored. Raises as `hold`."""
        shown = await find(self.desk, wanted.hand, fresh=True)
        payment = Payment(till_id="", booking_id="", payment_id="")
        command = self._command("quote", shown, wanted, payment)
        plan = await self._plan(command, fresh=True)
        states = {
            stream: await self.desk.state(stream, decider, fresh=True)
            for stream, decider in plan.parts.items()
        }
        accounts = _accounts(states, plan.newest)
        used = _allowances(command, plan.rules, states)
        return Quote(assess(command, Basis(plan.structure, accounts, used)), plan.structure)

    async def look_up(self, hand: InHand, *, store_id: str) -> Looked:
        """Raises `CardUnknown` and what `handlers.finding` raises."""
        shown = await find(self.desk, hand, fresh=True)
        wanted = Wanted(hand, _nothing(), "up_to", (), store_id)
        payment = Payment(till_id="", booking_id="", payment_id="")
        command = self._command("look-up", shown, wanted, payment)
        structure = await self.structure(command, fresh=True)
        if structure.card.card_id is None:
            raise CardUnknown
        bounds = binding(structure, command.business_date)
        names = [bound.account for bound in bounds if bound.account is not None]
        newest = await self.desk.newest(names, fresh=True)
        month = month_of(command.business_date)
        states = {
            stream: await self.desk.state(stream, USAGE, fresh=True)
            for stream in streams_of(names, newest, month)
        }
        return Looked(structure, _remaining(bounds, _accounts(states, newest)))

    def today(self, store_id: str) -> date:
        """The business date in a store. Raises `StoreUnknown`."""
        return self.desk.clock().astimezone(self.desk.place(store_id).zone).date()

    # -- confirm and release -------------------------------------------------------------------

    async def confirm(self, ask: Ask, *, charge_id: str) -> tuple[Charge, int]:
        """Raises `HoldUnknown`, `HoldReleased`, `HoldExpired`."""
        command = ConfirmCharge(charge_id=charge_id, now=self.desk.clock())

        async def once(stream: str) -> tuple[Charge, int]:
            def decide(states: Mapping[str, Any]) -> Decision:
                return Decision({stream: MONTH.decide(command, states[stream])})

            done = await handle_together(self.desk.store, {stream: MONTH}, decide, ask=ask)
            return done.states[stream].charge(charge_id), done.appended.last_position

        return await self._where_it_stands(charge_id, once)

    async def _where_it_stands(self, charge_id: str, once: Callable[[str], Awaitable[T]]) -> T:
        """On the month that the charge is remembered in; if that refuses, where it stands now."""
        claim = hold_claim(charge_id)
        remembered = self.desk.remembered.get(claim)
        if remembered is not None and remembered != TOMBSTONE:
            try:
                return await once(remembered)
            except DomainError:
                self.desk.remembered.forget(claim)
        owner = await self.desk.owner(claim, fresh=True)
        if owner is None:
            raise HoldUnknown
        if owner == TOMBSTONE:
            raise HoldReleased
        return await once(owner)

    async def let_go(self, ask: Ask, *, charge_id: str) -> None:
        """A till gives a hold up. Raises `HoldBooked`."""
        command = ReleaseCharge(charge_id=charge_id, reason="released", now=self.desk.clock())
        await self.release(command, ask)

    async def release(self, command: ReleaseCharge, ask: Ask) -> None:
        """Free a hold, or forbid one that has not arrived yet. Raises `HoldBooked`."""
        claim = hold_claim(command.charge_id)
        for _ in range(PLANS_MAX):
            owner = await self.desk.owner(claim, fresh=True)
            if owner == TOMBSTONE:
                return
            if owner is not None:
                await self._release_on(owner, command, ask)
                return
            try:
                await handle_together(
                    self.desk.store,
                    {},
                    lambda _: Decision(events={}, claims=(Take(claim, TOMBSTONE),)),
                    ask=ask,
                )
                return
            except ClaimTaken:
                continue  # The hold arrived just now: release it where it stands.
        raise LostRace

    async def expire(self, stream: str, charge_id: str) -> None:
        """Write down that a hold has run out."""
        now = self.desk.clock()
        command = ReleaseCharge(charge_id=charge_id, reason="expired", now=now)
        await self._release_on(stream, command, Ask.of(f"sweeper/expire/{charge_id}", charge_id))

    async def _release_on(self, stream: str, command: ReleaseCharge, ask: Ask) -> None:
        for attempt in range(PLANS_MAX):
            month: Month = await self.desk.state(stream, MONTH, fresh=attempt > 0)
            charge = month.charges.get(command.charge_id)
            if charge is None and attempt == 0:
                continue
            accounts = [take.account for take in charge.takes] if charge else []
            newest = await self.desk.newest(accounts, fresh=attempt > 0)
            used = _allowance_streams(charge)
            parts: dict[str, Decider[Any, Any]] = {stream: MONTH}
            parts.update((part, USAGE) for part in standing(accounts, newest))
            parts.update((name, ALLOWANCE) for name in used)

            def decide(
                states: Mapping[str, Any],
                newest: dict[str, str | None] = newest,
                used: Sequence[str] = used,
            ) -> Decision:
                known = states[stream].charges.get(command.charge_id)
                if not set(_allowance_streams(known)) <= set(used):
                    raise Stale(command.charge_id)
                return release(
                    command,
                    states[stream],
                    _accounts(states, newest),
                    {name: states[name] for name in used},
                )

            try:
                await handle_together(self.desk.store, parts, decide, ask=ask)
                return
            except Stale:
                continue
        raise LostRace


def standing(accounts: Sequence[str], newest: Mapping[str, str | None]) -> list[str]:
    """Where accounts that were taken from stand now."""
    found = []
    for account in accounts:
        stream = newest[account] if is_long(account) else account
        if stream is not None:
            found.append(stream)
    return found


def _allowance_streams(charge: Charge | None) -> tuple[str, ...]:
    if charge is None:
        return ()
    return allowance.streams_of(
        charge.subsidies, card_id=charge.chargee.card_id, day=charge.business_date
    )


def _reads(structure: Structure) -> dict[str, Decider[Any, Any]]:
    card, center, company = structure.card, structure.center, structure.company
    reads: dict[str, Decider[Any, Any]] = {}
    if card.card_id is not None:
        reads[card_stream(card.card_id)] = CARD
        reads[group_stream(card.main_group)] = GROUP
    if center.center_id is not None:
        reads[center_stream(center.center_id)] = CENTER
    if company.company_id is not None:
        reads[company_stream(company.company_id)] = COMPANY
    reads.update((center_stream(payer), CENTER) for payer in structure.payers)
    return reads


def _basis(command: HoldCharge, plan: Plan, states: Mapping[str, Any]) -> Basis:
    """The newest states, if they still need no other streams. Raises `Stale`."""
    before = plan.structure
    card: Card = states[card_stream(command.shown.card_id)]
    same_card = (card.center_id, card.main_group) == (
        before.card.center_id,
        before.card.main_group,
    )
    if not same_card:
        raise Stale(command.shown.card_id)
    center = before.center
    if card.center_id is not None:
        center = states.get(center_stream(card.center_id), center)
    group: MainGroup = states[group_stream(card.main_group)]
    company_id = company_of(center, group)
    company = before.company
    if company_id != company_of(before.center, before.group):
        raise Stale(command.shown.card_id)
    if company_id is not None:
        company = states.get(company_stream(company_id), company)
    payers = {payer: states[center_stream(payer)] for payer in before.payers}
    structure = Structure(card, center, group, company, payers)
    rules = rules_for(structure, command)
    needed = {payer_of(rule, card) for rule in rules} - {None}
    used = {allowance.stream_of(r.rule_id, card.card_id or "", command.business_date)
            for r in rules}  # fmt: skip
    accounts = {
        bound.account
        for bound in binding(structure, command.business_date)
        if bound.account is not None
    }
    fits = (
        home_of(structure, rules) == plan.home
        and needed <= payers.keys()
        and used <= plan.parts.keys()
        and accounts <= set(plan.accounts)
    )
    if not fits:
        raise Stale(command.shown.card_id)
    return Basis(structure, _accounts(states, plan.newest), _allowances(command, rules, states))


def _accounts(states: Mapping[str, Any], newest: Mapping[str, str | None]) -> Accounts:
    usage = {name: state for name, state in states.items() if name.startswith("usage-")}
    return Accounts(usage, newest)


def _allowances(
    command: HoldCharge, rules: Sequence[SubsidyRule], states: Mapping[str, Any]
) -> dict[str, Allowance]:
    day, card_id = command.business_date, command.shown.card_id
    return {rule.rule_id: states[allowance.stream_of(rule.rule_id, card_id, day)] for rule in rules}


def _newest_of(account: str, before: str | None, states: Mapping[str, Any]) -> str | None:
    """After the append: the part that is open."""
    if before is not None and not states[before].closed:
        return before
    opened = (
        name
        for name, state in states.items()
        if name.startswith(f"{account}-") and state.opened and not state.closed
    )
    return next(opened, None)


def _remaining(bounds: Sequence[Bound], accounts: Accounts) -> tuple[Left, ...]:
    """What limits with an account leave now."""
    found = []
    for bound in bounds:
        if bound.account is None:
            continue
        try:
            used = accounts.used(bound.limited, bound.account)
        except Stale:
            continue
        found.append(left_of(Room(bound, used, whole=0, counted=0), charged=False))
    return tuple(found)


def _nothing() -> Money:
    return Money(amount=0, currency="EUR")
