"""Who calls. Every route needs a caller, health and the published schemas aside (design.md §9)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Protocol
from urllib.parse import urlsplit

from fastapi import Depends, Request

from events import DomainError, Metadata
from kassenverbund.kit.limits import ROLES as ROLES


@dataclass(frozen=True, slots=True)
class Caller:
    """The authenticated caller of a request."""

    kind: str
    """`person` (bearer JWT), `service` (another service of this chain) or `till` (device token)."""
    id: str
    roles: frozenset[str] = frozenset()
    store_id: str | None = None
    """The only store that this caller may touch; None: all of the chain."""
    till_id: str | None = None
    company_id: str | None = None
    """With the role `company`: the only company whose cost centers this caller may look at."""

    @property
    def actor(self) -> str:
        """For `Metadata.actor`."""
        return f"{self.kind}:{self.id}"

    def metadata(self) -> Metadata:
        return Metadata(actor=self.actor)


class Unauthenticated(DomainError):
    code = "auth.required"
    status = 401
    title = "A valid bearer token is required"


class Forbidden(DomainError):
    code = "auth.forbidden"
    status = 403
    title = "This caller may not do this"


class Authenticator(Protocol):
    """Turns a bearer token into a caller."""

    async def caller(self, token: str) -> Caller:
        """Raises `Unauthenticated`: unknown, expired, wrong issuer or audience, not yet valid."""
        ...

    def accept(self, prefix: str, check: Callable[[str], Awaitable[Caller | None]]) -> None:
        """Let tokens that start with `prefix` be checked by `check` (the gateway's tills: `kvt_`).
        `check` answers None for a token that is unknown or revoked."""
        ...


class ForeignOrigin(Forbidden):
    """A page of somewhere else made a browser send this, with the till's cookie."""

    code = "auth.foreign_origin"
    title = "This does not come from the till's own page"


TILL_COOKIE = "kv_till"
"""Holds the token of a till whose screen is a browser: HttpOnly, Secure, SameSite=Strict."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def same_origin(request: Request) -> bool:
    """Whether a browser says that one of our own pages sent this. What says nothing about itself
    is no page of ours."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host")


async def caller_of(request: Request) -> Caller:
    """FastAPI dependency: the caller by its bearer token, or the till by its browser's cookie.

    Raises `Unauthenticated`; `ForeignOrigin`: a write with the cookie that no page of ours sent.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    cookie = request.cookies.get(TILL_COOKIE, "")
    authenticator: Authenticator = request.app.state.authenticator
    if scheme.lower() == "bearer" and token:
        caller = await authenticator.caller(token.strip())
    elif cookie and not scheme:
        if request.method not in _SAFE_METHODS and not same_origin(request):
            raise ForeignOrigin
        caller = await authenticator.caller(cookie)
        if caller.kind != "till":
            raise Unauthenticated  # People's tokens do not belong into cookies.
    else:
        raise Unauthenticated
    request.state.caller = caller
    return caller


CallerOf = Annotated[Caller, Depends(caller_of)]


def requires(*roles: str) -> Callable[..., Awaitable[Caller]]:
    """FastAPI dependency: a caller with at least one of `roles`, else `Forbidden`."""
    wanted = frozenset(roles)
    unknown = wanted - ROLES
    if unknown:
        raise ValueError(f"unknown roles: {unknown}")

    async def check(caller: CallerOf) -> Caller:
        if not wanted & caller.roles:
            raise Forbidden(f"needs one of: {', '.join(sorted(wanted))}")
        return caller

    return check
