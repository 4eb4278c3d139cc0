"""A raw HTTP client and two ways to drive a server with it: closed loop and open loop.

As little as HTTP needs, so that it measures the servers and not itself.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

OPEN_CONNECTIONS = 128
ANSWER_WAIT_S = 10.0


class Target(Protocol):
    """A server under load."""

    async def connect(self) -> Connection: ...

    async def ask(self, connection: Connection) -> None:
        """Send one request and wait for its answer. Raises for a bad one."""
        ...


class Connection(asyncio.Protocol):
    """One keep-alive connection that carries one request at a time."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._answer: asyncio.Future[int] | None = None
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is one in all but its class.
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) >= length and self._answer is not None:
            self._data = b""
            self._answer.set_result(int(head[9:12]))

    async def ask(self, request: bytes) -> int:
        """Send one request; the status of its answer."""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await asyncio.wait_for(self._answer, ANSWER_WAIT_S)


@dataclass(frozen=True)
class Figures:
    rate: float
    p50_ms: float
    p99_ms: float


def _figures(times_s: Sequence[float], seconds: float) -> Figures:
    ordered = sorted(times_s)
    return Figures(
        rate=len(ordered) / seconds,
        p50_ms=1000 * ordered[len(ordered) // 2],
        p99_ms=1000 * ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
    )


async def closed_loop(target: Target, connections: int, seconds: float) -> Figures:
    opened = [await target.connect() for _ in range(connections)]
    times: list[float] = []

    async def call(connection: Connection, end: float) -> None:
        while (begun := time.perf_counter()) < end:
            await target.ask(connection)
            times.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    await asyncio.gather(*(call(connection, begun + seconds) for connection in opened))
    took = time.perf_counter() - begun
    for connection in opened:
        connection.transport.close()
    return _figures(times, took)


async def open_loop(target: Target, rate: int, seconds: float) -> Figures:
    free = deque([await target.connect() for _ in range(OPEN_CONNECTIONS)])
    ready = asyncio.Semaphore(OPEN_CONNECTIONS)
    times: list[float] = []

    async def call(due: float) -> None:
        async with ready:
            connection = free.popleft()
            await target.ask(connection)
            free.append(connection)
        times.append(time.perf_counter() - due)

    begun, pending = time.perf_counter(), set()
    for number in range(int(rate * seconds)):
        due = begun + number / rate
        if (wait_s := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait_s)
        task = asyncio.create_task(call(due))
        pending.add(task)
        task.add_done_callback(pending.discard)
    await asyncio.gather(*pending)
    took = time.perf_counter() - begun
    for connection in free:
        connection.transport.close()
    return _figures(times, took)
