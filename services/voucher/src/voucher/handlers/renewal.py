"""Short codes of other systems make way for ours at their first use at a till.

The gateway that has recorded such a payment asks for the new code when it prints the slip; from
then on the old code is dead. Until somebody asks, the customer's paper goes on being good.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from events import Ask, Claim, ClaimTaken, GiveBack, Take, handle
from voucher import codes
from voucher.commands import RenewCode
from voucher.decider import VOUCHER, HoldUnknown, Issued
from voucher.decider.office import renew_code
from voucher.events import VoucherCodeReplaced
from voucher.handlers.desk import Desk
from voucher.handlers.names import (
    TOMBSTONE,
    Prepared,
    hold_claim,
    on_account,
    replacement_claim,
)


def claims_of_code(stream: str, claim: str) -> Callable[[Sequence[Any]], Sequence[Claim]]:
    """The old code is given back, the new one taken, and `claim` remembers who asked for it."""

    def claims(decided: Sequence[Any]) -> Sequence[Claim]:
        return tuple(
            entry
            for event in decided
            if isinstance(event, VoucherCodeReplaced)
            for entry in (
                GiveBack(f"code:{event.old_code_hash}", stream),
                Take(f"code:{event.code_hash}", stream),
                Take(claim, stream),
            )
        )

    return claims


class Renewal:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @property
    def on(self) -> bool:
        """Whether short codes are accepted and replaced here."""
        return self._desk.rules.foreign_codes and self._desk.rules.replace_weak_codes

    def comes(self, voucher: Issued) -> bool:
        """Whether this voucher gets a new code once its payment is captured and leaves a rest."""
        return self.on and voucher.past.weak

    async def renew(
        self, ask: Ask, *, hold_id: str, store_id: str | None = None
    ) -> Prepared | None:
        """The new code of the voucher that a captured hold stood on; a repeat gets the same one
        until it is delivered. None: there is nothing to print.

        `store_id`: of a caller who may see the payments of that store only. Raises `HoldUnknown`,
        `HoldOpen` where the payment is not captured yet.
        """
        desk, now = self._desk, self._desk.clock()
        stream = await desk.store.owner_of(hold_claim(hold_id))
        if stream is None or stream == TOMBSTONE:
            raise HoldUnknown
        if on_account(stream) or not self.on:
            return None
        voucher = await desk.voucher(stream)
        hold = voucher.hold(hold_id) if isinstance(voucher, Issued) else None
        if hold is None or store_id not in (None, hold.store_id):
            raise HoldUnknown
        claim, row = replacement_claim(f"hold/{hold_id}"), _row(hold_id)
        if await desk.store.owner_of(claim) is not None:
            return await self._kept(stream, row)
        asked = RenewCode(hold_id=hold_id, code_hash="", hash_key_id="", now=now)
        if not renew_code(asked, voucher):
            return None  # Before a code is drawn: most vouchers have nothing to print.
        code = await desk.fresh_code(row, now)
        hashed = codes.hashed(code, desk.secrets)
        command = RenewCode(
            hold_id=hold_id, code_hash=hashed.value, hash_key_id=hashed.key_id, now=now
        )
        try:
            done = await handle(
                desk.store, VOUCHER, stream, command, ask=ask, claims=claims_of_code(stream, claim)
            )
        except ClaimTaken as taken:
            raise await desk.drawn_before(row) from taken
        assert isinstance(done.state, Issued)
        if done.state.code_hash != hashed.value:
            return await self._kept(stream, row)
        # A first code may still wait for its print: it opens nothing any more.
        await desk.deliveries.wipe(done.state.voucher_id)
        return Prepared(voucher=done.state, code=code, position=done.position)

    async def _kept(self, stream: str, row: str) -> Prepared | None:
        """What was decided before, if its code is still there and still opens the voucher."""
        voucher, code = await self._desk.voucher(stream), await self._desk.deliveries.read(row)
        if code is None or not isinstance(voucher, Issued):
            return None
        if codes.hashed(code, self._desk.secrets).value != voucher.code_hash:
            await self._desk.deliveries.wipe(row)
            return None
        return Prepared(voucher=voucher, code=code, position=0)

    async def delivered(self, hold_id: str) -> None:
        """The slip is printed: nobody can read the new code again."""
        await self._desk.deliveries.wipe(_row(hold_id))


def _row(hold_id: str) -> str:
    return f"renewal.{hold_id}"
