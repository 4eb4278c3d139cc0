"""The one loop that looks after all devices, away from any sale: introduces them, probes those that
are out, and has the others' chores done."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from events import Transient
from fiscal_signer.handlers.breaker import Breaker
from fiscal_signer.handlers.driver import TseDriver
from fiscal_signer.handlers.upkeep import Caretaker
from fiscal_signer.ports import TseFault

AT_ONCE_MAX = 16
"""So many devices are looked after side by side. One that is silent holds up no other."""

EVERY_S = 2.0
"""Between two looks at what is due."""

LOOK_EVERY = timedelta(seconds=15)
"""A device that is out is looked at so often in the log, to keep its lease and to see whether
another process ended its outage. It is probed when its breaker says so."""

INTRODUCE_AGAIN = timedelta(minutes=1)
"""After a device that was silent when it should say what it is. A booking may wait for that call,
so it is not made often."""

_log = logging.getLogger("fiscal_signer")


@dataclass(frozen=True, slots=True)
class Ward:
    """A device and who looks after it."""

    driver: TseDriver
    breaker: Breaker
    caretaker: Caretaker


class Watch:
    """`out`: the devices with an outage, by a read model that may be a moment behind; `tick`: what
    else belongs into each round (alarms)."""

    def __init__(
        self,
        wards: Mapping[str, Ward],
        *,
        out: Callable[[], Awaitable[Sequence[str]]],
        clock: Callable[[], datetime],
        away: tuple[type[Exception], ...],
        tick: Callable[[], Awaitable[None]] | None = None,
        every_s: float = EVERY_S,
    ) -> None:
        self._wards = wards
        self._out = out
        self._clock = clock
        self._away = away
        self._tick = tick
        self._every_s = every_s
        self._new = set(wards)
        self._silent: dict[str, datetime] = {}
        self._not_before: dict[str, datetime] = {}
        self._ailing: set[str] = set()
        self._places = asyncio.Semaphore(AT_ONCE_MAX)
        self._at_work: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until it is cancelled. Raises what a look at a device raises unexpectedly."""
        try:
            while True:
                await self.round()
                await asyncio.sleep(self._every_s)
        finally:
            for task in self._at_work.values():
                task.cancel()
            await asyncio.gather(*self._at_work.values(), return_exceptions=True)

    async def round(self, *, wait: bool = False) -> None:
        """Begin what is due. `wait`: and see it through."""
        try:
            self._ailing |= set(await self._out()) & self._wards.keys()
            if self._tick is not None:
                await self._tick()
        except self._away as away:
            _log.warning("which TSEs are out is not known now: %s", type(away).__name__)
        for tse_id, task in list(self._at_work.items()):
            if task.done():
                del self._at_work[tse_id]
                task.result()
        for tse_id in self._wards:
            if tse_id not in self._at_work and self._wanted(tse_id):
                self._at_work[tse_id] = asyncio.create_task(self._look_after(tse_id))
        if wait:
            await asyncio.gather(*self._at_work.values())

    def _wanted(self, tse_id: str) -> bool:
        if tse_id in self._ailing or tse_id in self._new:
            not_before = self._not_before.get(tse_id)
            return not_before is None or self._clock() >= not_before
        return self._wards[tse_id].caretaker.awake

    async def _look_after(self, tse_id: str) -> None:
        async with self._places:
            ward = self._wards[tse_id]
            try:
                if tse_id in self._ailing:
                    await self._probe(ward)
                elif tse_id in self._new:
                    self._not_before[tse_id] = self._clock() + INTRODUCE_AGAIN
                    await self._introduce(ward)
                else:
                    await ward.caretaker.tend()
            except Transient as fault:
                _log.debug("%s is looked after elsewhere: %s", tse_id, fault)
            except self._away as away:
                _log.warning("%s is not looked after now: %s", tse_id, type(away).__name__)

    async def _introduce(self, ward: Ward) -> None:
        """A device that never answered is out, although no booking has found that out yet."""
        tse_id = ward.driver.tse_id
        try:
            await ward.driver.introduce()
        except TseFault as fault:
            _log.warning("%s did not introduce itself: %s", tse_id, fault)
            since = self._silent.setdefault(tse_id, self._clock())
            await ward.caretaker.outage(since, fault.code.value)
            return
        self._new.discard(tse_id)
        # Or an outage that begins now would be looked at only when the pause is over.
        self._not_before.pop(tse_id, None)
        if self._silent.pop(tse_id, None) is not None:
            await ward.caretaker.outage(None)

    async def _probe(self, ward: Ward) -> None:
        driver, breaker = ward.driver, ward.breaker
        self._not_before[driver.tse_id] = self._clock() + LOOK_EVERY
        outage = await driver.outage()
        if outage is None:
            await ward.caretaker.outage(None)
            breaker.ended(self._clock())
            self._recovered(driver.tse_id)
            return
        await ward.caretaker.outage(outage.began_at, outage.reason)
        if not breaker.due(outage.outage_id, self._clock()):
            self._come_back(driver.tse_id, breaker)
            return
        closing = breaker.closing
        well = await driver.probe(end=closing)
        if well and closing:
            breaker.ended(self._clock())
            await ward.caretaker.outage(None)
            self._recovered(driver.tse_id)
            _log.info("%s is back", driver.tse_id)
        else:
            breaker.tried(well=well, now=self._clock())
            self._come_back(driver.tse_id, breaker)
            _log.info("%s %s", driver.tse_id, "answers" if well else "is still out")

    def _recovered(self, tse_id: str) -> None:
        self._ailing.discard(tse_id)
        self._not_before.pop(tse_id, None)

    def _come_back(self, tse_id: str, breaker: Breaker) -> None:
        next_ = breaker.next or self._clock()
        self._not_before[tse_id] = min(self._not_before[tse_id], next_)
