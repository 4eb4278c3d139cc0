"""Value that comes back, and value that moves from one voucher to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from events import Ask, Decision, handle_together
from money import Money
from voucher.commands import BookedReversal, ReverseRedemption
from voucher.decider import (
    VOUCHER,
    Issued,
    RedemptionUnknown,
    TransferValue,
    transfer,
)
from voucher.handlers.desk import Desk
from voucher.handlers.names import (
    TOMBSTONE,
    Named,
    hold_claim,
    months_later,
    on_account,
    stream_of,
)
from voucher.handlers.successors import record_on


@dataclass(frozen=True, slots=True)
class Reversed:
    voucher: Issued
    """That was redeemed."""
    successor: Issued | None
    """Where the value went on to."""
    amount: Money
    position: int


@dataclass(frozen=True, slots=True)
class Moved:
    source: Issued
    target: Issued
    amount: Money
    position: int


class Moves:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def reverse_booked(self, booked: BookedReversal, ask: Ask) -> None:
        """A recorded booking gave value back. Never refused for its amount.

        Raises `RedemptionUnknown` where the redemption has not arrived (yet): the record waits.
        """
        await self._reverse(
            ask,
            voucher_id=booked.voucher_id,
            reversal_id=booked.reversal_id,
            hold_id=booked.hold_id,
            amount=booked.amount,
            booking_id=booked.booking_id,
            store_id=booked.store_id,
            recorded=True,
        )

    async def reverse(
        self, ask: Ask, *, reversal_id: str, hold_id: str, amount: Money, store_id: str
    ) -> Reversed:
        """For systems that sign elsewhere. Raises `RedemptionUnknown`, `ReversalTooLarge`,
        `ReversalReused`, `VoucherEnded`."""
        return await self._reverse(
            ask,
            voucher_id=None,
            reversal_id=reversal_id,
            hold_id=hold_id,
            amount=amount,
            booking_id=None,
            store_id=store_id,
            recorded=False,
        )

    async def _reverse(
        self,
        ask: Ask,
        *,
        voucher_id: str | None,
        reversal_id: str,
        hold_id: str,
        amount: Money,
        booking_id: str | None,
        store_id: str,
        recorded: bool,
    ) -> Reversed:
        desk = self._desk
        now = desk.clock()
        place = desk.place_of_booking(store_id) if recorded else desk.place(store_id)
        command = ReverseRedemption(
            reversal_id=reversal_id,
            hold_id=hold_id,
            amount=amount,
            booking_id=booking_id,
            store_id=store_id,
            recorded=recorded,
            revived_until=months_later(desk.day(place, now), desk.rules.revived_months),
            now=now,
        )
        owner = await desk.store.owner_of(hold_claim(hold_id))
        nobody = owner is None and voucher_id is None
        if nobody or owner == TOMBSTONE or on_account(owner):
            raise RedemptionUnknown
        stream = owner or stream_of(voucher_id or "")
        landed = await record_on(desk, stream, command, ask)
        assert isinstance(landed.voucher, Issued)  # Of another one nothing was redeemed.
        credited = landed.voucher.past.reversals.get(reversal_id, amount)
        return Reversed(landed.voucher, landed.successor, credited, landed.position)

    async def move(
        self,
        ask: Ask,
        *,
        transfer_id: str,
        source: Named,
        target: Named,
        amount: Money | None,
        caller: str,
    ) -> Moved:
        """Move value; without an amount all of it: then the source ends.

        Raises `VouchersDiffer`, `VoucherNotUsable`, `VoucherEnded`, `VoucherHeldNow`,
        `VoucherInsufficient`, `BalanceTooLarge`, `TransferReused`.
        """
        desk = self._desk
        there = await desk.stream_of(source, caller)
        here = await desk.stream_of(target, caller)
        command = TransferValue(
            transfer_id=transfer_id,
            amount=amount,
            balance_max=desk.money(desk.rules.balance_max),
            now=desk.clock(),
        )

        def decide(states: Mapping[str, Any]) -> Decision:
            out, into = transfer(command, states[there], states[here])
            return Decision({there: out, here: into} if there != here else {})

        parts = {there: VOUCHER, here: VOUCHER}
        done = await handle_together(desk.store, parts, decide, ask=ask)
        moved: Issued = done.states[there]
        return Moved(
            source=moved,
            target=done.states[here],
            amount=moved.past.moves[transfer_id],
            position=done.appended.last_position,
        )
