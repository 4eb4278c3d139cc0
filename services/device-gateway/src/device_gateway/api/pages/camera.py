"""The camera's page: the only one on which WebAssembly may run."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from device_gateway.api.pages.shell import Pages, Session
from kassenverbund.kit.text import Identifier


def router(pages: Pages) -> APIRouter:
    routes = pages.router()

    @routes.get("/{store_id}/till/camera")
    async def camera(
        store_id: Identifier, request: Request, session: Session = Depends(pages.session)
    ) -> Response:
        """Opened in a window of its own: what it reads reaches the sale as a scan of this till."""
        return pages.render(request, session, "camera.html", wasm=True)

    return routes
