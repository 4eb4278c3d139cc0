"""A receipt printer on a TCP port, with the moods of real ones."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from types import TracebackType

from device_gateway.adapters.virtual_printer.commands import Token, Tokenizer
from device_gateway.adapters.virtual_printer.interpreter import Interpreter
from device_gateway.adapters.virtual_printer.paper import Drawer, Fact, Paper, Profile
from device_gateway.adapters.virtual_printer.picture import GivenUp, png
from device_gateway.adapters.virtual_printer.status import Sensors

PAPERS_MAX = 1_000
"""Papers kept in memory; files stay."""
FACTS_MAX = 50_000
WAITING_PAPERS_MAX = 64
"""Papers that wait for their files; a printer that is faster than the disk waits here."""
UNDRAWN_MAX = 500
"""Papers that wait for their picture; the oldest beyond that keep text and bytes only."""
QUIET_S = 0.5
"""Pictures are for people: they are drawn when no job has come for so long. Tills come first."""
DRAW_AT_CLOSE_S = 0.8
"""How long `close` goes on drawing. The picture in hand is given up then: a program that ends waits
two seconds for all its parts."""
CHUNK_BYTES = 4_096
RECEIVE_BUFFER_BYTES = 4_096
"""Of a socket nobody reads: the host must notice soon."""
TROUBLE_AFTER_BYTES = 200
"""How far into a connection's bytes `offline_mid_job` and `reset_mid_job` begin."""
SLOW_BYTES_PER_S = 2_000.0


class Mode(StrEnum):
    """How the printer behaves."""

    OK = "ok"
    MUTE = "mute"
    """Prints and never answers."""
    PAPER_NEAR_END = "paper_near_end"
    PAPER_OUT = "paper_out"
    """Offline; keeps what comes and prints it when paper is there again."""
    COVER_OPEN = "cover_open"
    OFFLINE_MID_JOB = "offline_mid_job"
    """Runs out of paper within a job. The rest is printed after the refill: a job repeated
    meanwhile comes out twice."""
    SLOW = "slow"
    REFUSE = "refuse"
    """Nobody listens on the port."""
    ACCEPT_NO_READ = "accept_no_read"
    RESET_MID_JOB = "reset_mid_job"
    """The connection breaks within a job and the printer forgets its buffer."""


