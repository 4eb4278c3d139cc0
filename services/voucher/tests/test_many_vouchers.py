"""Several vouchers, every operation, in any order: what must hold after each step (E.7).

The machine asks the real handlers over the memory store. It keeps its own sums over the facts that
were stored, and never looks at how the decider came to them.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from ruamel.yaml import YAML

from events import DomainError
from events.testing.memory import MemoryEventStore
from kassenverbund.kit.chain import Chain
from money import Money, euro
from voucher.commands import CancelTopUp, Goods
from voucher.decider import ENDED, Issued, Status
from voucher.events import (
    LotUse,
    VoucherActivated,
    VoucherCancelled,
    VoucherCaptureFailed,
    VoucherClaimed,
    VoucherExpired,
    VoucherHeld,
    VoucherHoldReleased,
    VoucherIssued,
    VoucherPaidOut,
    VoucherRedeemed,
    VoucherRedemptionReversed,
    VoucherSaleReversed,
    VoucherToppedUp,
    VoucherTransferredIn,
    VoucherTransferredOut,
    VoucherValidityExtended,
)
from voucher.handlers import Named, Rules
from voucher.service import REGISTRY
from voucher.testing.bookings import aborted
from voucher.testing.fakes import Clock
from voucher.testing.world import build_world

T = TypeVar("T")
CHAIN = Chain.model_validate(YAML(typ="safe").load(Path(__file__).parents[3] / "chain.yaml"))
amounts = st.integers(1, 1500).map(
    lambda minor: str(Money(amount=minor, currency="EUR").as_decimal())
)
PURPOSES = st.sampled_from(["payment", "payment", "payment", "payout", "sale_reversal"])

KINDS: list[dict[str, Any]] = [
    {},
    {},
    {},
    {"template_id": "rest"},
    {"consideration": euro("7.77")},
    {"kind": "single_purpose", "vat": "standard", "goods": "Schreibwaren"},
    {"kind": "single_purpose", "vat": "reduced", "consideration": euro("9.01")},
]
"""All of ten Euro."""

VOUCHERS_MAX = 6
"""Codes of one history: few, so that they meet."""

BASKET = (
    Goods(gross=euro("8.00"), vat="standard", dsfinvk_key=1),
    Goods(gross=euro("6.00"), vat="reduced", dsfinvk_key=2),
)


class ManyVouchers(RuleBasedStateMachine):
    codes: Bundle[str] = Bundle("codes")
    holds: Bundle[str] = Bundle("holds")
    groups: Bundle[str] = Bundle("groups")
    top_ups: Bundle[str] = Bundle("top_ups")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = Clock()
        self.store = MemoryEventStore("voucher", REGISTRY, clock=self.clock)
        self.world = build_world(self.store, self.clock, CHAIN, Rules(balance_max=3_000))
        self.number = 0
        self.amounts: dict[str, str] = {}
        self.paid: list[str] = []
        self.serials: dict[str, str] = {}
        self.ids: dict[str, str] = {}

    def teardown(self) -> None:
        self.loop.close()

    def new(self, kind: str) -> str:
        self.number += 1
        return f"{kind}{self.number}"

    def ask(self, asked: Coroutine[Any, Any, T]) -> T | None:
        """The answer, or None for a refusal. Anything else is a defect."""
        try:
            return self.loop.run_until_complete(asked)
        except DomainError:
            return None

    # What is sold and given away.

    @initialize(target=codes, kinds=st.lists(st.sampled_from(KINDS), min_size=3, max_size=3))
    def sold(self, kinds: list[dict[str, Any]]) -> Any:
        return multiple(*(self.sell(kind) for kind in kinds))

    @precondition(lambda self: len(self.serials) < VOUCHERS_MAX)
    @rule(target=codes, kind=st.sampled_from(KINDS))
    def sell_one(self, kind: dict[str, Any]) -> str:
        return self.sell(kind)

    def sell(self, kind: dict[str, Any]) -> str:
        voucher_id = self.new("v")
        done = self.ask(self.world.sell(voucher_id, "10.00", **kind))
        assert done is not None
        self.serials[done.code], self.ids[done.code] = done.voucher.serial, voucher_id
        return done.code

    @precondition(lambda self: len(self.serials) < VOUCHERS_MAX)
    @rule(target=codes)
    def give_away(self) -> str:
        done = self.ask(self.world.give_away(self.new("v"), "5.00"))
        assert done is not None
        self.serials[done.code], self.ids[done.code] = done.voucher.serial, done.voucher.voucher_id
        return done.code

    @precondition(lambda self: len(self.serials) < VOUCHERS_MAX)
    @rule(given_up=st.booleans())
    def prepare_and_end(self, given_up: bool) -> None:
        voucher_id = self.new("v")
        booking = f"sale-{voucher_id}"
        self.ask(self.world.prepare(voucher_id, "10.00", booking_id=booking))
        self.ask(self.world.hear(aborted(booking, vouchers=[voucher_id])))
        if not given_up:
            self.ask(self.world.book(booking, sells=[(voucher_id, "10.00")]))

    @rule(target=top_ups, code=codes, amount=amounts)
    def prepare_top_up(self, code: str, amount: str) -> str:
        top_up_id = self.new("t")
        self.amounts[top_up_id] = amount
        self.ask(self.world.prepare_top_up(code, amount, top_up_id))
        return top_up_id

    @rule(top_up_id=top_ups, code=codes)
    def record_top_up(self, top_up_id: str, code: str) -> None:
        line = {
            "kind": "voucher_top_up",
            "voucher_id": self.ids[code],
            "top_up_id": top_up_id,
            "amount": self.amounts[top_up_id],
        }
        self.ask(self.world.book(f"b-{top_up_id}", lines=[line]))

    @rule(code=codes, amount=amounts)
    def record_a_top_up_that_nobody_prepared(self, code: str, amount: str) -> None:
        line = {
            "kind": "voucher_top_up",
            "voucher_id": self.ids[code],
            "top_up_id": self.new("t"),
            "amount": amount,
        }
        self.ask(self.world.book(self.new("b"), lines=[line]))

    @rule(top_up_id=top_ups)
    def cancel_top_up(self, top_up_id: str) -> None:
        command = CancelTopUp(top_up_id=top_up_id, reason="x", now=self.clock.now)
        self.ask(self.world.vouchers.selling.cancel_top_up(command, self.world.ask()))

    # What is paid.

    @rule(
        target=holds,
        code=codes,
        amount=amounts,
        mode=st.sampled_from(["exact", "up_to"]),
        purpose=PURPOSES,
    )
    def hold(self, code: str, amount: str, mode: str, purpose: str) -> str:
        hold_id = self.new("h")
        self.amounts[hold_id] = amount
        basket = BASKET if purpose == "payment" else None
        self.ask(
            self.world.hold(
                code, amount, hold_id, mode, purpose=purpose, basket=basket, approved_by="m",
                booking_id=f"b-{hold_id}",
            )
        )  # fmt: skip
        return hold_id

    @rule(code=codes, amount=amounts)
    def pay(self, code: str, amount: str) -> None:
        """A payment as it should be; its refund comes from `refund_what_was_paid`."""
        hold_id = self.new("p")
        self.ask(self.world.pay(code, amount, hold_id, "up_to", basket=BASKET))
        self.paid.append(hold_id)

    @precondition(lambda self: self.paid)
    @rule(number=st.integers(0, 50), amount=amounts)
    def refund_what_was_paid(self, number: int, amount: str) -> None:
        hold_id = self.paid[number % len(self.paid)]
        self.ask(self.world.refund(hold_id, amount, self.new("x")))

    @rule(hold_id=holds)
    def confirm(self, hold_id: str) -> None:
        self.ask(self.world.vouchers.confirm(self.world.ask(), hold_id=hold_id))

    @rule(hold_id=holds)
    def release(self, hold_id: str) -> None:
        self.ask(self.world.vouchers.let_go(self.world.ask(), hold_id=hold_id))

    @rule(hold_id=holds, amount=amounts, kind=PURPOSES, code=codes)
    def book(self, hold_id: str, amount: str, kind: str, code: str) -> None:
        """A till records whatever it wants; the service takes what is there."""
        voucher_id = self.ids[code]
        if kind == "payment":
            paid = [(hold_id, amount, voucher_id)]
            self.ask(self.world.book(f"b-{hold_id}", paid=paid, delivery=self.new("d")))
            return
        line = {"kind": f"voucher_{kind}", "hold_id": hold_id, "amount": amount,
                "voucher_id": voucher_id}  # fmt: skip
        self.ask(self.world.book(f"b-{hold_id}", lines=[line], delivery=self.new("d")))

    @rule(hold_id=holds, amount=amounts, final=st.booleans())
    def capture_part(self, hold_id: str, amount: str, final: bool) -> None:
        booking_id = self.new("b")
        self.ask(
            self.world.vouchers.capture_part(
                self.world.ask(), hold_id=hold_id, booking_id=booking_id, amount=euro(amount),
                final=final,
            )
        )  # fmt: skip

    @rule(target=holds, code=codes, amount=amounts)
    def redeem(self, code: str, amount: str) -> str:
        redemption_id = self.new("r")
        self.ask(self.world.redeem(code, amount, redemption_id, basket=BASKET))
        return redemption_id

    @rule(target=groups, typed=st.lists(codes, min_size=2, max_size=4, unique=True), amount=amounts)
    def group(self, typed: list[str], amount: str) -> str:
        group_id = self.new("g")
        available = self._available(typed)
        done = self.ask(self.world.group(typed, amount, group_id, basket=BASKET))
        if done is not None:
            self._split(done, euro(amount), available)
        return group_id

    def _available(self, typed: list[str]) -> Money:
        found = euro("0.00")
        for code in typed:
            voucher = self.voucher(self.ids[code])
            if voucher.kind == "single_purpose":
                return euro("0.00")  # Then what the group gets depends on the basket.
            found = found + voucher.available(self.clock.now)
        return found

    def _split(self, done: Any, amount: Money, available: Money) -> None:
        paid = sum(leg.hold.amount.amount for leg in done.legs)
        assert all(leg.hold.amount for leg in done.legs)
        assert paid == done.total.amount <= amount.amount
        assert done.remaining_due == amount - done.total
        if available:
            assert done.total == min(amount, available)
            assert sum(bool(leg.hold.left) for leg in done.legs) <= 1

    @rule(group_id=groups)
    def release_group(self, group_id: str) -> None:
        self.ask(self.world.vouchers.groups.release(self.world.ask(), group_id=group_id))

    @rule(hold_id=holds, amount=amounts)
    def refund(self, hold_id: str, amount: str) -> None:
        self.ask(self.world.refund(hold_id, amount, self.new("x")))

    # What moves, and what people decide.

    @rule(one=codes, other=codes, amount=st.none() | amounts)
    def move(self, one: str, other: str, amount: str | None) -> None:
        self.ask(self.world.move(one, other, amount, self.new("m")))

    @rule(code=codes, blocks=st.sampled_from([True, False, False, False]))
    def block_or_not(self, code: str, blocks: bool) -> None:
        office, serial = self.world.vouchers.office, self.serials[code]
        if blocks:
            self.ask(office.block(self.world.ask(), serial=serial, reason="lost", note=None))
        else:
            self.ask(office.unblock(self.world.ask(), serial=serial, note=None))

    @rule(target=codes, code=codes)
    def replace_code(self, code: str) -> Any:
        done = self.ask(
            self.world.vouchers.office.replace_code(
                self.world.ask(), replacement_id=self.new("c"), reason="lost", caller="m",
                named=Named(serial=self.serials[code]),
            )
        )  # fmt: skip
        if done is None:
            return multiple()
        self.serials[done.code], self.ids[done.code] = self.serials[code], self.ids[code]
        return done.code

    @rule(code=codes)
    def extend(self, code: str) -> None:
        office = self.world.vouchers.office
        last = self.clock.now.date().replace(year=self.clock.now.year + 4)
        self.ask(
            office.extend(
                self.world.ask(), serial=self.serials[code], valid_until=last, reason="Kulanz"
            )
        )

    @rule()
    def expiry_run(self) -> None:
        self.ask(
            self.world.vouchers.office.expiry_page(
                self.world.ask(), run_id=self.new("e"), legal_entity_id="kette", cursor="",
                vouchers_max=500,
            )
        )  # fmt: skip

    @rule(days=st.sampled_from([0] * 12 + [400, 1500]), seconds=st.sampled_from([1, 299, 301]))
    def time_passes(self, days: int, seconds: int) -> None:
        self.clock.advance(days=days, seconds=seconds)

    # What must hold.

    def voucher(self, voucher_id: str) -> Issued:
        return self.loop.run_until_complete(self.world.issued(voucher_id))

    def facts(self) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = defaultdict(list)
        for entry in self.store.log:
            found[entry.stream].append(entry.event)
        return found

    @invariant()
    def every_voucher_adds_up(self) -> None:
        for stream, facts in self.facts().items():
            voucher_id = stream.removeprefix("voucher-")
            if not isinstance(facts[0], VoucherIssued):
                continue
            voucher = self.voucher(voucher_id)
            assert sum_of(facts) == voucher.balance.amount, stream
            assert sum(part.left.amount for part in voucher.lots) == voucher.balance.amount
            available = voucher.available(self.clock.now)
            assert available.zero <= available <= voucher.balance
            held = sum(hold.amount.amount for hold in voucher.open.values())
            assert held <= voucher.balance.amount or voucher.status in ENDED
            assert all(part.left >= part.left.zero for part in voucher.lots)
            if voucher.status in ENDED:
                assert not voucher.balance

    @invariant()
    def nothing_is_on_a_voucher_that_was_merged(self) -> None:
        for stream, facts in self.facts().items():
            if any(isinstance(fact, VoucherTransferredOut) and fact.closes for fact in facts):
                voucher = self.voucher(stream.removeprefix("voucher-"))
                assert (voucher.status, voucher.balance.amount) == (Status.REPLACED, 0), stream

    @invariant()
    def no_top_up_counts_twice(self) -> None:
        ids = [
            entry.event.top_up_id
            for entry in self.store.log
            if isinstance(entry.event, VoucherToppedUp)
        ]
        assert len(ids) == len(set(ids))

    @invariant()
    def what_was_held_is_captured_or_released_or_still_held(self) -> None:
        for stream, facts in self.facts().items():
            if not isinstance(facts[0], VoucherIssued):
                continue
            voucher = self.voucher(stream.removeprefix("voucher-"))
            kept = sum(hold.amount.amount for hold in voucher.open.values())
            ended = 0
            for fact in facts:
                match fact:
                    case VoucherRedeemed() if fact.held is not None:
                        still = fact.held_still.amount if fact.held_still else 0
                        ended += fact.held.amount - still
                    case VoucherCaptureFailed() if fact.held is not None:
                        ended += fact.held.amount
                    case VoucherHoldReleased():
                        ended += fact.amount.amount
                    case VoucherPaidOut() | VoucherSaleReversed():
                        ended += self._held_for(facts, fact)
                    case _:
                        pass
            placed = sum(fact.amount.amount for fact in facts if isinstance(fact, VoucherHeld))
            assert placed == ended + kept

    def _held_for(self, facts: list[Any], taken: Any) -> int:
        """What the hold had kept when it was taken: a payout names only what it took."""
        kept = 0
        for fact in facts:
            if fact is taken:
                break
            if getattr(fact, "hold_id", None) != taken.hold_id:
                continue
            if isinstance(fact, VoucherHeld):
                kept += fact.amount.amount
            elif isinstance(fact, VoucherHoldReleased):
                kept -= fact.amount.amount
            elif isinstance(fact, VoucherRedeemed) and fact.held is not None:
                kept = fact.held_still.amount if fact.held_still else 0
        return kept

    @invariant()
    def no_redemption_is_given_back_twice(self) -> None:
        spent: dict[str, int] = defaultdict(int)
        back: dict[str, int] = defaultdict(int)
        for entry in self.store.log:
            if isinstance(entry.event, VoucherRedeemed):
                spent[entry.event.hold_id] += entry.event.amount.amount
            elif isinstance(entry.event, VoucherRedemptionReversed):
                back[entry.event.hold_id] += entry.event.amount.amount
        assert all(amount <= spent[hold_id] for hold_id, amount in back.items())

    @invariant()
    def price_and_tax_are_neither_lost_nor_made(self) -> None:
        """What was paid for all value is what its uses carry and what is left; the same for the
        tax of single-purpose vouchers. A move carries both along."""
        for stream, facts in self.facts().items():
            if not isinstance(facts[0], VoucherIssued):
                continue
            voucher = self.voucher(stream.removeprefix("voucher-"))
            paid: dict[str, int] = defaultdict(int)
            for fact in facts:
                sign = -1 if isinstance(fact, VoucherRedemptionReversed) else 1
                uses: tuple[LotUse, ...] = getattr(fact, "uses", ())
                for use in uses:
                    paid[use.lot_id] += sign * use.consideration.amount
            for part in voucher.lots:
                rest = part.use(part.left).consideration.amount if part.left else 0
                gone = part.expired is not None
                whole = part.consideration.amount
                assert gone or paid[part.lot_id] + rest == whole, (stream, part)


def sum_of(facts: list[Any]) -> int:
    """The conservation formula, over the facts alone."""
    balance = 0
    cancelled = 0
    for fact in facts:
        match fact:
            case VoucherIssued():
                balance += fact.value.amount if fact.status != "inactive" else 0
            case VoucherCancelled() if fact.value is not None:
                balance -= fact.value.amount
                cancelled = fact.value.amount
            case VoucherActivated() if fact.reinstated:
                balance += cancelled
            case VoucherToppedUp():
                balance += fact.value.amount
            case VoucherTransferredIn():
                balance += fact.amount.amount
            case VoucherRedemptionReversed():
                balance += fact.amount.amount
            case VoucherValidityExtended():
                balance += fact.restored.amount
            case VoucherSaleReversed():
                balance -= fact.refunded.amount
            case (
                VoucherRedeemed()
                | VoucherPaidOut()
                | VoucherExpired()
                | VoucherTransferredOut()
                | VoucherClaimed()
            ):
                balance -= fact.amount.amount
            case _:
                pass
    return balance


def test_every_history_of_several_vouchers_adds_up() -> None:
    run_state_machine_as_test(
        ManyVouchers,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
