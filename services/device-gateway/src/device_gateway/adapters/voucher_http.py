"""The voucher service over HTTP (`/voucher/v1`), asked while a cashier waits.

Every call has an id of its own, so a lost answer is asked for again with the same id; the whole
exchange takes at most `CASHIER_WAIT_S`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from device_gateway.ports import Hold, SoldVoucher, VoucherRefused, VoucherUnavailable
from events import LostRace
from money import Money

CASHIER_WAIT_S = 3.0
TRY_WAIT_S = 1.2
TRIES_MAX = 3
BETWEEN_TRIES_S = 0.05


class _Reply(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Prepared(_Reply):
    voucher_id: str
    serial: str
    value: Money
    code: str | None = None
    valid_until: date | None = None


class _Held(_Reply):
    hold_id: str
    voucher_id: str
    serial: str
    amount: Money
    voucher_remaining: Money
    expires_at: datetime
    dsfinvk_key: int = 5
    vat: str = "zero"


class HttpVoucherService:
    """`client` has the base address and this service's credentials already."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def prepare(
        self, voucher_id: str, *, value: Money, legal_entity_id: str, store_id: str,
        till_id: str, booking_id: str, line_id: str,
    ) -> SoldVoucher:  # fmt: skip
        body = {
            "value": value.model_dump(),
            "legal_entity_id": legal_entity_id,
            "store_id": store_id,
            "till_id": till_id,
            "booking_id": booking_id,
            "line_id": line_id,
        }
        path = f"/voucher/v1/prepared/{voucher_id}"
        reply = await self._ask(_Prepared, "PUT", path, body, key=f"prepare:{voucher_id}")
        return SoldVoucher(
            voucher_id=reply.voucher_id,
            serial=reply.serial,
            value=reply.value,
            code=reply.code,
            valid_until=reply.valid_until,
        )

    async def delivered(self, voucher_id: str) -> None:
        path = f"/voucher/v1/prepared/{voucher_id}/delivered"
        await self._ask(_Reply, "POST", path, {}, key=f"delivered:{voucher_id}")

    async def cancel(self, voucher_id: str, *, reason: str) -> None:
        path = f"/voucher/v1/prepared/{voucher_id}/cancel"
        await self._ask(_Reply, "POST", path, {"reason": reason}, key=f"cancel:{voucher_id}")

    async def hold(
        self, hold_id: str, *, code: str, up_to: Money, store_id: str, till_id: str,
        booking_id: str, payment_id: str,
    ) -> Hold:  # fmt: skip
        body = {
            "code": code,
            "amount": up_to.model_dump(),
            "mode": "up_to",
            "store_id": store_id,
            "till_id": till_id,
            "booking_id": booking_id,
            "payment_id": payment_id,
        }
        path = f"/voucher/v1/holds/{hold_id}"
        reply = await self._ask(_Held, "PUT", path, body, key=f"hold:{hold_id}")
        return Hold(
            hold_id=reply.hold_id,
            voucher_id=reply.voucher_id,
            serial=reply.serial,
            amount=reply.amount,
            voucher_remaining=reply.voucher_remaining,
            expires_at=reply.expires_at,
            dsfinvk_key=reply.dsfinvk_key,
            vat=reply.vat,
        )

    async def confirm(self, hold_id: str) -> None:
        path = f"/voucher/v1/holds/{hold_id}/confirm"
        await self._ask(_Reply, "POST", path, {}, key=f"confirm:{hold_id}")

    async def release(self, hold_id: str) -> None:
        path = f"/voucher/v1/holds/{hold_id}/release"
        await self._ask(_Reply, "POST", path, {}, key=f"release:{hold_id}")

    async def _ask(
        self, shape: type[Any], method: str, path: str, body: Mapping[str, Any], *, key: str
    ) -> Any:
        """The reply, or the refusal. Anything in between is asked again with the same ids."""
        last = "no answer in time"
        try:
            async with asyncio.timeout(CASHIER_WAIT_S):
                for attempt in range(1, TRIES_MAX + 1):
                    try:
                        async with asyncio.timeout(TRY_WAIT_S):
                            answer = await self._client.request(
                                method, path, json=body, headers={"idempotency-key": key}
                            )
                    except (TimeoutError, httpx.TransportError) as away:
                        last = type(away).__name__
                    else:
                        if answer.is_success:
                            return _read(shape, answer)
                        if answer.status_code < 500 and not _lost_race(answer):
                            raise _refusal(answer)
                        last = f"status {answer.status_code}"
                    if attempt < TRIES_MAX:
                        await asyncio.sleep(BETWEEN_TRIES_S * attempt)
        except TimeoutError:
            pass
        raise VoucherUnavailable(f"{VoucherUnavailable.title} ({last})")


def _read(shape: type[Any], answer: httpx.Response) -> Any:
    try:
        return shape.model_validate_json(answer.content)
    except ValidationError:
        # What came may mean that it was done; the caller repeats by id or releases.
        raise VoucherUnavailable("the voucher service answered something unreadable") from None


def _lost_race(answer: httpx.Response) -> bool:
    """Other tills were faster at the same voucher every time. Nothing was decided: to the cashier
    that is no answer, least of all that the voucher cannot be used."""
    if answer.status_code != LostRace.status:
        return False
    try:
        problem = answer.json()
    except ValueError:
        return False
    return isinstance(problem, dict) and problem.get("code") == LostRace.code


def _refusal(answer: httpx.Response) -> VoucherRefused | VoucherUnavailable:
    """A 4xx with a problem's code. 401 and 403 are ours to mend, no answer to a cashier."""
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or answer.status_code in (401, 403):
        return VoucherUnavailable(f"the voucher service answered {answer.status_code}")
    extra: dict[str, object] = {}
    if answer.headers.get("retry-after", "").isdigit():
        extra["retry_after_s"] = int(answer.headers["retry-after"])
    code, detail = str(problem.get("code", "voucher.refused")), str(problem.get("detail", ""))
    return VoucherRefused(code, answer.status_code, detail, **extra)
