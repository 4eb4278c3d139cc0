"""Money as integer minor units with a currency, and the VAT inside gross amounts. No float."""

from money.amount import AMOUNT_MAX, CurrencyMismatch, Money, euro, total
from money.parts import parts_of
from money.vat import Rate, VatShare, split_by_rate, tax_in_gross

__all__ = [
    "AMOUNT_MAX", "CurrencyMismatch", "Money", "Rate", "VatShare", "euro", "parts_of",
    "split_by_rate", "tax_in_gross", "total",
]  # fmt: skip
