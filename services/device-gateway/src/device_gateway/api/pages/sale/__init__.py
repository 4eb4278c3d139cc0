"""The sale at the web till: one screen, and acts that are forms.

`GET …/till/sale` is the screen; `GET …/till/sale/dialog/{name}` a dialog of it; `POST
…/till/sale/{act}` does something and answers with the pieces of the screen that may have changed
(without a script: with the whole page). Acts are in `ACTS`; what they refuse is told where it was
asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from device_gateway.api.pages.forms import Form, read_form
from device_gateway.api.pages.papers import paper_view
from device_gateway.api.pages.sale import (
    acts,
    dialogs,
    ends,
    extending,
    fees,
    last,
    lines,
    pickups,
    scanning,
    tenders,
)
from device_gateway.api.pages.sale.deed import Deed, Outcome, sale_for
from device_gateway.api.pages.sale.look import look, shown
from device_gateway.api.pages.sale.refusals import TEXTS, told_of
from device_gateway.api.pages.sale.typed import entry_of
from device_gateway.api.pages.shell import HEADERS, Pages, Session
from device_gateway.handlers import assortment, touch_keys
from device_gateway.handlers.editing import open_sales
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.paper import order_of
from device_gateway.handlers.verdicts import with_verdict
from events import DomainError
from kassenverbund.kit.text import Identifier

PIECES = "x-pieces"
"""Header of our own script: answer with pieces."""
RECEIPT_WAIT_S = 3.0
FOUND_MAX = 12
"""Articles that a search shows; whoever wants another one types more of its name."""

Act = Callable[[Deed], Awaitable[Outcome]]

ACTS: Mapping[str, Act] = {
    "enter": lines.enter,
    "scan": scanning.scan,
    "sku": lines.sku,
    "voucher-sale": lines.voucher_sale,
    "top-up": lines.top_up,
    "tip": lines.tip,
    "deposit": lines.deposit_return,
    "void": acts.void,
    "quantity": acts.quantity,
    "price": acts.price,
    "discount": acts.discount,
    "park": acts.park,
    "resume": acts.resume,
    "cash": tenders.cash,
    "card": tenders.card,
    "terminal": tenders.terminal,
    "terminal-abort": tenders.terminal_abort,
    "resolve": tenders.resolve,
    "on-account": tenders.on_account,
    "fee": fees.take,
    "waive": tenders.waive,
    "voucher": tenders.voucher,
    "center": tenders.center,
    "online": tenders.online,
    "finish": tenders.finish,
    "release": tenders.release,
    "abort": ends.abort,
    "return": ends.give_back,
    "cancel": ends.cancel,
    "payout": ends.payout,
    "pickup-find": pickups.look_up,
    "pickup": pickups.take,
    "extend": extending.extend,
    "copy": last.copy,
}


class ActUnknown(DomainError):
    code = "page.act_unknown"
    status = 404
    title = "There is no such act"


def router(gateway: Gateway, pages: Pages) -> APIRouter:
    """The sale's routes, below `/{store_id}/till/sale`."""
    pages.texts.update(TEXTS)
    routes = pages.router()
    _screen(routes, gateway, pages)
    _beside(routes, gateway, pages)
    _last(routes, gateway, pages)
    _acts(routes, gateway, pages)
    return routes


def _screen(routes: APIRouter, gateway: Gateway, pages: Pages) -> None:
    @routes.get("/{store_id}/till/sale")
    async def sale(
        request: Request, store_id: Identifier, session: Session = Depends(pages.session)
    ) -> Response:
        screen = await look(gateway, session, ended=request.query_params.get("ended", ""))
        whole = PIECES not in request.headers
        return shown(pages, request, session, screen, whole=whole)

    @routes.get("/{store_id}/till/sale/dialog/{name}")
    async def dialog(
        request: Request,
        store_id: Identifier,
        name: str,
        session: Session = Depends(pages.session),
    ) -> Response:
        said = {key: value[:500] for key, value in request.query_params.items()}
        told, status = None, 200
        try:
            about = await dialogs.prepared(gateway, session, name, said)
        except DomainError as refusal:
            about, told, status = said, told_of(refusal, pages.texts), refusal.status
        screen = await look(
            gateway, session, told=told, dialog=name, about=about, ended=said.get("ended", "")
        )
        whole = PIECES not in request.headers
        return shown(pages, request, session, screen, whole=whole, status=status)


