"""Read models → answers. They lag behind the log; a caller that must see its own write passes the
position that the write answered with, and the query waits for it, at most `WAIT_S`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from events.store.connection import faults, reading
from kassenverbund.kit.pages import Page, Row, Slice, minor
from money import Money
from voucher.queries import vouchers
from voucher.queries.vouchers import Entry, VoucherDetail, VoucherUnknown

__all__ = [
    "Entry", "Liability", "Owed", "Page", "Queries", "Slice", "VoucherDetail", "VoucherUnknown",
]  # fmt: skip

WAIT_S = 1.0
"""Then the answer is given from what is there, and says so (`complete: false`)."""

POLL_S = 0.01
"""How often a waiting query looks how far the read model has come."""

R = TypeVar("R", bound=Row)
Fetch = Callable[[AsyncConnection], Awaitable[tuple[tuple[R, ...], str | None]]]

# Every fact of this service is a line.
_REACHED = text("SELECT max(position) FROM fact_line")
_SUMS = ", ".join(
    f"sum({name}_minor)::bigint AS {name}_minor"
    for name in (*vouchers.SUMS_IN, *vouchers.SUMS_OUT, "balance", "held")
)
_OWED = text(
    f"""
    SELECT b.*, coalesce(l.ledger, 0) AS ledger
    FROM (SELECT legal_entity_id, currency, count(*) AS vouchers, {_SUMS},
              coalesce(sum(balance_minor) FILTER (WHERE state = 'pending'), 0)::bigint AS pending,
              coalesce(sum(balance_minor) FILTER (WHERE valid_until < CAST(:today AS date)), 0)
                  ::bigint AS past,
              coalesce(sum(balance_minor) FILTER (WHERE funding <> 'purchased'), 0)::bigint
                  AS given_away
          FROM voucher_book GROUP BY legal_entity_id, currency) AS b
    LEFT JOIN (SELECT legal_entity_id, currency, sum(amount_minor)::bigint AS ledger
          FROM liability_day WHERE book = 'voucher' GROUP BY legal_entity_id, currency) AS l
        USING (legal_entity_id, currency)
    ORDER BY b.legal_entity_id, b.currency
    """  # noqa: S608 (constants of this module)
)
_MISSING = text(
    "SELECT currency, sum(missing_minor)::bigint AS missing, count(*) AS failures"
    " FROM failure GROUP BY currency"
)


@dataclass(frozen=True, slots=True)
class Owed:
    """What one legal entity owes in one currency, and how that came about."""

    legal_entity_id: str
    vouchers: int
    issued: Money
    redeemed: Money
    cancelled: Money
    balance: Money
    held: Money
    pending: Money
    """Part of the balance: prepared, not sold yet."""
    expired: Money
    """Part of the balance: past its last day."""
    balanced: bool
    """issued + topped up + transferred in + reversed + restored = redeemed + paid out + written
    off + sale reversed + cancelled + transferred out + claimed + balance, and the sums per day
    say the same."""
    topped_up: Money
    transferred_in: Money
    reversed: Money
    restored: Money
    paid_out: Money
    written_off: Money
    sale_reversed: Money
    transferred_out: Money
    claimed: Money
    given_away: Money
    """Part of the balance: vouchers that nobody paid for. No liability."""


@dataclass(frozen=True, slots=True)
class Liability:
    entries: tuple[Owed, ...]
    missing: tuple[Money, ...]
    """Recorded bookings that no voucher covered, per currency: somebody has to look."""
    failures: int
    complete: bool


class Queries:
    """Answers from the read models. Raises `Transient` where the database is away."""

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        stores: Mapping[str, str] | None = None,
        time_zone: str = "Europe/Berlin",
    ) -> None:
        self._engine = engine
        self.stores: Mapping[str, str] = stores or {}
        """Names of the stores, for people."""
        self.time_zone = time_zone
        """What "today" means where a report is asked for without a day."""

    async def page(self, fetch: Fetch[R], *, position: int = 0) -> Page[R]:
        """What `fetch` finds, in one snapshot, and how far the read models had come."""
        complete = await self._reached(position)
        async with self._snapshot() as connection:
            rows, after = await fetch(connection)
            reached = await connection.scalar(_REACHED) or 0
        return Page[R].model_construct(
            rows=rows, next=after, position=int(reached), complete=complete
        )

    async def voucher(self, serial: str, *, now: datetime, position: int = 0) -> VoucherDetail:
        """One voucher with its history over all stores. Raises `VoucherUnknown`."""
        complete = await self._reached(position)
        async with self._snapshot() as connection:
            return await vouchers.detail(connection, serial, now=now, complete=complete)

    async def liability(self, *, today: date, position: int = 0) -> Liability:
        """What is owed now, by legal entity. Sums over facts beside sums over balances."""
        complete = await self._reached(position)
        async with self._snapshot() as connection:
            rows = (await connection.execute(_OWED, {"today": today})).mappings().all()
            missing = (await connection.execute(_MISSING)).all()
        return Liability(
            entries=tuple(_owed(row) for row in rows),
            missing=tuple(minor(row.currency)(row.missing) for row in missing),
            failures=sum(row.failures for row in missing),
            complete=complete,
        )

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[AsyncConnection]:
        """One state of all tables: the projection may be at work."""
        engine = self._engine.execution_options(isolation_level="REPEATABLE READ")
        async with faults(), engine.connect() as connection:
            yield connection

    async def _reached(self, position: int) -> bool:
        """Wait until the read model shows `position`. False: it does not, after `WAIT_S`."""
        if position <= 0:
            return True
        deadline = asyncio.get_running_loop().time() + WAIT_S
        while True:
            async with faults(), reading(self._engine) as connection:
                reached = await connection.scalar(_REACHED) or 0
            if reached >= position:
                return True
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(POLL_S)


def _owed(record: Any) -> Owed:
    money = minor(record["currency"])
    same = record["ledger"] == record["balance_minor"] - record["pending"]
    sums = {
        name: money(record[f"{name}_minor"])
        for name in (*vouchers.SUMS_IN, *vouchers.SUMS_OUT, "balance", "held")
        if name != "expired"
    }
    return Owed(
        **sums,
        legal_entity_id=record["legal_entity_id"],
        vouchers=record["vouchers"],
        pending=money(record["pending"]),
        expired=money(record["past"]),
        written_off=money(record["expired_minor"]),
        given_away=money(record["given_away"]),
        balanced=vouchers.balances(record) and same,
    )
