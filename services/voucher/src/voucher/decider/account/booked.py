"""Fee lines of recorded bookings. They always count: what can be matched is settled, and what
cannot be matched any more is written down as failed, for somebody to look at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from money import Money
from voucher.decider.account import lots
from voucher.decider.account.commands import RecordSettlements, SettledFee
from voucher.decider.account.evolve import AccountFact, evolve
from voucher.decider.account.settling import fits, given_reason, settled
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
from voucher.events import FeeSettled, FeeSettlementFailed

Facts = Sequence[AccountFact]


def record(command: RecordSettlements, account: Account) -> Facts:
    """All fee lines of a booking at once: what each leaves open is what the next one finds."""
    facts: list[AccountFact] = []
    for line in command.fees:
        for fact in _record_one(command, line, account):
            facts.append(fact)
            account = evolve(account, fact)
    return facts


def _record_one(command: RecordSettlements, line: SettledFee, account: Account) -> Facts:
    if isinstance(account, Unopened):
        if line.settlement_id in account.failed:
            return ()
        return (_failed(command, line, line.amount, "account_unknown"),)
    known = account.settlements.get(line.settlement_id)
    if known is not None and known.state in (SettlementState.SETTLED, SettlementState.FAILED):
        return ()
    fee = account.fees.get(line.fee_id)
    if fee is None:
        return (_failed(command, line, line.amount, "fee_unknown"),)
    facts: list[AccountFact] = expiries(account, command.now, without=line.settlement_id)
    open_now = account.open_of(fee, command.now, without=line.settlement_id)
    minor = min(line.amount.amount, open_now.amount)
    reason = "not_open_any_more"
    parts: Pins = ()
    from_credit = known is not None and known.from_credit
    if line.how == "credit" or from_credit:
        parts = lots.part_of(_kept(account, line, fee, known, command.now), minor)
        if lots.worth(parts) < minor:
            minor, reason = lots.worth(parts), "credit_gone"
    if minor:
        facts.append(_by_booking(command, line, account, fee, known, parts, minor))
    if minor < line.amount.amount:
        rest = account.money(line.amount.amount - minor)
        facts.append(_failed(command, line, rest, reason))
    return facts


def _kept(
    account: Opened, line: SettledFee, fee: Fee, known: Settling | None, now: datetime
) -> Pins:
    own = known.pins if known is not None and known.live(now) else ()
    free = dict(
        lots.free(account, fits(line.how, fee), account.day(now), now, without=line.settlement_id)
    )
    for lot_id, minor in own:
        if lot_id in free:
            free[lot_id] -= minor
    return (*own, *((lot_id, minor) for lot_id, minor in free.items() if minor > 0))


def _by_booking(
    command: RecordSettlements,
    line: SettledFee,
    account: Opened,
    fee: Fee,
    known: Settling | None,
    parts: Pins,
    minor: int,
) -> FeeSettled:
    reason = line.reason or (known.reason if known is not None else None)
    if line.how == "waiver" and not reason:
        reason = given_reason(account, parts) or f"booking {command.booking_id}"
    return settled(
        account,
        fee,
        settlement_id=line.settlement_id,
        how=line.how,
        amount=account.money(minor),
        parts=parts,
        voucher_serial=known.voucher_serial if known is not None else None,
        reason=reason,
        booking_id=command.booking_id,
        store_id=command.store_id,
        at=command.recorded_at,
    )


def _failed(
    command: RecordSettlements, line: SettledFee, rest: Money, reason: str
) -> FeeSettlementFailed:
    return FeeSettlementFailed(
        account_id=command.account_id,
        fee_id=line.fee_id,
        settlement_id=line.settlement_id,
        how=line.how,
        amount=rest,
        booking_id=command.booking_id,
        store_id=command.store_id,
        reason=reason,
        failed_at=command.recorded_at,
    )
