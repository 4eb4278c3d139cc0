"""How the facts of a voucher's life change what is known: sale, top-up, last day."""

from __future__ import annotations

from dataclasses import replace

from money import Money
from voucher.decider.lots import Part, ordered, part_of
from voucher.decider.state import Issued, Status, TopUp
from voucher.events import (
    Lot,
    VoucherActivated,
    VoucherCancelled,
    VoucherCardPrepared,
    VoucherExpired,
    VoucherToppedUp,
    VoucherTopUpCancelled,
    VoucherTopUpPrepared,
    VoucherValidityExtended,
)


def activated(voucher: Issued, event: VoucherActivated) -> Issued:
    if not event.reinstated:
        return replace(voucher, status=Status.ACTIVE)
    issue = voucher.past.issue
    assert issue is not None  # It was pending before it was cancelled.
    return replace(
        voucher,
        status=Status.ACTIVE,
        balance=issue.left,
        lots=(issue,),
        valid_until=issue.valid_until,
    )


def cancelled(voucher: Issued, _event: VoucherCancelled) -> Issued:
    """A printed card that was not sold after all can be sold to somebody else; one that was never
    prepared is void."""
    back = voucher.past.card and voucher.status is Status.PENDING
    return replace(
        voucher,
        status=Status.INACTIVE if back else Status.CANCELLED,
        balance=voucher.balance.zero,
        lots=(),
    )


def card_prepared(voucher: Issued, event: VoucherCardPrepared) -> Issued:
    issue = part_of(
        Lot(
            lot_id="issue",
            amount=event.value,
            value=event.value,
            consideration=event.consideration,
            funding=voucher.terms.funding,
            rate=voucher.terms.rate,
            valid_until=event.valid_until,
            opened=event.opened,
        ),
        event.time_zone,
    )
    return replace(
        voucher,
        value=event.value,
        booking_id=event.sold_at.booking_id,
        valid_until=event.valid_until,
        time_zone=event.time_zone,
        status=Status.PENDING,
        balance=event.value,
        lots=(issue,),
        past=replace(
            voucher.past,
            preparation_id=event.preparation_id,
            issue=issue,
            sold_in=event.sold_at.store_id,
        ),
    )


def top_up_prepared(voucher: Issued, event: VoucherTopUpPrepared) -> Issued:
    top_up = TopUp(
        value=event.value,
        consideration=event.consideration,
        rate=event.rate,
        valid_until=event.valid_until,
        opened=event.opened,
        booking_id=event.sold_at.booking_id,
    )
    return _with_top_up(voucher, event.top_up_id, top_up)


def top_up_cancelled(voucher: Issued, event: VoucherTopUpCancelled) -> Issued:
    known = voucher.past.top_ups[event.top_up_id]
    return _with_top_up(voucher, event.top_up_id, replace(known, state="cancelled"))


def topped_up(voucher: Issued, event: VoucherToppedUp) -> Issued:
    top_up = TopUp(
        value=event.value,
        consideration=event.consideration,
        rate=event.rate,
        valid_until=event.valid_until,
        opened=event.opened,
        booking_id=event.booking_id,
        state="recorded",
    )
    lot = part_of(
        Lot(
            lot_id=event.top_up_id,
            amount=event.value,
            value=event.value,
            consideration=event.consideration,
            rate=event.rate,
            valid_until=event.valid_until,
            opened=event.opened,
        ),
        voucher.time_zone,
    )
    return with_lots(_with_top_up(voucher, event.top_up_id, top_up), lot)


def with_lots(voucher: Issued, *lots: Part) -> Issued:
    """With more value. A voucher that had ended has value again, so it lives again."""
    parts = ordered((*voucher.lots, *lots))
    balance = voucher.balance
    for lot in lots:
        balance = balance + lot.left
    days = [part.valid_until for part in parts]
    return replace(
        voucher,
        status=Status.ACTIVE,
        balance=balance,
        lots=parts,
        valid_until=max(days) if days else voucher.valid_until,
    )


def _with_top_up(voucher: Issued, top_up_id: str, top_up: TopUp) -> Issued:
    top_ups = {**voucher.past.top_ups, top_up_id: top_up}
    return replace(voucher, past=replace(voucher.past, top_ups=top_ups))


def extended(voucher: Issued, event: VoucherValidityExtended) -> Issued:
    parts = ordered(
        _restored(part).until(max(event.valid_until, part.valid_until), voucher.time_zone)
        for part in voucher.lots
    )
    return replace(
        voucher,
        status=Status.ACTIVE if voucher.status is Status.EXPIRED else voucher.status,
        balance=event.balance,
        valid_until=max(event.valid_until, voucher.valid_until or event.valid_until),
        lots=parts,
    )


def _restored(part: Part) -> Part:
    if part.expired is None:
        return part
    return replace(part, left=part.left + part.expired, expired=None)


def expired(voucher: Issued, event: VoucherExpired) -> Issued:
    """The run takes whole lots: no payment may hold the voucher then."""
    parts = tuple(
        part.written_off() if part.left and part.usable_before <= event.expired_at else part
        for part in voucher.lots
    )
    balance: Money = voucher.balance - event.amount
    status = voucher.status if balance else Status.EXPIRED
    return replace(voucher, status=status, balance=balance, lots=parts)
