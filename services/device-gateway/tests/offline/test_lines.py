"""What is shown of the lines: steady, and told to the screens when it changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from device_gateway.adapters.line_watch import UNSENT_MAX_S, LineWatch, healthy
from device_gateway.handlers.lines import GOOD_FOR_S, Lines, Steady, Unsent
from device_gateway.handlers.live import Live
from device_gateway.handlers.live_feed import LiveFeed

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


class Time:
    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def clock(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)


def looks(*seen: tuple[float, bool]) -> list[str]:
    """What a line shows after each look: (second, good)."""
    line = Steady(NOW)
    return [line.state for at, good in seen if line.saw(good, now=NOW, monotonic=at) or True]


def test_one_failure_shows_nothing() -> None:
    assert looks((0, False), (2, True), (4, True)) == ["online"] * 3


def test_two_failures_within_five_seconds_show_a_line_as_offline() -> None:
    assert looks((0, False), (5, False)) == ["online", "offline"]


def test_two_failures_far_apart_do_not() -> None:
    assert looks((0, False), (5.1, False)) == ["online", "online"]


def test_three_good_looks_over_fifteen_seconds_bring_it_back() -> None:
    cut = [(0.0, False), (1.0, False)]
    back = [(2.0, True), (9.0, True), (2.0 + GOOD_FOR_S, True)]
    assert looks(*cut, *back)[-3:] == ["offline", "offline", "online"]


def test_a_failure_between_starts_the_wait_anew() -> None:
    cut = [(0.0, False), (1.0, False)]
    back = [(2.0, True), (9.0, False), (17.0, True), (18.0, True), (19.0, True)]
    assert looks(*cut, *back)[-1] == "offline"


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def lines(time: Time) -> Lines:
    return Lines(Live(), ("berlin", "koeln"), clock=time.clock, monotonic=time.monotonic)


async def test_every_till_of_every_store_hears_of_a_change_once(lines: Lines, time: Time) -> None:
    screens = [lines.live.listen(store, "till-1") for store in lines.stores]
    for second in range(5):
        time.seconds = second
        lines.saw("voucher", False)
    for screen in screens:
        screen.close()
        told = [event async for _, event in screen]
        assert [event.data for event in told] == [{"service": "voucher", "state": "offline"}]


def answering(status: int, body: Any) -> httpx.AsyncClient:
    def answer(request: httpx.Request) -> httpx.Response:
        if isinstance(body, str):
            return httpx.Response(status, text=body)
        return httpx.Response(status, json=body)

    return httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="https://voucher")


@pytest.mark.parametrize(
    ("status", "body", "good"),
    [
        (200, {"status": "ready"}, True),
        (503, {"status": "unready", "reasons": ["bus: away"]}, True),
        (503, {"status": "unready", "reasons": ["voucher: database away"]}, False),
        (503, {"status": "unready", "reasons": ["costcenter: database away"]}, True),
        (200, "<html>Please log in to the hotel's network</html>", False),
        (200, {"ok": True}, False),
        (502, "", False),
    ],
)
async def test_only_the_program_itself_says_that_it_is_well(
    status: int, body: Any, good: bool
) -> None:
    assert await healthy(answering(status, body), "voucher") is good


class Outbox:
    def __init__(self, unsent: Unsent) -> None:
        self.found = unsent

    async def unsent(self) -> Unsent:
        return self.found


async def test_a_bus_that_takes_nothing_is_shown_with_what_waits(lines: Lines, time: Time) -> None:
    outbox = Outbox(Unsent(3, NOW))
    watch = LineWatch(lines, {}, outbox)
    for second in (UNSENT_MAX_S, UNSENT_MAX_S + 2, UNSENT_MAX_S + 4):
        time.seconds = second
        await watch.look()
    assert lines.shown["bus"].state == "offline"
    assert lines.unsent == Unsent(3, NOW)


async def test_screens_hear_of_a_booking_and_of_its_verdict(
    rig: Any, till: Any, words: Any
) -> None:
    feed = LiveFeed(rig.gateway)
    end = await rig.store.head()
    screen = rig.gateway.live.listen("berlin", "till-1")
    sold = await till.post("", words.sale([words.article(500)], words.cash(500)))
    booking_id = sold.json()["booking_id"]
    await rig.sign(booking_id)
    await feed.step(end)
    screen.close()
    told = [event async for _, event in screen]
    assert {event.data["booking_id"] for event in told} == {booking_id}
    states = [event.data.get("state") for event in told]
    assert (states[0], told[-1].kind, told[-1].data["verdict"]) == ("open", "verdict", "signed")
    assert "recorded" in states


async def test_a_signer_that_says_nothing_in_time_is_shown(
    rig: Any, till: Any, words: Any, lines: Lines, time: Time
) -> None:
    feed = LiveFeed(rig.gateway, lines)
    await till.post("", words.sale([words.article(500)], words.cash(500)))
    await feed.step(0)
    rig.clock.advance(60)
    for second in (1, 3):
        time.seconds = second
        feed._look_at_signer()
    assert lines.shown["signer"].state == "offline"
    assert lines.unsigned.count == 1


async def test_the_line_route_shows_all_lines(rig: Any, lines: Lines) -> None:
    lines.watch("voucher")
    lines.saw("bus", False)
    object.__setattr__(rig.gateway, "lines", lines)
    till = await rig.paired("berlin", "till-1")
    answer = await rig.http.get(
        "/stores/berlin/v1/line", headers={"authorization": f"Bearer {till.token}"}
    )
    shown = {each["service"]: each["state"] for each in answer.json()["lines"]}
    assert shown == {"voucher": "online", "bus": "online"}
