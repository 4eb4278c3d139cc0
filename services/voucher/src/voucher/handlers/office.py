"""What back office decides about single vouchers, and expiry runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from events import Ask, ClaimTaken, Handled, handle
from events.handle import input_hash
from money import Money, total
from voucher import codes
from voucher.commands import (
    BlockVoucher,
    ExtendValidity,
    ReplaceCode,
    UnblockVoucher,
    WriteOff,
)
from voucher.decider import VOUCHER, CodeGone, Issued, Voucher, VoucherReused
from voucher.events import BlockReason, CodeReason, VoucherExpired
from voucher.handlers.desk import Desk
from voucher.handlers.names import (
    Named,
    Prepared,
    replacement_claim,
    stream_of,
)
from voucher.handlers.renewal import claims_of_code
from voucher.ports import PastVouchers

RUN_PAGE_MAX = 500
"""Vouchers that one page of an expiry run looks at."""


@dataclass(frozen=True, slots=True)
class RunPage:
    """What one page of an expiry run did."""

    looked_at: int
    expired: int
    amount: Money
    next_cursor: str | None
    """None: the run is through."""


class Office:
    def __init__(self, desk: Desk, past: PastVouchers | None) -> None:
        self._desk = desk
        self._past = past

    async def block(
        self, ask: Ask, *, serial: str, reason: BlockReason, note: str | None
    ) -> Handled[Voucher]:
        """Nothing pays with it any more. Raises `VoucherUnknown`, `VoucherEnded`."""
        stream = await self._desk.by_serial(serial)
        command = BlockVoucher(reason=reason, note=note, now=self._desk.clock())
        return await self._desk.on(stream, command, ask)

    async def unblock(self, ask: Ask, *, serial: str, note: str | None) -> Handled[Voucher]:
        """Raises `VoucherUnknown`."""
        stream = await self._desk.by_serial(serial)
        return await self._desk.on(stream, UnblockVoucher(note=note, now=self._desk.clock()), ask)

    async def extend(
        self, ask: Ask, *, serial: str, valid_until: date, reason: str
    ) -> Handled[Voucher]:
        """A later last day. Raises `VoucherUnknown`, `VoucherEnded`, `ShorterValidity`."""
        stream = await self._desk.by_serial(serial)
        command = ExtendValidity(valid_until=valid_until, reason=reason, now=self._desk.clock())
        return await self._desk.on(stream, command, ask)

    async def replace_code(
        self, ask: Ask, *, replacement_id: str, named: Named, reason: CodeReason, caller: str
    ) -> Prepared:
        """A new code; the old one is dead from this moment. A repeat gets the same code until it
        is delivered.

        Raises `VoucherUnknown`, `VoucherNotUsable`, `VoucherEnded`, `CodeGone`, `VoucherReused`.
        """
        desk, now = self._desk, self._desk.clock()
        claim, row = replacement_claim(replacement_id), f"replacement.{replacement_id}"
        known = await desk.store.owner_of(claim)
        if known is not None:
            return await self._replaced_before(known, row)
        stream = await desk.stream_of(named, caller)
        code = await desk.fresh_code(row, now)
        hashed = codes.hashed(code, desk.secrets)
        command = ReplaceCode(
            code_hash=hashed.value, hash_key_id=hashed.key_id, reason=reason, now=now
        )

        try:
            done = await handle(
                desk.store, VOUCHER, stream, command, ask=ask, claims=claims_of_code(stream, claim)
            )
        except ClaimTaken as taken:
            if taken.key == claim:
                return await self._replaced_before(taken.owner, row)
            raise await desk.drawn_before(row) from taken
        assert isinstance(done.state, Issued)
        # The first code may still wait for its print: it opens nothing any more.
        await desk.deliveries.wipe(done.state.voucher_id)
        return Prepared(voucher=done.state, code=code, position=done.position)

    async def _replaced_before(self, stream: str, row: str) -> Prepared:
        voucher = await self._desk.voucher(stream)
        assert isinstance(voucher, Issued)
        code = await self._desk.deliveries.read(row)
        if code is None:
            raise CodeGone
        if codes.hashed(code, self._desk.secrets).value != voucher.code_hash:
            raise VoucherReused  # Replaced once more since.
        return Prepared(voucher=voucher, code=code, position=0)

    async def replacement_delivered(self, replacement_id: str) -> None:
        """The slip is printed: nobody can read the new code again."""
        await self._desk.deliveries.wipe(f"replacement.{replacement_id}")

    async def expiry_page(
        self, ask: Ask, *, run_id: str, legal_entity_id: str, cursor: str, vouchers_max: int
    ) -> RunPage:
        """Write off what is past its last day, some vouchers at a time. Nothing expires by itself.

        A page may be repeated: what it wrote off stays written off once. A voucher that a payment
        holds is left for the next run.
        """
        assert self._past is not None  # The service has it; the policies need none.
        desk, now = self._desk, self._desk.clock()
        place = desk.place_of_entity(legal_entity_id)
        found = await self._past.past(
            legal_entity_id, desk.day(place, now), after=cursor, vouchers_max=vouchers_max
        )
        amounts: list[Money] = []
        for voucher_id in found:
            command = WriteOff(run_id=run_id, legal_entity_id=legal_entity_id, now=now)
            one = Ask(
                key=f"expiry/{run_id}/{voucher_id}",
                input_hash=input_hash(f"{run_id}/{voucher_id}"),
                metadata=ask.metadata,
            )
            done = await desk.on(stream_of(voucher_id), command, one)
            amounts += [e.amount for e in done.events if isinstance(e, VoucherExpired)]
        return RunPage(
            looked_at=len(found),
            expired=len(amounts),
            amount=total(amounts, currency=desk.chain.currency),
            next_cursor=found[-1] if len(found) == vouchers_max else None,
        )
