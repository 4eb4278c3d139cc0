"""Payments: hold, confirm, release, and what they would come to; and closing a month."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from costcenter.api.bodies import (
    CenterAnswer,
    ChargeAnswer,
    ChargeBody,
    CloseAnswer,
    LookupAnswer,
    LookupBody,
    OverrideBody,
    QuoteAnswer,
    QuoteBody,
    ReleasedAnswer,
    StateAnswer,
    center_shown,
    charge_shown,
    goods_of,
    left_shown,
    subsidies_shown,
)
from costcenter.api.kit import Counter, Desk, Month
from costcenter.commands import Overriding
from costcenter.decider.binding import card_hindered, center_hindered
from costcenter.decider.structure_state import Center
from costcenter.handlers.charging import Charges, Payment, Placed, Wanted
from costcenter.handlers.months import Months
from kassenverbund.kit.auth import Caller, Forbidden
from kassenverbund.kit.routes import WRITE, Empty, Gateway, Office, as_json, chainwide, within
from kassenverbund.kit.text import Identifier

OVERRIDERS = frozenset({"manager", "back_office"})


def routes(charges: Charges, months: Months) -> APIRouter:
    """Tried in this order: the busiest come first."""
    found = APIRouter()
    _holding(found, charges)
    _asking(found, charges)
    _closing(found, months)
    return found


def _holding(routes: APIRouter, charges: Charges) -> None:
    @routes.put("/v1/charges/{hold_id}", response_model=ChargeAnswer, openapi_extra=WRITE)
    async def hold(hold_id: Identifier, body: ChargeBody, asked: Counter) -> Response:
        """Keep an amount of the center for one payment, within all limits, with the subsidies of
        the card's group."""
        within(asked.caller, body.store_id)
        placed = await charges.hold(
            asked.ask,
            charge_id=hold_id,
            wanted=_wanted(body, asked.caller),
            payment=Payment(
                till_id=body.till_id,
                booking_id=body.booking_id,
                payment_id=body.payment_id,
                expires_in_s=body.expires_in_s,
            ),
        )
        return as_json(
            charge_shown(placed.charge, _center(placed), placed.remaining, placed.position)
        )

    @routes.post("/v1/charges/{hold_id}/confirm", response_model=StateAnswer, openapi_extra=WRITE)
    async def confirm(hold_id: Identifier, asked: Gateway, body: Empty | None = None) -> Response:
        """The booking is about to be recorded: the hold does not expire any more."""
        charge, position = await charges.confirm(asked.ask, charge_id=hold_id)
        return as_json(
            StateAnswer(
                hold_id=hold_id, state=charge.state, amount=charge.amount, position=position
            )
        )

    @routes.post(
        "/v1/charges/{hold_id}/release", response_model=ReleasedAnswer, openapi_extra=WRITE
    )
    async def release(hold_id: Identifier, asked: Gateway, body: Empty | None = None) -> Response:
        """The payment is not made. An unknown id is remembered: a hold that comes later is
        refused."""
        await charges.let_go(asked.ask, charge_id=hold_id)
        return as_json(ReleasedAnswer(hold_id=hold_id))


def _asking(routes: APIRouter, charges: Charges) -> None:
    @routes.post("/v1/quotes", response_model=QuoteAnswer)
    async def quote(body: QuoteBody, caller: Desk) -> Response:
        """What a charge would come to now. Stores nothing, so it needs no Idempotency-Key."""
        within(caller, body.store_id)
        found = await charges.quote(_wanted(body, caller))
        assessed, structure = found.assessed, found.structure
        center = structure.center
        if center.center_id is None:
            center = structure.payers[assessed.chargee.center_id]
        return as_json(
            QuoteAnswer(
                center=center_shown(center, structure.company),
                card_id=assessed.chargee.card_id,
                card_number=assessed.chargee.card_number,
                amount=assessed.amount,
                parts=assessed.parts,
                subsidies=subsidies_shown(assessed.subsidies),
                remaining=left_shown(assessed.remaining),
                warnings=assessed.warnings,
            )
        )

    @routes.post("/v1/lookups", response_model=LookupAnswer)
    async def look_up(body: LookupBody, caller: Desk) -> Response:
        """What a card is, and what its limits leave. Reads only."""
        within(caller, body.store_id)
        found = await charges.look_up(body.card.in_hand(), store_id=body.store_id)
        structure, day = found.structure, charges.today(body.store_id)
        card, group = structure.card, structure.user_group
        assert card.card_id is not None
        center, center_state = None, None
        if structure.center.center_id is not None:
            center = center_shown(structure.center, structure.company)
            center_state = center_hindered(structure.center, structure.company, day) or "usable"
        return as_json(
            LookupAnswer(
                card_id=card.card_id,
                card_number=card.number,
                card_state=card_hindered(card, day) or "usable",
                kind=card.kind,
                type=card.type,
                main_group=card.main_group,
                user_group=card.user_group,
                mode=group.mode if group else None,
                center=center,
                center_state=center_state,
                remaining=left_shown(found.remaining),
            )
        )


def _closing(routes: APIRouter, months: Months) -> None:
    @routes.post("/v1/months/{month}/close", response_model=CloseAnswer, openapi_extra=WRITE)
    async def close(month: Month, asked: Office, body: Empty | None = None) -> Response:
        """Close a month, and what is still open before it, for all centers. What is reported
        later goes to the next one."""
        chainwide(asked.caller)
        closed, hindered = await months.close_all(asked.ask, month=month)
        return as_json(CloseAnswer(month=month, closed=closed, open_holds=hindered))


def _wanted(body: QuoteBody, caller: Caller) -> Wanted:
    return Wanted(
        hand=body.card.in_hand(),
        amount=body.amount,
        mode=body.mode,
        basket=goods_of(body.basket),
        store_id=body.store_id,
        override=_override(body.override, caller),
    )


def _override(body: OverrideBody | None, caller: Caller) -> Overriding | None:
    """Raises `Forbidden` where nobody answers for it."""
    if body is None:
        return None
    if caller.kind == "service":
        if body.by is None:
            raise Forbidden("an override names the manager")
        return Overriding(by=body.by, reason=body.reason)
    if not OVERRIDERS & caller.roles:
        raise Forbidden("only a manager overrides a limit")
    return Overriding(by=caller.id, reason=body.reason)


def _center(placed: Placed) -> CenterAnswer:
    chargee = placed.charge.chargee
    center = placed.center
    if center.center_id != chargee.center_id:
        # Its card has moved since, or it pays nothing itself: as it was when it was charged.
        center = Center(
            center_id=chargee.center_id, number=chargee.center_number, name=chargee.center_name
        )
    return center_shown(center, placed.company)
