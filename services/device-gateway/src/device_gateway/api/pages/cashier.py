"""Who stands at the till: sign in by PIN or card, sign out (which locks the till of a store that
wants somebody signed in), and a second person who lends a right."""

from __future__ import annotations

import re
from typing import get_args

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from device_gateway.api.pages.forms import Form, read_form
from device_gateway.api.pages.locales import say
from device_gateway.api.pages.shell import HEADERS, Pages, Session
from device_gateway.decider.cashier import CashierNotRecognized
from device_gateway.handlers import cashiers
from device_gateway.handlers.cashiers import Proof
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.scans import code_of
from events import Ask, DomainError
from kassenverbund.kit.chain_tills import TillRight
from kassenverbund.kit.text import Identifier

TILES_MAX = 24
"""People who are offered as tiles; where there are more, everybody types a number."""

CARD_MAX = 200

_PIN = re.compile(r"[0-9]{4,12}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


def router(gateway: Gateway, pages: Pages) -> APIRouter:
    routes = pages.router()
    _signing(routes, gateway, pages)
    _lending(routes, gateway, pages)
    return routes


def proof_of(gateway: Gateway, session: Session, form: Form, ask: Ask) -> Proof:
    """A number and its PIN, or a card: typed by its reader, or the scan that read it. What cannot
    be any of these is wrong like any other wrong one. Raises `CashierNotRecognized`,
    `ScanUnknown`."""
    pin, who = form.raw("pin").strip(), form.raw("cashier").strip()
    card = form.raw("card").strip()
    scan = form.identifier("scan", required=False)
    if scan is not None:
        return Proof(card=code_of(gateway, session.till_id, scan, by=ask.key).value)
    if card:
        if not card.isprintable() or len(card) > CARD_MAX:
            raise CashierNotRecognized
        return Proof(card=card)
    if not _PIN.fullmatch(pin) or not _ID.fullmatch(who):
        raise CashierNotRecognized
    return Proof(cashier_id=who, pin=pin)


def _signing(routes: APIRouter, gateway: Gateway, pages: Pages) -> None:
    @routes.get("/{store_id}/till/cashier")
    async def log_in(
        store_id: Identifier,
        request: Request,
        session: Session = Depends(pages.session_unsigned),
    ) -> Response:
        people = await cashiers.cashiers_of(gateway, store_id)
        offered = [person for person in people if person.has_pin]
        return pages.render(
            request,
            session,
            "cashier.html",
            people=offered if len(offered) <= TILES_MAX else (),
            nobody_enrolled=not people,
        )

    @routes.post("/{store_id}/till/cashier")
    async def sign_in(
        store_id: Identifier,
        request: Request,
        session: Session = Depends(pages.session_unsigned),
        form: Form = Depends(read_form),
    ) -> Response:
        ask = await pages.ask(request, session, form)
        await cashiers.sign_in(
            gateway,
            store_id=store_id,
            till_id=session.till_id,
            proof=proof_of(gateway, session, form, ask),
            ask=ask,
        )
        return pages.go(request, f"/stores/{store_id}/till")

    @routes.post("/{store_id}/till/cashier/out")
    async def sign_out(
        store_id: Identifier,
        request: Request,
        session: Session = Depends(pages.session_unsigned),
        form: Form = Depends(read_form),
    ) -> Response:
        ask = await pages.ask(request, session, form)
        await cashiers.sign_out(gateway, store_id=store_id, till_id=session.till_id, ask=ask)
        return pages.go(request, f"/stores/{store_id}/till/cashier")


def _lending(routes: APIRouter, gateway: Gateway, pages: Pages) -> None:
    @routes.post("/{store_id}/till/approvals")
    async def approve(
        store_id: Identifier,
        request: Request,
        session: Session = Depends(pages.session),
        form: Form = Depends(read_form),
    ) -> Response:
        """For the dialog (`parts/approval.html`): JSON, for its text stays inside the dialog."""
        ask = await pages.ask(request, session, form)
        try:
            approval, expires_at = await cashiers.approve(
                gateway,
                store_id=store_id,
                till_id=session.till_id,
                proof=proof_of(gateway, session, form, ask),
                right=_right(form.raw("right")),
                booking_id=form.identifier("booking_id", required=False),
                ask=ask,
            )
        except DomainError as refusal:
            known = pages.texts.get(refusal.code)
            text = say(session.locale, known) if known else f"{refusal.title} ({refusal.code})"
            told = {"code": refusal.code, "text": text}
            return JSONResponse(told, refusal.status, headers=dict(HEADERS))
        told = {"approval": approval, "expires_at": expires_at.isoformat()}
        return JSONResponse(told, headers=dict(HEADERS))


def _right(text: str) -> TillRight:
    for right in get_args(TillRight):
        if right == text:
            known: TillRight = right
            return known
    raise CashierNotRecognized
