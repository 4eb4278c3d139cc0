"""The till's first page, and the bar that says how things are."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from device_gateway.api.pages.shell import Pages, Session
from device_gateway.api.pages.status import status_of
from device_gateway.handlers.gateway import Gateway
from kassenverbund.kit.text import Identifier


def router(gateway: Gateway, pages: Pages) -> APIRouter:
    routes = pages.router()

    @routes.get("/{store_id}/till")
    async def start(
        store_id: Identifier, request: Request, session: Session = Depends(pages.session)
    ) -> Response:
        return pages.go(request, f"/stores/{store_id}/till/{pages.first}")

    @routes.get("/{store_id}/till/status")
    async def status(
        store_id: Identifier,
        request: Request,
        session: Session = Depends(pages.session_unsigned),
    ) -> Response:
        """A piece of every page, asked for anew when something is told to the till."""
        return pages.render(
            request, session, "parts/status.html", status_items=await status_of(gateway, session)
        )

    return routes
