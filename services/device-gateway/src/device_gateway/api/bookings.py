"""Bookings: one request for a whole sale, or step by step."""

from __future__ import annotations

import asyncio
import re
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from device_gateway.api.callers import OverriderOf, own_till, till_or_reader
from device_gateway.api.charges import CardBody, OverrideBody, asked_of
from device_gateway.commands import NewLine
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.pricing import LINES_MAX, PAYMENTS_MAX
from device_gateway.decider.refusals import BookingIsAborted, BookingUnknown
from device_gateway.events import QuantityAsked, SoldTerms, VoucherKind
from device_gateway.handlers import sales
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.paper import order_of
from device_gateway.handlers.sales import (
    NewLineWithCode,
    Progress,
    Sale,
    SentLine,
)
from device_gateway.handlers.tendered import TenderedPayment
from device_gateway.handlers.verdicts import PREFER_WAIT_MAX_S, with_verdict
from device_gateway.queries import BookingAnswer, answer
from events import DomainError
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.idempotency import AskOf
from kassenverbund.kit.text import Identifier, SafeName
from money import Money

LINE_NAME_MAX = 120
SKU_MAX = 64
CODE_MAX = 200
"""A signed QR code is scanned whole."""
CODES_MAX = 10
"""Vouchers that pay together."""

_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*(\d{1,4})(?:$|[,;\s])")

OwnTill = Annotated[Caller, Depends(own_till)]
TillOrReader = Annotated[Caller, Depends(till_or_reader)]


class NoReceiptYet(DomainError):
    code = "receipt.not_yet"
    status = 409
    title = "A receipt exists once the booking is recorded"


class Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Code = Annotated[SafeName, Field(max_length=CODE_MAX)]


class VoucherBody(Body):
    """What kind of voucher is sold; `unit_price` of its line is what it costs."""

    kind: VoucherKind = "multi_purpose"
    value: Money | None = None
    """Face value, where it is not the price."""
    goods: Annotated[SafeName, Field(max_length=LINE_NAME_MAX)] | None = None
    template: Identifier | None = None
    card_code: Code | None = None
    """A printed card is sold."""


class LineBody(Body):
    """`unit_price` is gross, per unit. `vat` is a key of the chain's table.

    `voucher_article_sale` and `voucher_article_redemption` are the chain's pairs of plain articles;
    the price of the latter is positive here and taken off. `voucher_top_up` brings the code of the
    voucher.
    """

    kind: Literal[
        "article", "voucher_sale", "voucher_article_sale", "voucher_article_redemption",
        "voucher_top_up",
    ]  # fmt: skip
    sku: Annotated[SafeName, Field(max_length=SKU_MAX)] | None = None
    name: Annotated[SafeName, Field(max_length=LINE_NAME_MAX)]
    quantity: QuantityAsked = "1"
    unit_price: Money
    vat: Identifier
    article_group: Identifier | None = None
    voucher: VoucherBody | None = None
    code: Code | None = None

    @model_validator(mode="after")
    def _hangs_together(self) -> LineBody:
        if (self.kind == "voucher_top_up") != (self.code is not None):
            raise ValueError("a top-up has the voucher's code, other lines have none")
        if self.voucher is not None and self.kind != "voucher_sale":
            raise ValueError("`voucher` belongs to the sale of a voucher")
        if self.article_group is not None and self.kind != "article":
            raise ValueError("`article_group` belongs to an article")
        return self

    def sent(self) -> SentLine:
        """The line, with its code beside it."""
        code = self.code if self.voucher is None else self.voucher.card_code
        line = self._new()
        return line if code is None else NewLineWithCode(line, code)

    def _new(self) -> NewLine:
        return NewLine(
            kind=self.kind,
            sku=self.sku,
            name=self.name,
            quantity=Decimal(self.quantity),
            unit_price=self.unit_price,
            vat=self.vat,
            article_group=self.article_group,
            voucher=None if self.voucher is None else _terms(self.voucher),
        )


def _terms(body: VoucherBody) -> SoldTerms:
    return SoldTerms(
        kind=body.kind,
        value=body.value,
        goods=body.goods,
        template=body.template,
        card=body.card_code is not None,
    )


