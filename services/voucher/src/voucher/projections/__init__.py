"""Events → what tills, back office and the sweeper look up. One fold fills all tables, so they
always agree on how far they have come.

A page of the log is folded in memory and written with one statement per table that it changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import text

from events import Event, Recorded
from events.dead_letter_events import DeadLetterDiscarded
from voucher.events import AccountEvent, VoucherEvent
from voucher.projections.accounts import fold_account
from voucher.projections.lines import line_of
from voucher.projections.office import OfficeEvent, fold_office
from voucher.projections.page import Page, load, save
from voucher.projections.vouchers import fold_voucher

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["VoucherBook"]


class VoucherBook:
    """Balances, lots, sums per day, history, open holds, lists of all vouchers and accounts."""

    name = "vouchers"
    version = 2
    reads = None  # The history has a line for every fact.

    async def apply(self, tx: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        if not recorded:
            return
        raw = await tx.get_raw_connection()
        connection = raw.driver_connection
        assert connection is not None
        if not connection.is_in_transaction():
            # SQLAlchemy begins with its first statement; ours go past it.
            await tx.execute(text("SELECT 1"))
        page = await load(connection, recorded)
        for entry in recorded:
            page.entry = entry
            fold(page, entry.event)
            page.lines.append(line_of(entry))
        await save(connection, page)


def fold(page: Page, event: Event) -> None:
    """Add one event to its page."""
    if isinstance(event, VoucherEvent):
        fold_voucher(page, event)
    elif isinstance(event, AccountEvent):
        fold_account(page, event)
    elif isinstance(event, OfficeEvent):
        fold_office(page, event)
    elif not isinstance(event, DeadLetterDiscarded):
        # A dead letter is about a record that was given up, not about a voucher.
        raise AssertionError(f"{type(event).__name__} is not an event of this service")
