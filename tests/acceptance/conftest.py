"""A till counter for each test; the examples of the acceptance list are played at it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.support.counter import Counter, open_counter


@pytest_asyncio.fixture(loop_scope="session")
async def counter() -> AsyncIterator[Counter]:
    opened = await open_counter()
    yield opened
    await opened.client.aclose()
