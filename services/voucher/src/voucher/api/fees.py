"""Fees and their settlement, claims of vouchers, and entitlements over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import AfterValidator, model_validator

from kassenverbund.kit.routes import (
    WRITE,
    Answer,
    Asked,
    Body,
    Day,
    Gateway,
    Positive,
    as_json,
    chainwide,
    within,
    writes,
)
from kassenverbund.kit.text import Identifier, SafeName
from money import Money
from voucher.api.fee_import import FEE_MINOR_MAX, read_fees, refuse_all
from voucher.api.kit import Code, EvenRoute
from voucher.decider.account.refusals import FeeUnknown
from voucher.decider.account.state import Opened, SettlementState
from voucher.events import Settlement
from voucher.handlers.claims import Claims
from voucher.handlers.entitlements import Entitlements, Extension
from voucher.handlers.fees import AtTill, Fees, Settle

Owner = Annotated[Asked, Depends(writes("service", "back_office"))]
"""The system that owns the fees, or the office."""
Desk = Annotated[Asked, Depends(writes("service", "back_office", "manager"))]


def _usual(amount: Money) -> Money:
    if not 0 < amount.amount <= FEE_MINOR_MAX:
        raise ValueError(f"a fee is between 1 and {FEE_MINOR_MAX} minor units")
    return amount


FeeAmount = Annotated[Money, AfterValidator(_usual)]


class FeeBody(Body):
    kind: Identifier
    amount: FeeAmount
    due: Day
    text: SafeName | None = None


class WithdrawBody(Body):
    reason: SafeName


class SettleBody(Body):
    fee_id: Identifier
    how: Settlement
    amount: Positive
    use_credit: bool = False
    """A waiver by credit of the account that had been given away."""
    code: Code | None = None
    """A waiver by a donated voucher."""
    reason: SafeName | None = None
    store_id: Identifier

    @model_validator(mode="after")
    def _hangs_together(self) -> SettleBody:
        if self.how != "waiver" and (self.use_credit or self.code is not None):
            raise ValueError("given credit and donated vouchers waive: `how` is `waiver`")
        if self.use_credit and self.code is not None:
            raise ValueError("waived by credit or by a voucher, not by both")
        return self


class SettleNowBody(SettleBody):
    settlement_id: Identifier


class PrepareSettlementBody(SettleBody):
    account_id: Identifier
    booking_id: Identifier
    till_id: Identifier


class DropBody(Body):
    reason: Literal["released", "aborted"] = "released"


class ClaimBody(Body):
    code: Code


class ExtensionBody(Body):
    code: Code
    subject_id: Identifier
    """Of the person in the system that keeps the entitlement. No name."""
    old_until: Day
    store_id: Identifier
    till_id: Identifier


class ConfirmExtensionBody(Body):
    voucher_id: Identifier
    subject_id: Identifier
    old_until: Day
    new_until: Day
    store_id: Identifier


class FeeAnswer(Answer):
    account_id: str
    fee_id: str
    kind: str
    amount: Money
    open: Money
    due: date
    withdrawn: bool
    balance: Money
    """Credit of the account: without receipt duty it may have settled the fee at once."""


class SettlementAnswer(Answer):
    settlement_id: str
    account_id: str
    fee_id: str
    how: Settlement
    amount: Money
    state: str
    open: Money
    """Of the fee, what nobody has settled yet."""
    balance: Money
    """Credit of the account."""
    voucher_serial: str | None
    reason: str | None


class DroppedAnswer(Answer):
    settlement_id: str
    state: Literal["dropped"] = "dropped"


class ClaimAnswer(Answer):
    account_id: str
    serial: str
    amount: Money
    balance: Money
    position: int


class ExtensionAnswer(Answer):
    extension_id: str
    voucher_id: str
    serial: str
    entitlement: str
    subject_id: str
    old_until: date
    new_until: date
    state: Literal["prepared", "confirmed"]


class ImportAnswer(Answer):
    fees: int
    total: Money
    position: int


def routes(fees: Fees, claims: Claims, entitlements: Entitlements) -> APIRouter:
    """Fees, settlements, claims, entitlements."""
    found = APIRouter(route_class=EvenRoute)
    _settlements(found, fees)
    _fees(found, fees)
    _claims(found, claims)
    _extensions(found, entitlements)
    return found


def _fees(routes: APIRouter, fees: Fees) -> None:
    @routes.put(
        "/v1/accounts/{account_id}/fees/{fee_id}", response_model=FeeAnswer, openapi_extra=WRITE
    )
    async def post(
        account_id: Identifier, fee_id: Identifier, body: FeeBody, asked: Owner
    ) -> Response:
        """A fee is open, as its owner's system says."""
        done = await fees.post(
            asked.ask,
            account_id=account_id,
            fee_id=fee_id,
            kind=body.kind,
            amount=body.amount,
            due=body.due,
            text=body.text,
        )
        return _fee(done.state, fee_id)

    @routes.post(
        "/v1/accounts/{account_id}/fees/{fee_id}/withdraw",
        response_model=FeeAnswer,
        openapi_extra=WRITE,
    )
    async def withdraw(
        account_id: Identifier, fee_id: Identifier, body: WithdrawBody, asked: Owner
    ) -> Response:
        """Its owner takes back what is open of it."""
        done = await fees.withdraw(
            asked.ask, account_id=account_id, fee_id=fee_id, reason=body.reason
        )
        return _fee(done.state, fee_id)

    @routes.post(
        "/v1/fees/imports",
        response_model=ImportAnswer,
        openapi_extra={
            **WRITE,
            "requestBody": {"required": True, "content": {"text/csv": {"schema": TEXT}}},
        },
    )
    async def many(request: Request, asked: Owner) -> Response:
        """Fees as CSV (`account_id,fee_id,kind,amount,due,text`): all of them or none. 422
        `fees.refused` lists the rows that stand against it."""
        chainwide(asked.caller)
        found = read_fees(await request.body(), now=fees.now())
        refuse_all(found, await fees.try_posting(found.posted))
        position = await fees.post_all(asked.ask, found.posted)
        return as_json(ImportAnswer(fees=len(found.posted), total=found.total, position=position))


