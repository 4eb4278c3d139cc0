"""What happens at a till, as server-sent events for its screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response

from device_gateway.api.callers import till_or_reader
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.live import Live
from device_gateway.handlers.tills import till_of
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.streaming import (
    CHECK_S,
    HEARTBEAT_S,
    EventStream,
    sse,
    still_allowed,
    stopping,
)
from kassenverbund.kit.text import Identifier

LAST_ID_DIGITS_MAX = 18

Looker = Annotated[Caller, Depends(till_or_reader)]


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(tags=["live"])

    @routes.get(
        "/{store_id}/v1/tills/{till_id}/live",
        response_class=Response,
        responses={200: {"content": {"text/event-stream": {}}}},
    )
    async def live(
        store_id: Identifier,
        till_id: Identifier,
        caller: Looker,
        request: Request,
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> Response:
        await till_of(gateway, store_id=store_id, till_id=till_id)
        after = _after(last_event_id)
        return EventStream(_parts(gateway.live, store_id, till_id, after, request, caller))

    return routes


def _after(last_event_id: str | None) -> int | None:
    """What is no number of ours is no number: the stream begins now."""
    if last_event_id is None or len(last_event_id) > LAST_ID_DIGITS_MAX:
        return None
    return int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() else None


async def _parts(
    live: Live, store_id: str, till_id: str, after: int | None, request: Request, caller: Caller
) -> AsyncIterator[bytes]:
    listener = live.listen(store_id, till_id, after)
    loop = asyncio.get_running_loop()
    checked = spoken = loop.time()
    try:
        while not listener.ended and not stopping(request):
            found = await listener.next(CHECK_S)
            now = loop.time()
            if now - checked >= CHECK_S:
                checked = now
                if not await still_allowed(request, caller):
                    yield sse(event="revoked", data={})
                    return
            if found is not None:
                number, told = found
                yield sse(id=number, event=told.kind, data={**told.data, "at": told.at.isoformat()})
                spoken = now
            elif now - spoken >= HEARTBEAT_S:
                yield b": \n\n"
                spoken = now
    finally:
        listener.close()
