"""Acts on an open sale, sales that are set aside, and what is open at a till now."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import Field, model_validator

from device_gateway.api.bodies import Body, Reason
from device_gateway.api.bookings import OwnTill, TillOrReader, booking_of
from device_gateway.api.callers import ApprovalOf
from device_gateway.decider.booking_state import Booking
from device_gateway.events import QuantityAsked
from device_gateway.handlers import editing
from device_gateway.handlers.editing import Discount
from device_gateway.handlers.ending import Progress
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.rights import at_till
from device_gateway.ports import TillBooking, TillBookingState
from device_gateway.queries import Answer, BookingAnswer, answer
from kassenverbund.kit.idempotency import AskOf
from kassenverbund.kit.listing import Day
from kassenverbund.kit.text import Identifier, SafeName
from money import Money

LABEL_MAX = 60

LineId = Annotated[str, Field(pattern=r"^[0-9]{1,4}$")]


class VoidBody(Body):
    reason: Reason = "cashier"


class QuantityBody(Body):
    """Less than before is a void of the rest, with its `reason`."""

    quantity: QuantityAsked
    reason: Reason = "cashier"


class PriceBody(Body):
    unit_price: Money
    reason: Reason


class DiscountBody(Body):
    """Either `percent` in basis points (1000: ten percent), or an `amount` above zero."""

    percent: Annotated[int | None, Field(ge=1, le=10_000)] = None
    amount: Money | None = None
    reason: Reason

    @model_validator(mode="after")
    def _one_of_both(self) -> DiscountBody:
        if (self.percent is None) == (self.amount is None):
            raise ValueError("either `percent` or `amount`")
        return self

    def discount(self) -> Discount:
        return Discount(self.reason, self.percent, self.amount)


class ParkBody(Body):
    """`label`: by which people find it again."""

    label: Annotated[SafeName, Field(max_length=LABEL_MAX)] | None = None


class ParkedAnswer(Answer):
    booking_id: str
    label: str | None
    total: Money
    lines: int
    parked_at: datetime
    cashier: str | None


class ListedBooking(Answer):
    """`paper`: the receipt is queued or printed; null: nothing was printed."""

    booking_id: str
    state: TillBookingState
    kind: str
    number: int | None
    shift: int | None
    business_date: date | None
    started_at: datetime
    ended_at: datetime | None
    total: Money
    verdict: Literal["signed", "unsigned"] | None
    paper: Literal["queued", "printed"] | None
    cashier: str | None
    label: str | None


class ListAnswer(Answer):
    """The newest first, at most 50 a page."""

    bookings: tuple[ListedBooking, ...]
    page: int
    more: bool


class CurrentAnswer(Answer):
    """As the log has it now: the sale that goes on, and those that are set aside, newest first."""

    booking: BookingAnswer | None
    parked: tuple[ParkedAnswer, ...]


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(prefix="/{store_id}/v1/tills/{till_id}", tags=["acts"])
    _lines(routes, gateway)
    _discounts(routes, gateway)
    _aside(routes, gateway)
    _list(routes, gateway)
    return routes


async def _told(gateway: Gateway, progress: Progress) -> Response:
    told = await answer(gateway, progress, with_codes=True)
    return Response(told.model_dump_json(), media_type="application/json")


def _lines(routes: APIRouter, gateway: Gateway) -> None:
    @routes.post("/bookings/{booking_id}/lines/{line_id}/void", response_model=BookingAnswer)
    async def void(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, line_id: LineId,
        caller: OwnTill, ask: AskOf, approval: ApprovalOf = None, body: VoidBody | None = None,
    ) -> Response:  # fmt: skip
        booking = await booking_of(gateway, store_id, till_id, booking_id)
        reason = (body or VoidBody()).reason
        return await _told(
            gateway,
            await editing.void_line(
                gateway, booking, line_id, reason=reason, approval=approval, ask=ask
            ),
        )

    @routes.post("/bookings/{booking_id}/lines/{line_id}/quantity", response_model=BookingAnswer)
    async def quantity(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, line_id: LineId,
        body: QuantityBody, caller: OwnTill, ask: AskOf, approval: ApprovalOf = None,
    ) -> Response:  # fmt: skip
        booking = await booking_of(gateway, store_id, till_id, booking_id)
        progress = await editing.change_quantity(
            gateway, booking, line_id, Decimal(body.quantity),
            reason=body.reason, approval=approval, ask=ask,
        )  # fmt: skip
        return await _told(gateway, progress)

    @routes.post("/bookings/{booking_id}/lines/{line_id}/price", response_model=BookingAnswer)
    async def price(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, line_id: LineId,
        body: PriceBody, caller: OwnTill, ask: AskOf, approval: ApprovalOf = None,
    ) -> Response:  # fmt: skip
        booking = await booking_of(gateway, store_id, till_id, booking_id)
        progress = await editing.change_price(
            gateway, booking, line_id, body.unit_price,
            reason=body.reason, approval=approval, ask=ask,
        )  # fmt: skip
        return await _told(gateway, progress)


def _discounts(routes: APIRouter, gateway: Gateway) -> None:
    @routes.post("/bookings/{booking_id}/lines/{line_id}/discount", response_model=BookingAnswer)
    async def of_line(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, line_id: LineId,
        body: DiscountBody, caller: OwnTill, ask: AskOf, approval: ApprovalOf = None,
    ) -> Response:  # fmt: skip
        booking = await booking_of(gateway, store_id, till_id, booking_id)
        progress = await editing.give_discount(
            gateway, booking, line_id, body.discount(), approval=approval, ask=ask
        )
        return await _told(gateway, progress)

    @routes.post("/bookings/{booking_id}/discount", response_model=BookingAnswer)
    async def of_all(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, body: DiscountBody,
        caller: OwnTill, ask: AskOf, approval: ApprovalOf = None,
    ) -> Response:  # fmt: skip
        booking = await booking_of(gateway, store_id, till_id, booking_id)
        progress = await editing.give_discount(
            gateway, booking, None, body.discount(), approval=approval, ask=ask
        )
        return await _told(gateway, progress)


def _aside(routes: APIRouter, gateway: Gateway) -> None:
    @routes.post("/bookings/{booking_id}/park", response_model=BookingAnswer)
    async def park(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, caller: OwnTill,
        ask: AskOf, body: ParkBody | None = None,
    ) -> Response:  # fmt: skip
        booking = await booking_of(gateway, store_id, till_id, booking_id)
        label = (body or ParkBody()).label
        return await _told(gateway, await editing.park(gateway, booking, label=label, ask=ask))

    @routes.post("/bookings/{booking_id}/resume", response_model=BookingAnswer)
    async def resume(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, caller: OwnTill,
        ask: AskOf,
    ) -> Response:  # fmt: skip
        booking = await booking_of(gateway, store_id, till_id, booking_id)
        return await _told(gateway, await editing.resume(gateway, booking, ask=ask))

    @routes.get("/current", response_model=CurrentAnswer)
    async def current(
        store_id: Identifier, till_id: Identifier, caller: TillOrReader
    ) -> CurrentAnswer:
        going, parked = await editing.open_sales(gateway, store_id=store_id, till_id=till_id)
        told = None
        if going is not None:
            told = await answer(gateway, Progress(going), with_codes=False)
        return CurrentAnswer(booking=told, parked=tuple(_parked(each) for each in parked))


def _list(routes: APIRouter, gateway: Gateway) -> None:
    @routes.get("/bookings", response_model=ListAnswer)
    async def listed(
        store_id: Identifier, till_id: Identifier, caller: TillOrReader,
        state: Annotated[TillBookingState | None, Query()] = None,
        day: Annotated[Day | None, Query()] = None,
        number: Annotated[int | None, Query(ge=1, le=10**9)] = None,
        page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    ) -> ListAnswer:  # fmt: skip
        await at_till(gateway, store_id, till_id)
        if gateway.till_bookings is None:
            return ListAnswer(bookings=(), page=page, more=False)
        rows, more = await gateway.till_bookings.page(
            till_id=till_id, state=state, day=day, number=number, page=page
        )
        return ListAnswer(bookings=tuple(_listed(row) for row in rows), page=page, more=more)


def _listed(row: TillBooking) -> ListedBooking:
    return ListedBooking(
        booking_id=row.booking_id,
        state=row.state,
        kind=row.kind,
        number=row.number,
        shift=row.shift,
        business_date=row.business_date,
        started_at=row.started_at,
        ended_at=row.ended_at,
        total=row.total,
        verdict=row.verdict,
        paper=row.paper,
        cashier=row.cashier_id,
        label=row.label,
    )


def _parked(booking: Booking) -> ParkedAnswer:
    aside = booking.parked
    assert aside is not None
    return ParkedAnswer(
        booking_id=aside.booking_id,
        label=aside.label,
        total=booking.total,
        lines=len(booking.lines),
        parked_at=aside.parked_at,
        cashier=aside.cashier_id,
    )
