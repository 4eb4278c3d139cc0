"""What happens at a till, told to whoever looks at its screen.

In this process only, and no truth: who hears something reads it again. What is missed is missed; a
page that connects (again) reads everything anew.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

LiveKind = Literal[
    "scan",
    "device",
    "terminal",
    "printer",
    "print_job",
    "line",
    "booking",
    "verdict",
    "tse",
    "cashier",
    "revoked",
    "replaced",
]
"""`revoked` and `replaced` are the last of a stream: whoever hears one does not come back."""

LIVE_KINDS: frozenset[str] = frozenset(get_args(LiveKind))

Value = str | int | bool | None

KEPT_PER_TILL = 200
"""What a connection that was lost may ask for again (`Last-Event-ID`)."""

BEHIND_MAX = 200
"""A listener that has so much unread loses its stream."""

RINGS_MAX = 10_000
"""Tills (and stores) whose last events are kept; the one that was told longest ago goes first."""

LISTENERS_PER_TILL_MAX = 3
"""Screens of one till. With another one the oldest is `replaced`."""


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """`data` has no secret and no personal data: a code only where it may be shown."""

    kind: LiveKind
    data: Mapping[str, Value]
    at: datetime


Numbered = tuple[int, LiveEvent]


class Listener:
    """One screen. An async iterator of what is told; ends where it was closed or fell behind.

    `async for` waits as long as it takes; `next(wait_s)` no longer than that. Close it.
    """

    def __init__(self, live: Live, store_id: str, till_id: str, missed: list[Numbered]) -> None:
        self.store_id = store_id
        self.till_id = till_id
        self._live = live
        self._waiting: deque[Numbered] = deque(missed)
        self._told = asyncio.Event()
        self._open = True
        if missed:
            self._told.set()

    @property
    def ended(self) -> bool:
        """Nothing more comes, and nothing is left."""
        return not self._open and not self._waiting

    def __aiter__(self) -> Listener:
        return self

    async def __anext__(self) -> Numbered:
        while True:
            found = await self.next(wait_s=3600.0)
            if found is not None:
                return found
            if self.ended:
                raise StopAsyncIteration

    async def next(self, wait_s: float) -> Numbered | None:
        """The next event; None after `wait_s`, or at once where it has `ended`."""
        if not self._waiting and self._open:
            self._told.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._told.wait()
            except TimeoutError:
                return None
        return self._waiting.popleft() if self._waiting else None

    def close(self) -> None:
        """What is unread can still be read. May be called again."""
        self._open = False
        self._told.set()
        self._live.forget(self)

    def give(self, numbered: Numbered) -> None:
        """Only `Live` calls this."""
        if len(self._waiting) >= BEHIND_MAX:
            self._waiting.clear()
            self.close()
            return
        self._waiting.append(numbered)
        self._told.set()


class Live:
    """One per process, used on its event loop alone. Ids grow, also over a restart."""

    def __init__(self) -> None:
        self._last = time.time_ns() // 1_000_000
        self._rings: OrderedDict[tuple[str, str | None], deque[Numbered]] = OrderedDict()
        self._listeners: dict[tuple[str, str], list[Listener]] = {}

    def tell(self, store_id: str, till_id: str | None, event: LiveEvent) -> None:
        """Tell the screens of a till; without one those of all tills of the store. Never waits and
        never raises. `revoked` ends the till's streams."""
        self._last += 1
        numbered = (self._last, event)
        self._ring(store_id, till_id).append(numbered)
        for listener in list(self._listening(store_id, till_id)):
            listener.give(numbered)
            if event.kind == "revoked":
                listener.close()

    def listen(self, store_id: str, till_id: str, after: int | None = None) -> Listener:
        """What is told from now on, after what has been told since `after` (None: nothing). The
        oldest listener of a till that has `LISTENERS_PER_TILL_MAX` is `replaced`."""
        listeners = self._listeners.setdefault((store_id, till_id), [])
        while len(listeners) >= LISTENERS_PER_TILL_MAX:
            oldest = listeners[0]
            self._last += 1
            oldest.give((self._last, LiveEvent("replaced", {}, datetime.now(UTC))))
            oldest.close()
        listener = Listener(self, store_id, till_id, self._since(store_id, till_id, after))
        # Closing the last listener takes the list away.
        self._listeners.setdefault((store_id, till_id), listeners).append(listener)
        return listener

    def listeners(self, store_id: str, till_id: str) -> int:
        return len(self._listeners.get((store_id, till_id), ()))

    def forget(self, listener: Listener) -> None:
        """Only a `Listener` calls this."""
        key = (listener.store_id, listener.till_id)
        listeners = self._listeners.get(key, [])
        if listener in listeners:
            listeners.remove(listener)
        if not listeners:
            self._listeners.pop(key, None)

    def _listening(self, store_id: str, till_id: str | None) -> Iterator[Listener]:
        for (store, till), listeners in list(self._listeners.items()):
            if store == store_id and till_id in (None, till):
                yield from list(listeners)

    def _since(self, store_id: str, till_id: str, after: int | None) -> list[Numbered]:
        if after is None:
            return []
        kept = [
            numbered
            for key in ((store_id, till_id), (store_id, None))
            for numbered in self._rings.get(key, ())
            if numbered[0] > after and numbered[1].kind not in ("revoked", "replaced")
        ]
        return sorted(kept, key=lambda numbered: numbered[0])[-KEPT_PER_TILL:]

    def _ring(self, store_id: str, till_id: str | None) -> deque[Numbered]:
        key = (store_id, till_id)
        ring = self._rings.setdefault(key, deque(maxlen=KEPT_PER_TILL))
        self._rings.move_to_end(key)
        while len(self._rings) > RINGS_MAX:
            self._rings.popitem(last=False)
        return ring
