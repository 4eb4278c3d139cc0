"""Plain asyncpg for a service's own statements: a quarter of SQLAlchemy's processor time each.

For what every request needs (decision 0015); everything else reads better as SQLAlchemy Core.
"""

from __future__ import annotations

from typing import Any

import asyncpg

from events.store.connection import COMMAND_S, CONNECT_S, plain_url, server_settings


def pool_for(
    url: str, *, schema: str, role: str | None = None, pool_max: int = 5
) -> asyncpg.Pool[Any]:
    """Connections with the settings of the service's other ones.

    `async with pool_for(…) as pool`. They are opened when they are needed. Wrap each use in
    `events.store.connection.faults`; leave the session as it was found.
    """
    return asyncpg.create_pool(
        plain_url(url),
        min_size=0,
        max_size=pool_max,
        timeout=CONNECT_S,
        command_timeout=COMMAND_S,
        server_settings=server_settings(schema=schema, role=role),
        reset=_nothing_to_reset,
    )


async def _nothing_to_reset(connection: Any) -> None:
    """Saves a round trip per use: nobody changes a session here."""
