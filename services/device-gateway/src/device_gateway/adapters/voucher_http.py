"""The voucher service over HTTP (`/voucher/v1`), asked while a cashier waits.

Every call has an id of its own, so a lost answer is asked for again with the same id; the whole
exchange takes at most `CASHIER_WAIT_S`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from device_gateway.adapters.line import Line
from device_gateway.events import BasketPart, SoldTerms, VoucherKind
from device_gateway.ports import (
    Hold,
    OfflineRules,
    Place,
    SoldVoucher,
    ToppedUp,
    VoucherRefused,
    VoucherUnavailable,
    VoucherUnreachable,
)
from events import LostRace
from money import Money

CASHIER_WAIT_S = 3.0
TRY_WAIT_S = 1.2
TRIES_MAX = 3
BETWEEN_TRIES_S = 0.05
NOBODY_THERE = frozenset({502, 503, 504})
"""Said by what stands before a service that is not there, or by one that cannot work."""


class _Reply(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Prepared(_Reply):
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


class _ToppedUp(_Reply):
    voucher_id: str
    serial: str
    value: Money
    kind: VoucherKind = "multi_purpose"
    vat: str = "zero"


class _Held(_Reply):
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


class _HeldTogether(_Reply):
    legs: tuple[_Held, ...]


class _QrKey(_Reply):
    key_id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
    algorithm: str
    public_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")]


class _Offline(_Reply):
    policy: str
    cap: Money | None = None
    per_day: Money | None = None
    per_till_day: Money | None = None
    legal_entity_id: str
    sold_here: bool = True
    keys: tuple[_QrKey, ...] = ()


class _Captured(_Reply):
    state: str
    captured: Money


class HttpVoucherService:
    """`client` has the base address and this service's credentials already. With a `line`, nobody
    waits for a service that has just been silent to somebody else."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        line: Line | None = None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._line = line
        self._clock = clock

    async def prepare(
        self, voucher_id: str, *, price: Money, terms: SoldTerms | None, vat: str,
        legal_entity_id: str, place: Place, card_code: str | None = None,
    ) -> SoldVoucher:  # fmt: skip
        body: dict[str, Any] = {
            "legal_entity_id": legal_entity_id,
            **_at(place, "line_id"),
            **_terms(terms, price, vat, card_code),
        }
        path = f"/voucher/v1/prepared/{voucher_id}"
        reply = await self._ask(_Prepared, "PUT", path, body, key=f"prepare:{voucher_id}")
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
        body = {"code": code, "value": value.model_dump(), **_at(place, "line_id")}
        path = f"/voucher/v1/top-ups/{top_up_id}"
        reply = await self._ask(_ToppedUp, "PUT", path, body, key=f"top-up:{top_up_id}")
        return ToppedUp(
            voucher_id=reply.voucher_id,
            serial=reply.serial,
            value=reply.value,
            kind=reply.kind,
            vat=reply.vat,
        )

    async def delivered(self, voucher_id: str) -> None:
        path = f"/voucher/v1/prepared/{voucher_id}/delivered"
        await self._ask(_Reply, "POST", path, {}, key=f"delivered:{voucher_id}")

    async def cancel_top_up(self, top_up_id: str, *, reason: str) -> None:
        path = f"/voucher/v1/top-ups/{top_up_id}/cancel"
        await self._ask(_Reply, "POST", path, {"reason": reason}, key=f"cancel-top-up:{top_up_id}")

    async def cancel(self, voucher_id: str, *, reason: str) -> None:
        path = f"/voucher/v1/prepared/{voucher_id}/cancel"
        await self._ask(_Reply, "POST", path, {"reason": reason}, key=f"cancel:{voucher_id}")

    async def hold(
        self, hold_id: str, *, code: str, up_to: Money, basket: Sequence[BasketPart], place: Place
    ) -> Hold:
        body = {"code": code, "mode": "up_to", **_paying(up_to, basket, place)}
        path = f"/voucher/v1/holds/{hold_id}"
        return _hold_of(await self._ask(_Held, "PUT", path, body, key=f"hold:{hold_id}"))

    async def hold_together(
        self, group_id: str, *, codes: Sequence[str], up_to: Money, basket: Sequence[BasketPart],
        place: Place,
    ) -> Sequence[Hold]:  # fmt: skip
        body = {"codes": list(codes), **_paying(up_to, basket, place)}
        path = f"/voucher/v1/groups/{group_id}"
        reply = await self._ask(_HeldTogether, "PUT", path, body, key=f"group:{group_id}")
        return tuple(_hold_of(leg) for leg in reply.legs)

    async def confirm(self, hold_id: str) -> None:
        path = f"/voucher/v1/holds/{hold_id}/confirm"
        await self._ask(_Reply, "POST", path, {}, key=f"confirm:{hold_id}")

    async def release(self, hold_id: str) -> None:
        path = f"/voucher/v1/holds/{hold_id}/release"
        await self._ask(_Reply, "POST", path, {}, key=f"release:{hold_id}")

    async def release_together(self, group_id: str) -> None:
        path = f"/voucher/v1/groups/{group_id}/release"
        await self._ask(_Reply, "POST", path, {}, key=f"release-group:{group_id}")

    async def offline_rules(self, store_id: str) -> OfflineRules:
        path = f"/voucher/v1/offline?store_id={quote(store_id, safe='')}"
        heard_at = self._clock()
        reply = await self._ask(_Offline, "GET", path, None, key=f"offline:{store_id}")
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
            reply = await self._ask(_Captured, "GET", path, None, key=f"captured:{hold_id}")
        except VoucherRefused as no:
            if no.status == 404:
                return None  # Its booking is on its way still.
            raise
        if reply.state == "failed":
            return Money(amount=0, currency=currency)
        return reply.captured if reply.state == "captured" else None

    async def _ask(
        self, shape: type[Any], method: str, path: str, body: Mapping[str, Any] | None, *, key: str
    ) -> Any:
        """The reply, or the refusal. Anything in between is asked again with the same ids."""
        line, last, heard = self._line, "no answer in time", False
        tries = TRIES_MAX if line is None or line.state.up else 1
        if line is not None and not line.admits():
            raise VoucherUnreachable(f"{VoucherUnavailable.title} (since {line.state.since:%H:%M})")
        answers = 0 if line is None else line.answers
        try:
            async with asyncio.timeout(CASHIER_WAIT_S):
                for attempt in range(1, tries + 1):
                    try:
                        async with asyncio.timeout(TRY_WAIT_S):
                            answer = await self._client.request(
                                method, path, json=body, headers={"idempotency-key": key}
                            )
                    except (TimeoutError, httpx.TransportError) as away:
                        last = type(away).__name__
                    else:
                        heard = answer.status_code not in NOBODY_THERE
                        if line is not None and heard:
                            line.answered()
                        if answer.is_success:
                            return _read(shape, answer)
                        if answer.status_code < 500 and not _lost_race(answer):
                            raise _refusal(answer)
                        last = f"status {answer.status_code}"
                    if attempt < tries:
                        await asyncio.sleep(BETWEEN_TRIES_S * attempt)
        except TimeoutError:
            pass
        if heard:
            raise VoucherUnavailable(f"{VoucherUnavailable.title} ({last})")
        if line is not None:
            line.silent(answers=answers)
        raise VoucherUnreachable(f"{VoucherUnavailable.title} ({last})")


