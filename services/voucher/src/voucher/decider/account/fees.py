"""Open fees and what settles them: credit, a payment, a waiver.

A settlement that is prepared keeps its part of the fee (and of the credit) until it ends, so two
tills never settle the same cent. What a recorded booking says is matched as far as anything is
open; the rest is written down as failed, for somebody to look at.
"""

from __future__ import annotations

from collections.abc import Sequence

from voucher.decider.account import lots
from voucher.decider.account.commands import (
    DropSettlement,
    PostFee,
    PrepareSettlement,
    SettleNow,
    WithdrawFee,
)
from voucher.decider.account.evolve import AccountFact
from voucher.decider.account.refusals import (
    AccountIsBlocked,
    AccountUnknown,
    CreditInsufficient,
    FeeClosed,
    FeeInSettlement,
    FeeReused,
    FeeUnknown,
    OverOpen,
    ReasonNeeded,
    ReceiptDuty,
    SettlementEnded,
    SettlementRecorded,
    SettlementReused,
    SettlementUnknown,
    TooManyFees,
)
from voucher.decider.account.settling import fits, given_by, given_reason, settled
from voucher.decider.account.spend import expiries
from voucher.decider.account.state import (
    Account,
    Fee,
    Opened,
    Pins,
    SettlementState,
    Settling,
    Unopened,
)
from voucher.decider.refusals import WrongCurrency
from voucher.events import (
    FeePosted,
    FeeSettlementDropped,
    FeeSettlementPrepared,
    FeeWithdrawn,
)

OPEN_FEES_MAX = 200
"""Open fees of one account. More is a defect of the system that posts them."""

Facts = Sequence[AccountFact]


def post(command: PostFee, account: Account) -> Facts:
    if isinstance(account, Unopened):
        raise AccountUnknown
    known = account.fees.get(command.fee_id)
    terms = (command.kind, command.amount, command.due, command.text)
    if known is not None:
        if (known.kind, known.amount, known.due, known.text) != terms:
            raise FeeReused
        return ()
    if command.amount.currency != account.currency:
        raise WrongCurrency
    if sum(1 for fee in account.fees.values() if fee.open) >= OPEN_FEES_MAX:
        raise TooManyFees
    return (
        FeePosted(
            account_id=account.account_id,
            fee_id=command.fee_id,
            kind=command.kind,
            amount=command.amount,
            due=command.due,
            text=command.text,
            posted_at=command.now,
        ),
    )


def withdraw(command: WithdrawFee, account: Account) -> Facts:
    account, fee = _fee_of(account, command.fee_id)
    if fee.withdrawn:
        return ()
    if not fee.open:
        raise FeeClosed
    if account.open_of(fee, command.now) != fee.open:
        raise FeeInSettlement
    return (
        *expiries(account, command.now),
        FeeWithdrawn(
            account_id=account.account_id,
            fee_id=fee.fee_id,
            amount=fee.open,
            reason=command.reason,
            withdrawn_at=command.now,
        ),
    )


def prepare(command: PrepareSettlement, account: Account) -> Facts:
    account, fee = _fee_of(account, command.fee_id)
    known = account.settlements.get(command.settlement_id)
    if known is not None:
        return _prepared_before(command, known)
    _settleable(command, account, fee)
    return (
        *expiries(account, command.now),
        FeeSettlementPrepared(
            account_id=account.account_id,
            fee_id=fee.fee_id,
            settlement_id=command.settlement_id,
            how=command.how,
            amount=command.amount,
            from_credit=command.from_credit,
            voucher_id=command.voucher.voucher_id if command.voucher else None,
            voucher_serial=command.voucher.serial if command.voucher else None,
            reason=command.reason,
            booking_id=command.booking_id,
            store_id=command.store_id,
            till_id=command.till_id,
            expires_at=command.expires_at,
            prepared_at=command.now,
        ),
    )


def _prepared_before(command: PrepareSettlement, known: Settling) -> Facts:
    same = (known.fee_id, known.how, known.amount, known.booking_id)
    if same != (command.fee_id, command.how, command.amount, command.booking_id):
        raise SettlementReused
    if known.state is SettlementState.SETTLED or known.live(command.now):
        return ()
    raise SettlementEnded


def _settleable(command: PrepareSettlement | SettleNow, account: Opened, fee: Fee) -> Pins:
    """The credit that this settlement uses. Raises what stands against it."""
    now = command.now
    if command.amount.currency != account.currency:
        raise WrongCurrency
    open_now = account.open_of(fee, now)
    if command.amount > open_now:
        raise OverOpen(open=open_now.model_dump())
    if command.how == "waiver" and not (command.reason or command.from_credit):
        raise ReasonNeeded
    if command.how != "credit" and not command.from_credit:
        return ()
    if account.blocked is not None:
        raise AccountIsBlocked(reason=account.blocked)
    there = lots.free(account, fits(command.how, fee), account.day(now), now)
    if lots.worth(there) < command.amount.amount:
        raise CreditInsufficient(available=account.money(lots.worth(there)).model_dump())
    return lots.part_of(there, command.amount.amount)


def drop(command: DropSettlement, account: Account) -> Facts:
    known = account.settlements.get(command.settlement_id) if isinstance(account, Opened) else None
    if isinstance(account, Unopened) or known is None:
        raise SettlementUnknown
    if known.state in (SettlementState.SETTLED, SettlementState.FAILED):
        raise SettlementRecorded
    if known.state is not SettlementState.PREPARED:
        return ()
    return (
        FeeSettlementDropped(
            account_id=account.account_id,
            fee_id=known.fee_id,
            settlement_id=known.settlement_id,
            reason=command.reason,
            dropped_at=command.now,
        ),
    )


def settle_now(command: SettleNow, account: Account) -> Facts:
    """A waiver moves no money and needs no receipt; anything else only where none is due."""
    account, fee = _fee_of(account, command.fee_id)
    known = account.settlements.get(command.settlement_id)
    if known is not None:
        same = (known.fee_id, known.how, known.amount, known.booking_id)
        if same != (command.fee_id, command.how, command.amount, None):
            raise SettlementReused
        return ()
    if account.receipt_duty and command.how != "waiver":
        raise ReceiptDuty
    parts = _settleable(command, account, fee)
    fact = settled(
        account,
        fee,
        settlement_id=command.settlement_id,
        how=command.how,
        amount=command.amount,
        parts=parts,
        voucher_serial=command.voucher.serial if command.voucher else given_by(account, parts),
        reason=command.reason or given_reason(account, parts),
        booking_id=None,
        store_id=command.store_id,
        at=command.now,
    )
    return (*expiries(account, command.now), fact)


def _fee_of(account: Account, fee_id: str) -> tuple[Opened, Fee]:
    if isinstance(account, Unopened):
        raise AccountUnknown
    fee = account.fees.get(fee_id)
    if fee is None:
        raise FeeUnknown
    return account, fee