TEXT = {"type": "string", "maxLength": 65_536}


def _settlements(routes: APIRouter, fees: Fees) -> None:
    @routes.put(
        "/v1/settlements/{settlement_id}", response_model=SettlementAnswer, openapi_extra=WRITE
    )
    async def prepare(
        settlement_id: Identifier, body: PrepareSettlementBody, asked: Gateway
    ) -> Response:
        """A booking is about to settle a fee, or part of it; recorded, it does."""
        within(asked.caller, body.store_id)
        source = f"till:{body.store_id}/{body.till_id}"
        wanted = _wanted(body, body.account_id, settlement_id, source)
        till = AtTill(booking_id=body.booking_id, till_id=body.till_id)
        return _settlement(await fees.prepare(asked.ask, wanted, till), settlement_id)

    @routes.post(
        "/v1/settlements/{settlement_id}/drop", response_model=DroppedAnswer, openapi_extra=WRITE
    )
    async def drop(settlement_id: Identifier, body: DropBody, asked: Gateway) -> Response:
        """The booking will not settle it. An unknown id is remembered: a preparation that comes
        later is refused."""
        await fees.drop(asked.ask, settlement_id=settlement_id, reason=body.reason)
        return as_json(DroppedAnswer(settlement_id=settlement_id))

    @routes.post(
        "/v1/accounts/{account_id}/settlements",
        response_model=SettlementAnswer,
        openapi_extra=WRITE,
    )
    async def at_once(account_id: Identifier, body: SettleNowBody, asked: Desk) -> Response:
        """Settle without a booking: waivers, and anything where no receipt duty is on."""
        within(asked.caller, body.store_id)
        wanted = _wanted(body, account_id, body.settlement_id, asked.caller.actor)
        return _settlement(await fees.settle_now(asked.ask, wanted), body.settlement_id)


