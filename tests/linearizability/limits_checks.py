"""What the log and the answers must agree on: no limit exceeded, no room left unused.

The log is replayed with plain sums over the amounts of charges. A limit's own account in the log is
looked at only to be compared.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from costcenter.events import ChargeBooked, ChargeConfirmed, ChargeHeld, ChargeReleased
from events import Recorded
from tests.linearizability.limits_plan import LIMITS, Stacked
from tests.linearizability.limits_tills import Held

BEHIND = timedelta(seconds=3)
"""What is stored may have been decided so much earlier, and a read model may be so far behind."""

FAULTS_SHOWN = 10


@dataclass(slots=True)
class Kept:
    """A charge that takes room."""

    card: str
    amount: int
    until: datetime | None
    """When its hold runs out; None: confirmed or booked."""


@dataclass(slots=True)
class Replay:
    """The charges that take room, after each entry of the log."""

    at: list[datetime] = field(default_factory=list)
    rooms: dict[str, list[int]] = field(default_factory=dict)
    """By limit: what was left, after each entry."""
    lapsing: dict[str, list[tuple[datetime, ...]]] = field(default_factory=dict)
    """By limit: when the holds run out that take from it, after each entry."""
    exceeded: list[str] = field(default_factory=list)
    booked: Counter[tuple[str, int]] = field(default_factory=Counter)
    held: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    left: dict[str, Kept] = field(default_factory=dict)


def replay(log: Sequence[Recorded], limits: Sequence[Stacked] = LIMITS) -> Replay:
    found = Replay(
        rooms={limit.limit_id: [] for limit in limits},
        lapsing={limit.limit_id: [] for limit in limits},
    )
    for entry in log:
        _fold(found, entry)
        found.at.append(entry.recorded_at)
        for limit in limits:
            mine = [kept for kept in found.left.values() if limit.counts(kept.card)]
            room = limit.value - sum(limit.worth(kept.amount) for kept in mine)
            if room < 0:
                found.exceeded.append(f"{limit.limit_id} by {-room} at {entry.position}")
            found.rooms[limit.limit_id].append(room)
            found.lapsing[limit.limit_id].append(tuple(k.until for k in mine if k.until))
    return found


def _fold(found: Replay, entry: Recorded) -> None:
    match entry.event:
        case ChargeHeld() as held:
            found.held[held.charge_id] = held.amount.amount
            found.left[held.charge_id] = Kept(
                held.chargee.card_number, held.amount.amount, held.expires_at
            )
        case ChargeConfirmed() as confirmed:
            found.left[confirmed.charge_id].until = None
        case ChargeReleased() as released:
            found.left.pop(released.charge_id, None)
        case ChargeBooked() as booked:
            found.booked[booked.charge_id, booked.amount.amount] += 1
            found.left[booked.charge_id] = Kept(
                booked.chargee.card_number, booked.amount.amount, None
            )
            if booked.fault is not None:
                found.faults.append(f"{booked.charge_id}: {booked.fault}")


def answers_exceed(seen: Sequence[Held], limits: Sequence[Stacked] = LIMITS) -> list[str]:
    """Limits that the clients were given more of than there is, by their bookings alone."""
    found = []
    for limit in limits:
        total = sum(
            limit.worth(held.booked)
            for held in seen
            if held.booked is not None and limit.counts(held.card)
        )
        if total > limit.value:
            found.append(f"{limit.limit_id}: {total} of {limit.value}")
    return found


def told_otherwise(seen: Sequence[Held], replayed: Replay) -> list[str]:
    """Answers that the log does not bear out, and repeats that said something else."""
    found = []
    for held in seen:
        stored = replayed.held.get(held.charge_id)
        # Refused, but an earlier try got through: its client gave it up.
        given_up = held.amount is None and held.lost > 0
        if stored != held.amount and not given_up:
            found.append(f"{held.charge_id}: told {held.amount}, stored {stored}")
        for amount, code in held.others:
            if amount != held.amount and code not in ("hold.expired", "hold.released"):
                found.append(f"{held.charge_id}: told {held.amount}, then {amount} {code}")
        if held.booked is not None and replayed.booked[held.charge_id, held.booked] != 1:
            found.append(f"{held.charge_id}: recorded {held.booked}, not booked once")
    return found


def refused_without_reason(seen: Sequence[Held], replayed: Replay) -> list[str]:
    """Refusals, and holds of less than was asked for, though there was room that nobody used."""
    by_id = {limit.limit_id: limit for limit in LIMITS}
    found = []
    for held in seen:
        if held.refusal is not None and held.refusal["code"] == "limit.exceeded":
            limit = by_id[held.refusal["limit_id"]]
            said = _available(held.refusal, limit)
            if not _explained(held, limit, said, replayed):
                found.append(f"{held.charge_id} wanted {held.wanted} of {limit}: {held.refusal}")
        elif held.amount is not None and held.amount < held.wanted:
            mine = [limit for limit in LIMITS if limit.counts(held.card)]
            if not any(
                _explained(held, limit, held.amount, replayed)
                for limit in mine
                if limit.unit == "amount"
            ):
                found.append(f"{held.charge_id} wanted {held.wanted}, was given {held.amount}")
    return found[:FAULTS_SHOWN]


def _available(refusal: dict[str, object], limit: Stacked) -> int:
    if limit.unit == "count":
        count = refusal["available_count"]
        assert isinstance(count, int)
        return count
    amount = refusal["available"]
    assert isinstance(amount, dict)
    available: int = amount["amount"]
    return available


def _explained(held: Held, limit: Stacked, said: int, replayed: Replay) -> bool:
    """While it was asked there was a moment with just that room, and nothing in the way that had
    run out long before."""
    assert held.answered is not None
    first = max(0, bisect_right(replayed.at, held.invoked - BEHIND) - 1)
    last = bisect_right(replayed.at, held.answered)
    long_before = held.invoked - BEHIND
    rooms, lapsing = replayed.rooms[limit.limit_id], replayed.lapsing[limit.limit_id]
    return any(
        rooms[place] == said and all(until >= long_before for until in lapsing[place])
        for place in range(first, last)
    )


def unused(replayed: Replay, cards: Sequence[str]) -> list[str]:
    """Cards that could still be charged at the end, though somebody took all that he could."""
    last = {limit_id: rooms[-1] for limit_id, rooms in replayed.rooms.items()}
    return [
        f"{card}: {last}"
        for card in cards
        if all(last[limit.limit_id] > 0 for limit in LIMITS if limit.counts(card))
    ]
