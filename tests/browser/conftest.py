"""One Chromium and one program for the whole run; a till of its own for each test.

Without Chromium these tests are skipped and say so; with `REQUIRE_BROWSER=1` they fail instead.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from events.testing.database import fresh_database
from tests.browser.harness import (
    FLAGS,
    Shop,
    Till,
    breaking_printer,
    chain_with,
    program,
    served,
)

NAMES = ("chromium", "chromium-browser", "google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where it is. The tests bring none of their own."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is not None:
        return found
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail("there is no Chromium: install Debian's package `chromium`")
    pytest.skip("NO BROWSER TEST RAN: there is no Chromium (Debian's package `chromium`)")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield launched
        await launched.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shop(
    browser: Browser, postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Shop]:
    """The example chain, running."""
    async with (
        fresh_database(postgres_url) as url,
        breaking_printer() as port,
        program(url, tmp_path_factory.mktemp("browser"), chain_with(port)) as whole,
        served(whole) as base_url,
    ):
        yield Shop(whole, base_url, browser)


@pytest_asyncio.fixture(loop_scope="session")
async def tills(shop: Shop) -> AsyncIterator[Callable[..., Awaitable[Till]]]:
    """Makes paired tills: `await tills(language="en", size="tablet")`. Closes them, and fails the
    test for what their consoles said."""
    made = list[Till]()

    async def make(**how: Any) -> Till:
        made.append(await shop.till(**how))
        return made[-1]

    yield make
    for each in made:
        await each.close()


@pytest_asyncio.fixture(loop_scope="session")
async def till(tills: Callable[..., Awaitable[Till]]) -> Till:
    """A paired till in Berlin, in German, 1280×800."""
    return await tills()
