"""What people should look at stands beside `/health/ready`, and never makes a process unready."""

from __future__ import annotations

from typing import cast

import httpx
from fastapi import APIRouter, FastAPI

from events import EventStore
from kassenverbund.background import Part
from kassenverbund.http import publish_health
from kassenverbund.kit.service import Opened
from kassenverbund.program import alerts_of
from kassenverbund.services import find_services


def part(*codes: str) -> Part:
    told = [{"code": code, "detail": "x", "since": "2026-11-22T12:00:00+00:00"} for code in codes]
    opened = Opened(router=APIRouter(), alerts=(lambda: told) if codes else None)
    (service,) = find_services(["fiscal-signer"])
    return Part(service, opened, cast(EventStore, None), cast("object", None))  # type: ignore[arg-type]  # never touched


async def test_services_alerts_stand_beside_ready() -> None:
    async def ready() -> tuple[str, ...]:
        return ()

    app = FastAPI()
    parts = (part("tse.outage"), part(), part("tse.warning.time_drifts"))
    publish_health(app, ready, lambda: alerts_of(None, parts))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        answer = await client.get("/health/ready")
    assert answer.status_code == 200
    codes = [alert["code"] for alert in answer.json()["alerts"]]
    assert codes == ["tse.outage", "tse.warning.time_drifts"]
