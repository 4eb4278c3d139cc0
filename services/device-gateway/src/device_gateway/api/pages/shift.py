"""The shift's pages: open with a float, move cash, X report, count and close, Z report."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from device_gateway.api.pages.forms import FieldInvalid, Form, read_form
from device_gateway.api.pages.locales import N_
from device_gateway.api.pages.papers import paper_view
from device_gateway.api.pages.shell import Pages, Session, approval_of
from device_gateway.events import CashMoved, CashMoveKind, TillClosed
from device_gateway.handlers import cashiers, closings, printers
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.paper import order_of
from device_gateway.handlers.rights import allowed
from device_gateway.handlers.shifts import shift_of
from device_gateway.handlers.verdicts import with_verdict
from kassenverbund.kit.text import Identifier
from money import Money

VERDICT_WAIT_S = 2.0
"""How long a page waits for a signature before it shows what there is."""

MOVES: Sequence[tuple[CashMoveKind, str]] = (
    ("paid_in", N_("Paid in")),
    ("paid_out", N_("Paid out")),
    ("transit_in", N_("Change from the safe")),
    ("transit_out", N_("Skimmed to the safe")),
    ("tip_out", N_("Tips paid out")),
    ("wage", N_("Wage advance")),
    ("owner_in", N_("Owner puts in")),
    ("owner_out", N_("Owner takes out")),
)
"""What a cashier may choose, the most frequent first."""

WORTHS: dict[str, Sequence[int]] = {
    "EUR": (
        50_000, 20_000, 10_000, 5_000, 2_000, 1_000, 500, 200, 100, 50, 20, 10, 5, 2, 1,
    ),
}  # fmt: skip
"""Notes and coins by currency, in minor units. A currency that is not here is counted as a sum."""

PIECES_MAX = 99_999

ZNumber = Annotated[int, Path(ge=1, le=10**9)]


def router(gateway: Gateway, pages: Pages) -> APIRouter:
    routes = pages.router()
    pages.menu.append("shift")
    _look(routes, gateway, pages)
    _open(routes, gateway, pages)
    _cash(routes, gateway, pages)
    _close(routes, gateway, pages)
    _reports(routes, gateway, pages)
    _x_print(routes, gateway, pages)
    return routes


def _look(routes: APIRouter, gateway: Gateway, pages: Pages) -> None:
    @routes.get("/{store_id}/till/shift")
    async def shift(
        store_id: Identifier, request: Request, session: Session = Depends(pages.session)
    ) -> Response:
        till, found = await closings.shift_at(gateway, store_id=store_id, till_id=session.till_id)
        before = None
        if not found.open and found.closed is not None:
            before = found
        return pages.render(
            request,
            session,
            "shift/shift.html",
            till=till,
            shift=found,
            closed=before,
            moves=MOVES,
        )


def _open(routes: APIRouter, gateway: Gateway, pages: Pages) -> None:
    @routes.post("/{store_id}/till/training")
    async def training(
        store_id: Identifier,
        request: Request,
        session: Session = Depends(pages.session),
        form: Form = Depends(read_form),
    ) -> Response:
        """`cashiers.train` asks for the right itself."""
        await cashiers.train(
            gateway,
            store_id=store_id,
            till_id=session.till_id,
            on=form.yes("on"),
            approval=approval_of(form),
            ask=await pages.ask(request, session, form),
        )
        return pages.go(request, f"/stores/{store_id}/till/shift")

    @routes.post("/{store_id}/till/shift/open")
    async def open_till(
        store_id: Identifier,
        request: Request,
        session: Session = Depends(pages.session),
        form: Form = Depends(read_form),
    ) -> Response:
        cashier = session.cashier
        await closings.open_till(
            gateway,
            store_id=store_id,
            till_id=session.till_id,
            float_=form.money_or_none("float", session.currency, session.locale),
            cashier_id=cashier.cashier_id if cashier else None,
            ask=await pages.ask(request, session, form),
        )
        return pages.go(request, f"/stores/{store_id}/till")


def _cash(routes: APIRouter, gateway: Gateway, pages: Pages) -> None:
    @routes.get("/{store_id}/till/shift/cash")
    async def cash(
        store_id: Identifier, request: Request, session: Session = Depends(pages.session)
    ) -> Response:
        return pages.render(request, session, "shift/cash.html", moves=MOVES)

    @routes.post("/{store_id}/till/shift/cash")
    async def move(
        store_id: Identifier,
        request: Request,
        session: Session = Depends(pages.session),
        form: Form = Depends(read_form),
    ) -> Response:
        kind = next((known for known, _ in MOVES if known == form.raw("kind")), None)
        if kind is None:
            raise FieldInvalid(field="kind")
        ask = await pages.ask(request, session, form)
        who = await allowed(
            gateway, store_id, session.till_id, "cash_move", approval_of(form), ask=ask
        )
        moved = await closings.move_till_cash(
            gateway,
            store_id=store_id,
            till_id=session.till_id,
            kind=kind,
            amount=form.money("amount", session.currency, session.locale),
            reason=form.text("reason"),
            cashier_id=who.cashier_id,
            ask=ask,
        )
        final = moved.final
        assert isinstance(final, CashMoved)
        return pages.go(request, f"/stores/{store_id}/till/shift/cash/{final.booking_id}")

    @routes.get("/{store_id}/till/shift/cash/{booking_id}")
    async def slip(
        store_id: Identifier,
        booking_id: Identifier,
        request: Request,
        session: Session = Depends(pages.session),
    ) -> Response:
        moved = await closings.move_of(
            gateway, store_id=store_id, till_id=session.till_id, booking_id=booking_id
        )
        moved = await with_verdict(gateway, moved, wait_s=VERDICT_WAIT_S)
        return pages.render(
            request,
            session,
            "paper.html",
            heading=N_("Cash move"),
            view=await asyncio.to_thread(paper_view, gateway.desk, await order_of(gateway, moved)),
            back="shift",
            extra=None,
            prints=None,
        )


def _close(routes: APIRouter, gateway: Gateway, pages: Pages) -> None:
    @routes.get("/{store_id}/till/shift/close")
    async def count(
        store_id: Identifier, request: Request, session: Session = Depends(pages.session)
    ) -> Response:
        """Blind: nothing on this page says what should be in the drawer."""
        _, found = await closings.shift_at(gateway, store_id=store_id, till_id=session.till_id)
        return pages.render(
            request,
            session,
            "shift/close.html",
            shift=found,
            worths=[
                Money(amount=worth, currency=session.currency)
                for worth in WORTHS.get(session.currency, ())
            ],
        )

    @routes.post("/{store_id}/till/shift/close")
    async def close(
        store_id: Identifier,
        request: Request,
        session: Session = Depends(pages.session),
        form: Form = Depends(read_form),
    ) -> Response:
        counted = counted_of(form, session)
        ask = await pages.ask(request, session, form)
        who = await allowed(gateway, store_id, session.till_id, "close", approval_of(form), ask=ask)
        closed = await closings.close_till(
            gateway,
            store_id=store_id,
            till_id=session.till_id,
            counted=counted,
            skim=form.money_or_none("skim", session.currency, session.locale),
            abort_open=form.yes("abort_open"),
            cashier_id=who.cashier_id,
            ask=ask,
        )
        final = closed.final
        assert isinstance(final, TillClosed)
        return pages.go(request, f"/stores/{store_id}/till/shift/z/{final.z_number}")


def counted_of(form: Form, session: Session) -> Money:
    """The drawer by its notes and coins, or as a sum. Raises `FieldInvalid`."""
    total = form.money_or_none("counted", session.currency, session.locale)
    pieces = {
        worth: form.whole(f"n{worth}", most=PIECES_MAX)
        for worth in WORTHS.get(session.currency, ())
    }
    by_pieces = sum(worth * number for worth, number in pieces.items())
    if total is not None and by_pieces and total.amount != by_pieces:
        raise FieldInvalid(field="counted")
    if total is not None:
        return total
    return Money(amount=by_pieces, currency=session.currency)


def _reports(routes: APIRouter, gateway: Gateway, pages: Pages) -> None:
    @routes.get("/{store_id}/till/shift/x")
    async def x_report(
        store_id: Identifier, request: Request, session: Session = Depends(pages.session)
    ) -> Response:
        await allowed(gateway, store_id, session.till_id, "x_report")
        order = await closings.x_report_of(gateway, store_id=store_id, till_id=session.till_id)
        return pages.render(
            request,
            session,
            "paper.html",
            heading=N_("X report"),
            view=await asyncio.to_thread(paper_view, gateway.desk, order),
            back="shift",
            extra=None,
            prints="shift/x/print",
        )

    @routes.get("/{store_id}/till/shift/z/{z_number}")
    async def z_report(
        store_id: Identifier,
        z_number: ZNumber,
        request: Request,
        session: Session = Depends(pages.session),
    ) -> Response:
        closed = await closings.closing_of(
            gateway, store_id=store_id, till_id=session.till_id, z_number=z_number
        )
        closed = await with_verdict(gateway, closed, wait_s=VERDICT_WAIT_S)
        final = closed.final
        assert isinstance(final, TillClosed)
        return pages.render(
            request,
            session,
            "shift/closed.html",
            closed=final,
            view=await asyncio.to_thread(paper_view, gateway.desk, await order_of(gateway, closed)),
            earlier=z_number - 1 if z_number > 1 and await _was_closed(
                gateway, session.till_id, z_number - 1
            ) else None,
        )  # fmt: skip


def _x_print(routes: APIRouter, gateway: Gateway, pages: Pages) -> None:
    @routes.post("/{store_id}/till/shift/x/print")
    async def print_x_report(
        store_id: Identifier,
        request: Request,
        session: Session = Depends(pages.session),
        form: Form = Depends(read_form),
    ) -> Response:
        ask = await pages.ask(request, session, form)
        who = await allowed(
            gateway, store_id, session.till_id, "x_report", approval_of(form), ask=ask
        )
        await printers.print_x_report(
            gateway,
            store_id=store_id,
            till_id=session.till_id,
            cashier_id=who.cashier_id,
            ask=ask,
        )
        return pages.done(request, session, N_("The report is on its way to the printer."))


async def _was_closed(gateway: Gateway, till_id: str, z_number: int) -> bool:
    return (await shift_of(gateway, till_id, z_number)).closed is not None
