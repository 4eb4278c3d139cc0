"""The rules find what they are there for: each damage of a good run is told by its rule."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from kassenverbund.simulate.plan import Act
from kassenverbund.simulate.play import Tally
from kassenverbund.simulate.till import Asked, Done
from tests.line_cut.checks import faults
from tests.line_cut.run import Plan, Ran

CASH = Act(0, 0.0, 0, "cash", 1)
VOUCHER = Act(1, 0.0, 0, "voucher", 1)


def booking(number: int, **more: Any) -> dict[str, Any]:
    return {
        "booking_id": f"b{number}", "number": number, "tse_id": "tse", "client_id": "KV-berlin-1",
        "recorded_at": "2026-11-20T10:00:00Z", "lines": [], "payments": [], **more,
    }  # fmt: skip


def entry(name: str, data: dict[str, Any], stream: str = "till-1/1") -> dict[str, Any]:
    return {"position": 0, "stream": stream, "name": name, "data": data}


def paper(number: int) -> str:
    return f"Buchhandlung\n\nBeleg {number}      22.11.2026\nKassen-SN       KV-berlin-1\n"


def good() -> Ran:
    """Two sales, one of them of a voucher and paid by another and by a center; one refusal."""
    sold = booking(
        2,
        lines=[{"kind": "voucher_sale", "voucher_id": "v1"}],
        payments=[{"kind": "voucher", "hold_id": "h1"}, {"kind": "cost_center", "hold_id": "c1"}],
    )
    first = booking(1)
    return Ran(
        Plan(seed=1),
        asked=[
            Asked(CASH, "", "k1", 200, first, 0.01, 0),
            Asked(VOUCHER, "", "k2", 503, {"code": "voucher.unavailable"}, 2.9, 0),
            Asked(VOUCHER, "/b2/finish", "k3", 200, sold, 0.01, 0),
        ],
        tally=Tally(
            1.0, [Done(CASH, "cash"), Done(VOUCHER, "voucher", code="voucher.unavailable")]
        ),
        store_log=[
            entry("till.number_given", {"number": 1}),
            entry("booking.recorded", first, "booking-b1"),
            entry("till.number_given", {"number": 2}),
            entry("booking.recorded", sold, "booking-b2"),
        ],
        center_logs={
            "fiscal_signer": [
                entry("signature.made", {"tse_id": "tse", "booking_id": "b1"}),
                entry("signature.left_unsigned", {"tse_id": "tse", "booking_id": "b2"}),
            ],
            "voucher": [
                entry("voucher.activated", {"voucher_id": "v1"}),
                entry("voucher.redeemed", {"hold_id": "h1"}),
            ],
            "costcenter": [entry("charge.booked", {"charge_id": "c1"})],
        },
        papers=[paper(1), paper(2), "GUTSCHEIN\nGutschein-Nr.      GS-1\n"],
        jobs=[{"booking_id": "b1", "state": "confirmed"}, {"booking_id": "b2", "state": "sent"}],
    )


def lose_a_recorded(ran: Ran) -> None:
    del ran.store_log[3]


def record_twice(ran: Ran) -> None:
    ran.store_log.append(ran.store_log[1])


def tell_another_number(ran: Ran) -> None:
    ran.store_log[1] = entry("booking.recorded", booking(7) | {"booking_id": "b1"}, "booking-b1")


def leave_a_gap(ran: Ran) -> None:
    ran.store_log[2]["data"]["number"] = 3


def never_arrive(ran: Ran) -> None:
    del ran.center_logs["fiscal_signer"][1]


def arrive_twice(ran: Ran) -> None:
    ran.center_logs["fiscal_signer"].append(ran.center_logs["fiscal_signer"][0])


def arrive_in_another_order(ran: Ran) -> None:
    ran.center_logs["fiscal_signer"].reverse()


def lose_a_capture(ran: Ran) -> None:
    del ran.center_logs["voucher"][1]


def activate_twice(ran: Ran) -> None:
    ran.center_logs["voucher"].append(ran.center_logs["voucher"][0])


def lose_a_charge(ran: Ran) -> None:
    ran.center_logs["costcenter"].clear()


def print_twice(ran: Ran) -> None:
    ran.papers.append(ran.papers[0])


def print_a_slip_twice(ran: Ran) -> None:
    ran.papers.append(ran.papers[2])


def print_nothing(ran: Ran) -> None:
    del ran.papers[0]


def refuse_cash(ran: Ran) -> None:
    ran.tally.done[0] = Done(CASH, "cash", code="clock.behind")


def leave_an_act_without_an_end(ran: Ran) -> None:
    ran.tally.done[1] = Done(VOUCHER, "voucher", error="ReadTimeout")


def let_a_cashier_wait(ran: Ran) -> None:
    ran.asked[1] = Asked(VOUCHER, "", "k2", 503, {"code": "voucher.unavailable"}, 9.0, 0)


def let_a_cashier_wait_a_little_too_long(ran: Ran) -> None:
    ran.asked[1] = Asked(VOUCHER, "", "k2", 503, {"code": "voucher.unavailable"}, 3.2, 0)


def leave_a_sale_open(ran: Ran) -> None:
    ran.store_log.append(entry("booking.started", {"booking_id": "b3"}, "booking-b3"))


def cut_nothing(ran: Ran) -> None:
    del ran.asked[1]


def park(ran: Ran) -> None:
    ran.parked.append("ValidationError")


DAMAGES: dict[Callable[[Ran], None], str] = {
    lose_a_recorded: "acknowledged_is_recorded_once",
    record_twice: "acknowledged_is_recorded_once",
    tell_another_number: "acknowledged_is_recorded_once",
    leave_a_gap: "numbers_have_no_gap",
    never_arrive: "the_center_has_all_once_and_in_order",
    arrive_twice: "the_center_has_all_once_and_in_order",
    arrive_in_another_order: "the_center_has_all_once_and_in_order",
    lose_a_capture: "vouchers_are_sold_and_captured_once",
    activate_twice: "vouchers_are_sold_and_captured_once",
    lose_a_charge: "charges_are_booked_once",
    print_twice: "nothing_is_printed_twice",
    print_a_slip_twice: "nothing_is_printed_twice",
    print_nothing: "nothing_is_printed_twice",
    refuse_cash: "cash_and_cards_go_on",
    leave_an_act_without_an_end: "cash_and_cards_go_on",
    let_a_cashier_wait: "the_center_is_refused_at_once",
    let_a_cashier_wait_a_little_too_long: "the_center_is_refused_at_once",
    leave_a_sale_open: "no_sale_is_left_open",
    cut_nothing: "the_center_is_refused_at_once",
    park: "nothing_was_parked",
}


def test_a_good_run_breaks_no_rule() -> None:
    assert faults(good()) == {}


def test_a_copy_and_a_paper_in_doubt_are_no_faults() -> None:
    ran = good()
    ran.papers.append("KOPIE\n" + paper(1))
    del ran.papers[1]
    ran.jobs[1]["state"] = "unknown"
    assert faults(ran) == {}


def test_a_machine_without_a_processor_to_spare_may_be_late() -> None:
    ran = good()
    let_a_cashier_wait_a_little_too_long(ran)
    ran.load.busy["k2"] = 0.97
    assert faults(ran) == {}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damage_is_found(damage: Callable[[Ran], None]) -> None:
    ran = copy.deepcopy(good())
    damage(ran)
    assert DAMAGES[damage] in faults(ran)
