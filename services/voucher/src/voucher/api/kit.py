"""What routes of this service share beside `kassenverbund.kit.routes`: codes in bodies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic import Field, SecretStr

from kassenverbund.kit import signed_qr
from kassenverbund.kit.routes import Asked, writes
from voucher.decider import VoucherNotUsable

Code = Annotated[SecretStr, Field(max_length=signed_qr.TEXT_MAX)]
"""As typed or scanned, a signed QR code whole. It shows as asterisks wherever a body is printed."""


REFUSED_AFTER_S = 0.05
"""When a code that cannot be used is refused, counted from the request's arrival: at the same time
for an unknown, a blocked, an expired and a spent one. Far longer than any of them takes to find."""


class EvenRoute(APIRoute):
    """A route that codes are typed into: the time of a refusal tells nothing about its reason."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def even(request: Request) -> Response:
            due = asyncio.get_running_loop().time() + REFUSED_AFTER_S
            try:
                return await handler(request)
            except VoucherNotUsable:
                await asyncio.sleep(due - asyncio.get_running_loop().time())
                raise

        return even


Redeemer = Annotated[Asked, Depends(writes("service", "back_office"))]
