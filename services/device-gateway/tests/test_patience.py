"""A cashier does not wait for each of the questions that one request asks other services."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx
import pytest

from device_gateway.adapters import patience as module
from device_gateway.adapters.asking import TRY_WAIT_S
from device_gateway.adapters.line import Line
from device_gateway.adapters.patience import AT_LEAST_S, CASHIER_WAIT_S, Patience, one_request
from device_gateway.adapters.voucher_http import HttpVoucherService
from device_gateway.ports import VoucherUnreachable


class Watch:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_what_was_waited_before_is_not_waited_again() -> None:
    watch = Watch()
    patience = Patience(watch)
    async with patience.waiting(patience.left_s):
        watch.now = 1.0
    assert patience.left_s == pytest.approx(CASHIER_WAIT_S - 1.0)


async def test_what_waits_at_the_same_time_counts_once() -> None:
    watch = Watch()
    patience = Patience(watch)
    async with patience.waiting(3), patience.waiting(3):
        watch.now = 1.0
    assert patience.left_s == pytest.approx(CASHIER_WAIT_S - 1.0)


async def test_a_customer_at_a_card_terminal_uses_up_nothing() -> None:
    watch = Watch()
    patience = Patience(watch)
    watch.now = 120.0
    assert patience.left_s == CASHIER_WAIT_S


async def test_a_service_that_is_slow_but_answers_is_asked_to_the_end() -> None:
    watch = Watch()
    patience = Patience(watch)
    for _ in range(20):
        async with patience.waiting(patience.left_s):
            watch.now += 0.5
    assert patience.left_s == AT_LEAST_S


async def test_each_request_of_a_till_has_patience_of_its_own() -> None:
    async def serve() -> Patience:
        await one_request()
        return module.patience()

    first, second = await asyncio.gather(serve(), serve())
    assert first is not second
    assert module.patience() is not first


async def test_who_had_hardly_time_to_be_answered_does_not_call_the_line_down() -> None:
    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    line = Line(lambda: datetime.now(UTC))
    client = httpx.AsyncClient(transport=httpx.MockTransport(never), base_url="https://voucher")
    service = HttpVoucherService(client, line)

    async def impatient() -> None:
        await one_request()
        mine = module.patience()
        mine._spent_s = CASHIER_WAIT_S  # What earlier questions took.
        assert mine.left_s < TRY_WAIT_S
        await service.confirm("h")

    with pytest.raises(VoucherUnreachable):
        await asyncio.create_task(impatient())
    assert line.state.up
