"""Cards over HTTP. Codes come in bodies only and never go out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from costcenter.api.office_bodies import (
    CardAnswer,
    CardBody,
    CardDone,
    CardFact,
    CardHistory,
    CardsPage,
    MoveBody,
    ReasonBody,
    RegroupBody,
    ReplaceBody,
)
from costcenter.api.office_kit import OfficeRooms, Wanted, cursor_of, wanted
from costcenter.decider.structure import CARD
from costcenter.decider.structure.refusals import CardUnknown
from costcenter.decider.structure_state import Card
from costcenter.handlers.structure_cards import CardData, Cards, CardSet
from events import Recorded, fold
from kassenverbund.kit.routes import WRITE, Empty, Managers, Office, Reader, as_json, chainwide
from kassenverbund.kit.text import Identifier

Asks = Annotated[Wanted, Depends(wanted)]
Group = Annotated[int | None, Query(ge=1, le=9_999)]

_HIDDEN = frozenset({"code_hash", "hash_key_id", "former_code_hash"})


def routes(rooms: OfficeRooms) -> APIRouter:
    found = APIRouter()
    _issue(found, rooms.cards)
    _change(found, rooms.cards)
    _reads(found, rooms)
    return found


def _issue(routes: APIRouter, cards: Cards) -> None:
    @routes.put("/v1/cards/{card_id}", response_model=CardDone, openapi_extra=WRITE)
    async def put(card_id: Identifier, body: CardBody, asked: Office) -> Response:
        """Issue a card: physical with its code, or virtual. To change one, move, regroup or
        replace it."""
        chainwide(asked.caller)
        data = CardData(
            card_id=card_id,
            number=body.number,
            kind=body.kind,
            medium=body.medium,
            main_group=body.main_group,
            user_group=body.user_group,
            center_id=body.center_id,
            code=None if body.code is None else body.code.get_secret_value(),
            type=body.type,
            valid_from=body.valid_from,
            valid_until=body.valid_until,
        )
        return as_json(_done(await cards.issue(asked.ask, data)))

    @routes.post("/v1/cards/{card_id}/replace", response_model=CardDone, openapi_extra=WRITE)
    async def replace(card_id: Identifier, body: ReplaceBody, asked: Managers) -> Response:
        """A new medium for a card; the old one is dead at once. Number, center, group, limits and
        history stay."""
        done = await cards.replace(
            asked.ask,
            card_id=card_id,
            reason=body.reason,
            medium=body.medium,
            code=body.code.get_secret_value(),
        )
        return as_json(_done(done))


def _change(routes: APIRouter, cards: Cards) -> None:
    @routes.post("/v1/cards/{card_id}/move", response_model=CardDone, openapi_extra=WRITE)
    async def move(card_id: Identifier, body: MoveBody, asked: Office) -> Response:
        """It books to another center from now on. Its past bookings stay where they are."""
        chainwide(asked.caller)
        done = await cards.move(asked.ask, card_id=card_id, center_id=body.center_id)
        return as_json(_done(done))

    @routes.post("/v1/cards/{card_id}/regroup", response_model=CardDone, openapi_extra=WRITE)
    async def regroup(card_id: Identifier, body: RegroupBody, asked: Office) -> Response:
        """Mode, limits and subsidies are those of the other group from now on."""
        chainwide(asked.caller)
        done = await cards.regroup(
            asked.ask, card_id=card_id, main_group=body.main_group, user_group=body.user_group
        )
        return as_json(_done(done))

    @routes.post("/v1/cards/{card_id}/block", response_model=CardDone, openapi_extra=WRITE)
    async def block(card_id: Identifier, body: ReasonBody, asked: Managers) -> Response:
        """It charges nothing until it is unblocked."""
        return as_json(_done(await cards.block(asked.ask, card_id=card_id, reason=body.reason)))

    @routes.post("/v1/cards/{card_id}/unblock", response_model=CardDone, openapi_extra=WRITE)
    async def unblock(card_id: Identifier, body: Empty, asked: Managers) -> Response:
        return as_json(_done(await cards.unblock(asked.ask, card_id=card_id)))

    @routes.post("/v1/cards/{card_id}/end", response_model=CardDone, openapi_extra=WRITE)
    async def end(card_id: Identifier, body: ReasonBody, asked: Office) -> Response:
        """For good. Number and code are never given again."""
        chainwide(asked.caller)
        return as_json(_done(await cards.end(asked.ask, card_id=card_id, reason=body.reason)))


def _reads(routes: APIRouter, rooms: OfficeRooms) -> None:
    @routes.get("/v1/cards", response_model=CardsPage)
    async def listed(
        caller: Reader,
        asked: Asks,
        center_id: Identifier | None = None,
        main_group: Group = None,
        user_group: Group = None,
        ended: bool | None = None,
    ) -> Response:
        """Cards by number."""
        page = await rooms.queries.cards(
            center_id=center_id,
            main_group=main_group,
            user_group=user_group,
            ended=ended,
            today=rooms.today(),
            after=asked.after,
            limit=asked.limit,
            position=asked.position,
        )
        rows = tuple(CardAnswer.model_validate(row) for row in page.rows)
        return as_json(CardsPage(rows=rows, next=cursor_of(page.next), complete=page.complete))

    @routes.get("/v1/cards/{card_id}", response_model=CardHistory)
    async def card(card_id: Identifier, caller: Reader) -> Response:
        """One card as the log has it now, with everything that happened to it."""
        recorded = await rooms.cards.history(card_id)
        if not recorded:
            raise CardUnknown(card_id)
        state = fold(CARD, (entry.event for entry in recorded))
        shown = _done(CardSet(state, (), recorded[-1].position))
        return as_json(CardHistory(card=shown, facts=tuple(map(_fact, recorded))))


def _fact(entry: Recorded) -> CardFact:
    document: dict[str, Any] = entry.event.model_dump(mode="json", exclude_none=True)
    times = [name for name in document if name.endswith("_at")]
    at = datetime.fromisoformat(document[times[-1]])
    detail = {name: value for name, value in document.items() if name not in {*_HIDDEN, *times}}
    return CardFact(name=entry.name, at=at, actor=entry.metadata.actor, detail=detail)


def _done(done: CardSet) -> CardDone:
    card: Card = done.card
    assert card.card_id is not None  # It was written just now.
    return CardDone(
        card_id=card.card_id,
        number=card.number,
        kind=card.kind,
        medium=card.medium,
        type=card.type,
        main_group=card.main_group,
        user_group=card.user_group,
        center_id=card.center_id,
        blocked=card.blocked,
        ended=card.ended,
        warnings=done.warnings,
        position=done.position,
    )
