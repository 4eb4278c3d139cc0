"""Draws papers in a process of its own, at the lowest priority.

A picture is a tenth of a second of pure Python. In a thread of the program that would hold the
interpreter's lock again and again, and every till would wait for it; measured, a sale took twenty
times as long while pictures were drawn beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import struct
import sys
from pathlib import Path
from typing import BinaryIO

from device_gateway.adapters.virtual_printer.interpreter import judge
from device_gateway.adapters.virtual_printer.paper import Paper, Profile
from device_gateway.adapters.virtual_printer.picture import png

_LENGTH = struct.Struct(">I")
_DRAWN = b"+"
_FAILED = b"-"
RESET = b"\x1b@"
NICENESS = 19


class PencilBroken(Exception):
    """The drawing process is gone or could not draw; the paper keeps its text and bytes."""


class Pencil:
    """One drawing process, started when it is first needed. Not for two callers at once."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def draw(self, paper: Paper, path: Path) -> None:
        """Write the picture of `paper` to `path`, whole or not at all. Raises `PencilBroken`."""
        done = False
        try:
            if self._process is None:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    __name__,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    start_new_session=True,
                )
            to, answer = self._process.stdin, self._process.stdout
            assert to is not None
            assert answer is not None
            job = pickle.dumps((_question(paper), path))
            to.write(_LENGTH.pack(len(job)) + job)
            await to.drain()
            word = await answer.read(1)
            done = word in (_DRAWN, _FAILED)
            if word != _DRAWN:
                raise PencilBroken(f"{path.name} was not drawn")
        except OSError as fault:
            raise PencilBroken(str(fault)) from fault
        finally:
            if not done:
                # Cancelled half-way or broken: its answers would belong to another question.
                await self.close()

    async def close(self) -> None:
        """End the process. Twice is fine."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _question(paper: Paper) -> Paper | tuple[bytes, Profile]:
    """What the drawing process needs. A job that begins with a reset depends on nothing before
    it: its bytes are a tenth of the work of handing over all that is on the paper."""
    return (paper.raw, paper.profile) if paper.raw.startswith(RESET) else paper


def serve(asked: BinaryIO, answers: BinaryIO) -> None:
    """The drawing process: papers in, one byte out for each, until the asker is gone."""
    while len(head := asked.read(_LENGTH.size)) == _LENGTH.size:
        # The only writer of this pipe is `Pencil.draw` of the process that started us.
        question, path = pickle.loads(asked.read(_LENGTH.unpack(head)[0]))  # noqa: S301
        try:
            paper = question if isinstance(question, Paper) else judge(*question).papers[0]
            new = path.with_name(f"{path.name}.new")
            new.write_bytes(png(paper))
            new.replace(path)
            answers.write(_DRAWN)
        except Exception as fault:
            print(f"{path.name}: {fault!r}", file=sys.stderr)
            answers.write(_FAILED)
        answers.flush()


if __name__ == "__main__":
    os.nice(NICENESS)
    serve(sys.stdin.buffer, sys.stdout.buffer)
