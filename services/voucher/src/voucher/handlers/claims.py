"""Vouchers that a known person claims: both streams change in one append or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from events import Ask, Decision, DomainError, EventStore, handle_together
from money import Money
from voucher.commands import ClaimVoucher
from voucher.decider import VOUCHER, Issued, VoucherNotUsable
from voucher.decider.account import ACCOUNT
from voucher.decider.account.commands import GiveCredit
from voucher.decider.account.refusals import AccountUnknown
from voucher.decider.account.state import Opened
from voucher.events import CreditLot, VoucherClaimed
from voucher.handlers.account_names import account_stream
from voucher.handlers.names import Find

States = Mapping[str, Any]


class NotClaimable(DomainError):
    """Its terms would be lost on an account: other goods, stores or taxes than an account keeps."""

    code = "voucher.not_claimable"
    title = "This voucher cannot become credit of an account"


@dataclass(frozen=True, slots=True)
class Claimed:
    account: Opened
    serial: str
    amount: Money
    position: int


class Claims:
    """One per process."""

    def __init__(self, store: EventStore, *, find: Find, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._find = find
        self._clock = clock

    async def claim(self, ask: Ask, *, account_id: str, typed: str, source: str) -> Claimed:
        """A known person takes a voucher onto the account: all of it, once, in one append.

        Raises what the finder raises, `VoucherNotUsable` (also for a voucher that was claimed),
        `NotClaimable`, `OtherEntity`, `OverLimit`, `AccountUnknown`, `AccountIsBlocked`.
        """
        now = self._clock()
        found = await self._find(typed, source, now)
        stream = account_stream(account_id)

        def decide(states: States) -> Decision:
            account, voucher = states[stream], states[found.stream]
            if not isinstance(voucher, Issued):
                raise VoucherNotUsable
            if not isinstance(account, Opened):
                raise AccountUnknown
            claim = ClaimVoucher(
                claim_id=f"{account_id}/{voucher.serial}",
                account_id=account_id,
                code_hash=found.code_hash,
                legal_entity_id=account.legal_entity_id,
                now=now,
            )
            gone = VOUCHER.decide(claim, voucher)
            taken = next((event for event in gone if isinstance(event, VoucherClaimed)), None)
            if taken is None:
                # It was claimed before. A repeat of this very request gets its first answer.
                raise VoucherNotUsable
            _claimable(voucher)
            credit = _credit(voucher, taken, claim.claim_id, now)
            return Decision({found.stream: gone, stream: ACCOUNT.decide(credit, account)})

        done = await handle_together(
            self._store, {stream: ACCOUNT, found.stream: VOUCHER}, decide, ask=ask
        )
        account, voucher = done.states[stream], done.states[found.stream]
        assert isinstance(account, Opened)
        assert isinstance(voucher, Issued)
        amount = account.credit_ids[f"{account_id}/{voucher.serial}"]
        return Claimed(account, voucher.serial, amount, done.appended.last_position)


def _claimable(voucher: Issued) -> None:
    """An account keeps the fee kinds, and nothing else, of what restricts a voucher."""
    limits = voucher.terms.restrictions
    bound = limits.stores or limits.article_groups
    if bound or voucher.terms.kind != "multi_purpose" or voucher.terms.effect is not None:
        raise NotClaimable


def _credit(voucher: Issued, taken: VoucherClaimed, claim_id: str, now: datetime) -> GiveCredit:
    """What of a voucher becomes credit: each part with its own day and what was paid for it."""
    parts = {part.lot_id: part for part in voucher.lots}
    lots = tuple(
        CreditLot(
            lot_id=f"{voucher.serial}/{use.lot_id}",
            amount=use.amount,
            value=use.amount,
            consideration=use.consideration,
            funding=parts[use.lot_id].funding,
            valid_until=parts[use.lot_id].valid_until,
            opened=parts[use.lot_id].opened,
            fee_kinds=voucher.terms.restrictions.fee_kinds,
        )
        for use in taken.uses
    )
    return GiveCredit(
        credit_id=claim_id,
        source="voucher",
        lots=lots,
        voucher_serial=voucher.serial,
        legal_entity_id=voucher.legal_entity_id,
        reason=voucher.terms.reason,
        now=now,
    )
