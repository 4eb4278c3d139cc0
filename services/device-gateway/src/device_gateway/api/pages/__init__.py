"""The web till's pages: HTML for a browser at the counter, over the handlers of the JSON API."""

from __future__ import annotations

from fastapi import APIRouter

from device_gateway.api.pages import (
    assets,
    camera,
    cashier,
    devices,
    pairing,
    receipts,
    sale,
    shift,
    start,
)
from device_gateway.api.pages.shell import Pages
from device_gateway.handlers.gateway import Gateway
from device_gateway.ports import PairingTries


def router(gateway: Gateway, *, tries: PairingTries) -> APIRouter:
    """Below `/stores/{store}/till`."""
    pages = Pages(gateway)
    pages.menu.insert(0, "sale")
    pages.first = "sale"
    whole = APIRouter()
    whole.include_router(assets.router())
    whole.include_router(pairing.router(gateway, pages, tries=tries))
    whole.include_router(cashier.router(gateway, pages))
    whole.include_router(start.router(gateway, pages))
    whole.include_router(receipts.router(gateway, pages))
    whole.include_router(devices.router(gateway, pages))
    whole.include_router(shift.router(gateway, pages))
    whole.include_router(camera.router(pages))
    whole.include_router(sale.router(gateway, pages))
    return whole
