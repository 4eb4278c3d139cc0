"""What a cashier types into the entry field: an amount, a quantity with `*`, a search with `/`.

Pure. How an amount is read is `locales.amount_of`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from device_gateway.api.pages.locales import NoAmount
from device_gateway.api.pages.locales import amount_of as read_amount
from events import DomainError
from money import AMOUNT_MAX, Money

QUANTITY = re.compile(r"^\s*([0-9]{1,5}(?:[.,][0-9]{1,3})?)\s*[*x×]\s*(.*)$", re.IGNORECASE)


class AmountUnclear(DomainError):
    code = "page.amount"
    status = 422
    title = "This is no amount; type it like 12,50"


@dataclass(frozen=True, slots=True)
class Entry:
    """`3*4006381333931` is three of that article; `3*` alone is a quantity for what comes next."""

    quantity: Decimal | None
    rest: str


def entry_of(text: str) -> Entry:
    """Reads the quantity off the front, if there is one."""
    found = QUANTITY.match(text)
    if found is None:
        return Entry(None, text.strip())
    return Entry(Decimal(found.group(1).replace(",", ".")), found.group(2).strip())


def amount_of(text: str, currency: str, language: str) -> Money | None:
    """None: nothing was typed. Raises `AmountUnclear`."""
    if not text.strip():
        return None
    try:
        found = read_amount(text, currency, language)
    except NoAmount:
        raise AmountUnclear from None
    if not 0 < found.amount <= AMOUNT_MAX:
        raise AmountUnclear
    return found


def quantity_of(text: str) -> Decimal:
    """Raises `AmountUnclear` for what is no quantity."""
    typed = text.strip().replace(",", ".").removesuffix("*")
    if not re.fullmatch(r"[0-9]{1,5}(?:\.[0-9]{1,3})?", typed):
        raise AmountUnclear(f"{text!r} is no quantity")
    return Decimal(typed)


def percent_of(text: str) -> int:
    """Basis points of `10%` or `2,5 %`. Raises `AmountUnclear`."""
    typed = text.replace("%", "").strip().replace(",", ".")
    if not re.fullmatch(r"[0-9]{1,3}(?:\.[0-9]{1,2})?", typed):
        raise AmountUnclear(f"{text!r} is no percentage")
    points = int(Decimal(typed) * 100)
    if not 0 < points <= 10_000:
        raise AmountUnclear(f"{text!r} is no percentage")
    return points


def quick_amounts(open_amount: Money) -> tuple[Money, ...]:
    """Notes with which a customer is likely to pay, above what is open: at most four."""
    if open_amount.amount <= 0:
        return ()
    found = list[int]()
    for note in (500, 1000, 2000, 5000, 10_000, 20_000):
        rounded = -(-open_amount.amount // note) * note
        if rounded != open_amount.amount and rounded not in found:
            found.append(rounded)
    return tuple(Money(amount=each, currency=open_amount.currency) for each in sorted(found)[:4])
