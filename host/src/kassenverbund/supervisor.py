"""Runs what goes on in the background. Whatever fails stops the program, with the reason."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

END_S = 2.0
"""How long cancelled work may take to end what it has in hand."""

_log = structlog.get_logger(__name__)


class ProgramFailed(Exception):
    """A part of the program crashed; the message names the part and the reason."""


class Supervisor:
    """Tasks in groups that are started one after another and ended in reverse."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        """Set when the program has to end: asked to, or a part has failed."""
        self.started = False
        """True once callers are served; a stop before that gives up the start."""
        self.failure: ProgramFailed | None = None
        self._groups: list[tuple[str, set[asyncio.Task[None]]]] = []

    def group(self, name: str) -> None:
        """What is started from here on ends before what was started earlier."""
        self._groups.append((name, set()))

    def start(self, name: str, work: Coroutine[Any, Any, None], *, may_end: bool = False) -> None:
        """Run `work` in the newest group. An exception stops the program, and so does an end where
        it may not end."""
        task = asyncio.create_task(self._watched(name, work, may_end=may_end), name=name)
        self._groups[-1][1].add(task)

    async def _watched(self, name: str, work: Coroutine[Any, Any, None], *, may_end: bool) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except BaseException as fault:
            self.fail(name, fault)
            return
        if not may_end and not self.stop.is_set():
            self.fail(name, RuntimeError("it ended, and should not"))

    def fail(self, name: str, fault: BaseException) -> None:
        """Stop the program because of `fault`; the first failure is the reason that counts."""
        _log.critical("program.part_failed", part=name, error=repr(fault), exc_info=fault)
        if self.failure is None:
            self.failure = ProgramFailed(f"{name}: {type(fault).__name__}: {fault}")
            self.failure.__cause__ = fault
        self.stop.set()

    async def end(self) -> None:
        """End all groups, the newest first. Work that does not end in time is left and named."""
        while self._groups:
            _, tasks = self._groups.pop()
            for task in tasks:
                task.cancel()
            if tasks:
                _, late = await asyncio.wait(tasks, timeout=END_S)
                for task in late:
                    _log.error("program.part_does_not_end", part=task.get_name())
