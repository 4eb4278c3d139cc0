"""Accounts, fees, entitlements and presets of the voucher service, while a cashier waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol

from device_gateway.ports.vouchers import Place
from money import Money

Settled = Literal["credit", "payment", "waiver"]
"""How a fee is settled. By credit: the account has it, and it was paid for."""


@dataclass(frozen=True, slots=True)
class Fee:
    """An open fee, as its owner's system posted it."""

    fee_id: str
    kind: str
    amount: Money
    open: Money
    due: date
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    account_id: str
    balance: Money
    available: Money
    """What a payment can use."""
    blocked: bool
    receipt_duty: bool
    fees: Sequence[Fee] = ()


@dataclass(frozen=True, slots=True)
class Settlement:
    """The account's part of a fee, kept for a booking."""

    settlement_id: str
    amount: Money
    open: Money
    """Of the fee, what nobody has settled yet; this one counts once it is recorded."""
    balance: Money
    """Credit of the account, likewise."""
    voucher_serial: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """Money for an account that counts once its booking is recorded."""

    load_id: str
    account_id: str
    balance: Money


@dataclass(frozen=True, slots=True)
class Extension:
    """What a voucher would extend, and to which day."""

    extension_id: str
    voucher_id: str
    serial: str
    entitlement: str
    subject_id: str
    old_until: date
    new_until: date


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What a code is worth to a till."""

    available: Money
    valid_until: date | None = None
    gift: bool | None = None
    """It was given away. None: the voucher service does not say."""


class LibraryService(Protocol):
    """Every call may be repeated with the same id. Raises `VoucherRefused` for an answer that says
    no, `VoucherUnavailable` where no answer came."""

    async def account(self, account_id: str) -> Account:
        """Credit and open fees."""
        ...

    async def settle(
        self,
        settlement_id: str,
        *,
        account_id: str,
        fee_id: str,
        how: Settled,
        amount: Money,
        place: Place,
        code: str | None = None,
        use_credit: bool = False,
        reason: str | None = None,
    ) -> Settlement:
        """Keep a part of a fee for this booking; recorded, it is settled. `code`: of the donated
        voucher that waives it; `use_credit`: credit that was given away does."""
        ...  # fmt: skip

    async def drop(self, settlement_id: str) -> None:
        """The booking will not settle it. An unknown id leaves a tombstone."""
        ...

    async def load(
        self, load_id: str, *, account_id: str | None, code: str | None, amount: Money, place: Place
    ) -> Load:
        """Money for an account, or for the card with this code."""
        ...

    async def cancel_load(self, load_id: str) -> None:
        """The load is not sold."""
        ...

    async def extension(
        self, extension_id: str, *, code: str, subject_id: str, old_until: date, place: Place
    ) -> Extension:
        """Says what would be; nothing is stored."""
        ...

    async def look_up(self, code: str) -> LookedUp:
        """Raises `VoucherRefused` with the one neutral answer for whatever cannot be used."""
        ...

    async def presets(self, store_id: str) -> Sequence[Money]:
        """Values of vouchers on the keys of a store."""
        ...
