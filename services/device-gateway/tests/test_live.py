"""What a till's screen hears: the hub, and the stream of server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from device_gateway.handlers.live import (
    BEHIND_MAX,
    KEPT_PER_TILL,
    LISTENERS_PER_TILL_MAX,
    Live,
    LiveEvent,
)
from device_gateway.handlers.tills import revoke_till
from events import Ask

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
DEADLINE_S = 5.0


def scan(number: int) -> LiveEvent:
    return LiveEvent("scan", {"value": number}, NOW)


class Screen:
    """An ASGI client that reads a stream while it is being sent."""

    def __init__(self, app: Any, path: str, token: str, last_event_id: str | None) -> None:
        self._app, self._leave = app, asyncio.Event()
        self._asked = False
        self._text = ""
        self._came = asyncio.Event()
        headers = [(b"authorization", f"Bearer {token}".encode())]
        if last_event_id is not None:
            headers.append((b"last-event-id", last_event_id.encode()))
        self._scope = {
            "type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
            "query_string": b"", "headers": headers, "app": app, "http_version": "1.1",
            "scheme": "http", "server": ("gateway", 80), "client": ("till", 1), "root_path": "",
        }  # fmt: skip
        self.status = 0
        self.run = asyncio.create_task(app(self._scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._leave.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self._text += message["body"].decode()
        self._came.set()

    async def until(self, wanted: str) -> str:
        """What came, as soon as `wanted` is in it."""
        async with asyncio.timeout(DEADLINE_S):
            while wanted not in self._text:
                self._came.clear()
                await self._came.wait()
        return self._text

    async def end(self) -> str:
        async with asyncio.timeout(DEADLINE_S):
            await self.run
        return self._text

    async def leave(self) -> None:
        self._leave.set()
        await self.end()


@asynccontextmanager
async def screen(rig: Any, till: Any, *, after: str | None = None) -> AsyncIterator[Screen]:
    path = f"/stores/{till.store_id}/v1/tills/{till.till_id}/live"
    made = Screen(rig.app, path, till.token, after)
    try:
        await made.until("retry:")
        yield made
    finally:
        await made.leave()


async def test_a_listener_hears_its_till_and_its_store_in_order() -> None:
    live = Live()
    mine = live.listen("berlin", "till-1")
    live.tell("berlin", "till-1", scan(1))
    live.tell("berlin", "till-2", scan(2))
    live.tell("koeln", None, scan(3))
    live.tell("berlin", None, scan(4))
    mine.close()
    assert [told.data["value"] async for _, told in mine] == [1, 4]


async def test_what_was_missed_is_told_again_after_the_last_id() -> None:
    live = Live()
    first = live.listen("berlin", "till-1")
    heard = list[int]()
    for number in range(3 * KEPT_PER_TILL):
        live.tell("berlin", "till-1" if number % 2 else None, scan(number))
        heard += [found[0] for found in [await first.next(0)] if found]
    again = live.listen("berlin", "till-1", heard[-3])
    long_away = live.listen("berlin", "till-1", heard[0])
    again.close()
    long_away.close()
    newest = [3 * KEPT_PER_TILL - 2, 3 * KEPT_PER_TILL - 1]
    assert [told.data["value"] async for _, told in again] == newest
    assert len([told async for told in long_away]) == KEPT_PER_TILL


async def test_who_does_not_read_loses_the_stream_and_nobody_waits() -> None:
    live = Live()
    slow = live.listen("berlin", "till-1")
    for number in range(BEHIND_MAX + 1):
        live.tell("berlin", "till-1", scan(number))
    assert slow.ended
    assert live.listeners("berlin", "till-1") == 0


async def test_one_screen_too_many_replaces_the_oldest() -> None:
    live = Live()
    screens = [live.listen("berlin", "till-1") for _ in range(LISTENERS_PER_TILL_MAX + 1)]
    assert live.listeners("berlin", "till-1") == LISTENERS_PER_TILL_MAX
    assert [told.kind async for _, told in screens[0]] == ["replaced"]


async def test_a_screen_sees_what_is_told(rig: Any, till: Any) -> None:
    async with screen(rig, till) as seen:
        rig.gateway.live.tell("berlin", "till-1", scan(7))
        text = await seen.until('"value":7')
    assert seen.status == 200
    event = next(part for part in text.split("\n\n") if part.startswith("id: "))
    assert event.splitlines()[1] == "event: scan"
    data = json.loads(event.splitlines()[2].removeprefix("data: "))
    assert data == {"value": 7, "at": NOW.isoformat()}
    assert rig.gateway.live.listeners("berlin", "till-1") == 0


async def test_a_screen_that_comes_back_hears_what_it_missed(rig: Any, till: Any) -> None:
    async with screen(rig, till) as seen:
        rig.gateway.live.tell("berlin", "till-1", scan(1))
        text = await seen.until('"value":1')
    last = next(line for line in text.splitlines() if line.startswith("id: ")).removeprefix("id: ")
    rig.gateway.live.tell("berlin", "till-1", scan(2))
    async with screen(rig, till, after=last) as again:
        assert '"value":1' not in await again.until('"value":2')


@pytest.mark.parametrize("told", [True, False], ids=["here", "by another process"])
async def test_a_revoked_till_loses_its_open_stream(rig: Any, till: Any, told: bool) -> None:
    async with screen(rig, till) as seen:
        if told:
            await rig.as_person("manager", "/stores/berlin/v1/tills/till-1/revoke")
        else:
            elsewhere = replace(rig.gateway, live=Live())
            ask = Ask.of("revoke", "revoke")
            await revoke_till(
                elsewhere, store_id="berlin", till_id="till-1", reason="lost", ask=ask
            )
        text = await seen.end()
    assert "event: revoked" in text
    assert (await till.get("/none")).status_code == 401


async def test_a_program_that_stops_ends_the_stream(rig: Any, till: Any) -> None:
    rig.app.state.stopping = asyncio.Event()
    async with screen(rig, till) as seen:
        rig.app.state.stopping.set()
        await seen.end()


async def test_another_till_sees_nothing(rig: Any, till: Any) -> None:
    other = await rig.paired("berlin", "till-2")
    path = "/stores/berlin/v1/tills/till-1/live"
    seen = Screen(rig.app, path, other.token, None)
    assert "auth.foreign_till" in await seen.end()
