"""One process of a till as DSFinV-K sees it: its positions, its VAT, its payments.

Amounts are minor units (cents); net amounts of positions have five decimals. What stands on the
receipt is what stands here: the process' VAT table is the receipt's, and the positions' net
amounts are rounded so that their sum is that of the table (the rest goes to the largest position
of its key).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fiscal_signer.country.de.dsfinvk.cases import case_of_line, case_of_payment, payment_type
from fiscal_signer.country.de.dsfinvk.text import FIVE, net_of, rate_of

CASH = "Bar"
NOTHING_PAID = ("Keine", "Keine Zahlung")
TILL_MONEY_KEY = 5
"""Cash that only changes its place is not taxable."""


@dataclass(slots=True)
class Part:
    """What of a position stands under one VAT key."""

    key: int
    rate: int
    gross: int
    net: int = 0
    """In 1/100,000."""


@dataclass(slots=True)
class Position:
    """One line of the process (lines.csv)."""

    text: str
    case: str
    case_name: str
    parts: list[Part]
    quantity: str = "1"
    price: int = 0
    """Of one, gross."""
    voucher: str = ""
    sku: str = ""
    gtin: str = ""
    group: str = ""
    void: bool = False
    """Taken back before the process ended."""
    lowers: bool = False
    """A discount: also a row of itemamounts.csv."""
    reference: dict[str, Any] | None = None


@dataclass(slots=True)
class Paid:
    """One payment (datapayment.csv)."""

    type: str
    name: str
    currency: str
    amount: int


@dataclass(slots=True)
class Bon:
    """A process, ready to be written. `vat`: key → [gross, net], both in cents; net is what the
    receipt says."""

    type: str
    name: str
    kind: str
    positions: list[Position] = field(default_factory=list)
    payments: list[Paid] = field(default_factory=list)
    vat: dict[int, list[int]] = field(default_factory=dict)
    rates: dict[int, int] = field(default_factory=dict)
    note: str = ""
    customer: tuple[str, str] = ("", "")
    """Id and name of who pays later."""
    group: str = ""
    references: list[dict[str, Any]] = field(default_factory=list)

    @property
    def gross(self) -> int:
        return sum(amounts[0] for amounts in self.vat.values())

    @property
    def counts(self) -> bool:
        """Whether it changes what the till has sold or holds: it feeds the closing's sums."""
        return self.type == "Beleg"


_KIND_NAMES = {
    "return": "Rücknahme", "cancellation": "Storno", "payout": "Auszahlung Gutschein",
}  # fmt: skip


def bon_of(name: str, data: dict[str, Any]) -> Bon:
    """The process that an event records. Raises KeyError, TypeError, ValueError for an event that
    is not what its name says."""
    match name:
        case "booking.recorded":
            kind = data.get("kind", "sale")
            bon = Bon("Beleg", _KIND_NAMES.get(kind, ""), kind)
            _booking(bon, data)
        case "training.recorded":
            bon = Bon("AVTraining", "", "training", note="Schulung: zählt nicht")
            _booking(bon, data)
        case "booking.aborted":
            bon = Bon("AVBelegabbruch", "", "aborted", note=f"Abgebrochen: {data['reason']}")
            _aborted(bon, data)
        case "booking.ordered":
            bon = Bon("AVBestellung", "", "order", group=data.get("group", ""))
            _ordered(bon, data)
        case "cash.moved":
            bon = Bon("Beleg", "", "cash", note=data["reason"])
            _cash(bon, data)
        case "till.closed":
            return Bon("AVSonstige", "Kassenabschluss", "closing")
        case _:
            raise ValueError(f"{name} is no process")
    return bon


def _booking(bon: Bon, data: dict[str, Any]) -> None:
    positions = bon.positions
    for line in data["lines"]:
        positions.append(_position(line))
    for payment in data["payments"]:
        if payment["fiscal"] == "Keine":
            positions.append(_not_paid(payment))
            if "center_id" in payment:
                number = payment.get("center_number") or payment["center_id"]
                bon.customer = (number, payment.get("center_name", ""))
        elif payment["amount"]["amount"]:
            amount = payment["amount"]
            paid = Paid(payment_type(payment), payment["name"], amount["currency"], 0)
            paid.amount = amount["amount"]
            bon.payments.append(paid)
        if "reference" in payment:
            bon.references.append(payment["reference"])
    if not bon.payments:
        bon.payments.append(Paid(*NOTHING_PAID, data["currency"], 0))
    bon.references.extend(data.get("references", ()))
    _tax(bon, data["vat"])


