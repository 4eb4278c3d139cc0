"""An example receipt and its facts: for the layout preview, the test print and the tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from device_gateway.events import (
    Address,
    BookingRecorded,
    CostCenterTerms,
    LegalEntity,
    LimitLeft,
    Line,
    MasterDataChanged,
    MeansOfPayment,
    Payment,
    StorePrinter,
    StoreTse,
    VatPart,
    VatRate,
    VatTotal,
    VerdictReceived,
)
from device_gateway.ports import ReceiptOrder
from money import Money, euro, split_by_rate, total

STARTED = datetime(2026, 11, 21, 13, 4, 57, 120000, tzinfo=UTC)
RECORDED = datetime(2026, 11, 21, 13, 5, 33, 480000, tzinfo=UTC)

VALUE = (
    "NgqBkWMvhLmCKa9cJJ8JodfAdlkfcFFyW0J7Ks9lTz9I4QFKhLzyGF/02kWsCRg0LoiJtkq+0Ak9GovodNFLOBG00e"
    "wEj40/GbI9zLtNt9j90w4Sz3GcxTSrr3rqhIhN"
)
PUBLIC_KEY = (
    "BCd1vZvSJsJwBTqshgDVsrG4Gg+oN3jeeFEgjGiKs9ELd170vy/jO3iMMF6tAVUfjyYn9jRXng8Z4qWXaqoJ53+y+O"
    "FeSY/lQsdZWCODkzhlhkJxJw2k9Z1A4gFX6Riotw=="
)
QR = (
    "V0;KV-berlin-1;Kassenbeleg-V1;Beleg^24.99_19.98_0.00_0.00_45.00^59.97:Bar_30.00:Unbar;4711;"
    f"9423;2026-11-21T13:04:57.000Z;2026-11-21T13:05:34.000Z;ecdsa-plain-SHA384;unixTime;{VALUE};"
    f"{PUBLIC_KEY}"
)
DSFINVK_KEY = {"standard": 1, "reduced": 2, "zero": 5}
RATE = {"standard": 1900, "reduced": 700, "zero": 0}


def store(
    *, language: str = "de", name: str = "Buchhandlung am Park", columns: int = 48,
    printers: tuple[StorePrinter, ...] | None = None,
    footer: tuple[str, ...] = (
        "Vielen Dank für Ihren Besuch!", "Umtausch innerhalb von 14 Tagen mit Beleg",
    ),
) -> MasterDataChanged:  # fmt: skip
    """The store in Berlin."""
    address = Address(street="Kastanienallee 12", postal_code="10435", city="Berlin", country="DE")
    if printers is None:
        printers = (StorePrinter(printer_id="bon-1", host="127.0.0.1", columns=columns),)
    return MasterDataChanged(
        store_id="berlin",
        name=name,
        address=address,
        legal_entity=LegalEntity(
            legal_entity_id="kette",
            name="Buchkette Beispiel GmbH",
            address=address,
            vat_id="DE123456789",
        ),
        time_zone="Europe/Berlin",
        country="DE",
        language=language,
        currency="EUR",
        receipt_footer=footer,
        tses=(StoreTse(tse_id="tse-berlin", kind="software", curve="P-384"),),
        printers=printers,
        vat=(
            VatRate(vat="standard", rate=1900, valid_from=date(2021, 1, 1),
                    label="Regelsteuersatz", dsfinvk_key=1),
            VatRate(vat="reduced", rate=700, valid_from=date(2021, 1, 1),
                    label="ermäßigter Steuersatz", dsfinvk_key=2),
            VatRate(vat="zero", rate=0, valid_from=date(2021, 1, 1),
                    label="nicht steuerbar", dsfinvk_key=5),
        ),
        means_of_payment=(MeansOfPayment(kind="cash", name="Bar", fiscal="Bar"),),
        changed_at=STARTED,
    )  # fmt: skip


def line(
    name: str, price: str, *, count: str = "1", vat: str = "reduced", serial: str | None = None
) -> Line:
    """One line; a `serial` makes it a voucher sold."""
    return Line(
        line_id=f"l-{name[:20]}",
        kind="article" if serial is None else "voucher_sale",
        name=name,
        quantity=count,
        unit_price=euro(price),
        amount=euro(price).times(Decimal(count)),
        vat=vat,
        rate=RATE[vat],
        dsfinvk_key=DSFINVK_KEY[vat],
        voucher_id=None if serial is None else "v-1",
        voucher_serial=serial,
    )


def cash(amount: str, *, tendered: str | None = None) -> Payment:
    """Cash, with change when more was handed over."""
    given = euro(tendered or amount)
    return Payment(
        payment_id="p-cash", kind="cash", name="Bar", fiscal="Bar", amount=euro(amount),
        tendered=given, change=given - euro(amount),
    )  # fmt: skip


def voucher(amount: str, *, remaining: str, serial: str = "GS-2026-004711") -> Payment:
    """Paid with a multi-purpose voucher."""
    return Payment(
        payment_id="p-voucher", kind="voucher", name="Gutschein", fiscal="Keine",
        amount=euro(amount), hold_id="h-1", voucher_id="v-0", voucher_serial=serial,
        voucher_remaining=euro(remaining), vat="zero", dsfinvk_key=5,
    )  # fmt: skip


def center(amount: str, *, address: tuple[str, ...] = ()) -> Payment:
    """Charged to cost center 4711 with its card."""
    part = VatPart(vat="reduced", rate=700, dsfinvk_key=2, gross=euro(amount))
    return Payment(
        payment_id="p-center", kind="cost_center", name="Kostenstelle", fiscal="Keine",
        amount=euro(amount), hold_id="h-2", case="Forderungsentstehung", parts=(part,),
        center_id="c-4711", center_number="4711", center_name="Empfang", center_address=address,
        card_id="k-4711", card_number="4711",
        limits_left=(
            LimitLeft(name="Monatsbudget", level="center", window="month", left=euro("484.80")),
            LimitLeft(name="Essen am Tag", level="card", window="day", left_count=1),
        ),
    )  # fmt: skip


def subsidy(amount: str) -> Payment:
    """What the employer pays of a meal."""
    part = VatPart(vat="reduced", rate=700, dsfinvk_key=2, gross=euro(amount))
    return Payment(
        payment_id="p-subsidy", kind="subsidy", name="Zuschuss Mittagessen", fiscal="Keine",
        amount=euro(amount), hold_id="h-2", case="ZuschussEcht", parts=(part,), rule_id="R1",
        card_id="k-4711", card_number="4711",
    )  # fmt: skip


COMPANY = ("Firma A GmbH", "Musterweg 3, 4. Stock", "10115 Berlin")

LINES = (
    line("Die Entdeckung der Langsamkeit", "12.99"),
    line("Straßenkarte „Köln & Umgebung“ 1:25 000, wasserfest, mit Radwegen", "6.66", count="3"),
    line("Notizbuch A5 kariert", "12.00", vat="standard"),
    line("Geschenkgutschein", "50.00", vat="zero", serial="GS-2026-004812"),
)
PAYMENTS = (voucher("5.00", remaining="45.00"), cash("89.97", tendered="100.00"))


def booking(
    lines: tuple[Line, ...] = LINES,
    payments: tuple[Payment, ...] = PAYMENTS,
    *,
    till_name: str = "Kasse 1",
) -> BookingRecorded:
    """What the gateway recorded."""
    shares = split_by_rate((entry.vat, entry.rate, entry.amount) for entry in lines)
    whole = total((entry.amount for entry in lines), currency="EUR")
    change = next((p.change for p in payments if p.change is not None), Money(amount=0))
    return BookingRecorded(
        booking_id="b-1",
        store_id="berlin",
        till_id="till-1",
        till_name=till_name,
        legal_entity_id="kette",
        tse_id="tse-berlin",
        client_id="KV-berlin-1",
        number=128,
        shift=12,
        started_at=STARTED,
        recorded_at=RECORDED,
        sign_by=RECORDED,
        business_date=date(2026, 11, 21),
        currency="EUR",
        lines=lines,
        payments=payments,
        total=whole,
        vat=tuple(
            VatTotal(
                vat=share.vat, rate=share.rate, dsfinvk_key=DSFINVK_KEY[share.vat],
                gross=share.gross, net=share.net, tax=share.tax,
            )
            for share in shares
        ),
        change=change,
    )  # fmt: skip


def signed(*, certified: bool = False) -> VerdictReceived:
    """The signer's word, with values of the lengths that P-384 has."""
    return VerdictReceived(
        booking_id="b-1",
        store_id="berlin",
        till_id="till-1",
        verdict="signed",
        received_at=RECORDED,
        client_id="KV-berlin-1",
        tse_serial="2ddbd6b0df57a4d8c1e4578a89952922dfe979e94f5c7444192cf8d04e063127",
        certified=certified,
        transaction_number=4711,
        signature_counter=9423,
        start_time=datetime(2026, 11, 21, 13, 4, 57, tzinfo=UTC),
        log_time=datetime(2026, 11, 21, 13, 5, 34, tzinfo=UTC),
        process_type="Kassenbeleg-V1",
        process_data="Beleg^24.99_19.98_0.00_0.00_45.00^59.97:Bar_30.00:Unbar",
        algorithm="ecdsa-plain-SHA384",
        time_format="unixTime",
        value=VALUE,
        public_key=PUBLIC_KEY,
        qr=QR,
    )


ORDER = ReceiptOrder(booking=booking(), verdict=signed(), master_data=store())
COPY = replace(ORDER, is_copy=True)
OUTAGE = replace(ORDER, verdict=None, outage=True)
MEAL = (line("Tagesgericht", "7.20"), line("Apfelschorle", "2.60"))
LUNCH = replace(
    ORDER,
    booking=booking(
        lines=MEAL, payments=(center("4.50", address=COMPANY), subsidy("3.10"), cash("2.20"))
    ),
    master_data=store().model_copy(update={"cost_centers": CostCenterTerms(name="Kostenstelle")}),
)
"""A meal on a cost center, with a subsidy, and the rest in cash."""
DEPARTMENT = replace(ORDER, booking=booking(lines=MEAL, payments=(center("9.80"),)))
"""A center without an address; nobody has to sign."""
ENGLISH = replace(ORDER, master_data=store(language="en"))
