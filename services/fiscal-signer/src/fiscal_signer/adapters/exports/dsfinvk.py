"""Starts an exporting process and listens to it."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events import Transient
from events.store.connection import faults, reading
from fiscal_signer.events import ExportRequested
from fiscal_signer.handlers.exports import ExportFailed, Far, Result, export_result

_COMMAND = (sys.executable, "-I", "-m", "fiscal_signer.adapters.exports.child")
"""Spawned, never forked: a fork would carry sockets, locks and keys along."""

_ROLE = text("SELECT current_setting('role')")

MAKE_S = 6 * 3600.0
"""How long one export may take."""

END_S = 5.0


class DsfinvkMaker:
    """DSFinV-K from the journal, see `child.py`. `engine`: the service's; the process connects as
    it does."""

    def __init__(self, engine: AsyncEngine, *, schema: str) -> None:
        self._engine = engine
        self._schema = schema

    async def make(self, request: ExportRequested, out: Path, far: Far) -> Result:
        """See `fiscal_signer.handlers.exports.Maker`."""
        order = {
            "begin": request.begin.isoformat(),
            "end": request.end.isoformat(),
            "store_ids": request.store_ids,
            "till_ids": request.till_ids,
            "journal_position": request.journal_position,
            "out": str(out),
            "database": self._engine.url.render_as_string(hide_password=False),
            "schema": self._schema,
            "role": await self._role(),
        }
        process = await asyncio.create_subprocess_exec(*_COMMAND, stdin=PIPE, stdout=PIPE)
        try:
            async with asyncio.timeout(MAKE_S):
                last = await _heard(process, order, far)
        except TimeoutError:
            raise ExportFailed("export.too_long", f"not done after {MAKE_S:.0f} s") from None
        finally:
            await _end(process)
        if "done" in last:
            return export_result(last["done"])
        code = last.get("failed", "export.died")
        if code == "export.database":
            raise Transient(str(last.get("detail", "")))
        raise ExportFailed(code, str(last.get("detail", "the exporting process died")))

    async def _role(self) -> str | None:
        async with faults(), reading(self._engine) as connection:
            role: str = (await connection.execute(_ROLE)).scalar_one()
        return None if role == "none" else role


async def _heard(process: Process, order: Mapping[str, Any], far: Far) -> dict[str, Any]:
    """Its last line; empty: it died."""
    assert process.stdin is not None  # PIPE
    assert process.stdout is not None
    with suppress(ConnectionError):
        process.stdin.write(json.dumps(order).encode() + b"\n")
        await process.stdin.drain()
    last: dict[str, Any] = {}
    while raw := await process.stdout.readline():
        last = json.loads(raw)
        if "rows" in last:
            far.closings, far.rows = last["closings"], last["rows"]
            far.closings_max = last["closings_max"]
    return last


async def _end(process: Process) -> None:
    assert process.stdin is not None  # PIPE
    process.stdin.close()
    try:
        async with asyncio.timeout(END_S):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
