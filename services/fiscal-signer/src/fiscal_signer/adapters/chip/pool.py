"""The signing processes of one program, shared by its devices."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from fiscal_signer.adapters.chip.helper import DeviceKey, Helper
from fiscal_signer.ports import TseError, TseFault

CHUNK = 16
"""Signatures that a process makes in one go: a few milliseconds on P-384. A long request is cut
into such pieces, so that it uses every core and no short one waits for all of it."""

CHUNKS_AHEAD = 3
"""How many chunks lie with one process, so that it never waits for the program's loop."""

WAITING_MAX = 4_096
"""Requests that may wait; the next one is told that the device is unreachable."""

START_PAUSE_S = 0.25
"""Between two starts, so that processes that die at once are not started in a circle."""

_log = logging.getLogger("fiscal_signer")


@dataclass(eq=False, slots=True)
class _Request:
    key: DeviceKey
    messages: Sequence[bytes]
    values: list[bytes]
    left: int
    """How many signatures it still waits for."""
    done: asyncio.Future[None]
    at: int = 0
    """Where its next chunk begins."""


class Chips:
    """Signs for all devices of the program, in up to `processes_max` processes: the first from
    `start` on, further ones while there is more to sign than the ones there are can hold."""

    def __init__(self, *, processes_max: int) -> None:
        self._max = processes_max
        self._helpers: list[Helper] = []
        self._starting: asyncio.Task[None] | None = None
        self._short: deque[_Request] = deque()
        self._long: deque[_Request] = deque()
        self._turn_of_long = False
        self._asked: dict[int, tuple[_Request, int]] = {}
        """Chunk → its request, and where in it the chunk begins."""
        self._chunks = 0
        self._start_at = 0.0
        """When the next process may be started, on the loop's clock."""
        self._closed = False

    @property
    def pids(self) -> tuple[int, ...]:
        """Of the processes that live now."""
        return tuple(helper.pid for helper in self._helpers)

    async def start(self) -> None:
        """Have the first process ready before anybody waits for it. Raises `TseFault`."""
        if not self._helpers:
            await self._begin_start()
        if not self._helpers:
            raise TseFault(TseError.UNREACHABLE, "no signing process could be started")

    async def sign(self, key: DeviceKey, messages: Sequence[bytes]) -> list[bytes]:
        """A signature (r‖s) for each message, in order.

        Raises `TseFault(UNREACHABLE)` when the process that was at it died or hung; another one
        takes its place. A signature that nobody has heard of is on no record, so the device may
        sign the same again.
        """
        if self._closed or len(self._short) + len(self._long) >= WAITING_MAX:
            raise TseFault(TseError.UNREACHABLE, "the signing processes take nothing now")
        if not messages:
            return []
        request = _Request(
            key=key,
            messages=messages,
            values=[b""] * len(messages),
            left=len(messages),
            done=asyncio.get_running_loop().create_future(),
        )
        (self._short if len(messages) <= CHUNK else self._long).append(request)
        self._hand_out()
        await request.done
        return request.values

    async def close(self) -> None:
        """End all processes; whoever waits hears `TseFault`. Twice is fine."""
        self._closed = True
        self._fail_waiting("the program stops")
        if self._starting is not None:
            await self._starting
        await asyncio.gather(*(helper.close() for helper in tuple(self._helpers)))

    def _hand_out(self) -> None:
        """Give what waits to whoever has room."""
        while self._short or self._long:
            helper = min(self._helpers, key=lambda one: one.waiting, default=None)
            full = helper is None or helper.waiting >= CHUNKS_AHEAD
            if full and len(self._helpers) < self._max:
                self._begin_start()
            if helper is None or full:
                return  # An answer or a new process goes on with it.
            request = self._next()
            if request.done.done():
                continue  # Its caller has gone, or a part of it failed.
            part = request.messages[request.at : request.at + CHUNK]
            self._chunks = (self._chunks + 1) % 2**32
            self._asked[self._chunks] = (request, request.at)
            request.at += len(part)
            if request.at < len(request.messages):
                self._long.appendleft(request)
            helper.send(self._chunks, request.key, part)

    def _next(self) -> _Request:
        """Short requests and long ones take turns, so that a single sale waits for no batch. The
        long ones are done one after the other: side by side they would all end late, and nobody
        could go on with the first while the others are signed."""
        self._turn_of_long = bool(self._long) and not (self._turn_of_long and self._short)
        return (self._long if self._turn_of_long else self._short).popleft()

    def _fail_waiting(self, reason: str) -> None:
        for request in (*self._short, *self._long):
            _fail(request, reason)
        self._short.clear()
        self._long.clear()

    def _begin_start(self) -> asyncio.Task[None]:
        if self._starting is None:
            self._starting = asyncio.create_task(self._start(), name="start signing process")
        return self._starting

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await asyncio.sleep(self._start_at - loop.time())
            self._start_at = loop.time() + START_PAUSE_S
            helper = await Helper.start(answered=self._answered, ended=self._ended)
        except OSError as refused:
            _log.error("no signing process: %s", refused)
            if not self._helpers:
                self._fail_waiting("no signing process could be started")
        else:
            self._helpers.append(helper)
        finally:
            self._starting = None
        self._hand_out()

    def _answered(self, helper: Helper, chunk: int, values: list[bytes]) -> None:
        asked = self._asked.pop(chunk, None)
        if asked is None:
            raise ValueError(f"an answer to chunk {chunk}, which nobody asked for")
        request, at = asked
        if len(values) != len(request.messages[at : at + CHUNK]):
            _fail(request, "a signing process answered nonsense")
            raise ValueError(f"{len(values)} signatures for chunk {chunk}")
        request.values[at : at + len(values)] = values
        request.left -= len(values)
        if request.left == 0 and not request.done.done():
            request.done.set_result(None)
        self._hand_out()

    def _ended(self, helper: Helper, chunks: Sequence[int]) -> None:
        self._helpers.remove(helper)
        if not self._closed:
            _log.error("signing process %d ended; %d requests with it", helper.pid, len(chunks))
        for chunk in chunks:
            request, _ = self._asked.pop(chunk)
            _fail(request, "the signing process ended")
        self._hand_out()


def _fail(request: _Request, reason: str) -> None:
    if not request.done.done():
        request.done.set_exception(TseFault(TseError.UNREACHABLE, reason))
