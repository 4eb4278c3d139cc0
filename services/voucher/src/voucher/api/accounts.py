"""Accounts, their cards, loads and statements over HTTP; and what a till hears about a card."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from events import EventStore, Handled
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.routes import (
    WRITE,
    Asked,
    Empty,
    Gateway,
    Managers,
    Office,
    as_json,
    reads,
    within,
    writes,
)
from kassenverbund.kit.text import Identifier
from voucher import codes
from voucher.api.account_bodies import (
    AccountAnswer,
    BlockBody,
    CancelBody,
    CardAnswer,
    CardBody,
    CardShown,
    DeliveredAnswer,
    EndCardBody,
    GoodwillBody,
    LimitsBody,
    LoadAnswer,
    LoadBody,
    LoadCancelled,
    MoveShown,
    OpenBody,
    ReversalBody,
    StatementAnswer,
    account_answer,
)
from voucher.api.kit import EvenRoute, Redeemer
from voucher.decider import HoldUnknown
from voucher.decider.account import Account
from voucher.decider.account.state import Opened
from voucher.handlers.account_names import account_stream
from voucher.handlers.accounts import Accounts
from voucher.handlers.statements import PeriodInvalid, as_csv, statement

DAYS_MAX = 3_660
"""The longest period of one statement."""

CardOffice = Annotated[Asked, Depends(writes("service", "back_office", "manager"))]

Reads = Annotated[Caller, Depends(reads("service", "back_office", "manager", "auditor"))]


def routes(accounts: Accounts, store: EventStore, clock: Callable[[], datetime]) -> APIRouter:
    """Accounts, cards, loads, statements."""
    found = APIRouter(route_class=EvenRoute)
    _loads(found, accounts)
    _care(found, accounts, clock)
    _goodwill(found, accounts, clock)
    _cards(found, accounts)
    _returns(found, accounts, clock)
    _reading(found, accounts, store, clock)
    return found


def _care(routes: APIRouter, accounts: Accounts, clock: Callable[[], datetime]) -> None:
    def shown(done: Handled[Account]) -> Response:
        assert isinstance(done.state, Opened)
        return as_json(account_answer(done.state, clock()))

    @routes.put("/v1/accounts/{account_id}", response_model=AccountAnswer, openapi_extra=WRITE)
    async def open_account(account_id: Identifier, body: OpenBody, asked: CardOffice) -> Response:
        """Open an account. A repeat with the same terms changes nothing."""
        within(asked.caller, body.store_id)
        place = accounts.place(body.store_id)
        done = await accounts.open(
            asked.ask,
            account_id=account_id,
            legal_entity_id=body.legal_entity_id,
            holder_id=body.holder_id,
            limits=body.limits.limits(),
            receipt_duty=body.receipt_duty,
            time_zone=place.time_zone,
        )
        return shown(done)

    @routes.put(
        "/v1/accounts/{account_id}/limits", response_model=AccountAnswer, openapi_extra=WRITE
    )
    async def limits(account_id: Identifier, body: LimitsBody, asked: Office) -> Response:
        """Other limits from now on, never above the chain's caps."""
        return shown(
            await accounts.set_limits(asked.ask, account_id=account_id, limits=body.limits())
        )

    @routes.post(
        "/v1/accounts/{account_id}/block", response_model=AccountAnswer, openapi_extra=WRITE
    )
    async def block(account_id: Identifier, body: BlockBody, asked: Managers) -> Response:
        """Nothing can be spent; confirmed holds are honoured."""
        return shown(await accounts.block(asked.ask, account_id=account_id, reason=body.reason))

    @routes.post(
        "/v1/accounts/{account_id}/unblock", response_model=AccountAnswer, openapi_extra=WRITE
    )
    async def unblock(
        account_id: Identifier, asked: Managers, body: Empty | None = None
    ) -> Response:
        """It can be used again."""
        return shown(await accounts.unblock(asked.ask, account_id=account_id))


def _goodwill(routes: APIRouter, accounts: Accounts, clock: Callable[[], datetime]) -> None:
    @routes.post(
        "/v1/accounts/{account_id}/goodwill", response_model=AccountAnswer, openapi_extra=WRITE
    )
    async def goodwill(account_id: Identifier, body: GoodwillBody, asked: Office) -> Response:
        """Credit that nobody paid for, with a reason. It waives fees and is no tender."""
        done = await accounts.credit(
            asked.ask,
            account_id=account_id,
            credit_id=body.credit_id,
            amount=body.amount,
            reason=body.reason,
            fee_kinds=body.fee_kinds,
            valid_until=body.valid_until,
        )
        assert isinstance(done.state, Opened)
        return as_json(account_answer(done.state, clock()))


