"""GV_TYP and ZAHLART_TYP of a line or payment: what the event says, else the chain-wide table of
fiscal cases (events from before they said it). Remembered, since a million lines ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from kassenverbund.kit import fiscal_cases
from money import Money

SALE = ("Umsatz", "")

_NOTHING = Money(amount=0, currency="EUR")
_DEFAULT_DAY = date(2020, 1, 1)
"""Choices are dated, and an event from before the fields has no other than the default."""


@dataclass(frozen=True, slots=True)
class _Facts:
    kind: str
    dsfinvk_key: Any
    case: str | None
    fiscal: str = ""
    amount: Money = _NOTHING


def case_of_line(line: dict[str, Any]) -> tuple[str, str]:
    """(GV_TYP, GV_NAME)."""
    case = line.get("case")
    if case is not None:
        return case, line.get("case_name", "")
    kind = line["kind"]
    if kind in ("article", "return"):
        return SALE
    return _line(kind, line["dsfinvk_key"])


def case_of_payment(payment: dict[str, Any]) -> tuple[str, str]:
    """(GV_TYP, GV_NAME) of a payment that is none in the fiscal sense."""
    case = payment.get("case")
    if case is not None:
        return case, payment.get("case_name", "")
    parts = payment.get("parts")
    key = payment.get("dsfinvk_key") if not parts else parts[0]["dsfinvk_key"]
    gv_typ, name, _ = _payment(payment["kind"], payment["fiscal"], key, payment["amount"]["amount"])
    return gv_typ or "Forderungsentstehung", name


def payment_type(payment: dict[str, Any]) -> str:
    """ZAHLART_TYP."""
    said = payment.get("payment_type")
    if said is not None:
        return str(said)
    found = _payment(payment["kind"], payment["fiscal"], None, 0)
    return found[2] or ("Bar" if payment["fiscal"] == "Bar" else "Unbar")


@lru_cache(maxsize=256)
def _line(kind: str, key: int) -> tuple[str, str]:
    named = fiscal_cases.case_of_line(_Facts(kind, key, None), on=_DEFAULT_DAY)
    return named.gv_typ or "Umsatz", named.gv_name


@lru_cache(maxsize=256)
def _payment(kind: str, fiscal: str, key: int | None, sign: int) -> tuple[str | None, str, str]:
    facts = _Facts(kind, key, None, fiscal, Money(amount=sign, currency="EUR"))
    named = fiscal_cases.case_of_payment(facts, on=_DEFAULT_DAY)
    return named.gv_typ, named.gv_name, named.payment_type or ""
