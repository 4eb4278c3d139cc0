"""Tills at which nobody stands: the chain file declares them, other services book at them.

They are tills in all but the device: serial at a TSE, gapless numbers, shifts and closings of their
own. Nobody holds a token for one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from device_gateway.commands import DeclareUnattended, RevokeTill
from device_gateway.decider.refusals import (
    BookingIsAborted,
    NoCashUnattended,
    UnattendedUnknown,
)
from device_gateway.decider.store import STORE
from device_gateway.decider.till import TILL, declare_unattended, revoke
from device_gateway.handlers import sales
from device_gateway.handlers.ending import Progress, abort
from device_gateway.handlers.gateway import Gateway, store_stream, till_stream
from device_gateway.handlers.sales import Sale, booking_id_of
from device_gateway.handlers.vouchers import sub_ask
from events import Ask, Decider, Decision, DomainError, Metadata, handle_together, state_of
from kassenverbund.kit import chain as declared

SERVER_FAULTS = 500
"""From this status on nobody said no: the same request may be sent again."""


async def declare_unattended_tills(gateway: Gateway, chain: declared.Chain) -> None:
    """What the chain file has is there, what it has no longer is revoked. Raises `TillTaken`."""
    for store in chain.stores:
        wanted = {till.id: till.name for till in store.unattended_tills}
        for till_id, name in wanted.items():
            await _declare(gateway, store.id, till_id, name)
        _, known = await state_of(gateway.store, STORE, store_stream(store.id))
        for till_id in known.tills.keys() - wanted.keys():
            _, till = await state_of(gateway.store, TILL, till_stream(till_id))
            if till.unattended and till.active:
                await _undeclare(gateway, store.id, till_id)


async def _declare(gateway: Gateway, store_id: str, till_id: str, name: str) -> None:
    now = gateway.clock()
    command = DeclareUnattended(store_id, till_id, name, now)
    till_part, store_part = till_stream(till_id), store_stream(store_id)

    def decide(states: Mapping[str, Any]) -> Decision:
        paired, joined = declare_unattended(command, states[till_part], states[store_part])
        return Decision({till_part: paired, store_part: joined})

    parts: dict[str, Decider[Any, Any]] = {till_part: TILL, store_part: STORE}
    await handle_together(gateway.store, parts, decide, ask=_ask("declare", till_id, now))


async def _undeclare(gateway: Gateway, store_id: str, till_id: str) -> None:
    now = gateway.clock()
    command = RevokeTill(store_id, till_id, "undeclared", now, undeclared=True)
    stream = till_stream(till_id)

    def decide(states: Mapping[str, Any]) -> Decision:
        return Decision({stream: revoke(command, states[stream])})

    await handle_together(
        gateway.store, {stream: TILL}, decide, ask=_ask("undeclare", till_id, now)
    )


def _ask(what: str, till_id: str, now: Any) -> Ask:
    # Every start has its own key: a till may come and go.
    key = f"{what}/{till_id}/{now.isoformat()}"
    return Ask.of(key, key, metadata=Metadata(actor="policy:declare_unattended_tills"))


async def book(gateway: Gateway, sale: Sale, *, ask: Ask) -> Progress:
    """A whole sale without a person. What is refused is aborted at once: nobody would come back to
    it; what could not be asked stays open for the same request (or is aborted by the recovery).

    Raises `UnattendedUnknown`, `NoCashUnattended`, `BookingIsAborted` for the repeat of what was
    refused, and what a sale raises.
    """
    _, till = await state_of(gateway.store, TILL, till_stream(sale.till_id))
    if not till.unattended or not till.active or till.store_id != sale.store_id:
        raise UnattendedUnknown
    out_in_cash = bool(sale.back.returns or sale.back.payouts) and sale.refund == "cash"
    if out_in_cash or any(payment.kind == "cash" for payment in sale.payments):
        raise NoCashUnattended
    try:
        progress = await sales.sell(gateway, sale, ask=ask)
    except DomainError as no:
        if no.status < SERVER_FAULTS:
            await _let_go(gateway, booking_id_of(ask), no.code, ask)
        raise
    if progress.booking.aborted is not None:
        raise BookingIsAborted
    return progress


async def _let_go(gateway: Gateway, booking_id: str, code: str, ask: Ask) -> None:
    try:
        booking = await gateway.booking(booking_id)
    except DomainError:
        return  # It was refused before there was one.
    if booking.open:
        await abort(gateway, booking, reason=code, ask=sub_ask(ask, "let-go"))
