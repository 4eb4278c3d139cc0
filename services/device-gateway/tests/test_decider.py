"""The rules of till, store and booking: given what happened, when asked, then."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from device_gateway.commands import (
    AbortBooking,
    AddLines,
    NewLine,
    NewPayment,
    NoteHeld,
    NoteRefused,
    OfferPairing,
    PairTill,
    RecordBooking,
    ReopenPayment,
    RequestPayment,
    RevokeTill,
)
from device_gateway.decider import refusals
from device_gateway.decider.booking import BOOKING, abort, record
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.store import Store, client_id_of, least_used_tse
from device_gateway.decider.till import TILL, Till, pair
from device_gateway.events import (
    Address,
    BasketPart,
    BookingRecorded,
    BookingStarted,
    LegalEntity,
    LinesAdded,
    MasterDataChanged,
    NumberGiven,
    PairingOffered,
    Payment,
    PaymentAccepted,
    PaymentHeld,
    PaymentReopened,
    PaymentRequested,
    StoreTse,
    TillJoined,
    TillPaired,
    TillRevoked,
    VatRate,
)
from device_gateway.testing import opened
from events import fold
from events.testing.scenario import Scenario
from money import Money, euro

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
BOOKING_ID = "5f0f6c3e-3a77-5f27-8a5f-1f6f3a1e2b11"
RATES = {
    "standard": VatRate(vat="standard", rate=1900, valid_from=date(2021, 1, 1), label="19",
                        dsfinvk_key=1),
    "zero": VatRate(vat="zero", rate=0, valid_from=date(2021, 1, 1), label="0", dsfinvk_key=5),
}  # fmt: skip

booking = Scenario(BOOKING)
till = Scenario(TILL)

STARTED = BookingStarted(
    booking_id=BOOKING_ID, store_id="berlin", till_id="t1", till_name="Kasse 1",
    legal_entity_id="gmbh", tse_id="tse", client_id="KV-berlin-1", currency="EUR", started_at=NOW,
)  # fmt: skip


def new_line(
    price: str, *, quantity: str = "1", vat: str = "standard", kind: Any = "article"
) -> NewLine:
    return NewLine(
        kind=kind, sku=None, name="Buch", quantity=Decimal(quantity), unit_price=euro(price),
        vat=vat,
    )  # fmt: skip


def add(*lines: NewLine) -> AddLines:
    return AddLines(BOOKING_ID, lines, RATES, NOW)


def lines_added(*lines: NewLine) -> LinesAdded:
    events = BOOKING.decide(add(*lines), fold(BOOKING, [STARTED]))
    added = events[0]
    assert isinstance(added, LinesAdded)
    return added


def pay(kind: Any, amount: str | None = None, payment_id: str = "p1") -> RequestPayment:
    fiscal: Any = {"cash": "Bar", "card": "Unbar", "voucher": "Keine"}[kind]
    new = NewPayment(
        payment_id=payment_id, kind=kind, name=kind, fiscal=fiscal,
        amount=euro(amount) if amount else None,
        hold_id=f"h-{payment_id}" if kind == "voucher" else None,
    )  # fmt: skip
    return RequestPayment(BOOKING_ID, new, NOW)


def requested(amount: str, payment_id: str = "p1") -> PaymentRequested:
    return PaymentRequested(
        booking_id=BOOKING_ID, store_id="berlin", payment_id=payment_id, kind="voucher",
        name="voucher", fiscal="Keine", hold_id=f"h-{payment_id}", amount=euro(amount),
        requested_at=NOW,
        basket=(
            BasketPart(gross=euro(amount), vat="standard", dsfinvk_key=1, line_id="1"),
        ),
    )  # fmt: skip


def held_payment(amount: str, payment_id: str = "p1") -> Payment:
    return Payment(
        payment_id=payment_id, kind="voucher", name="voucher", fiscal="Keine",
        amount=euro(amount), hold_id=f"h-{payment_id}", voucher_id="v", voucher_serial="S",
        voucher_remaining=euro("1.00"), vat="zero", dsfinvk_key=5,
    )  # fmt: skip


def held(amount: str, payment_id: str = "p1") -> PaymentHeld:
    return PaymentHeld(
        booking_id=BOOKING_ID, store_id="berlin", payment=held_payment(amount, payment_id),
        expires_at=NOW + timedelta(minutes=5), held_at=NOW,
    )  # fmt: skip


def recording(*, confirmed: frozenset[str] = frozenset(), serials: Any = None) -> RecordBooking:
    return RecordBooking(
        booking_id=BOOKING_ID, business_date=date(2026, 11, 20), serials=serials or {},
        confirmed=confirmed, sign_by=NOW + timedelta(seconds=30), now=NOW,
    )  # fmt: skip


def test_a_line_costs_its_quantity_times_its_price_rounded_to_whole_cents() -> None:
    assert lines_added(new_line("9.99", quantity="0.335")).lines[0].amount == euro("3.35")


def test_a_line_keeps_the_rate_and_the_export_key_of_its_vat() -> None:
    line = lines_added(new_line("1.00")).lines[0]
    assert (line.rate, line.dsfinvk_key) == (1900, 1)


def test_a_key_that_was_used_keeps_its_rate_when_the_table_changes_over_midnight() -> None:
    later = {"standard": RATES["standard"].model_copy(update={"rate": 1600})}
    outcome = booking.given(STARTED, lines_added(new_line("1.00"))).when(
        AddLines(BOOKING_ID, [new_line("2.00")], later, NOW)
    )
    assert outcome.events[0].lines[0].rate == 1900


@pytest.mark.parametrize(
    ("line", "refusal"),
    [
        (new_line("1.00", vat="luxury"), refusals.VatUnknown),
        (new_line("1.00", quantity="0"), refusals.LineRefused),
        (new_line("1.00", quantity="100001"), refusals.LineRefused),
        (new_line("-0.01"), refusals.LineRefused),
        (new_line("1000000.01"), refusals.LineRefused),
        (new_line("0.00", kind="voucher_sale", vat="zero"), refusals.LineRefused),
        (new_line("5.00", kind="voucher_sale", vat="standard"), refusals.LineRefused),
        (new_line("5.00", kind="voucher_sale", vat="zero", quantity="2"), refusals.LineRefused),
    ],
)
def test_a_line_that_breaks_a_rule_is_refused(line: NewLine, refusal: Any) -> None:
    booking.given(STARTED).when(add(line)).then_refused(refusal)


def test_a_line_in_another_currency_is_refused() -> None:
    franc = NewLine("article", None, "Buch", Decimal(1), Money(amount=1, currency="CHF"), "zero")
    booking.given(STARTED).when(add(franc)).then_refused(refusals.CurrencyUnknown)


def test_a_booking_has_at_most_500_lines() -> None:
    full = lines_added(*[new_line("0.01")] * 499)
    booking.given(STARTED, full).when(add(new_line("0.01"), new_line("0.01"))).then_refused(
        refusals.BookingTooLarge
    )


def test_a_booking_has_at_most_20_payments() -> None:
    paid = [
        PaymentAccepted(
            booking_id=BOOKING_ID, store_id="berlin", accepted_at=NOW,
            payment=Payment(payment_id=str(number), kind="cash", name="Bar", fiscal="Bar",
                            amount=euro("0.01")),
        )
        for number in range(20)
    ]  # fmt: skip
    history = (STARTED, lines_added(new_line("9.00")), *paid)
    booking.given(*history).when(pay("cash", "1.00", "p21")).then_refused(refusals.BookingTooLarge)


def test_cash_beyond_the_open_amount_is_change() -> None:
    outcome = booking.given(STARTED, lines_added(new_line("16.00"))).when(pay("cash", "20.00"))
    payment = outcome.events[0].payment
    assert (payment.amount, payment.tendered, payment.change) == (
        euro("16.00"), euro("20.00"), euro("4.00"),
    )  # fmt: skip


def test_a_card_beyond_the_open_amount_is_refused() -> None:
    booking.given(STARTED, lines_added(new_line("5.00"))).when(pay("card", "5.01")).then_refused(
        refusals.PaymentExceedsOpen
    )


def test_a_payment_of_nothing_is_refused() -> None:
    outcome = booking.given(STARTED, lines_added(new_line("5.00"))).when(pay("cash", "-1.00"))
    outcome.then_refused(refusals.PaymentOutOfRange)


def test_nothing_more_is_taken_once_all_is_paid() -> None:
    history = (STARTED, lines_added(new_line("5.00")), requested("5.00"), held("5.00"))
    booking.given(*history).when(pay("cash", "1.00", "p2")).then_refused(refusals.NothingOpen)


def test_a_voucher_is_requested_up_to_what_is_open() -> None:
    history = (STARTED, lines_added(new_line("5.00")))
    booking.given(*history).when(pay("voucher")).then(requested("5.00"))


def test_a_voucher_is_requested_for_articles_only() -> None:
    lines = lines_added(new_line("3.00"), new_line("9.00", kind="voucher_sale", vat="zero"))
    booking.given(STARTED, lines).when(pay("voucher")).then(requested("3.00"))


def test_a_voucher_that_should_pay_for_a_voucher_is_refused() -> None:
    lines = lines_added(new_line("9.00", kind="voucher_sale", vat="zero"))
    booking.given(STARTED, lines).when(pay("voucher")).then_refused(refusals.VoucherBuysVoucher)


def test_two_vouchers_side_by_side_never_settle_more_than_is_open() -> None:
    history = (
        STARTED, lines_added(new_line("5.00")), requested("5.00"), requested("5.00", "p2"),
        held("5.00"),
    )  # fmt: skip
    note = NoteHeld(BOOKING_ID, held_payment("5.00", "p2"), NOW, NOW)
    booking.given(*history).when(note).then_refused(refusals.BookingChanged)


def test_a_late_answer_to_a_payment_that_was_given_up_changes_nothing() -> None:
    given_up = NoteRefused(BOOKING_ID, "p1", "voucher.unavailable", "", 503, True, NOW)
    before = (STARTED, lines_added(new_line("5.00")), requested("5.00"))
    refused = booking.given(*before).when(given_up).events
    late = NoteHeld(BOOKING_ID, held_payment("5.00"), NOW, NOW)
    booking.given(*before, *refused).when(late).then_nothing()


def test_a_payment_that_cannot_be_confirmed_is_open_again_and_its_release_is_due() -> None:
    history = (STARTED, lines_added(new_line("5.00")), requested("5.00"), held("5.00"))
    outcome = booking.given(*history).when(ReopenPayment(BOOKING_ID, "p1", "hold.expired", NOW))
    assert isinstance(outcome.events[0], PaymentReopened)
    assert outcome.state.open_amount == euro("5.00")
    assert [tender.hold_id for tender in outcome.state.releases_due] == ["h-p1"]


def state(*history: Any) -> Booking:
    return fold(BOOKING, history)


def test_nothing_is_recorded_while_an_amount_is_open() -> None:
    with pytest.raises(refusals.OpenAmount):
        record(recording(), state(STARTED, lines_added(new_line("5.00"))), 1, opened())


def test_nothing_is_recorded_with_a_hold_that_was_not_confirmed() -> None:
    now = state(STARTED, lines_added(new_line("5.00")), requested("5.00"), held("5.00"))
    with pytest.raises(refusals.BookingChanged):
        record(recording(), now, 1, opened())


def test_nothing_is_recorded_with_a_voucher_that_was_not_prepared() -> None:
    lines = lines_added(new_line("5.00", kind="voucher_sale", vat="zero"))
    paid = booking.given(STARTED, lines).when(pay("cash", "5.00")).events
    with pytest.raises(refusals.BookingChanged):
        record(recording(), state(STARTED, lines, *paid), 1, opened())


def test_a_recorded_booking_carries_what_receipt_and_signature_need() -> None:
    now = state(STARTED, lines_added(new_line("5.00")), requested("5.00"), held("5.00"))
    event = record(recording(confirmed=frozenset({"h-p1"})), now, 7, opened())[0]
    assert isinstance(event, BookingRecorded)
    assert (event.number, event.total, event.client_id) == (7, euro("5.00"), "KV-berlin-1")
    assert event.vat[0].tax == euro("0.80")
    named = {"case": "MehrzweckgutscheinEinloesung", "payment_type": "Keine"}
    assert event.payments == (held_payment("5.00").model_copy(update=named),)


def test_recording_twice_records_once() -> None:
    history = (STARTED, lines_added(new_line("5.00")), requested("5.00"), held("5.00"))
    asked = recording(confirmed=frozenset({"h-p1"}))
    once = record(asked, state(*history), 1, opened())
    assert record(asked, state(*history, *once), 2, opened()) == ()


def test_an_aborted_booking_stays_aborted() -> None:
    command = AbortBooking(BOOKING_ID, "Kunde", NOW, NOW.date(), NOW)
    aborted = abort(command, state(STARTED), 1, opened())
    assert abort(command, state(STARTED, *aborted), 2, opened()) == ()
    booking.given(STARTED, *aborted).when(add(new_line("1.00"))).then_refused(
        refusals.BookingIsAborted
    )


# --- tills and stores ---

OFFERED = PairingOffered(
    store_id="berlin", till_id="t1", pairing_id="p", name="Kasse 1", code_hash="c",
    expires_at=NOW + timedelta(minutes=10), offered_at=NOW,
)  # fmt: skip
PAIRED = TillPaired(
    store_id="berlin", till_id="t1", name="Kasse 1", client_id="KV-berlin-1", tse_id="a",
    pairing_id="p", token_hash="h", paired_at=NOW,
)  # fmt: skip


def a_store(*joined: TillJoined) -> Store:
    address = Address(street="Weg 1", postal_code="10435", city="Berlin", country="DE")
    master_data = MasterDataChanged(
        store_id="berlin", name="Laden", address=address,
        legal_entity=LegalEntity(legal_entity_id="gmbh", name="GmbH", address=address),
        time_zone="Europe/Berlin", country="DE", language="de", currency="EUR",
        tses=(StoreTse(tse_id="a", kind="software", curve="P-384"),
              StoreTse(tse_id="b", kind="software", curve="P-384")),
        vat=(), means_of_payment=(), changed_at=NOW,
    )  # fmt: skip
    return Store(master_data, {till.till_id: till for till in joined})


def joined(till_id: str, tse_id: str, number: int) -> TillJoined:
    return TillJoined(
        store_id="berlin", till_id=till_id, tse_id=tse_id, client_id=f"KV-berlin-{number}",
        joined_at=NOW,
    )  # fmt: skip


def pairing(code_hash: str = "c", now: datetime = NOW, store_id: str = "berlin") -> PairTill:
    return PairTill(store_id, "t1", code_hash, "h2", now)


def test_a_new_till_gets_the_least_used_tse_and_a_serial_of_its_own() -> None:
    store = a_store(joined("t8", "a", 1), joined("t9", "b", 2), joined("t7", "a", 3))
    assert least_used_tse(store) == "b"
    paired, news = pair(pairing(), fold(TILL, [OFFERED]), store)
    assert (paired[0].client_id, paired[0].tse_id) == ("KV-berlin-4", "b")
    assert news[0].till_id == "t1"


def test_a_till_that_is_paired_again_keeps_its_serial_and_its_tse() -> None:
    store = a_store(joined("t1", "b", 1))
    paired, news = pair(pairing(), fold(TILL, [OFFERED]), store)
    assert (paired[0].client_id, paired[0].tse_id, news) == ("KV-berlin-1", "b", ())


@pytest.mark.parametrize(
    "command",
    [
        pairing(code_hash="other"),
        pairing(now=NOW + timedelta(minutes=10)),
        pairing(store_id="koeln"),
    ],
)
def test_a_wrong_late_or_foreign_code_pairs_nothing(command: PairTill) -> None:
    with pytest.raises(refusals.PairingUnknown):
        pair(command, fold(TILL, [OFFERED]), a_store())


def test_a_code_pairs_once() -> None:
    with pytest.raises(refusals.PairingUnknown):
        pair(pairing(), fold(TILL, [OFFERED, PAIRED]), a_store())


def test_a_till_of_another_store_cannot_be_taken() -> None:
    command = OfferPairing("koeln", "t1", "p2", "", "c2", NOW, NOW)
    till.given(OFFERED, PAIRED).when(command).then_refused(refusals.TillTaken)


def test_a_revoked_till_has_no_token_and_keeps_its_numbers() -> None:
    number = NumberGiven(
        store_id="berlin", till_id="t1", booking_id="b", number=1, shift=0, kind="sale"
    )
    revoked = TillRevoked(store_id="berlin", till_id="t1", revoked_at=NOW, reason="lost")
    command = RevokeTill("berlin", "t1", "lost", NOW)
    outcome = till.given(OFFERED, PAIRED, number).when(command).then(revoked)
    assert not outcome.state.active
    assert outcome.state.numbers == 1


def test_an_unknown_till_cannot_be_revoked() -> None:
    till.when(RevokeTill("berlin", "t1", "lost", NOW)).then_refused(refusals.TillUnknown)
    assert Till().active is False


@pytest.mark.parametrize("store_id", ["berlin", "a_b", "x" * 64, "Köln-Süd".encode().hex() * 2])
def test_a_serial_fits_every_tse(store_id: str) -> None:
    made = client_id_of(store_id, 1234)
    assert len(made) <= 30
    assert all(sign.isascii() and (sign.isalnum() or sign in "-.:") for sign in made)


def test_long_store_names_give_different_serials() -> None:
    assert client_id_of("x" * 40 + "a", 1) != client_id_of("x" * 40 + "b", 1)
