"""What a payment by cost center is made of."""

from __future__ import annotations

from typing import Literal

from device_gateway.events.parts import Part, Rare
from money import Money

VatTreatment = Literal["supply", "not_taxable", "undetermined"]
"""Under which UST_SCHLUESSEL a receivable stands in the signed data and in DSFinV-K: that of the
goods, 5 (not taxable), or 7 (not determinable)."""


class VatPart(Part):
    """A share of a payment. `vat` and `rate` are those of the goods it pays for; `dsfinvk_key` is
    the key under which the receivable or the subsidy stands, as the chain has decided."""

    vat: str
    rate: int
    """Basis points."""
    dsfinvk_key: int
    gross: Money


class Payer(Part):
    """Whose receivable it is: a customer of the shop, or a third party that pays for others. An id
    that billing knows, and never a name."""

    id: str
    kind: Literal["customer", "third_party"]
    reference: Rare[str] = None
    """What the payer wants to read on the invoice: an order number, a grant."""


class LimitLeft(Part):
    """What a limit leaves once this booking is charged; the slip prints it."""

    name: str
    level: str
    window: str
    left: Rare[Money] = None
    left_count: Rare[int] = None


class ChargeProblem(Part):
    """What the cashier needs of a refusal: how much would fit, which cards there are, …"""

    limit_id: Rare[str] = None
    name: Rare[str] = None
    level: Rare[str] = None
    window: Rare[str] = None
    available: Rare[Money] = None
    available_count: Rare[int] = None
    cards: Rare[tuple[str, ...]] = None
    """Numbers of the virtual cards, one of which the till sends as `card_number`."""
    reason: Rare[str] = None
    mode: Rare[str] = None