class VirtualPrinter:
    """Listens from `open()` to `close()` (or in `async with`). One job at a time, like the real
    ones: a second connection is read when the first has gone.

    Each cut paper is kept in `papers` and written to `folder` as `<name>-0001.txt`, `.bin` (the
    bytes) and, a little later, `.png`. Papers carry what receipts carry, voucher codes too: mind
    the folder.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        profile: Profile | None = None,
        name: str = "printer",
        mode: Mode = Mode.OK,
        host: str = "127.0.0.1",
        port: int = 0,
        pictures: bool = True,
    ) -> None:
        self.name = name
        self.mode = mode
        self.host = host
        self.port = port
        """0 until `open()`: then the port that was chosen."""
        self.papers: deque[Paper] = deque(maxlen=PAPERS_MAX)
        self.facts: deque[Fact] = deque(maxlen=FACTS_MAX)
        """Of all papers cut off so far, and of no paper."""
        self.sensors = Sensors()
        self._folder = folder
        self._pictures = pictures
        self._interpreter = Interpreter(
            profile, sensors=self.sensors, answer=self._answer, printed=self._keep
        )
        self._backlog: deque[Token] = deque()
        self._writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None
        self._files: asyncio.Queue[Paper] = asyncio.Queue(WAITING_PAPERS_MAX)
        self._unsaved: deque[Paper] = deque()
        self._undrawn: deque[tuple[Paper, Path]] = deque(maxlen=UNDRAWN_MAX)
        self._to_draw = asyncio.Event()
        self._busy_at = 0.0
        self._pencil: ThreadPoolExecutor | None = None
        self._enough = threading.Event()
        self._drawer: asyncio.Task[None] | None = None
        self._saved = 0
        self._changed = asyncio.Condition()
        self._one_client = asyncio.Lock()
        self._connections: set[asyncio.Task[None]] = set()
        self._saver: asyncio.Task[None] | None = None

    @property
    def paper(self) -> Paper:
        """What hangs in the printer and is not cut off."""
        return self._interpreter.paper

    @property
    def drawer_pulses(self) -> int:
        return sum(isinstance(fact, Drawer) for fact in (*self.facts, *self.paper.facts))

    async def open(self) -> None:
        """Starts to listen, after `close` again. Raises `OSError`: the port is taken."""
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._saved = _last_number(self._folder, self.name)
        self._enough.clear()
        self._pencil = ThreadPoolExecutor(1, f"draws {self.name}", initializer=_step_back)
        self._saver = asyncio.create_task(self._save_papers(), name=f"papers of {self.name}")
        self._drawer = asyncio.create_task(self._draw_papers(), name=f"pictures of {self.name}")
        self._apply_mode()
        if self.mode is not Mode.REFUSE:
            await self._listen()

    async def close(self) -> None:
        """Stops listening, drops connections, writes the papers that are still to be written and
        draws what can be drawn in `DRAW_AT_CLOSE_S`."""
        await self._stop_listening()
        for connection in list(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        if self._saver is not None:
            await self._flush()
            await self._files.join()
            await _end(self._saver)
            self._saver = None
        if self._drawer is not None:
            await _end(self._drawer)
            self._drawer = None
            loop = asyncio.get_running_loop()
            until = loop.time() + DRAW_AT_CLOSE_S
            with contextlib.suppress(TimeoutError):
                while self._undrawn and loop.time() < until:
                    async with asyncio.timeout_at(until):
                        await self._draw_one()
        if self._pencil is not None:
            self._enough.set()
            await asyncio.to_thread(self._pencil.shutdown, wait=True, cancel_futures=True)
            self._pencil = None

    async def __aenter__(self) -> VirtualPrinter:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def switch(self, mode: Mode) -> None:
        """Another mood, at once. Back to `ok`, `mute` or `slow`, it prints what it kept."""
        self.mode = mode
        self._apply_mode()
        if mode is Mode.REFUSE:
            await self._stop_listening()
            for connection in list(self._connections):
                connection.cancel()
        elif self._server is None:
            await self._listen()
        if self._interpreter.automatic_status:
            self._answer(self.sensors.automatic())
        self._print_backlog()
        await self._flush()

    async def wait_for_papers(self, count: int, *, timeout_s: float = 10.0) -> list[Paper]:
        """The first `count` papers, with text and bytes written. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: len(self.papers) >= count)
        return list(self.papers)[:count]

    def _apply_mode(self) -> None:
        self.sensors.near_end = self.mode is Mode.PAPER_NEAR_END
        self.sensors.paper_end = self.mode is Mode.PAPER_OUT
        self.sensors.cover_open = self.mode is Mode.COVER_OPEN

    async def _listen(self) -> None:
        listener = socket.create_server((self.host, self.port), reuse_port=False)
        if self.mode is Mode.ACCEPT_NO_READ:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self.port = listener.getsockname()[1]
        self._server = await asyncio.start_server(self._serve, sock=listener, limit=CHUNK_BYTES)

    async def _stop_listening(self) -> None:
        # Without `wait_closed`: it would wait for connections that are about to be cancelled.
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # start_server runs each client in a task
        self._connections.add(task)
        try:
            async with self._one_client:
                self._writer = writer
                await self._read_job(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            # The host has gone, or the printer closes: what was sent is printed. A client's task
            # has nobody who awaits it; asyncio would log its cancellation as an error.
            pass
        finally:
            self._writer = None
            self._connections.discard(task)
            writer.close()

    async def _read_job(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode is Mode.ACCEPT_NO_READ:
            await asyncio.Event().wait()
        tokenizer = Tokenizer()
        received = 0
        while True:
            chunk = await reader.read(self._appetite(received))
            if not chunk:
                return
            received += len(chunk)
            self._busy_at = time.monotonic()
            for token in tokenizer.feed(chunk):
                if token.real_time:
                    self._interpreter.execute(token)
                else:
                    self._backlog.append(token)
            self._print_backlog()
            if received >= TROUBLE_AFTER_BYTES:
                if self.mode is Mode.RESET_MID_JOB:
                    self._break_off(writer)
                    return
                if self.mode is Mode.OFFLINE_MID_JOB and not self.sensors.paper_end:
                    self.sensors.paper_end = True
                    if self._interpreter.automatic_status:
                        self._answer(self.sensors.automatic())
            await self._flush()
            await writer.drain()
            if self.mode is Mode.SLOW:
                # This is the printer's speed, not a wait for somebody else.
                await asyncio.sleep(len(chunk) / SLOW_BYTES_PER_S)

    def _appetite(self, received: int) -> int:
        """How many bytes to take at once: small bites where something shall happen between."""
        if self.mode in (Mode.OFFLINE_MID_JOB, Mode.RESET_MID_JOB):
            return max(1, TROUBLE_AFTER_BYTES - received) if received < TROUBLE_AFTER_BYTES else 64
        return int(SLOW_BYTES_PER_S // 20) if self.mode is Mode.SLOW else CHUNK_BYTES

    def _print_backlog(self) -> None:
        while self._backlog and not self.sensors.offline:
            self._interpreter.execute(self._backlog.popleft())

    def _break_off(self, writer: asyncio.StreamWriter) -> None:
        """RST instead of an orderly end, and a printer that has forgotten its buffer."""
        self._backlog.clear()
        self._interpreter.reset()
        raw: socket.socket | None = writer.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    def _answer(self, answer: bytes) -> None:
        if self.mode is not Mode.MUTE and self._writer is not None:
            self._writer.write(answer)

    def _keep(self, paper: Paper) -> None:
        self.facts.extend(paper.facts)
        if paper.rows:
            self._unsaved.append(paper)

    async def _flush(self) -> None:
        """Hands cut papers to whoever writes files; waits while too many wait already."""
        while self._unsaved:
            await self._files.put(self._unsaved.popleft())

    async def _save_papers(self) -> None:
        while True:
            paper = await self._files.get()
            if self._folder is not None:
                self._saved += 1
                stem = self._folder / f"{self.name}-{self._saved:04d}"
                await asyncio.to_thread(_save, paper, stem)
                if self._pictures:
                    self._undrawn.append((paper, stem.with_suffix(".png")))
                    self._to_draw.set()
            async with self._changed:
                self.papers.append(paper)
                self._changed.notify_all()
            self._files.task_done()

    async def _draw_papers(self) -> None:
        while True:
            await self._to_draw.wait()
            self._to_draw.clear()
            while self._undrawn:
                await self._quiet()
                await self._draw_one()

    async def _quiet(self) -> None:
        """Until nothing was printed for a while; `close` does not wait for it."""
        left_s = QUIET_S
        while left_s > 0:
            await asyncio.sleep(left_s)
            left_s = self._busy_at + QUIET_S - time.monotonic()

    async def _draw_one(self) -> None:
        paper, path = self._undrawn[0]
        await asyncio.get_running_loop().run_in_executor(
            self._pencil, _draw, paper, path, self._enough
        )
        # Only now: a picture that was interrupted is drawn again by `close`.
        if self._undrawn and self._undrawn[0][1] == path:
            self._undrawn.popleft()


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _step_back() -> None:
    """The drawing thread works when nobody else wants to (Linux counts niceness by thread)."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


def _save(paper: Paper, stem: Path) -> None:
    stem.with_suffix(".bin").write_bytes(paper.raw)
    stem.with_suffix(".txt").write_text(paper.text, encoding="utf-8")


def _draw(paper: Paper, path: Path, enough: threading.Event) -> None:
    """Whole or not at all: a half-drawn picture is never seen."""
    with contextlib.suppress(GivenUp):
        drawn = png(paper, enough=enough.is_set)
        new = path.with_name(f"{path.name}.new")
        new.write_bytes(drawn)
        new.replace(path)


def _last_number(folder: Path, name: str) -> int:
    """The highest number in the folder: a restart goes on counting and overwrites nothing."""
    numbers = [path.stem.removeprefix(f"{name}-") for path in folder.glob(f"{name}-*.bin")]
    return max((int(number) for number in numbers if number.isdigit()), default=0)
