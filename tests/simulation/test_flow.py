"""The booking path as a state machine: whatever a till asks, in whatever order, with a crash or a
lost answer between any two steps, every booking ends once and every cent is accounted for.

Hypothesis chooses the steps and makes a failing run as short as it can.
"""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.simulation.chain import STORES, TILLS, tse_of
from tests.simulation.checks import always, at_rest
from tests.simulation.faults import POINTS, Fault, Point
from tests.simulation.script import article, card, cash, voucher, voucher_sale
from tests.simulation.virtual_time import quietly
from tests.simulation.world import PLACES, Request, World

pytestmark = pytest.mark.proof

EXAMPLES = 60
STEPS = 40

tills = st.sampled_from(TILLS[:3])
gateways = st.integers(0, 1)
picks = st.integers(0, 9)
prices = st.sampled_from((1, 300, 1000, 2500))
faults = st.sampled_from([(point, fault) for point, kinds in POINTS.items() for fault in kinds])
holding_up = st.sampled_from((1.0, 3.0, 10.0, 40.0, 310.0, 1900.0))


class BookingPath(RuleBasedStateMachine):
    """One world, and what its tills know of it."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(0)
        self.asked = 0

    def play(self, step: Any) -> Any:
        with quietly():
            return self.world.run(step)

    def request(self, till_id: str, what: str, *parts: Any) -> Request:
        self.asked += 1
        return Request(till_id, what, f"k{self.asked}", *parts)

    def a_code(self, pick: int) -> str:
        codes = self.world.codes
        return codes[pick % len(codes)]

    def an_open_booking(self, pick: int) -> tuple[str, str]:
        """Till and booking, of those that are open."""
        still_open = [
            (each.started.till_id, name)
            for name, each in self.world.ground.bookings.all().items()
            if each.open and each.started is not None
        ]
        return still_open[pick % len(still_open)]

    def something_is_open(self) -> bool:
        return any(each.open for each in self.world.ground.bookings.all().values())

    @initialize(value=prices)
    def a_voucher_was_sold(self, value: int) -> None:
        """A customer has one already, with at least something on it."""
        sale = self.request(TILLS[0], "sell", "", (voucher_sale(value),), (card(),), True)
        self.play(self.world.ask(sale, 0))
        self.play(self.world.quiet())

    # -- what tills do -----------------------------------------------------------------------

    @rule(till_id=tills, price=prices, gateway=gateways)
    def sell_for_cash(self, till_id: str, price: int, gateway: int) -> None:
        sale = self.request(till_id, "sell", "", (article(price),), (cash(5000),), True)
        self.play(self.world.ask(sale, gateway))

    @rule(till_id=tills, price=prices, gateway=gateways)
    def sell_a_voucher(self, till_id: str, price: int, gateway: int) -> None:
        sale = self.request(till_id, "sell", "", (voucher_sale(price),), (card(),), True)
        self.play(self.world.ask(sale, gateway))

    @rule(till_id=tills, price=prices, gateway=gateways, pick=picks, finish=st.booleans())
    def sell_for_a_voucher(
        self, till_id: str, price: int, gateway: int, pick: int, finish: bool
    ) -> None:
        payments = (voucher(self.a_code(pick)), card()) if finish else (voucher(self.a_code(pick)),)
        sale = self.request(till_id, "sell", "", (article(price),), payments, finish)
        self.play(self.world.ask(sale, gateway))

    @rule(tills_=st.tuples(tills, tills), price=prices, pick=picks, gateway=gateways)
    def two_tills_want_one_voucher(
        self, tills_: tuple[str, str], price: int, pick: int, gateway: int
    ) -> None:
        paid = (voucher(self.a_code(pick)),)
        sales = [self.request(till, "sell", "", (article(price),), paid, True) for till in tills_]
        self.play(self.world.together([(sales[0], gateway), (sales[1], 1)]))

    @rule(till_id=tills, price=prices, sells=st.booleans())
    def open_a_sale(self, till_id: str, price: int, sells: bool) -> None:
        line = voucher_sale(price) if sells else article(price)
        self.play(self.world.ask(self.request(till_id, "sell", "", (line,)), 0))

    @precondition(something_is_open)
    @rule(pick=picks, by_voucher=st.booleans(), gateway=gateways)
    def pay(self, pick: int, by_voucher: bool, gateway: int) -> None:
        till_id, booking_id = self.an_open_booking(pick)
        payment = voucher(self.a_code(pick)) if by_voucher else card()
        self.play(self.world.ask(self.request(till_id, "pay", booking_id, (), (payment,)), gateway))

    @precondition(something_is_open)
    @rule(pick=picks, gateway=gateways, what=st.sampled_from(("finish", "finish", "abort")))
    def end(self, pick: int, gateway: int, what: str) -> None:
        till_id, booking_id = self.an_open_booking(pick)
        self.play(self.world.ask(self.request(till_id, what, booking_id), gateway))

    @precondition(something_is_open)
    @rule(pick=picks, both=st.tuples(gateways, gateways))
    def finish_and_abort_at_once(self, pick: int, both: tuple[int, int]) -> None:
        till_id, booking_id = self.an_open_booking(pick)
        requests = [self.request(till_id, what, booking_id) for what in ("finish", "abort")]
        self.play(self.world.together(list(zip(requests, both, strict=True))))

    @rule(till_id=tills, gateway=gateways, abort_open=st.booleans())
    def a_till_closes(self, till_id: str, gateway: int, abort_open: bool) -> None:
        closing = self.request(till_id, "close", "", (), (), abort_open)
        self.play(self.world.ask(closing, gateway))

    @rule(till_id=tills, price=prices, both=st.tuples(gateways, gateways))
    def a_till_closes_and_sells_at_once(
        self, till_id: str, price: int, both: tuple[int, int]
    ) -> None:
        requests = [
            self.request(till_id, "close", "", (), (), True),
            self.request(till_id, "sell", "", (article(price),), (card(),), True),
        ]
        self.play(self.world.together(list(zip(requests, both, strict=True))))

    @rule(pick=picks, gateway=gateways)
    def ask_again_with_the_same_key(self, pick: int, gateway: int) -> None:
        requests = self.world.requests
        self.play(self.world.ask(requests[-1 - pick % len(requests)], gateway))

    # -- what works by itself ------------------------------------------------------------------

    @rule(place=st.sampled_from(PLACES), what=st.sampled_from(("relay", "receive", "tidy")))
    def one_works(self, place: str, what: str) -> None:
        self.play(self.world.work(place, what))

    @rule()
    def everybody_works_once(self) -> None:
        for place in PLACES:
            self.play(self.world.work(place, "relay"))
            self.play(self.world.work(place, "receive"))

    @rule()
    def a_printer_prints(self) -> None:
        self.play(self.world.print())

    @rule(seconds=holding_up)
    def time_passes(self, seconds: float) -> None:
        self.play(self.world.wait(seconds))

    # -- what goes wrong -----------------------------------------------------------------------

    @rule(fault=faults, after=st.integers(0, 4))
    def something_will_break(self, fault: tuple[Point, Fault], after: int) -> None:
        self.world.faults.arm(*fault, after=after)

    @rule(place=st.sampled_from(PLACES))
    def a_process_is_killed(self, place: str) -> None:
        self.play(self.world.crash(place))

    @precondition(lambda self: self.world.late)
    @rule()
    def a_late_request_arrives(self) -> None:
        self.play(self.world.deliver_late())

    @rule(store_id=st.sampled_from(STORES[:2]), on=st.booleans())
    def a_tse_is_out_or_back(self, store_id: str, on: bool) -> None:
        self.world.ground.devices.switch(tse_of(store_id), on=on)

    @rule(away=st.booleans())
    def the_bus_is_away_or_back(self, away: bool) -> None:
        self.world.ground.bus.away = away

    # -- what holds ----------------------------------------------------------------------------

    @invariant()
    def it_always_holds(self) -> None:
        always(self.world)

    def teardown(self) -> None:
        try:
            self.play(self.world.heal())
            at_rest(self.world)
        finally:
            self.world.close()


def test_a_booking_path_survives_a_crash_a_lost_answer_or_a_race_between_any_two_steps() -> None:
    run_state_machine_as_test(
        BookingPath,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
