"""Which lines payments pay for: no line is paid twice, and what ends frees its lines."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_gateway.commands import (
    AddLines,
    NewLine,
    NewPayment,
    NoteHeld,
    NoteHeldTogether,
    NoteRefused,
    RecordBooking,
    ReopenPayment,
    RequestPayment,
)
from device_gateway.decider.booking import BOOKING, record
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.covering import BASKET_LINES_MAX, covered, spread, uncovered
from device_gateway.decider.refusals import BookingChanged, BookingNegative
from device_gateway.events import (
    BasketPart,
    BookingEvent,
    BookingStarted,
    Cover,
    Payment,
    VatRate,
    VoucherArticle,
    VoucherArticles,
    registry,
)
from device_gateway.testing import opened
from events import encode, fold
from money import Money, euro

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
BOOKING_ID = "5f0f6c3e-3a77-5f27-8a5f-1f6f3a1e2b11"
KEYS = {"standard": (1900, 1), "reduced": (700, 2), "zero": (0, 5)}
RATES = {
    vat: VatRate(vat=vat, rate=rate, valid_from=date(2021, 1, 1), label=vat, dsfinvk_key=key)
    for vat, (rate, key) in KEYS.items()
}
PAIR = VoucherArticles(
    sale=VoucherArticle(sku="V", name="Gutschein", vat="standard"),
    redemption=VoucherArticle(sku="R", name="Gutschein", vat="standard"),
)
STARTED = BookingStarted(
    booking_id=BOOKING_ID, store_id="berlin", till_id="t1", till_name="Kasse 1",
    legal_entity_id="gmbh", tse_id="tse", client_id="KV-berlin-1", currency="EUR", started_at=NOW,
)  # fmt: skip


class Till:
    """A booking that is decided step by step."""

    def __init__(self, *lines: NewLine) -> None:
        self.booking: Booking = fold(BOOKING, [STARTED])
        self.add(*lines)

    def do(self, command: Any) -> list[BookingEvent]:
        events = list(BOOKING.decide(command, self.booking))
        self.booking = fold(BOOKING, events, start=self.booking)
        return events

    def add(self, *lines: NewLine) -> None:
        self.do(AddLines(BOOKING_ID, lines, RATES, NOW, [PAIR]))

    def ask(self, payment_id: str, *, together: bool = False) -> tuple[BasketPart, ...]:
        new = NewPayment(
            payment_id, "voucher", "Gutschein", "Keine", None, f"h-{payment_id}", together
        )
        self.do(RequestPayment(BOOKING_ID, new, NOW))
        tender = self.booking.tender(payment_id)
        assert tender is not None
        assert tender.request is not None
        return tender.request.basket

    def held(self, payment_id: str, covers: dict[str, str], **more: Any) -> list[BookingEvent]:
        paid = payment(payment_id, covers, **more)
        return self.do(NoteHeld(BOOKING_ID, paid, NOW + timedelta(minutes=5), NOW))

    def cash(self, amount: str) -> None:
        new = NewPayment(f"cash-{amount}", "cash", "Bar", "Bar", euro(amount))
        self.do(RequestPayment(BOOKING_ID, new, NOW))

    def recorded(self) -> Any:
        holds = frozenset(paid.hold_id for paid in self.booking.payments if paid.hold_id)
        command = RecordBooking(BOOKING_ID, date(2026, 11, 20), {}, holds, NOW, NOW)
        return record(command, self.booking, 1, opened())[0]


def payment(payment_id: str, covers: dict[str, str], **more: Any) -> Payment:
    parts = tuple(Cover(line_id=line, amount=euro(some)) for line, some in covers.items())
    amount = sum(part.amount.amount for part in parts)
    usual: dict[str, Any] = {
        "vat": "zero", "dsfinvk_key": 5, "covers": parts, "amount": Money(amount=amount),
        "hold_id": f"h-{payment_id}",
    }  # fmt: skip
    return Payment(
        payment_id=payment_id, kind="voucher", name="Gutschein", fiscal="Keine", voucher_id="v",
        voucher_serial="GS-1", **{**usual, **more},
    )  # fmt: skip


def line(price: str, vat: str = "standard", group: str | None = None, kind: Any = "article") -> Any:
    sku = "R" if kind == "voucher_article_redemption" else None
    return NewLine(kind, sku, "Ware", Decimal(1), euro(price), vat, group)


def shown(basket: tuple[BasketPart, ...]) -> dict[str | None, int]:
    return {part.line_id: part.gross.amount for part in basket}


BOOK, PEN = line("8.00", "reduced", "books"), line("20.00", "standard", "pens")


def test_a_basket_names_each_line_with_what_is_unpaid_of_it() -> None:
    basket = Till(BOOK, PEN).ask("p1")
    assert [(part.line_id, part.gross, part.vat, part.article_group) for part in basket] == [
        ("1", euro("8.00"), "reduced", "books"),
        ("2", euro("20.00"), "standard", "pens"),
    ]


def test_what_a_held_payment_covers_is_not_offered_again() -> None:
    till = Till(BOOK, PEN)
    till.ask("p1")
    till.held("p1", {"1": "8.00", "2": "5.00"})
    assert shown(till.ask("p2")) == {"2": 1500}


def test_money_and_vouchers_for_everything_leave_the_choice_to_the_choosy() -> None:
    till = Till(BOOK, PEN)
    till.cash("15.00")
    till.ask("p1")
    till.held("p1", {}, amount=euro("2.00"))
    assert shown(till.ask("p2")) == {"1": 800, "2": 2000}
    tender = till.booking.tender("p2")
    assert tender is not None
    assert tender.requested == euro("11.00")


def test_a_payment_that_is_open_again_frees_its_lines() -> None:
    till = Till(BOOK, PEN)
    till.ask("p1")
    till.held("p1", {"1": "8.00"})
    till.do(ReopenPayment(BOOKING_ID, "p1", "hold.expired", NOW))
    assert shown(till.ask("p2")) == {"1": 800, "2": 2000}


def test_a_refused_payment_has_covered_nothing() -> None:
    till = Till(BOOK, PEN)
    till.ask("p1")
    till.do(NoteRefused(BOOKING_ID, "p1", "voucher.not_usable", "", 409, False, NOW))
    assert shown(till.ask("p2")) == {"1": 800, "2": 2000}


def test_two_answers_that_cover_the_same_goods_are_not_both_taken() -> None:
    till = Till(BOOK, PEN)
    till.ask("p1")
    till.ask("p2")
    till.held("p1", {"1": "8.00"})
    with pytest.raises(BookingChanged):
        till.held("p2", {"1": "1.00"})


def test_the_vouchers_of_a_group_are_not_both_taken_for_the_same_goods() -> None:
    till = Till(BOOK, PEN)
    till.ask("p1", together=True)
    expires = NOW + timedelta(minutes=5)
    legs = [(payment(name, {"1": "5.00"}), expires) for name in ("a", "b")]
    with pytest.raises(BookingChanged):
        till.do(NoteHeldTogether(BOOKING_ID, "p1", legs, NOW))


def test_lines_that_come_after_a_held_payment_are_open_to_the_next() -> None:
    till = Till(BOOK)
    till.ask("p1")
    till.held("p1", {"1": "8.00"})
    till.add(line("4.00", "reduced", "books"))
    assert shown(till.ask("p2")) == {"2": 400}


def test_an_article_voucher_never_takes_off_goods_that_a_held_payment_covers() -> None:
    till = Till(PEN, BOOK)
    till.ask("p1")
    till.held("p1", {"1": "20.00"})
    with pytest.raises(BookingNegative):
        till.add(line("5.00", kind="voucher_article_redemption"))


def test_an_article_voucher_after_a_held_payment_takes_off_what_is_left() -> None:
    till = Till(PEN)
    till.ask("p1")
    till.held("p1", {"1": "15.00"})
    till.add(line("5.00", kind="voucher_article_redemption"))
    assert till.booking.open_amount == euro("0.00")


def test_a_taxed_article_voucher_is_taken_off_somewhere_among_the_goods_of_its_vat() -> None:
    basket = Till(PEN, line("5.00", kind="voucher_article_redemption")).ask("p1")
    assert [(part.line_id, part.vat, part.gross) for part in basket] == [
        ("1", "standard", euro("20.00")),
        (None, "standard", euro("-5.00")),
    ]


def test_a_payment_held_before_lines_were_named_is_taken_off_at_its_vat() -> None:
    till = Till(PEN, BOOK)
    till.ask("p1")
    till.held("p1", {}, amount=euro("3.00"), vat="standard", rate=1900, dsfinvk_key=1)
    assert shown(till.ask("p2")) == {"1": 2000, "2": 800, None: -300}


def test_the_recorded_payment_says_what_it_covers() -> None:
    till = Till(BOOK, PEN)
    till.ask("p1")
    till.held("p1", {"1": "8.00"})
    till.cash("20.00")
    assert till.recorded().payments[0].covers == (Cover(line_id="1", amount=euro("8.00")),)


def test_what_a_payment_covers_is_read_as_it_was_written() -> None:
    till = Till(BOOK)
    till.ask("p1")
    (held,) = till.held("p1", {"1": "8.00"})
    assert registry().decode("payment.held", 1, encode(held)) == held


def test_a_payment_for_everything_is_written_as_ever() -> None:
    till = Till(BOOK)
    till.ask("p1")
    (held,) = till.held("p1", {}, amount=euro("8.00"))
    assert b"covers" not in encode(held)


def test_a_discount_lowers_the_vat_of_the_lines_that_it_covers() -> None:
    till = Till(BOOK, PEN)
    till.ask("p1")
    till.held("p1", {"1": "8.00"}, waiver="Treue")
    till.cash("20.00")
    recorded = till.recorded()
    assert [(off.vat, off.amount) for off in recorded.lines if off.kind == "discount"] == [
        ("reduced", euro("-8.00"))
    ]
    assert {row.vat: row.gross for row in recorded.vat} == {
        "standard": euro("20.00"), "reduced": euro("0.00"),
    }  # fmt: skip


def test_a_long_booking_offers_alike_goods_as_one_part() -> None:
    books = [line("1.00", "reduced", "books")] * BASKET_LINES_MAX
    till = Till(*books, PEN)
    assert shown(till.ask("p1")) == {"1": BASKET_LINES_MAX * 100, str(BASKET_LINES_MAX + 1): 2000}
    till.held("p1", {"1": "2.50"})
    (paid,) = till.booking.payments
    assert [(cover.line_id, cover.amount) for cover in paid.covers] == [
        ("1", euro("1.00")), ("2", euro("1.00")), ("3", euro("0.50")),
    ]  # fmt: skip


@given(
    st.lists(st.tuples(st.integers(1, 900), st.sampled_from(["a", "b"])), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 7), st.integers(1, 900)), max_size=6),
)
def test_no_line_is_covered_with_more_than_it_costs(
    prices: list[tuple[int, str]], wanted: list[tuple[int, int]]
) -> None:
    till = Till(*[line(f"{minor / 100:.2f}", "reduced", group) for minor, group in prices])
    lines, payments = till.booking.lines, list[Payment]()
    for number, (place, minor) in enumerate(wanted):
        asked = (Cover(line_id=str(place % len(lines) + 1), amount=Money(amount=minor)),)
        covers = spread(asked, lines, uncovered(lines, payments))
        if covers is not None:
            assert sum(cover.amount.amount for cover in covers) == minor
            payments.append(payment(str(number), {}).model_copy(update={"covers": covers}))
    sums = covered(payments)
    assert all(sums[each.line_id] <= each.amount.amount for each in lines)
