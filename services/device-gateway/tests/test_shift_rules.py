"""The rules of a shift: given what happened, when asked, then; and what always adds up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_gateway.commands.shifts import About, CloseShift, MoveCash, OpenShift
from device_gateway.decider import refusals
from device_gateway.decider.closing import Closing, close_shift
from device_gateway.decider.opening import open_shift
from device_gateway.decider.pricing import vat_totals
from device_gateway.decider.shift import SHIFT, begin, give_number, move_cash
from device_gateway.decider.shift_state import Shift
from device_gateway.decider.store import Store
from device_gateway.decider.till import Till
from device_gateway.decider.totals import Deltas, deltas_of
from device_gateway.events import (
    Address,
    BookingRecorded,
    CashMoved,
    CashMoveKind,
    LegalEntity,
    Line,
    MasterDataChanged,
    Payment,
    StoreTse,
    TillJoined,
    VatPart,
)
from device_gateway.handlers.automatic import last_end
from device_gateway.testing import opened
from events import fold
from kassenverbund.kit.fiscal_cases import MOVE_KINDS
from money import Money, euro, total

NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
ABOUT = About("gmbh", date(2026, 11, 20), NOW + timedelta(seconds=30), "Bar", "p-7", NOW)


def closing(counted: Money | None = None, skim: Money | None = None) -> CloseShift:
    return CloseShift("z", "d", "s", counted, skim, ABOUT)


def after(shift: Shift, *events: Any) -> Shift:
    return fold(SHIFT, events, start=shift)


EMPTY = fold(SHIFT, [opened(float=euro("100.00"))])


def test_nothing_follows_a_closing() -> None:
    made = close_shift(closing(), EMPTY)
    closed = after(EMPTY, *made.shift)
    for late in (
        lambda: begin(closed, "b"),
        lambda: give_number(closed, "b", Deltas("sale")),
        lambda: move_cash(MoveCash("b", "paid_in", euro("1.00"), "x", ABOUT), closed),
    ):
        with pytest.raises(refusals.ShiftMoved):
            late()
    with pytest.raises(refusals.TillNotOpen):
        close_shift(closing(), closed)


def test_a_begun_booking_keeps_the_shift_open_until_it_has_its_number() -> None:
    begun = after(EMPTY, begin(EMPTY, "b1"))
    with pytest.raises(refusals.BookingsOpen):
        close_shift(closing(), begun)
    ended = after(begun, give_number(begun, "b1", Deltas("aborted")))
    assert close_shift(closing(), ended).closed.counts == {"aborted": 1, "closing": 1}


def test_a_difference_is_booked_although_the_drawer_is_empty() -> None:
    made = close_shift(closing(counted=euro("0.00")), EMPTY)
    assert (made.moves[0].kind, made.moves[0].amount) == ("difference", euro("-100.00"))
    assert made.closed.cash.left == euro("0.00")


def test_the_safe_gets_no_more_than_was_counted() -> None:
    with pytest.raises(refusals.CashShort):
        close_shift(closing(counted=euro("90.00"), skim=euro("95.00")), EMPTY)


def test_two_hundred_corrections_are_listed_and_the_others_counted() -> None:
    shift = EMPTY
    for number in range(203):
        lost = recorded(number + 1, [("1.00", 1900, 1)], [("cash", "1.00")])
        lost = lost.model_copy(
            update={"kind": "cancellation", "total": euro("-1.00"), "payments": ()}
        )
        shift = after(shift, give_number(shift, str(number), deltas_of(lost)))
    made = close_shift(closing(), shift)
    assert (len(made.closed.corrections), made.closed.corrections_left_out) == (200, 3)


# --- openings ---


def a_store(*tses: str, outages: dict[str, str] | None = None) -> Store:
    address = Address(street="Weg 1", postal_code="10435", city="Berlin", country="DE")
    master_data = MasterDataChanged(
        store_id="berlin", version=4, name="Laden", address=address,
        legal_entity=LegalEntity(legal_entity_id="gmbh", name="GmbH", address=address),
        time_zone="Europe/Berlin", country="DE", language="de", currency="EUR",
        tses=tuple(StoreTse(tse_id=tse, kind="software", curve="P-384") for tse in tses),
        vat=(), means_of_payment=(), changed_at=NOW,
    )  # fmt: skip
    joined = TillJoined(
        store_id="berlin", till_id="t1", tse_id="a", client_id="KV-berlin-1", joined_at=NOW
    )
    return Store(master_data, {"t1": joined}, outages or {})


TILL = Till(store_id="berlin", till_id="t1", name="Kasse 1", client_id="KV-berlin-1", tse_id="a")
OPEN = OpenShift("berlin", "t1", "automatic", NOW)


def test_the_first_shift_of_an_older_till_takes_over_its_numbers() -> None:
    made = open_shift(OPEN, replace(TILL, numbers=4711), a_store("a"), Shift())
    assert (made.shift.shift, made.shift.numbers, made.shift.master_data) == (1, 4711, 4)
    assert made.shift.float_ == euro("0.00")


def test_a_shift_goes_on_from_the_one_before() -> None:
    sold = recorded(1, [("11.90", 1900, 1)], [("cash", "11.90")])
    shift = after(EMPTY, give_number(EMPTY, "b", deltas_of(sold)))
    closed = after(shift, *close_shift(closing(), shift).shift)
    made = open_shift(OPEN, replace(TILL, shift=1), a_store("a"), closed)
    assert (made.shift.shift, made.shift.numbers) == (2, 2)
    assert (made.shift.float_, made.shift.grand_total) == (euro("111.90"), euro("11.90"))


@pytest.mark.parametrize(
    ("till", "store", "tse", "because"),
    [
        (TILL, a_store("a", "b"), "a", None),
        (TILL, a_store("b", "c"), "b", "declared"),
        (TILL, a_store("b", "c", outages={"b": "o"}), "c", "declared"),
        (TILL, a_store("a", "b", outages={"a": "o"}), "b", "outage"),
        (TILL, a_store("a", "b", outages={"a": "o", "b": "p"}), "a", None),
        (TILL, a_store("a", outages={"a": "o"}), "a", None),
        (replace(TILL, tse_requested="b"), a_store("a", "b"), "b", "requested"),
        (replace(TILL, tse_requested="b"), a_store("a", "c"), "a", None),
    ],
)
def test_where_the_next_shift_signs(till: Till, store: Store, tse: str, because: Any) -> None:
    made = open_shift(OPEN, till, store, Shift())
    assert (made.shift.tse_id, made.shift.tse_changed_because) == (tse, because)
    assert [each.tse_id for each in made.store] == ([tse] if because else [])
    assert made.shift.tse_before == ("a" if because else None)


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-11-20T02:59:00+00:00", "2026-11-19T04:00:00+01:00"),
        ("2026-11-20T03:00:00+00:00", "2026-11-20T04:00:00+01:00"),
        ("2026-07-20T02:00:00+00:00", "2026-07-20T04:00:00+02:00"),
    ],
)
def test_a_business_day_ends_by_the_store_s_clock(now: str, end: str) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert last_end(datetime.fromisoformat(now), time(4), berlin) == datetime.fromisoformat(end)


# --- what always adds up ---

RATES = {1: ("standard", 1900), 2: ("reduced", 700), 5: ("zero", 0)}


def recorded(
    number: int, lines: list[tuple[str, int, int]], payments: list[tuple[str, str]]
) -> BookingRecorded:
    """Lines as (amount, rate, key); payments as (kind, amount), a center's at the reduced rate."""
    sold = tuple(
        Line(
            line_id=str(index), kind="article", name="Buch", quantity="1", unit_price=euro(amount),
            amount=euro(amount), vat=RATES[key][0], rate=rate, dsfinvk_key=key,
        )
        for index, (amount, rate, key) in enumerate(lines, start=1)
    )  # fmt: skip
    paid = tuple(_payment(index, kind, amount) for index, (kind, amount) in enumerate(payments))
    return BookingRecorded(
        booking_id=f"b{number}", store_id="berlin", till_id="t1", till_name="Kasse 1",
        legal_entity_id="gmbh", tse_id="a", client_id="KV-berlin-1", number=number, shift=1,
        started_at=NOW, recorded_at=NOW, sign_by=NOW, business_date=NOW.date(), currency="EUR",
        lines=sold, payments=paid, total=total((line.amount for line in sold), currency="EUR"),
        vat=vat_totals(sold, paid), change=euro("0.00"),
    )  # fmt: skip


