"""Example closing, shift and cash moves: for the layout preview and the tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from device_gateway.events import (
    BookingRecorded,
    CaseTotal,
    CashCount,
    CashMoved,
    ClosedPayment,
    Correction,
    Line,
    Payment,
    Reference,
    TillClosed,
    TrainingRecorded,
)
from device_gateway.ports import ReceiptOrder, ShiftSoFar
from device_gateway.receipt import examples
from money import Money, euro, split_by_rate

OPENED = datetime(2026, 11, 21, 7, 58, 12, tzinfo=UTC)
CLOSED = datetime(2026, 11, 21, 19, 3, 41, 120000, tzinfo=UTC)
DAY = date(2026, 11, 21)


def _case(case: str, gross: str, key: int, rate: int, name: str = "") -> CaseTotal:
    (share,) = split_by_rate([("any", rate, euro(gross))])
    return CaseTotal(
        case=case, name=name, dsfinvk_key=key, rate=rate,
        gross=share.gross, net=share.net, tax=share.tax,
    )  # fmt: skip


CASES = (
    _case("Umsatz", "1482.35", 2, 700),
    _case("Umsatz", "318.90", 1, 1900),
    _case("Rabatt", "-20.00", 2, 700),
    _case("MehrzweckgutscheinKauf", "150.00", 5, 0),
    _case("MehrzweckgutscheinEinloesung", "-87.50", 5, 0),
    _case("EinzweckgutscheinKauf", "40.00", 2, 700),
    _case("Forderungsentstehung", "-64.20", 2, 700, "Kostenstelle"),
    _case("TrinkgeldAN", "6.30", 5, 0),
    _case("Geldtransit", "100.00", 5, 0, "Wechselgeld"),
    _case("Geldtransit", "-600.00", 5, 0, "Abschöpfung"),
    _case("DifferenzSollIst", "-1.25", 5, 0),
)

PAYMENTS = (
    ClosedPayment(type="Bar", name="Bar", fiscal="Bar", currency="EUR", amount=euro("312.10"),
                  count=74),
    ClosedPayment(type="Unbar", name="Karte", fiscal="Unbar", currency="EUR",
                  amount=euro("988.60"), count=41),
    ClosedPayment(type="ElZahlungsdienstleister", name="Webshop", fiscal="Unbar", currency="EUR",
                  amount=euro("23.90"), count=1),
)  # fmt: skip

CORRECTIONS = (
    Correction(kind="cancellation", booking_id="b-2", number=131, amount=euro("-12.99"),
               reason="Falscher Artikel gebucht", person="u-17",
               at=datetime(2026, 11, 21, 9, 14, 2, tzinfo=UTC)),
    Correction(kind="return", booking_id="b-3", number=158, amount=euro("-24.90"),
               reason="Umtausch: Buch hatte fehlende Seiten, sie möchte ein anderes Exemplar",
               person="filialleitung-berlin-prenzlauer-berg",
               at=datetime(2026, 11, 21, 14, 2, 55, tzinfo=UTC)),
    Correction(kind="line_void", booking_id="b-5", number=159, amount=euro("-8.99"),
               name="Kalender", reason="Vertippt", person="u-17", approved_by="u-2",
               at=datetime(2026, 11, 21, 14, 10, 0, tzinfo=UTC)),
    Correction(kind="waiver", booking_id="b-4", number=160, amount=euro("-20.00"),
               reason="Aktion Lesewoche", at=datetime(2026, 11, 21, 14, 20, 0, tzinfo=UTC)),
)  # fmt: skip


def count(**changes: Money | str | None) -> CashCount:
    """A drawer that was counted, with 1.25 missing."""
    return CashCount(
        expected=euro("913.35"), counted=euro("912.10"), difference=euro("-1.25"),
        counted_by="u-17", skimmed=euro("600.00"), left=euro("312.10"),
    ).model_copy(update=changes)  # fmt: skip


def closing(**changes: object) -> TillClosed:
    """The 17th closing of the till."""
    return TillClosed.model_validate(
        {
            "booking_id": "c-17",
            "store_id": "berlin",
            "till_id": "till-1",
            "till_name": "Kasse 1",
            "legal_entity_id": "kette",
            "tse_id": "tse-berlin",
            "client_id": "KV-berlin-1",
            "number": 236,
            "shift": 17,
            "started_at": CLOSED,
            "recorded_at": CLOSED,
            "sign_by": CLOSED,
            "business_date": DAY,
            "currency": "EUR",
            "cashier_id": "u-17",
            "z_number": 17,
            "opened_at": OPENED,
            "float_": euro("200.00"),
            "cases": CASES,
            "payments": PAYMENTS,
            "cash": count(),
            "corrections": CORRECTIONS,
            "corrections_left_out": 2,
            "corrections_sum": euro("-71.38"),
            "counts": {
                "sale": 108, "return": 1, "cancellation": 1, "aborted": 3, "training": 2,
                "cash": 3, "closing": 1,
            },
            "first_booking_id": "b-1",
            "last_booking_id": "c-17",
            "master_data": 3,
            "grand_total": euro("48211.07"),
        }
        | changes
    )  # fmt: skip


def shift() -> ShiftSoFar:
    """The same shift before its end."""
    return ShiftSoFar(
        store_id="berlin",
        till_id="till-1",
        till_name="Kasse 1",
        client_id="KV-berlin-1",
        shift=17,
        at=CLOSED,
        business_date=DAY,
        opened_at=OPENED,
        float_=euro("200.00"),
        cases=CASES,
        payments=PAYMENTS,
        cash=count(counted=None, skimmed=None, counted_by=None),
        corrections=CORRECTIONS,
        corrections_left_out=0,
        corrections_sum=euro("-66.88"),
        counts={"sale": 108, "cash": 2},
        grand_total=euro("48211.07"),
    )


def cash_move(**changes: object) -> CashMoved:
    """Money that goes to the safe at noon."""
    return CashMoved.model_validate(
        {
            "booking_id": "m-1",
            "store_id": "berlin",
            "till_id": "till-1",
            "till_name": "Kasse 1",
            "legal_entity_id": "kette",
            "tse_id": "tse-berlin",
            "client_id": "KV-berlin-1",
            "number": 130,
            "shift": 17,
            "started_at": examples.STARTED,
            "recorded_at": examples.RECORDED,
            "sign_by": examples.RECORDED,
            "business_date": DAY,
            "currency": "EUR",
            "cashier_id": "u-17",
            "kind": "transit_out",
            "case": "Geldtransit",
            "case_name": "Abschöpfung",
            "amount": euro("-600.00"),
            "reason": "In den Tresor",
            "means": "Bar",
            "master_data": 3,
        }
        | changes
    )


SOLD_WITH = Reference(
    type="Transaktion", id="b-1", number=128, date=examples.RECORDED, till_id="till-1", z_number=16
)


def _less(line: Line, **changes: object) -> Line:
    """The line, taken back."""
    back = {"kind": "return", "unit_price": -line.unit_price, "amount": -line.amount}
    return line.model_copy(update=back | changes)


_BOOK, _MAP, *_ = examples.LINES


def _back(amount: str) -> Payment:
    return examples.cash(amount).model_copy(
        update={"amount": -euro(amount), "tendered": None, "change": None}
    )


def _booking(
    lines: tuple[Line, ...], payments: tuple[Payment, ...], **changes: object
) -> BookingRecorded:
    return examples.booking(lines, payments).model_copy(update={"cashier_id": "u-17"} | changes)


CANCELLATION = _booking(
    (_less(_BOOK), _less(_MAP)), (_back("32.97"),), kind="cancellation", references=(SOLD_WITH,)
)
EXCHANGE = _booking(
    (
        _less(_BOOK, reference=SOLD_WITH, reason="Fehlende Seiten"),
        examples.line("Ein anderes Buch", "19.99"),
    ),
    (examples.cash("7.00", tendered="10.00"),),
    kind="return",
)
PAYOUT = _booking(
    (
        examples.line("Gutschein ausgezahlt", "3.40", vat="zero").model_copy(
            update={
                "kind": "voucher_payout", "unit_price": -euro("3.40"), "amount": -euro("3.40"),
                "voucher_serial": "GS-2026-004711", "reason": "Rest unter 5 Euro",
                "case": "MehrzweckgutscheinEinloesung",
            }
        ),
    ),
    (_back("3.40"),),
    kind="payout",
)  # fmt: skip
WEB_ORDER = _booking(
    (_BOOK,),
    (
        examples.cash("12.99").model_copy(
            update={
                "kind": "online", "name": "Webshop", "fiscal": "Unbar", "tendered": None,
                "change": None, "payment_type": "ElZahlungsdienstleister",
            }
        ),
    ),
    references=(Reference(type="ExterneSonstige", id="W-2026-00815", name="Web-Bestellung"),),
)  # fmt: skip
AFTER_ORDERS = _booking(
    (examples.line("Tagesgericht", "7.20"),),
    (examples.cash("7.20"),),
    references=(
        Reference(type="Transaktion", id="o-2", name="Bestellung",
                  date=datetime(2026, 11, 21, 11, 40, 0, tzinfo=UTC)),
        Reference(type="Transaktion", id="o-1", name="Bestellung",
                  date=datetime(2026, 11, 21, 11, 2, 30, tzinfo=UTC)),
    ),
)  # fmt: skip
TRAINING = TrainingRecorded.model_validate(
    examples.booking(examples.LINES[:1], (examples.cash("12.99"),)).model_dump()
    | {"kind": "training"}
)


def _order(process: BookingRecorded | TrainingRecorded | CashMoved | TillClosed) -> ReceiptOrder:
    return replace(examples.ORDER, booking=process)


ORDERS = {
    "z-report": _order(closing()),
    "z-outage": replace(_order(closing()), verdict=None, outage=True),
    "x-report": replace(examples.ORDER, booking=shift(), verdict=None),
    "z-english": replace(_order(closing()), master_data=examples.store(language="en")),
    "cash-move": _order(cash_move()),
    "cancellation": _order(CANCELLATION),
    "exchange": _order(EXCHANGE),
    "payout": _order(PAYOUT),
    "web-order": _order(WEB_ORDER),
    "after-orders": _order(AFTER_ORDERS),
    "training": _order(TRAINING),
}
"""One of each paper that is no plain receipt."""
