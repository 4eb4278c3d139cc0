"""What becomes of a hold: confirmed, released, expired."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from costcenter.commands import ConfirmCharge, ReleaseCharge
from costcenter.decider.allowance import ALLOWANCE
from costcenter.decider.month import MONTH, Charge, Month
from costcenter.decider.refusals import (
    HoldReleased,
    HoldUnknown,
)
from costcenter.decider.settling import release
from costcenter.decider.usage import USAGE, Stale
from costcenter.handlers.desk import PLANS_MAX, Desk
from costcenter.handlers.plans import accounts_in, allowance_streams, standing
from costcenter.names import (
    TOMBSTONE,
    hold_claim,
)
from costcenter.ports import LapsedCharges
from events import (
    Ask,
    ClaimTaken,
    Decider,
    Decision,
    DomainError,
    LostRace,
    Take,
    handle_together,
)

T = TypeVar("T")

LAPSED_MAX = 200
"""Holds that are expired before one refusal; no till waits for more."""


class Holds:
    """See `Charges`."""

    def __init__(self, desk: Desk, lapsed: LapsedCharges) -> None:
        self.desk = desk
        self._lapsed = lapsed

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
            used = allowance_streams(charge)
            parts: dict[str, Decider[Any, Any]] = {stream: MONTH}
            parts.update((part, USAGE) for part in standing(accounts, newest))
            parts.update((name, ALLOWANCE) for name in used)

            def decide(
                states: Mapping[str, Any],
                newest: dict[str, str | None] = newest,
                used: Sequence[str] = used,
            ) -> Decision:
                known = states[stream].charges.get(command.charge_id)
                if not set(allowance_streams(known)) <= set(used):
                    raise Stale(command.charge_id)
                return release(
                    command,
                    states[stream],
                    accounts_in(states, newest),
                    {name: states[name] for name in used},
                )

            try:
                await handle_together(self.desk.store, parts, decide, ask=ask)
                return
            except Stale:
                continue
        raise LostRace

    async def expire_on(self, limit_id: str) -> int:
        """Free what lapsed holds still keep from a limit. Answers how many were looked at."""
        found = await self._lapsed.lapsed_on([limit_id], self.desk.clock(), holds_max=LAPSED_MAX)
        for stream, charge_id in found:
            await self.expire(stream, charge_id)
        return len(found)
