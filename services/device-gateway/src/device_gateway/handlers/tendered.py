"""A payment as the till sent it, and which of the means of payment it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID, uuid5

from device_gateway.commands import NewPayment
from device_gateway.decider.booking_state import Booking, Tender
from device_gateway.decider.library import FEE_KINDS
from device_gateway.decider.refusals import MeansUnknown
from device_gateway.events import (
    FiscalKind,
    MasterDataChanged,
    Payer,
    PaymentKind,
    Reference,
    ReferenceType,
    TerminalWish,
    VatTreatment,
)
from device_gateway.handlers.charges import pays_at_once, terms_of
from device_gateway.handlers.fee_payments import FeePayment
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.holds import HELD_KINDS
from device_gateway.ports import ChargeAsked, ChargeCard
from device_gateway.terminal.ports import TerminalUnknown
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
    terminal: str | Literal[True] | None = None
    """A card: the terminal that is asked; True: the till's own."""
    receipt_number: str | None = None
    """A card that was taken on a terminal of its own."""
    payer: Payer | None = None
    """On account."""

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
        terminal=None
        if not isinstance(paid.terminal, str)
        else TerminalWish(terminal_id=paid.terminal),
        receipt_number=paid.receipt_number,
        payer=paid.payer,
        key_rule=_key_rule(master_data),
        slip=paid.payer is not None and _slip(master_data),
    )


def _key_rule(master_data: MasterDataChanged) -> VatTreatment:
    return "supply" if master_data.on_account is None else master_data.on_account.receivable_vat


def _slip(master_data: MasterDataChanged) -> bool:
    return master_data.on_account is not None and master_data.on_account.slip


def _means(master_data: MasterDataChanged, kind: PaymentKind) -> tuple[str, FiscalKind, str | None]:
    """Name, fiscal kind and ZAHLART_TYP of a means of payment. Raises `MeansUnknown`."""
    if kind == "cost_center":
        return terms_of(master_data).name, "Keine", None
    if kind in FEE_KINDS:
        return FEE_NAMES[kind], "Keine", None
    if kind == "on_account" and master_data.on_account is not None:
        return master_data.on_account.name, "Keine", None
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
    till_id: str,
) -> TenderedPayment:
    """What a scanned card is: its group's mode says so (C17). What it was taken for once, it stays
    for this payment. A card at the till's own terminal gets that terminal's name. Raises
    `ChargeRefused`, `ChargeUnavailable`, `TerminalUnknown`."""
    tender = None if booking is None else booking.tender(payment_id)
    if paid.terminal is not None:
        return await _at_terminal(gateway, paid, tender, store_id, till_id)
    if paid.kind != "customer_card":
        return paid
    assert paid.code is not None
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


async def _at_terminal(
    gateway: Gateway,
    paid: TenderedPayment,
    tender: Tender | None,
    store_id: str,
    till_id: str,
) -> TenderedPayment:
    """With the terminal's id. Raises `TerminalUnknown`: nothing is stored then."""
    if tender is not None and tender.terminal is not None:
        return replace(paid, terminal=tender.terminal.terminal_id)
    if gateway.terminals is None:
        raise TerminalUnknown
    wanted = None if paid.terminal is True else paid.terminal
    device = await gateway.terminals.devices.find(store_id, till_id, wanted)
    return replace(paid, terminal=device.terminal_id)