def _at(place: Place, part: str) -> dict[str, str]:
    return {
        "store_id": place.store_id,
        "till_id": place.till_id,
        "booking_id": place.booking_id,
        part: place.part_id,
    }


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
        }
        for part in basket
    ]
    paying = {"amount": up_to.model_dump(), **_at(place, "payment_id")}
    return {**paying, "basket": parts} if parts else paying


def _hold_of(reply: _Held) -> Hold:
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
    )


def _read(shape: type[Any], answer: httpx.Response) -> Any:
    try:
        return shape.model_validate_json(answer.content)
    except ValidationError:
        # What came may mean that it was done; the caller repeats by id or releases.
        raise VoucherUnavailable("the voucher service answered something unreadable") from None


def _lost_race(answer: httpx.Response) -> bool:
    """Other tills were faster at the same voucher every time. Nothing was decided: to the cashier
    that is no answer, least of all that the voucher cannot be used."""
    if answer.status_code != LostRace.status:
        return False
    try:
        problem = answer.json()
    except ValueError:
        return False
    return isinstance(problem, dict) and problem.get("code") == LostRace.code


def _refusal(answer: httpx.Response) -> VoucherRefused | VoucherUnavailable:
    """A 4xx with a problem's code. 401 and 403 are ours to mend, no answer to a cashier."""
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or answer.status_code in (401, 403):
        return VoucherUnavailable(f"the voucher service answered {answer.status_code}")
    extra: dict[str, object] = {}
    if answer.headers.get("retry-after", "").isdigit():
        extra["retry_after_s"] = int(answer.headers["retry-after"])
    code, detail = str(problem.get("code", "voucher.refused")), str(problem.get("detail", ""))
    return VoucherRefused(code, answer.status_code, detail, **extra)
