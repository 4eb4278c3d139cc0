"""Processor time by who used it, from /proc (Linux; elsewhere only this process is seen)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_PROC = Path("/proc")


def _stat(pid: int) -> list[str]:
    """The fields of `/proc/<pid>/stat` behind the name, which may hold spaces; empty: gone."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def parent_of(pid: int) -> int | None:
    """None: there is no such process here."""
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def _seconds(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def _children(parent: int) -> list[int]:
    pids = [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if parent_of(pid) == parent]


class Processor:
    """`signing`: the signing processes that live now; `database`: the parent of all backends."""

    def __init__(self, *, signing: Callable[[], Sequence[int]], database: int | None) -> None:
        self._signing = signing
        self._database = database

    def seconds(self) -> dict[str, float]:
        """Used since each process began. Processes that ended in between are not counted."""
        backends = [] if self._database is None else _children(self._database)
        return {
            "program": time.process_time(),
            "signing": sum(map(_seconds, self._signing())),
            "PostgreSQL": sum(map(_seconds, backends)),
        }
