"""Receipts of a day: the list, one as its paper shows it, and a copy of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from device_gateway.api.pages.days import day_of
from device_gateway.api.pages.forms import FieldInvalid, Form, read_form
from device_gateway.api.pages.locales import N_
from device_gateway.api.pages.papers import paper_view
from device_gateway.api.pages.shell import Pages, Session, approval_of
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.refusals import BookingUnknown
from device_gateway.events import BookingOrdered
from device_gateway.handlers import printers
from device_gateway.handlers.gateway import Gateway, business_date
from device_gateway.handlers.paper import order_of
from device_gateway.handlers.rights import allowed
from device_gateway.handlers.verdicts import with_verdict
from device_gateway.ports import TillBooking
from kassenverbund.kit.text import Identifier

VERDICT_WAIT_S = 1.0
NUMBER_MAX = 10**9

KINDS: Mapping[str, str] = {
    "sale": N_("Sale"),
    "return": N_("Return"),
    "cancellation": N_("Cancellation"),
    "payout": N_("Payout"),
    "training": N_("Training"),
    "order": N_("Order"),
}
STATES: Mapping[str, str] = {
    "open": N_("open"),
    "parked": N_("parked"),
    "recorded": N_("booked"),
    "aborted": N_("aborted"),
}
"""What a booking is, for people."""

Number = Annotated[str, Query(max_length=12)]
PageNumber = Annotated[int, Query(ge=1, le=10_000)]


def router(gateway: Gateway, pages: Pages) -> APIRouter:
    routes = pages.router()
    pages.menu.append("receipts")
    _list(routes, gateway, pages)
    _one(routes, gateway, pages)
    return routes


def _list(routes: APIRouter, gateway: Gateway, pages: Pages) -> None:
    @routes.get("/{store_id}/till/receipts")
    async def receipts(
        store_id: Identifier,
        request: Request,
        number: Number = "",
        day: Annotated[str, Query(max_length=10)] = "",
        page: PageNumber = 1,
        session: Session = Depends(pages.session),
    ) -> Response:
        today = business_date(session.master_data, gateway.clock())
        shown = day_of(day, today, field="day") if day.strip() else today
        wanted = _number(number)
        rows, more = await _rows(gateway, session, None if wanted else shown, wanted, page)
        return pages.render(
            request,
            session,
            "receipts/list.html",
            rows=rows,
            more=more,
            page=page,
            number=number,
            shown=shown,
            today=today,
            kinds=KINDS,
            states=STATES,
        )


def _one(routes: APIRouter, gateway: Gateway, pages: Pages) -> None:
    @routes.get("/{store_id}/till/receipts/{booking_id}")
    async def receipt(
        store_id: Identifier,
        booking_id: Identifier,
        request: Request,
        session: Session = Depends(pages.session),
    ) -> Response:
        found = await own_process(gateway, session, booking_id)
        found = await with_verdict(gateway, found, wait_s=VERDICT_WAIT_S)
        order = await order_of(gateway, found)
        return pages.render(
            request,
            session,
            "receipts/receipt.html",
            booking_id=booking_id,
            booking=found,
            printed=bool(found.printed),
            view=await asyncio.to_thread(
                paper_view, gateway.desk, replace(order, is_copy=bool(found.printed))
            ),
        )

    @routes.post("/{store_id}/till/receipts/{booking_id}/copy")
    async def copy(
        store_id: Identifier,
        booking_id: Identifier,
        request: Request,
        session: Session = Depends(pages.session),
        form: Form = Depends(read_form),
    ) -> Response:
        ask = await pages.ask(request, session, form)
        await allowed(gateway, store_id, session.till_id, "reprint", approval_of(form), ask=ask)
        found = await own_process(gateway, session, booking_id)
        await printers.print_copy(gateway, found, ask=ask)
        return pages.done(request, session, N_("The copy is on its way to the printer."))


async def own_process(gateway: Gateway, session: Session, booking_id: str) -> Booking:
    """A recorded process of this till. Raises `BookingUnknown`."""
    found = await gateway.process(booking_id)
    final = found.final
    if final is None or isinstance(final, BookingOrdered):
        raise BookingUnknown
    if (final.store_id, final.till_id) != (session.store_id, session.till_id):
        raise BookingUnknown
    return found


async def _rows(
    gateway: Gateway, session: Session, day: date | None, number: int | None, page: int
) -> tuple[list[TillBooking], bool]:
    if gateway.till_bookings is None:
        return [], False
    rows, more = await gateway.till_bookings.page(
        till_id=session.till_id, state=None, day=day, number=number, page=page
    )
    return list(rows), more


def _number(text: str) -> int | None:
    """As typed; None: nothing was. Raises `FieldInvalid`."""
    digits = text.strip()
    if not digits:
        return None
    if not digits.isascii() or not digits.isdigit() or not 0 < int(digits) <= NUMBER_MAX:
        raise FieldInvalid(field="number")
    return int(digits)
