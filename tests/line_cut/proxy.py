"""A line that can be cut: a TCP proxy with the moods of a bad internet line."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from enum import StrEnum
from types import TracebackType

CHUNK_BYTES = 64 * 1024
DELAY_S = 0.25


class Mood(StrEnum):
    """How the line is."""

    UP = "up"
    DELAY = "delay"
    """Every piece arrives late."""
    CUT = "cut"
    """Nobody is reached, and what was open is gone."""
    HANG = "hang"
    """Half open: connections are made, and nothing arrives until the line is back."""


class Line:
    """Listens on `port`; leads to a port of this machine or to a unix socket."""

    def __init__(self, port: int, *, to_port: int = 0, to_socket: str = "") -> None:
        self.port = port
        self._to_port, self._to_socket = to_port, to_socket
        self._mood = Mood.UP
        self._moving = asyncio.Event()
        self._moving.set()
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.broken = 0
        """Connections that were broken off."""

    async def __aenter__(self) -> Line:
        self._server = await asyncio.start_server(self._met, "127.0.0.1", self.port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.reset()
        await asyncio.gather(*self._connections, return_exceptions=True)

    @property
    def mood(self) -> Mood:
        return self._mood

    def turn(self, mood: Mood) -> None:
        """At once, also for what is open."""
        self._mood = mood
        if mood is Mood.HANG:
            self._moving.clear()
        else:
            self._moving.set()
        if mood is Mood.CUT:
            self.reset()

    def reset(self) -> None:
        """Break off every connection, without a goodbye."""
        for connection in self._connections:
            self.broken += 1
            connection.cancel()

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        far: asyncio.StreamWriter | None = None
        try:
            if self._mood is Mood.CUT:
                return
            await self._moving.wait()
            far_reader, far = await self._reach()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._carry(reader, far))
                group.create_task(self._carry(far_reader, writer))
        except (OSError, ExceptionGroup, asyncio.CancelledError):
            return
        finally:
            self._connections.discard(task)
            _abort(writer)
            if far is not None:
                _abort(far)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._to_socket:
            return await asyncio.open_unix_connection(self._to_socket)
        return await asyncio.open_connection("127.0.0.1", self._to_port)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(CHUNK_BYTES):
            if self._mood is Mood.DELAY:
                await asyncio.sleep(DELAY_S)
            await self._moving.wait()
            writer.write(chunk)
            await writer.drain()
        raise ConnectionError("one side has gone")


def _abort(writer: asyncio.StreamWriter) -> None:
    """A reset, not a polite end."""
    import socket

    with contextlib.suppress(OSError):
        sock = writer.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
