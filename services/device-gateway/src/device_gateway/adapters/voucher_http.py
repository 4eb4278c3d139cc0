"""The voucher service over HTTP (`/voucher/v1`), asked while a cashier waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field

from device_gateway.adapters.asking import Asking, Reply, at
from device_gateway.events import BasketPart, Cover, SoldTerms, VoucherKind
from device_gateway.ports import (
    Hold,
    OfflineRules,
    Place,
    SoldVoucher,
    TakesBack,
    ToppedUp,
    VoucherRefused,
    VoucherUnavailable,
    VoucherUnreachable,
)
from money import Money


class _Prepared(Reply):
    voucher_id: str
    serial: str
    value: Money
    code: str | None = None
    qr: str | None = None
    consideration: Money | None = None
    valid_until: date | None = None
    kind: VoucherKind = "multi_purpose"
    vat: str = "zero"
    rate: int | None = None
    goods: str | None = None


class _ToppedUp(Reply):
    voucher_id: str
    serial: str
    value: Money
    kind: VoucherKind = "multi_purpose"
    vat: str = "zero"


class _Cover(Reply):
    line: int
    amount: Money


class _Held(Reply):
    hold_id: str
    voucher_id: str
    serial: str
    amount: Money
    voucher_remaining: Money
    expires_at: datetime
    dsfinvk_key: int = 5
    vat: str = "zero"
    kind: VoucherKind = "multi_purpose"
    rate: int | None = None
    waiver: str | None = None
    covers: tuple[_Cover, ...] | None = None
    new_code: bool = False


class _NewCode(Reply):
    state: str
    voucher_id: str = ""
    serial: str = ""
    code: str | None = None
    qr: str | None = None
    value: Money | None = None
    valid_until: date | None = None
    kind: VoucherKind = "multi_purpose"
    vat: str = "zero"
    rate: int | None = None
    goods: str | None = None


class _HeldTogether(Reply):
    legs: tuple[_Held, ...]


class _QrKey(Reply):
    key_id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
    algorithm: str
    public_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")]


class _Offline(Reply):
    policy: str
    cap: Money | None = None
    per_day: Money | None = None
    per_till_day: Money | None = None
    legal_entity_id: str
    sold_here: bool = True
    keys: tuple[_QrKey, ...] = ()


class _Captured(Reply):
    state: str
    captured: Money
    reversible: Money | None = None


class HttpVoucherService(Asking):
    """Prepares vouchers, and holds, confirms and releases what they pay."""

    name = "the voucher service"
    unavailable = VoucherUnavailable
    unreachable = VoucherUnreachable

    async def prepare(
        self, voucher_id: str, *, price: Money, terms: SoldTerms | None, vat: str,
        legal_entity_id: str, place: Place, card_code: str | None = None,
    ) -> SoldVoucher:  # fmt: skip
        body: dict[str, Any] = {
            "legal_entity_id": legal_entity_id,
            **at(place, "line_id"),
            **_terms(terms, price, vat, card_code),
        }
        path = f"/voucher/v1/prepared/{voucher_id}"
        reply = await self.ask(_Prepared, "PUT", path, body, key=f"prepare:{voucher_id}")
        return SoldVoucher(
            voucher_id=reply.voucher_id,
            serial=reply.serial,
            value=reply.value,
            code=reply.code,
            valid_until=reply.valid_until,
            qr=reply.qr,
            paid=reply.consideration,
            kind=reply.kind,
            vat=reply.vat,
            rate=reply.rate,
            goods=reply.goods,
        )

    async def top_up(self, top_up_id: str, *, code: str, value: Money, place: Place) -> ToppedUp:
        body = {"code": code, "value": value.model_dump(), **at(place, "line_id")}
        path = f"/voucher/v1/top-ups/{top_up_id}"
        reply = await self.ask(_ToppedUp, "PUT", path, body, key=f"top-up:{top_up_id}")
        return ToppedUp(
            voucher_id=reply.voucher_id,
            serial=reply.serial,
            value=reply.value,
            kind=reply.kind,
            vat=reply.vat,
        )

    async def delivered(self, voucher_id: str) -> None:
        path = f"/voucher/v1/prepared/{voucher_id}/delivered"
        await self.ask(Reply, "POST", path, {}, key=f"delivered:{voucher_id}")

    async def cancel_top_up(self, top_up_id: str, *, reason: str) -> None:
        path = f"/voucher/v1/top-ups/{top_up_id}/cancel"
        await self.ask(Reply, "POST", path, {"reason": reason}, key=f"cancel-top-up:{top_up_id}")

    async def cancel(self, voucher_id: str, *, reason: str) -> None:
        path = f"/voucher/v1/prepared/{voucher_id}/cancel"
        await self.ask(Reply, "POST", path, {"reason": reason}, key=f"cancel:{voucher_id}")

    async def hold(
        self, hold_id: str, *, code: str, up_to: Money, basket: Sequence[BasketPart], place: Place
    ) -> Hold:
        body = {"code": code, "mode": "up_to", **_paying(up_to, basket, place)}
        path = f"/voucher/v1/holds/{hold_id}"
        return _hold_of(await self.ask(_Held, "PUT", path, body, key=f"hold:{hold_id}"), basket)

    async def hold_whole(
        self, hold_id: str, *, code: str, purpose: TakesBack, amount: Money, exact: bool,
        place: Place, approved_by: str | None = None,
    ) -> Hold:  # fmt: skip
        body = {
            "code": code,
            "mode": "exact" if exact else "up_to",
            "amount": amount.model_dump(),
            "purpose": purpose,
            **at(place, "payment_id"),
            **({} if approved_by is None else {"approved_by": approved_by}),
        }
        path = f"/voucher/v1/holds/{hold_id}"
        return _hold_of(await self.ask(_Held, "PUT", path, body, key=f"hold:{hold_id}"), ())

    async def restorable(self, hold_id: str) -> Money | None:
        path = f"/voucher/v1/holds/{quote(hold_id, safe='')}"
        try:
            reply = await self.ask(_Captured, "GET", path, None, key=f"restorable:{hold_id}")
        except VoucherRefused as no:
            if no.status == 404:
                return None
            raise
        return reply.reversible if reply.state == "captured" else None

    async def hold_together(
        self, group_id: str, *, codes: Sequence[str], up_to: Money, basket: Sequence[BasketPart],
        place: Place,
    ) -> Sequence[Hold]:  # fmt: skip
        body = {"codes": list(codes), **_paying(up_to, basket, place)}
        path = f"/voucher/v1/groups/{group_id}"
        reply = await self.ask(_HeldTogether, "PUT", path, body, key=f"group:{group_id}")
        return tuple(_hold_of(leg, basket) for leg in reply.legs)

    async def confirm(self, hold_id: str) -> None:
        path = f"/voucher/v1/holds/{hold_id}/confirm"
        await self.ask(Reply, "POST", path, {}, key=f"confirm:{hold_id}")

    async def new_code(self, hold_id: str) -> SoldVoucher | None:
        path = f"/voucher/v1/holds/{hold_id}/new-code"
        reply = await self.ask(_NewCode, "PUT", path, {}, key=f"new-code:{hold_id}")
        if reply.code is None or reply.value is None:
            return None
        return SoldVoucher(
            voucher_id=reply.voucher_id,
            serial=reply.serial,
            value=reply.value,
            code=reply.code,
            valid_until=reply.valid_until,
            qr=reply.qr,
            kind=reply.kind,
            vat=reply.vat,
            rate=reply.rate,
            goods=reply.goods,
        )

    async def new_code_delivered(self, hold_id: str) -> None:
        path = f"/voucher/v1/holds/{hold_id}/new-code/delivered"
        await self.ask(Reply, "POST", path, {}, key=f"new-code-delivered:{hold_id}")

    async def release(self, hold_id: str) -> None:
        path = f"/voucher/v1/holds/{hold_id}/release"
        await self.ask(Reply, "POST", path, {}, key=f"release:{hold_id}")

    async def release_together(self, group_id: str) -> None:
        path = f"/voucher/v1/groups/{group_id}/release"
        await self.ask(Reply, "POST", path, {}, key=f"release-group:{group_id}")

    async def offline_rules(self, store_id: str) -> OfflineRules:
        path = f"/voucher/v1/offline?store_id={quote(store_id, safe='')}"
        heard_at = self.clock()
        reply = await self.ask(_Offline, "GET", path, None, key=f"offline:{store_id}")
        takes = reply.policy == "cap" and reply.cap is not None and reply.per_day is not None
        return OfflineRules(
            store_id=store_id,
            takes=takes,
            legal_entity_id=reply.legal_entity_id,
            sold_here=reply.sold_here,
            keys={key.key_id: key.public_key for key in reply.keys if key.algorithm == "Ed25519"},
            heard_at=heard_at,
            cap=reply.cap,
            per_day=reply.per_day,
            per_till_day=reply.per_till_day or reply.per_day,
        )

    async def captured(self, hold_id: str, currency: str) -> Money | None:
        path = f"/voucher/v1/holds/{quote(hold_id, safe='')}"
        try:
            reply = await self.ask(_Captured, "GET", path, None, key=f"captured:{hold_id}")
        except VoucherRefused as no:
            if no.status == 404:
                return None  # Its booking is on its way still.
            raise
        if reply.state == "failed":
            return Money(amount=0, currency=currency)
        return reply.captured if reply.state == "captured" else None

    def refused(
        self, code: str, status: int, problem: Mapping[str, Any], extra: Mapping[str, object]
    ) -> VoucherRefused:
        return VoucherRefused(code, status, str(problem.get("detail", "")), **extra)


def _terms(
    terms: SoldTerms | None, price: Money, vat: str, card_code: str | None
) -> dict[str, Any]:
    """Only what differs from the usual voucher, which costs its value."""
    if terms is None:
        return {"value": price.model_dump()}
    wanted: dict[str, Any] = {}
    fixed = terms.template is not None or card_code is not None
    value = terms.value if fixed else terms.value or price
    if value is not None:
        wanted["value"] = value.model_dump()
    if value != price:
        wanted["consideration"] = price.model_dump()
    if card_code is not None:
        return {**wanted, "card_code": card_code}
    if terms.template is not None:
        return {**wanted, "template": terms.template}
    wanted["kind"] = terms.kind
    if terms.kind == "single_purpose":
        wanted["vat"] = vat
        wanted["goods"] = terms.goods
    return wanted


def _paying(up_to: Money, basket: Sequence[BasketPart], place: Place) -> dict[str, Any]:
    parts = [
        {
            "gross": part.gross.model_dump(),
            "vat": part.vat,
            "dsfinvk_key": part.dsfinvk_key,
            **({} if part.article_group is None else {"article_group": part.article_group}),
            **({} if part.line_id is None else {"line_id": part.line_id}),
        }
        for part in basket
    ]
    paying = {"amount": up_to.model_dump(), **at(place, "payment_id")}
    return {**paying, "basket": parts} if parts else paying


def _hold_of(reply: _Held, basket: Sequence[BasketPart]) -> Hold:
    single = reply.kind == "single_purpose"
    return Hold(
        hold_id=reply.hold_id,
        voucher_id=reply.voucher_id,
        serial=reply.serial,
        amount=reply.amount,
        voucher_remaining=reply.voucher_remaining,
        expires_at=reply.expires_at,
        dsfinvk_key=reply.dsfinvk_key,
        vat=reply.vat,
        kind=reply.kind,
        rate=reply.rate if single else None,
        waiver=reply.waiver,
        covers=tuple(_cover_of(cover, basket) for cover in reply.covers or ()),
        new_code=reply.new_code,
    )


def _cover_of(cover: _Cover, basket: Sequence[BasketPart]) -> Cover:
    line_id = basket[cover.line].line_id if 0 <= cover.line < len(basket) else None
    if line_id is None:
        raise VoucherUnavailable("the voucher service covers what is not in the basket")
    return Cover(line_id=line_id, amount=cover.amount)
