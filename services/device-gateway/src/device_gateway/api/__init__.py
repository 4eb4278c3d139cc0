"""The till API (issue-stable; `openapi.json` beside the package is the contract)."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from device_gateway.adapters.patience import one_request
from device_gateway.api import (
    acts,
    articles,
    bookings,
    cashiers,
    devices,
    library,
    line,
    live,
    orders,
    pages,
    pickups,
    printers,
    pull_printing,
    releases,
    scans,
    shifts,
    terminal,
    tills,
    unattended,
)
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.tills import TillTokens
from device_gateway.ports import PairingTries


def router(gateway: Gateway, *, tokens: TillTokens, tries: PairingTries) -> APIRouter:
    """All routes below `/stores`."""
    whole = APIRouter(dependencies=[Depends(one_request)])
    whole.include_router(tills.router(gateway, tokens=tokens, tries=tries))
    whole.include_router(pages.router(gateway, tries=tries))
    for topic in (
        bookings, releases, shifts, orders, line, cashiers, acts, live, unattended, articles,
        devices, scans, printers, pull_printing, library, pickups, terminal,
    ):  # fmt: skip
        whole.include_router(topic.router(gateway))
    return whole
