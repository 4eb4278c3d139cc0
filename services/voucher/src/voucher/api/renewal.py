"""The new code of a voucher whose short one was used: the gateway prints it on a slip."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from kassenverbund.kit.routes import WRITE, Empty, Gateway, as_json
from kassenverbund.kit.text import Identifier
from voucher import codes
from voucher.api.bodies import DeliveredAnswer, NewCodeAnswer, taxed
from voucher.handlers import Vouchers
from voucher.qr import QrCodes


def routes(vouchers: Vouchers, qr: QrCodes) -> APIRouter:
    found = APIRouter()

    @found.put("/v1/holds/{hold_id}/new-code", response_model=NewCodeAnswer, openapi_extra=WRITE)
    async def renew(hold_id: Identifier, asked: Gateway, body: Empty | None = None) -> Response:
        """The booking is recorded: the voucher's short code is dead from now on, and this is the
        new one. A repeat gets the same code until it is delivered. 409 `hold.open` while the
        payment is not captured here."""
        done = await vouchers.renewal.renew(
            asked.ask, hold_id=hold_id, store_id=asked.caller.store_id
        )
        if done is None:
            return as_json(NewCodeAnswer(hold_id=hold_id, state="kept"))
        voucher = done.voucher
        return as_json(
            NewCodeAnswer(
                hold_id=hold_id,
                state="renewed",
                voucher_id=voucher.voucher_id,
                serial=voucher.serial,
                code=codes.shown(done.code),
                qr=qr.of(voucher, done.code),
                value=voucher.balance,
                goods=voucher.terms.goods,
                valid_until=voucher.valid_until,
                **taxed(voucher.terms),
            )
        )

    @found.post(
        "/v1/holds/{hold_id}/new-code/delivered",
        response_model=DeliveredAnswer,
        openapi_extra=WRITE,
    )
    async def delivered(hold_id: Identifier, asked: Gateway, body: Empty | None = None) -> Response:
        """The slip is printed: the new code is wiped."""
        await vouchers.renewal.delivered(hold_id)
        return as_json(DeliveredAnswer(voucher_id=hold_id))

    return found
