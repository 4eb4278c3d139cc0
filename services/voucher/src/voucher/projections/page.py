"""A page of events, folded in memory: what it touches is read once, changed here, written once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from events import Recorded
from money import Money
from voucher.events import Lot, LotUse
from voucher.projections import tables as t

ISSUE = "issue"
"""The lot that a voucher is sold with."""

WITHOUT_LOTS = frozenset({"voucher.held", "voucher.hold_confirmed", "voucher.hold_released"})
"""The facts at a till that leave the parts of a value alone."""

REVERSALS = frozenset({"voucher.redemption_reversed", "account.spend_reversed"})

LedgerKey = tuple[str, str, str, str, int, str, date, str, date]
StoreKey = tuple[date, str, str, str, str, str, str]


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def day_of(at: datetime, time_zone: str) -> date:
    """The calendar day of an instant in a zone."""
    return at.astimezone(_zone(time_zone)).date()


@dataclass(slots=True)
class Holder:
    """Who owns lots: a voucher or an account, with what the ledger has to know."""

    owner: str
    book: str
    legal_entity_id: str
    currency: str


def of_voucher(row: t.VoucherRow) -> Holder:
    return Holder(f"voucher-{row.voucher_id}", "voucher", row.legal_entity_id, row.currency)


def of_account(row: t.AccountRow) -> Holder:
    return Holder(f"account-{row.account_id}", "account", row.legal_entity_id, row.currency)


@dataclass(slots=True)
class Page:
    """Rows by their keys. What was never there and what was deleted in the page is left out."""

    entry: Recorded
    """The event that is being folded."""
    vouchers: dict[str, t.VoucherRow] = field(default_factory=dict)
    accounts: dict[str, t.AccountRow] = field(default_factory=dict)
    lots: dict[str, dict[str, t.LotRow]] = field(default_factory=dict)
    holds: dict[str, t.HoldRow] = field(default_factory=dict)
    fees: dict[tuple[str, str], t.FeeRow] = field(default_factory=dict)
    overdrafts: dict[str, t.OverdraftRow] = field(default_factory=dict)
    batches: dict[str, t.BatchRow] = field(default_factory=dict)
    templates: dict[str, t.TemplateRow] = field(default_factory=dict)
    preparations: dict[tuple[str, str], t.PreparationRow] = field(default_factory=dict)
    ledger: dict[LedgerKey, list[int]] = field(default_factory=dict)
    store_days: dict[StoreKey, list[int]] = field(default_factory=dict)
    lines: list[t.LineRow] = field(default_factory=list)
    concessions: list[t.ConcessionRow] = field(default_factory=list)
    failures: list[t.FailureRow] = field(default_factory=list)
    settlements: list[t.SettlementRow] = field(default_factory=list)
    stored_holds: set[str] = field(default_factory=set)
    ended_preparations: set[tuple[str, str]] = field(default_factory=set)
    spent_at: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    """By hold: the store that took a redemption, and its legal entity. Known for redemptions of
    this page and for those that it reverses."""
    touched: set[tuple[str, ...]] = field(default_factory=set)
    """Of vouchers, accounts, lots and fees: which rows have to be written."""

    @property
    def position(self) -> int:
        return self.entry.position

    def voucher(self, voucher_id: str) -> t.VoucherRow:
        """The row of a voucher that is in the log; it will be written."""
        row = self.vouchers[voucher_id]
        row.last_position = self.position
        self.touched.add(("voucher", voucher_id))
        return row

    def account(self, account_id: str) -> t.AccountRow:
        row = self.accounts[account_id]
        row.last_position = self.position
        self.touched.add(("account", account_id))
        return row

    def lot(self, owner: str, lot_id: str) -> t.LotRow:
        self.touched.add(("lot", owner, lot_id))
        return self.lots[owner][lot_id]

    def fee(self, account_id: str, fee_id: str) -> t.FeeRow:
        self.touched.add(("fee", account_id, fee_id))
        return self.fees[account_id, fee_id]

    # The ledger

    def book(self, who: Holder, lot: t.LotRow, movement: str, day: date, amount: int) -> None:
        """Add to the sum of one day. In is positive, out is negative."""
        key = (
            who.book, who.legal_entity_id, who.currency, lot.kind, lot.rate, lot.funding,
            lot.opened.replace(day=1), movement, day,
        )  # fmt: skip
        sums = self.ledger.setdefault(key, [0, 0])
        sums[0] += amount
        sums[1] += 1

    def add_lot(self, who: Holder, lot: t.LotRow, movement: str, day: date) -> None:
        """A new part of the value."""
        self.lots.setdefault(who.owner, {})[lot.lot_id] = lot
        self.touched.add(("lot", who.owner, lot.lot_id))
        if lot.left_minor:
            self.book(who, lot, movement, day, lot.left_minor)

    def take(
        self, who: Holder, uses: Sequence[LotUse], amount: Money, movement: str, day: date
    ) -> list[tuple[t.LotRow, int]]:
        """Value leaves: from the lots that the fact names, or, where it names none, in the order
        of use. Answers from which lots and how much."""
        found: list[tuple[t.LotRow, int]] = []
        for lot_id, minor in self._named(who.owner, uses, amount.amount):
            lot = self.lot(who.owner, lot_id)
            lot.left_minor -= minor
            self.book(who, lot, movement, day, -minor)
            found.append((lot, minor))
        return found

    def give_back(
        self, who: Holder, uses: Sequence[LotUse], amount: Money, movement: str, day: date
    ) -> list[tuple[t.LotRow, int]]:
        """Value returns to the lots that the fact names; without a name, to the first one."""
        named = [(use.lot_id, use.amount.amount) for use in uses]
        if not named and amount.amount:
            lots = self.lots[who.owner]
            named = [(ISSUE if ISSUE in lots else min(lots), amount.amount)]
        found: list[tuple[t.LotRow, int]] = []
        for lot_id, minor in named:
            lot = self.lot(who.owner, lot_id)
            lot.left_minor += minor
            self.book(who, lot, movement, day, minor)
            found.append((lot, minor))
        return found

    def _named(self, owner: str, uses: Sequence[LotUse], amount: int) -> Iterable[tuple[str, int]]:
        if uses or not amount:
            yield from ((use.lot_id, use.amount.amount) for use in uses)
            return
        for lot in in_order(self.lots[owner].values()):
            taken = min(amount, lot.left_minor)
            amount -= taken
            if taken:
                yield lot.lot_id, taken
        assert not amount  # A fact never spends more than was there.

    def at_store(self, key: StoreKey, column: int, amount: int) -> None:
        """`column`: 0 redeemed, 1 reversed, 2 paid out."""
        sums = self.store_days.setdefault(key, [0, 0, 0, 0])
        sums[column] += amount
        sums[3] += column == 0

    # Holds and preparations

    def place(self, hold: t.HoldRow) -> None:
        self.end_hold(hold.hold_id)
        self.holds[hold.hold_id] = hold
        self._count_hold(hold, hold.amount_minor)

    def end_hold(self, hold_id: str, *, still: int = 0) -> None:
        """The hold is over, or keeps `still` from now on. Unknown ids are left alone."""
        hold = self.holds.get(hold_id)
        if hold is None:
            return
        self._count_hold(hold, still - hold.amount_minor)
        hold.amount_minor = still
        if not still:
            del self.holds[hold_id]

    def _count_hold(self, hold: t.HoldRow, amount: int) -> None:
        if hold.voucher_id is not None:
            self.voucher(hold.voucher_id).held_minor += amount
        elif hold.account_id is not None:
            self.account(hold.account_id).held_minor += amount

    def prepare(self, row: t.PreparationRow) -> None:
        key = (row.what, row.preparation_id)
        self.ended_preparations.discard(key)
        self.preparations[key] = row

    def end_preparation(self, what: str, preparation_id: str) -> None:
        key = (what, preparation_id)
        self.preparations.pop(key, None)
        self.ended_preparations.add(key)

    def concede(
        self, what: str, event: Any, amount: int, currency: str, reason: str, day: date,
        at: datetime,
    ) -> None:  # fmt: skip
        """Note that something was given up or taken back."""
        told = vars(event).get
        self.concessions.append(
            t.ConcessionRow(
                position=self.position,
                what=what,
                voucher_id=told("voucher_id"),
                account_id=told("account_id"),
                serial=told("serial") or told("voucher_serial"),
                currency=currency,
                amount_minor=amount,
                reason=reason.strip() or what,
                actor=self.entry.metadata.actor,
                store_id=told("store_id"),
                till_id=told("till_id"),
                booking_id=told("booking_id"),
                day=day,
                at=at,
            )
        )


def in_order(lots: Iterable[t.LotRow]) -> list[t.LotRow]:
    """As they are used up: earliest last day, then what was given away, then the oldest."""
    return sorted(
        lots,
        key=lambda lot: (
            lot.valid_until or date.max, lot.funding == "purchased", lot.opened, lot.lot_id,
        ),
    )  # fmt: skip


def seen(page: Page, voucher_id: str, store_id: str, at: datetime) -> t.VoucherRow:
    """The voucher was in a customer's hand at a store."""
    row = page.voucher(voucher_id)
    row.last_store_id, row.last_at = store_id, at
    return row


