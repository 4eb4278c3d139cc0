"""Pairing, tokens and the list of tills."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from pydantic import BaseModel, ConfigDict, Field

from device_gateway.api.callers import READERS, in_store, own_till
from device_gateway.decider.refusals import PairingTooOften
from device_gateway.handlers.clock_acceptance import accept_clock
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.tills import (
    TillTokens,
    offer_pairing,
    pair_till,
    revoke_till,
    roll_token,
    tills_of,
)
from device_gateway.ports import PairingTries
from events import Ask, Metadata
from events.handle import input_hash
from kassenverbund.kit.auth import Caller, requires
from kassenverbund.kit.idempotency import AskOf, IdempotencyKeyMissing
from kassenverbund.kit.text import Identifier, SafeName

TILL_NAME_MAX = 60
REASON_MAX = 200
TOKEN_MAX = 200

_KEY = re.compile(r"^[A-Za-z0-9._:/+=-]{1,128}$")

TillName = Annotated[SafeName, Field(max_length=TILL_NAME_MAX)]


class Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PairingBody(Body):
    """`till_id`: pair this till (again); without it a new till is made."""

    name: TillName | None = None
    till_id: Identifier | None = None


class PairBody(Body):
    code: Annotated[str, Field(min_length=8, max_length=16, pattern=r"^[A-Za-z -]+$")]


class RevokeBody(Body):
    reason: Annotated[SafeName, Field(max_length=REASON_MAX)] = "revoked"


class TokenBody(Body):
    token: Annotated[str, Field(min_length=1, max_length=TOKEN_MAX)]


class PairingAnswer(BaseModel):
    """`code`: eight letters, to be typed at the till before `expires_at`."""

    till_id: str
    code: str
    expires_at: datetime


class PairAnswer(BaseModel):
    """`token` is told once; the till sends it as a bearer token from now on."""

    till_id: str
    token: str
    client_id: str


class ClockBody(Body):
    reason: Annotated[SafeName, Field(max_length=REASON_MAX)]


class ClockAnswer(BaseModel):
    """`latest`: what was recorded last before."""

    now: datetime
    latest: datetime


class RevokedAnswer(BaseModel):
    till_id: str
    revoked: bool


class TillAnswer(BaseModel):
    """`number` is the last booking number that the till has given; `seen_at` when its token was
    last shown, give or take a minute. `unattended`: nobody stands there."""

    till_id: str
    name: str
    client_id: str
    tse_id: str
    active: bool
    paired_at: datetime | None
    revoked_at: datetime | None
    number: int
    seen_at: datetime | None = None
    unattended: bool = False


class TillsAnswer(BaseModel):
    tills: list[TillAnswer]


class IntrospectionAnswer(BaseModel):
    """`active` false: unknown or revoked, and nothing more is said."""

    active: bool
    kind: str | None = None
    id: str | None = None
    roles: list[str] = []
    store_id: str | None = None
    till_id: str | None = None


async def pairing_ask(
    request: Request,
    store_id: Identifier,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Ask:
    """The one write without a caller: the code is what it proves itself with."""
    if idempotency_key is None or not _KEY.match(idempotency_key):
        raise IdempotencyKeyMissing
    body = await request.body()
    return Ask(
        key=f"pair:{store_id}/{idempotency_key}",
        input_hash=input_hash(request.url.path.encode() + b"\n" + body),
        metadata=Metadata(actor="till:unpaired"),
    )


PairingAsk = Annotated[Ask, Depends(pairing_ask)]
Manager = Annotated[Caller, Depends(in_store("manager"))]
OwnTill = Annotated[Caller, Depends(own_till)]
Reader = Annotated[Caller, Depends(in_store(*READERS))]
OtherService = Annotated[Caller, Depends(requires("service"))]


def router(gateway: Gateway, *, tokens: TillTokens, tries: PairingTries) -> APIRouter:
    routes = APIRouter(tags=["tills"])
    _pairing(routes, gateway, tries)
    _paired(routes, gateway, tokens)
    return routes


def _pairing(routes: APIRouter, gateway: Gateway, tries: PairingTries) -> None:
    @routes.post("/{store_id}/v1/pairings")
    async def offer(
        store_id: Identifier, body: PairingBody, caller: Manager, ask: AskOf
    ) -> PairingAnswer:
        offered = await offer_pairing(
            gateway, store_id=store_id, till_id=body.till_id, name=body.name or "", ask=ask
        )
        return PairingAnswer(
            till_id=offered.till_id, code=offered.code, expires_at=offered.expires_at
        )

    @routes.post("/{store_id}/v1/pair")
    async def pair(
        store_id: Identifier, body: PairBody, request: Request, ask: PairingAsk
    ) -> PairAnswer:
        source = request.client.host if request.client else "unknown"
        now = gateway.clock()
        wait_s = await tries.admit(store_id=store_id, source=source, now=now)
        if wait_s is not None:
            raise PairingTooOften(retry_after_s=math.ceil(wait_s))
        paired = await pair_till(gateway, store_id=store_id, code=body.code, ask=ask)
        await tries.succeeded(store_id=store_id, source=source, now=now)
        return PairAnswer(till_id=paired.till_id, token=paired.token, client_id=paired.client_id)


def _paired(routes: APIRouter, gateway: Gateway, tokens: TillTokens) -> None:
    _rolling(routes, gateway)

    @routes.post("/{store_id}/v1/tills/{till_id}/revoke")
    async def revoke(
        store_id: Identifier, till_id: Identifier, body: RevokeBody, caller: Manager, ask: AskOf
    ) -> RevokedAnswer:
        await revoke_till(gateway, store_id=store_id, till_id=till_id, reason=body.reason, ask=ask)
        return RevokedAnswer(till_id=till_id, revoked=True)

    @routes.get("/{store_id}/v1/tills")
    async def tills(store_id: Identifier, caller: Reader) -> TillsAnswer:
        at = {} if tokens.kept is None else await tokens.kept.all()
        return TillsAnswer(
            tills=[
                TillAnswer(
                    till_id=till.till_id,
                    name=till.name,
                    client_id=till.client_id,
                    tse_id=till.tse_id,
                    active=till.active,
                    paired_at=till.paired_at,
                    revoked_at=till.revoked_at,
                    number=till.numbers,
                    seen_at=at.get(till.till_id),
                    unattended=till.unattended,
                )
                for till in await tills_of(gateway, store_id)
            ]
        )

    @routes.post("/introspections")
    async def introspect(body: TokenBody, caller: OtherService) -> IntrospectionAnswer:
        found = await tokens.caller(body.token)
        if found is None:
            return IntrospectionAnswer(active=False)
        return IntrospectionAnswer(
            active=True,
            kind=found.kind,
            id=found.id,
            roles=sorted(found.roles),
            store_id=found.store_id,
            till_id=found.till_id,
        )


def _rolling(routes: APIRouter, gateway: Gateway) -> None:
    @routes.post("/{store_id}/v1/tills/{till_id}/token")
    async def roll(
        store_id: Identifier, till_id: Identifier, caller: OwnTill, ask: AskOf
    ) -> PairAnswer:
        """A new token; the one before is good for a minute more."""
        rolled = await roll_token(gateway, store_id=store_id, till_id=till_id, ask=ask)
        return PairAnswer(till_id=till_id, token=rolled.token, client_id=rolled.client_id)

    @routes.post("/{store_id}/v1/clock")
    async def clock(
        store_id: Identifier, body: ClockBody, caller: Manager, ask: AskOf
    ) -> ClockAnswer:
        """The clock is right, although something later was recorded: go on."""
        latest = await accept_clock(
            gateway, store_id=store_id, reason=body.reason, by=caller.id, ask=ask
        )
        return ClockAnswer(now=gateway.clock(), latest=latest)
