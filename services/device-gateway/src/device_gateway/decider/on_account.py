"""Payment on account: the goods are handed over, and a payer that billing knows owes them. Pure.

It stands in the books like the receivable of a cost center (Forderungsentstehung): its parts are
the goods by VAT key, under the UST_SCHLUESSEL that the chain has decided.
"""

from __future__ import annotations

from collections.abc import Sequence

from device_gateway.commands import RequestPayment
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.charging import charge_basket, keyed
from device_gateway.decider.refusals import AccountBuysVoucher
from device_gateway.events import (
    BasketPart,
    BookingStarted,
    Payment,
    PaymentAccepted,
    VatPart,
)
from kassenverbund.kit.fiscal_cases import BY_NAME
from money import Money, parts_of

CASE = "Forderungsentstehung"
CASE_OF: dict[str, str] = {
    "customer": "fiscal.receivable.customer",
    "third_party": "fiscal.receivable.scheme",
}
"""Kind of payer → its row in the table of fiscal cases."""


def on_account(
    command: RequestPayment, booking: Booking, started: BookingStarted, wanted: Money
) -> PaymentAccepted:
    """Raises `AccountBuysVoucher`."""
    new = command.payment
    assert new.payer is not None
    allowed = booking.open_to_vouchers
    if wanted > allowed:
        raise AccountBuysVoucher(open_to_account=allowed.model_dump())
    parts = shared(wanted, charge_basket(booking.lines, booking.payments))
    return PaymentAccepted(
        booking_id=started.booking_id,
        store_id=started.store_id,
        payment=Payment(
            payment_id=new.payment_id,
            kind="on_account",
            name=new.name,
            fiscal="Keine",
            amount=wanted,
            case=CASE,
            case_name=BY_NAME[CASE_OF[new.payer.kind]].gv_name,
            parts=keyed(parts, new.key_rule),
            payer=new.payer,
            slip=new.slip,
        ),
        accepted_at=command.now,
    )


def shared(amount: Money, basket: Sequence[BasketPart]) -> tuple[VatPart, ...]:
    """The amount over the VAT keys of the goods, in proportion (largest remainder)."""
    weights: dict[str, int] = {}
    keys: dict[str, tuple[int, int]] = {}
    for part in basket:
        weights[part.vat] = weights.get(part.vat, 0) + part.gross.amount
        keys[part.vat] = (part.rate or 0, part.dsfinvk_key)
    return tuple(
        VatPart(
            vat=vat,
            rate=keys[vat][0],
            dsfinvk_key=keys[vat][1],
            gross=Money(amount=minor, currency=amount.currency),
        )
        for vat, minor in parts_of(amount.amount, weights).items()
        if minor
    )
