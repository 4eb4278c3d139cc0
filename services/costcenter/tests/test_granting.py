"""What comes back of a subsidy when goods do."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from costcenter.decider.allowance import Used
from costcenter.decider.granting import OnBooking, back, taken_back
from costcenter.events import SubsidyShare, VatPart
from money import Money, euro, total

NOW = datetime(2026, 10, 13, 10, 0, tzinfo=UTC)
DAY = date(2026, 10, 12)


def part(vat: str, amount: Money) -> VatPart:
    rate, key = {"standard": (1900, 1), "reduced": (700, 2)}[vat]
    return VatPart(vat=vat, rate=rate, dsfinvk_key=key, gross=amount)


def share(**fields: Any) -> SubsidyShare:
    plain: dict[str, Any] = {
        "rule_id": "R1",
        "name": "Zuschuss",
        "payer_center_id": "canteen",
        "tax_case": "unreal",
        "uses": 1,
        "amount": euro("3.10"),
        "parts": (part("standard", euro("0.77")), part("reduced", euro("2.33"))),
    }
    return SubsidyShare(**(plain | fields))


def used(minor: int) -> Used:
    return Used(day=DAY, uses=1, minor=minor)


def test_the_use_comes_back_with_the_last_of_the_amount() -> None:
    assert back(share(), used(310), euro("1.00")).uses == 0
    assert back(share(), used(210), euro("2.10")).uses == 1


def test_no_more_comes_back_than_was_granted() -> None:
    assert back(share(), used(310), euro("5.00")).amount == euro("3.10")


def test_the_booking_says_for_which_vat_keys_it_comes_back() -> None:
    said = (part("reduced", euro("1.00")),)
    assert back(share(), used(310), euro("1.00"), said).parts == said


def test_parts_of_what_is_cut_add_up() -> None:
    said = (part("reduced", euro("3.00")), part("standard", euro("2.00")))
    found = back(share(), used(310), euro("5.00"), said)
    assert total((one.gross for one in found.parts), currency="EUR") == euro("3.10")


def test_what_came_back_stands_in_the_payers_open_month() -> None:
    on = OnBooking(
        charge_id="H1",
        card_id="K1",
        card_number="4711",
        reversal_id="V1",
        booking_id="B1",
        store_id="berlin",
        business_date=DAY,
    )
    event = taken_back(back(share(), used(310), euro("3.10")), on, month="2026-11", now=NOW)
    assert (event.center_id, event.month, event.uses) == ("canteen", "2026-11", 1)
