"""Exports: asked for, made in the background, kept on disk, made again where the file is gone.

Any process of the service takes the next one that waits. The file stays on the disk of the process
that made it; another one that is asked for it makes it again, and the bytes have to be the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from events import Ask, EventStore, Transient
from events.handle import Handled, handle, state_of
from fiscal_signer.decider.exports import (
    EXPORT,
    CompleteExport,
    ExportDiffers,
    ExportUnknown,
    RequestExport,
    Wanted,
)
from fiscal_signer.events import ExportRequested

LOOK_S = 1.0
"""How often a process looks for an export that waits."""

LEASE_S = 60.0
"""A process that is silent for so long has lost its export to another one."""

RENEW_S = 15.0

FILES_BYTES_MAX = 3 * 1024**3
"""How much disk finished files may take; the oldest ones go, and are made again when asked for."""

DEFECT = "export.defect"

PART_S = 24 * 3600.0
"""How long half-made files stay."""

_log = logging.getLogger("fiscal_signer")


class ExportFailed(Exception):
    """An export could not be made. `code` is stable, the text says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(slots=True)
class Far:
    """How far an export is. `closings_max` 0: not counted."""

    closings: int = 0
    closings_max: int = 0
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """What a file came to."""

    sha256: str
    bytes: int
    rows: int
    closings: int
    differences: int


class Maker(Protocol):
    """Makes one kind of export."""

    async def make(self, request: ExportRequested, out: Path, far: Far) -> Result:
        """Write the file, and say in `far` how it goes. The same request makes the same bytes.
        Raises `ExportFailed`; `Transient`."""
        ...


class Jobs(Protocol):
    """Which exports wait. Methods raise `Transient`."""

    async def take(self, worker: str, *, lease_s: float) -> str | None:
        """The id of one that waits and that nobody works on."""
        ...

    async def renew(self, export_id: str, worker: str, far: Far, *, lease_s: float) -> None:
        """Say how far it is."""
        ...

    async def give_back(self, export_id: str, worker: str) -> None:
        """It waits again."""
        ...

    async def fail(self, export_id: str, worker: str, code: str, detail: str) -> None:
        """It will not be made."""
        ...


def stream_of(export_id: str) -> str:
    """The stream of an export."""
    return f"export-{export_id}"


