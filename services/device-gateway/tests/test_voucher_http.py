"""What the gateway makes of the voucher service's answers that decide nothing."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import pytest

from device_gateway.adapters.asking import TRIES_MAX
from device_gateway.adapters.voucher_http import HttpVoucherService
from device_gateway.ports import VoucherRefused, VoucherUnavailable

CONFIRMED = httpx.Response(200, json={"hold_id": "h", "state": "confirmed"})


def conflict() -> httpx.Response:
    """`events.LostRace`: other tills were faster at every try; nothing was decided."""
    problem = {"code": "conflict", "status": 409, "detail": "ask again"}
    return httpx.Response(409, json=problem, headers={"retry-after": "1"})


def service(answers: Sequence[httpx.Response], keys: list[str]) -> HttpVoucherService:
    """A voucher service that gives these answers in turn and notes the keys it was asked with."""
    coming = iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["idempotency-key"])
        return next(coming)

    transport = httpx.MockTransport(answer)
    return HttpVoucherService(httpx.AsyncClient(transport=transport, base_url="https://voucher"))


async def test_a_lost_race_is_asked_again_with_the_same_key() -> None:
    keys: list[str] = []
    await service([conflict(), CONFIRMED], keys).confirm("h")
    assert keys == ["confirm:h", "confirm:h"]


async def test_a_race_that_is_lost_every_time_is_no_refusal_of_the_voucher() -> None:
    with pytest.raises(VoucherUnavailable):
        await service([conflict()] * TRIES_MAX, []).confirm("h")


async def test_another_conflict_of_states_is_a_refusal_at_once() -> None:
    keys: list[str] = []
    expired = httpx.Response(409, json={"code": "hold.expired", "status": 409, "detail": "late"})
    with pytest.raises(VoucherRefused):
        await service([expired], keys).confirm("h")
    assert len(keys) == 1
