"""Captures that a voucher cannot cover, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from events import Ask, Claim, Decider, Decision, EventStore, handle, handle_together
from voucher.commands import CaptureHold
from voucher.decider import VOUCHER
from voucher.decider.overdraft import OVERDRAFT, BookOverdraft, SettleOverdraft
from voucher.events import OverdraftSettled, VoucherCaptureFailed


def overdraft_stream(store_id: str) -> str:
    return f"overdraft-{store_id}"


class _Overdrawn(Exception):
    """The voucher does not cover the capture: the store's account is part of the decision."""


def _covered(command: Any, voucher: Any) -> Sequence[Any]:
    decided = VOUCHER.decide(command, voucher)
    if any(isinstance(event, VoucherCaptureFailed) for event in decided):
        raise _Overdrawn
    return decided


_COVERED: Decider[Any, Any] = Decider(
    initial=VOUCHER.initial, decide=_covered, evolve=VOUCHER.evolve
)


async def capture_on(
    store: EventStore, stream: str, command: CaptureHold, ask: Ask, *, claims: Sequence[Claim]
) -> None:
    """Take what a recorded booking was paid with. What the voucher does not cover stands on the
    store's overdraft account with the same append."""
    try:
        await handle(store, _COVERED, stream, command, ask=ask, claims=lambda _: claims)
        return
    except _Overdrawn:
        pass
    account = overdraft_stream(command.store_id)

    def decide(states: Mapping[str, Any]) -> Decision:
        decided = VOUCHER.decide(command, states[stream])
        booked = [
            entry
            for event in decided
            if isinstance(event, VoucherCaptureFailed)
            for entry in OVERDRAFT.decide(
                BookOverdraft(event, command.accepted_by), states[account]
            )
        ]
        return Decision({stream: decided, account: booked}, claims)

    await handle_together(store, {stream: VOUCHER, account: OVERDRAFT}, decide, ask=ask)


class Overdrafting:
    """What becomes of overdrafts."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def settle(self, ask: Ask, store_id: str, command: SettleOverdraft) -> OverdraftSettled:
        """Decide about one of them. Raises `OverdraftUnknown`, `OverdraftSettledBefore`."""
        stream = overdraft_stream(store_id)
        done = await handle(self._store, OVERDRAFT, stream, command, ask=ask)
        (settled,) = done.events
        assert isinstance(settled, OverdraftSettled)
        return settled
