"""What a cost center is asked to pay for, and how its parts stand in the books. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from device_gateway.decider.covering import uncovered
from device_gateway.decider.pricing import GOODS, NOT_TAXABLE, settled_by_vat
from device_gateway.decider.waivers import waived
from device_gateway.events import BasketPart, Line, Payment, VatPart, VatTreatment
from money import Money, parts_of

UNDETERMINED = 7
"""UST_SCHLUESSEL UmsatzsteuerNichtErmittelbar."""

_KEY_OF: dict[VatTreatment, int] = {"not_taxable": NOT_TAXABLE, "undetermined": UNDETERMINED}


def charge_basket(lines: Sequence[Line], payments: Sequence[Payment]) -> tuple[BasketPart, ...]:
    """The goods line by line, less what is settled of them already.

    What vouchers for some goods only cover comes off those lines. What lowers the price (article
    vouchers, vouchers that were given away) and what settles goods of one VAT key (single-purpose
    vouchers, other cost centers) comes off the lines of that key in proportion. A multi-purpose
    voucher for everything settles no goods in particular, so it takes nothing off.
    """
    off: Counter[str] = Counter()
    for line in lines:
        if line.kind in GOODS and line.amount.amount < 0 and not line.lowers:
            off[line.vat] -= line.amount.amount
    for vat, _, minor in settled_by_vat(payments):
        off[vat] += minor
    spared = {paid.payment_id for paid in payments if paid.covers}
    for payment_id, parts in waived(lines, payments).items():
        if payment_id not in spared:
            off.update(parts)
    left = uncovered(lines, payments)
    goods = [line for line in lines if line.line_id in left]
    for vat, minor in off.items():
        weights = {line.line_id: left[line.line_id] for line in goods if line.vat == vat}
        for line_id, share in parts_of(min(minor, sum(weights.values())), weights).items():
            left[line_id] -= share
    return tuple(
        BasketPart(
            gross=Money(amount=left[line.line_id], currency=line.amount.currency),
            vat=line.vat,
            dsfinvk_key=line.dsfinvk_key,
            article_group=line.article_group,
            line_id=line.line_id,
            rate=line.rate,
            quantity=line.quantity,
        )
        for line in goods
        if left[line.line_id]
    )


def keyed(parts: Iterable[VatPart], treatment: VatTreatment) -> tuple[VatPart, ...]:
    """The parts under the UST_SCHLUESSEL that the chain has decided; their goods stay named."""
    key = _KEY_OF.get(treatment)
    if key is None:
        return tuple(parts)
    return tuple(part.model_copy(update={"dsfinvk_key": key}) for part in parts)
