"""Webhooks over HTTP: who hears of what, what waits, what could not be delivered."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import AfterValidator, Field, SecretStr

from events import Ask, Decision, DomainError, EventStore, handle_together
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
    chainwide,
)
from kassenverbund.kit.text import Identifier
from voucher.adapters.webhook_wire import SECRET_BYTES_MIN, URL_MAX, checked_url
from voucher.adapters.webhooks import PostgresWebhooks, WebhookUnknown
from voucher.events import EVENTS
from voucher.webhook_ports import Delivery, Subscriber

SECRET_PREFIX = "whsec_"  # noqa: S105 (how such secrets begin, no secret)

NAMES = frozenset(event.event_name for event in EVENTS)


class WebhookSecretInvalid(DomainError):
    code = "webhook.secret"
    status = 422
    title = "A secret is whsec_ and the base64 of 24 to 64 random bytes"


def _known(name: str) -> str:
    if name not in NAMES:
        raise ValueError("there is no such event")
    return name


EventName = Annotated[str, Field(max_length=64), AfterValidator(_known)]


class WebhookBody(Body):
    url: Annotated[str, Field(min_length=9, max_length=URL_MAX)]
    events: Annotated[tuple[EventName, ...], Field(min_length=1, max_length=100)]
    secret: Annotated[SecretStr, Field(max_length=128)]
    """`whsec_` and base64, chosen by the subscriber. Never shown again."""
    active: bool = True


class WebhookAnswer(Answer):
    webhook_id: str
    url: str
    events: tuple[str, ...]
    active: bool
    stopped: str | None
    created_at: datetime
    changed_at: datetime
    delivered: int
    delivered_at: datetime | None


class WebhooksAnswer(Answer):
    webhooks: tuple[WebhookAnswer, ...]


class DeliveryAnswer(Answer):
    position: int
    event_id: str
    name: str
    attempts: int
    next_try_at: datetime
    fault: str | None
    dead: bool


class DeliveriesAnswer(Answer):
    deliveries: tuple[DeliveryAnswer, ...]
    cursor: str | None
    """Of the next page; None: this is the last."""


class Done(Answer):
    webhook_id: str
    done: bool = True


def routes(
    webhooks: PostgresWebhooks,
    store: EventStore,
    clock: Callable[[], datetime],
    *,
    private_allowed: bool,
) -> APIRouter:
    """All of it. Only the office of the whole chain may send facts outside."""
    found = APIRouter()
    _writing(found, webhooks, store, clock, private_allowed=private_allowed)
    _reading(found, webhooks)
    return found


async def _once(store: EventStore, ask: Ask) -> None:
    """The key belongs to this request from now on; with another body it is refused."""
    await handle_together(store, {}, lambda _: Decision(events={}), ask=ask)


def _writing(
    routes: APIRouter,
    webhooks: PostgresWebhooks,
    store: EventStore,
    clock: Callable[[], datetime],
    *,
    private_allowed: bool,
) -> None:
    @routes.put("/v1/webhooks/{webhook_id}", response_model=WebhookAnswer, openapi_extra=WRITE)
    async def put(webhook_id: Identifier, body: WebhookBody, asked: Office) -> Response:
        """From now on these facts are delivered to this address, signed with this secret."""
        chainwide(asked.caller)
        checked_url(body.url, private_allowed=private_allowed)
        secret = _secret(body.secret.get_secret_value())
        await _once(store, asked.ask)
        found = await webhooks.put(
            webhook_id,
            url=body.url,
            events=sorted(set(body.events)),
            secret=secret,
            active=body.active,
            now=clock(),
        )
        return as_json(_webhook(found))

    @routes.delete("/v1/webhooks/{webhook_id}", response_model=Done, openapi_extra=WRITE)
    async def delete(webhook_id: Identifier, asked: Office) -> Response:
        """Nothing is delivered any more; what waits is forgotten."""
        chainwide(asked.caller)
        await _once(store, asked.ask)
        await webhooks.delete(webhook_id)
        return as_json(Done(webhook_id=webhook_id))

    @routes.post(
        "/v1/webhooks/{webhook_id}/deliveries/{position}/retry",
        response_model=Done,
        openapi_extra=WRITE,
    )
    async def retry(
        webhook_id: Identifier,
        position: Annotated[int, Path(ge=1, le=2**62)],
        asked: Office,
        body: Empty | None = None,
    ) -> Response:
        """A delivery that was given up waits again."""
        chainwide(asked.caller)
        await _once(store, asked.ask)
        await webhooks.retry(webhook_id, position, clock())
        return as_json(Done(webhook_id=webhook_id))


def _reading(routes: APIRouter, webhooks: PostgresWebhooks) -> None:
    @routes.get("/v1/webhooks", response_model=WebhooksAnswer)
    async def every(caller: Reader) -> Response:
        """All of them, without their secrets."""
        chainwide(caller)
        found = await webhooks.every()
        return as_json(WebhooksAnswer(webhooks=tuple(_webhook(entry) for entry in found)))

    @routes.get("/v1/webhooks/{webhook_id}/deliveries", response_model=DeliveriesAnswer)
    async def deliveries(
        webhook_id: Identifier,
        caller: Reader,
        dead: bool = True,
        limit: PageSize = PAGE_DEFAULT,
        cursor: Annotated[str | None, Query(pattern=r"^[0-9]{1,18}$")] = None,
    ) -> Response:
        """What was given up (`dead=true`), or what still waits."""
        chainwide(caller)
        if webhook_id not in {entry.webhook_id for entry in await webhooks.every()}:
            raise WebhookUnknown
        after = int(cursor) if cursor else 0
        found = await webhooks.deliveries(webhook_id, dead=dead, after=after, rows_max=limit)
        return as_json(
            DeliveriesAnswer(
                deliveries=tuple(_delivery(entry) for entry in found),
                cursor=str(found[-1].position) if len(found) == limit else None,
            )
        )


def _secret(typed: str) -> bytes:
    if not typed.startswith(SECRET_PREFIX):
        raise WebhookSecretInvalid
    try:
        secret = base64.b64decode(typed.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise WebhookSecretInvalid from None
    if not SECRET_BYTES_MIN <= len(secret) <= 64:
        raise WebhookSecretInvalid
    return secret


def _webhook(entry: Subscriber) -> WebhookAnswer:
    return WebhookAnswer(**{name: getattr(entry, name) for name in WebhookAnswer.model_fields})


def _delivery(entry: Delivery) -> DeliveryAnswer:
    return DeliveryAnswer(**{name: getattr(entry, name) for name in DeliveryAnswer.model_fields})
