"""Answers that go on for as long as somebody looks: server-sent events.

A stream ends where the caller leaves, where the program stops, and where the caller may no longer
look. No proxy keeps it back, no cache stores it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress

from fastapi import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from events import Transient
from kassenverbund.kit.auth import Caller, Unauthenticated, caller_of

HEARTBEAT_S = 15.0
"""A comment after so long a silence: proxies and browsers take silence for an end."""

CHECK_S = 1.0
"""How often a stream looks whether its caller still may, and whether the program stops."""

WRITE_WAIT_S = 10.0
"""A caller who does not read for so long loses the stream."""

RETRY_MS = 2_000
"""When a browser comes back after a stream was lost."""


def stopping(request: Request) -> bool:
    """Whether the program is about to end."""
    event: asyncio.Event | None = getattr(request.app.state, "stopping", None)
    return event is not None and event.is_set()


async def still_allowed(request: Request, caller: Caller) -> bool:
    """Whether the credentials of this request are still good, and still the same caller's. Where
    nobody can be asked just now the answer is yes: a database that is away revokes nobody."""
    try:
        found = await caller_of(request)
    except Unauthenticated:
        return False
    except Transient:
        return True
    return found.kind == caller.kind and found.id == caller.id


def sse(*, id: int | None = None, event: str, data: Mapping[str, object]) -> bytes:
    """One event of a stream. JSON has no line breaks, so one `data:` line is enough."""
    head = "" if id is None else f"id: {id}\n"
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=str)
    return f"{head}event: {event}\ndata: {text}\n\n".encode()


class EventStream(Response):
    """Sends what `parts` gives, until it is at its end or the caller leaves. `parts` is closed in
    any case (its `finally` runs)."""

    media_type = "text/event-stream"

    def __init__(self, parts: AsyncIterator[bytes]) -> None:
        super().__init__(None, headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_gone(receive))
        sending = asyncio.create_task(self._send(send))
        try:
            await asyncio.wait({gone, sending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (gone, sending):
                task.cancel()
            await asyncio.wait({gone, sending})
        if not sending.cancelled() and (fault := sending.exception()) is not None:
            raise fault

    async def _send(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        body = {"type": "http.response.body", "more_body": True}
        await send({**body, "body": f"retry: {RETRY_MS}\n\n".encode()})
        try:
            async for part in self._parts:
                async with asyncio.timeout(WRITE_WAIT_S):
                    await send({**body, "body": part})
        except TimeoutError:
            return
        finally:
            with suppress(Exception):
                await self._parts.aclose()  # type: ignore[attr-defined]  # a generator has it
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
