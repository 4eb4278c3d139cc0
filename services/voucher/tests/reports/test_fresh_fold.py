"""The read models against a fresh fold of the log in plain Python, over histories that hypothesis
makes: every kind of fact, any past day, years that end, nights that lose an hour."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from events import Event, Recorded
from kassenverbund.kit.pages import Slice
from money import Money
from voucher import events as facts
from voucher.events import CreditLot, Lot, LotUse, SoldAt, Terms
from voucher.queries import Queries, ledger
from voucher.testing.reports import Log, empty, fold, rows_of

ZONES = ("Europe/Berlin", "Atlantic/Azores", "Asia/Tokyo")
ENTITIES = ("kette", "hafen")
START = datetime(2025, 12, 31, 22, 59, 59, 999_999, tzinfo=UTC)
"""The last microsecond of 2025 in Berlin."""

STEPS = (
    timedelta(microseconds=1), timedelta(hours=1), timedelta(hours=23), timedelta(days=1),
    timedelta(days=87, hours=2), timedelta(days=200),
)  # fmt: skip
SINGLE = Terms(kind="single_purpose", vat="standard", rate=1900, dsfinvk_key=1, goods="Bücher")
DONATED = Terms(funding="donated", reason="Lesefest")
PROMOTED = Terms(funding="promotional", reason="Sommeraktion")


def eur(minor: int) -> Money:
    return Money(amount=minor, currency="EUR")


@dataclass
class Has:
    """What the history's author remembers of one voucher or account, to tell only true facts."""

    key: str
    zone: str
    terms: Terms
    entity: str
    state: str
    lots: dict[str, int] = field(default_factory=dict)
    written_off: dict[str, int] = field(default_factory=dict)
    opened: dict[str, date] = field(default_factory=dict)
    spent: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    value: int = 0
    fees: dict[str, int] = field(default_factory=dict)

    @property
    def balance(self) -> int:
        return sum(self.lots.values())

    def take(self, amount: int) -> tuple[LotUse, ...]:
        """From the lots in the order in which they came."""
        uses = []
        for lot_id, left in self.lots.items():
            taken = min(left, amount)
            amount -= taken
            if taken:
                self.lots[lot_id] -= taken
                uses.append(LotUse(lot_id=lot_id, amount=eur(taken), consideration=eur(taken)))
        assert not amount
        return tuple(uses)


