"""A browser becomes a till: the code of the back office, exchanged for the till's token."""

from __future__ import annotations

import math

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from device_gateway.api.pages.forms import FieldInvalid, Form, read_form
from device_gateway.api.pages.locales import LANGUAGES
from device_gateway.api.pages.shell import (
    LANGUAGE_COOKIE,
    Pages,
    check_origin,
    pairing_ask,
)
from device_gateway.decider.refusals import PairingTooOften
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.tills import PAIRING_CODE_LENGTH, normalized, pair_till
from device_gateway.ports import PairingTries
from kassenverbund.kit.auth import TILL_COOKIE
from kassenverbund.kit.text import Identifier

COOKIE_S = 400 * 24 * 3600
"""As long as browsers keep a cookie at most. The token itself ends when it is revoked."""


def router(gateway: Gateway, pages: Pages, *, tries: PairingTries) -> APIRouter:
    routes = pages.router()
    _pairing(routes, gateway, pages, tries)
    _beside(routes, pages)
    return routes


def _pairing(routes: APIRouter, gateway: Gateway, pages: Pages, tries: PairingTries) -> None:
    @routes.get("/{store_id}/till/pair")
    async def ask_for_code(store_id: Identifier, request: Request) -> Response:
        await gateway.master_data(store_id)
        return pages.render(request, None, "pair.html")

    @routes.post("/{store_id}/till/pair")
    async def pair(
        store_id: Identifier, request: Request, form: Form = Depends(read_form)
    ) -> Response:
        check_origin(request)
        code = normalized(form.raw("code"))
        if len(code) != PAIRING_CODE_LENGTH or not code.isalpha() or not code.isascii():
            raise FieldInvalid(field="code")
        source = request.client.host if request.client else "unknown"
        now = gateway.clock()
        wait_s = await tries.admit(store_id=store_id, source=source, now=now)
        if wait_s is not None:
            raise PairingTooOften(retry_after_s=math.ceil(wait_s))
        ask = pairing_ask(request, store_id, form, await request.body())
        paired = await pair_till(gateway, store_id=store_id, code=code, ask=ask)
        await tries.succeeded(store_id=store_id, source=source, now=now)
        answer = pages.go(request, f"/stores/{store_id}/till")
        answer.set_cookie(
            TILL_COOKIE,
            paired.token,
            max_age=COOKIE_S,
            path=f"/stores/{store_id}",
            secure=True,
            httponly=True,
            samesite="strict",
        )
        return answer


def _beside(routes: APIRouter, pages: Pages) -> None:
    @routes.get("/{store_id}/till/revoked")
    async def revoked(store_id: Identifier, request: Request) -> Response:
        """Says so, and forgets the worthless token."""
        answer = pages.render(request, None, "revoked.html")
        answer.delete_cookie(
            TILL_COOKIE, path=f"/stores/{store_id}", secure=True, httponly=True, samesite="strict"
        )
        return answer

    @routes.post("/{store_id}/till/language")
    async def language(
        store_id: Identifier, request: Request, form: Form = Depends(read_form)
    ) -> Response:
        check_origin(request)
        chosen, back = form.raw("language"), form.raw("back")
        base = f"/stores/{store_id}/till"
        answer = pages.go(request, back if _is_below(back, base) else base)
        if chosen in LANGUAGES:
            answer.set_cookie(
                LANGUAGE_COOKIE,
                chosen,
                max_age=COOKIE_S,
                path=f"/stores/{store_id}",
                secure=True,
                httponly=True,
                samesite="strict",
            )
        return answer


def _is_below(path: str, base: str) -> bool:
    """A page of this till, and no address of somewhere else."""
    return (path == base or path.startswith(f"{base}/")) and "\\" not in path and "//" not in path
