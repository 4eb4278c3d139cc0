"""One signing process, seen from the program."""

from __future__ import annotations

import asyncio
import logging
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from fiscal_signer.adapters.chip import frames

START_S = 15.0
"""How long a process may take until it is ready."""

SILENT_S = 3.0
"""A process that has work and says nothing for so long is killed."""

END_S = 2.0
"""How long a process gets to end by itself after its pipe was closed."""

_COMMAND = (sys.executable, "-I", "-m", "fiscal_signer.adapters.chip.child")
"""Spawned, never forked: a fork would carry sockets, locks and every other key along."""

_log = logging.getLogger("fiscal_signer")


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """A private key on its way to a signing process. `hash_name`: `sha256` or `sha384`."""

    tse_id: str
    hash_name: str
    der: bytes = field(repr=False)
    """PKCS 8."""


class Helper:
    """`answered(chunk, values)` for each chunk; `ended(chunks)` once, with those that got none."""

    def __init__(
        self,
        process: Process,
        *,
        answered: Callable[[Helper, int, list[bytes]], None],
        ended: Callable[[Helper, Sequence[int]], None],
    ) -> None:
        """Use `start`."""
        self._process = process
        self._answered = answered
        self._ended = ended
        self._keys: dict[DeviceKey, int] = {}
        self._sent: dict[int, float] = {}
        self._watching: asyncio.TimerHandle | None = None
        self._task = asyncio.create_task(self._hear(), name=f"signing process {process.pid}")

    @classmethod
    async def start(
        cls,
        *,
        answered: Callable[[Helper, int, list[bytes]], None],
        ended: Callable[[Helper, Sequence[int]], None],
    ) -> Helper:
        """A process that is ready. Raises OSError where none can be started."""
        process = await asyncio.create_subprocess_exec(*_COMMAND, stdin=PIPE, stdout=PIPE)
        assert process.stdout is not None  # PIPE
        try:
            async with asyncio.timeout(START_S):
                await process.stdout.readexactly(len(frames.READY))
        except BaseException as reason:
            with suppress(ProcessLookupError):
                process.kill()
            if isinstance(reason, TimeoutError | asyncio.IncompleteReadError):
                await process.wait()
                raise OSError("a signing process ended before it was ready") from reason
            raise
        return cls(process, answered=answered, ended=ended)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def waiting(self) -> int:
        """How many chunks are with it."""
        return len(self._sent)

    def send(self, chunk: int, key: DeviceKey, messages: Sequence[bytes]) -> None:
        """Never raises: where the process is gone, `ended` says so."""
        given = self._process.stdin
        assert given is not None  # PIPE
        loop = asyncio.get_running_loop()
        self._sent[chunk] = loop.time()
        # Its pipe may be seen to close before its last answer is; then `ended` will name the chunk.
        if given.is_closing():
            return
        number = self._keys.get(key)
        if number is None:
            number = self._keys[key] = len(self._keys)
            given.write(frames.key(number, key.hash_name, key.der))
        given.write(frames.sign(chunk, number, messages))
        if self._watching is None:
            self._watching = loop.call_later(SILENT_S, self._watch)

    async def close(self) -> None:
        """Close its pipe and see it end."""
        if self._watching is not None:
            self._watching.cancel()
        assert self._process.stdin is not None  # PIPE
        self._process.stdin.close()
        try:
            async with asyncio.timeout(END_S):
                await asyncio.shield(self._task)
        except TimeoutError:
            self._kill()
            await self._task

    async def _hear(self) -> None:
        try:
            while body := await self._frame():
                chunk, values = frames.read_answer(body)
                self._sent.pop(chunk, None)
                self._answered(self, chunk, values)
        except ValueError as nonsense:
            _log.error("signing process %d: %s", self.pid, nonsense)
        finally:
            self._kill()
            left, self._sent = tuple(self._sent), {}
            self._ended(self, left)
        await self._process.wait()

    async def _frame(self) -> bytes:
        """The next answer; empty: the process is gone."""
        out = self._process.stdout
        assert out is not None  # PIPE
        try:
            size = frames.HEAD.unpack(await out.readexactly(frames.HEAD.size))[0]
            return await out.readexactly(size)
        except (asyncio.IncompleteReadError, OSError):
            return b""

    def _watch(self) -> None:
        """A process that was stopped, or hangs, closes no pipe: look at the clock instead."""
        self._watching = None
        if not self._sent:
            return
        loop = asyncio.get_running_loop()
        left_s = min(self._sent.values()) + SILENT_S - loop.time()
        if left_s <= 0:
            _log.error("signing process %d was silent for %.0f s", self.pid, SILENT_S)
            self._kill()
        else:
            self._watching = loop.call_later(left_s, self._watch)

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
