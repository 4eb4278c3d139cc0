"""The line to the voucher service: who waits for it, who asks whether it is back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from device_gateway.adapters.asking import TRIES_MAX
from device_gateway.adapters.line import PROBE_EVERY_S, Line
from device_gateway.adapters.voucher_http import HttpVoucherService
from device_gateway.ports import VoucherRefused, VoucherUnavailable, VoucherUnreachable

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
Answers = Callable[[httpx.Request], httpx.Response]


class Wire:
    """What stands at the other end; counts who came through."""

    def __init__(self) -> None:
        self.calls = 0
        self.says: Answers = refused_connection

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        return self.says(request)


def refused_connection(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused")


def status(number: int, **body: object) -> Answers:
    return lambda _: httpx.Response(number, json=body)


CONFIRMED = status(200, hold_id="h", state="confirmed")


@pytest.fixture
def wire() -> Wire:
    return Wire()


class Watch:
    """Seconds, moved by hand."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def pass_pause(self) -> None:
        self.seconds += PROBE_EVERY_S


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def line(watch: Watch) -> Line:
    return Line(lambda: NOW, watch)


@pytest.fixture
def service(wire: Wire, line: Line) -> HttpVoucherService:
    client = httpx.AsyncClient(transport=httpx.MockTransport(wire), base_url="https://voucher")
    return HttpVoucherService(client, line, clock=lambda: NOW)


async def unreachable(service: HttpVoucherService) -> None:
    with pytest.raises(VoucherUnreachable):
        await service.confirm("h")


async def test_after_a_silent_call_the_next_one_asks_nobody(
    service: HttpVoucherService, wire: Wire, line: Line
) -> None:
    await unreachable(service)
    assert wire.calls == TRIES_MAX
    await unreachable(service)
    assert wire.calls == TRIES_MAX
    assert not line.state.up


async def test_after_a_pause_one_call_asks_once(
    service: HttpVoucherService, wire: Wire, watch: Watch
) -> None:
    await unreachable(service)
    watch.pass_pause()
    await unreachable(service)
    await unreachable(service)
    assert wire.calls == TRIES_MAX + 1


async def test_calls_beside_the_one_that_probes_wait_for_nobody(line: Line, watch: Watch) -> None:
    line.silent(answers=line.answers)
    watch.pass_pause()
    assert line.admits()
    assert not line.admits()


async def test_the_first_answer_brings_the_line_back(
    service: HttpVoucherService, wire: Wire, line: Line, watch: Watch
) -> None:
    await unreachable(service)
    watch.pass_pause()
    wire.says = CONFIRMED
    await service.confirm("h")
    assert line.state.up


def test_a_silent_call_beside_answered_ones_is_not_the_line(line: Line) -> None:
    began = line.answers
    line.answered()
    line.silent(answers=began)
    assert line.state.up


async def test_a_refusal_is_an_answer(service: HttpVoucherService, wire: Wire, line: Line) -> None:
    wire.says = status(409, code="hold.expired", detail="late")
    with pytest.raises(VoucherRefused):
        await service.confirm("h")
    assert line.state.up


@pytest.mark.parametrize("code", [502, 503, 504])
async def test_what_stands_before_a_dead_service_is_nobody(
    service: HttpVoucherService, wire: Wire, line: Line, code: int
) -> None:
    wire.says = status(code)
    await unreachable(service)
    assert not line.state.up


@pytest.mark.parametrize("answer", [status(500), status(401), status(200, nothing="known")])
async def test_a_service_that_is_broken_or_does_not_know_us_is_there(
    service: HttpVoucherService, wire: Wire, line: Line, answer: Answers
) -> None:
    wire.says = answer
    with pytest.raises(VoucherUnavailable) as away:
        await service.captured("h", "EUR")
    assert type(away.value) is VoucherUnavailable
    assert line.state.up


async def test_rules_are_read_as_they_were_said(service: HttpVoucherService, wire: Wire) -> None:
    key = "A" * 43 + "="
    wire.says = status(
        200, store_id="berlin", policy="cap", legal_entity_id="gmbh", sold_here=False,
        cap={"amount": 2000, "currency": "EUR"}, per_day={"amount": 9000, "currency": "EUR"},
        keys=[{"key_id": "00c0ffee", "algorithm": "Ed25519", "public_key": key}],
    )  # fmt: skip
    rules = await service.offline_rules("berlin")
    assert (rules.takes, rules.sold_here, rules.keys) == (True, False, {"00c0ffee": key})
    assert rules.heard_at == NOW


async def test_without_a_limit_of_its_own_a_till_may_take_what_the_store_may(
    service: HttpVoucherService, wire: Wire
) -> None:
    wire.says = status(
        200, policy="cap", legal_entity_id="gmbh", cap={"amount": 2000, "currency": "EUR"},
        per_day={"amount": 9000, "currency": "EUR"},
    )  # fmt: skip
    rules = await service.offline_rules("berlin")
    assert rules.per_till_day == rules.per_day


async def test_a_key_that_is_none_is_no_answer(service: HttpVoucherService, wire: Wire) -> None:
    wire.says = status(
        200, policy="refuse", legal_entity_id="gmbh",
        keys=[{"key_id": "00c0ffee", "algorithm": "Ed25519", "public_key": "short"}],
    )  # fmt: skip
    with pytest.raises(VoucherUnavailable):
        await service.offline_rules("berlin")


@pytest.mark.parametrize(
    ("answer", "captured"),
    [
        (status(200, state="captured", captured={"amount": 5, "currency": "EUR"}), 5),
        (status(200, state="failed", captured={"amount": 0, "currency": "EUR"}), 0),
        (status(200, state="held", captured={"amount": 0, "currency": "EUR"}), None),
        (status(404, code="hold.unknown", detail=""), None),
    ],
)
async def test_a_hold_is_settled_once_its_booking_was_heard_of(
    service: HttpVoucherService, wire: Wire, answer: Answers, captured: int | None
) -> None:
    wire.says = answer
    told = await service.captured("h", "EUR")
    assert (None if told is None else told.amount) == captured
