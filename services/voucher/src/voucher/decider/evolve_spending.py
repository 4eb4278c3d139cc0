"""How holds, payments and moves change what is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from money import Money, total
from voucher.decider.evolve_life import with_lots
from voucher.decider.lots import after_returns, after_uses, drawn, ordered, part_of
from voucher.decider.state import Hold, HoldState, Issued, Status
from voucher.events import (
    LotUse,
    VoucherCaptureFailed,
    VoucherClaimed,
    VoucherHeld,
    VoucherHoldConfirmed,
    VoucherHoldReleased,
    VoucherPaidOut,
    VoucherRedeemed,
    VoucherRedemptionReversed,
    VoucherSaleReversed,
    VoucherTransferredIn,
    VoucherTransferredOut,
)


def held(voucher: Issued, event: VoucherHeld) -> Issued:
    hold = Hold(
        hold_id=event.hold_id,
        state=HoldState.HELD,
        amount=event.amount,
        left=event.available,
        expires_at=event.expires_at,
        held_at=event.held_at,
        store_id=event.store_id,
        till_id=event.till_id,
        booking_id=event.booking_id,
        payment_id=event.payment_id,
        purpose=event.purpose,
        group_id=event.group_id,
        covers=event.covers,
    )
    return replace(
        voucher,
        open={**voucher.open, event.hold_id: hold},
        closed=_without(voucher.closed, event.hold_id),
    )


def confirmed(voucher: Issued, event: VoucherHoldConfirmed) -> Issued:
    hold = replace(voucher.open[event.hold_id], state=HoldState.CONFIRMED)
    return replace(voucher, open={**voucher.open, event.hold_id: hold})


def released(voucher: Issued, event: VoucherHoldReleased) -> Issued:
    state = HoldState.EXPIRED if event.reason == "expired" else HoldState.RELEASED
    known = voucher.hold(event.hold_id)
    assert known is not None  # A hold is placed before it is released.
    if known.spent is not None:
        # Part of it was captured before: that is what became of it.
        known = replace(known, amount=known.spent, left=voucher.balance)
        state = HoldState.CAPTURED
    return _close(voucher, replace(known, state=state))


def redeemed(voucher: Issued, event: VoucherRedeemed) -> Issued:
    assert voucher.balance - event.amount == event.remaining
    uses = event.uses or _of_the_one_lot(voucher, event.amount)
    known = voucher.open.get(event.hold_id)
    spent = event.amount
    if known is not None and known.spent is not None:
        spent, uses_before = spent + known.spent, known.uses
    else:
        uses_before = ()
    lots = after_uses(voucher.lots, uses)
    if event.held_still is not None and known is not None:
        kept = replace(
            known,
            amount=event.held_still,
            spent=spent,
            uses=_joined(uses_before, uses),
            captured_by=(*known.captured_by, event.booking_id or ""),
        )
        opened = {**voucher.open, event.hold_id: kept}
        return replace(voucher, open=opened, balance=event.remaining, lots=lots)
    captured = Hold(
        hold_id=event.hold_id,
        state=HoldState.CAPTURED,
        amount=spent,
        left=event.remaining,
        expires_at=event.redeemed_at,
        held_at=event.redeemed_at,
        store_id=event.store_id,
        till_id=event.till_id or "",
        booking_id=event.booking_id or "",
        uses=_joined(uses_before, uses) if uses_before else tuple(uses),
    )
    return voucher.spent(
        event.remaining,
        lots,
        _without(voucher.open, event.hold_id),
        {**voucher.closed, event.hold_id: captured},
    )


def capture_failed(voucher: Issued, event: VoucherCaptureFailed) -> Issued:
    """Part of it may have been captured by the event before; then that is what became of it."""
    known = voucher.closed.get(event.hold_id)
    if known is not None and known.state is HoldState.CAPTURED:
        return voucher
    nothing = Hold(
        hold_id=event.hold_id,
        state=HoldState.FAILED,
        amount=event.amount.zero,
        left=voucher.balance,
        expires_at=event.failed_at,
        held_at=event.failed_at,
        store_id=event.store_id,
        till_id=event.till_id,
        booking_id=event.booking_id,
    )
    return _close(voucher, nothing)


def reversed_(voucher: Issued, event: VoucherRedemptionReversed) -> Issued:
    """The voucher lives again, whatever had become of it: the value is there."""
    lots = after_returns(voucher.lots, event.uses)
    valid_until = voucher.valid_until
    if event.valid_until is not None:
        touched = {use.lot_id for use in event.uses}
        lots = ordered(
            part.until(event.valid_until, voucher.time_zone) if part.lot_id in touched else part
            for part in lots
        )
        valid_until = max(event.valid_until, valid_until or event.valid_until)
    known = voucher.closed.get(event.hold_id)
    closed = voucher.closed
    if known is not None:
        back = event.amount if known.back is None else known.back + event.amount
        closed = {**closed, event.hold_id: replace(known, back=back)}
    reversals = {**voucher.past.reversals, event.reversal_id: event.amount}
    return replace(
        voucher,
        status=Status.ACTIVE if event.amount else voucher.status,
        balance=event.balance,
        lots=lots,
        valid_until=valid_until,
        closed=closed,
        past=replace(voucher.past, reversals=reversals),
    )


def paid_out(voucher: Issued, event: VoucherPaidOut) -> Issued:
    done = _taken(voucher, event.hold_id, event.amount, event.remaining, event.store_id, event)
    return replace(done, status=voucher.status if event.remaining else Status.PAID_OUT)


def sale_reversed(voucher: Issued, event: VoucherSaleReversed) -> Issued:
    remaining = voucher.balance - event.refunded
    done = _taken(voucher, event.hold_id, event.refunded, remaining, event.store_id, event)
    past = replace(voucher.past, reversed_sale=event.hold_id)
    return replace(done, status=voucher.status if remaining else Status.CANCELLED, past=past)


def _taken(
    voucher: Issued,
    hold_id: str,
    amount: Money,
    remaining: Money,
    store_id: str,
    event: VoucherPaidOut | VoucherSaleReversed,
) -> Issued:
    payout = isinstance(event, VoucherPaidOut)
    at = event.paid_out_at if isinstance(event, VoucherPaidOut) else event.reversed_at
    uses = event.uses or _of_the_one_lot(voucher, amount)
    taken = Hold(
        hold_id=hold_id,
        state=HoldState.CAPTURED,
        amount=amount,
        left=remaining,
        expires_at=at,
        held_at=at,
        store_id=store_id,
        till_id=event.till_id or "",
        booking_id=event.booking_id or "",
        purpose="payout" if payout else "sale_reversal",
        uses=tuple(uses),
    )
    return replace(_close(voucher, taken), balance=remaining, lots=after_uses(voucher.lots, uses))


def transferred_out(voucher: Issued, event: VoucherTransferredOut) -> Issued:
    moves = {**voucher.past.moves, event.transfer_id: event.amount}
    past = replace(voucher.past, moves=moves)
    status = voucher.status
    if event.closes or event.reason == "refund_forward":
        past = replace(past, successor_id=event.to_voucher_id)
        status = Status.REPLACED
    return replace(
        voucher,
        status=status,
        balance=event.remaining,
        lots=after_uses(voucher.lots, event.uses),
        past=past,
    )


def transferred_in(voucher: Issued, event: VoucherTransferredIn) -> Issued:
    lots = tuple(part_of(lot, voucher.time_zone) for lot in event.lots)
    moves = {**voucher.past.moves, event.transfer_id: event.amount}
    return replace(with_lots(voucher, *lots), past=replace(voucher.past, moves=moves))


def claimed(voucher: Issued, event: VoucherClaimed) -> Issued:
    moves = {**voucher.past.moves, event.claim_id: event.amount}
    return replace(
        voucher,
        status=Status.CLAIMED,
        balance=voucher.balance - event.amount,
        lots=after_uses(voucher.lots, event.uses),
        past=replace(voucher.past, moves=moves),
    )


def _of_the_one_lot(voucher: Issued, amount: Money) -> tuple[LotUse, ...]:
    """Facts that were written before there were lots do not name them."""
    return drawn([(part, part.left) for part in voucher.lots], amount)


def _joined(before: Sequence[LotUse], uses: Sequence[LotUse]) -> tuple[LotUse, ...]:
    """Of one hold that was captured in parts: one use per lot."""
    found: dict[str, LotUse] = {}
    for use in (*before, *uses):
        known = found.get(use.lot_id)
        if known is not None:
            taxes = [tax for tax in (known.tax, use.tax) if tax is not None]
            use = LotUse(
                lot_id=use.lot_id,
                amount=known.amount + use.amount,
                consideration=known.consideration + use.consideration,
                tax=total(taxes, currency=use.amount.currency) if taxes else None,
            )
        found[use.lot_id] = use
    return tuple(found.values())


def _close(voucher: Issued, hold: Hold) -> Issued:
    return replace(
        voucher,
        open=_without(voucher.open, hold.hold_id),
        closed={**voucher.closed, hold.hold_id: hold},
    )


def _without(holds: Mapping[str, Hold], hold_id: str) -> Mapping[str, Hold]:
    if hold_id not in holds:
        return holds
    return {key: hold for key, hold in holds.items() if key != hold_id}