def _cards(routes: APIRouter, accounts: Accounts) -> None:
    card_path = "/v1/accounts/{account_id}/cards/{card_id}"

    @routes.put(card_path, response_model=CardAnswer, openapi_extra=WRITE)
    async def assign(
        account_id: Identifier, card_id: Identifier, body: CardBody, asked: CardOffice
    ) -> Response:
        """A card and its code, once. A repeat gets the same code until it is delivered."""
        done = await accounts.assign_card(
            asked.ask, account_id=account_id, card_id=card_id, replaces=body.replaces
        )
        return as_json(
            CardAnswer(
                account_id=account_id,
                card_serial=done.card_serial,
                code=codes.shown(done.code),
                position=done.position,
            )
        )

    @routes.post(f"{card_path}/delivered", response_model=DeliveredAnswer, openapi_extra=WRITE)
    async def delivered(
        account_id: Identifier,
        card_id: Identifier,
        asked: CardOffice,
        body: Empty | None = None,
    ) -> Response:
        """The print is acknowledged: the code is wiped."""
        serial = await accounts.card_delivered(account_id, card_id)
        return as_json(DeliveredAnswer(card_serial=serial))

    @routes.post(f"{card_path}/end", response_model=CardShown, openapi_extra=WRITE)
    async def end(
        account_id: Identifier, card_id: Identifier, body: EndCardBody, asked: CardOffice
    ) -> Response:
        """The card opens nothing any more."""
        serial = await accounts.end_card(
            asked.ask, account_id=account_id, card_id=card_id, reason=body.reason
        )
        return as_json(CardShown(card_serial=serial, live=False))


def _returns(routes: APIRouter, accounts: Accounts, clock: Callable[[], datetime]) -> None:
    @routes.put(
        "/v1/accounts/{account_id}/reversals/{reversal_id}",
        response_model=AccountAnswer,
        openapi_extra=WRITE,
    )
    async def reverse(
        account_id: Identifier, reversal_id: Identifier, body: ReversalBody, asked: Redeemer
    ) -> Response:
        """Goods came back, for systems that sign elsewhere; never more than was spent. A till's
        bookings do this by themselves."""
        within(asked.caller, body.store_id)
        account, _ = await accounts.held(body.hold_id)
        if account.account_id != account_id:
            raise HoldUnknown
        done = await accounts.reverse(
            asked.ask,
            reversal_id=reversal_id,
            hold_id=body.hold_id,
            amount=body.amount,
            booking_id=None,
            recorded=False,
            now=clock(),
        )
        assert isinstance(done.state, Opened)
        return as_json(account_answer(done.state, clock()))


def _loads(routes: APIRouter, accounts: Accounts) -> None:
    @routes.put("/v1/loads/{load_id}", response_model=LoadAnswer, openapi_extra=WRITE)
    async def load(load_id: Identifier, body: LoadBody, asked: Gateway) -> Response:
        """A load is being sold; it counts once its booking is recorded."""
        within(asked.caller, body.store_id)
        done = await accounts.prepare_load(
            asked.ask,
            load_id=load_id,
            account_id=body.account_id,
            typed=body.code.get_secret_value() if body.code is not None else None,
            amount=body.amount,
            booking_id=body.booking_id,
            store_id=body.store_id,
            till_id=body.till_id,
            source=f"till:{body.store_id}/{body.till_id}",
        )
        account = done.state
        assert isinstance(account, Opened)
        known = account.loads[load_id]
        return as_json(
            LoadAnswer(
                load_id=load_id,
                account_id=account.account_id,
                amount=known.amount,
                state=known.state.value,
                balance=account.balance,
            )
        )

    @routes.post("/v1/loads/{load_id}/cancel", response_model=LoadCancelled, openapi_extra=WRITE)
    async def cancel(load_id: Identifier, body: CancelBody, asked: Gateway) -> Response:
        """The load is not sold. 409 `load.sold` where its sale is recorded."""
        await accounts.cancel_load(asked.ask, load_id=load_id, reason=body.reason)
        return as_json(LoadCancelled(load_id=load_id))


def _reading(
    routes: APIRouter, accounts: Accounts, store: EventStore, clock: Callable[[], datetime]
) -> None:
    @routes.get("/v1/accounts/{account_id}", response_model=AccountAnswer)
    async def account(account_id: Identifier, caller: Reads) -> Response:
        """As the log has it now: credit, cards, open fees."""
        return as_json(account_answer(await accounts.account(account_id), clock()))

    @routes.get("/v1/accounts/{account_id}/statement", response_model=StatementAnswer)
    async def of_period(
        account_id: Identifier,
        caller: Reads,
        request: Request,
        first: Annotated[date, Query(alias="from")],
        last: Annotated[date, Query(alias="to")],
        form: Annotated[Literal["json", "csv"] | None, Query(alias="format")] = None,
    ) -> Response:
        """Opening + moves = closing, as JSON or (`Accept: text/csv` or `format=csv`) CSV."""
        if not 0 <= (last - first).days <= DAYS_MAX:
            raise PeriodInvalid(days_max=DAYS_MAX)
        opened = await accounts.account(account_id)
        found = statement(
            opened, await store.load(account_stream(account_id)), first=first, last=last
        )
        wants_csv = "text/csv" in request.headers.get("accept", "")
        if form == "csv" or (form is None and wants_csv):
            return Response(as_csv(found), media_type="text/csv; charset=utf-8")
        return as_json(
            StatementAnswer(
                account_id=found.account_id,
                first=found.first,
                last=found.last,
                opening=found.opening,
                moves=tuple(
                    MoveShown(**{name: getattr(move, name) for name in MoveShown.model_fields})
                    for move in found.moves
                ),
                closing=found.closing,
            )
        )
