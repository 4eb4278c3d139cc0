"""Amounts. `Money(amount=1999, currency="EUR")` is 19.99 EUR."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, Strict

AMOUNT_MAX = 10**12
"""No single amount is larger, in minor units: ten thousand million EUR. A typing error is."""

_EXPONENT = {"EUR": 2, "CHF": 2, "GBP": 2, "PLN": 2, "CZK": 2, "DKK": 2, "SEK": 2, "USD": 2}


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies met."""


class Money(BaseModel):
    """An amount in minor units (cents) of one currency (ISO 4217). Immutable.

    Arithmetic keeps the currency and raises `CurrencyMismatch` when two differ. There is no
    division: split by shares (`vat.py`) or multiply by a decimal quantity (`times`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: Annotated[int, Strict(), Field(ge=-AMOUNT_MAX, le=AMOUNT_MAX)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency}")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(amount=self.amount + other.amount, currency=self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(amount=self.amount - other.amount, currency=self.currency)

    def __neg__(self) -> Money:
        return Money(amount=-self.amount, currency=self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.amount < other.amount

    def __le__(self, other: Money) -> bool:
        self._same(other)
        return self.amount <= other.amount

    def __gt__(self, other: Money) -> bool:
        return other < self

    def __ge__(self, other: Money) -> bool:
        return other <= self

    def __bool__(self) -> bool:
        return self.amount != 0

    @property
    def zero(self) -> Money:
        """Nothing, in the same currency."""
        return Money(amount=0, currency=self.currency)

    def times(self, quantity: Decimal) -> Money:
        """The amount for a quantity, rounded half away from zero to whole minor units (the
        commercial rounding of DIN 1333)."""
        exact = Decimal(self.amount) * quantity
        return Money(
            amount=int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP)),
            currency=self.currency,
        )

    def as_decimal(self) -> Decimal:
        """Major units with all decimals of the currency: `Decimal("19.99")`."""
        return Decimal(self.amount).scaleb(-_EXPONENT.get(self.currency, 2))

    def __str__(self) -> str:
        return f"{self.as_decimal()} {self.currency}"


def euro(text: str) -> Money:
    """`euro("19.99")`. Raises ValueError for more than two decimals."""
    minor = Decimal(text).scaleb(2)
    if minor != minor.to_integral_value():
        raise ValueError(f"{text} has more than two decimals")
    return Money(amount=int(minor), currency="EUR")


def total(amounts: Iterable[Money], *, currency: str) -> Money:
    """The sum; zero of `currency` for none. Raises `CurrencyMismatch`."""
    minor = 0
    for amount in amounts:
        if amount.currency != currency:
            raise CurrencyMismatch(f"{currency} and {amount.currency}")
        minor += amount.amount
    return Money(amount=minor, currency=currency)
