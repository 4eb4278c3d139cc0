"""Open fees, what settles them, and vouchers that a known person claims.

Claims: `settlement:<id>` → the account's stream; where a donated voucher waives a fee,
`hold:<settlement id>` → the voucher's. Both streams change in one append or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from events import (
    Ask,
    Claim,
    ClaimTaken,
    Decision,
    DomainError,
    Event,
    EventStore,
    Handled,
    LostRace,
    Take,
    fold,
    handle,
    handle_together,
    state_of,
)
from kassenverbund.kit.chain import Chain, Store
from money import Money
from voucher.commands import PlaceHold, RedeemVoucher, ReleaseHold
from voucher.decider import (
    VOUCHER,
)
from voucher.decider.account import ACCOUNT, Account
from voucher.decider.account.commands import (
    DropSettlement,
    PostFee,
    PrepareSettlement,
    RecordSettlements,
    SettleNow,
    WithdrawFee,
)
from voucher.decider.account.refusals import (
    SettlementEnded,
    SettlementReused,
)
from voucher.decider.account.state import Opened
from voucher.events import (
    FeeSettlementPrepared,
    ReleaseReason,
    Settlement,
)
from voucher.handlers.account_names import (
    AccountRules,
    account_stream,
    owner_or_tombstone,
)
from voucher.handlers.gifts import (
    all_of,
    covers,
    gift_in,
    gift_reason,
    gifts_of,
    given_by_vouchers,
    parts,
    released_if_held,
)
from voucher.handlers.names import (
    CLAIM_TRIES_MAX,
    TOMBSTONE,
    Find,
    Found,
    StoreUnknown,
    hold_claim,
)

States = Mapping[str, Any]
Events = Sequence[Event]


class _Moved(Exception):
    """What the decision rests on is not what was looked at before: look again."""


@dataclass(frozen=True, slots=True)
class Settle:
    """What a caller wants settled."""

    account_id: str
    settlement_id: str
    fee_id: str
    how: Settlement
    amount: Money
    from_credit: bool
    typed: str | None
    """A waiver: the code of the donated voucher that waives the fee."""
    reason: str | None
    store_id: str
    source: str


@dataclass(frozen=True, slots=True)
class AtTill:
    """The booking that is about to settle it."""

    booking_id: str
    till_id: str


def settlement_claim(settlement_id: str) -> str:
    return f"settlement:{settlement_id}"


class Fees:
    """Fees, settlements and claims of vouchers. One per process."""

    def __init__(
        self,
        store: EventStore,
        *,
        chain: Chain,
        find: Find,
        clock: Callable[[], datetime],
        rules: AccountRules,
    ) -> None:
        self._store = store
        self._chain = chain
        self._clock = clock
        self._rules = rules
        self._find = find

    def now(self) -> datetime:
        return self._clock()

    async def post(
        self,
        ask: Ask,
        *,
        account_id: str,
        fee_id: str,
        kind: str,
        amount: Money,
        due: date,
        text: str | None,
    ) -> Handled[Account]:
        """Raises `AccountUnknown`, `FeeReused`, `TooManyFees`, `WrongCurrency`."""
        command = PostFee(
            fee_id=fee_id, kind=kind, amount=amount, due=due, text=text, now=self._clock()
        )
        return await self._on(account_id, command, ask)

    async def post_all(self, ask: Ask, fees: Sequence[tuple[str, PostFee]]) -> int:
        """All of them or none, in one append. Answers the position of the last fact.

        Raises what the first account refuses; the border has looked at each row before.
        """
        streams = {account_stream(account_id): ACCOUNT for account_id, _ in fees}

        def decide(states: States) -> Decision:
            events: dict[str, list[Event]] = {stream: [] for stream in streams}
            after = dict(states)
            for account_id, command in fees:
                stream = account_stream(account_id)
                new = ACCOUNT.decide(command, after[stream])
                after[stream] = fold(ACCOUNT, new, start=after[stream])
                events[stream] += new
            return Decision(events)

        done = await handle_together(self._store, streams, decide, ask=ask)
        return done.appended.last_position

    async def try_posting(self, fees: Sequence[tuple[str, PostFee]]) -> list[DomainError | None]:
        """What stands against each row, the rows before it counted. Stores nothing."""
        found: list[DomainError | None] = []
        after: dict[str, Account] = {}
        for account_id, command in fees:
            stream = account_stream(account_id)
            if stream not in after:
                _, after[stream] = await state_of(self._store, ACCOUNT, stream)
            try:
                new = ACCOUNT.decide(command, after[stream])
            except DomainError as refusal:
                found.append(refusal)
            else:
                after[stream] = fold(ACCOUNT, new, start=after[stream])
                found.append(None)
        return found

    async def withdraw(
        self, ask: Ask, *, account_id: str, fee_id: str, reason: str
    ) -> Handled[Account]:
        """Raises `AccountUnknown`, `FeeUnknown`, `FeeClosed`, `FeeInSettlement`."""
        command = WithdrawFee(fee_id=fee_id, reason=reason, now=self._clock())
        return await self._on(account_id, command, ask)

    # -- settlements -----------------------------------------------------------------------------

    async def prepare(self, ask: Ask, wanted: Settle, till: AtTill) -> Opened:
        """A booking at a till is about to settle a fee, or part of it.

        Raises the refusals of `decider.account.fees`; with a voucher's code also the voucher's.
        """
        place, now = self._place(wanted.store_id), self._clock()
        stream = account_stream(wanted.account_id)
        found = await self._gift(wanted, now)
        expires_at = now + timedelta(seconds=self._rules.settlement_s)

        def decide(states: States) -> Decision:
            gift = gift_in(states, found)
            command = PrepareSettlement(
                settlement_id=wanted.settlement_id,
                fee_id=wanted.fee_id,
                how=wanted.how,
                amount=wanted.amount,
                from_credit=wanted.from_credit,
                voucher=gift,
                reason=wanted.reason or gift_reason(states, found),
                booking_id=till.booking_id,
                store_id=wanted.store_id,
                till_id=till.till_id,
                expires_at=expires_at,
                now=now,
            )
            new = ACCOUNT.decide(command, states[stream])
            events: dict[str, Events] = {stream: new}
            claims: list[Claim] = []
            if any(isinstance(event, FeeSettlementPrepared) for event in new):
                claims.append(Take(settlement_claim(wanted.settlement_id), stream))
                if found is not None:
                    covers(states, stream, wanted.fee_id, found)
                    hold = self._hold(wanted, till, found, place, expires_at, now)
                    events[found.stream] = VOUCHER.decide(hold, states[found.stream])
                    claims.append(Take(hold_claim(wanted.settlement_id), found.stream))
            return Decision(events, claims)

        try:
            done = await handle_together(self._store, parts(stream, found), decide, ask=ask)
        except ClaimTaken as taken:
            gone = taken.owner == TOMBSTONE
            raise (SettlementEnded if gone else SettlementReused) from taken
        account = done.states[stream]
        assert isinstance(account, Opened)
        return account

    def _hold(
        self,
        wanted: Settle,
        till: AtTill,
        found: Found,
        place: Store,
        expires_at: datetime,
        now: datetime,
    ) -> PlaceHold:
        return PlaceHold(
            hold_id=wanted.settlement_id,
            code_hash=found.code_hash,
            amount=wanted.amount,
            mode="exact",
            store_id=wanted.store_id,
            till_id=till.till_id,
            booking_id=till.booking_id,
            payment_id=wanted.settlement_id,
            accepted_by=place.legal_entity,
            across_entities=False,
            expires_at=expires_at,
            now=now,
        )

    async def settle_now(self, ask: Ask, wanted: Settle) -> Opened:
        """Settle without a booking. Raises as `prepare`, and `ReceiptDuty`."""
        place, now = self._place(wanted.store_id), self._clock()
        stream = account_stream(wanted.account_id)
        found = await self._gift(wanted, now)

        def decide(states: States) -> Decision:
            command = SettleNow(
                settlement_id=wanted.settlement_id,
                fee_id=wanted.fee_id,
                how=wanted.how,
                amount=wanted.amount,
                from_credit=wanted.from_credit,
                voucher=gift_in(states, found),
                reason=wanted.reason or gift_reason(states, found),
                store_id=wanted.store_id,
                now=now,
            )
            new = ACCOUNT.decide(command, states[stream])
            events: dict[str, Events] = {stream: new}
            claims: list[Claim] = []
            if new:
                claims.append(Take(settlement_claim(wanted.settlement_id), stream))
            if new and found is not None:
                covers(states, stream, wanted.fee_id, found)
                redeem = RedeemVoucher(
                    redemption_id=wanted.settlement_id,
                    code_hash=found.code_hash,
                    amount=wanted.amount,
                    mode="exact",
                    store_id=wanted.store_id,
                    accepted_by=place.legal_entity,
                    across_entities=False,
                    now=now,
                )
                events[found.stream] = VOUCHER.decide(redeem, states[found.stream])
                claims.append(Take(hold_claim(wanted.settlement_id), found.stream))
            return Decision(events, claims)

        try:
            done = await handle_together(self._store, parts(stream, found), decide, ask=ask)
        except ClaimTaken as taken:
            raise SettlementReused from taken
        account = done.states[stream]
        assert isinstance(account, Opened)
        return account

    async def drop(self, ask: Ask, *, settlement_id: str, reason: ReleaseReason) -> None:
        """The settlement will not be recorded. An id that is not known yet is remembered.

        Raises `SettlementRecorded`.
        """
        stream = await owner_or_tombstone(self._store, settlement_claim(settlement_id), ask)
        if stream is None:
            return
        now = self._clock()
        gifts = await self._gifts(stream, [settlement_id])

        def decide(states: States) -> Decision:
            drop = DropSettlement(settlement_id=settlement_id, reason=reason, now=now)
            events: dict[str, Events] = {stream: ACCOUNT.decide(drop, states[stream])}
            gift = gifts.get(settlement_id)
            if gift is not None:
                release = ReleaseHold(hold_id=settlement_id, reason="aborted", now=now)
                events[gift] = released_if_held(release, states[gift])
            return Decision(events)

        await handle_together(self._store, all_of(stream, gifts), decide, ask=ask)

    async def record(self, command: RecordSettlements, ask: Ask) -> None:
        """The fee lines of a recorded booking: all of them, and what the vouchers among them give,
        in one append. Never refuses."""
        stream = account_stream(command.account_id)
        ids = [line.settlement_id for line in command.fees]
        for _ in range(CLAIM_TRIES_MAX):
            gifts = await self._gifts(stream, ids)

            def decide(states: States, gifts: Mapping[str, str] = gifts) -> Decision:
                if gifts_of(states[stream], ids) != gifts:
                    raise _Moved
                facts = ACCOUNT.decide(command, states[stream])
                return Decision({stream: facts, **given_by_vouchers(command, facts, gifts, states)})

            try:
                await handle_together(self._store, all_of(stream, gifts), decide, ask=ask)
                return
            except _Moved:
                continue
        raise LostRace

    async def _gifts(self, stream: str, ids: Sequence[str]) -> dict[str, str]:
        _, account = await state_of(self._store, ACCOUNT, stream)
        return gifts_of(account, ids)

    async def _gift(self, wanted: Settle, now: datetime) -> Found | None:
        if wanted.typed is None:
            return None
        return await self._find(wanted.typed, wanted.source, now)

    # --------------------------------------------------------------------------------------------

    async def _on(self, account_id: str, command: Any, ask: Ask) -> Handled[Account]:
        return await handle(self._store, ACCOUNT, account_stream(account_id), command, ask=ask)

    def _place(self, store_id: str) -> Store:
        place = self._chain.store(store_id)
        if place is None:
            raise StoreUnknown(store_id)
        return place
