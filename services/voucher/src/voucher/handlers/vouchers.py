"""Payments: command → stream → `events.handle`. Decides on streams and claims, never on a read
model.

Claims: `code:<keyed hash>` and `serial:<serial>` → the voucher's stream; `hold:<id>` → the stream
that holds it, or `TOMBSTONE` for a hold that was released before it arrived; `top_up:<id>` and
`preparation:<id>` alike; `group:<id>` → the streams that pay together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, assert_never

from events import (
    Ask,
    Claim,
    ClaimTaken,
    Decision,
    EventStore,
    Handled,
    LostRace,
    Take,
    handle,
    handle_together,
)
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.secrets import Secrets
from money import Money
from voucher import codes
from voucher.commands import (
    ActivateVoucher,
    BookedReversal,
    BookedTopUp,
    CancelTopUp,
    CancelVoucher,
    CaptureHold,
    CapturePart,
    ConfirmHold,
    ExpireHolds,
    Goods,
    Mode,
    PlaceHold,
    RedeemVoucher,
    ReleaseGroup,
    ReleaseHold,
)
from voucher.decider import (
    VOUCHER,
    HoldReleased,
    HoldReused,
    HoldUnknown,
    Issued,
    Unissued,
    Voucher,
    VoucherNotUsable,
    taken_at,
)
from voucher.events import Purpose, SoldAt, VoucherHeld, VoucherRedeemed
from voucher.handlers.desk import Desk
from voucher.handlers.finding import Finder
from voucher.handlers.groups import Groups
from voucher.handlers.moves import Moves
from voucher.handlers.names import (
    CLAIM_TRIES_MAX,
    HOLD_S_MAX,
    TOMBSTONE,
    Prepared,
    Rules,
    hold_claim,
    on_account,
    stream_of,
)
from voucher.handlers.offers import PLAIN, Wanted
from voucher.handlers.office import Office
from voucher.handlers.overdrafts import capture_on
from voucher.handlers.renewal import Renewal
from voucher.handlers.selling import Selling
from voucher.ports import Deliveries, PastVouchers, Templates

FromBookings = (
    ActivateVoucher
    | CancelVoucher
    | CaptureHold
    | ReleaseHold
    | ReleaseGroup
    | BookedTopUp
    | CancelTopUp
    | BookedReversal
)
"""What the policies lead to."""


class Vouchers:
    """Everything that can be asked of the service. One per process."""

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
        rules: Rules,
        templates: Templates | None = None,
        past: PastVouchers | None = None,
    ) -> None:
        self.desk = Desk(
            store,
            chain=chain,
            secrets=secrets,
            deliveries=deliveries,
            finder=finder,
            clock=clock,
            random_bytes=random_bytes,
            rules=rules,
            templates=templates,
        )
        self.selling = Selling(self.desk)
        self.groups = Groups(self.desk)
        self.moves = Moves(self.desk)
        self.office = Office(self.desk, past)
        self.renewal = Renewal(self.desk)

    async def prepare(
        self,
        ask: Ask,
        *,
        voucher_id: str,
        value: Money | None,
        legal_entity_id: str,
        sold_at: SoldAt,
        wanted: Wanted = PLAIN,
    ) -> Prepared:
        """See `Selling.prepare`."""
        return await self.selling.prepare(
            ask,
            voucher_id=voucher_id,
            value=value,
            legal_entity_id=legal_entity_id,
            sold_at=sold_at,
            wanted=wanted,
        )

    async def delivered(self, voucher_id: str) -> None:
        """The print is acknowledged: nobody can read the code again, unless a mail waits."""
        await self.desk.deliveries.printed(voucher_id)

    async def cancel(self, ask: Ask, *, voucher_id: str, reason: str) -> Voucher:
        """A pending voucher is not sold. Raises `VoucherSold` where the sale is recorded."""
        return await self.selling.given_up(ask, voucher_id=voucher_id, reason=reason)

    async def look_up(self, typed: str, *, source: str) -> tuple[Issued, datetime]:
        """The voucher as the log has it now, in any state, and the time of the answer.

        Raises `CodeMistyped`, `RateLimited`, `VoucherNotUsable` for an unknown code.
        """
        now = self.desk.clock()
        found = await self.desk.find(typed, source, now)
        voucher = await self.desk.voucher(found.stream)
        if isinstance(voucher, Unissued):
            raise VoucherNotUsable
        return voucher, now

    def accepts(self, store_id: str | None, voucher: Issued) -> bool:
        """Whether a store takes this voucher in payment at all; None: some store does."""
        if store_id is None:
            return True
        entity = self.desk.place(store_id).legal_entity
        across = self.desk.rules.across_entities
        return taken_at(voucher, store_id, entity, across_entities=across)

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
        basket: tuple[Goods, ...] | None = None,
        approved_by: str | None = None,
    ) -> Handled[Voucher]:
        """Keep an amount for one payment. Raises the refusals of the decider and of `look_up`."""
        desk = self.desk
        place, now = desk.place(store_id), desk.clock()
        found = await desk.find(typed, source, now)
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
            across_entities=desk.rules.across_entities,
            expires_at=now + timedelta(seconds=min(expires_in_s, HOLD_S_MAX)),
            now=now,
            purpose=purpose,
            basket=basket,
            approved_by=approved_by,
            payout_max=desk.money(desk.rules.payout_max) if purpose == "payout" else None,
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
        basket: tuple[Goods, ...] | None = None,
    ) -> Handled[Voucher]:
        """Hold, confirm and capture in one decision. Raises as `hold`."""
        desk = self.desk
        place, now = desk.place(store_id), desk.clock()
        found = await desk.find(typed, source, now)
        command = RedeemVoucher(
            redemption_id=redemption_id,
            code_hash=found.code_hash,
            amount=amount,
            mode=mode,
            store_id=store_id,
            accepted_by=place.legal_entity,
            across_entities=desk.rules.across_entities,
            now=now,
            basket=basket,
        )
        return await self._spend(found.stream, command, redemption_id, ask)

    async def held(self, hold_id: str) -> Issued:
        """The voucher that a hold stands on, as the log has it now. Raises `HoldUnknown`."""
        owner = await self.desk.store.owner_of(hold_claim(hold_id))
        if owner is None or owner == TOMBSTONE or on_account(owner):
            raise HoldUnknown
        voucher = await self.desk.voucher(owner)
        if isinstance(voucher, Unissued) or voucher.hold(hold_id) is None:
            raise HoldUnknown
        return voucher

    async def confirm(self, ask: Ask, *, hold_id: str) -> Handled[Voucher]:
        """Raises `HoldUnknown`, `HoldReleased`, `HoldExpired`."""
        stream = await self._holder(hold_id)
        return await self.desk.on(stream, ConfirmHold(hold_id=hold_id, now=self.desk.clock()), ask)

    async def capture_part(
        self, ask: Ask, *, hold_id: str, booking_id: str, amount: Money, final: bool
    ) -> Handled[Voucher]:
        """A system that signs elsewhere recorded a booking. Raises the refusals of the decider."""
        stream = await self._holder(hold_id)
        command = CapturePart(
            hold_id=hold_id,
            booking_id=booking_id,
            amount=amount,
            final=final,
            now=self.desk.clock(),
        )
        return await self.desk.on(stream, command, ask)

    async def _holder(self, hold_id: str) -> str:
        owner = await self.desk.store.owner_of(hold_claim(hold_id))
        if owner is None or on_account(owner):
            raise HoldUnknown
        if owner == TOMBSTONE:
            raise HoldReleased
        return owner

    async def let_go(self, ask: Ask, *, hold_id: str) -> None:
        """A till gives a hold up. Raises `HoldCaptured`."""
        await self.release(
            ReleaseHold(hold_id=hold_id, reason="released", now=self.desk.clock()), ask
        )

    async def release(self, command: ReleaseHold, ask: Ask) -> None:
        """Free a hold, or forbid one that has not arrived yet. Raises `HoldCaptured`."""
        claim = hold_claim(command.hold_id)
        for _ in range(CLAIM_TRIES_MAX):
            owner = await self.desk.store.owner_of(claim)
            if owner == TOMBSTONE:
                return
            if owner is not None:
                await self.desk.on(owner, command, ask)
                return
            try:
                await handle_together(
                    self.desk.store,
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
            owner = await self.desk.store.owner_of(claim)
            stream = owner
            if stream is None or stream == TOMBSTONE:
                stream = await self._named(command) or f"unclaimed-{command.hold_id}"
            take = () if owner is not None else (Take(claim, stream),)
            try:
                await capture_on(self.desk.store, stream, command, ask, claims=take)
                return
            except ClaimTaken:
                continue  # The hold arrived just now: capture it where it stands.
        raise LostRace

    async def _named(self, command: CaptureHold) -> str | None:
        """The stream of the voucher that a recorded booking names."""
        if command.voucher_id is not None:
            return stream_of(command.voucher_id)
        if command.serial is None:
            return None
        owner = await self.desk.store.owner_of(f"serial:{command.serial}")
        return None if on_account(owner) else owner

    async def expire(self, voucher_id: str, hold_id: str) -> None:
        """Write down that a hold has run out. The sweeper's only command."""
        ask = Ask.of(f"sweeper/expire/{hold_id}", hold_id)
        await self.desk.on(stream_of(voucher_id), ExpireHolds(now=self.desk.clock()), ask)

    async def execute(self, command: FromBookings, ask: Ask) -> None:
        """What the policies lead to."""
        match command:
            case ActivateVoucher():
                await self.selling.activate(command, ask)
            case CancelVoucher():
                await self.selling.cancel(command, ask)
            case CaptureHold():
                await self.capture(command, ask)
            case ReleaseHold():
                await self.release(command, ask)
            case ReleaseGroup():
                await self.groups.release(ask, group_id=command.group_id)
            case BookedTopUp():
                await self.selling.record_top_up(command, ask)
            case CancelTopUp():
                await self.selling.cancel_top_up(command, ask)
            case BookedReversal():
                await self.moves.reverse_booked(command, ask)
            case _:
                assert_never(command)

    async def _spend(
        self, stream: str, command: PlaceHold | RedeemVoucher, hold_id: str, ask: Ask
    ) -> Handled[Voucher]:
        claim = Take(hold_claim(hold_id), stream)

        def claims(decided: Sequence[Any]) -> Sequence[Claim]:
            spending = any(isinstance(event, VoucherHeld | VoucherRedeemed) for event in decided)
            return (claim,) if spending else ()

        try:
            return await handle(self.desk.store, VOUCHER, stream, command, ask=ask, claims=claims)
        except ClaimTaken as taken:
            raise (HoldReleased if taken.owner == TOMBSTONE else HoldReused) from taken
