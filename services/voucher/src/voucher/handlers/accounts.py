"""Accounts, their cards and loads, and payments with a prepaid card.

Stream `account-{account_id}`. Claims: `code:<keyed hash>` and `serial:<serial>` of a card,
`load:<id>` and `hold:<id>` → the account's stream, or `TOMBSTONE` for what was given up before it
arrived. Decides on streams and claims, never on a read model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from events import (
    Ask,
    Claim,
    ClaimTaken,
    EventStore,
    Handled,
    Take,
    Transient,
    handle,
    state_of,
)
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.secrets import Secrets
from money import Money
from voucher import codes
from voucher.decider import (
    CodeGone,
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
    PrepareLoad,
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
    AccountLoadPrepared,
    CreditLot,
    Limits,
)
from voucher.handlers.account_names import (
    AccountRules,
    account_stream,
    card_serial_of,
    load_claim,
    owner_or_tombstone,
)
from voucher.handlers.card_payments import CardPayments
from voucher.handlers.finding import CARDS, Finder
from voucher.handlers.names import (
    DELIVERY_KEPT,
    TOMBSTONE,
    LegalEntityUnknown,
)
from voucher.ports import Deliveries


@dataclass(frozen=True, slots=True)
class PreparedCard:
    account: Opened
    card_serial: str
    code: str
    position: int


class Accounts(CardPayments):
    """Everything that can be asked of accounts, fees aside. One per process."""

    def __init__(
        self,
        store: EventStore,
        *,
        chain: Chain,
        secrets: Secrets,
        deliveries: Deliveries,
        finder: Finder,
        clock: Callable[[], datetime],
        random_bytes: codes.RandomBytes,
        rules: AccountRules,
    ) -> None:
        super().__init__(store, chain=chain, finder=finder, clock=clock, rules=rules)
        self._entities = frozenset(entity.id for entity in chain.legal_entities)
        self._secrets = secrets
        self._deliveries = deliveries
        self._random_bytes = random_bytes

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
        found = await self._finder.find(typed, source=source, now=now, kinds=CARDS)
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
            found = await self._finder.find(typed, source=source, now=now, kinds=CARDS)
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
        stream = await owner_or_tombstone(self._store, load_claim(load_id), ask)
        if stream is not None:
            command = CancelLoad(load_id=load_id, reason=reason, now=self._clock())
            await self._on(stream, command, ask)

    async def credit_load(self, command: CreditLoad, ask: Ask) -> None:
        """A recorded sale always counts. Raises `AccountUnknown`: the record is parked."""
        await self._on(account_stream(command.account_id), command, ask)

    def load_until(self, day: date) -> date:
        """The last day of credit that is loaded on `day`."""
        return self._last_day(day)


def _card_key(serial: str) -> str:
    return f"card:{serial}"
