"""The exporting process: it reads the journal and writes one file.

    python -m fiscal_signer.adapters.exports.child

Its order comes as one line of JSON on standard input; how far it is goes as lines of JSON to
standard output, the last one says how it came out. It ends when its input closes, so nobody has to
clean up after a parent that was killed, and gives way to everything else on the machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg

from events.store.connection import CONNECT_S, plain_url, server_settings
from fiscal_signer.adapters.exports.archive import Spool
from fiscal_signer.adapters.exports.source import JournalSource
from fiscal_signer.country.de.dsfinvk.export import (
    EXPLAINED,
    REPORT,
    Export,
    NothingToExport,
    Progress,
    Scope,
)
from fiscal_signer.country.de.dsfinvk.tables import DTD_NAME, dtd

TOLD_EVERY_S = 0.5
NICE = 10
STDIN = 0
CONNECTIONS = 2
STATEMENT_S = 300.0
"""How long one question to the journal may take."""


def scope_of(order: dict[str, Any]) -> Scope:
    """What to export, as `handlers/exports.py` orders it."""
    return Scope(
        begin=date.fromisoformat(order["begin"]),
        end=date.fromisoformat(order["end"]),
        store_ids=tuple(order["store_ids"]),
        till_ids=tuple(order["till_ids"]),
        position=order["journal_position"],
    )


async def write_dsfinvk(order: dict[str, Any]) -> dict[str, Any]:
    """Make the file that the order names; what it came to."""
    out, last, closings_max = Path(order["out"]), 0.0, 0

    def moved(progress: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last > TOLD_EVERY_S:
            last = now
            far = {"closings": progress.closings, "closings_max": closings_max}
            _tell({**far, "rows": progress.rows})

    scope = scope_of(order)
    async with asyncpg.create_pool(
        plain_url(order["database"]),
        min_size=1,
        max_size=CONNECTIONS,
        timeout=CONNECT_S,
        command_timeout=STATEMENT_S,
        server_settings=server_settings(schema=order["schema"], role=order["role"]),
    ) as pool:
        with Spool(out.parent) as spool:
            source = JournalSource(pool, scope)
            closings_max = await source.count()
            export = Export(scope, source, spool, moved=moved)
            made = await export.make()
            small = [*made.files.items(), (DTD_NAME, dtd())]
            beside = [EXPLAINED] if spool.rows(EXPLAINED) else []
            part = out.with_suffix(".part")
            with part.open("wb") as file:
                digest, size = spool.pack(file, small, [*made.tables, *beside, REPORT])
                file.flush()
                os.fsync(file.fileno())
            part.replace(out)
    progress = made.progress
    return {
        "sha256": digest, "bytes": size, "rows": progress.rows, "lines": progress.lines,
        "closings": progress.closings, "processes": progress.processes,
        "differences": progress.differences,
    }  # fmt: skip


def _tell(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    # The descriptor itself: a buffer that this thread holds would be in the way of the end.
    while os.read(STDIN, 1):
        pass
    os._exit(1)


def main() -> None:
    with suppress(OSError):
        os.nice(NICE)
    order = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _tell({"done": asyncio.run(write_dsfinvk(order))})
    except NothingToExport:
        _tell({"failed": "export.no_closing", "detail": "there is no closing in the period"})
    except (KeyError, TypeError, ValueError) as malformed:
        detail = f"{type(malformed).__name__}: {malformed}"
        _tell({"failed": "export.malformed", "detail": detail[:300]})
    except (asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as fault:
        _tell({"failed": "export.database", "detail": type(fault).__name__})
    except OSError as fault:
        _tell({"failed": "export.disk", "detail": str(fault)[:300]})


if __name__ == "__main__":
    main()
