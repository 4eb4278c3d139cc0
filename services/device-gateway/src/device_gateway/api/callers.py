"""Who may do what in which store: a till reaches its own store and its own till path only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Header, Request

from kassenverbund.kit.auth import Authenticator, Caller, CallerOf, Forbidden
from kassenverbund.kit.text import Identifier

READERS = frozenset({"manager", "back_office", "auditor", "operator"})
OVERRIDERS = frozenset({"manager", "back_office"})
"""Who may let a charge pass although a limit is exceeded."""


class ForeignStore(Forbidden):
    code = "auth.foreign_store"
    title = "This caller belongs to another store"


class ForeignTill(Forbidden):
    code = "auth.foreign_till"
    title = "This caller is another till"


def _in_store(caller: Caller, store_id: str) -> None:
    if caller.store_id is not None and caller.store_id != store_id:
        raise ForeignStore


async def own_till(store_id: Identifier, till_id: Identifier, caller: CallerOf) -> Caller:
    """The till of the path itself: only it may sell."""
    _in_store(caller, store_id)
    if caller.kind != "till":
        raise Forbidden("only the till itself may do this")
    if caller.till_id != till_id:
        raise ForeignTill
    return caller


async def till_or_manager(store_id: Identifier, till_id: Identifier, caller: CallerOf) -> Caller:
    """The till of the path, or a manager of its store."""
    _in_store(caller, store_id)
    if caller.kind == "till":
        if caller.till_id != till_id:
            raise ForeignTill
    elif "manager" not in caller.roles:
        raise Forbidden("needs one of: manager")
    return caller


async def till_of_store_or_manager(store_id: Identifier, caller: CallerOf) -> Caller:
    """Any till of the store, or a manager of it."""
    _in_store(caller, store_id)
    if caller.kind != "till" and "manager" not in caller.roles:
        raise Forbidden("needs one of: manager")
    return caller


async def till_or_reader(store_id: Identifier, till_id: Identifier, caller: CallerOf) -> Caller:
    """The till of the path, or people who may look into its store."""
    _in_store(caller, store_id)
    if caller.kind == "till":
        if caller.till_id != till_id:
            raise ForeignTill
    elif not caller.roles & READERS:
        raise Forbidden(f"needs one of: {', '.join(sorted(READERS))}")
    return caller


async def store_or_reader(store_id: Identifier, caller: CallerOf) -> Caller:
    """Any till of the store, or people who work or look there."""
    _in_store(caller, store_id)
    if caller.kind != "till" and not caller.roles & (READERS | {"cashier"}):
        raise Forbidden(f"needs one of: {', '.join(sorted(READERS | {'cashier'}))}")
    return caller


def in_store(*roles: str) -> Callable[..., Awaitable[Caller]]:
    """FastAPI dependency: a caller with one of `roles`, of the path's store or of the chain."""
    wanted = frozenset(roles)

    async def check(store_id: Identifier, caller: CallerOf) -> Caller:
        _in_store(caller, store_id)
        if caller.kind == "till" or not caller.roles & wanted:
            raise Forbidden(f"needs one of: {', '.join(sorted(wanted))}")
        return caller

    return check


async def overrider_of(
    request: Request,
    store_id: Identifier,
    override_authorization: Annotated[str | None, Header()] = None,
) -> Caller | None:
    """The manager who stands at the till: `Override-Authorization: Bearer …` beside the till's own
    token. None: the header is not there. Raises `Unauthenticated` and `Forbidden`."""
    if override_authorization is None:
        return None
    scheme, _, token = override_authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Forbidden("Override-Authorization is a bearer token")
    authenticator: Authenticator = request.app.state.authenticator
    caller = await authenticator.caller(token.strip())
    _in_store(caller, store_id)
    if caller.kind != "person" or not caller.roles & OVERRIDERS:
        raise Forbidden(f"an override needs one of: {', '.join(sorted(OVERRIDERS))}")
    return caller


OverriderOf = Annotated[Caller | None, Depends(overrider_of)]

ApprovalOf = Annotated[
    str | None, Header(alias="Approval", max_length=64, pattern=r"^[A-Za-z0-9._:-]+$")
]
"""A right that a second person lent (`POST …/approvals`)."""
