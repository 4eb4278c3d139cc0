"""Closing months: after it a statement is final, and what comes late goes to the next one."""

from __future__ import annotations

from datetime import datetime, timedelta

from costcenter.commands import CloseMonth
from costcenter.decider.month import MONTH, Month
from costcenter.decider.refusals import MonthNotOver, OpenHolds
from costcenter.decider.windows import last_day, month_of
from costcenter.handlers.charging import Charges
from costcenter.handlers.desk import Desk
from costcenter.names import month_stream
from costcenter.ports import OpenMonths
from events import Ask, handle

PAGE = 200


class Months:
    """One per process."""

    def __init__(self, desk: Desk, charges: Charges, open_months: OpenMonths) -> None:
        self._desk = desk
        self._charges = charges
        self._open = open_months

    async def close_all(self, ask: Ask, *, month: str) -> tuple[int, tuple[str, ...]]:
        """Close a month, and what is still open before it, of every center. Answers how many were
        closed now, and the centers that could not be because payments are still open.

        Raises `MonthNotOver`.
        """
        now = self._desk.clock()
        if not self._over(month, now, days=0):
            raise MonthNotOver(month=month)
        return await self._close_until(month, now)

    async def close_due(self) -> int:
        """Close every month whose time has come. Answers how many."""
        now = self._desk.clock()
        first = now.date().replace(day=1)
        for _ in range(4):  # The days of grace are at most 60.
            first = (first - DAY).replace(day=1)
            if self._over(month_of(first), now, days=self._desk.rules.months_close_after_days):
                return (await self._close_until(month_of(first), now))[0]
        return 0

    def _over(self, month: str, now: datetime, *, days: int) -> bool:
        """In every store of the chain, and for so many days."""
        return all(
            now.astimezone(store.zone).date() > last_day(month) + timedelta(days=days)
            for store in self._desk.chain.stores
        )

    async def _close_until(self, month: str, now: datetime) -> tuple[int, tuple[str, ...]]:
        closed, hindered = 0, []
        after = ("", "")
        while page := await self._open.open_until(month, after=after, months_max=PAGE):
            for center_id, name in page:
                try:
                    closed += await self.close(center_id, name, now)
                except OpenHolds:
                    hindered.append(center_id)
            after = page[-1]
        return closed, tuple(hindered)

    async def close(self, center_id: str, month: str, now: datetime) -> bool:
        """Close one center's month; False: it was closed, or nothing was ever charged in it.

        Raises `OpenHolds`: payments are being made, or were confirmed and never recorded.
        """
        stream = month_stream(center_id, month)
        state: Month = await self._desk.state(stream, MONTH, fresh=True)
        for charge_id in state.open:
            if state.charges[charge_id].lapsed(now):
                await self._charges.expire(stream, charge_id)
        command = CloseMonth(center_id=center_id, month=month, now=now)
        # Refused while something is open, so an attempt has to be a new request each time.
        ask = Ask.of(f"months/close/{center_id}/{month}/{now.isoformat()}", stream)
        done = await handle(self._desk.store, MONTH, stream, command, ask=ask)
        return bool(done.events)


DAY = timedelta(days=1)