class PaymentBody(Body):
    """Cash and card say their amount; a voucher brings its code and pays what it can. `codes`:
    several vouchers at once, of which the one that ends soonest pays first. A cost center has a
    `card`; `up_to`: it pays as much of the amount as its limits leave, otherwise all or nothing. A
    `customer_card` is scanned (`code`): its group says whether its cost center pays, or what is
    loaded on it."""

    kind: Literal["cash", "card", "voucher", "cost_center", "customer_card"]
    amount: Money | None = None
    code: Code | None = None
    codes: Annotated[list[Code], Field(min_length=2, max_length=CODES_MAX)] | None = None
    card: CardBody | None = None
    mode: Literal["exact", "up_to"] | None = None
    override: OverrideBody | None = None

    @model_validator(mode="after")
    def _complete(self) -> PaymentBody:
        coded = (self.code is not None) + (self.codes is not None)
        if coded != (self.kind in ("voucher", "customer_card")):
            raise ValueError("a voucher has a code, or several `codes`; cash and card have none")
        if self.kind == "customer_card" and self.codes is not None:
            raise ValueError("one customer card is scanned at a time")
        if self.codes is not None and len(set(self.codes)) < len(self.codes):
            raise ValueError("the same code twice")
        if self.kind in ("cash", "card") and self.amount is None:
            raise ValueError("cash and card need an amount")
        charged = self.kind == "cost_center"
        if charged != (self.card is not None):
            raise ValueError("a cost center has a `card`; nothing else has one")
        if not charged and (self.mode is not None or self.override is not None):
            raise ValueError("`mode` and `override` belong to a cost center")
        return self

    def tendered(self, overrider: Caller | None) -> TenderedPayment:
        """`overrider`: the manager of the request. Raises `Forbidden` where one is needed."""
        asked = None
        if self.card is not None:
            exact = self.mode != "up_to"
            asked = asked_of(self.card, exact=exact, override=self.override, by=overrider)
        return TenderedPayment(
            self.kind, self.amount, self.code, tuple(self.codes or ()), charge=asked
        )


Lines = Annotated[list[LineBody], Field(max_length=LINES_MAX)]
Payments = Annotated[list[PaymentBody], Field(max_length=PAYMENTS_MAX)]


class BookingBody(Body):
    """`finish` true: the complete sale in one request."""

    lines: Lines = []
    payments: Payments = []
    finish: StrictBool = False


class LinesBody(Body):
    lines: Annotated[Lines, Field(min_length=1)]


class PaymentsBody(Body):
    payments: Annotated[Payments, Field(min_length=1)]


class FinishBody(Body):
    """Nothing has to be said."""


class AbortBody(Body):
    reason: Annotated[SafeName, Field(max_length=LINE_NAME_MAX)] = "cashier"


async def wait_s_of(prefer: Annotated[str | None, Header()] = None) -> float:
    """`Prefer: wait=3` (RFC 7240), at most `PREFER_WAIT_MAX_S`."""
    found = _WAIT.search(prefer or "")
    return float(min(int(found.group(1)), PREFER_WAIT_MAX_S)) if found else 0.0


WaitS = Annotated[float, Depends(wait_s_of)]


def _sent(told: BookingAnswer) -> Response:
    return Response(told.model_dump_json(), media_type="application/json")


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(prefix="/{store_id}/v1/tills/{till_id}/bookings", tags=["bookings"])
    _writes(routes, gateway)
    _reads(routes, gateway)
    return routes


async def booking_of(gateway: Gateway, store_id: str, till_id: str, booking_id: str) -> Booking:
    """The booking, if it is this till's. Raises `BookingUnknown`."""
    booking = await gateway.booking(booking_id)
    started = booking.started
    assert started is not None
    if (started.store_id, started.till_id) != (store_id, till_id):
        raise BookingUnknown
    return booking


async def _told(gateway: Gateway, progress: Progress, wait_s: float) -> Response:
    booking = await with_verdict(gateway, progress.booking, wait_s=wait_s)
    return _sent(await answer(gateway, Progress(booking, progress.sold), with_codes=True))


