"""Who calls. Every route needs a caller, health and the published schemas aside (design.md §9)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Protocol

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


async def caller_of(request: Request) -> Caller:
    """FastAPI dependency: the caller, or `Unauthenticated`."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated
    authenticator: Authenticator = request.app.state.authenticator
    caller = await authenticator.caller(token.strip())
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
