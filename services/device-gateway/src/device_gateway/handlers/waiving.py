"""Who may waive a fee."""

from __future__ import annotations

from collections.abc import Sequence

from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.rights import allowed
from device_gateway.handlers.tendered import TenderedPayment
from device_gateway.ports import Place
from events import Ask, DomainError


class WaiverNeedsReason(DomainError):
    code = "fee.waiver_needs_reason"
    status = 422
    title = "A waiver has a reason, or the voucher that waives"


async def may_settle(
    gateway: Gateway,
    place: Place,
    payments: Sequence[TenderedPayment],
    *,
    ask: Ask,
    approval: str | None = None,
) -> None:
    """Whoever waives without a voucher decides it himself: that takes the right, and a reason.

    Raises `WaiverNeedsReason`, and what `allowed` raises.
    """
    decided = [
        paid.fee
        for paid in payments
        if paid.kind == "waiver" and paid.fee is not None and paid.code is None
    ]
    decided = [fee for fee in decided if not fee.use_credit]
    if any(fee.reason is None for fee in decided):
        raise WaiverNeedsReason
    if decided:
        await allowed(gateway, place.store_id, place.till_id, "waive", approval, ask=ask)
