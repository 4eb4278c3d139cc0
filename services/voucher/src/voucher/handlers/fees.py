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
from voucher.commands import CaptureHold, ClaimVoucher, PlaceHold, RedeemVoucher, ReleaseHold
from voucher.decider import (
    VOUCHER,
    HoldCaptured,
    HoldReused,
    HoldUnknown,
    Issued,
    Voucher,
    VoucherNotUsable,
)
from voucher.decider.account import ACCOUNT, Account
from voucher.decider.account.commands import (
    DropSettlement,
    GiveCredit,
    PostFee,
    PrepareSettlement,
    RecordSettlements,
    SettleNow,
    WaivedBy,
    WithdrawFee,
)
from voucher.decider.account.refusals import (
    AccountUnknown,
    SettlementEnded,
    SettlementReused,
)
from voucher.decider.account.state import Opened, SettlementState
from voucher.events import (
    CreditLot,
    FeeSettled,
    FeeSettlementFailed,
    FeeSettlementPrepared,
    ReleaseReason,
    Settlement,
    VoucherClaimed,
)
from voucher.handlers.accounts import (
    AccountRules,
    account_stream,
    owner_or_tombstone,
)
from voucher.handlers.names import (
    CLAIM_TRIES_MAX,
    TOMBSTONE,
    Find,
    Found,
    StoreUnknown,
    hold_claim,
    stream_of,
)

States = Mapping[str, Any]
Events = Sequence[Event]


class NoGift(DomainError):
    """A purchased voucher is a payment: it is held and captured as on any other booking."""

    code = "voucher.no_gift"
    title = "Only a voucher that was given away waives a fee"


class FeeKindNotCovered(DomainError):
    code = "voucher.fee_kind"
    title = "This voucher is not for fees of this kind"


class NotClaimable(DomainError):
    """Its terms would be lost on an account: other goods, stores or taxes than an account keeps."""

    code = "voucher.not_claimable"
    title = "This voucher cannot become credit of an account"


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


@dataclass(frozen=True, slots=True)
class Claimed:
    account: Opened
    serial: str
    amount: Money
    position: int


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
            gift = _gift_in(states, found)
            command = PrepareSettlement(
                settlement_id=wanted.settlement_id,
                fee_id=wanted.fee_id,
                how=wanted.how,
                amount=wanted.amount,
                from_credit=wanted.from_credit,
                voucher=gift,
                reason=wanted.reason or _gift_reason(states, found),
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
                    _covers(states, stream, wanted.fee_id, found)
                    hold = self._hold(wanted, till, found, place, expires_at, now)
                    events[found.stream] = VOUCHER.decide(hold, states[found.stream])
                    claims.append(Take(hold_claim(wanted.settlement_id), found.stream))
            return Decision(events, claims)

        try:
            done = await handle_together(self._store, _parts(stream, found), decide, ask=ask)
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
                voucher=_gift_in(states, found),
                reason=wanted.reason or _gift_reason(states, found),
                store_id=wanted.store_id,
                now=now,
            )
            new = ACCOUNT.decide(command, states[stream])
            events: dict[str, Events] = {stream: new}
            claims: list[Claim] = []
            if new:
                claims.append(Take(settlement_claim(wanted.settlement_id), stream))
            if new and found is not None:
                _covers(states, stream, wanted.fee_id, found)
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
            done = await handle_together(self._store, _parts(stream, found), decide, ask=ask)
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
                events[gift] = _tolerant(release, states[gift])
            return Decision(events)

        await handle_together(self._store, _all(stream, gifts), decide, ask=ask)

    async def record(self, command: RecordSettlements, ask: Ask) -> None:
        """The fee lines of a recorded booking: all of them, and what the vouchers among them give,
        in one append. Never refuses."""
        stream = account_stream(command.account_id)
        ids = [line.settlement_id for line in command.fees]
        for _ in range(CLAIM_TRIES_MAX):
            gifts = await self._gifts(stream, ids)

            def decide(states: States, gifts: Mapping[str, str] = gifts) -> Decision:
                if _gifts_of(states[stream], ids) != gifts:
                    raise _Moved
                facts = ACCOUNT.decide(command, states[stream])
                return Decision({stream: facts, **_given(command, facts, gifts, states)})

            try:
                await handle_together(self._store, _all(stream, gifts), decide, ask=ask)
                return
            except _Moved:
                continue
        raise LostRace

    async def _gifts(self, stream: str, ids: Sequence[str]) -> dict[str, str]:
        _, account = await state_of(self._store, ACCOUNT, stream)
        return _gifts_of(account, ids)

    async def _gift(self, wanted: Settle, now: datetime) -> Found | None:
        if wanted.typed is None:
            return None
        return await self._find(wanted.typed, wanted.source, now)

    # -- claims ----------------------------------------------------------------------------------

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

    # --------------------------------------------------------------------------------------------

    async def _on(self, account_id: str, command: Any, ask: Ask) -> Handled[Account]:
        return await handle(self._store, ACCOUNT, account_stream(account_id), command, ask=ask)

    def _place(self, store_id: str) -> Store:
        place = self._chain.store(store_id)
        if place is None:
            raise StoreUnknown(store_id)
        return place


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


