"""Charges at the till: hold, confirm, release, and what they would come to.

Claims: `hold:<id>` → the month that the charge stands in, or `TOMBSTONE` for a hold that was
released before it arrived; `newest:<account>` → the newest part of a long limit account.

Which streams a decision needs follows from the structure (whose limits bind?), so it is prepared
from what this process has seen, and checked inside the decision on the states that the append is
bound to. Where they do not fit, it is prepared again (`Stale`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from costcenter.commands import HoldCharge, Mode, Overriding, Shown
from costcenter.decider.binding import (
    Bound,
    Structure,
    binding,
)
from costcenter.decider.charging import (
    Assessed,
    Basis,
    Left,
    assess,
    check_repeat,
    hold,
)
from costcenter.decider.goods import Good
from costcenter.decider.month import MONTH, Charge
from costcenter.decider.refusals import (
    CardUnknown,
    HoldExpired,
    HoldReleased,
    LimitExceeded,
)
from costcenter.decider.structure import CENTER, COMPANY
from costcenter.decider.structure_state import Center, Company
from costcenter.decider.usage import USAGE, Stale
from costcenter.decider.windows import month_of, newest_claim
from costcenter.handlers.desk import PLANS_MAX, streams_of
from costcenter.handlers.finding import InHand, find
from costcenter.handlers.holds import Holds
from costcenter.handlers.plans import (
    Plan,
    accounts_in,
    allowances_in,
    basis_of,
    newest_after,
    plan_of,
    remaining_of,
    structure_of,
)
from costcenter.names import (
    TOMBSTONE,
    center_stream,
    company_stream,
    hold_claim,
    month_stream,
)
from events import (
    Ask,
    ClaimTaken,
    Decision,
    DomainError,
    HandledTogether,
    IdempotencyKeyReused,
    LostRace,
    handle_together,
)
from money import Money

HOLD_S_MAX = 900
"""A hold lives at most so long, whatever the till asks."""


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


class Charges(Holds):
    """Everything that a till asks. One per process."""

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
        plan = await plan_of(self.desk, command, fresh=fresh)
        stream = month_stream(plan.home, month_of(command.business_date))

        def decide(states: Mapping[str, Any]) -> Decision:
            basis = basis_of(command, plan, states)
            return hold(command, basis, states[stream])

        done = await handle_together(self.desk.store, plan.parts, decide, ask=ask, reads=plan.reads)
        charge = done.states[stream].charges.get(command.charge_id)
        if charge is None:  # The same key was decided in another month.
            owner = await self.desk.owner(hold_claim(command.charge_id), fresh=True)
            if owner is None or owner == TOMBSTONE:
                raise HoldReleased
            month = await self.desk.state(owner, MONTH, fresh=True)
            return await self._standing(month.charge(command.charge_id), command)
        if charge.state == "released":
            raise HoldExpired if charge.release == "expired" else HoldReleased
        self.desk.remembered.put(hold_claim(command.charge_id), stream)
        return self._placed(charge, command, plan, done)

    def _placed(
        self, charge: Charge, command: HoldCharge, plan: Plan, done: HandledTogether
    ) -> Placed:
        newest = {
            account: newest_after(account, plan.newest[account], done.states)
            for account in plan.newest
        }
        for account, part in newest.items():
            if part is None:
                self.desk.remembered.forget(newest_claim(account))
            else:
                self.desk.remembered.put(newest_claim(account), part)
        taken = {take.limit_id for take in charge.takes}
        bounds = binding(plan.structure, command.business_date)
        accounts = accounts_in(done.states, newest)
        return Placed(
            charge=charge,
            center=_center(plan, charge.chargee.center_id),
            company=plan.structure.company,
            remaining=remaining_of([b for b in bounds if b.limit.limit_id in taken], accounts),
            position=done.appended.last_position,
        )

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
        owner = await self.desk.store.owner_of(hold_claim(charge_id))
        if owner is None:
            raise refusal
        if owner == TOMBSTONE:
            raise HoldReleased
        charge = (await self.desk.state(owner, MONTH, fresh=True)).charge(charge_id)
        if shown is None:  # What the till has in hand leads to no card any more: it did then.
            shown = Shown("number", "", charge.chargee.card_id)
        command = self._command(charge_id, shown, wanted, payment)
        check_repeat(command, charge)
        return await self._standing(charge, command)

    async def _standing(self, charge: Charge, command: HoldCharge) -> Placed:
        """A charge that was placed before, with what its limits leave now."""
        chargee, company = charge.chargee, Company()
        center = await self.desk.state(center_stream(chargee.center_id), CENTER, fresh=True)
        if chargee.company_id is not None:
            company = await self.desk.state(company_stream(chargee.company_id), COMPANY)
        structure = await structure_of(self.desk, command, fresh=False)
        taken = {take.limit_id for take in charge.takes}
        bounds = [
            bound
            for bound in binding(structure, charge.business_date)
            if bound.limit.limit_id in taken
        ]
        remaining = await self._left(bounds, month_of(charge.business_date))
        return Placed(charge, center, company, remaining, await self.desk.store.head())

    async def _left(self, bounds: Sequence[Bound], month: str) -> tuple[Left, ...]:
        names = [bound.account for bound in bounds if bound.account is not None]
        newest = await self.desk.newest(names, fresh=True)
        states = {
            stream: await self.desk.state(stream, USAGE, fresh=True)
            for stream in streams_of(names, newest, month)
        }
        return remaining_of(bounds, accounts_in(states, newest))

    # -- what it would come to -----------------------------------------------------------------

    async def quote(self, wanted: Wanted) -> Quote:
        """Nothing is stored. Raises as `hold`."""
        shown = await find(self.desk, wanted.hand, fresh=True)
        payment = Payment(till_id="", booking_id="", payment_id="")
        command = self._command("quote", shown, wanted, payment)
        plan = await plan_of(self.desk, command, fresh=True)
        states = {
            stream: await self.desk.state(stream, decider, fresh=True)
            for stream, decider in plan.parts.items()
        }
        accounts = accounts_in(states, plan.newest)
        used = allowances_in(command, plan.rules, states)
        return Quote(assess(command, Basis(plan.structure, accounts, used)), plan.structure)

    async def look_up(self, hand: InHand, *, store_id: str) -> Looked:
        """Raises `CardUnknown` and what `handlers.finding` raises."""
        shown = await find(self.desk, hand, fresh=True)
        wanted = Wanted(hand, _nothing(), "up_to", (), store_id)
        payment = Payment(till_id="", booking_id="", payment_id="")
        command = self._command("look-up", shown, wanted, payment)
        structure = await structure_of(self.desk, command, fresh=True)
        if structure.card.card_id is None:
            raise CardUnknown
        bounds = binding(structure, command.business_date)
        return Looked(structure, await self._left(bounds, month_of(command.business_date)))

    def today(self, store_id: str) -> date:
        """The business date in a store. Raises `StoreUnknown`."""
        return self.desk.clock().astimezone(self.desk.place(store_id).zone).date()


def _nothing() -> Money:
    return Money(amount=0, currency="EUR")


def _center(plan: Plan, center_id: str) -> Center:
    """The card's own, or the payer of a card without one."""
    own = plan.structure.center
    return own if own.center_id == center_id else plan.structure.payers[center_id]
