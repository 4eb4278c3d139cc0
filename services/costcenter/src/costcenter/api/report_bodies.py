"""Answers of the reports that are more than a list."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from money import Money


class CardTotal(BaseModel):
    """What one card did of a center's statement."""

    model_config = ConfigDict(frozen=True)

    card_id: str
    card_number: str
    charges: int
    charged: Money
    reversed: Money
    net: Money
    subsidies: Money
    """That this center owes for meals of the card."""


class RateTotal(BaseModel):
    """What one VAT rate is of it. It was declared with the sales; a statement declares none."""

    model_config = ConfigDict(frozen=True)

    vat: str
    rate: int
    dsfinvk_key: int
    net: Money
    """Charged less reversed, VAT included."""
    subsidies: Money


class Statement(BaseModel):
    """One center and period."""

    model_config = ConfigDict(frozen=True)

    center_id: str
    number: str
    name: str
    company_id: str | None
    company_name: str | None
    period: str
    """`2026-10`, or `2026-10-01/2026-10-15`."""
    state: str | None
    """open, closed; None: not one month, or nothing was charged in it."""
    charges: int
    reversals: int
    late: int
    charged: Money
    reversed: Money
    net: Money
    subsidies: Money
    """Owed apart from `net`: their tax case is another one."""
    owed: Money
    cards: tuple[CardTotal, ...]
    cards_complete: bool
    """False: there are more than `CARDS_MAX`; `reports/totals?by=card` has all of them."""
    rates: tuple[RateTotal, ...]
    position: int
    complete: bool
    """False: the read model has not reached the position that was asked for."""
