"""What a store's network may do to a gateway: tokens that roll, limits, a clock that jumped."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from device_gateway.adapters.limits import PostgresActCounts
from device_gateway.adapters.till_seen import PostgresTillSeen
from device_gateway.decider.refusals import ActTooOften
from device_gateway.handlers.clock import BEHIND_MAX_S, ClockGuard
from device_gateway.handlers.limits import limited
from device_gateway.handlers.tills import ROLL_OVERLAP_S
from events.store.connection import engine_for
from events.store.migrate import migrate


async def roll(rig: Any, till: Any, *, key: str = "", token: str = "") -> httpx.Response:
    answer: httpx.Response = await rig.as_person(
        token or till.token, "/stores/berlin/v1/tills/till-1/token", key=key or uuid4().hex
    )
    return answer


async def status(rig: Any, token: str) -> int:
    answer = await rig.http.get(
        "/stores/berlin/v1/line", headers={"authorization": f"Bearer {token}"}
    )
    found: int = answer.status_code
    return found


async def test_after_a_roll_the_old_token_is_good_for_a_minute_more(rig: Any, till: Any) -> None:
    rolled = await roll(rig, till)
    token = rolled.json()["token"]
    assert token != till.token
    assert (await status(rig, token), await status(rig, till.token)) == (200, 200)
    rig.clock.advance(ROLL_OVERLAP_S)
    assert (await status(rig, token), await status(rig, till.token)) == (200, 401)


async def test_a_lost_answer_of_a_roll_is_asked_for_again(rig: Any, till: Any) -> None:
    first = await roll(rig, till, key="r")
    again = await roll(rig, till, key="r")
    assert first.json() == again.json()


async def test_revoking_ends_both_tokens(rig: Any, till: Any) -> None:
    token = (await roll(rig, till)).json()["token"]
    await rig.as_person("manager", "/stores/berlin/v1/tills/till-1/revoke")
    assert (await status(rig, token), await status(rig, till.token)) == (401, 401)


async def test_a_token_of_two_rolls_ago_is_worthless_at_once(rig: Any, till: Any) -> None:
    second = (await roll(rig, till)).json()["token"]
    await roll(rig, till, token=second)
    assert (await status(rig, second), await status(rig, till.token)) == (200, 401)


async def test_a_clock_that_jumped_back_records_nothing(rig: Any, till: Any, words: Any) -> None:
    sale = words.sale([words.article(500)], words.cash(500))
    assert (await till.post("", sale)).status_code == 200
    rig.clock.advance(-BEHIND_MAX_S)
    assert (await till.post("", sale)).status_code == 200
    rig.clock.advance(-1)
    refused = await till.post("", sale)
    assert (refused.status_code, refused.json()["code"]) == (503, "clock.behind")
    assert len(rig.events("booking.recorded")) == 2


async def test_a_process_that_starts_in_the_past_knows_it_from_the_log(
    rig: Any, till: Any, words: Any
) -> None:
    await till.post("", words.sale([words.article(500)], words.cash(500)))
    guard = ClockGuard()
    await guard.learn(rig.store)
    assert guard.behind(rig.store.log[-1].recorded_at - timedelta(days=1))
    assert not guard.behind(rig.store.log[-1].recorded_at)


async def test_a_manager_says_that_the_clock_is_right_now(rig: Any, till: Any, words: Any) -> None:
    sale = words.sale([words.article(500)], words.cash(500))
    await till.post("", sale)
    rig.clock.advance(-86_400)
    assert (await till.post("", sale)).status_code == 503
    said = await rig.as_person("manager", "/stores/berlin/v1/clock", {"reason": "Batterie leer"})
    assert said.status_code == 200, said.text
    assert (await till.post("", sale)).status_code == 200
    (accepted,) = rig.events("store.clock_accepted")
    assert (accepted.reason, accepted.latest - accepted.at) == ("Batterie leer", timedelta(days=1))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own(database_url: str) -> AsyncIterator[AsyncEngine]:
    folder = Path(__file__).parent.parent / "migrations"
    await migrate(database_url, schema="device_gateway", folder=folder)
    engine = engine_for(database_url, schema="device_gateway")
    yield engine
    await engine.dispose()


async def test_a_till_that_asks_too_often_waits_and_others_do_not(
    rig: Any, own: AsyncEngine
) -> None:
    gateway = dataclasses.replace(rig.gateway, counts=PostgresActCounts(own))
    for _ in range(30):
        await limited(gateway, "print", store_id="berlin", till_id="till-1")
    with pytest.raises(ActTooOften) as no:
        await limited(gateway, "print", store_id="berlin", till_id="till-1")
    assert no.value.extra["retry_after_s"] in range(1, 61)
    await limited(gateway, "print", store_id="berlin", till_id="till-2")
    rig.clock.advance(60)
    await limited(gateway, "print", store_id="berlin", till_id="till-1")


async def test_all_tills_of_a_store_together_look_up_so_often(rig: Any, own: AsyncEngine) -> None:
    gateway = dataclasses.replace(rig.gateway, counts=PostgresActCounts(own))
    for number in range(60):
        await limited(gateway, "lookup", store_id="koeln", till_id=f"till-{number % 6}")
    with pytest.raises(ActTooOften):
        await limited(gateway, "lookup", store_id="koeln", till_id="till-9")


async def test_when_a_till_was_last_there_is_known_to_all_processes(
    rig: Any, till: Any, own: AsyncEngine
) -> None:
    here = PostgresTillSeen(own, {"till-1": rig.clock.now})
    await here.write()
    elsewhere = PostgresTillSeen(own, {})
    assert (await elsewhere.all())["till-1"] == rig.clock.now


async def test_no_page_of_elsewhere_may_ask(rig: Any, till: Any) -> None:
    """No CORS: a browser is told nothing that would let another origin read an answer."""
    answer = await rig.http.options(
        "/stores/berlin/v1/line",
        headers={"origin": "https://evil.example", "access-control-request-method": "GET"},
    )
    assert not [name for name in answer.headers if name.startswith("access-control")]
