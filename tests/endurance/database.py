"""Where a run keeps its log."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from events.store.connection import plain_url
from events.testing.database import fresh_database
from kassenverbund.postgres import private_database


@asynccontextmanager
async def database() -> AsyncIterator[str]:
    """The address of an empty database. A run opens many connections: without `DATABASE_URL` it
    has a server of its own."""
    given = os.environ.get("DATABASE_URL")
    if given:
        async with fresh_database(plain_url(given)) as url:
            yield url
        return
    with tempfile.TemporaryDirectory(prefix="endurance-") as var:
        os.chmod(var, 0o755)  # As root the server runs under another user.
        async with private_database(Path(var)) as private:
            yield private.url