def _claims(routes: APIRouter, claims: Claims) -> None:
    @routes.post(
        "/v1/accounts/{account_id}/claims", response_model=ClaimAnswer, openapi_extra=WRITE
    )
    async def claim(account_id: Identifier, body: ClaimBody, asked: Desk) -> Response:
        """A known person takes a voucher onto the account: all of it, once."""
        done = await claims.claim(
            asked.ask,
            account_id=account_id,
            typed=body.code.get_secret_value(),
            source=asked.caller.actor,
        )
        return as_json(
            ClaimAnswer(
                account_id=account_id,
                serial=done.serial,
                amount=done.amount,
                balance=done.account.balance,
                position=done.position,
            )
        )


def _extensions(routes: APIRouter, entitlements: Entitlements) -> None:
    @routes.put(
        "/v1/extensions/{extension_id}", response_model=ExtensionAnswer, openapi_extra=WRITE
    )
    async def prepare(extension_id: Identifier, body: ExtensionBody, asked: Gateway) -> Response:
        """What a voucher would extend, and to which day. Stores nothing yet."""
        within(asked.caller, body.store_id)
        found = await entitlements.prepare(
            extension_id=extension_id,
            typed=body.code.get_secret_value(),
            subject_id=body.subject_id,
            old_until=body.old_until,
            store_id=body.store_id,
            source=f"till:{body.store_id}/{body.till_id}",
        )
        return as_json(_extension(found, "prepared"))

    @routes.post(
        "/v1/extensions/{extension_id}/confirm",
        response_model=ExtensionAnswer,
        openapi_extra=WRITE,
    )
    async def confirm(
        extension_id: Identifier, body: ConfirmExtensionBody, asked: Gateway
    ) -> Response:
        """The cashier has confirmed it without a booking: no fee is booked."""
        within(asked.caller, body.store_id)
        found = await entitlements.confirm(
            asked.ask,
            extension_id=extension_id,
            voucher_id=body.voucher_id,
            subject_id=body.subject_id,
            old_until=body.old_until,
            new_until=body.new_until,
            store_id=body.store_id,
        )
        return as_json(_extension(found, "confirmed"))


def _extension(found: Extension, state: Literal["prepared", "confirmed"]) -> ExtensionAnswer:
    return ExtensionAnswer(
        extension_id=found.extension_id,
        voucher_id=found.voucher_id,
        serial=found.serial,
        entitlement=found.entitlement,
        subject_id=found.subject_id,
        old_until=found.old_until,
        new_until=found.new_until,
        state=state,
    )


def _wanted(body: SettleBody, account_id: str, settlement_id: str, source: str) -> Settle:
    return Settle(
        account_id=account_id,
        settlement_id=settlement_id,
        fee_id=body.fee_id,
        how=body.how,
        amount=body.amount,
        from_credit=body.use_credit,
        typed=body.code.get_secret_value() if body.code is not None else None,
        reason=body.reason,
        store_id=body.store_id,
        source=source,
    )


def _fee(account: object, fee_id: str) -> Response:
    assert isinstance(account, Opened)
    fee = account.fees.get(fee_id)
    if fee is None:
        raise FeeUnknown
    return as_json(
        FeeAnswer(
            account_id=account.account_id,
            fee_id=fee_id,
            kind=fee.kind,
            amount=fee.amount,
            open=fee.open,
            due=fee.due,
            withdrawn=fee.withdrawn,
            balance=account.balance,
        )
    )


def _settlement(account: Opened, settlement_id: str) -> Response:
    entry = account.settlements[settlement_id]
    settled = entry.state is SettlementState.SETTLED and entry.settled is not None
    return as_json(
        SettlementAnswer(
            settlement_id=settlement_id,
            account_id=account.account_id,
            fee_id=entry.fee_id,
            how=entry.how,
            amount=entry.settled if settled and entry.settled is not None else entry.amount,
            state=entry.state.value,
            open=account.fees[entry.fee_id].open,
            balance=account.balance,
            voucher_serial=entry.voucher_serial,
            reason=entry.reason,
        )
    )