def lot_row(owner: str, lot: Lot) -> t.LotRow:
    """A lot as a fact carries it."""
    return t.LotRow(
        owner=owner,
        lot_id=lot.lot_id,
        opened=lot.opened,
        kind="multi_purpose" if lot.rate is None else "single_purpose",
        rate=lot.rate or 0,
        funding=lot.funding,
        valid_until=lot.valid_until,
        value_minor=lot.value.amount,
        left_minor=lot.amount.amount,
    )


async def load(connection: t.Connection, recorded: Sequence[Recorded]) -> Page:
    """A page with every stored row that its events may change."""
    page = Page(recorded[0])
    vouchers: set[str] = set()
    accounts: set[str] = set()
    holds: set[str] = set()
    overdrafts: set[str] = set()
    batches: set[str] = set()
    owners: set[str] = set()
    for entry in recorded:
        told = vars(entry.event).get
        for ids, name in (
            (vouchers, "voucher_id"), (accounts, "account_id"), (holds, "hold_id"),
            (overdrafts, "overdraft_id"),
        ):  # fmt: skip
            found = told(name)
            if found is not None:
                ids.add(found)
        if entry.name not in WITHOUT_LOTS:
            owners.add(entry.stream)
        if entry.name.startswith("batch."):
            batches.add(vars(entry.event)["batch_id"])
    page.vouchers = {row.voucher_id: row for row in await t.VOUCHERS.load(connection, vouchers)}
    page.accounts = {row.account_id: row for row in await t.ACCOUNTS.load(connection, accounts)}
    for lot in await t.LOTS.load(connection, owners):
        page.lots.setdefault(lot.owner, {})[lot.lot_id] = lot
    page.holds = {row.hold_id: row for row in await t.HOLDS.load(connection, holds)}
    page.stored_holds = set(page.holds)
    page.fees = {
        (row.account_id, row.fee_id): row for row in await t.FEES.load(connection, page.accounts)
    }
    page.overdrafts = {
        row.overdraft_id: row for row in await t.OVERDRAFTS.load(connection, overdrafts)
    }
    page.batches = {row.batch_id: row for row in await t.BATCHES.load(connection, batches)}
    page.spent_at = await _redemptions(connection, recorded)
    return page


