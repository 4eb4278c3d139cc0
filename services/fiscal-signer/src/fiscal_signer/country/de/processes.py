"""The processes of a till that are no sale (DSFinV-K annex I, AEAO to § 146a no. 2.2.3.6).

Cash moves: Kassenbeleg-V1, the amount in slot 5 and as a cash payment, plus into the drawer.
Orders: Bestellung-V1, `quantity;"name";gross price` per line, lines apart by U+000D.
Closings: SonstigerVorgang, whose text is ours to choose:

    Kassenabschluss;<client>;Z=<number>;<business date>;<turnover of the shift>;<cash in the drawer>
"""

from __future__ import annotations

import unicodedata
from decimal import ROUND_DOWN, Decimal

from fiscal_signer.country.de.process_data import RECEIPT_TYPE, minor_text
from fiscal_signer.country.port import Process, ProcessDataRefused
from fiscal_signer.foreign import BookingOrdered, CashMoved, OrderLine, TillClosed
from money import Money

ORDER_TYPE, OTHER_TYPE = "Bestellung-V1", "SonstigerVorgang"

PROCESS_DATA_BYTES_MAX = 16 * 1024
"""More than any order, and less than what an event with its log message can hold."""

QUANTITY_DECIMALS = 3

CASH_CASES = frozenset({
    "Anfangsbestand", "Geldtransit", "Privateinlage", "Privatentnahme", "Lohnzahlung",
    "Einzahlung", "Auszahlung", "TrinkgeldAN", "DifferenzSollIst",
})  # fmt: skip
"""Business cases that only move money: no part of a shift's turnover."""


def cash(move: CashMoved) -> Process:
    """A cash move of any kind. Raises `ProcessDataRefused`: a foreign currency."""
    amount = _text(move.amount, move.currency)
    paid = "" if amount == "0.00" else f"{amount}:Bar"
    if paid and move.currency != "EUR":
        paid = f"{paid}:{move.currency}"
    return Process(RECEIPT_TYPE, f"Beleg^0.00_0.00_0.00_0.00_{amount}^{paid}")


def order(ordered: BookingOrdered) -> Process:
    """An order. Raises `ProcessDataRefused`: a name that would break the grammar, too long."""
    data = "\r".join(map(_order_line, ordered.lines))
    if len(data.encode()) > PROCESS_DATA_BYTES_MAX:
        raise ProcessDataRefused(
            "process_data_too_long", f"{len(ordered.lines)} lines are more than one order holds"
        )
    return Process(ORDER_TYPE, data)


def closing(closed: TillClosed) -> Process:
    """The end of a shift. Raises `ProcessDataRefused`: a foreign currency."""
    turnover = Money(amount=0, currency=closed.currency)
    for total in closed.cases:
        if total.case not in CASH_CASES:
            _of(total.gross, closed.currency)
            turnover += total.gross
    in_drawer = closed.cash.expected if closed.cash.counted is None else closed.cash.counted
    parts = (
        "Kassenabschluss",
        closed.client_id,
        f"Z={closed.z_number}",
        closed.business_date.isoformat(),
        minor_text(turnover.amount),
        _text(in_drawer, closed.currency),
    )
    return Process(OTHER_TYPE, ";".join(parts))


def quantity_text(quantity: Decimal) -> str:
    """At most three decimals, further ones cut off, no zeros at the end, no `-0`."""
    cut = quantity.quantize(Decimal(1).scaleb(-QUANTITY_DECIMALS), rounding=ROUND_DOWN)
    text = f"{cut:f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _order_line(line: OrderLine) -> str:
    if any(unicodedata.category(character) == "Cc" for character in line.name):
        raise ProcessDataRefused("text_refused", "a name with control characters")
    name = line.name.replace('"', '""')
    return f'{quantity_text(line.quantity)};"{name}";{minor_text(line.unit_price.amount)}'


def _text(amount: Money, currency: str) -> str:
    _of(amount, currency)
    return minor_text(amount.amount)


def _of(amount: Money, currency: str) -> None:
    if amount.currency != currency:
        raise ProcessDataRefused(
            "currency_mixed", f"an amount in {amount.currency} in a process in {currency}"
        )