def _payment(index: int, kind: str, amount: str) -> Payment:
    said: dict[str, Any] = {
        "payment_id": f"p{index}", "name": kind, "amount": euro(amount), "kind": kind,
        "fiscal": {"cash": "Bar", "card": "Unbar"}.get(kind, "Keine"),
    }  # fmt: skip
    if kind == "single":
        said |= {"kind": "voucher", "vat": "standard", "rate": 1900, "dsfinvk_key": 1,
                 "case": "EinzweckgutscheinEinloesung"}  # fmt: skip
    if kind == "cost_center":
        part = VatPart(vat="reduced", rate=700, dsfinvk_key=2, gross=euro(amount))
        said |= {"case": "Forderungsentstehung", "parts": (part,)}
    return Payment.model_validate(said)


amounts = st.integers(-5000, 9000).map(lambda minor: str(Money(amount=minor).as_decimal()))
sales = st.builds(
    lambda lines, split: (lines, split),
    st.lists(st.tuples(amounts, st.sampled_from([1, 2, 5])), min_size=1, max_size=6),
    st.lists(
        st.tuples(
            st.sampled_from(["card", "voucher", "single", "cost_center"]), st.integers(1, 900)
        ),
        max_size=3,
    ),
)
moves = st.tuples(
    st.sampled_from(sorted(set(MOVE_KINDS) - {"opening_float", "difference"})),
    st.integers(1, 4000),
)
days = st.lists(
    st.one_of(sales, moves, st.sampled_from(["training", "aborted", "order"])), max_size=12
)