async def _redemptions(
    connection: t.Connection, recorded: Sequence[Recorded]
) -> dict[str, tuple[str, str | None]]:
    """Where the redemptions were made that the page's reversals undo."""
    reversals = [vars(entry.event) for entry in recorded if entry.name in REVERSALS]
    if not reversals:
        return {}
    rows = await connection.fetch(
        "SELECT hold_id, store_id, detail ->> 'accepted_by' AS accepted_by FROM fact_line"
        " WHERE name IN ('voucher.redeemed', 'account.spent') AND hold_id = ANY($3::text[])"
        " AND (voucher_id = ANY($1::text[]) OR account_id = ANY($2::text[]))",
        [told.get("voucher_id") for told in reversals],
        [told.get("account_id") for told in reversals],
        [told["hold_id"] for told in reversals],
    )
    return {row["hold_id"]: (row["store_id"], row["accepted_by"]) for row in rows}


async def save(connection: t.Connection, page: Page) -> None:
    """Write what the page changed, one statement per table."""
    touched = page.touched
    await t.VOUCHERS.save(
        connection, [row for key, row in page.vouchers.items() if ("voucher", key) in touched]
    )
    await t.ACCOUNTS.save(
        connection, [row for key, row in page.accounts.items() if ("account", key) in touched]
    )
    await t.LOTS.save(
        connection,
        [
            lot
            for owner, lots in page.lots.items()
            for lot_id, lot in lots.items()
            if ("lot", owner, lot_id) in touched
        ],
    )
    if page.ledger:
        rows = [(*key, *sums) for key, sums in sorted(page.ledger.items())]
        await connection.execute(t.LEDGER, *zip(*rows, strict=True))
    if page.store_days:
        days = [(*key, *sums) for key, sums in sorted(page.store_days.items())]
        await connection.execute(t.STORE_DAY, *zip(*days, strict=True))
    await t.HOLDS.delete(connection, [(key,) for key in page.stored_holds - set(page.holds)])
    await t.HOLDS.save(connection, list(page.holds.values()))
    await t.PREPARATIONS.delete(connection, sorted(page.ended_preparations))
    await t.PREPARATIONS.save(connection, list(page.preparations.values()))
    await t.CONCESSIONS.save(connection, page.concessions)
    await t.FAILURES.save(connection, page.failures)
    await t.OVERDRAFTS.save(connection, list(page.overdrafts.values()))
    await t.FEES.save(
        connection, [row for key, row in page.fees.items() if ("fee", *key) in touched]
    )
    await t.SETTLEMENTS.save(connection, page.settlements)
    await t.BATCHES.save(connection, list(page.batches.values()))
    await t.TEMPLATES.save(connection, list(page.templates.values()))
    await t.LINES.save(connection, page.lines)
