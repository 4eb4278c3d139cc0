"""What a till asks through its gateway: prepare, hold, confirm, release, look up; and systems that
sign elsewhere: redeem."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import AfterValidator, Field

from events import Handled
from kassenverbund.kit.auth import Forbidden, caller_of
from kassenverbund.kit.text import Identifier, SafeName
from money import Money
from voucher import codes
from voucher.api.kit import (
    WRITE,
    Answer,
    Body,
    Code,
    Empty,
    Gateway,
    Positive,
    Redeemer,
    as_json,
    within,
)
from voucher.commands import Mode
from voucher.decider import Hold, Issued, Status, Voucher, VoucherNotUsable
from voucher.events import SoldAt
from voucher.handlers import HOLD_S, HOLD_S_MAX, Vouchers

VALUE_MINOR_MAX = 1_000_000
"""The largest voucher that is issued: 10,000.00. Larger is a typing error."""

DSFINVK_KEY: Literal[5] = 5
"""A multi-purpose voucher is taxed by what it buys: its own lines are not taxable (key 5)."""


def _issuable(amount: Money) -> Money:
    if not 0 < amount.amount <= VALUE_MINOR_MAX:
        raise ValueError(f"a voucher is worth at most {VALUE_MINOR_MAX} minor units")
    return amount


Issuable = Annotated[Money, AfterValidator(_issuable)]


class PrepareBody(Body):
    value: Issuable
    legal_entity_id: Identifier
    store_id: Identifier
    till_id: Identifier
    booking_id: Identifier
    line_id: Identifier


class CancelBody(Body):
    reason: SafeName


class HoldBody(Body):
    code: Code
    amount: Positive
    mode: Mode
    store_id: Identifier
    till_id: Identifier
    booking_id: Identifier
    payment_id: Identifier
    expires_in_s: Annotated[int, Field(ge=1, le=HOLD_S_MAX)] = HOLD_S


class LookupBody(Body):
    code: Code


class RedeemBody(Body):
    code: Code
    amount: Positive
    mode: Mode
    redemption_id: Identifier
    store_id: Identifier


class PreparedAnswer(Answer):
    voucher_id: str
    serial: str
    code: str
    """To be printed once. This is the only answer that holds it."""
    value: Money
    valid_until: date
    state: str
    kind: Literal["multi_purpose"] = "multi_purpose"
    position: int


class VoucherState(Answer):
    voucher_id: str
    state: str


class DeliveredAnswer(Answer):
    voucher_id: str
    delivered: Literal[True] = True


class HoldAnswer(Answer):
    hold_id: str
    voucher_id: str
    serial: str
    amount: Money
    voucher_remaining: Money
    """What is left for further payments once this one is captured."""
    expires_at: datetime
    state: str
    kind: Literal["multi_purpose"] = "multi_purpose"
    dsfinvk_key: Literal[5] = DSFINVK_KEY
    vat: Literal["zero"] = "zero"
    position: int


class ReleasedAnswer(Answer):
    hold_id: str
    state: Literal["released"] = "released"


class LookupAnswer(Answer):
    serial: str
    value: Money
    balance: Money
    available: Money
    valid_until: date
    state: str


class RedeemAnswer(Answer):
    redemption_id: str
    serial: str
    amount: Money
    remaining: Money
    position: int


LOOKUP_ROLES = frozenset({"cashier", "manager", "back_office", "service"})
DETAIL_ROLES = frozenset({"manager", "back_office"})
"""They see why a voucher cannot be used. Everybody else hears the same answer for all reasons."""


def routes(vouchers: Vouchers) -> APIRouter:
    """Tried in this order: the busiest come first."""
    found = APIRouter()
    _spending(found, vouchers)
    _holding(found, vouchers)
    _preparing(found, vouchers)
    return found


def _preparing(routes: APIRouter, vouchers: Vouchers) -> None:
    @routes.put("/v1/prepared/{voucher_id}", response_model=PreparedAnswer, openapi_extra=WRITE)
    async def prepare(voucher_id: Identifier, body: PrepareBody, asked: Gateway) -> Response:
        """A pending voucher and its code for one booking line. A repeat gets the same code."""
        within(asked.caller, body.store_id)
        done = await vouchers.prepare(
            asked.ask,
            voucher_id=voucher_id,
            value=body.value,
            legal_entity_id=body.legal_entity_id,
            sold_at=SoldAt(
                store_id=body.store_id,
                till_id=body.till_id,
                booking_id=body.booking_id,
                line_id=body.line_id,
            ),
        )
        return as_json(
            PreparedAnswer(
                voucher_id=voucher_id,
                serial=done.voucher.serial,
                code=codes.shown(done.code),
                value=done.voucher.value,
                valid_until=done.voucher.valid_until,
                state=done.voucher.status.value,
                position=done.position,
            )
        )

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
        voucher_id: Identifier, asked: Gateway, body: Empty | None = None
    ) -> Response:
        """The print is acknowledged: the code is wiped."""
        await vouchers.delivered(voucher_id)
        return as_json(DeliveredAnswer(voucher_id=voucher_id))


def _holding(routes: APIRouter, vouchers: Vouchers) -> None:
    @routes.put("/v1/holds/{hold_id}", response_model=HoldAnswer, openapi_extra=WRITE)
    async def hold(hold_id: Identifier, body: HoldBody, asked: Gateway) -> Response:
        """Keep an amount of the voucher for one payment."""
        within(asked.caller, body.store_id)
        done = await vouchers.hold(
            asked.ask,
            hold_id=hold_id,
            typed=body.code.get_secret_value(),
            amount=body.amount,
            mode=body.mode,
            store_id=body.store_id,
            till_id=body.till_id,
            booking_id=body.booking_id,
            payment_id=body.payment_id,
            expires_in_s=body.expires_in_s,
            source=f"till:{body.store_id}/{body.till_id}",
        )
        return _held(done, hold_id)

    @routes.post("/v1/holds/{hold_id}/confirm", response_model=HoldAnswer, openapi_extra=WRITE)
    async def confirm(hold_id: Identifier, asked: Gateway, body: Empty | None = None) -> Response:
        """The booking is about to be recorded: the hold does not expire any more."""
        return _held(await vouchers.confirm(asked.ask, hold_id=hold_id), hold_id)

    @routes.post("/v1/holds/{hold_id}/release", response_model=ReleasedAnswer, openapi_extra=WRITE)
    async def release(hold_id: Identifier, asked: Gateway, body: Empty | None = None) -> Response:
        """The payment is not made. An unknown id is remembered: a hold that comes later is
        refused."""
        await vouchers.let_go(asked.ask, hold_id=hold_id)
        return as_json(ReleasedAnswer(hold_id=hold_id))


def _spending(routes: APIRouter, vouchers: Vouchers) -> None:
    @routes.post("/v1/redemptions", response_model=RedeemAnswer, openapi_extra=WRITE)
    async def redeem(body: RedeemBody, asked: Redeemer) -> Response:
        """Spend at once, for systems that sign elsewhere: hold, confirm, capture in one."""
        within(asked.caller, body.store_id)
        done = await vouchers.redeem(
            asked.ask,
            redemption_id=body.redemption_id,
            typed=body.code.get_secret_value(),
            amount=body.amount,
            mode=body.mode,
            store_id=body.store_id,
            source=f"{asked.caller.actor}@{body.store_id}",
        )
        voucher, spent = _hold_of(done.state, body.redemption_id)
        return as_json(
            RedeemAnswer(
                redemption_id=body.redemption_id,
                serial=voucher.serial,
                amount=spent.amount,
                remaining=spent.left,
                position=done.position,
            )
        )

    @routes.post("/v1/lookups", response_model=LookupAnswer)
    async def look_up(body: LookupBody, request: Request) -> Response:
        """What a voucher is worth now. Reads only, so it needs no Idempotency-Key."""
        caller = await caller_of(request)
        if caller.kind != "till" and not LOOKUP_ROLES & caller.roles:
            raise Forbidden(f"needs one of: {', '.join(sorted(LOOKUP_ROLES))}")
        voucher, now = await vouchers.look_up(body.code.get_secret_value(), source=caller.actor)
        state = voucher.shown_state(now)
        detailed = caller.kind != "till" and bool(DETAIL_ROLES & caller.roles)
        usable = state == "active" and vouchers.accepts(caller.store_id, voucher)
        if not usable and not detailed:
            raise VoucherNotUsable
        return as_json(
            LookupAnswer(
                serial=voucher.serial,
                value=voucher.value,
                balance=voucher.balance,
                available=voucher.available(now) if state == "active" else voucher.balance.zero,
                valid_until=voucher.valid_until,
                state=state,
            )
        )


def _hold_of(state: Voucher, hold_id: str) -> tuple[Issued, Hold]:
    assert isinstance(state, Issued)  # A hold stands on an issued voucher.
    hold = state.hold(hold_id)
    assert hold is not None  # The decision was accepted or is a repeat of one that was.
    return state, hold


def _held(done: Handled[Voucher], hold_id: str) -> Response:
    voucher, hold = _hold_of(done.state, hold_id)
    return as_json(
        HoldAnswer(
            hold_id=hold_id,
            voucher_id=voucher.voucher_id,
            serial=voucher.serial,
            amount=hold.amount,
            voucher_remaining=hold.left,
            expires_at=hold.expires_at,
            state=hold.state.value,
            position=done.position,
        )
    )
