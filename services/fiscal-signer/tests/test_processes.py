"""Every process of a till that is no sale: its signed data, and its way through the signer."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiscal_signer.country import NOT_SIGNED_HERE, Process, ProcessDataRefused, country_of
from fiscal_signer.country.de import Germany
from fiscal_signer.country.de.process_data import GRAMMAR
from fiscal_signer.country.de.processes import PROCESS_DATA_BYTES_MAX, quantity_text
from fiscal_signer.events import (
    ClientRegistered,
    ClosingSigned,
    LeftUnsigned,
    OutageEnded,
    RecordUnreadable,
    SignatureMade,
    SignaturesRequested,
    SignatureStarted,
    SignatureSurplus,
    TransactionAbandoned,
)
from fiscal_signer.foreign import BookingOrdered, CashMoved, TillClosed
from fiscal_signer.policies import Assignment
from fiscal_signer.testing import (
    NOON,
    World,
    aborted,
    closed,
    incoming,
    line,
    money,
    moved,
    opened,
    ordered,
    payment,
    recorded,
    started,
    trained,
)
from kassenverbund.fiscal.receipts import verify_receipt

GERMANY = country_of("DE")
ABORTED = "AVBelegabbruch^0.00_0.00_0.00_0.00_0.00^"


async def signed(*records: Any) -> list[SignatureMade]:
    world = World()
    await world.reactor.handle(records)
    assert not world.events(LeftUnsigned)
    return world.events(SignatureMade)


# -- process data ----------------------------------------------------------------------------


async def test_a_training_is_a_receipt_that_says_so() -> None:
    (made,) = await signed(trained("t1", cents=255))
    assert made.process_type == "Kassenbeleg-V1"
    assert made.process_data == "AVTraining^2.55_0.00_0.00_0.00_0.00^2.55:Bar"
    assert GRAMMAR.fullmatch(made.process_data)
    assert not made.aborted


async def test_an_order_is_written_as_the_annex_does() -> None:
    record = ordered("o1", ("2.000", 'Eisbecher "Himbeere"', 399), ("-1", "Limo Orange 0.2l", 230))
    (made,) = await signed(record)
    assert made.process_type == "Bestellung-V1"
    assert made.process_data == ('2;"Eisbecher ""Himbeere""";3.99\r-1;"Limo Orange 0.2l";2.30')


@pytest.mark.parametrize(
    ("quantity", "text"),
    [("1", "1"), ("10", "10"), ("1.500", "1.5"), ("0.1239", "0.123"), ("-0.5", "-0.5"),
     ("-0.0004", "0"), ("0", "0"), ("1E+2", "100"), ("1000000", "1000000")],
)  # fmt: skip
def test_a_quantity_has_at_most_three_decimals_and_no_zeros_behind(
    quantity: str, text: str
) -> None:
    assert quantity_text(Decimal(quantity)) == text


NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs")))


@given(st.lists(st.tuples(st.decimals("-999", "999", places=3), NAMES, st.integers(0, 10**6))))
def test_every_order_reads_back_as_it_was(lines: list[tuple[Decimal, str, int]]) -> None:
    entries = [(str(quantity), name, cents) for quantity, name, cents in lines]
    record = ordered("o1", *entries)
    data = GERMANY.order(BookingOrdered.model_validate_json(record.data)).data
    read = []
    for text in data.split("\r"):
        quantity, rest = text.split(";", 1)
        name, price = rest.rsplit(";", 1)
        read.append((Decimal(quantity), name[1:-1].replace('""', '"'), int(Decimal(price) * 100)))
    assert read == (lines or [(Decimal(1), "Tagesgericht", 980)])


def test_an_order_with_a_line_break_in_a_name_is_refused() -> None:
    order = BookingOrdered.model_validate_json(ordered("o1", ("1", 'a";1.00\r1;"b', 1)).data)
    with pytest.raises(ProcessDataRefused) as refused:
        GERMANY.order(order)
    assert refused.value.code == "text_refused"


def test_an_order_without_end_is_refused() -> None:
    names = [("1", "x" * 200, 100)] * 100
    order = BookingOrdered.model_validate_json(ordered("o1", *names).data)
    with pytest.raises(ProcessDataRefused) as refused:
        GERMANY.order(order)
    assert refused.value.code == "process_data_too_long"