def _beside(routes: APIRouter, gateway: Gateway, pages: Pages) -> None:
    """What the screen fetches when it is there: touch keys, articles, the receipt."""

    @routes.get("/{store_id}/till/sale/keys")
    async def keys(
        request: Request, store_id: Identifier, session: Session = Depends(pages.session)
    ) -> Response:
        """Beside the screen: their presets are asked of the voucher service, which may be away."""
        shown_keys = await touch_keys.shown(gateway, store_id)
        return pages.render(
            request, session, "sale/keys.html", keys=shown_keys.pages,
            base=f"/stores/{store_id}/till/sale",
        )  # fmt: skip

    @routes.get("/{store_id}/till/sale/search")
    async def search(
        request: Request,
        store_id: Identifier,
        q: str = "",
        session: Session = Depends(pages.session),
    ) -> Response:
        entry = entry_of(q[:120])
        found = await assortment.search(gateway, entry.rest)
        return pages.render(
            request, session, "sale/found.html", found=found.articles[:FOUND_MAX],
            quantity="" if entry.quantity is None else format(entry.quantity, "f"),
            base=f"/stores/{store_id}/till/sale",
        )  # fmt: skip

    @routes.get("/{store_id}/till/sale/receipt/{booking_id}")
    async def receipt(
        request: Request,
        store_id: Identifier,
        booking_id: Identifier,
        session: Session = Depends(pages.session),
    ) -> Response:
        """The preview, once the signature is there; waits for it for a moment."""
        screen = await look(gateway, session, ended=booking_id)
        view = None
        if screen.ended is not None and screen.ended.number is not None:
            booking = await gateway.booking(booking_id)
            await with_verdict(gateway, booking, wait_s=RECEIPT_WAIT_S)
            screen = await look(gateway, session, ended=booking_id)
            known = screen.ended and screen.ended.receipt
            if known and known.text is not None:
                order = await order_of(gateway, await gateway.process(booking_id))
                view = await asyncio.to_thread(paper_view, gateway.desk, order)
        return pages.render(
            request, session, "sale/receipt.html", ended=screen.ended, view=view,
            base=f"/stores/{store_id}/till/sale",
        )  # fmt: skip


def _last(routes: APIRouter, gateway: Gateway, pages: Pages) -> None:
    @routes.get("/{store_id}/till/sale/last")
    async def newest(
        request: Request,
        store_id: Identifier,
        booking: str = Query("", max_length=64),
        session: Session = Depends(pages.session),
    ) -> Response:
        """The strip below the keys. `booking`: what the page has just ended."""
        found = await last.last_of(gateway, session, booking)
        return pages.render(
            request, session, "sale/last.html", last=None if found is None else found.recorded,
            base=f"/stores/{store_id}/till/sale",
        )  # fmt: skip


def _acts(routes: APIRouter, gateway: Gateway, pages: Pages) -> None:
    @routes.post("/{store_id}/till/sale/{act}")
    async def do(
        request: Request,
        store_id: Identifier,
        act: str,
        session: Session = Depends(pages.session),
        form: Form = Depends(read_form),
    ) -> Response:
        pieces = PIECES in request.headers
        try:
            outcome = await _done(gateway, pages, request, session, form, act)
        except DomainError as refusal:
            return await _refused(gateway, pages, request, session, form, act, refusal)
        ended = outcome.ended.started.booking_id if _has_ended(outcome) else ""  # type: ignore[union-attr]  # `_has_ended` says so
        if not pieces and not outcome.dialog:
            query = f"?{urlencode({'ended': ended})}" if ended else ""
            return pages.go(request, f"/stores/{store_id}/till/sale{query}")
        screen = await look(gateway, session, outcome=outcome)
        answer = shown(pages, request, session, screen, whole=not pieces)
        if ended:
            answer.headers["x-ended"] = ended
        return answer


def _has_ended(outcome: Outcome) -> bool:
    return outcome.ended is not None and outcome.ended.started is not None


async def _done(
    gateway: Gateway, pages: Pages, request: Request, session: Session, form: Form, act: str
) -> Outcome:
    perform = ACTS.get(act)
    if perform is None:
        raise ActUnknown
    ask = await pages.ask(request, session, form)
    current, _ = await open_sales(gateway, store_id=session.store_id, till_id=session.till_id)
    sale = await sale_for(gateway, form, ask, current)
    approval = form.raw("approval") or None
    return await perform(Deed(request, gateway, session, form, ask, sale, approval))


async def _refused(
    gateway: Gateway,
    pages: Pages,
    request: Request,
    session: Session,
    form: Form,
    act: str,
    refusal: DomainError,
) -> Response:
    """The screen as it is now, and the dialog that asked, with what stands against it."""
    name = form.raw("dialog")
    about: Mapping[str, object] = {}
    if name in dialogs.DIALOGS:
        said = {key: values[0] for key, values in form.fields.items() if key not in _SECRET}
        try:
            about = await dialogs.prepared(gateway, session, name, said)
        except DomainError:
            about = said
    else:
        name = ""
    told = told_of(refusal, pages.texts)
    screen = await look(gateway, session, told=told, dialog=name, about=about)
    whole = PIECES not in request.headers
    answer = shown(pages, request, session, screen, whole=whole, status=refusal.status)
    answer.headers.update(HEADERS)
    return answer


_SECRET = frozenset({"code", "pin", "key"})
"""What is never sent back to the page."""
