"""What lines and payments of accounts bring with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from money import Money


@dataclass(frozen=True, slots=True)
class LibraryPart:
    """What a line says that is about an account or an entitlement; fields as of `events.Line`."""

    account_id: str | None = None
    fee_id: str | None = None
    fee_kind: str | None = None
    load_id: str | None = None
    extension_id: str | None = None
    voucher_id: str | None = None
    voucher_serial: str | None = None
    subject_id: str | None = None
    entitlement: str | None = None
    old_until: date | None = None
    new_until: date | None = None


@dataclass(frozen=True, slots=True)
class KeptFee:
    """What the account's owner keeps for the paid part of a fee."""

    settlement_id: str
    amount: Money
