"""Codes on their way to customers, what gateways need without a line, a store's overdraft."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from pydantic import Field

from kassenverbund.kit.auth import Caller
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.mail import MailAddress
from kassenverbund.kit.routes import (
    PAGE_DEFAULT,
    WRITE,
    Answer,
    Body,
    Empty,
    Office,
    PageSize,
    Reader,
    as_json,
    reads,
    within,
)
from kassenverbund.kit.text import Identifier, SafeName
from money import Money
from voucher.api.kit import Redeemer
from voucher.decider.overdraft import How, SettleOverdraft
from voucher.handlers.mailing import Mailing
from voucher.handlers.names import StoreUnknown
from voucher.handlers.overdrafts import Overdrafting
from voucher.ports import GREETING_MAX, MailOrder, MailRow, MailState
from voucher.qr import QrCodes

Gateways = Annotated[
    Caller, Depends(reads("service", "cashier", "manager", "back_office", "auditor"))
]


class MailBody(Body):
    channel: Literal["mail"]
    to: MailAddress
    language: Literal["de", "en"] = "de"
    from_name: SafeName | None = None
    greeting: (
        Annotated[str, Field(max_length=GREETING_MAX, pattern=r"^[^\x00-\x09\x0b-\x1f\x7f]*$")]
        | None
    ) = None


class MailOrdered(Answer):
    voucher_id: str
    state: Literal["waiting"] = "waiting"


class MailForgotten(Answer):
    voucher_id: str
    forgotten: Literal[True] = True


class MailPage(Answer):
    entries: tuple[MailRow, ...]
    after: str | None
    """Give this as `after` for the next page; None: this was the last."""


class QrKey(Answer):
    key_id: str
    algorithm: Literal["Ed25519"] = "Ed25519"
    public_key: str
    """The 32 raw bytes, base64."""


class OfflineAnswer(Answer):
    """What a store may take while it has no line, and the keys that tell a genuine code."""

    store_id: str
    policy: Literal["refuse", "cap"]
    cap: Money | None
    per_day: Money | None
    per_till_day: Money | None = None
    legal_entity_id: str
    """Only its own vouchers are taken offline."""
    sold_here: bool = True
    """Only those that this store sold."""
    keys: tuple[QrKey, ...]


class SettleBody(Body):
    store_id: Identifier
    how: How
    reason: SafeName


class SettledAnswer(Answer):
    overdraft_id: str
    store_id: str
    amount: Money
    balance: Money
    """What the store still has open."""


def routes(
    mailing: Mailing,
    overdrafts: Overdrafting,
    *,
    qr: QrCodes,
    chain: Chain,
    clock: Callable[[], datetime],
) -> APIRouter:
    router = APIRouter()
    _mail(router, mailing)
    router.include_router(offline_routes(qr, chain))

    @router.post(
        "/v1/overdrafts/{overdraft_id}/settle", response_model=SettledAnswer, openapi_extra=WRITE
    )
    async def settle(overdraft_id: Identifier, body: SettleBody, asked: Office) -> Response:
        """Decide what becomes of what a store took beyond a voucher's value."""
        within(asked.caller, body.store_id)
        command = SettleOverdraft(overdraft_id, body.how, body.reason, clock())
        settled = await overdrafts.settle(asked.ask, body.store_id, command)
        return as_json(
            SettledAnswer(
                overdraft_id=overdraft_id,
                store_id=body.store_id,
                amount=settled.amount,
                balance=settled.balance,
            )
        )

    return router


def _mail(router: APIRouter, mailing: Mailing) -> None:
    @router.put("/v1/deliveries/{voucher_id}", response_model=MailOrdered, openapi_extra=WRITE)
    async def order(voucher_id: Identifier, body: MailBody, asked: Redeemer) -> Response:
        """Mail a voucher once its sale is recorded. A repeat replaces what waits. Address and
        greeting are encrypted, stand in no event, and are forgotten once the mail is out."""
        await mailing.order(
            MailOrder(
                voucher_id=voucher_id,
                to=body.to,
                language=body.language,
                from_name=body.from_name,
                greeting=body.greeting,
            )
        )
        return as_json(MailOrdered(voucher_id=voucher_id))

    @router.post(
        "/v1/deliveries/{voucher_id}/forget", response_model=MailForgotten, openapi_extra=WRITE
    )
    async def forget(
        voucher_id: Identifier, asked: Redeemer, body: Empty | None = None
    ) -> Response:
        """Forget the address; what is not out yet is not mailed."""
        await mailing.forget(voucher_id)
        return as_json(MailForgotten(voucher_id=voucher_id))

    @router.get("/v1/deliveries", response_model=MailPage)
    async def deliveries(
        caller: Reader,
        state: MailState | None = None,
        after: Annotated[str, Query(max_length=64)] = "",
        limit: PageSize = PAGE_DEFAULT,
    ) -> MailPage:
        """What waits, went out or failed; never an address or a code."""
        rows = tuple(await mailing.rows(state=state, after=after, rows_max=limit))
        return MailPage(entries=rows, after=rows[-1].voucher_id if len(rows) == limit else None)


def offline_routes(qr: QrCodes, chain: Chain) -> APIRouter:
    """What a gateway keeps for the day when it has no line."""
    router = APIRouter()

    @router.get("/v1/offline", response_model=OfflineAnswer)
    async def offline(caller: Gateways, store_id: Identifier) -> OfflineAnswer:
        """What the store's gateway keeps for the day when the line is down."""
        within(caller, store_id)
        store = chain.store(store_id)
        if store is None:
            raise StoreUnknown(store_id)
        rule = store.vouchers_offline

        def minor(amount: int | None) -> Money | None:
            return None if amount is None else Money(amount=amount, currency=chain.currency)

        return OfflineAnswer(
            store_id=store_id,
            policy=rule.policy,
            cap=minor(rule.cap),
            per_day=minor(rule.per_day),
            per_till_day=minor(rule.per_till_day),
            legal_entity_id=store.legal_entity,
            sold_here=rule.sold_here,
            keys=tuple(
                QrKey(key_id=key.key_id, public_key=key.public_key) for key in qr.public_keys()
            ),
        )

    return router
