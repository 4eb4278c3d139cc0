"""Whether whoever stands at a till may do something there. The one place that answers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from device_gateway.decider.booking_state import Booking
from device_gateway.decider.cashier import (
    CASHIER,
    ApprovalNotValid,
    Cashier,
    RightMissing,
    SignInNeeded,
    use_approval,
)
from device_gateway.decider.refusals import TillUnknown
from device_gateway.decider.till import TILL, Till
from device_gateway.events import ApprovalGiven
from device_gateway.handlers.gateway import Gateway, cashier_stream, till_stream
from events import Ask, Decision, handle_together, state_of
from kassenverbund.kit.chain_tills import TillRight


@dataclass(frozen=True, slots=True)
class Who:
    """Who does it, and who lent the right for it; ids, never names."""

    cashier_id: str | None = None
    """None: nobody is signed in."""
    approved_by: str | None = None
    discount_max: int | None = None
    """Basis points by which a price may be lowered; None: as far as it goes."""


async def cashier_of(gateway: Gateway, cashier_id: str) -> Cashier:
    """As the log has him now; without a role where he is not enrolled."""
    return (await state_of(gateway.store, CASHIER, cashier_stream(cashier_id)))[1]


async def at_till(gateway: Gateway, store_id: str, till_id: str) -> tuple[Till, Cashier | None]:
    """The till and who is signed in there. Raises `TillUnknown`."""
    _, till = await state_of(gateway.store, TILL, till_stream(till_id))
    if not till.known or till.store_id != store_id:
        raise TillUnknown
    return till, None if till.cashier is None else await cashier_of(gateway, till.cashier)


async def somebody_here(gateway: Gateway, booking: Booking, ask: Ask) -> None:
    """Where the store wants somebody signed in, an open sale goes on with somebody alone. What was
    answered before is answered again. Raises `SignInNeeded`."""
    started = booking.started
    if started is None or started.store_id not in gateway.sign_in_required or started.unattended:
        return
    if await gateway.store.outcome(ask.key, ask.input_hash) is not None:
        return
    _, cashier = await at_till(gateway, started.store_id, started.till_id)
    if cashier is None or cashier.role is None or not cashier.works_in(started.store_id):
        raise SignInNeeded


async def allowed(
    gateway: Gateway,
    store_id: str,
    till_id: str,
    right: TillRight,
    approval: str | None = None,
    *,
    ask: Ask | None = None,
    booking_id: str | None = None,
) -> Who:
    """Who does what needs `right`. An `approval` is used up by it: give the act's `ask`, so that a
    repeat of the same request may use it again.

    Raises `RightMissing`, `SignInNeeded`, `ApprovalNotValid`, `TillUnknown`.
    """
    till, cashier = await at_till(gateway, store_id, till_id)
    own = _own(gateway, store_id, cashier, right)
    if approval is None:
        if own is None:
            raise RightMissing(right=right, cashier=till.cashier)
        return own
    given = await _used(gateway, store_id, till_id, right, approval, ask, booking_id)
    lender = await cashier_of(gateway, given.cashier_id)
    if not lender.works_in(store_id) or lender.role is None:
        raise ApprovalNotValid
    if right not in gateway.till_rights.of(lender.role):
        raise ApprovalNotValid
    most: int | None = gateway.till_rights.discount_max_of(lender.role)
    if own is not None:
        most = None if own.discount_max is None or most is None else max(own.discount_max, most)
    return Who(till.cashier, given.cashier_id, most)


def _own(gateway: Gateway, store_id: str, cashier: Cashier | None, right: TillRight) -> Who | None:
    """None: whoever is signed in may not. Raises `SignInNeeded`."""
    if cashier is None:
        if store_id in gateway.sign_in_required:
            raise SignInNeeded
        return Who()
    if cashier.role is None or not cashier.works_in(store_id):
        return None  # He was removed while he stood there.
    if right not in gateway.till_rights.of(cashier.role):
        return None
    return Who(cashier.cashier_id, None, gateway.till_rights.discount_max_of(cashier.role))


async def _used(
    gateway: Gateway,
    store_id: str,
    till_id: str,
    right: TillRight,
    approval: str,
    ask: Ask | None,
    booking_id: str | None,
) -> ApprovalGiven:
    stream, now = till_stream(till_id), gateway.clock()
    found: dict[str, ApprovalGiven] = {}

    def decide(states: Mapping[str, Any]) -> Decision:
        till: Till = states[stream]
        used = use_approval(
            till, store_id=store_id, till_id=till_id, approval_id=approval, right=right,
            booking_id=booking_id, now=now,
        )  # fmt: skip
        found["it"] = till.approvals[approval]
        return Decision({stream: used})

    if ask is None:
        step = Ask.of(f"approval/{uuid4()}", approval)
    else:
        step = Ask.of(f"{ask.key}/approval/{right}", approval)
    done = await handle_together(gateway.store, {stream: TILL}, decide, ask=step)
    if done.appended.repeated:
        # The same request, once more: what it used is in the log still.
        for recorded in reversed(await gateway.store.load(stream)):
            event = recorded.event
            if isinstance(event, ApprovalGiven) and event.approval_id == approval:
                return event
        raise ApprovalNotValid
    return found["it"]
