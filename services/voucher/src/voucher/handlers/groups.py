"""Several vouchers on one payment: all legs in one append, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from events import (
    Ask,
    ClaimTaken,
    Decision,
    DomainError,
    LostRace,
    Take,
    handle_together,
)
from money import Money, total
from voucher.commands import Goods, PlaceHold, ReleaseHold
from voucher.decider import (
    VOUCHER,
    Hold,
    HoldReleased,
    HoldReused,
    Issued,
)
from voucher.decider.together import Together, holds_of, place_together
from voucher.handlers.desk import Desk
from voucher.handlers.names import (
    CLAIM_TRIES_MAX,
    HOLD_S_MAX,
    TOMBSTONE,
    CodesRepeated,
    Found,
    GroupReused,
    group_claim,
    hold_claim,
)

RACES_MAX = 3
"""How often a group that lost all its races starts anew before the till hears `conflict`."""


@dataclass(frozen=True, slots=True)
class Leg:
    voucher: Issued
    hold: Hold


@dataclass(frozen=True, slots=True)
class Group:
    legs: tuple[Leg, ...]
    """In the order in which they pay."""
    total: Money
    remaining_due: Money
    position: int


def leg_id(group_id: str, stream: str) -> str:
    """The hold of one voucher in a group. The same for a repeat."""
    return str(uuid5(NAMESPACE_OID, f"{group_id}/{stream}"))


class Groups:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def hold(
        self,
        ask: Ask,
        *,
        group_id: str,
        typed: Sequence[str],
        amount: Money,
        store_id: str,
        till_id: str,
        booking_id: str,
        payment_id: str,
        expires_in_s: int,
        source: str,
        basket: tuple[Goods, ...] | None = None,
    ) -> Group:
        """Keep `amount`, or as much as there is, over all the vouchers.

        Raises `VoucherNotUsable` and `CodeMistyped` (`extra`: `voucher`), `CodesRepeated`,
        `GroupReused`, `HoldReleased`, and the refusals of the decider.
        """
        desk = self._desk
        place, now = desk.place(store_id), desk.clock()
        found = [await self._find(number, code, source) for number, code in enumerate(typed)]
        if len({entry.stream for entry in found}) < len(found):
            raise CodesRepeated
        legs = {
            entry.stream: PlaceHold(
                hold_id=leg_id(group_id, entry.stream),
                code_hash=entry.code_hash,
                amount=amount,
                mode="up_to",
                store_id=store_id,
                till_id=till_id,
                booking_id=booking_id,
                payment_id=payment_id,
                accepted_by=place.legal_entity,
                across_entities=desk.rules.across_entities,
                expires_at=now + timedelta(seconds=min(expires_in_s, HOLD_S_MAX)),
                now=now,
                basket=basket,
                group_id=group_id,
            )
            for entry in found
        }
        return await self._place(ask, group_id, Together(amount=amount, legs=legs, now=now))

    async def _find(self, number: int, code: str, source: str) -> Found:
        try:
            return await self._desk.find(code, source, self._desk.clock())
        except DomainError as refusal:
            refusal.extra.setdefault("voucher", number)
            raise

    async def _place(self, ask: Ask, group_id: str, command: Together) -> Group:
        group = group_claim(group_id)

        def decide(states: Mapping[str, Any]) -> Decision:
            decided = place_together(command, states)
            if not decided:
                return Decision({})
            holds = [Take(hold_claim(command.legs[name].hold_id), name) for name in decided]
            return Decision(decided, (Take(group, " ".join(sorted(decided))), *holds))

        done = None
        for _ in range(RACES_MAX):
            try:
                done = await handle_together(
                    self._desk.store, dict.fromkeys(command.legs, VOUCHER), decide, ask=ask
                )
                break
            except LostRace:
                continue
            except ClaimTaken as taken:
                if taken.owner == TOMBSTONE:
                    raise HoldReleased from taken
                raise (GroupReused if taken.key == group else HoldReused) from taken
        if done is None:
            raise LostRace
        held = holds_of(command, done.states)
        legs = [Leg(done.states[stream], hold) for stream, hold in held.items()]
        # Those that were emptied first; at most one keeps a rest.
        legs.sort(key=lambda leg: (bool(leg.hold.left), leg.voucher.serial))
        paid = total((leg.hold.amount for leg in legs), currency=command.amount.currency)
        if paid > command.amount:
            raise GroupReused
        return Group(
            legs=tuple(legs),
            total=paid,
            remaining_due=command.amount - paid,
            position=done.appended.last_position,
        )

    async def release(self, ask: Ask, *, group_id: str) -> None:
        """The payment is not made: all its holds end. An unknown group is remembered.

        Raises `HoldCaptured` if a recorded booking has taken one of them.
        """
        desk, claim = self._desk, group_claim(group_id)
        for _ in range(CLAIM_TRIES_MAX):
            owner = await desk.store.owner_of(claim)
            if owner == TOMBSTONE:
                return
            if owner is not None:
                await self._release(ask, group_id, owner.split(" "))
                return
            try:
                await handle_together(
                    desk.store,
                    {},
                    lambda _: Decision(events={}, claims=(Take(claim, TOMBSTONE),)),
                    ask=ask,
                )
                return
            except ClaimTaken:
                continue  # The group arrived just now: release it where it stands.
        raise LostRace

    async def _release(self, ask: Ask, group_id: str, streams: Sequence[str]) -> None:
        now = self._desk.clock()

        def decide(states: Mapping[str, Any]) -> Decision:
            return Decision(
                {
                    stream: VOUCHER.decide(
                        ReleaseHold(hold_id=leg_id(group_id, stream), reason="released", now=now),
                        states[stream],
                    )
                    for stream in streams
                }
            )

        await handle_together(self._desk.store, dict.fromkeys(streams, VOUCHER), decide, ask=ask)
