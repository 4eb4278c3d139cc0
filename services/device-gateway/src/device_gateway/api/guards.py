"""Whether whoever stands at the till may do what a route does. People with a token of their own
have their roles instead."""

from __future__ import annotations

from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.rights import Who, allowed
from events import Ask
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.chain_tills import TillRight


async def guarded(
    gateway: Gateway,
    caller: Caller,
    right: TillRight,
    approval: str | None,
    *,
    ask: Ask | None = None,
    booking_id: str | None = None,
) -> Who:
    """Who does it. A request that was answered before is not asked again.

    Raises `RightMissing`, `SignInNeeded`, `ApprovalNotValid`.
    """
    if caller.kind != "till" or caller.store_id is None or caller.till_id is None:
        return Who()
    if ask is not None and await gateway.store.outcome(ask.key, ask.input_hash) is not None:
        return Who()
    return await allowed(
        gateway, caller.store_id, caller.till_id, right, approval, ask=ask, booking_id=booking_id
    )
