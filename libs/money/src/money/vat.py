"""The VAT inside gross amounts.

VAT is computed once per booking, on the gross sum of each rate, never per line: rounding per line
and adding up gives another figure than the one on the receipt. Tax is rounded half away from
zero to whole minor units, and net is what is left, so gross = net + tax always holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from money.amount import Money

Rate = Annotated[int, Field(ge=0, le=10_000)]
"""A VAT rate in basis points: 1900 is 19 %, 550 is 5.5 %."""


class VatShare(BaseModel):
    """One line of a receipt's VAT table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vat: str
    """The key of the rate in the chain's table (`standard`, `reduced`, `zero` …)."""
    rate: Rate
    gross: Money
    net: Money
    tax: Money


def tax_in_gross(gross: Money, rate: int) -> Money:
    """gross x rate / (100 % + rate), rounded half away from zero to whole minor units."""
    exact = Decimal(gross.amount) * rate / (10_000 + rate)
    return Money(
        amount=int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP)), currency=gross.currency
    )


def split_by_rate(lines: Iterable[tuple[str, int, Money]]) -> tuple[VatShare, ...]:
    """`(vat key, rate, gross)` per line → one share per key, highest rate first.

    The same key with two rates is a defect of the caller and raises ValueError.
    """
    gross: dict[str, Money] = {}
    rates: dict[str, int] = {}
    for key, rate, amount in lines:
        if rates.setdefault(key, rate) != rate:
            raise ValueError(f"VAT key {key} with two rates: {rates[key]} and {rate}")
        gross[key] = gross[key] + amount if key in gross else amount
    shares = []
    for key in sorted(gross, key=lambda name: (-rates[name], name)):
        tax = tax_in_gross(gross[key], rates[key])
        shares.append(
            VatShare(vat=key, rate=rates[key], gross=gross[key], net=gross[key] - tax, tax=tax)
        )
    return tuple(shares)
