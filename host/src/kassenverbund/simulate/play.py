"""Plays a plan at the tills, on time, and counts."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from kassenverbund.simulate.plan import Act
from kassenverbund.simulate.till import Done, NoAnswer, Refused, SimulatedTill


@dataclass
class Tally:
    """What came of a run."""

    took_s: float = 0.0
    done: list[Done] = field(default_factory=list)

    @property
    def refused(self) -> Counter[str]:
        return Counter(each.code for each in self.done if each.code)

    @property
    def errors(self) -> Counter[str]:
        return Counter(each.error for each in self.done if each.error)

    def times_ms(self) -> dict[str, list[float]]:
        """From the moment an act was due to its end, sorted, by kind; without errors."""
        times: dict[str, list[float]] = defaultdict(list)
        for each in self.done:
            if not each.error:
                times[each.kind].append(1000 * each.took_s)
        return {kind: sorted(found) for kind, found in sorted(times.items())}

    def document(self) -> dict[str, Any]:
        """All of it, for scripts. Times in milliseconds."""
        every = sorted(time for found in self.times_ms().values() for time in found)
        return {
            "seconds": round(self.took_s, 3),
            "acts": len(self.done),
            "acts_per_s": round(len(self.done) / self.took_s, 2) if self.took_s else 0.0,
            "all": figures(every),
            "by_kind": {kind: figures(found) for kind, found in self.times_ms().items()},
            "refused": dict(self.refused),
            "errors": dict(self.errors),
        }


def figures(ordered: Sequence[float]) -> dict[str, float]:
    """Count, median, 99th percentile and the longest, of sorted milliseconds."""
    if not ordered:
        return {"count": 0, "p50_ms": 0.0, "p99_ms": 0.0, "max_ms": 0.0}
    return {
        "count": len(ordered),
        "p50_ms": round(ordered[len(ordered) // 2], 1),
        "p99_ms": round(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)], 1),
        "max_ms": round(ordered[-1], 1),
    }


async def play(
    acts: Sequence[Act],
    tills: Sequence[SimulatedTill],
    *,
    told: Callable[[Done], None] = lambda done: None,
) -> Tally:
    """Each act at its time. A till that is late goes on without a pause, and that counts."""
    loop = asyncio.get_running_loop()
    tally, began = Tally(), loop.time()

    async def stand(till: SimulatedTill, mine: Sequence[Act]) -> None:
        for act in mine:
            if (early_s := began + act.at_s - loop.time()) > 0:
                await asyncio.sleep(early_s)
            done = await _one(till, act, began)
            tally.done.append(done)
            told(done)

    queues: dict[int, list[Act]] = defaultdict(list)
    for act in acts:
        queues[act.till % len(tills)].append(act)
    async with asyncio.TaskGroup() as group:
        for number, mine in queues.items():
            group.create_task(stand(tills[number], mine))
    tally.took_s = loop.time() - began
    return tally


async def _one(till: SimulatedTill, act: Act, began: float) -> Done:
    loop, kind, code, error = asyncio.get_running_loop(), str(act.kind), "", ""
    try:
        kind, code = await till.do(act)
    except Refused as no:
        code = no.code
    except NoAnswer as nothing:
        error = str(nothing)
    return Done(act, kind, loop.time() - began - act.at_s, code, error)
