"""Accounts, their cards and loads, and payments with a prepaid card.

Stream `account-{account_id}`. Claims: `code:<keyed hash>` and `serial:<serial>` of a card,
`load:<id>` and `hold:<id>` → the account's stream, or `TOMBSTONE` for what was given up before it
arrived. Decides on streams and claims, never on a read model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from events import (
    Ask,
    Claim,
    ClaimTaken,
    Decision,
    EventStore,
    Handled,
    LostRace,
    Take,
    Transient,
    handle,
    handle_together,
    state_of,
)
from kassenverbund.kit.chain import Chain, Store
from kassenverbund.kit.secrets import Secrets
from money import Money
from voucher import codes
from voucher.commands import CaptureHold, ConfirmHold, ExpireHolds, Mode, ReleaseHold
from voucher.decider import (
    CodeGone,
    HoldReleased,
    HoldReused,
    HoldUnknown,
    VoucherNotUsable,
    WrongCurrency,
)
from voucher.decider.account import ACCOUNT, Account
from voucher.decider.account.commands import (
    AssignCard,
    BlockAccount,
    CancelLoad,
    CreditLoad,
    EndCard,
    GiveCredit,
    OpenAccount,
    PlaceAccountHold,
    PrepareLoad,
    ReverseSpend,
    SetLimits,
    UnblockAccount,
)
from voucher.decider.account.refusals import (
    AccountUnknown,
    CardEnded,
    LoadCancelledBefore,
    LoadReused,
    OverLimit,
)
from voucher.decider.account.state import Opened
from voucher.events import (
    AccountCardAssigned,
    AccountHeld,
    AccountLoadPrepared,
    CreditLot,
    Limits,
    Purpose,
)
from voucher.handlers.names import (
    CLAIM_TRIES_MAX,
    DELIVERY_KEPT,
    HOLD_S_MAX,
    TOMBSTONE,
    Found,
    LegalEntityUnknown,
    RateLimited,
    StoreUnknown,
    hold_claim,
    serial_of,
)
from voucher.ports import Attempts, Deliveries

SIMPLIFIED = Limits(
    balance_max=Money(amount=15_000, currency="EUR"),
    load_per_month=Money(amount=15_000, currency="EUR"),
)
"""KWG § 25i (2): 150.00 stored and 150.00 loaded per month keep a bearer's card within simplified
due diligence."""

CASH_BACK_MAX = Money(amount=5_000, currency="EUR")
"""KWG § 25i (2): at most 50.00 are returned in cash."""


@dataclass(frozen=True, slots=True)
class AccountRules:
    """What a chain, its tax adviser or its lawyer may decide otherwise."""

    caps: Limits = SIMPLIFIED
    """What no account's own limits exceed, and what an account without limits gets."""
    payout_max: Money | None = CASH_BACK_MAX
    """The largest rest that is returned in cash; None: none is. A balance that anybody may turn
    into cash at any time is a means of payment and no voucher (UStG § 3 (13)); whoever allows more
    asks a lawyer first."""
    validity_years: int = 3
    """Credit is valid to the end of the n-th year after the year of its load (BGB §§ 195, 199)."""
    settlement_s: int = 900
    """How long a till may take between preparing and recording the settlement of a fee."""


def account_stream(account_id: str) -> str:
    return f"account-{account_id}"


def load_claim(load_id: str) -> str:
    return f"load:{load_id}"


def card_serial_of(account_id: str, card_id: str) -> str:
    """The public name of a card: says nothing about its code or its holder."""
    return f"KK{serial_of(f'{account_id}/{card_id}')[2:]}"


class CardFinder:
    """The stream behind a typed code. A wrong code that is well formed costs an attempt."""

    def __init__(self, store: EventStore, secrets: Secrets, attempts: Attempts) -> None:
        self._store = store
        self._secrets = secrets
        self._attempts = attempts

    async def find(self, typed: str, source: str, now: datetime) -> Found:
        """Raises `CodeMistyped`, `RateLimited`, `VoucherNotUsable` for an unknown code."""
        code = codes.parse(typed, kind=codes.Kind.CARD)
        wait_s = await self._attempts.locked_s(source, now)
        if wait_s:
            raise RateLimited(retry_after_s=wait_s)
        code_hash = codes.hashed(code, self._secrets).value
        stream = await self._store.owner_of(f"code:{code_hash}")
        if stream is None:
            wait_s = await self._attempts.wrong(source, now)
            raise RateLimited(retry_after_s=wait_s) if wait_s else VoucherNotUsable()
        return Found(stream=stream, code_hash=code_hash)