def _position(line: dict[str, Any]) -> Position:
    case, case_name = case_of_line(line)
    key = line["dsfinvk_key"]
    return Position(
        text=line["name"],
        case=case,
        case_name=case_name,
        parts=[Part(key, rate_of(key, line["rate"]), line["amount"]["amount"])],
        quantity=line["quantity"],
        price=line["unit_price"]["amount"],
        voucher=line.get("voucher_serial") or "",
        sku=line.get("sku") or "",
        gtin=line.get("gtin", ""),
        group=line.get("article_group", ""),
        lowers=line["kind"] == "discount" or case == "Rabatt",
        reference=line.get("reference"),
    )


def _not_paid(payment: dict[str, Any]) -> Position:
    """What is no payment in the fiscal sense (a voucher, a receivable, a subsidy) is a position
    with the opposite sign."""
    case, case_name = case_of_payment(payment)
    amount = -payment["amount"]["amount"]
    parts = [
        Part(
            part["dsfinvk_key"],
            rate_of(part["dsfinvk_key"], part["rate"]),
            -part["gross"]["amount"],
        )
        for part in payment.get("parts", ())
    ]
    if not parts:
        key = payment.get("dsfinvk_key") or TILL_MONEY_KEY
        parts = [Part(key, rate_of(key, payment.get("rate") or 0), amount)]
    return Position(
        text=payment["name"],
        case=case,
        case_name=case_name,
        parts=parts,
        price=amount,
        voucher=payment.get("voucher_serial") or "",
    )


def _aborted(bon: Bon, data: dict[str, Any]) -> None:
    """What was entered, and taken back again: nothing was sold."""
    for line in data.get("lines", ()):
        entered, void = _position(line), _position(line)
        void.void = True
        void.quantity = _negative(void.quantity)
        for part in void.parts:
            part.gross = -part.gross
        entered.lowers = void.lowers = False
        bon.positions += (entered, void)
    _tax(bon, ())


def _ordered(bon: Bon, data: dict[str, Any]) -> None:
    for line in data["lines"]:
        price, key = line["unit_price"]["amount"], line["dsfinvk_key"]
        gross = _times(line["quantity"], price)
        part = Part(key, rate_of(key, line["rate"]), gross)
        bon.positions.append(
            Position(
                text=line["name"], case="Umsatz", case_name="", parts=[part],
                quantity=line["quantity"], price=price, sku=line.get("sku", ""),
            )
        )  # fmt: skip
    if "order_of" in data:
        bon.references.append({"type": "Transaktion", "id": data["order_of"]})
    _tax(bon, ())


def _cash(bon: Bon, data: dict[str, Any]) -> None:
    amount = data["amount"]
    part = Part(TILL_MONEY_KEY, 0, amount["amount"])
    case = data["case"]
    bon.positions.append(
        Position(data["reason"] or case, case, data.get("case_name", ""), [part],
                 price=amount["amount"])
    )  # fmt: skip
    means = data.get("means", CASH)
    bon.payments.append(Paid(CASH, means, amount["currency"], amount["amount"]))
    if "reference" in data:
        bon.references.append(data["reference"])
    _tax(bon, ())


def _negative(quantity: str) -> str:
    return quantity[1:] if quantity.startswith("-") else f"-{quantity}"


def _times(quantity: str, price: int) -> int:
    """Quantity x price in minor units, rounded half away from zero."""
    whole, _, rest = quantity.lstrip("-").partition(".")
    exact = int(f"{whole}{rest:0<3}") * price  # 1/1,000 of a minor unit
    if quantity.startswith("-"):
        exact = -exact
    rounded = (2 * abs(exact) + 1_000) // 2_000
    return rounded if exact >= 0 else -rounded


def _tax(bon: Bon, printed: Any) -> None:
    """The process' VAT by key, and the positions' net amounts.

    `printed`: the VAT table of the receipt. It is over the lines, less what was taxed before; what
    is not in it (receivables, subsidies, vouchers at key 5) is taxed here, the same way."""
    vat, rates = bon.vat, bon.rates
    largest: dict[int, Part] = {}
    nets: dict[int, int] = {}
    for position in bon.positions:
        for part in position.parts:
            key, gross = part.key, part.gross
            found = vat.get(key)
            if found is None:
                vat[key] = [gross, 0]
                rates[key] = part.rate
                largest[key] = part
                nets[key] = 0
            else:
                found[0] += gross
                if abs(gross) > abs(largest[key].gross):
                    largest[key] = part
            part.net = net_of(gross * FIVE, part.rate)
            nets[key] += part.net
    left = {key: amounts[0] for key, amounts in vat.items()}
    for row in printed:
        key = row["dsfinvk_key"]
        if key in vat:
            vat[key][1] += row["net"]["amount"]
            left[key] -= row["gross"]["amount"]
    for key, gross in left.items():
        vat[key][1] += net_of(gross, rates[key])
        # Largest in size: there the rest of the rounding is the smallest share.
        largest[key].net += vat[key][1] * FIVE - nets[key]
