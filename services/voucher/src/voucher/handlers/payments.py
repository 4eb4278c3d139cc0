"""Vouchers and prepaid cards behind one counter: a till does not know which of the two it scanned.

The first symbol of a code says what it opens; afterwards the hold's claim leads to the stream.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from events import Ask, EventStore, Handled
from voucher import codes
from voucher.commands import BookedReversal, CaptureHold, ReleaseHold
from voucher.decider.account.state import AccountHold, Opened
from voucher.handlers.accounts import Accounts
from voucher.handlers.names import TOMBSTONE, hold_claim, on_account
from voucher.handlers.vouchers import FromBookings, Vouchers

HOLDS_KNOWN_MAX = 20_000
"""Holds of which one process remembers where they stand."""


def opens_account(typed: str) -> bool:
    """Whether a code belongs to a card. A code of no known format is left to the vouchers, who
    also know those of other systems."""
    if typed.strip()[:1].upper() != codes.Kind.CARD.value:
        return False  # Vouchers are what tills scan most: one look is enough.
    try:
        return codes.parse(typed)[0] == codes.Kind.CARD.value
    except codes.CodeMistyped:
        return False


class Payments:
    """Holds of both kinds. Same questions, same answers, same refusals."""

    def __init__(self, store: EventStore, vouchers: Vouchers, accounts: Accounts) -> None:
        self._store = store
        self._vouchers = vouchers
        self._accounts = accounts
        self._known: OrderedDict[str, bool] = OrderedDict()

    async def hold(self, ask: Ask, *, typed: str, **asked: Any) -> Handled[Any]:
        """See `Vouchers.hold`."""
        by_card = opens_account(typed)
        behind = self._accounts if by_card else self._vouchers
        done = await behind.hold(ask, typed=typed, **asked)
        self._remember(asked["hold_id"], by_card=by_card)
        return done

    async def confirm(self, ask: Ask, *, hold_id: str) -> Handled[Any]:
        """See `Vouchers.confirm`."""
        if await self._on_account(hold_id):
            return await self._accounts.confirm(ask, hold_id=hold_id)
        return await self._vouchers.confirm(ask, hold_id=hold_id)

    async def let_go(self, ask: Ask, *, hold_id: str) -> None:
        """See `Vouchers.let_go`."""
        if await self._on_account(hold_id):
            await self._accounts.let_go(ask, hold_id=hold_id)
        else:
            await self._vouchers.let_go(ask, hold_id=hold_id)

    async def release(self, command: ReleaseHold, ask: Ask) -> None:
        """See `Vouchers.release`."""
        if await self._on_account(command.hold_id):
            await self._accounts.release(command, ask)
        else:
            await self._vouchers.release(command, ask)

    async def capture(self, command: CaptureHold, ask: Ask) -> None:
        """See `Vouchers.capture`."""
        if await self._on_account(command.hold_id):
            await self._accounts.capture(command, ask)
        else:
            await self._vouchers.capture(command, ask)

    async def card_hold(self, hold_id: str) -> tuple[Opened, AccountHold] | None:
        """The hold on a card, as the log has it now; None: a voucher holds it, or nobody."""
        if not await self._on_account(hold_id):
            return None
        return await self._accounts.held(hold_id)

    async def execute(self, command: FromBookings, ask: Ask) -> None:
        """What the policies lead to: what concerns a hold goes to where it stands."""
        match command:
            case CaptureHold():
                await self.capture(command, ask)
            case ReleaseHold():
                await self.release(command, ask)
            case BookedReversal() if await self._on_account(command.hold_id):
                await self._accounts.reverse(
                    ask,
                    reversal_id=command.reversal_id,
                    hold_id=command.hold_id,
                    amount=command.amount,
                    booking_id=command.booking_id,
                    recorded=True,
                    now=command.recorded_at,
                )
            case _:
                await self._vouchers.execute(command, ask)

    async def _on_account(self, hold_id: str) -> bool:
        # A release that comes before its hold leaves its tombstone with the vouchers: the claim is
        # the same for both.
        known = self._known.get(hold_id)
        if known is not None:
            return known
        owner = await self._store.owner_of(hold_claim(hold_id))
        if owner is None or owner == TOMBSTONE:
            return False
        self._remember(hold_id, by_card=on_account(owner))
        return self._known[hold_id]

    def _remember(self, hold_id: str, *, by_card: bool) -> None:
        """A hold never moves, so its next steps need not ask for it again."""
        self._known[hold_id] = by_card
        while len(self._known) > HOLDS_KNOWN_MAX:
            self._known.popitem(last=False)
