"""Whoever asks for another host gets nothing (DNS rebinding)."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from kassenverbund.kit.hosts import HostNames


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("kasse.example", 200),
        ("KASSE.example.:8443", 200),
        ("localhost:8443", 200),
        ("[::1]:8443", 200),
        ("evil.example", 421),
        ("kasse.example.evil.example", 421),
        ("", 421),
    ],
)
async def test_only_names_of_ours_are_answered(host: str, status: int) -> None:
    app = FastAPI()
    app.add_middleware(HostNames, names=["kasse.example"])

    @app.get("/x")
    @app.get("/health/live")
    async def answer() -> str:
        return "us"

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://kasse") as client:
        assert (await client.get("/x", headers={"host": host})).status_code == status
        assert (await client.get("/health/live", headers={"host": host})).status_code == 200
