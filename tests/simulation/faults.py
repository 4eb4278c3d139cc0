"""What goes wrong, where and when: every effect of every process goes through `Faults.around`.

A fault is drawn from the seed (`rate`) or armed by hand (`arm`). After a `Crash` the process is
dead: whatever is left of it dies at its next effect, so nothing of it reaches the world.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar

from events.errors import Transient

T = TypeVar("T")

Point = Literal["append", "publish", "checkpoint", "acknowledge", "http", "device", "desk", "row"]
Fault = Literal[
    "crash_before", "crash_after", "refused", "lost", "slow", "half", "late", "twice"
]  # fmt: skip

CRASHES: tuple[Fault, ...] = ("crash_before", "crash_after")
POINTS: dict[Point, tuple[Fault, ...]] = {
    "append": (*CRASHES, "refused", "lost", "slow"),
    "publish": (*CRASHES, "refused", "lost", "half"),
    "checkpoint": (*CRASHES, "refused", "lost"),
    "acknowledge": (*CRASHES, "refused", "lost"),
    "http": (*CRASHES, "refused", "lost", "slow", "late", "twice"),
    "device": (*CRASHES, "refused", "lost", "slow", "half"),
    "desk": CRASHES,
    "row": (*CRASHES, "refused"),
}
"""What may happen at each point. `refused`: nothing was done, and the caller is told. `lost`: it
was done, and nobody hears of it. `late`: it is done much later, when nobody waits any more."""

RARE: frozenset[Point] = frozenset({"http", "device", "desk", "row"})
RARE_FACTOR = 4
"""Points that are passed seldom break more often, so that each of them does."""

SLOW_S = 4.0
"""Longer than any caller waits for an answer, shorter than a lease."""


class Crash(BaseException):
    """kill -9: no handler and no `except Exception` sees it."""


class Mortal(Protocol):
    """A process. Dead ones have no effects."""

    dead: bool


@dataclass
class Faults:
    chance: random.Random
    rate: float = 0.0
    """How likely a fault is at each effect, between 0 and 1."""
    calm: bool = False
    """True: no more faults, so that the world can come to rest."""
    struck: list[tuple[Point, Fault]] = field(default_factory=list)
    _armed: list[tuple[Point, Fault, int]] = field(default_factory=list)

    def arm(self, point: Point, fault: Fault, *, after: int = 0) -> None:
        """Let `fault` happen once at `point`, when it was passed `after` times."""
        assert fault in POINTS[point]
        self._armed.append((point, fault, after))

    def draw(self, point: Point) -> Fault | None:
        """What happens at this effect."""
        if self.calm:
            return None
        found: Fault | None = None
        left = []
        for where, fault, after in self._armed:
            if where != point:
                left.append((where, fault, after))
            elif after == 0 and found is None:
                found = fault
            else:
                left.append((where, fault, max(after - 1, 0)))
        self._armed = left
        rate = self.rate * (RARE_FACTOR if point in RARE else 1)
        if found is None and self.chance.random() < rate:
            found = self.chance.choice(POINTS[point])
        if found is not None:
            self.struck.append((point, found))
        return found

    async def around(
        self,
        process: Mortal,
        point: Point,
        effect: Callable[[], Awaitable[T]],
        *,
        half: Callable[[], Awaitable[object]] | None = None,
    ) -> T:
        """`effect`, with what goes wrong before or after it, or only `half` of it. Raises
        `Transient`, `Crash`."""
        die_if_dead(process)
        fault = self.draw(point)
        if fault == "crash_before":
            die(process)
        if fault == "refused":
            raise Transient(f"{point} refused")
        if fault == "half" and half is not None:
            await half()
            raise Transient(f"{point} was cut off")
        done = await effect()
        if fault == "crash_after":
            die(process)
        if fault == "lost":
            raise Transient(f"the answer to {point} was lost")
        if fault == "slow":
            await asyncio.sleep(SLOW_S)
            die_if_dead(process)
        return done


def die(process: Mortal) -> None:
    """Raises `Crash`; the process is dead from now on."""
    process.dead = True
    raise Crash


def die_if_dead(process: Mortal) -> None:
    """What is left of a dead process ends here."""
    if process.dead:
        raise Crash
