"""The process data of a receipt: Kassenbeleg-V1 (DSFinV-K annex I).

    Beleg^<19 %>_<7 %>_<§ 24 (1) no. 3>_<§ 24 (1) no. 1>_<0 %>^<amount>:Bar_<amount>:Unbar

A multi-purpose voucher is not taxed when it is sold: plus in slot 5. When it pays, it is a line
with the opposite sign in slot 5 and no payment (fiscal cases MehrzweckgutscheinKauf and
MehrzweckgutscheinEinloesung). A single-purpose voucher is taxed when it is sold, in the slot of
its goods, and is taken off there when it pays (EinzweckgutscheinKauf, EinzweckgutscheinEinloesung).
One that was given away is a discount (Rabatt) in the slots of the goods, and no payment.

A cost center pays later: its receivable (Forderungsentstehung), and likewise what others pay
(ZuschussEcht, ZuschussUnecht), is a line with the opposite sign in the slots that its parts name,
and no payment. The till's choice of keys decides: those of the goods, or 5 or 7 in slot 5. So the
five slots and the payments always have the same sum.

Tips to the staff stand in slot 5, deposits in the slot of their goods. Whatever goes back to the
customer is the same line with the opposite sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import ROUND_DOWN, Decimal

from fiscal_signer.country.port import Process, ProcessDataRefused
from fiscal_signer.foreign import BookingRecorded, Payment
from money import Money

RECEIPT_TYPE = "Kassenbeleg-V1"
ABORTED = Process(RECEIPT_TYPE, "AVBelegabbruch^0.00_0.00_0.00_0.00_0.00^")

RECEIPT, TRAINING = "Beleg", "AVTraining"
"""A return, a cancellation (AVBelegstorno is for tills without a TSE) and a payout are a `Beleg`
with amounts below zero."""

SLOTS = 5
_SLOT_BY_KEY = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 5, 7: 5, 8: 5,
                11: 1, 12: 2, 13: 3, 21: 1, 22: 2, 23: 3, 33: 3, 43: 3}  # fmt: skip
"""UST_SCHLUESSEL (annex 2 of 2024-12-05) → slot; two-digit keys are expired rates."""

_SLOT_BY_RATE = {1900: 1, 1600: 1, 700: 2, 500: 2, 1070: 3, 950: 3, 900: 3, 840: 3, 780: 3,
                 550: 4, 0: 5}  # fmt: skip
"""Individual keys (1000 and above) go by their rate, in basis points."""

INDIVIDUAL_KEY_MIN = 1000

GRAMMAR = re.compile(
    r"(Beleg|AV[A-Za-z]+)\^-?[0-9]+\.[0-9]{2}(_-?[0-9]+\.[0-9]{2}){4}\^"
    r"((-?[0-9]+\.[0-9]{2}:(Bar|Unbar)(:[A-Z]{3})?)"
    r"(_-?[0-9]+\.[0-9]{2}:(Bar|Unbar)(:[A-Z]{3})?)*)?"
)

_TENDERS = ("Bar", "Unbar")
"""Cash stands before non-cash."""


def amount_text(amount: Decimal) -> str:
    """Dot, exactly two decimals, no grouping; further decimals are cut off; no `-0.00`."""
    return minor_text(int(amount.scaleb(2).to_integral_value(rounding=ROUND_DOWN)))


def minor_text(minor: int) -> str:
    """The same for minor units of a currency with two decimals: 1190 → `11.90`."""
    if not minor:
        return "0.00"  # Four of five slots, mostly.
    major, cents = divmod(abs(minor), 100)
    return f"{'-' if minor < 0 else ''}{major}.{cents:02d}"


def slot_of(dsfinvk_key: int, rate: int) -> int:
    """The slot, 1 to 5, of a VAT key. Raises `ProcessDataRefused`."""
    if dsfinvk_key >= INDIVIDUAL_KEY_MIN:
        slot = _SLOT_BY_RATE.get(rate)
    else:
        slot = _SLOT_BY_KEY.get(dsfinvk_key)
    if slot is None:
        raise ProcessDataRefused(
            "vat_key_unknown", f"there is no slot for VAT key {dsfinvk_key} at {rate} basis points"
        )
    return slot


def receipt(booking: BookingRecorded, kind: str = RECEIPT) -> Process:
    """The signed data of a recorded booking; `kind` (Vorgangstyp): `RECEIPT` or `TRAINING`.

    Raises `ProcessDataRefused`: a VAT key without a slot, a payment whose fiscal kind is unknown,
    or sums that differ (for our own data a defect, and never signed).
    """
    # Minor units as plain integers: this runs once per sale, and nothing here mixes currencies.
    slots = [0] * SLOTS
    for line in booking.lines:
        slots[slot_of(line.dsfinvk_key, line.rate) - 1] += _minor(booking, line.amount)
    paid: dict[tuple[str, str], int] = {}
    for payment in booking.payments:
        if payment.fiscal == "Keine":
            for slot, amount in _reductions(payment):
                slots[slot - 1] -= _minor(booking, amount)
        else:
            key = (payment.fiscal, payment.amount.currency)
            paid[key] = paid.get(key, 0) + payment.amount.amount
    _sums_agree(booking, slots, paid)
    amounts = "_".join(map(minor_text, slots))
    return Process(RECEIPT_TYPE, f"{kind}^{amounts}^{_payments_text(paid)}")


def _minor(booking: BookingRecorded, amount: Money) -> int:
    if amount.currency != booking.currency:
        raise ProcessDataRefused(
            "currency_mixed", f"a line in {amount.currency} in a booking in {booking.currency}"
        )
    return amount.amount


def _reductions(payment: Payment) -> Iterable[tuple[int, Money]]:
    """(slot, amount) of what a payment that is none takes off. Raises `ProcessDataRefused`."""
    if not payment.parts:
        return ((_slot_of_redemption(payment), payment.amount),)
    if sum(part.gross.amount for part in payment.parts) != payment.amount.amount:
        raise ProcessDataRefused(
            "parts_differ", f"the parts of payment {payment.payment_id} are not its amount"
        )
    return tuple((slot_of(part.dsfinvk_key, part.rate), part.gross) for part in payment.parts)


def _slot_of_redemption(payment: Payment) -> int:
    if payment.dsfinvk_key is None:
        raise ProcessDataRefused(
            "payment_without_vat_key",
            f"payment {payment.payment_id} ({payment.kind}) is no payment in the fiscal sense "
            "and does not say which VAT key it reduces",
        )
    return slot_of(payment.dsfinvk_key, payment.rate or 0)


def _sums_agree(
    booking: BookingRecorded, slots: list[int], paid: dict[tuple[str, str], int]
) -> None:
    if any(currency != booking.currency for _, currency in paid):
        return  # A foreign currency's amount is not comparable here; the till converts it.
    slots_sum, paid_sum = sum(slots), sum(paid.values())
    if slots_sum != paid_sum:
        raise ProcessDataRefused(
            "sums_differ", f"the slots hold {slots_sum} and the payments {paid_sum} minor units"
        )


def _payments_text(paid: dict[tuple[str, str], int]) -> str:
    parts = []
    order: Iterable[tuple[str, str]] = paid
    if len(paid) > 1:
        order = sorted(paid, key=lambda key: (_TENDERS.index(key[0]), key[1]))
    for tender, currency in order:
        amount = paid[tender, currency]
        if amount:
            suffix = "" if currency == "EUR" else f":{currency}"
            parts.append(f"{minor_text(amount)}:{tender}{suffix}")
    return "_".join(parts)


def grammar_fault(process_data: str) -> str:
    """Why a text is not process data of a receipt; empty: it is."""
    return "" if GRAMMAR.fullmatch(process_data) else "not of the form of Kassenbeleg-V1"