@dataclass(frozen=True, slots=True)
class PreparedCard:
    account: Opened
    card_serial: str
    code: str
    position: int


class Accounts:
    """Everything that can be asked of accounts, fees aside. One per process."""

    def __init__(
        self,
        store: EventStore,
        *,
        chain: Chain,
        secrets: Secrets,
        deliveries: Deliveries,
        attempts: Attempts,
        clock: Callable[[], datetime],
        random_bytes: codes.RandomBytes,
        rules: AccountRules,
    ) -> None:
        self._store = store
        self._chain = chain
        self._entities = frozenset(entity.id for entity in chain.legal_entities)
        self._secrets = secrets
        self._deliveries = deliveries
        self._clock = clock
        self._random_bytes = random_bytes
        self._rules = rules
        self._finder = CardFinder(store, secrets, attempts)

    # -- the account ---------------------------------------------------------------------------

    async def open(
        self,
        ask: Ask,
        *,
        account_id: str,
        legal_entity_id: str,
        holder_id: str | None,
        limits: Limits,
        receipt_duty: bool,
        time_zone: str,
    ) -> Handled[Account]:
        """Raises `AccountReused`, `OverLimit` (above the caps), `LegalEntityUnknown`."""
        if legal_entity_id not in self._entities:
            raise LegalEntityUnknown(legal_entity_id)
        command = OpenAccount(
            account_id=account_id,
            legal_entity_id=legal_entity_id,
            holder_id=holder_id,
            currency=self._chain.currency,
            limits=self._capped(limits),
            receipt_duty=receipt_duty,
            time_zone=time_zone,
            now=self._clock(),
        )
        return await self._on(account_stream(account_id), command, ask)

    async def set_limits(self, ask: Ask, *, account_id: str, limits: Limits) -> Handled[Account]:
        """Raises `AccountUnknown`, `OverLimit` (above the caps)."""
        command = SetLimits(limits=self._capped(limits), now=self._clock())
        return await self._on(account_stream(account_id), command, ask)

    def _capped(self, limits: Limits) -> Limits:
        """The limits with the chain's caps where they name none. Raises `OverLimit` above one."""
        chosen: dict[str, Money | None] = {}
        for name in Limits.model_fields:
            wanted: Money | None = getattr(limits, name)
            cap: Money | None = getattr(self._rules.caps, name)
            if wanted is not None and wanted.currency != self._chain.currency:
                raise WrongCurrency
            if wanted is not None and cap is not None and wanted > cap:
                raise OverLimit(limit=name, allowed=cap.model_dump())
            chosen[name] = cap if wanted is None else wanted
        return Limits(**chosen)

    async def block(self, ask: Ask, *, account_id: str, reason: str) -> Handled[Account]:
        """Raises `AccountUnknown`."""
        command = BlockAccount(reason=reason, now=self._clock())
        return await self._on(account_stream(account_id), command, ask)

    async def unblock(self, ask: Ask, *, account_id: str) -> Handled[Account]:
        """Raises `AccountUnknown`."""
        return await self._on(account_stream(account_id), UnblockAccount(now=self._clock()), ask)

    async def credit(
        self,
        ask: Ask,
        *,
        account_id: str,
        credit_id: str,
        amount: Money,
        reason: str,
        fee_kinds: tuple[str, ...],
        valid_until: date | None,
    ) -> Handled[Account]:
        """Goodwill: credit that nobody paid for. It waives fees and is no tender.

        Raises `AccountUnknown`, `CreditReused`, `OverLimit`, `AccountIsBlocked`.
        """
        now = self._clock()
        account = await self.account(account_id)
        day = account.day(now)
        lot = CreditLot(
            lot_id=f"goodwill/{credit_id}",
            amount=amount,
            value=amount,
            consideration=amount.zero,
            funding="donated",
            valid_until=valid_until or self._last_day(day),
            opened=day,
            fee_kinds=fee_kinds,
        )
        command = GiveCredit(
            credit_id=f"goodwill/{credit_id}",
            source="goodwill",
            lots=(lot,),
            voucher_serial=None,
            legal_entity_id=account.legal_entity_id,
            reason=reason,
            now=now,
        )
        return await self._on(account_stream(account_id), command, ask)

    async def account(self, account_id: str) -> Opened:
        """As the log has it now. Raises `AccountUnknown`."""
        _, account = await state_of(self._store, ACCOUNT, account_stream(account_id))
        if not isinstance(account, Opened):
            raise AccountUnknown
        return account

    # -- cards ---------------------------------------------------------------------------------

    async def assign_card(
        self, ask: Ask, *, account_id: str, card_id: str, replaces: str | None
    ) -> PreparedCard:
        """A card and its code. A repeat gets the same code until it is delivered.

        Raises `AccountUnknown`, `CardUnknown` (to be replaced), `CardEnded`, `CodeGone`.
        """
        now = self._clock()
        serial = card_serial_of(account_id, card_id)
        code = await self._card_code(account_id, serial, now)
        hashed = codes.hashed(code, self._secrets)
        stream = account_stream(account_id)
        command = AssignCard(
            card_serial=serial,
            code_hash=hashed.value,
            hash_key_id=hashed.key_id,
            replaces=replaces,
            now=now,
        )

        def claims(decided: Sequence[Any]) -> Sequence[Claim]:
            return tuple(
                Take(key, stream)
                for event in decided
                if isinstance(event, AccountCardAssigned)
                for key in (f"code:{event.code_hash}", f"serial:{event.card_serial}")
            )

        try:
            done = await handle(self._store, ACCOUNT, stream, command, ask=ask, claims=claims)
        except CodeGone:
            await self._deliveries.wipe(_card_key(serial))
            raise
        except ClaimTaken as taken:
            await self._deliveries.wipe(_card_key(serial))
            raise Transient("this code was drawn before; ask again") from taken
        assert isinstance(done.state, Opened)
        return PreparedCard(done.state, serial, code, done.position)

    async def _card_code(self, account_id: str, serial: str, now: datetime) -> str:
        kept = await self._deliveries.read(_card_key(serial))
        if kept is not None:
            return kept
        known = (await self.account(account_id)).cards.get(serial)
        if known is not None:
            raise CodeGone if known.live else CardEnded
        fresh = codes.generate(codes.Kind.CARD, self._random_bytes)
        return await self._deliveries.keep(_card_key(serial), fresh, until=now + DELIVERY_KEPT)

    async def card_delivered(self, account_id: str, card_id: str) -> str:
        """The print is acknowledged: nobody can read the code again. Answers the serial."""
        serial = card_serial_of(account_id, card_id)
        await self._deliveries.wipe(_card_key(serial))
        return serial

    async def end_card(
        self, ask: Ask, *, account_id: str, card_id: str, reason: Literal["lost", "returned"]
    ) -> str:
        """Answers the card's serial. Raises `AccountUnknown`, `CardUnknown`."""
        serial = card_serial_of(account_id, card_id)
        command = EndCard(card_serial=serial, reason=reason, now=self._clock())
        await self._on(account_stream(account_id), command, ask)
        await self._deliveries.wipe(_card_key(serial))
        return serial

    async def look_up(self, typed: str, *, source: str) -> tuple[Opened, str, datetime]:
        """The account behind a card, the card's serial, and the time of the answer.

        Raises `CodeMistyped`, `RateLimited`, `VoucherNotUsable`.
        """
        now = self._clock()
        found = await self._finder.find(typed, source, now)
        _, account = await state_of(self._store, ACCOUNT, found.stream)
        card = account.card_of(found.code_hash) if isinstance(account, Opened) else None
        if not isinstance(account, Opened) or card is None:
            raise VoucherNotUsable
        return account, card.serial, now

    def accepts(self, store_id: str | None, account: Opened) -> bool:
        """Whether a store takes this card in payment at all; None: some store does."""
        return store_id is None or self.place(store_id).legal_entity == account.legal_entity_id

    # -- loads ---------------------------------------------------------------------------------

    async def prepare_load(
        self,
        ask: Ask,
        *,
        load_id: str,
        account_id: str | None,
        typed: str | None,
        amount: Money,
        booking_id: str,
        store_id: str,
        till_id: str,
        source: str,
    ) -> Handled[Account]:
        """A load is being sold, onto the account named or the card shown.

        Raises `AccountUnknown`, `VoucherNotUsable`, `AccountIsBlocked`, `OverLimit`, `LoadReused`,
        `LoadCancelledBefore`, and what `look_up` raises.
        """
        self.place(store_id)
        now = self._clock()
        if typed is not None:
            found = await self._finder.find(typed, source, now)
            stream, code_hash = found.stream, found.code_hash
        else:
            assert account_id is not None  # The border asks for one of the two.
            stream, code_hash = account_stream(account_id), None
        command = PrepareLoad(
            load_id=load_id,
            code_hash=code_hash,
            amount=amount,
            booking_id=booking_id,
            store_id=store_id,
            till_id=till_id,
            now=now,
        )

        def claims(decided: Sequence[Any]) -> Sequence[Claim]:
            new = any(isinstance(event, AccountLoadPrepared) for event in decided)
            return (Take(load_claim(load_id), stream),) if new else ()

        try:
            return await handle(self._store, ACCOUNT, stream, command, ask=ask, claims=claims)
        except ClaimTaken as taken:
            gone = taken.owner == TOMBSTONE
            raise (LoadCancelledBefore if gone else LoadReused) from taken

    async def cancel_load(self, ask: Ask, *, load_id: str, reason: str) -> None:
        """The load is not sold. An id that is not known yet is remembered. Raises `LoadSold`."""
        stream = await self._owner_or_tombstone(load_claim(load_id), ask)
        if stream is not None:
            command = CancelLoad(load_id=load_id, reason=reason, now=self._clock())
            await self._on(stream, command, ask)

    async def credit_load(self, command: CreditLoad, ask: Ask) -> None:
        """A recorded sale always counts. Raises `AccountUnknown`: the record is parked."""
        await self._on(account_stream(command.account_id), command, ask)

    def load_until(self, day: date) -> date:
        """The last day of credit that is loaded on `day`."""
        return self._last_day(day)

    # -- payments: the same questions and answers as of a voucher --------------------------------

    async def hold(
        self,
        ask: Ask,
        *,
        hold_id: str,
        typed: str,
        amount: Money,
        mode: Mode,
        store_id: str,
        till_id: str,
        booking_id: str,
        payment_id: str,
        expires_in_s: int,
        source: str,
        purpose: Purpose = "payment",
        **_: object,
    ) -> Handled[Account]:
        """Keep credit for one payment, or for the return of the rest in cash. What a voucher is
        asked besides (basket, approval) does not matter to a card."""
        place, now = self.place(store_id), self._clock()
        found = await self._finder.find(typed, source, now)
        command = PlaceAccountHold(
            hold_id=hold_id,
            code_hash=found.code_hash,
            amount=amount,
            mode=mode,
            store_id=store_id,
            till_id=till_id,
            booking_id=booking_id,
            payment_id=payment_id,
            accepted_by=place.legal_entity,
            purpose=purpose,
            payout_max=self._rules.payout_max,
            expires_at=now + timedelta(seconds=min(expires_in_s, HOLD_S_MAX)),
            now=now,
        )
        claim = Take(hold_claim(hold_id), found.stream)

        def claims(decided: Sequence[Any]) -> Sequence[Claim]:
            return (claim,) if any(isinstance(event, AccountHeld) for event in decided) else ()

        try:
            return await handle(self._store, ACCOUNT, found.stream, command, ask=ask, claims=claims)
        except ClaimTaken as taken:
            raise (HoldReleased if taken.owner == TOMBSTONE else HoldReused) from taken

    async def confirm(self, ask: Ask, *, hold_id: str) -> Handled[Account]:
        """Raises `HoldUnknown`, `HoldReleased`, `HoldExpired`."""
        stream = await self._holder(hold_id)
        return await self._on(stream, ConfirmHold(hold_id=hold_id, now=self._clock()), ask)

    async def let_go(self, ask: Ask, *, hold_id: str) -> None:
        """A till gives a hold up. Raises `HoldCaptured`."""
        await self.release(ReleaseHold(hold_id=hold_id, reason="released", now=self._clock()), ask)

    async def release(self, command: ReleaseHold, ask: Ask) -> None:
        """Free a hold, or forbid one that has not arrived yet. Raises `HoldCaptured`."""
        stream = await self._owner_or_tombstone(hold_claim(command.hold_id), ask)
        if stream is not None:
            await self._on(stream, command, ask)

    async def capture(self, command: CaptureHold, ask: Ask) -> None:
        """Take what a recorded booking was paid with. Never refuses: see `CaptureHold`. The hold's
        claim leads here, so the account is known."""
        await self._on(await self._holder(command.hold_id), command, ask)

    async def reverse(
        self,
        ask: Ask,
        *,
        reversal_id: str,
        hold_id: str,
        amount: Money,
        booking_id: str | None,
        recorded: bool,
        now: datetime,
    ) -> Handled[Account]:
        """Goods came back. `recorded`: in a booking, which is never refused for its amount.

        Raises `HoldUnknown`, `ReversalReused`, `ReversalTooLarge`.
        """
        stream = await self._holder(hold_id)
        _, account = await state_of(self._store, ACCOUNT, stream)
        day = account.day(now) if isinstance(account, Opened) else now.date()
        command = ReverseSpend(
            reversal_id=reversal_id,
            hold_id=hold_id,
            amount=amount,
            booking_id=booking_id,
            recorded=recorded,
            revive_until=self._last_day(day),
            now=now,
        )
        return await self._on(stream, command, ask)

    async def expire(self, account_id: str, reservation_id: str) -> None:
        """Write down what has run out: the sweeper's only command."""
        ask = Ask.of(f"sweeper/account/{reservation_id}", reservation_id)
        command = ExpireHolds(now=self._clock())
        await self._on(account_stream(account_id), command, ask)

    # --------------------------------------------------------------------------------------------

    async def _holder(self, hold_id: str) -> str:
        owner = await self._store.owner_of(hold_claim(hold_id))
        if owner is None:
            raise HoldUnknown
        if owner == TOMBSTONE:
            raise HoldReleased
        return owner

    async def _owner_or_tombstone(self, claim: str, ask: Ask) -> str | None:
        """Who holds a claim; None: nobody did, and nobody will."""
        return await owner_or_tombstone(self._store, claim, ask)

    async def _on(self, stream: str, command: Any, ask: Ask) -> Handled[Account]:
        return await handle(self._store, ACCOUNT, stream, command, ask=ask)

    def _last_day(self, day: date) -> date:
        return date(day.year + self._rules.validity_years, 12, 31)

    def place(self, store_id: str) -> Store:
        """Raises `StoreUnknown`."""
        place = self._chain.store(store_id)
        if place is None:
            raise StoreUnknown(store_id)
        return place


async def owner_or_tombstone(store: EventStore, claim: str, ask: Ask) -> str | None:
    """Who holds a claim; None: nobody did, and nobody will, because it is given up now.

    Raises `LostRace`.
    """
    for _ in range(CLAIM_TRIES_MAX):
        owner = await store.owner_of(claim)
        if owner is not None:
            return None if owner == TOMBSTONE else owner
        try:
            await handle_together(
                store,
                {},
                lambda _: Decision(events={}, claims=(Take(claim, TOMBSTONE),)),
                ask=ask,
            )
            return None
        except ClaimTaken:
            continue  # It arrived just now: it is ended where it stands.
    raise LostRace


def _card_key(serial: str) -> str:
    return f"card:{serial}"