def _writes(routes: APIRouter, gateway: Gateway) -> None:
    @routes.post("", response_model=BookingAnswer)
    async def sell(
        store_id: Identifier, till_id: Identifier, body: BookingBody, caller: OwnTill,
        ask: AskOf, wait_s: WaitS, overrider: OverriderOf,
    ) -> Response:  # fmt: skip
        sale = Sale(
            store_id=store_id,
            till_id=till_id,
            lines=[line.sent() for line in body.lines],
            payments=[payment.tendered(overrider) for payment in body.payments],
            finish=body.finish,
        )
        return await _told(gateway, await sales.sell(gateway, sale, ask=ask), wait_s)

    @routes.post("/{booking_id}/lines", response_model=BookingAnswer)
    async def lines(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, body: LinesBody,
        caller: OwnTill, ask: AskOf,
    ) -> Response:  # fmt: skip
        booking = await booking_of(gateway, store_id, till_id, booking_id)
        progress = await sales.add(gateway, booking, [line.sent() for line in body.lines], ask=ask)
        return await _told(gateway, progress, 0)

    @routes.post("/{booking_id}/payments", response_model=BookingAnswer)
    async def payments(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, body: PaymentsBody,
        caller: OwnTill, ask: AskOf, overrider: OverriderOf,
    ) -> Response:  # fmt: skip
        booking = await booking_of(gateway, store_id, till_id, booking_id)
        paid = [payment.tendered(overrider) for payment in body.payments]
        return await _told(gateway, await sales.pay(gateway, booking, paid, ask=ask), 0)

    @routes.post("/{booking_id}/finish", response_model=BookingAnswer)
    async def finish(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier,
        caller: OwnTill, ask: AskOf, wait_s: WaitS, body: FinishBody | None = None,
    ) -> Response:  # fmt: skip
        booking = await booking_of(gateway, store_id, till_id, booking_id)
        return await _told(gateway, await sales.finish(gateway, booking, ask=ask), wait_s)

    @routes.post("/{booking_id}/abort", response_model=BookingAnswer)
    async def abort(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier,
        caller: OwnTill, ask: AskOf, body: AbortBody | None = None,
    ) -> Response:  # fmt: skip
        booking = await booking_of(gateway, store_id, till_id, booking_id)
        reason = (body or AbortBody()).reason
        progress = await sales.abort(gateway, booking, reason=reason, ask=ask)
        return await _told(gateway, progress, 0)


def _reads(routes: APIRouter, gateway: Gateway) -> None:
    async def ordered(store_id: str, till_id: str, booking_id: str) -> Booking:
        booking = await booking_of(gateway, store_id, till_id, booking_id)
        if booking.aborted is not None:
            raise BookingIsAborted
        if booking.recorded is None:
            raise NoReceiptYet
        return booking

    @routes.get("/{booking_id}", response_model=BookingAnswer)
    async def show(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier,
        caller: TillOrReader, wait_s: WaitS,
    ) -> Response:  # fmt: skip
        booking = await booking_of(gateway, store_id, till_id, booking_id)
        booking = await with_verdict(gateway, booking, wait_s=wait_s)
        # Codes are told in answers to writes alone: a look at a booking never shows one.
        return _sent(await answer(gateway, Progress(booking), with_codes=False))

    @routes.get("/{booking_id}/receipt.html", response_class=Response)
    async def html(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, caller: TillOrReader
    ) -> Response:
        order = await order_of(gateway, await ordered(store_id, till_id, booking_id))
        # A page takes long enough to hold up other tills.
        page = await asyncio.to_thread(gateway.desk.html, order)
        return Response(page, media_type="text/html")

    @routes.get("/{booking_id}/receipt.txt", response_class=Response)
    async def text(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, caller: TillOrReader
    ) -> Response:
        order = await order_of(gateway, await ordered(store_id, till_id, booking_id))
        return Response(gateway.desk.text(order), media_type="text/plain; charset=utf-8")

    @routes.get("/{booking_id}/receipt.escpos", response_class=Response)
    async def escpos(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, caller: TillOrReader
    ) -> Response:
        order = await order_of(gateway, await ordered(store_id, till_id, booking_id))
        job = await asyncio.to_thread(gateway.desk.escpos, order)
        return Response(job, media_type="application/octet-stream")