def _parts(stream: str, found: Found | None) -> dict[str, Any]:
    return {stream: ACCOUNT, **({} if found is None else {found.stream: VOUCHER})}


def _all(stream: str, gifts: Mapping[str, str]) -> dict[str, Any]:
    return {stream: ACCOUNT, **dict.fromkeys(gifts.values(), VOUCHER)}


def _gift_in(states: States, found: Found | None) -> WaivedBy | None:
    if found is None:
        return None
    voucher: Voucher = states[found.stream]
    if not isinstance(voucher, Issued):
        raise VoucherNotUsable
    if voucher.terms.funding == "purchased":
        raise NoGift
    return WaivedBy(voucher_id=voucher.voucher_id, serial=voucher.serial)


def _gift_reason(states: States, found: Found | None) -> str | None:
    voucher = None if found is None else states[found.stream]
    return voucher.terms.reason if isinstance(voucher, Issued) else None


def _covers(states: States, stream: str, fee_id: str, found: Found) -> None:
    account, voucher = states[stream], states[found.stream]
    assert isinstance(account, Opened)
    assert isinstance(voucher, Issued)
    kinds = voucher.terms.restrictions.fee_kinds
    if kinds and account.fees[fee_id].kind not in kinds:
        raise FeeKindNotCovered


def _gifts_of(account: Account, ids: Sequence[str]) -> dict[str, str]:
    """Settlement → stream of the voucher that waives it, of those that are not settled yet."""
    if not isinstance(account, Opened):
        return {}
    done = (SettlementState.SETTLED, SettlementState.FAILED)
    known = [account.settlements[one] for one in ids if one in account.settlements]
    return {
        entry.settlement_id: stream_of(entry.voucher_id)
        for entry in known
        if entry.voucher_id is not None and entry.state not in done
    }


def _given(
    command: RecordSettlements, facts: Events, gifts: Mapping[str, str], states: States
) -> dict[str, Events]:
    """What the vouchers give for the fees that they waive: exactly what was settled by them."""
    events: dict[str, list[Event]] = {stream: [] for stream in gifts.values()}
    after = {stream: states[stream] for stream in events}
    settled = {fact.settlement_id for fact in facts if isinstance(fact, FeeSettled)}
    for fact in facts:
        if not isinstance(fact, FeeSettled | FeeSettlementFailed):
            continue
        stream = gifts.get(fact.settlement_id)
        if stream is None:
            continue
        if isinstance(fact, FeeSettled):
            new = VOUCHER.decide(_capture(command, fact), after[stream])
        elif fact.settlement_id in settled:
            continue  # A part was settled; the rest of the hold went with its capture.
        else:
            release = ReleaseHold(hold_id=fact.settlement_id, reason="aborted", now=command.now)
            new = _tolerant(release, after[stream])
        after[stream] = fold(VOUCHER, new, start=after[stream])
        events[stream] += new
    return dict(events)


def _capture(command: RecordSettlements, fact: FeeSettled) -> CaptureHold:
    return CaptureHold(
        voucher_id=None,
        hold_id=fact.settlement_id,
        booking_id=command.booking_id,
        amount=fact.amount,
        store_id=command.store_id,
        till_id=command.till_id,
        accepted_by=command.legal_entity_id,
        recorded_at=command.recorded_at,
        now=command.now,
    )


def _tolerant(command: ReleaseHold, voucher: Voucher) -> Events:
    """A hold that is gone already needs no release."""
    try:
        return VOUCHER.decide(command, voucher)
    except (HoldUnknown, HoldCaptured, HoldReused):
        return ()
