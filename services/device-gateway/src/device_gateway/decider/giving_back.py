"""What is given back to those who paid: vouchers by lines, cost centers by payments. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID, uuid5

from device_gateway.decider.waivers import DISCOUNT
from device_gateway.events import BookingRecorded, Line, Payment, Reference, VatPart
from money import Money


@dataclass(frozen=True, slots=True)
class Source:
    """What settled a part of some goods, and gets it back before money does."""

    hold_id: str
    amount: int
    """Of what `per` says, in minor units."""
    name: str
    case: str | None
    vat: str
    rate: int
    dsfinvk_key: int
    rule_id: str | None = None
    voucher_id: str | None = None
    voucher_serial: str | None = None
    per: Literal["line", "vat", "all"] = "vat"
    """It paid for this line, for goods of this VAT, or for everything."""
    payment: Payment | None = None
    """A cost center or a subsidy: it gets back a payment, and not a line."""

    @property
    def key(self) -> str:
        """Names it within the booking that it paid for."""
        return f"{self.hold_id}/{self.rule_id or ''}/{self.vat}"

    def of_line(self, amount: int) -> Source:
        return replace(self, amount=amount, per="line")


def reference_to(recorded: BookingRecorded, line_id: str | None = None) -> Reference:
    """To a booking of ours; with a line it says no more than it has to."""
    if line_id is not None:
        return Reference(
            type="Transaktion", id=recorded.booking_id, line_id=line_id, number=recorded.number
        )
    return Reference(
        type="Transaktion",
        id=recorded.booking_id,
        date=recorded.recorded_at,
        till_id=recorded.till_id,
        z_number=recorded.shift or None,
        number=recorded.number,
    )


def given_back(
    restored: Iterable[tuple[Source, Money]],
    *,
    booking_id: str,
    numbered: int,
    reference: Reference,
) -> tuple[tuple[Line, ...], tuple[Payment, ...]]:
    """One line per voucher and VAT key, one payment per payer and VAT key."""
    sums: dict[str, tuple[Source, Money]] = {}
    for source, amount in restored:
        before = sums.get(source.key)
        sums[source.key] = (source, amount if before is None else before[1] + amount)
    brief = Reference(type=reference.type, id=reference.id, number=reference.number)
    lines, payments = list[Line](), list[Payment]()
    for source, amount in sums.values():
        own = str(uuid5(UUID(booking_id), f"back/{source.key}"))
        if source.payment is None:
            lines.append(_to_voucher(source, amount, own, numbered + len(lines) + 1, brief))
        else:
            # All parts of one charge are one reversal there.
            whole = str(uuid5(UUID(booking_id), f"back/{source.hold_id}"))
            payments.append(_to_payer(source, source.payment, amount, own, whole, brief))
    return tuple(lines), tuple(payments)


def _to_voucher(
    source: Source, amount: Money, reversal_id: str, number: int, reference: Reference
) -> Line:
    return Line(
        line_id=str(number),
        kind="voucher_redemption_reversal",
        name=source.name,
        quantity="1",
        unit_price=amount,
        amount=amount,
        vat=source.vat,
        rate=source.rate,
        dsfinvk_key=source.dsfinvk_key,
        voucher_id=source.voucher_id,
        voucher_serial=source.voucher_serial,
        # The table of fiscal cases names it, gifts apart: they are no redemption.
        case=source.case if source.case == DISCOUNT else None,
        hold_id=source.hold_id,
        reversal_id=reversal_id,
        reference=reference,
    )


def _to_payer(
    source: Source,
    paid: Payment,
    amount: Money,
    payment_id: str,
    reversal_id: str,
    reference: Reference,
) -> Payment:
    if paid.kind == "on_account":
        part = VatPart(
            vat=source.vat, rate=source.rate, dsfinvk_key=source.dsfinvk_key, gross=-amount
        )
        return Payment(
            payment_id=payment_id,
            kind="on_account",
            name=paid.name,
            fiscal="Keine",
            amount=-amount,
            case=paid.case,
            case_name=paid.case_name,
            payment_type=paid.payment_type,
            parts=(part,),
            payer=paid.payer,
            reference=reference,
        )
    return Payment(
        payment_id=payment_id,
        kind="charge_reversal",
        name=paid.name,
        fiscal="Keine",
        amount=-amount,
        hold_id=paid.hold_id,
        reversal_id=reversal_id,
        rule_id=paid.rule_id,
        vat=source.vat,
        rate=source.rate,
        dsfinvk_key=source.dsfinvk_key,
        case=paid.case,
        payment_type=paid.payment_type,
        center_id=paid.center_id,
        center_number=paid.center_number,
        center_name=paid.center_name,
        card_id=paid.card_id,
        card_number=paid.card_number,
        reference=reference,
    )
