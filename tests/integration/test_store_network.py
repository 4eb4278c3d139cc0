"""What only a real process shows: open streams end with a revoked till and with the program, and a
till without a person books and has signed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
import yaml

from kassenverbund.demo.till import DemoTill, article, cents
from tests.support.program import ROOT, Program
from tests.support.shop import pair_tills

STORE, UNATTENDED = "berlin", "web-berlin"
REVOKED_WITHIN_S = 2.0
STOPPED_WITHIN_S = 5.0
DEADLINE_S = 20.0


def _chain(folder: Path) -> Path:
    document: dict[str, Any] = yaml.safe_load((ROOT / "chain.yaml").read_text())
    document["stores"][0]["unattended_tills"] = [{"id": UNATTENDED, "name": "Webshop"}]
    path = folder / "chain.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True))
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def program(
    tmp_path_factory: pytest.TempPathFactory, database_url: str
) -> AsyncIterator[Program]:
    folder = tmp_path_factory.mktemp("network")
    made = Program(
        folder / "var",
        environment={
            "DATABASE_URL": database_url, "KASSENVERBUND_CHAIN": str(_chain(folder)),
        },
    )  # fmt: skip
    made.start()
    try:
        await made.ready()
        yield made
    finally:
        made.stop()


async def streamed(client: httpx.AsyncClient, till: DemoTill, begun: asyncio.Event) -> str:
    """Everything that came, once the stream is at its end."""
    path = f"/stores/{till.store}/v1/tills/{till.till_id}/live"
    text = ""
    async with client.stream("GET", path, headers=bearer(till.token)) as answer:
        assert answer.status_code == 200
        async for part in answer.aiter_text():
            text += part
            begun.set()
    return text


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid4().hex}


async def test_a_till_without_a_person_books_and_has_signed(program: Program) -> None:
    paid = {"kind": "online", "order": "W-7", "amount": cents(1600)}
    order = {"lines": [article("Roman", 1600)], "payments": [paid]}
    async with program.client() as client:
        booked = await client.post(
            f"/stores/{STORE}/v1/unattended/{UNATTENDED}/bookings",
            json=order,
            headers={**bearer(program.token("service")), "Prefer": "wait=10"},
        )
    assert booked.status_code == 200, booked.text
    assert (booked.json()["state"], booked.json()["number"]) == ("signed", 1)


async def test_open_streams_end_with_the_till_and_with_the_program(program: Program) -> None:
    manager = program.token("manager")
    async with program.client() as client:
        lost, kept = await pair_tills(client, manager=manager, stores=[STORE], tag="live")
        begun = [asyncio.Event(), asyncio.Event()]
        one = asyncio.create_task(streamed(client, lost, begun[0]))
        two = asyncio.create_task(streamed(client, kept, begun[1]))
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(*(each.wait() for each in begun))
        await client.post(
            f"/stores/{STORE}/v1/tills/{lost.till_id}/revoke", json={}, headers=bearer(manager)
        )
        async with asyncio.timeout(REVOKED_WITHIN_S):
            assert "event: revoked" in await one
        gone = await client.get(f"/stores/{STORE}/v1/line", headers=bearer(lost.token))
        assert gone.status_code == 401
        assert not two.done()

        began = time.monotonic()
        assert await asyncio.to_thread(program.terminate) == 0
        assert time.monotonic() - began < STOPPED_WITHIN_S
        async with asyncio.timeout(DEADLINE_S):
            await two
