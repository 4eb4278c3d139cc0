"""A payment as the till sent it, and which of the means of payment it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID, uuid5

from device_gateway.commands import NewPayment
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.library import FEE_KINDS
from device_gateway.decider.refusals import MeansUnknown
from device_gateway.events import (
    FiscalKind,
    MasterDataChanged,
    PaymentKind,
    Reference,
    ReferenceType,
)
from device_gateway.handlers.charges import pays_at_once, terms_of
from device_gateway.handlers.fee_payments import FeePayment
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.holds import HELD_KINDS
from device_gateway.ports import ChargeAsked, ChargeCard
from money import Money

ORDER: ReferenceType = "ExterneSonstige"
"""How a booking refers to the order of a web shop."""


FEE_NAMES: Mapping[PaymentKind, str] = {"waiver": "Erlass", "account_credit": "Guthaben"}
"""As the paper calls them."""


@dataclass(frozen=True, slots=True)
class TenderedPayment:
    """A payment as the till sent it; the code of a voucher stays in memory."""

    kind: PaymentKind | Literal["customer_card"]
    amount: Money | None
    code: str | None = None
    codes: Sequence[str] = ()
    """Several vouchers that pay together."""
    charge: ChargeAsked | None = None
    """A cost center."""
    order: str | None = None
    """Paid online: the number of the order."""
    fee: FeePayment | None = None
    """A waiver, or credit of an account."""

    def __repr__(self) -> str:
        return f"TenderedPayment({self.kind}, {self.amount})"


def payment_id_of(booking_id: str, key: str) -> str:
    """The same key always means the same payment."""
    return str(uuid5(UUID(booking_id), f"payment/{key}"))


def hold_id_of(booking_id: str, payment_id: str) -> str:
    """The same payment always has the same hold."""
    return str(uuid5(UUID(booking_id), f"hold/{payment_id}"))


def new_payment(
    master_data: MasterDataChanged, booking_id: str, paid: TenderedPayment, key: str
) -> NewPayment:
    """Without any code. Raises `MeansUnknown`."""
    assert paid.kind != "customer_card"  # `as_card` says which of the others it is.
    name, fiscal, payment_type = _means(master_data, paid.kind)
    payment_id = payment_id_of(booking_id, key)
    return NewPayment(
        payment_id=payment_id,
        kind=paid.kind,
        name=name,
        fiscal=fiscal,
        amount=paid.amount,
        hold_id=hold_id_of(booking_id, payment_id) if paid.kind in HELD_KINDS else None,
        together=bool(paid.codes),
        payment_type=payment_type,
        fee_line=None if paid.fee is None else paid.fee.line_id,
        reference=None if paid.order is None else Reference(type=ORDER, id=paid.order),
    )


def _means(master_data: MasterDataChanged, kind: PaymentKind) -> tuple[str, FiscalKind, str | None]:
    """Name, fiscal kind and ZAHLART_TYP of a means of payment. Raises `MeansUnknown`."""
    if kind == "cost_center":
        return terms_of(master_data).name, "Keine", None
    if kind in FEE_KINDS:
        return FEE_NAMES[kind], "Keine", None
    online = master_data.paid_online
    if kind == "online" and online is not None:
        return online.name, "Unbar", online.payment_type
    for means in master_data.means_of_payment:
        if means.kind == kind:
            return means.name, means.fiscal, means.payment_type
    raise MeansUnknown(f"this store does not take {kind}")


async def as_card(
    gateway: Gateway,
    booking: Booking | None,
    paid: TenderedPayment,
    payment_id: str,
    store_id: str,
) -> TenderedPayment:
    """What a scanned card is: its group's mode says so (C17). What it was taken for once, it stays
    for this payment. Raises `ChargeRefused`, `ChargeUnavailable`."""
    if paid.kind != "customer_card":
        return paid
    assert paid.code is not None
    tender = None if booking is None else booking.tender(payment_id)
    if tender is not None:
        on_center = tender.kind == "cost_center"
    else:
        mode = await gateway.charges.mode_of(paid.code, store_id=store_id)
        if mode == "cash":
            raise pays_at_once()
        on_center = mode == "cost_center"
    if not on_center:
        # What no group knows may still be a prepaid card or a voucher.
        return replace(paid, kind="voucher")
    asked = ChargeAsked(ChargeCard(code=paid.code))
    return TenderedPayment("cost_center", paid.amount, charge=asked)
