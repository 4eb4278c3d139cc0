"""What the payer of a subsidy owes, and what comes back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from costcenter.decider.granting import (
    OnBooking,
    Settled,
    back,
    booked_shares,
    granted,
    rest_of,
    taken_back,
    unknown,
    unused,
)
from costcenter.events import SubsidyShare, VatPart
from money import Money, euro, total

NOW = datetime(2026, 10, 12, 10, 0, tzinfo=UTC)
ON = OnBooking(
    charge_id="H1",
    card_id="K1",
    card_number="4711",
    booking_id="B1",
    store_id="berlin",
    till_id="t1",
    business_date=date(2026, 10, 12),
)


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


def settled(amount: str, rule_id: str = "R1", *parts: VatPart) -> Settled:
    return Settled(rule_id=rule_id, amount=euro(amount), parts=parts)


def test_the_booking_says_how_much_a_subsidy_paid() -> None:
    (booked,) = booked_shares((share(),), (settled("2.00", "R1", part("reduced", euro("2.00"))),))
    assert (booked.amount, booked.parts) == (euro("2.00"), (part("reduced", euro("2.00")),))


def test_a_booking_without_vat_parts_splits_as_the_hold_did() -> None:
    (booked,) = booked_shares((share(),), (settled("2.00"),))
    assert total((one.gross for one in booked.parts), currency="EUR") == euro("2.00")


def test_a_share_that_was_not_booked_is_owed_by_nobody() -> None:
    assert booked_shares((share(),), ()) == ()
    assert unused((share(),), ()) == ((share(), euro("3.10"), 1),)


def test_a_lower_booking_gives_the_amount_back_and_keeps_the_use() -> None:
    booked = booked_shares((share(),), (settled("2.00"),))
    assert unused((share(),), booked) == ((share(), euro("1.10"), 0),)


def test_a_subsidy_that_nothing_was_held_for_is_visible() -> None:
    assert unknown((share(),), (settled("2.00", "R9"),)) == (settled("2.00", "R9"),)


def test_the_payers_month_says_when_it_is_late() -> None:
    (in_time,) = granted((share(),), {"canteen": "2026-10"}, ON, now=NOW)
    (late,) = granted((share(),), {"canteen": "2026-11"}, ON, now=NOW)
    assert (in_time.late, late.late) == (False, True)


def test_the_use_comes_back_with_the_last_of_the_amount() -> None:
    first = back(share(), euro("1.00"))
    second = back(rest_of(first), euro("2.10"))
    assert (first.uses, second.uses) == (0, 1)


def test_no_more_comes_back_than_was_granted() -> None:
    assert back(share(), euro("5.00")).amount == euro("3.10")


def test_what_came_back_stands_in_the_payers_open_month() -> None:
    event = taken_back(back(share(), euro("3.10")), ON, reversal_id="V1", month="2026-11", now=NOW)
    assert (event.center_id, event.month, event.uses) == ("canteen", "2026-11", 1)


@given(st.lists(st.integers(1, 200), max_size=8))
def test_returns_in_pieces_add_up_for_every_vat_key(pieces: list[int]) -> None:
    left = share()
    returned: list[VatPart] = []
    for minor in pieces:
        some = back(left, Money(amount=minor, currency="EUR"))
        assert sum(one.gross.amount for one in some.parts) == some.amount.amount
        returned += some.parts
        left = rest_of(some)
    for one in share().parts:
        gone = sum(piece.gross.amount for piece in returned if piece.vat == one.vat)
        rest = sum(piece.gross.amount for piece in left.parts if piece.vat == one.vat)
        assert gone + rest == one.gross.amount