def booked(number: int, lines: Any, split: Any) -> BookingRecorded:
    """Cash pays, or gives back, what the other payments leave."""
    rest = sum(int(euro(amount).amount) for amount, _ in lines) - sum(part for _, part in split)
    payments = [(kind, str(Money(amount=part).as_decimal())) for kind, part in split]
    if rest:
        payments.append(("cash", str(Money(amount=rest).as_decimal())))
    return recorded(number, [(amount, RATES[key][1], key) for amount, key in lines], payments)


def a_day(steps: list[Any]) -> tuple[Shift, list[BookingRecorded | CashMoved]]:
    """The shift after the steps, and the processes that count."""
    shift, done = EMPTY, list[BookingRecorded | CashMoved]()
    for step in steps:
        number = shift.numbers + 1
        final: BookingRecorded | CashMoved
        if isinstance(step, str):
            shift = after(shift, give_number(shift, f"b{number}", Deltas(step)))  # type: ignore[arg-type]  # kinds
            continue
        if isinstance(step[0], str):
            amount = Money(amount=step[1])
            kind = cast(CashMoveKind, step[0])
            final = move_cash(MoveCash(f"b{number}", kind, amount, "x", ABOUT), shift)
        else:
            final = booked(number, *step)
        try:
            shift = after(shift, give_number(shift, final.booking_id, deltas_of(final)))
        except refusals.CashShort:
            continue
        done.append(final)
    return shift, done


def cash_in(process: BookingRecorded | CashMoved) -> int:
    if isinstance(process, CashMoved):
        return process.amount.amount
    return sum(paid.amount.amount for paid in process.payments if paid.kind == "cash")


@given(days, st.none() | st.integers(0, 30000), st.booleans())
def test_a_closing_is_the_sum_of_what_was_numbered(
    steps: list[Any], counted: int | None, skims: bool
) -> None:
    shift, done = a_day(steps)
    by_hand = None if counted is None else Money(amount=counted)
    skim = Money(amount=shift.cash // 2 if counted is None else counted) if skims else None
    made = close_shift(closing(by_hand, skim), shift)
    closed, processes = made.closed, [*done, *made.moves]
    cases_add_up(made, processes)
    cash = sum(map(cash_in, processes))
    assert closed.float_.amount + cash == closed.cash.left.amount
    assert closed.cash.expected.amount == closed.float_.amount + sum(map(cash_in, done))
    assert sum(closed.counts.values()) == closed.number
    whole = after(shift, *made.shift)
    assert whole.numbers == closed.number
    assert whole.cash == closed.cash.left.amount >= 0


def cases_add_up(made: Closing, processes: list[BookingRecorded | CashMoved]) -> None:
    closed = made.closed
    for each in closed.cases:
        assert each.gross == each.net + each.tax
    gross = sum(each.gross.amount for each in closed.cases)
    assert gross == sum(each.amount.amount for each in closed.payments)
    for key, (_, rate) in RATES.items():
        lines = [
            line.amount.amount
            for process in processes
            if isinstance(process, BookingRecorded)
            for line in process.lines
            if line.dsfinvk_key == key
        ]
        sold = [each for each in closed.cases if (each.case, each.dsfinvk_key) == ("Umsatz", key)]
        assert sum(each.gross.amount for each in sold) == sum(lines)
        # What the VAT tables say, the closing says: cents are not rounded twice.
        taxed = sum(
            row.tax.amount
            for process in processes
            if isinstance(process, BookingRecorded)
            for row in process.vat
            if (row.dsfinvk_key, row.rate) == (key, rate)
        )
        beside = ("Forderungsentstehung", "MehrzweckgutscheinEinloesung")
        told = [
            each.tax.amount
            for each in closed.cases
            if (each.dsfinvk_key, each.rate) == (key, rate) and each.case not in beside
        ]
        assert sum(told) == taxed