class Exports:
    """`folder`: of this process' files; shared by several processes it does no harm."""

    def __init__(
        self,
        store: EventStore,
        jobs: Jobs,
        makers: Mapping[str, Maker],
        *,
        folder: Path,
        worker: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._makers = makers
        self._folder = folder
        self._worker = worker
        self._clock = clock
        self._asked = asyncio.Event()
        self._again: set[str] = set()
        self._differs: set[str] = set()

    @property
    def kinds(self) -> frozenset[str]:
        """What can be made here."""
        return frozenset(self._makers)

    async def request(self, command: RequestExport, ask: Ask) -> Handled[Wanted]:
        """Record what is wanted; it is made soon."""
        stream = stream_of(command.export_id)
        handled = await handle(self._store, EXPORT, stream, command, ask=ask)
        self._asked.set()
        return handled

    async def wanted(self, export_id: str) -> ExportRequested:
        """Raises `ExportUnknown`."""
        _, state = await state_of(self._store, EXPORT, stream_of(export_id))
        if state.requested is None:
            raise ExportUnknown
        return state.requested

    def file(self, export_id: str, bytes_: int) -> Path | None:
        """The finished file; None: it is being made again here, ask later.

        Raises `ExportDiffers`: made again, it had other bytes."""
        if export_id in self._differs:
            raise ExportDiffers
        path = self._path(export_id)
        if path.exists() and path.stat().st_size == bytes_:
            return path
        self._again.add(export_id)
        self._asked.set()
        return None

    async def work(self) -> None:
        """Make what waits, one after the other. Ends never."""
        self._folder.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                if not await self._one():
                    await self._idle()
            except Transient as fault:
                _log.warning("exports wait: %s", fault)
                await asyncio.sleep(LOOK_S)

    async def _idle(self) -> None:
        self._asked.clear()
        try:
            async with asyncio.timeout(LOOK_S):
                await self._asked.wait()
        except TimeoutError:
            return

    async def _one(self) -> bool:
        if self._again:
            export_id = self._again.pop()
            await self._make_again(export_id)
            return True
        waiting = await self._jobs.take(self._worker, lease_s=LEASE_S)
        if waiting is None:
            return False
        try:
            await self._make(waiting)
        except (Transient, asyncio.CancelledError):
            await self._jobs.give_back(waiting, self._worker)
            raise
        except Exception as fault:
            # Whatever went wrong: an export is no reason for the signer to stop.
            code, detail = _failure(fault)
            _log.error("export %s: %s: %s", waiting, code, detail, exc_info=code == DEFECT)
            await self._jobs.fail(waiting, self._worker, code, detail)
        return True

    async def _make(self, export_id: str) -> None:
        far = Far()
        renewing = asyncio.create_task(self._renew(export_id, far))
        try:
            result = await self._made(await self.wanted(export_id), far)
        finally:
            renewing.cancel()
        command = CompleteExport(
            sha256=result.sha256,
            bytes=result.bytes,
            rows=result.rows,
            closings=result.closings,
            differences=result.differences,
            now=self._clock(),
        )
        if result.differences:
            _log.error("export %s: %d sums differ, see its report", export_id, result.differences)
        ask = Ask.of(f"export/{export_id}/created", {"sha256": result.sha256})
        await handle(self._store, EXPORT, stream_of(export_id), command, ask=ask)

    async def _make_again(self, export_id: str) -> None:
        _, state = await state_of(self._store, EXPORT, stream_of(export_id))
        if state.requested is None or state.sha256 is None:
            return
        try:
            result = await self._made(state.requested, Far())
        except Transient:
            raise
        except Exception as fault:
            code, detail = _failure(fault)
            _log.error("export %s, made again: %s: %s", export_id, code, detail)
            return
        if result.sha256 != state.sha256:
            # Nobody gets it: what was promised by its hash is something else.
            _log.error("export %s was %s and is %s", export_id, state.sha256, result.sha256)
            self._differs.add(export_id)
            self._path(export_id).unlink(missing_ok=True)

    async def _made(self, request: ExportRequested, far: Far) -> Result:
        await asyncio.to_thread(self._make_room)
        return await self._makers[request.kind].make(request, self._path(request.export_id), far)

    async def _renew(self, export_id: str, far: Far) -> None:
        pause = 0.5
        while True:
            await asyncio.sleep(pause)
            pause = min(2 * pause, RENEW_S) if not far.rows else 1.0
            try:
                await self._jobs.renew(export_id, self._worker, far, lease_s=LEASE_S)
            except Transient as fault:
                _log.info("how far export %s is was not told: %s", export_id, fault)

    def _path(self, export_id: str) -> Path:
        return self._folder / f"{export_id}.export"

    def _make_room(self) -> None:
        for path in self._folder.glob("*.part"):
            # Of a process that died over it; one at work would be done long since.
            if self._clock().timestamp() - path.stat().st_mtime > PART_S:
                path.unlink(missing_ok=True)
        files = sorted(self._folder.glob("*.export"), key=lambda path: path.stat().st_mtime)
        left = sum(path.stat().st_size for path in files)
        for path in files:
            if left <= FILES_BYTES_MAX:
                return
            left -= path.stat().st_size
            path.unlink(missing_ok=True)


def _failure(fault: Exception) -> tuple[str, str]:
    match fault:
        case ExportFailed():
            return fault.code, str(fault)
        case OSError():
            return "export.disk", str(fault)
        case ExportDiffers():
            return fault.code, fault.detail
        case _:
            return DEFECT, type(fault).__name__


def export_result(document: Mapping[str, Any]) -> Result:
    """What an exporting process says of its file."""
    return Result(
        sha256=document["sha256"],
        bytes=document["bytes"],
        rows=document["rows"],
        closings=document["closings"],
        differences=document["differences"],
    )
