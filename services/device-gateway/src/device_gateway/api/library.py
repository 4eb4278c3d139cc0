"""What a till asks of accounts before it books, and keys that settle by themselves."""

from __future__ import annotations

from datetime import date

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, model_validator

from device_gateway.api.article_bodies import Sku
from device_gateway.api.bookings import OwnTill, booking_of
from device_gateway.api.library_bodies import AccountCode
from device_gateway.handlers import assortment
from device_gateway.handlers.functions import press
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.library import ExtensionWanted, account_of, extension_of
from device_gateway.handlers.limits import limited
from device_gateway.handlers.scans import code_of
from device_gateway.ports import Place
from device_gateway.queries import BookingAnswer, answer
from kassenverbund.kit.idempotency import AskOf
from kassenverbund.kit.routes import Body, Day
from kassenverbund.kit.text import Identifier
from money import Money

PREVIEW = "00000000-0000-0000-0000-000000000000"
"""The booking and the extension of which only is asked what they would do."""


class FeeAnswer(BaseModel):
    model_config = ConfigDict(frozen=True)

    fee_id: str
    kind: str
    text: str | None
    amount: Money
    open: Money
    due: date
    vat: str


class FeesAnswer(BaseModel):
    """An account as a cashier needs it. Who it belongs to is kept elsewhere."""

    model_config = ConfigDict(frozen=True)

    account_id: str
    balance: Money
    available: Money
    """What a payment can use."""
    blocked: bool
    receipt_duty: bool
    fees: tuple[FeeAnswer, ...]
    """That are open, the longest due first."""


class ExtensionBody(Body):
    code: AccountCode
    subject_id: Identifier
    old_until: Day


class ExtensionAnswer(BaseModel):
    """What would be. `fee_booked` is false: the cashier confirms exactly that (V18)."""

    model_config = ConfigDict(frozen=True)

    serial: str
    entitlement: str
    subject_id: str
    old_until: date
    new_until: date
    fee_booked: bool = False


class PressBody(Body):
    """A key that does something, and what was typed or scanned after it."""

    sku: Sku
    entered: AccountCode | None = None
    scan: Identifier | None = None
    """Stands for `entered`: what was scanned at this till a moment ago."""

    @model_validator(mode="after")
    def _one_of_two(self) -> PressBody:
        if (self.entered is None) == (self.scan is None):
            raise ValueError("either what was typed, or a `scan`")
        return self


def _sent(told: BaseModel) -> Response:
    return Response(told.model_dump_json(), media_type="application/json")


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(prefix="/{store_id}/v1/tills/{till_id}", tags=["library"])

    @routes.get("/accounts/{account_id}/fees", response_model=FeesAnswer)
    async def fees(
        store_id: Identifier, till_id: Identifier, account_id: Identifier, caller: OwnTill
    ) -> Response:
        """Credit and open fees of an account; 404 `account.unknown`."""
        await limited(gateway, "lookup", store_id=store_id, till_id=till_id)
        account, terms = await account_of(gateway, store_id, account_id)
        shown = tuple(
            FeeAnswer(
                fee_id=fee.fee_id,
                kind=fee.kind,
                text=fee.text,
                amount=fee.amount,
                open=fee.open,
                due=fee.due,
                vat=terms.vat_of(fee.kind),
            )
            for fee in account.fees
        )
        return _sent(
            FeesAnswer(
                account_id=account.account_id,
                balance=account.balance,
                available=account.available,
                blocked=account.blocked,
                receipt_duty=account.receipt_duty,
                fees=shown,
            )
        )

    @routes.post("/extensions", response_model=ExtensionAnswer)
    async def extension(
        store_id: Identifier, till_id: Identifier, body: ExtensionBody, caller: OwnTill
    ) -> Response:
        """To which day a voucher would extend an entitlement. Stores nothing."""
        place = Place(store_id, till_id, PREVIEW, "")
        wanted = ExtensionWanted(body.code, body.subject_id, body.old_until)
        found = await extension_of(gateway, place, wanted, PREVIEW)
        return _sent(
            ExtensionAnswer(
                serial=found.serial,
                entitlement=found.entitlement,
                subject_id=found.subject_id,
                old_until=found.old_until,
                new_until=found.new_until,
            )
        )

    _functions(routes, gateway)
    return routes


def _functions(routes: APIRouter, gateway: Gateway) -> None:
    @routes.post("/bookings/{booking_id}/functions", response_model=BookingAnswer)
    async def function(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, body: PressBody,
        caller: OwnTill, ask: AskOf,
    ) -> Response:  # fmt: skip
        """Press a key of the Cashierfunctions: it settles what is open, and the sale is recorded.
        Refused, the sale stays open."""
        booking = await booking_of(gateway, store_id, till_id, booking_id)
        pressed = await assortment.article(gateway, body.sku)
        entered = body.entered or ""
        if body.scan is not None:
            entered = code_of(gateway, till_id, body.scan, by=ask.key).value
        progress = await press(gateway, booking, pressed, entered, ask=ask)
        return _sent(await answer(gateway, progress, with_codes=True))
