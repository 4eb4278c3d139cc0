"""Recorded value for a voucher that was merged goes on to the voucher at the end of the merges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from events import Ask, Decision, LostRace, handle_together
from voucher.commands import RecordTopUp, ReverseRedemption
from voucher.decider import VOUCHER, Issued, Status, Voucher, VoucherEnded, forward
from voucher.handlers.desk import Desk
from voucher.handlers.names import stream_of

SUCCESSORS_MAX = 100
"""Merges in a row that are followed. More is a defect: somebody has to look."""

MOVED_TRIES_MAX = 5
"""How often to look anew for the voucher that the value belongs to now."""


@dataclass(frozen=True, slots=True)
class Landed:
    """Where recorded value went."""

    voucher: Voucher
    """That was meant."""
    successor: Issued | None
    """That has the value, where the other one was merged."""
    position: int


class _MergedAgain(Exception):
    """The successor was merged itself since we looked."""


async def record_on(
    desk: Desk, stream: str, command: ReverseRedemption | RecordTopUp, ask: Ask
) -> Landed:
    """One decision on the voucher, or on it and its successor: both facts or none.

    Raises what the decider raises, `LostRace` where merges are faster than we look.
    """
    for _ in range(MOVED_TRIES_MAX):
        voucher = await desk.voucher(stream)
        try:
            if isinstance(voucher, Issued) and voucher.status is Status.REPLACED:
                return await _forwarded(desk, stream, voucher, command, ask)
            done = await desk.on(stream, command, ask)
        except _MergedAgain:
            continue
        except VoucherEnded as ended:
            if ended.extra.get("state") == Status.REPLACED.value:
                continue  # It was merged since we looked.
            raise
        return Landed(done.state, None, done.position)
    raise LostRace


async def _forwarded(
    desk: Desk, stream: str, voucher: Issued, command: ReverseRedemption | RecordTopUp, ask: Ask
) -> Landed:
    heir = await _heir(desk, voucher)

    def decide(states: Mapping[str, Any]) -> Decision:
        if states[heir].status is Status.REPLACED:
            raise _MergedAgain
        out, into = forward(command, states[stream], states[heir])
        return Decision({stream: out, heir: into})

    done = await handle_together(desk.store, {stream: VOUCHER, heir: VOUCHER}, decide, ask=ask)
    return Landed(done.states[stream], done.states[heir], done.appended.last_position)


async def _heir(desk: Desk, voucher: Issued) -> str:
    """The stream of the voucher at the end of the merges."""
    for _ in range(SUCCESSORS_MAX):
        assert voucher.past.successor_id is not None  # A merged voucher names it.
        stream = stream_of(voucher.past.successor_id)
        heir = await desk.voucher(stream)
        assert isinstance(heir, Issued)
        if heir.status is not Status.REPLACED:
            return stream
        voucher = heir
    raise AssertionError(f"more than {SUCCESSORS_MAX} merges in a row, or a circle of them")
