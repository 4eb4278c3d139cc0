"""What each command to an account leads to. Pure: `now` and all ids come in with the command."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from money import total
from voucher.commands import CaptureHold, ConfirmHold, ExpireHolds, ReleaseHold
from voucher.decider.account import booked, fees, limits, spend
from voucher.decider.account.commands import (
    AccountCommand,
    AssignCard,
    BlockAccount,
    CancelLoad,
    CreditLoad,
    DropSettlement,
    EndCard,
    GiveCredit,
    OpenAccount,
    PlaceAccountHold,
    PostFee,
    PrepareLoad,
    PrepareSettlement,
    RecordSettlements,
    ReverseSpend,
    SetLimits,
    SettleNow,
    UnblockAccount,
    WithdrawFee,
)
from voucher.decider.account.evolve import AccountFact, evolve
from voucher.decider.account.offsets import offsets
from voucher.decider.account.refusals import (
    AccountIsBlocked,
    AccountReused,
    AccountUnknown,
    CardEnded,
    CardUnknown,
    CreditReused,
    LoadCancelledBefore,
    LoadReused,
    LoadSold,
    OtherEntity,
    TooManyCards,
)
from voucher.decider.account.state import Account, Load, LoadState, Opened, Unopened
from voucher.decider.refusals import CodeGone, VoucherNotUsable, WrongCurrency
from voucher.events import (
    AccountBlocked,
    AccountCardAssigned,
    AccountCardEnded,
    AccountCredited,
    AccountLimitsSet,
    AccountLoadCancelled,
    AccountLoadPrepared,
    AccountOpened,
    AccountUnblocked,
    CreditLot,
)

CARDS_MAX = 50
"""Cards that one account ever had, the ended ones too."""

Facts = Sequence[AccountFact]


def decide(command: AccountCommand, account: Account) -> Facts:
    """What was asked, and the offsets that follow where they happen by themselves."""
    facts = list(_decide(command, account))
    after: Account = account
    for fact in facts:
        after = evolve(after, fact)
    facts += offsets(after, _now(command))
    return facts


def _now(command: AccountCommand) -> datetime:
    return command.recorded_at if isinstance(command, CreditLoad) else command.now


def _decide(command: AccountCommand, account: Account) -> Facts:
    match command:
        case OpenAccount():
            return _open(command, account)
        case CreditLoad():
            return _credit_load(command, account)
        case PlaceAccountHold():
            return spend.place(command, account)
        case ConfirmHold():
            return spend.confirm(command, account)
        case ReleaseHold():
            return spend.release(command, account)
        case CaptureHold():
            return spend.capture(command, account)
        case ReverseSpend():
            return spend.reverse(command, account)
        case ExpireHolds():
            return spend.expiries(account, command.now) if isinstance(account, Opened) else ()
        case PostFee():
            return fees.post(command, account)
        case WithdrawFee():
            return fees.withdraw(command, account)
        case PrepareSettlement():
            return fees.prepare(command, account)
        case DropSettlement():
            return fees.drop(command, account)
        case RecordSettlements():
            return booked.record(command, account)
        case SettleNow():
            return fees.settle_now(command, account)
        case _:
            return _care(command, account)


def _care(
    command: SetLimits
    | AssignCard
    | EndCard
    | BlockAccount
    | UnblockAccount
    | PrepareLoad
    | CancelLoad
    | GiveCredit,
    account: Account,
) -> Facts:
    """Commands that need an account that was opened."""
    if isinstance(account, Unopened):
        raise AccountUnknown
    match command:
        case SetLimits():
            if command.limits == account.limits:
                return ()
            return (
                AccountLimitsSet(
                    account_id=account.account_id, limits=command.limits, set_at=command.now
                ),
            )
        case AssignCard():
            return _assign(command, account)
        case EndCard():
            return _end(command, account)
        case BlockAccount():
            if account.blocked is not None:
                return ()
            return (
                AccountBlocked(
                    account_id=account.account_id, reason=command.reason, blocked_at=command.now
                ),
            )
        case UnblockAccount():
            if account.blocked is None:
                return ()
            return (AccountUnblocked(account_id=account.account_id, unblocked_at=command.now),)
        case PrepareLoad():
            return _prepare_load(command, account)
        case CancelLoad():
            return _cancel_load(command, account)
        case GiveCredit():
            return _give(command, account)
        case _:
            assert_never(command)


def _open(command: OpenAccount, account: Account) -> Facts:
    if isinstance(account, Opened):
        same = (account.legal_entity_id, account.holder_id, account.currency)
        asked = (command.legal_entity_id, command.holder_id, command.currency)
        rest = account.receipt_duty == command.receipt_duty and account.limits == command.limits
        if same != asked or not rest:
            raise AccountReused
        return ()
    return (
        AccountOpened(
            account_id=command.account_id,
            legal_entity_id=command.legal_entity_id,
            holder_id=command.holder_id,
            currency=command.currency,
            limits=command.limits,
            receipt_duty=command.receipt_duty,
            time_zone=command.time_zone,
            opened_at=command.now,
        ),
    )


def _assign(command: AssignCard, account: Opened) -> Facts:
    known = account.cards.get(command.card_serial)
    if known is not None:
        if not known.live:
            raise CardEnded
        if known.code_hash != command.code_hash:
            raise CodeGone
        return ()
    if len(account.cards) >= CARDS_MAX:
        raise TooManyCards
    facts: list[AccountFact] = []
    if command.replaces is not None:
        old = account.cards.get(command.replaces)
        if old is None:
            raise CardUnknown
        if old.live:
            facts.append(
                AccountCardEnded(
                    account_id=account.account_id,
                    card_serial=old.serial,
                    code_hash=old.code_hash,
                    reason="replaced",
                    ended_at=command.now,
                )
            )
    facts.append(
        AccountCardAssigned(
            account_id=account.account_id,
            card_serial=command.card_serial,
            code_hash=command.code_hash,
            hash_key_id=command.hash_key_id,
            assigned_at=command.now,
        )
    )
    return facts


def _end(command: EndCard, account: Opened) -> Facts:
    card = account.cards.get(command.card_serial)
    if card is None:
        raise CardUnknown
    if not card.live:
        return ()
    return (
        AccountCardEnded(
            account_id=account.account_id,
            card_serial=card.serial,
            code_hash=card.code_hash,
            reason=command.reason,
            ended_at=command.now,
        ),
    )


def _prepare_load(command: PrepareLoad, account: Opened) -> Facts:
    if command.code_hash is not None and account.card_of(command.code_hash) is None:
        raise VoucherNotUsable
    known = account.loads.get(command.load_id)
    if known is not None:
        return _prepared_before(command, known)
    if account.blocked is not None:
        raise AccountIsBlocked(reason=account.blocked)
    if command.amount.currency != account.currency:
        raise WrongCurrency
    limits.check_load(account, command.amount, account.day(command.now))
    return (
        AccountLoadPrepared(
            account_id=account.account_id,
            load_id=command.load_id,
            amount=command.amount,
            booking_id=command.booking_id,
            store_id=command.store_id,
            till_id=command.till_id,
            prepared_at=command.now,
        ),
    )


def _prepared_before(command: PrepareLoad, known: Load) -> Facts:
    if (known.amount, known.booking_id) != (command.amount, command.booking_id):
        raise LoadReused
    if known.state is LoadState.CANCELLED:
        raise LoadCancelledBefore
    return ()


def _credit_load(command: CreditLoad, account: Account) -> Facts:
    """A recorded sale always counts, also one that was cancelled or never prepared, and over any
    limit: the customer has paid."""
    if isinstance(account, Unopened):
        raise AccountUnknown  # Nobody knows who owes it: the record is parked and shown.
    known = account.loads.get(command.load_id)
    if known is not None and known.state is LoadState.CREDITED:
        return ()
    lot = CreditLot(
        lot_id=command.load_id,
        amount=command.amount,
        value=command.amount,
        consideration=command.amount,
        valid_until=command.valid_until,
        opened=command.business_date,
    )
    return (
        AccountCredited(
            account_id=account.account_id,
            credit_id=command.load_id,
            source="load",
            lots=(lot,),
            amount=command.amount,
            balance=account.balance + command.amount,
            booking_id=command.booking_id,
            business_date=command.business_date,
            credited_at=command.recorded_at,
        ),
    )


def _cancel_load(command: CancelLoad, account: Opened) -> Facts:
    known = account.loads.get(command.load_id)
    if known is None or known.state is LoadState.CANCELLED:
        return ()
    if known.state is LoadState.CREDITED:
        raise LoadSold
    return (
        AccountLoadCancelled(
            account_id=account.account_id,
            load_id=command.load_id,
            reason=command.reason,
            cancelled_at=command.now,
        ),
    )


def _give(command: GiveCredit, account: Opened) -> Facts:
    amount = total((lot.amount for lot in command.lots), currency=account.currency)
    known = account.credit_ids.get(command.credit_id)
    if known is not None:
        if known != amount:
            raise CreditReused
        return ()
    if command.legal_entity_id != account.legal_entity_id:
        raise OtherEntity
    if account.blocked is not None:
        raise AccountIsBlocked(reason=account.blocked)
    limits.check_balance(account, amount)
    return (
        AccountCredited(
            account_id=account.account_id,
            credit_id=command.credit_id,
            source=command.source,
            lots=command.lots,
            amount=amount,
            balance=account.balance + amount,
            voucher_serial=command.voucher_serial,
            reason=command.reason,
            business_date=account.day(command.now),
            credited_at=command.now,
        ),
    )
