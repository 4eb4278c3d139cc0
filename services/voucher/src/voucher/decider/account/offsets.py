"""Fees that credit settles by itself, where no receipt duty is on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from voucher.decider.account import lots
from voucher.decider.account.evolve import AccountFact, evolve
from voucher.decider.account.settling import settled
from voucher.decider.account.state import Account, Credit, Fee, Opened

Facts = Sequence[AccountFact]


def offsets(account: Account, now: datetime) -> Facts:
    """Where no receipt duty is on, credit and open fees never stand side by side: oldest due
    first. Credit that was given away waives, with its reason; purchased credit settles."""
    facts: list[AccountFact] = []
    if not isinstance(account, Opened) or account.receipt_duty or account.blocked is not None:
        return facts
    due = sorted(account.fees.values(), key=lambda fee: (fee.due, fee.place))
    for fee_id in [fee.fee_id for fee in due if fee.open]:
        for fact in _offset(account, fee_id, now):
            facts.append(fact)
            account = evolve(account, fact)
            assert isinstance(account, Opened)
    return facts


def _offset(account: Opened, fee_id: str, now: datetime) -> Facts:
    facts: list[AccountFact] = []
    while True:
        fee = account.fees[fee_id]
        wanted = account.open_of(fee, now).amount
        part = _next_part(account, fee, now) if wanted else None
        if part is None:
            return facts
        credit = account.credits[part[0]]
        given = credit.lot.funding != "purchased"
        parts = lots.part_of((part,), wanted)
        fact = settled(
            account,
            fee,
            settlement_id=f"auto:{fee_id}:{fee.settlements + 1}",
            how="waiver" if given else "credit",
            amount=account.money(lots.worth(parts)),
            parts=parts,
            voucher_serial=credit.voucher_serial,
            reason=credit.reason if given else None,
            booking_id=None,
            store_id=None,
            at=now,
        )
        facts.append(fact)
        later = evolve(account, fact)
        assert isinstance(later, Opened)
        account = later


def _next_part(account: Opened, fee: Fee, now: datetime) -> tuple[str, int] | None:
    """The first lot that may settle or waive this fee."""

    def either(credit: Credit) -> bool:
        return lots.settles(fee.kind)(credit) or lots.waives(fee.kind)(credit)

    return next(iter(lots.free(account, either, account.day(now), now)), None)
