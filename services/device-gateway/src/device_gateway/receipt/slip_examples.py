"""Example slips beside the receipt: for the layout preview and the tests."""

from __future__ import annotations

from dataclasses import replace

from device_gateway.events import (
    CardTotal,
    CostCenterTerms,
    OnAccountTerms,
    Payer,
    Payment,
    VatPart,
)
from device_gateway.ports import ReceiptOrder, TerminalReport
from device_gateway.receipt import examples
from device_gateway.receipt.report_examples import CLOSED
from money import euro

DELIVERED = Payment(
    payment_id="p-payer", kind="on_account", name="Auf Rechnung", fiscal="Keine",
    amount=euro("9.80"), case="Forderungsentstehung", slip=True,
    parts=(VatPart(vat="reduced", rate=700, dsfinvk_key=2, gross=euro("9.80")),),
    payer=Payer(id="kunde-17", kind="customer", reference="Bestellung 7"),
)  # fmt: skip
"""What a customer will be invoiced for."""

TERMS = examples.store().model_copy(
    update={
        "cost_centers": CostCenterTerms(name="Kostenstelle", slip=True),
        "on_account": OnAccountTerms(name="Auf Rechnung", slip=True),
    }
)

CHARGED = examples.center("9.80", address=examples.COMPANY).model_copy(update={"slip": True})

END_OF_DAY = TerminalReport(
    booking_id="run-1",
    store_id="berlin",
    till_id="till-1",
    till_name="Kasse 1",
    terminal_name="Terminal an Kasse 1",
    at=CLOSED,
    total=euro("988.60"),
    totals=(
        CardTotal(card_type="girocard", count=33, amount=euro("802.10")),
        CardTotal(card_type="Mastercard", count=8, amount=euro("186.50")),
    ),
    text=("Kassenschnitt", "Terminal-ID 52500041", "Beleg-Nr. 0041 bis 0082", "Abschluss erfolgt"),
)


def _slip(payment: Payment) -> ReceiptOrder:
    return ReceiptOrder(
        booking=examples.booking(examples.MEAL, (payment,)),
        verdict=examples.signed(),
        master_data=TERMS,
        paper="center_slip",
    )


PAPERS: dict[str, ReceiptOrder] = {
    "center-slip": _slip(CHARGED),
    "account-slip": _slip(DELIVERED),
    "center-slip-copy": replace(_slip(CHARGED), is_copy=True),
    "end-of-day": ReceiptOrder(END_OF_DAY, None, examples.store(), paper="terminal_report"),
    "rest-slip": replace(examples.ORDER, paper="rest_slip"),
}
"""One of each."""
