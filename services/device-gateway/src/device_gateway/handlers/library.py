"""Accounts at the till: fees, loads, entitlements; waivers, and credit of an account (V17-V25).

The voucher service is asked before a line or a payment counts, under ids that derive from the
booking: a repeat asks for the same. What it keeps runs out by itself, or is dropped by the
booking's end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID, uuid5

from device_gateway.commands import NewLine
from device_gateway.commands.library import LibraryPart
from device_gateway.decider.pricing import VOUCHER_VAT
from device_gateway.events import LibraryTerms
from device_gateway.handlers.gateway import Gateway
from device_gateway.ports import Place
from device_gateway.ports.library import Account, Extension, Fee, LibraryService
from events import DomainError
from money import Money

CREDIT_VAT = VOUCHER_VAT
"""Credit is used like a multi-purpose voucher: what is bought with it is taxed by itself."""


class LibraryAway(DomainError):
    code = "library.unavailable"
    status = 422
    title = "This store takes no fees of accounts"


class FeeUnknown(DomainError):
    code = "fee.unknown"
    status = 404
    title = "This account has no such open fee"


class FeeTooMuch(DomainError):
    """`open` is what is open of the fee."""

    code = "fee.over_open"
    title = "More than what is open of the fee"


class NotConfirmed(DomainError):
    """`new_until`, `old_until`, `serial`: what would be. The cashier confirms that no fee is booked
    by sending the line with `confirmed`."""

    code = "entitlement.not_confirmed"
    title = "No fee is booked: the entitlement alone is extended. Confirm it"


@dataclass(frozen=True, slots=True)
class FeeWanted:
    """A line that settles a fee. `amount` None: all that is open of it."""

    account_id: str
    fee_id: str
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class LoadWanted:
    """A line that loads an account, named or by the code of its card."""

    amount: Money
    account_id: str | None = None
    code: str | None = None

    def __repr__(self) -> str:
        return f"LoadWanted({self.amount})"


@dataclass(frozen=True, slots=True)
class ExtensionWanted:
    """A line that extends an entitlement by a voucher."""

    code: str
    subject_id: str
    old_until: date
    confirmed: bool = False

    def __repr__(self) -> str:
        return f"ExtensionWanted({self.subject_id})"


AccountLine = FeeWanted | LoadWanted | ExtensionWanted


def service_of(gateway: Gateway) -> LibraryService:
    """Raises `LibraryAway`."""
    if gateway.library is None:
        raise LibraryAway
    return gateway.library


class Settlements:
    """`Holder` of parts of fees: nothing has to be confirmed, the booking's record is enough."""

    def __init__(self, service: LibraryService) -> None:
        self._service = service

    async def confirm(self, hold_id: str) -> None:
        return None

    async def release(self, hold_id: str) -> None:
        await self._service.drop(hold_id)


# -- lines ---------------------------------------------------------------------------------------


async def account_of(
    gateway: Gateway, store_id: str, account_id: str
) -> tuple[Account, LibraryTerms]:
    """An account with its open fees, and under which VAT they are taken. Raises `LibraryAway`,
    `VoucherRefused`, `VoucherUnavailable`."""
    terms = (await gateway.master_data(store_id)).library
    if terms is None:
        raise LibraryAway
    return await service_of(gateway).account(account_id), terms


async def written(gateway: Gateway, place: Place, wanted: AccountLine, *, key: str) -> NewLine:
    """The line, once the voucher service has agreed. `key` makes its ids, the same for a repeat.

    Raises `LibraryAway`, `FeeUnknown`, `FeeTooMuch`, `NotConfirmed`, `VoucherRefused`,
    `VoucherUnavailable`.
    """
    own_id = str(uuid5(UUID(place.booking_id), f"account/{key}"))
    match wanted:
        case FeeWanted():
            return await _fee(gateway, place, wanted)
        case LoadWanted():
            return await _load(gateway, place, wanted, own_id)
        case ExtensionWanted():
            found = await extension_of(gateway, place, wanted, own_id)
            if not wanted.confirmed:
                raise NotConfirmed(
                    serial=found.serial,
                    old_until=found.old_until.isoformat(),
                    new_until=found.new_until.isoformat(),
                )
            return _extended(found, (await gateway.master_data(place.store_id)).currency)


async def _fee(gateway: Gateway, place: Place, wanted: FeeWanted) -> NewLine:
    account, terms = await account_of(gateway, place.store_id, wanted.account_id)
    fee = _open_fee(account, wanted.fee_id)
    amount = wanted.amount or fee.open
    if amount > fee.open:
        raise FeeTooMuch(open=fee.open.model_dump())
    return NewLine(
        kind="fee",
        sku=None,
        name=fee.text or fee.kind,
        quantity=Decimal(1),
        unit_price=amount,
        vat=terms.vat_of(fee.kind),
        library=LibraryPart(account_id=account.account_id, fee_id=fee.fee_id, fee_kind=fee.kind),
    )


def _open_fee(account: Account, fee_id: str) -> Fee:
    for fee in account.fees:
        if fee.fee_id == fee_id and fee.open:
            return fee
    raise FeeUnknown(fee_id=fee_id)


async def _load(gateway: Gateway, place: Place, wanted: LoadWanted, own_id: str) -> NewLine:
    loaded = await service_of(gateway).load(
        own_id, account_id=wanted.account_id, code=wanted.code, amount=wanted.amount, place=place
    )
    return NewLine(
        kind="account_load",
        sku=None,
        name="Guthaben",
        quantity=Decimal(1),
        unit_price=wanted.amount,
        vat=CREDIT_VAT,
        library=LibraryPart(account_id=loaded.account_id, load_id=loaded.load_id),
    )


async def extension_of(
    gateway: Gateway, place: Place, wanted: ExtensionWanted, own_id: str
) -> Extension:
    """What a voucher would extend, and to which day; nothing is stored anywhere."""
    return await service_of(gateway).extension(
        own_id,
        code=wanted.code,
        subject_id=wanted.subject_id,
        old_until=wanted.old_until,
        place=place,
    )


def _extended(found: Extension, currency: str) -> NewLine:
    return NewLine(
        kind="entitlement",
        sku=None,
        name=f"Verlängert bis {found.new_until:%d.%m.%Y}",
        quantity=Decimal(1),
        unit_price=Money(amount=0, currency=currency),
        vat=VOUCHER_VAT,
        library=LibraryPart(
            extension_id=found.extension_id,
            voucher_id=found.voucher_id,
            voucher_serial=found.serial,
            subject_id=found.subject_id,
            entitlement=found.entitlement,
            old_until=found.old_until,
            new_until=found.new_until,
        ),
    )
