"""Value that moves from one voucher to another. Both sides are decided and stored together."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime

from money import Money
from voucher.commands import RecordTopUp, ReverseRedemption
from voucher.decider.evolve_life import topped_up
from voucher.decider.evolve_spending import reversed_
from voucher.decider.lots import LOTS_MAX, Part
from voucher.decider.office import living
from voucher.decider.refusals import (
    BalanceTooLarge,
    TooManyLots,
    TransferReused,
    VoucherHeldNow,
    VoucherInsufficient,
    VoucherNotUsable,
    VouchersDiffer,
    WrongCurrency,
)
from voucher.decider.rules import expiries, usable_uses
from voucher.decider.selling import record_top_up
from voucher.decider.spend import reverse
from voucher.decider.state import Issued, Status, Voucher
from voucher.events import (
    Lot,
    LotUse,
    TransferReason,
    VoucherEvent,
    VoucherRedemptionReversed,
    VoucherToppedUp,
    VoucherTransferredIn,
    VoucherTransferredOut,
)

Events = Sequence[VoucherEvent]


@dataclass(frozen=True, slots=True)
class TransferValue:
    """Move value from one voucher to another."""

    transfer_id: str
    amount: Money | None
    """None: a merge. All of it moves, the source ends and the target is its successor."""
    balance_max: Money
    now: datetime


def transfer(command: TransferValue, source: Voucher, target: Voucher) -> tuple[Events, Events]:
    """The facts of the source and of the target. Raises what forbids it; a repeat is nothing."""
    if not isinstance(source, Issued) or not isinstance(target, Issued):
        raise VoucherNotUsable
    if source.voucher_id == target.voucher_id:
        raise VouchersDiffer(differs=["nothing"])
    moved = source.past.moves.get(command.transfer_id)
    if moved is not None or command.transfer_id in target.past.moves:
        same = command.amount is None or command.amount == moved
        if moved != target.past.moves.get(command.transfer_id) or not same:
            raise TransferReused
        return (), ()
    for voucher in (source, target):
        if living(voucher).status is not Status.ACTIVE or voucher.blocked:
            raise VoucherNotUsable
    _alike(source, target)
    merge = command.amount is None
    uses = _all_of(source, command.now) if merge else _part_of(source, command)
    amount = source.balance if command.amount is None else command.amount
    room = command.balance_max - target.balance
    if amount > room:
        raise BalanceTooLarge(room=max(room, room.zero).model_dump())
    if len(target.lots) + len(uses) > LOTS_MAX:
        raise TooManyLots
    pair = _pair(
        source,
        target,
        command.transfer_id,
        uses,
        amount,
        reason="merge" if merge else "transfer",
        now=command.now,
    )
    return (*expiries(source, command.now), pair[0]), (pair[1],)


def _alike(source: Issued, target: Issued) -> None:
    if source.balance.currency != target.balance.currency:
        raise WrongCurrency
    differs = [
        name
        for name in ("kind", "vat", "funding", "payout", "payout_below", "restrictions", "effect")
        if getattr(source.terms, name) != getattr(target.terms, name)
    ]
    if source.legal_entity_id != target.legal_entity_id:
        differs.insert(0, "legal_entity_id")
    if differs:
        raise VouchersDiffer(differs=differs)


def _all_of(source: Issued, now: datetime) -> tuple[LotUse, ...]:
    coming = any(top_up.state == "prepared" for top_up in source.past.top_ups.values())
    if source.held(now) or coming:
        raise VoucherHeldNow
    if not source.balance:
        raise VoucherInsufficient(available=source.balance.model_dump())
    return tuple(part.use(part.left) for part in source.lots if part.left)


def _part_of(source: Issued, command: TransferValue) -> tuple[LotUse, ...]:
    assert command.amount is not None
    if command.amount.currency != source.balance.currency:
        raise WrongCurrency
    available = source.available(command.now)
    if available < command.amount:
        raise VoucherInsufficient(available=available.model_dump())
    return usable_uses(source, command.amount, command.now)


def _pair(
    source: Issued,
    target: Issued,
    transfer_id: str,
    uses: tuple[LotUse, ...],
    amount: Money,
    *,
    reason: TransferReason,
    now: datetime,
    top_up_id: str | None = None,
) -> tuple[VoucherTransferredOut, VoucherTransferredIn]:
    parts = {part.lot_id: part for part in source.lots}
    out = VoucherTransferredOut(
        voucher_id=source.voucher_id,
        serial=source.serial,
        transfer_id=transfer_id,
        to_voucher_id=target.voucher_id,
        to_serial=target.serial,
        amount=amount,
        remaining=source.balance - amount,
        uses=uses,
        reason=reason,
        closes=reason != "transfer",
        top_up_id=top_up_id,
        transferred_at=now,
    )
    lots = tuple(
        lot_of(parts[use.lot_id], use, f"{transfer_id}.{number}")
        for number, use in enumerate(uses, start=1)
    )
    into = VoucherTransferredIn(
        voucher_id=target.voucher_id,
        serial=target.serial,
        transfer_id=transfer_id,
        from_voucher_id=source.voucher_id,
        from_serial=source.serial,
        amount=amount,
        balance=target.balance + amount,
        lots=lots,
        reason=reason,
        top_up_id=top_up_id,
        transferred_at=now,
    )
    return out, into


def lot_of(part: Part, use: LotUse, lot_id: str) -> Lot:
    """The part of a lot that leaves a voucher, with its dates, its price and its tax."""
    return Lot(
        lot_id=lot_id,
        amount=use.amount,
        value=use.amount,
        consideration=use.consideration,
        funding=part.funding,
        rate=part.rate,
        tax=use.tax,
        valid_until=part.valid_until,
        opened=part.opened,
    )


def forward(
    command: ReverseRedemption | RecordTopUp, source: Issued, successor: Issued
) -> tuple[Events, Events]:
    """A redemption of a voucher that was merged is reversed, or a top-up of it recorded: the value
    goes on to its successor. The caller has made sure that `successor` was not merged itself."""
    assert source.status is Status.REPLACED
    assert successor.status is not Status.REPLACED
    if isinstance(command, RecordTopUp):
        return _top_up_forward(command, source, successor)
    return _refund_forward(command, source, successor)


def _refund_forward(
    command: ReverseRedemption, source: Issued, successor: Issued
) -> tuple[Events, Events]:
    decided = reverse(command, replace(source, status=Status.ACTIVE))
    if not decided:
        return (), ()
    back = decided[0]
    assert isinstance(back, VoucherRedemptionReversed)
    if not back.amount:
        return decided, ()
    there = reversed_(source, back)
    out, into = _pair(
        there,
        successor,
        command.reversal_id,
        # Exactly what the reversal gave back leaves again, lot by lot.
        _all_left(there, {use.lot_id for use in back.uses}),
        back.amount,
        reason="refund_forward",
        now=command.now,
    )
    return (back, out), (into,)


def _top_up_forward(
    command: RecordTopUp, source: Issued, successor: Issued
) -> tuple[Events, Events]:
    decided = record_top_up(command, replace(source, status=Status.ACTIVE))
    if not decided:
        return (), ()
    topped = decided[0]
    assert isinstance(topped, VoucherToppedUp)
    there = topped_up(source, topped)
    out, into = _pair(
        there,
        successor,
        command.top_up_id,
        _all_left(there, {topped.top_up_id}),
        topped.value,
        reason="merge",
        now=command.now,
        top_up_id=topped.top_up_id,
    )
    return (topped, out), (into,)


def _all_left(voucher: Issued, lot_ids: Set[str]) -> tuple[LotUse, ...]:
    return tuple(
        part.use(part.left) for part in voucher.lots if part.lot_id in lot_ids and part.left
    )
