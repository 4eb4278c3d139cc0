"""A till hears one answer for all reasons, and hears it after the same time."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import APIRouter, FastAPI
from httpx import ASGITransport, AsyncClient

from kassenverbund.kit.problems import install_problem_handlers
from voucher.api.kit import REFUSED_AFTER_S, EvenRoute
from voucher.decider import VoucherNotUsable


@pytest.fixture
def app() -> FastAPI:
    routes = APIRouter(route_class=EvenRoute)

    @routes.get("/unknown")
    async def unknown() -> None:
        raise VoucherNotUsable

    @routes.get("/blocked")
    async def blocked() -> None:
        await asyncio.sleep(REFUSED_AFTER_S / 2)  # It takes longer to find out.
        raise VoucherNotUsable

    made = FastAPI()
    made.include_router(routes)
    install_problem_handlers(made)
    return made


async def test_the_reason_of_a_refusal_cannot_be_timed(app: FastAPI) -> None:
    loop = asyncio.get_running_loop()
    waits: list[float] = []
    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        for path in ("/unknown", "/blocked"):
            begun = loop.time()
            answer = await client.get(path)
            waits.append(loop.time() - begun)
            assert answer.json()["code"] == "voucher.not_usable"
    # Neither is told before its time, however soon it was known.
    assert min(waits) >= REFUSED_AFTER_S