async def test_many_long_orders_are_cut_into_requests_that_fit() -> None:
    world = World()
    longest = [("1", "ü" * 150, 100)] * ((PROCESS_DATA_BYTES_MAX - 3_000) // 310)
    await world.reactor.handle([ordered(f"o{number}", *longest) for number in range(10)])
    assert len(world.events(SignatureMade)) == 10
    assert len(world.events(SignaturesRequested)) > 1


@pytest.mark.parametrize(
    ("cents", "text"),
    [
        (-5000, "Beleg^0.00_0.00_0.00_0.00_-50.00^-50.00:Bar"),
        (20000, "Beleg^0.00_0.00_0.00_0.00_200.00^200.00:Bar"),
        (-1, "Beleg^0.00_0.00_0.00_0.00_-0.01^-0.01:Bar"),
        (0, "Beleg^0.00_0.00_0.00_0.00_0.00^"),
    ],
)
def test_a_cash_move_is_a_receipt_in_slot_five(cents: int, text: str) -> None:
    process = GERMANY.cash(CashMoved.model_validate_json(moved("m1", cents=cents).data))
    assert process == Process("Kassenbeleg-V1", text)
    assert GRAMMAR.fullmatch(process.data)


def closing_text(**fields: Any) -> str:
    closing = TillClosed.model_validate_json(closed("z1", **fields).data)
    process = GERMANY.closing(closing)
    assert process.type == "SonstigerVorgang"
    return process.data


def test_a_closing_names_its_till_its_number_its_day_its_turnover_and_its_cash() -> None:
    text = closing_text(
        z_number=12, cases=[("Umsatz", 1190), ("MehrzweckgutscheinKauf", 5000)], cash=6190
    )
    assert text == "Kassenabschluss;KV-berlin-1;Z=12;2026-11-22;61.90;61.90"


def test_money_that_only_moved_is_no_turnover() -> None:
    cases = [("Anfangsbestand", 100), ("Geldtransit", -900), ("TrinkgeldAN", 50), ("Umsatz", -700)]
    assert closing_text(cases=cases).split(";")[4] == "-7.00"


def test_the_counted_cash_is_signed_where_it_was_counted() -> None:
    counted = {"cash": {"expected": money(1000), "counted": money(990)}}
    record = closed("z1")
    document = {**TillClosed.model_validate_json(record.data).model_dump(mode="json"), **counted}
    assert GERMANY.closing(TillClosed.model_validate(document)).data.endswith(";9.90")


@pytest.mark.parametrize(
    ("lines", "payments", "text"),
    [
        # A return, with the money back by card; an exchange; a payout of a voucher's rest.
        (
            [line(-1999, kind="return", key=2, rate=700)],
            [payment(-1999, kind="card", fiscal="Unbar")],
            "Beleg^0.00_-19.99_0.00_0.00_0.00^-19.99:Unbar",
        ),
        (
            [line(-1000, kind="return"), line(1500)],
            [payment(500)],
            "Beleg^5.00_0.00_0.00_0.00_0.00^5.00:Bar",
        ),
        (
            [line(-14300, kind="voucher_payout", key=5, rate=0)],
            [payment(-14300)],
            "Beleg^0.00_0.00_0.00_0.00_-143.00^-143.00:Bar",
        ),
        # A sale that a multi-purpose voucher paid is cancelled: the voucher gets it back.
        (
            [line(-700), line(700, kind="voucher_redemption_reversal", key=5, rate=0)],
            [],
            "Beleg^-7.00_0.00_0.00_0.00_7.00^",
        ),
        (
            [line(-980, key=2, rate=700)],
            [payment(-980, kind="charge_reversal", fiscal="Keine", key=2)],
            "Beleg^0.00_0.00_0.00_0.00_0.00^",
        ),
        # A tip to the staff, a deposit and its way back.
        (
            [line(1000), line(200, kind="tip", key=5, rate=0), line(25, kind="deposit")],
            [payment(1225, kind="card", fiscal="Unbar")],
            "Beleg^10.25_0.00_0.00_0.00_2.00^12.25:Unbar",
        ),
        (
            [line(-25, kind="deposit_return")],
            [payment(-25)],
            "Beleg^-0.25_0.00_0.00_0.00_0.00^-0.25:Bar",
        ),
        # Paid in the web shop before.
        (
            [line(3000)],
            [payment(3000, kind="online", fiscal="Unbar")],
            "Beleg^30.00_0.00_0.00_0.00_0.00^30.00:Unbar",
        ),
    ],
)  # fmt: skip
async def test_what_goes_back_to_the_customer_has_the_opposite_sign(
    lines: list[dict[str, Any]], payments: list[dict[str, Any]], text: str
) -> None:
    (made,) = await signed(recorded("b1", lines=lines, payments=payments, kind="any"))
    assert made.process_data == text


async def test_the_code_of_every_process_leads_back_to_what_was_signed() -> None:
    order = ordered("o1", ("1", 'Brot; "frisch"', 250), ("2", "Käse^1.00_2.00:Bar", 399))
    processes = [trained("t1"), order, moved("m1"), closed("z1"), aborted("a1"), recorded("b1")]
    for made in await signed(*processes):
        findings = list(verify_receipt(made.qr, made.booking_id))
        assert [one.code for one in findings] == ["signature_right"], made.process_data


# -- openings --------------------------------------------------------------------------------


async def test_an_opening_makes_its_till_known_to_its_tse() -> None:
    world = World()
    await world.reactor.handle([opened(), opened(tse="tse-koeln", store="koeln")])
    registered = [(one.tse_id, one.client_id) for one in world.events(ClientRegistered)]
    assert registered == [("tse-berlin", "KV-berlin-1"), ("tse-koeln", "KV-koeln-1")]


# -- closings --------------------------------------------------------------------------------


async def test_a_closing_is_signed_and_told_under_its_number_in_one_append() -> None:
    world = World()
    await world.reactor.handle([recorded("b1"), closed("z1", z_number=3)])
    verdict, told = [
        entry
        for entry in world.log
        if getattr(entry.event, "booking_id", getattr(entry.event, "closing_id", "")) == "z1"
        and isinstance(entry.event, SignatureMade | ClosingSigned)
    ]
    assert verdict.idempotency_key == told.idempotency_key
    made, closing = verdict.event, told.event
    assert isinstance(made, SignatureMade)
    assert isinstance(closing, ClosingSigned)
    assert (closing.z_number, closing.verdict) == (3, "signed")
    assert closing.signature_counter == made.signature_counter
    assert closing.transaction_number == made.transaction_number
    assert closing.log_time == made.log_time


async def test_what_is_open_on_a_till_ends_before_its_closing_and_nothing_else_does() -> None:
    world = World()
    await world.reactor.handle([started("b1"), started("b2", till="2"), started("b3")])
    await world.reactor.handle([closed("z1")])
    ended = [one.booking_id for one in world.events(TransactionAbandoned)]
    assert ended == ["b1", "b3"]
    (closing,) = world.events(ClosingSigned)
    assert closing.signature_counter is not None
    assert all(
        one.signature_counter is not None and one.signature_counter < closing.signature_counter
        for one in world.events(TransactionAbandoned)
    )
    left = await (await world.tses.open("tse-berlin")).open_transactions()
    assert list(left.values()) == ["KV-berlin-2"]


async def test_what_began_in_the_same_batch_ends_before_the_closing_too() -> None:
    world = World()
    await world.reactor.handle([started("b1"), closed("z1"), started("b2")])
    assert [one.booking_id for one in world.events(TransactionAbandoned)] == ["b1"]
    left = await (await world.tses.open("tse-berlin")).open_transactions()
    assert len(left) == 1
    assert world.events(SignatureStarted)[-1].booking_id == "b2"


async def test_an_end_that_comes_after_the_closing_gets_its_verdict_all_the_same() -> None:
    world = World()
    await world.reactor.handle([started("b1"), closed("z1"), aborted("b1")])
    assert [one.booking_id for one in world.events(SignatureMade)] == ["z1", "b1"]
    assert await (await world.tses.open("tse-berlin")).open_transactions() == {}


async def test_in_an_outage_a_closing_is_unsigned_and_its_leftovers_end_afterwards() -> None:
    world = World()
    await world.reactor.handle([started("b1")])
    world.faults.away = True
    await world.reactor.handle([closed("z1")])
    (left,), (told,) = world.events(LeftUnsigned), world.events(ClosingSigned)
    assert (told.verdict, told.outage_id) == ("unsigned", left.outage_id)
    assert left.reason == "outage"
    world.faults.away = False
    assert await world.drivers["tse-berlin"].probe()
    assert world.events(OutageEnded)
    # The next shift's first sale finds the device clean.
    await world.reactor.handle([recorded("b2")])
    (ended,) = world.events(TransactionAbandoned)
    (made,) = world.events(SignatureMade)
    assert ended.booking_id == "b1"
    assert ended.signature_counter is not None
    assert ended.signature_counter < made.signature_counter
    assert await (await world.tses.open("tse-berlin")).open_transactions() == {}


async def test_a_closing_that_came_too_late_is_told_unsigned() -> None:
    world = World()
    await world.reactor.handle([closed("z1", sign_by=NOON - timedelta(seconds=1))])
    (told,) = world.events(ClosingSigned)
    assert (told.verdict, told.z_number) == ("unsigned", 1)
    assert [one.reason for one in world.events(LeftUnsigned)] == ["too_late"]


async def test_a_closing_that_the_device_signed_too_late_is_told_unsigned() -> None:
    world = World()
    world.faults.slow_s = 31
    await world.reactor.handle([closed("z1")])
    (told,) = world.events(ClosingSigned)
    assert told.verdict == "unsigned"
    assert "z1" in [one.booking_id for one in world.events(SignatureSurplus)]


@pytest.mark.parametrize(
    ("broken", "z_number"), [({"cash": None}, 4), ({"z_number": "four"}, None)]
)
async def test_a_closing_that_cannot_be_read_gets_a_verdict_all_the_same(
    broken: dict[str, Any], z_number: int | None
) -> None:
    world = World()
    document = TillClosed.model_validate_json(closed("z1", z_number=4).data).model_dump(mode="json")
    await world.reactor.handle([started("b1"), incoming("till.closed", {**document, **broken})])
    (left,), (told,) = world.events(LeftUnsigned), world.events(ClosingSigned)
    assert (left.booking_id, left.reason) == ("z1", "malformed")
    assert (told.closing_id, told.verdict, told.z_number) == ("z1", "unsigned", z_number)
    # And nothing of its till stays open.
    assert await (await world.tses.open("tse-berlin")).open_transactions() == {}


async def test_a_closing_that_names_no_tse_of_ours_is_told_unsigned() -> None:
    world = World()
    record = closed("z1")
    document = TillClosed.model_validate_json(record.data).model_dump(mode="json")
    await world.reactor.handle([incoming("till.closed", {**document, "tse_id": "tse-gone"})])
    (told,) = world.events(ClosingSigned)
    assert (told.verdict, told.z_number, told.tse_id) == ("unsigned", 1, "tse-gone")


async def test_a_closing_that_comes_again_is_told_once() -> None:
    world = World()
    await world.reactor.handle([closed("z1")])
    await world.reactor.handle([started("b1"), closed("z1")])
    assert len(world.events(ClosingSigned)) == 1
    assert not world.events(TransactionAbandoned)


async def test_the_next_process_goes_on_after_a_closing_was_begun_and_never_answered() -> None:
    world = World()
    await world.reactor.handle([started("b1")])
    world.faults.lose_answers = 1
    await world.reactor.handle([closed("z1"), recorded("b2")])
    assert [one.booking_id for one in world.events(SignatureMade)] == ["z1", "b2"]
    assert [one.booking_id for one in world.events(TransactionAbandoned)] == ["b1"]
    assert len(world.events(ClosingSigned)) == 1


# -- what names nothing ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["training.recorded", "booking.ordered", "cash.moved"])
async def test_a_process_that_cannot_be_read_gets_a_verdict(name: str) -> None:
    world = World()
    record = moved("x1")
    document = CashMoved.model_validate_json(record.data).model_dump(mode="json")
    await world.reactor.handle([incoming(name, {**document, "amount": "1", "lines": 1})])
    assert [(one.booking_id, one.reason) for one in world.events(LeftUnsigned)] == [
        ("x1", "malformed")
    ]


async def test_an_opening_that_cannot_be_read_is_kept_as_such() -> None:
    world = World()
    await world.reactor.handle([incoming("till.opened", {"store_id": "berlin"})])
    assert [one.foreign_name for one in world.events(RecordUnreadable)] == ["till.opened"]


# -- another country -------------------------------------------------------------------------


class Elsewhere(Germany):
    """A country whose rules know no orders, and whose closing is a receipt over nothing."""

    code = "AT"

    def order(self, order: BookingOrdered) -> Process:
        raise ProcessDataRefused(NOT_SIGNED_HERE, "orders are no receipts")

    def closing(self, closing: TillClosed) -> Process:
        return Process("Nullbeleg", "0,00")


async def test_a_country_may_leave_a_process_unsigned_and_sign_another_its_own_way() -> None:
    world = World()
    world.assignments = {"tse-berlin": Assignment("tse-berlin", "berlin", Elsewhere())}
    await world.process("elsewhere").handle([ordered("o1"), closed("z1")])
    assert [(one.booking_id, one.reason) for one in world.events(LeftUnsigned)] == [
        ("o1", NOT_SIGNED_HERE)
    ]
    assert [one.process_type for one in world.events(SignatureMade)] == ["Nullbeleg"]
