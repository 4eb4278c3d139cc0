"""Command → stream → `events.handle`. Decides on streams and claims, never on a read model.

Claims: `code:<keyed hash>` and `serial:<serial>` → the voucher's stream; `hold:<id>` → the stream
that holds it, or `TOMBSTONE` for a hold that was released before it arrived.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, assert_never
from zoneinfo import ZoneInfo

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
from voucher.commands import (
    ActivateVoucher,
    CancelVoucher,
    CaptureHold,
    ConfirmHold,
    ExpireHolds,
    IssueVoucher,
    Mode,
    PlaceHold,
    RedeemVoucher,
    ReleaseHold,
)
from voucher.decider import (
    VOUCHER,
    CodeGone,
    HoldReleased,
    HoldReused,
    HoldUnknown,
    Issued,
    Status,
    Unissued,
    Voucher,
    VoucherCancelledBefore,
    VoucherNotUsable,
    VoucherSold,
    WrongCurrency,
)
from voucher.events import SoldAt, VoucherHeld, VoucherRedeemed
from voucher.handlers.names import (
    CLAIM_TRIES_MAX,
    CODES_CACHED_MAX,
    DELIVERY_KEPT,
    HOLD_S_MAX,
    TOMBSTONE,
    Found,
    LegalEntityUnknown,
    Prepared,
    RateLimited,
    Rules,
    StoreUnknown,
    claims_of_issue,
    hold_claim,
    last_day,
    serial_of,
    stream_of,
)
from voucher.ports import Attempts, Deliveries


class Vouchers:
    """Everything that can be asked of the service. One per process."""

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
        rules: Rules,
    ) -> None:
        self._store = store
        self._chain = chain
        self._stores = {entry.id: entry for entry in chain.stores}
        self._entities = frozenset(entity.id for entity in chain.legal_entities)
        self._secrets = secrets
        self._deliveries = deliveries
        self._attempts = attempts
        self._clock = clock
        self._random_bytes = random_bytes
        self._rules = rules
        self._streams: OrderedDict[str, str] = OrderedDict()

    async def prepare(
        self, ask: Ask, *, voucher_id: str, value: Money, legal_entity_id: str, sold_at: SoldAt
    ) -> Prepared:
        """A pending voucher and its code. A repeat gets the same code until it is delivered.

        Raises `VoucherReused`, `VoucherCancelledBefore`, `CodeGone`, and what is unknown here.
        """
        if legal_entity_id not in self._entities:
            raise LegalEntityUnknown(legal_entity_id)
        if value.currency != self._chain.currency:
            raise WrongCurrency
        zone = self._place(sold_at.store_id).time_zone
        stream, now = stream_of(voucher_id), self._clock()
        code = await self._code_for(voucher_id, now)
        hashed = codes.hashed(code, self._secrets)
        opened = now.astimezone(ZoneInfo(zone)).date()
        command = IssueVoucher(
            voucher_id=voucher_id,
            serial=serial_of(voucher_id),
            code_hash=hashed.value,
            hash_key_id=hashed.key_id,
            value=value,
            legal_entity_id=legal_entity_id,
            sold_at=sold_at,
            valid_until=last_day(opened, self._rules),
            time_zone=zone,
            opened=opened,
            now=now,
        )
        try:
            done = await handle(
                self._store, VOUCHER, stream, command, ask=ask, claims=claims_of_issue(stream)
            )
        except CodeGone:
            # Delivered between our look and our decision: what we have kept opens nothing.
            await self._deliveries.wipe(voucher_id)
            raise
        except ClaimTaken as taken:
            await self._deliveries.wipe(voucher_id)
            raise Transient("this code was drawn before; ask again") from taken
        assert isinstance(done.state, Issued)
        return Prepared(voucher=done.state, code=code, position=done.position)

    async def _code_for(self, voucher_id: str, now: datetime) -> str:
        kept = await self._deliveries.read(voucher_id)
        if kept is not None:
            return kept
        _, voucher = await state_of(self._store, VOUCHER, stream_of(voucher_id))
        if isinstance(voucher, Issued):
            raise VoucherCancelledBefore if voucher.status is Status.CANCELLED else CodeGone
        if voucher.cancelled:
            raise VoucherCancelledBefore
        fresh = codes.generate(codes.Kind.VOUCHER, self._random_bytes)
        return await self._deliveries.keep(voucher_id, fresh, until=now + DELIVERY_KEPT)

    async def delivered(self, voucher_id: str) -> None:
        """The print is acknowledged: nobody can read the code again."""
        await self._deliveries.wipe(voucher_id)

    async def cancel(self, ask: Ask, *, voucher_id: str, reason: str) -> Voucher:
        """A pending voucher is not sold. Raises `VoucherSold` where the sale is recorded."""
        command = CancelVoucher(voucher_id=voucher_id, reason=reason, now=self._clock())
        done = await self._on(stream_of(voucher_id), command, ask)
        if isinstance(done.state, Issued) and done.state.status is Status.ACTIVE:
            raise VoucherSold
        return done.state

    async def look_up(self, typed: str, *, source: str) -> tuple[Issued, datetime]:
        """The voucher as the log has it now, in any state, and the time of the answer.

        Raises `CodeMistyped`, `RateLimited`, `VoucherNotUsable` for an unknown code.
        """
        now = self._clock()
        found = await self._find(typed, source, now)
        _, voucher = await state_of(self._store, VOUCHER, found.stream)
        if isinstance(voucher, Unissued):
            raise VoucherNotUsable
        return voucher, now

    def accepts(self, store_id: str | None, voucher: Issued) -> bool:
        """Whether a store takes this voucher in payment at all; None: some store does."""
        if store_id is None or self._rules.across_entities:
            return True
        return self._place(store_id).legal_entity == voucher.legal_entity_id

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
    ) -> Handled[Voucher]:
        """Keep an amount for one payment. Raises the refusals of the decider and of `look_up`."""
        place, now = self._place(store_id), self._clock()
        found = await self._find(typed, source, now)
        command = PlaceHold(
            hold_id=hold_id,
            code_hash=found.code_hash,
            amount=amount,
            mode=mode,
            store_id=store_id,
            till_id=till_id,
            booking_id=booking_id,
            payment_id=payment_id,
            accepted_by=place.legal_entity,
            across_entities=self._rules.across_entities,
            expires_at=now + timedelta(seconds=min(expires_in_s, HOLD_S_MAX)),
            now=now,
        )
        return await self._spend(found.stream, command, hold_id, ask)

    async def redeem(
        self,
        ask: Ask,
        *,
        redemption_id: str,
        typed: str,
        amount: Money,
        mode: Mode,
        store_id: str,
        source: str,
    ) -> Handled[Voucher]:
        """Hold, confirm and capture in one decision. Raises as `hold`."""
        place, now = self._place(store_id), self._clock()
        found = await self._find(typed, source, now)
        command = RedeemVoucher(
            redemption_id=redemption_id,
            code_hash=found.code_hash,
            amount=amount,
            mode=mode,
            store_id=store_id,
            accepted_by=place.legal_entity,
            across_entities=self._rules.across_entities,
            now=now,
        )
        return await self._spend(found.stream, command, redemption_id, ask)

    async def confirm(self, ask: Ask, *, hold_id: str) -> Handled[Voucher]:
        """Raises `HoldUnknown`, `HoldReleased`, `HoldExpired`."""
        owner = await self._store.owner_of(hold_claim(hold_id))
        if owner is None:
            raise HoldUnknown
        if owner == TOMBSTONE:
            raise HoldReleased
        return await self._on(owner, ConfirmHold(hold_id=hold_id, now=self._clock()), ask)

    async def let_go(self, ask: Ask, *, hold_id: str) -> None:
        """A till gives a hold up. Raises `HoldCaptured`."""
        await self.release(ReleaseHold(hold_id=hold_id, reason="released", now=self._clock()), ask)

    async def release(self, command: ReleaseHold, ask: Ask) -> None:
        """Free a hold, or forbid one that has not arrived yet. Raises `HoldCaptured`."""
        claim = hold_claim(command.hold_id)
        for _ in range(CLAIM_TRIES_MAX):
            owner = await self._store.owner_of(claim)
            if owner == TOMBSTONE:
                return
            if owner is not None:
                await self._on(owner, command, ask)
                return
            try:
                await handle_together(
                    self._store,
                    {},
                    lambda _: Decision(events={}, claims=(Take(claim, TOMBSTONE),)),
                    ask=ask,
                )
                return
            except ClaimTaken:
                continue  # The hold arrived just now: release it where it stands.
        raise LostRace

    async def capture(self, command: CaptureHold, ask: Ask) -> None:
        """Take what a recorded booking was paid with. Never refuses: see `CaptureHold`."""
        claim = hold_claim(command.hold_id)
        for _ in range(CLAIM_TRIES_MAX):
            owner = await self._store.owner_of(claim)
            stream = owner
            if stream is None or stream == TOMBSTONE:
                known = command.voucher_id
                stream = stream_of(known) if known else f"unclaimed-{command.hold_id}"
            take = () if owner is not None else (Take(claim, stream),)
            try:
                await self._on(stream, command, ask, claims=take)
                return
            except ClaimTaken:
                continue  # The hold arrived just now: capture it where it stands.
        raise LostRace

    async def expire(self, voucher_id: str, hold_id: str) -> None:
        """Write down that a hold has run out. The sweeper's only command."""
        ask = Ask.of(f"sweeper/expire/{hold_id}", hold_id)
        await self._on(stream_of(voucher_id), ExpireHolds(now=self._clock()), ask)

    async def execute(
        self, command: ActivateVoucher | CancelVoucher | CaptureHold | ReleaseHold, ask: Ask
    ) -> None:
        """What the policies lead to."""
        match command:
            case ActivateVoucher():
                await self._on(stream_of(command.voucher_id), command, ask)
            case CancelVoucher():
                await self._on(stream_of(command.voucher_id), command, ask)
            case CaptureHold():
                await self.capture(command, ask)
            case ReleaseHold():
                await self.release(command, ask)
            case _:
                assert_never(command)

    async def _on(
        self, stream: str, command: Any, ask: Ask, *, claims: Sequence[Claim] = ()
    ) -> Handled[Voucher]:
        return await handle(self._store, VOUCHER, stream, command, ask=ask, claims=lambda _: claims)

    async def _spend(
        self, stream: str, command: PlaceHold | RedeemVoucher, hold_id: str, ask: Ask
    ) -> Handled[Voucher]:
        claim = Take(hold_claim(hold_id), stream)

        def claims(decided: Sequence[Any]) -> Sequence[Claim]:
            spending = any(isinstance(event, VoucherHeld | VoucherRedeemed) for event in decided)
            return (claim,) if spending else ()

        try:
            return await handle(self._store, VOUCHER, stream, command, ask=ask, claims=claims)
        except ClaimTaken as taken:
            raise (HoldReleased if taken.owner == TOMBSTONE else HoldReused) from taken

    async def _find(self, typed: str, source: str, now: datetime) -> Found:
        """The stream of a typed code. A wrong code that is well formed costs an attempt."""
        code = codes.parse(typed, kind=codes.Kind.VOUCHER)
        wait_s = await self._attempts.locked_s(source, now)
        if wait_s:
            raise RateLimited(retry_after_s=wait_s)
        code_hash = codes.hashed(code, self._secrets).value
        stream = self._streams.get(code_hash)
        if stream is None:
            stream = await self._store.owner_of(f"code:{code_hash}")
            if stream is None:
                wait_s = await self._attempts.wrong(source, now)
                raise RateLimited(retry_after_s=wait_s) if wait_s else VoucherNotUsable()
            self._streams[code_hash] = stream
            while len(self._streams) > CODES_CACHED_MAX:
                self._streams.popitem(last=False)
        return Found(stream=stream, code_hash=code_hash)

    def _place(self, store_id: str) -> Store:
        place = self._stores.get(store_id)
        if place is None:
            raise StoreUnknown(store_id)
        return place
