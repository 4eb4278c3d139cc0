"""The `Idempotency-Key` header: mandatory on every write, scoped to its caller."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Header, Request

from events import Ask, DomainError
from events.handle import input_hash
from kassenverbund.kit.auth import Caller, CallerOf

IDEMPOTENCY_KEY_MAX = 128

_SHAPE = re.compile(r"^[A-Za-z0-9._:/+=-]{1,128}$")


class IdempotencyKeyMissing(DomainError):
    code = "idempotency_key.missing"
    status = 400
    title = "Every write needs an Idempotency-Key header of 1 to 128 letters, digits and ._:/+=-"


async def ask_of(
    request: Request,
    caller: CallerOf,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Ask:
    """FastAPI dependency: the caller's key and the hash of method, path and body.

    The stored key carries the caller, so that two tills may use the same key for two requests.
    """
    key = checked_key(idempotency_key)
    body = await request.body()
    head = f"{request.method} {request.url.path}\n".encode()
    return Ask(
        key=f"{caller.actor}/{key}", input_hash=input_hash(head + body), metadata=caller.metadata()
    )


def checked_key(idempotency_key: str | None) -> str:
    """Raises `IdempotencyKeyMissing`. For a route that streams: before it reads the body."""
    if idempotency_key is None or not _SHAPE.match(idempotency_key):
        raise IdempotencyKeyMissing
    return idempotency_key


def streamed_ask(request: Request, caller: Caller, digest: bytes) -> Ask:
    """As `ask_of`, for a body that was read as a stream: the query counts, and its `digest`.

    Raises `IdempotencyKeyMissing`.
    """
    key = checked_key(request.headers.get("idempotency-key"))
    head = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    return Ask(
        key=f"{caller.actor}/{key}",
        input_hash=input_hash(head + digest),
        metadata=caller.metadata(),
    )


AskOf = Annotated[Ask, Depends(ask_of)]
