"""Payments with a prepaid card: the same questions and answers as of a voucher."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from events import Ask, Claim, ClaimTaken, EventStore, Handled, Take, handle, state_of
from kassenverbund.kit.chain import Chain, Store
from money import Money
from voucher.commands import CaptureHold, ConfirmHold, ExpireHolds, Mode, ReleaseHold
from voucher.decider import HoldReleased, HoldReused, HoldUnknown
from voucher.decider.account import ACCOUNT, Account
from voucher.decider.account.commands import PlaceAccountHold, ReverseSpend
from voucher.decider.account.state import AccountHold, Opened
from voucher.events import AccountHeld, Purpose
from voucher.handlers.account_names import (
    AccountRules,
    account_stream,
    owner_or_tombstone,
)
from voucher.handlers.finding import CARDS, Finder
from voucher.handlers.names import HOLD_S_MAX, TOMBSTONE, StoreUnknown, hold_claim


class CardPayments:
    """Holds on accounts, their capture, and what comes back."""

    def __init__(
        self,
        store: EventStore,
        *,
        chain: Chain,
        finder: Finder,
        clock: Callable[[], datetime],
        rules: AccountRules,
    ) -> None:
        self._store = store
        self._chain = chain
        self._clock = clock
        self._rules = rules
        self._finder = finder

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
        found = await self._finder.find(typed, source=source, now=now, kinds=CARDS)
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

    async def held(self, hold_id: str) -> tuple[Opened, AccountHold]:
        """A hold, as the log has it now. Raises `HoldUnknown`, `HoldReleased`."""
        _, account = await state_of(self._store, ACCOUNT, await self._holder(hold_id))
        hold = account.hold(hold_id) if isinstance(account, Opened) else None
        if not isinstance(account, Opened) or hold is None:
            raise HoldUnknown
        return account, hold

    async def confirm(self, ask: Ask, *, hold_id: str) -> Handled[Account]:
        """Raises `HoldUnknown`, `HoldReleased`, `HoldExpired`."""
        stream = await self._holder(hold_id)
        return await self._on(stream, ConfirmHold(hold_id=hold_id, now=self._clock()), ask)

    async def let_go(self, ask: Ask, *, hold_id: str) -> None:
        """A till gives a hold up. Raises `HoldCaptured`."""
        await self.release(ReleaseHold(hold_id=hold_id, reason="released", now=self._clock()), ask)

    async def release(self, command: ReleaseHold, ask: Ask) -> None:
        """Free a hold, or forbid one that has not arrived yet. Raises `HoldCaptured`."""
        stream = await owner_or_tombstone(self._store, hold_claim(command.hold_id), ask)
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

    async def _holder(self, hold_id: str) -> str:
        owner = await self._store.owner_of(hold_claim(hold_id))
        if owner is None:
            raise HoldUnknown
        if owner == TOMBSTONE:
            raise HoldReleased
        return owner

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