class Author:
    """Turns numbers into a history that could have happened."""

    def __init__(self, log: Log) -> None:
        self.log = log
        log.now = START
        self.vouchers: list[Has] = []
        self.accounts: list[Has] = []
        self.count = 0

    def tell(self, *events: Event) -> None:
        self.log.tell(*events)

    def new(self, what: str) -> str:
        self.count += 1
        return f"{what}{self.count}"

    def day(self, has: Has) -> date:
        return self.log.now.astimezone(ZoneInfo(has.zone)).date()

    def act(self, what: int, who: int, amount: int, step: int) -> None:
        self.log.now += STEPS[step]
        actions = (
            self.sell, self.give, self.card, self.top_up, self.redeem, self.redeem, self.reverse,
            self.pay_out, self.take_back, self.expire, self.extend, self.move, self.claim,
            self.load, self.spend, self.fee, self.settle, self.aside,
        )  # fmt: skip
        actions[what % len(actions)](who, amount)

    def live(self, who: int) -> Has | None:
        found = [has for has in self.vouchers if has.state == "active" and has.balance]
        return found[who % len(found)] if found else None

    def sold_at(self) -> SoldAt:
        return SoldAt(store_id="berlin", till_id="t1", booking_id=self.new("B"), line_id="L1")

    def named(self, has: Has) -> dict[str, Any]:
        return {"voucher_id": has.key, "serial": f"GS-{has.key}"}

    def issue(self, has: Has, amount: int, status: str) -> None:
        paid = has.terms.funding == "purchased"
        self.log.issue(
            has.key, "0", value=eur(amount), consideration=eur(amount if paid else 0),
            terms=has.terms, legal_entity_id=has.entity, status=status, time_zone=has.zone,
            opened=self.day(has), sold_at=self.sold_at() if status == "pending" else None,
            valid_until=None if status == "inactive" else date(2031, 12, 31),
        )  # fmt: skip

    def begin(self, who: int, amount: int, terms: Terms, state: str = "active") -> Has:
        has = Has(self.new("v"), ZONES[who % 3], terms, ENTITIES[who % 2], state, value=amount)
        self.vouchers.append(has)
        return has

    def activate(self, has: Has, amount: int, **other: Any) -> None:
        has.state, has.lots = "active", {"issue": amount}
        self.tell(
            facts.VoucherActivated(
                **self.named(has), booking_id=self.new("B"), value=eur(amount),
                activated_at=self.log.now, **other,
            )
        )  # fmt: skip

    def sell(self, who: int, amount: int) -> None:
        has = self.begin(who, amount, SINGLE if who // 3 % 2 else Terms())
        has.opened["issue"] = self.day(has)
        self.issue(has, amount, "pending")
        if who % 7 in (1, 2):
            self.cancel(has, amount)
        if who % 7 == 1:
            has.state = "cancelled"
            return
        self.log.now += timedelta(seconds=2)
        self.activate(has, amount, reinstated=who % 7 == 2)

    def cancel(self, has: Has, amount: int) -> None:
        self.tell(
            facts.VoucherCancelled(
                **self.named(has), value=eur(amount), reason="aborted", cancelled_at=self.log.now
            )
        )

    def give(self, who: int, amount: int) -> None:
        has = self.begin(who, amount, DONATED if who % 2 else PROMOTED)
        has.opened["issue"] = self.day(has)
        has.lots = {"issue": amount}
        self.issue(has, amount, "active")

    def card(self, who: int, amount: int) -> None:
        has = self.begin(who, amount, Terms())
        self.issue(has, 0, "inactive")
        self.log.now += timedelta(days=40)
        for again in range(1 + who % 2):
            has.opened["issue"] = self.day(has)
            self.tell(
                facts.VoucherCardPrepared(
                    **self.named(has), preparation_id=self.new("P"), value=eur(amount),
                    consideration=eur(amount), sold_at=self.sold_at(), time_zone=has.zone,
                    valid_until=date(2031, 12, 31), opened=self.day(has),
                    prepared_at=self.log.now,
                )
            )  # fmt: skip
            if again < who % 2:
                self.cancel(has, amount)
        self.activate(has, amount)

    def top_up(self, who: int, amount: int) -> None:
        has = self.live(who)
        if has is None:
            return
        key = self.new("T")
        told = {
            **self.named(has), "top_up_id": key, "value": eur(amount), "opened": self.day(has),
            "consideration": eur(amount), "rate": has.terms.rate,
            "valid_until": date(2032, 12, 31),
        }  # fmt: skip
        self.tell(
            facts.VoucherTopUpPrepared(
                **told, sold_at=self.sold_at(), prepared_at=self.log.now
            )
        )  # fmt: skip
        if who % 4 == 3:
            self.tell(
                facts.VoucherTopUpCancelled(
                    **self.named(has), top_up_id=key, reason="aborted", cancelled_at=self.log.now
                )
            )
            return
        has.lots[key], has.opened[key] = amount, self.day(has)
        self.tell(
            facts.VoucherToppedUp(
                **told, balance=eur(has.balance), booking_id=self.new("B"), store_id="koeln",
                topped_up_at=self.log.now,
            )
        )  # fmt: skip

    def redeem(self, who: int, amount: int) -> None:
        has = self.live(who)
        if has is None:
            return
        amount, hold = min(amount, has.balance), self.new("H")
        self.tell(
            facts.VoucherHeld(
                **self.named(has), hold_id=hold, amount=eur(amount), store_id="koeln",
                available=eur(has.balance - amount), till_id="t2", booking_id="B",
                payment_id="P", expires_at=self.log.now, held_at=self.log.now,
            )
        )  # fmt: skip
        if who % 6 == 5:
            self.tell(
                facts.VoucherHoldReleased(
                    **self.named(has), hold_id=hold, amount=eur(amount), reason="expired",
                    available=eur(has.balance), released_at=self.log.now,
                )
            )  # fmt: skip
            return
        self.tell(
            facts.VoucherHoldConfirmed(
                **self.named(has), hold_id=hold, confirmed_at=self.log.now
            )
        )  # fmt: skip
        uses = has.take(amount)
        has.spent[hold] = [(use.lot_id, use.amount.amount) for use in uses]
        old = len(has.lots) == 1 and who % 2 == 0  # As facts were before they named lots.
        late = self.day(has) - timedelta(days=1) if who % 9 == 0 else None
        self.tell(
            facts.VoucherRedeemed(
                **self.named(has), hold_id=hold, booking_id="B", amount=eur(amount),
                remaining=eur(has.balance), held=eur(amount), uses=() if old else uses,
                store_id="koeln", till_id="t2", waiver=has.terms.reason,
                accepted_by=ENTITIES[who % 2], business_date=late, redeemed_at=self.log.now,
            )
        )  # fmt: skip

    def reverse(self, who: int, amount: int) -> None:
        found = [has for has in self.vouchers if has.state == "active" and has.spent]
        if not found:
            return
        has = found[who % len(found)]
        hold = next(iter(has.spent))
        lot_id, spent = has.spent[hold].pop()
        back = min(spent, amount)
        has.lots[lot_id] += back
        if not has.spent[hold]:
            del has.spent[hold]
        self.tell(
            facts.VoucherRedemptionReversed(
                **self.named(has), reversal_id=self.new("R"), hold_id=hold, amount=eur(back),
                balance=eur(has.balance), store_id="berlin", reversed_at=self.log.now,
                uses=(LotUse(lot_id=lot_id, amount=eur(back), consideration=eur(back)),),
            )
        )  # fmt: skip

    def pay_out(self, who: int, amount: int) -> None:
        has = self.live(who)
        if has is None or who % 3:
            return
        rest, has.state = has.balance, "paid_out"
        self.tell(
            facts.VoucherPaidOut(
                **self.named(has), hold_id=self.new("H"), amount=eur(rest), remaining=eur(0),
                uses=has.take(rest), store_id="koeln", paid_out_at=self.log.now,
            )
        )  # fmt: skip

    def take_back(self, who: int, amount: int) -> None:
        has = self.live(who)
        if has is None or who % 3:
            return
        rest, has.state = has.balance, "cancelled"
        self.tell(
            facts.VoucherSaleReversed(
                **self.named(has), hold_id=self.new("H"), booking_id="B", refunded=eur(rest),
                spent=eur(0), uses=has.take(rest), store_id="berlin", till_id="t1",
                reversed_at=self.log.now,
            )
        )  # fmt: skip

    def expire(self, who: int, amount: int) -> None:
        has = self.live(who)
        if has is None:
            return
        rest, has.state = has.balance, "expired"
        has.written_off = {use.lot_id: use.amount.amount for use in has.take(rest)}
        self.tell(
            facts.VoucherExpired(
                **self.named(has), run_id="run", amount=eur(rest), expired_at=self.log.now
            )
        )

    def extend(self, who: int, amount: int) -> None:
        found = [has for has in self.vouchers if has.state in ("expired", "active")]
        if not found:
            return
        has = found[who % len(found)]
        restored = sum(has.written_off.values())
        for lot_id, minor in has.written_off.items():
            has.lots[lot_id] += minor
        has.written_off, has.state = {}, "active"
        self.tell(
            facts.VoucherValidityExtended(
                **self.named(has), valid_until=date(2035, 12, 31), restored=eur(restored),
                balance=eur(has.balance), reason="Kulanz", extended_at=self.log.now,
            )
        )  # fmt: skip

    def move(self, who: int, amount: int) -> None:
        source = self.live(who)
        others = [
            has for has in self.vouchers
            if has is not source and has.state == "active" and source is not None
            and (has.entity, has.terms) == (source.entity, source.terms)
        ]  # fmt: skip
        if source is None or not others:
            return
        target = others[who % len(others)]
        key, merge = self.new("M"), who % 2 == 0
        moved = source.balance if merge else min(amount, source.balance)
        uses = source.take(moved)
        if merge:
            source.state = "replaced"
        lots = []
        for number, use in enumerate(uses):
            lot_id = f"{key}.{number}"
            target.lots[lot_id] = use.amount.amount
            target.opened[lot_id] = source.opened[use.lot_id]
            lots.append(
                Lot(
                    lot_id=lot_id, amount=use.amount, value=use.amount, consideration=use.amount,
                    funding=self.funding(source, use.lot_id), rate=source.terms.rate,
                    valid_until=date(2031, 12, 31), opened=source.opened[use.lot_id],
                )
            )  # fmt: skip
        self.tell(
            facts.VoucherTransferredOut(
                **self.named(source), transfer_id=key, to_voucher_id=target.key,
                to_serial=f"GS-{target.key}", amount=eur(moved), remaining=eur(source.balance),
                uses=uses, reason="merge" if merge else "transfer", closes=merge,
                transferred_at=self.log.now,
            ),
            facts.VoucherTransferredIn(
                **self.named(target), transfer_id=key, from_voucher_id=source.key,
                from_serial=f"GS-{source.key}", amount=eur(moved), balance=eur(target.balance),
                lots=tuple(lots), reason="merge" if merge else "transfer",
                transferred_at=self.log.now,
            ),
        )  # fmt: skip

    def funding(self, has: Has, lot_id: str) -> Any:
        """A top-up is always paid for."""
        return "purchased" if lot_id.startswith("T") else has.terms.funding

    def account(self, who: int) -> Has:
        if self.accounts:
            return self.accounts[who % len(self.accounts)]
        has = Has(self.new("a"), "Europe/Berlin", Terms(), ENTITIES[who % 2], "active")
        self.accounts.append(has)
        self.tell(
            facts.AccountOpened(
                account_id=has.key, legal_entity_id=has.entity, holder_id="p1", currency="EUR",
                time_zone=has.zone, opened_at=self.log.now,
            )
        )  # fmt: skip
        return has

    def credit(self, has: Has, source: Any, amount: int, opened: date, **lot: Any) -> None:
        key = self.new("C")
        has.lots[key], has.opened[key] = amount, opened
        self.tell(
            facts.AccountCredited(
                account_id=has.key, credit_id=key, source=source, amount=eur(amount),
                balance=eur(has.balance), business_date=self.day(has), credited_at=self.log.now,
                reason="Kulanz" if source == "goodwill" else None,
                lots=(
                    CreditLot(
                        lot_id=key, amount=eur(amount), value=eur(amount),
                        consideration=eur(amount), valid_until=date(2031, 12, 31),
                        opened=opened, **lot,
                    ),
                ),
            )
        )  # fmt: skip

    def claim(self, who: int, amount: int) -> None:
        has = self.live(who)
        if has is None or len(has.lots) != 1 or "issue" not in has.lots:
            return
        account, rest = self.account(who), has.balance
        has.state = "claimed"
        self.tell(
            facts.VoucherClaimed(
                **self.named(has), claim_id=self.new("C"), account_id=account.key,
                amount=eur(rest), uses=has.take(rest), claimed_at=self.log.now,
            )
        )  # fmt: skip
        self.credit(
            account, "voucher", rest, has.opened["issue"], funding=has.terms.funding,
            rate=has.terms.rate,
        )  # fmt: skip

    def load(self, who: int, amount: int) -> None:
        has = self.account(who)
        source = ("load", "refund", "goodwill")[who % 3]
        given = {"funding": "donated"} if source == "goodwill" else {}
        self.credit(has, source, amount, self.day(has), **given)

    def spend(self, who: int, amount: int) -> None:
        has = self.account(who)
        amount, hold = min(amount, has.balance), self.new("H")
        if not amount:
            return
        held = {"account_id": has.key, "hold_id": hold, "store_id": "koeln"}
        uses = has.take(amount)
        day = self.day(has)
        if who % 3 == 0:
            self.tell(
                facts.AccountPaidOut(
                    **held, amount=eur(amount), remaining=eur(has.balance), uses=uses,
                    paid_out_at=self.log.now,
                )
            )  # fmt: skip
            return
        self.tell(
            facts.AccountSpent(
                **held, booking_id="B", amount=eur(amount), remaining=eur(has.balance),
                uses=uses, till_id="t2", business_date=day, spent_at=self.log.now,
            )
        )  # fmt: skip
        if who % 3 == 1:
            back = uses[-1]
            has.lots[back.lot_id] += back.amount.amount
            self.tell(
                facts.AccountSpendReversed(
                    account_id=has.key, reversal_id=self.new("R"), hold_id=hold,
                    amount=back.amount, balance=eur(has.balance), uses=(back,),
                    business_date=day, reversed_at=self.log.now,
                )
            )  # fmt: skip

    def fee(self, who: int, amount: int) -> None:
        has, key = self.account(who), self.new("F")
        has.fees[key] = amount
        self.tell(
            facts.FeePosted(
                account_id=has.key, fee_id=key, kind="annual_fee", amount=eur(amount),
                due=self.day(has), posted_at=self.log.now,
            )
        )  # fmt: skip

    def settle(self, who: int, amount: int) -> None:
        has = self.account(who)
        if not has.fees:
            return
        key, due = next(iter(has.fees.items()))
        how: Any = ("credit", "payment", "waiver")[who % 3]
        paid = min(due, amount, has.balance if how == "credit" else due)
        if not paid:
            return
        has.fees[key] -= paid
        if not has.fees[key]:
            del has.fees[key]
        uses = has.take(paid) if how == "credit" else ()
        self.tell(
            facts.FeeSettled(
                account_id=has.key, fee_id=key, settlement_id=self.new("S"), kind="annual_fee",
                how=how, amount=eur(paid), open=eur(due - paid), balance=eur(has.balance),
                uses=uses, reason="Kulanz" if how == "waiver" else None,
                business_date=self.day(has), settled_at=self.log.now,
            )
        )  # fmt: skip

    def aside(self, who: int, amount: int) -> None:
        """Facts that move no value."""
        now = self.log.now
        overdraft = self.new("O")
        self.tell(
            facts.VoucherCaptureFailed(
                hold_id="X", booking_id="B", amount=eur(amount), missing=eur(amount),
                store_id="koeln", till_id="t2", reason="hold_unknown", failed_at=now,
            ),
            facts.OverdraftBooked(
                overdraft_id=overdraft, store_id="koeln", booking_id="B", amount=eur(amount),
                balance=eur(amount), offline=True, booked_at=now,
            ),
            facts.OverdraftSettled(
                overdraft_id=overdraft, store_id="koeln", amount=eur(amount), balance=eur(0),
                how="written_off", reason="Kulanz", settled_at=now,
            ),
            facts.VoucherActivationFailed(
                voucher_id="never", booking_id="B", value=eur(amount), store_id="koeln",
                till_id="t2", reason="never_issued", failed_at=now,
            ),
            facts.VoucherCancelled(voucher_id="neither", reason="aborted", cancelled_at=now),
        )  # fmt: skip
        has = self.live(who)
        if has is not None:
            named = self.named(has)
            self.tell(
                facts.VoucherBlocked(**named, reason="lost", blocked_at=now),
                facts.VoucherCodeReplaced(
                    **named, old_code_hash="a", code_hash="b", hash_key_id="k", reason="lost",
                    replaced_at=now,
                ),
                facts.VoucherUnblocked(**named, unblocked_at=now),
                facts.VoucherEntitlementExtended(
                    **named, extension_id="E", entitlement="library_card", subject_id="p1",
                    old_until=date(2026, 12, 31), new_until=date(2027, 12, 31), store_id="koeln",
                    confirmed_at=now,
                ),
            )  # fmt: skip


# The fresh fold: nothing but the facts, one after the other.

Key = tuple[str, str, str, int, int, str]
"""Book, entity, kind, rate, year, funding."""

_OUT = {
    "voucher.redeemed": ("redeemed", "redeemed_at"),
    "voucher.paid_out": ("paid_out", "paid_out_at"),
    "voucher.sale_reversed": ("sale_reversed", "reversed_at"),
    "voucher.expired": ("expired", "expired_at"),
    "voucher.transferred_out": ("transferred_out", "transferred_at"),
    "voucher.claimed": ("claimed", "claimed_at"),
    "account.spent": ("redeemed", "spent_at"),
    "account.paid_out": ("paid_out", "paid_out_at"),
    "fee.settled": ("fee_settled", "settled_at"),
}
_CREDITED = {"load": "loaded", "voucher": "claimed_in", "refund": "refunded", "goodwill": "given"}


class FreshFold:
    """Sums per day, key and movement."""

    def __init__(self, entries: list[Recorded]) -> None:
        self.sums: Counter[tuple[date, Key, str]] = Counter()
        self.issued: dict[str, Any] = {}
        self.prepared: dict[str, Any] = {}
        self.left: dict[str, dict[str, int]] = {}
        self.gone: dict[str, dict[str, int]] = {}
        self.keys: dict[tuple[str, str], Key] = {}
        for entry in entries:
            self.add(entry.event)

    def owed(self, first: date | None, last: date) -> dict[Key, Counter[str]]:
        """By key: movements from `first` to `last`, and `opening` and `closing`."""
        found: dict[Key, Counter[str]] = {}
        for (day, key, movement), amount in self.sums.items():
            if day > last:
                continue
            group = found.setdefault(key, Counter())
            group["closing"] += amount
            if first is not None and day < first:
                group["opening"] += amount
            else:
                group[movement] += abs(amount)
        return found

    def add(self, event: Any) -> None:
        name = event.event_name
        if name == "voucher.issued":
            self.issued[event.voucher_id] = self.prepared[event.voucher_id] = event
            if event.status == "active":
                self.lot(event, "issue", event.value.amount, "issued", event.opened)
        elif name == "voucher.card_prepared":
            self.prepared[event.voucher_id] = event
        elif name == "voucher.activated":
            self.lot(event, "issue", event.value.amount, "issued", self.day(event, "activated_at"))
        elif name == "voucher.topped_up":
            day = self.day(event, "topped_up_at")
            self.lot(event, event.top_up_id, event.value.amount, "topped_up", day)
        elif name == "voucher.transferred_in":
            for lot in event.lots:
                day = self.day(event, "transferred_at")
                self.lot(event, lot.lot_id, lot.amount.amount, "transferred_in", day, lot)
        elif name == "account.opened":
            self.issued[event.account_id] = event
        elif name == "account.credited":
            for lot in event.lots:
                movement = _CREDITED[event.source]
                self.lot(event, lot.lot_id, lot.amount.amount, movement, event.business_date, lot)
        elif name == "voucher.validity_extended":
            for lot_id, minor in self.gone.pop(event.voucher_id, {}).items():
                self.move(event, lot_id, minor, "restored", self.day(event, "extended_at"))
        elif name in ("voucher.redemption_reversed", "account.spend_reversed"):
            for use in event.uses:
                day = self.day(event, "reversed_at")
                self.move(event, use.lot_id, use.amount.amount, "reversed", day)
        elif name in _OUT:
            self.out(event, *_OUT[name])

    def out(self, event: Any, movement: str, at: str) -> None:
        owner = self.owner(event)
        uses = {use.lot_id: use.amount.amount for use in getattr(event, "uses", ())}
        if name_all := movement == "expired":
            uses = {lot_id: left for lot_id, left in self.left[owner].items() if left}
        elif not uses and event.event_name == "voucher.redeemed":
            uses = {"issue": event.amount.amount}
        for lot_id, minor in uses.items():
            self.move(event, lot_id, -minor, movement, self.day(event, at))
        if name_all:
            self.gone[owner] = uses

    def owner(self, event: Any) -> str:
        if event.event_name.startswith("voucher."):
            return str(event.voucher_id)
        return str(event.account_id)

    def day(self, event: Any, at: str) -> date:
        given = getattr(event, "business_date", None)
        if given is not None:
            return given  # type: ignore[no-any-return]  # A date.
        holder = self.prepared.get(self.owner(event)) or self.issued[self.owner(event)]
        moment: datetime = getattr(event, at)
        return moment.astimezone(ZoneInfo(holder.time_zone)).date()

    def lot(
        self, event: Any, lot_id: str, amount: int, movement: str, day: date, lot: Any = None
    ) -> None:
        owner = self.owner(event)
        issued = self.issued[owner]
        book = "voucher" if event.event_name.startswith("voucher.") else "account"
        if lot is not None:
            rate, funding, opened = lot.rate, lot.funding, lot.opened
        elif lot_id == "issue":
            rate, funding = issued.terms.rate, issued.terms.funding
            opened = self.prepared[owner].opened
        else:
            rate, funding, opened = event.rate, "purchased", event.opened
        kind = "multi_purpose" if rate is None else "single_purpose"
        self.keys[owner, lot_id] = (
            book, issued.legal_entity_id, kind, rate or 0, opened.year, funding,
        )  # fmt: skip
        self.move(event, lot_id, amount, movement, day)

    def move(self, event: Any, lot_id: str, amount: int, movement: str, day: date) -> None:
        owner = self.owner(event)
        lots = self.left.setdefault(owner, {})
        lots[lot_id] = lots.get(lot_id, 0) + amount
        assert lots[lot_id] >= 0
        if amount:
            self.sums[day, self.keys[owner, lot_id], movement] += amount


HISTORIES = st.lists(
    st.tuples(
        st.integers(0, 17), st.integers(0, 41), st.integers(1, 5_000), st.integers(0, 5)
    ),
    min_size=20,
    max_size=80,
)  # fmt: skip
PAGES = st.sampled_from((1, 3, 7, 500))
ALL: tuple[ledger.Dimension, ...] = ("entity", "book", "kind", "year")
MOVEMENTS = (*ledger.IN, *ledger.OUT)

checked = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def key_of(row: Any) -> Key:
    return (row.book, row.legal_entity_id, row.kind, row.rate, row.year, row.funding)


def without_zeros(found: dict[Key, Counter[str]]) -> dict[Key, dict[str, int]]:
    return {key: {k: v for k, v in sums.items() if v} for key, sums in found.items()}


def shown(rows: Any, names: tuple[str, ...]) -> dict[Key, dict[str, int]]:
    return {
        key_of(row): {name: minor for name in names if (minor := getattr(row, name).amount)}
        for row in rows
    }


def some_days(entries: list[Recorded], picks: list[int]) -> list[date]:
    """Days on which something happened, and their neighbours: where a fold can be wrong."""
    near = sorted(
        {
            entry.recorded_at.date() + timedelta(days=days)
            for entry in entries
            for days in (-1, 0, 1)
        }
    )
    return sorted({near[pick % len(near)] for pick in picks})


@pytest.mark.slow
@checked
@given(history=HISTORIES, picks=st.lists(st.integers(0, 10_000), min_size=6, max_size=6))
async def test_the_reports_are_those_of_a_fresh_fold_to_the_cent(
    books: AsyncEngine, log: Log,
    history: list[tuple[int, int, int, int]], picks: list[int],
) -> None:  # fmt: skip
    log.entries.clear()
    author = Author(log)
    for step in history:
        author.act(*step)
    if not log.entries:
        return
    await empty(books)
    await fold(books, log.entries)
    fresh, queries = FreshFold(log.entries), Queries(books)
    days = some_days(log.entries, picks)
    for last in days:
        await same_liability(queries, fresh, last)
    for first, last in pairwise(days):
        await same_movements(queries, fresh, first, last)
    now = await queries.liability(today=log.now.date())
    assert all(entry.balanced for entry in now.entries)
    balances = sum(entry.balance.amount - entry.pending.amount for entry in now.entries)
    owed = sum(amount for (_, key, _), amount in fresh.sums.items() if key[0] == "voucher")
    assert balances == owed


async def same_liability(queries: Queries, fresh: FreshFold, last: date) -> None:
    page = await queries.page(
        lambda connection: ledger.liability(connection, Slice(limit=500), as_of=last, by=ALL)
    )
    expected = fresh.owed(None, last)
    for key, sums in expected.items():
        sums["liability" if key[5] == "purchased" else "exposure"] = sums.pop("closing", 0)
    assert shown(page.rows, (*MOVEMENTS, "liability", "exposure")) == without_zeros(expected)


async def same_movements(queries: Queries, fresh: FreshFold, first: date, last: date) -> None:
    page = await queries.page(
        lambda connection: ledger.movements(
            connection, Slice(limit=500), first=first, last=last, by=ALL
        )
    )
    expected = without_zeros(fresh.owed(first, last))
    assert shown(page.rows, (*MOVEMENTS, "opening", "closing")) == expected


@pytest.mark.slow
@settings(checked, max_examples=25)
@given(history=HISTORIES, page=PAGES)
async def test_a_rebuild_gives_the_same_tables_whatever_the_size_of_a_page(
    books: AsyncEngine, log: Log,
    history: list[tuple[int, int, int, int]], page: int,
) -> None:  # fmt: skip
    log.entries.clear()
    author = Author(log)
    for step in history:
        author.act(*step)
    await empty(books)
    await fold(books, log.entries, page=500)
    at_once = await rows_of(books)
    await empty(books)
    await fold(books, log.entries, page=page)
    assert await rows_of(books) == at_once
