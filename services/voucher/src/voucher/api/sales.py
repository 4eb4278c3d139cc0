"""Sales at the till: vouchers, printed cards, top-ups."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from kassenverbund.kit.routes import WRITE, Asked, Empty, Gateway, as_json, within, writes
from kassenverbund.kit.text import Identifier
from voucher import codes
from voucher.api.bodies import (
    CancelBody,
    DeliveredAnswer,
    PrepareBody,
    PreparedAnswer,
    TopUpAnswer,
    TopUpBody,
    TopUpState,
    VoucherState,
    taxed,
)
from voucher.api.kit import EvenRoute
from voucher.commands import CancelTopUp
from voucher.decider import Status
from voucher.events import SoldAt
from voucher.handlers import Prepared, Vouchers, Wanted
from voucher.qr import QrCodes

Delivers = Annotated[Asked, Depends(writes("service", "back_office"))]


def routes(vouchers: Vouchers, qr: QrCodes) -> APIRouter:
    found = APIRouter(route_class=EvenRoute)
    _preparing(found, vouchers, qr)
    _topping_up(found, vouchers)
    return found


def prepared(done: Prepared, qr: QrCodes) -> Response:
    """The answer that carries the code."""
    voucher = done.voucher
    assert voucher.valid_until is not None  # It is for sale, so its last day is counted.
    issue = voucher.past.issue
    return as_json(
        PreparedAnswer(
            voucher_id=voucher.voucher_id,
            serial=voucher.serial,
            code=codes.shown(done.code) if done.code else None,
            qr=qr.of(voucher, done.code) if done.code else None,
            value=voucher.value,
            consideration=voucher.value if issue is None else issue.consideration,
            goods=voucher.terms.goods,
            valid_until=voucher.valid_until,
            state=voucher.status.value,
            position=done.position,
            **taxed(voucher.terms),
        )
    )


def wanted_by(body: PrepareBody) -> Wanted:
    return Wanted(
        template_id=body.template,
        kind=body.kind,
        vat=body.vat,
        goods=body.goods,
        funding=body.funding,
        reason=body.reason,
        consideration=body.consideration,
    )


def _preparing(routes: APIRouter, vouchers: Vouchers, qr: QrCodes) -> None:
    @routes.put("/v1/prepared/{voucher_id}", response_model=PreparedAnswer, openapi_extra=WRITE)
    async def prepare(voucher_id: Identifier, body: PrepareBody, asked: Gateway) -> Response:
        """A pending voucher and its code for one booking line; a repeat gets the same code. With
        `card_code`: the sale of a printed card; the answer names the card's voucher."""
        within(asked.caller, body.store_id)
        sold_at = SoldAt(
            store_id=body.store_id,
            till_id=body.till_id,
            booking_id=body.booking_id,
            line_id=body.line_id,
        )
        if body.card_code is not None:
            done = await vouchers.selling.prepare_card(
                asked.ask,
                preparation_id=voucher_id,
                typed=body.card_code.get_secret_value(),
                value=body.value,
                consideration=body.consideration,
                legal_entity_id=body.legal_entity_id,
                sold_at=sold_at,
                source=f"till:{body.store_id}/{body.till_id}",
            )
        else:
            done = await vouchers.prepare(
                asked.ask,
                voucher_id=voucher_id,
                value=body.value,
                legal_entity_id=body.legal_entity_id,
                sold_at=sold_at,
                wanted=wanted_by(body),
            )
        return prepared(done, qr)

    @routes.post(
        "/v1/prepared/{voucher_id}/cancel", response_model=VoucherState, openapi_extra=WRITE
    )
    async def cancel(voucher_id: Identifier, body: CancelBody, asked: Gateway) -> Response:
        """The voucher is not sold. 409 `voucher.sold` where its sale is recorded."""
        await vouchers.cancel(asked.ask, voucher_id=voucher_id, reason=body.reason)
        return as_json(VoucherState(voucher_id=voucher_id, state=Status.CANCELLED.value))

    @routes.post(
        "/v1/prepared/{voucher_id}/delivered", response_model=DeliveredAnswer, openapi_extra=WRITE
    )
    async def delivered(
        voucher_id: Identifier, asked: Delivers, body: Empty | None = None
    ) -> Response:
        """The print is acknowledged: the code is wiped."""
        await vouchers.delivered(voucher_id)
        return as_json(DeliveredAnswer(voucher_id=voucher_id))


def _topping_up(routes: APIRouter, vouchers: Vouchers) -> None:
    @routes.put("/v1/top-ups/{top_up_id}", response_model=TopUpAnswer, openapi_extra=WRITE)
    async def top_up(top_up_id: Identifier, body: TopUpBody, asked: Gateway) -> Response:
        """More value for a voucher. It counts once its booking is recorded (line
        `voucher_top_up`)."""
        within(asked.caller, body.store_id)
        done = await vouchers.selling.prepare_top_up(
            asked.ask,
            top_up_id=top_up_id,
            typed=body.code.get_secret_value(),
            value=body.value,
            consideration=body.consideration,
            sold_at=SoldAt(
                store_id=body.store_id,
                till_id=body.till_id,
                booking_id=body.booking_id,
                line_id=body.line_id,
            ),
            source=f"till:{body.store_id}/{body.till_id}",
        )
        return as_json(
            TopUpAnswer(
                top_up_id=top_up_id,
                voucher_id=done.voucher.voucher_id,
                serial=done.voucher.serial,
                value=done.top_up.value,
                consideration=done.top_up.consideration,
                balance=done.voucher.balance,
                valid_until=done.top_up.valid_until,
                state=done.top_up.state,
                position=done.position,
                **{**taxed(done.voucher.terms), "rate": done.top_up.rate},
            )
        )

    @routes.post("/v1/top-ups/{top_up_id}/cancel", response_model=TopUpState, openapi_extra=WRITE)
    async def cancel_top_up(top_up_id: Identifier, body: CancelBody, asked: Gateway) -> Response:
        """It is not sold. One that is recorded stays; an unknown id is remembered."""
        command = CancelTopUp(top_up_id=top_up_id, reason=body.reason, now=vouchers.desk.clock())
        await vouchers.selling.cancel_top_up(command, asked.ask)
        return as_json(TopUpState(top_up_id=top_up_id))
