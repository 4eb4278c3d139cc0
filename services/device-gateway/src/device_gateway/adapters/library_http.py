"""Accounts, fees and entitlements of the voucher service over HTTP (`docs/accounts.md`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import quote

from device_gateway.adapters.asking import Asking, Reply
from device_gateway.ports import Place, VoucherRefused, VoucherUnavailable, VoucherUnreachable
from device_gateway.ports.library import (
    Account,
    Extension,
    Fee,
    Load,
    LookedUp,
    Settled,
    Settlement,
)
from money import Money


class _Fee(Reply):
    fee_id: str
    kind: str
    amount: Money
    open: Money
    due: date
    text: str | None = None


class _Account(Reply):
    account_id: str
    balance: Money
    available: Money
    blocked: str | None = None
    receipt_duty: bool
    fees: tuple[_Fee, ...] = ()


class _Settlement(Reply):
    settlement_id: str
    amount: Money
    open: Money
    balance: Money
    voucher_serial: str | None = None
    reason: str | None = None


class _Load(Reply):
    load_id: str
    account_id: str
    balance: Money


class _Extension(Reply):
    extension_id: str
    voucher_id: str
    serial: str
    entitlement: str
    subject_id: str
    old_until: date
    new_until: date


class _LookedUp(Reply):
    available: Money
    valid_until: date | None = None


class _Presets(Reply):
    values: tuple[Money, ...] = ()


class _Done(Reply):
    pass


class HttpLibraryService(Asking):
    """See `device_gateway.ports.library.LibraryService`."""

    name = "the voucher service"
    unavailable = VoucherUnavailable
    unreachable = VoucherUnreachable

    def refused(
        self, code: str, status: int, problem: Mapping[str, Any], extra: Mapping[str, object]
    ) -> VoucherRefused:
        kept = {name: problem[name] for name in ("open", "available") if name in problem}
        return VoucherRefused(code, status, str(problem.get("detail", "")), **kept, **extra)

    async def account(self, account_id: str) -> Account:
        path = f"/voucher/v1/accounts/{quote(account_id, safe='')}"
        reply = await self.ask(_Account, "GET", path, None, key="look")
        return Account(
            account_id=reply.account_id,
            balance=reply.balance,
            available=reply.available,
            blocked=reply.blocked is not None,
            receipt_duty=reply.receipt_duty,
            fees=tuple(Fee(**dict(fee)) for fee in reply.fees),
        )

    async def settle(
        self, settlement_id: str, *, account_id: str, fee_id: str, how: Settled, amount: Money,
        place: Place, code: str | None = None, use_credit: bool = False, reason: str | None = None,
    ) -> Settlement:  # fmt: skip
        body: dict[str, Any] = {
            "account_id": account_id,
            "fee_id": fee_id,
            "how": how,
            "amount": amount.model_dump(),
            "store_id": place.store_id,
            "till_id": place.till_id,
            "booking_id": place.booking_id,
        }
        more = {"use_credit": use_credit or None, "code": code, "reason": reason}
        body |= {name: value for name, value in more.items() if value is not None}
        path = f"/voucher/v1/settlements/{settlement_id}"
        reply = await self.ask(_Settlement, "PUT", path, body, key=f"settle:{settlement_id}")
        return Settlement(**dict(reply))

    async def drop(self, settlement_id: str) -> None:
        path = f"/voucher/v1/settlements/{settlement_id}/drop"
        body = {"reason": "released"}
        await self.ask(_Done, "POST", path, body, key=f"drop:{settlement_id}")

    async def load(
        self, load_id: str, *, account_id: str | None, code: str | None, amount: Money, place: Place
    ) -> Load:
        body = {
            **({"account_id": account_id} if account_id is not None else {"code": code}),
            "amount": amount.model_dump(),
            "store_id": place.store_id,
            "till_id": place.till_id,
            "booking_id": place.booking_id,
        }
        path = f"/voucher/v1/loads/{load_id}"
        reply = await self.ask(_Load, "PUT", path, body, key=f"load:{load_id}")
        return Load(reply.load_id, reply.account_id, reply.balance)

    async def cancel_load(self, load_id: str) -> None:
        path = f"/voucher/v1/loads/{load_id}/cancel"
        await self.ask(_Done, "POST", path, {"reason": "not sold"}, key=f"cancel:{load_id}")

    async def extension(
        self, extension_id: str, *, code: str, subject_id: str, old_until: date, place: Place
    ) -> Extension:
        body = {
            "code": code,
            "subject_id": subject_id,
            "old_until": old_until.isoformat(),
            "store_id": place.store_id,
            "till_id": place.till_id,
        }
        path = f"/voucher/v1/extensions/{extension_id}"
        reply = await self.ask(_Extension, "PUT", path, body, key=f"extension:{extension_id}")
        return Extension(**dict(reply))

    async def look_up(self, code: str) -> LookedUp:
        body = {"code": code}
        reply = await self.ask(_LookedUp, "POST", "/voucher/v1/lookups", body, key="look")
        return LookedUp(available=reply.available, valid_until=reply.valid_until)

    async def presets(self, store_id: str) -> Sequence[Money]:
        path = f"/voucher/v1/presets?store={quote(store_id, safe='')}"
        return (await self.ask(_Presets, "GET", path, None, key="look")).values
