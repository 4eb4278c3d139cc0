"""The cost center service over HTTP (`/costcenter/v1`), asked while a cashier waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from pydantic import ValidationError

from device_gateway.adapters.asking import Asking, Reply, at
from device_gateway.events import BasketPart, ChargeProblem, LimitLeft, VatPart
from device_gateway.ports import (
    CardMode,
    ChargeAsked,
    ChargeCard,
    ChargeHold,
    ChargeRefused,
    ChargeUnavailable,
    HeldSubsidy,
    Place,
)
from money import Money

DETAIL_MAX = 300


class _VatPart(Reply):
    vat: str
    rate: int
    dsfinvk_key: int
    gross: Money


class _Center(Reply):
    center_id: str
    number: str
    name: str
    address: tuple[str, ...] = ()


class _Subsidy(Reply):
    rule_id: str
    name: str
    case: Literal["ZuschussEcht", "ZuschussUnecht"]
    amount: Money
    parts: tuple[_VatPart, ...]


class _Remaining(Reply):
    name: str
    level: str
    window: str
    left: Money | None = None
    left_count: int | None = None


class _Warning(Reply):
    name: str


class _LookedUp(Reply):
    mode: CardMode | None = None


class _Charged(Reply):
    hold_id: str
    center: _Center
    card_id: str
    card_number: str
    amount: Money
    parts: tuple[_VatPart, ...] = ()
    subsidies: tuple[_Subsidy, ...] = ()
    remaining: tuple[_Remaining, ...] = ()
    warnings: tuple[_Warning | str, ...] = ()
    expires_at: datetime | None = None


class HttpChargeService(Asking):
    """Holds, confirms and releases charges."""

    name = "the cost center service"
    unavailable = ChargeUnavailable

    async def charge(
        self,
        hold_id: str,
        asked: ChargeAsked,
        *,
        up_to: Money,
        basket: Sequence[BasketPart],
        place: Place,
    ) -> ChargeHold:
        body: dict[str, Any] = {
            "card": _card(asked.card),
            "amount": up_to.model_dump(),
            "mode": "exact" if asked.exact else "up_to",
            "basket": [part.model_dump(mode="json", exclude_none=True) for part in basket],
            **at(place, "payment_id"),
        }
        if asked.override is not None:
            body["override"] = {"by": asked.override.by, "reason": asked.override.reason}
        reply = await self.ask(_Charged, "PUT", _path(hold_id), body, key=f"charge:{hold_id}")
        return _hold_of(reply)

    async def mode_of(self, code: str, *, store_id: str) -> CardMode | None:
        body = {"card": {"code": code}, "store_id": store_id}
        try:
            found = await self.ask(_LookedUp, "POST", "/costcenter/v1/lookups", body, key="look-up")
        except ChargeRefused as no:
            if no.code == "card.unknown":
                return None
            raise
        return found.mode

    async def confirm(self, hold_id: str) -> None:
        await self.ask(Reply, "POST", f"{_path(hold_id)}/confirm", {}, key=f"confirm:{hold_id}")

    async def release(self, hold_id: str) -> None:
        await self.ask(Reply, "POST", f"{_path(hold_id)}/release", {}, key=f"release:{hold_id}")

    def refused(
        self, code: str, status: int, problem: Mapping[str, Any], extra: Mapping[str, object]
    ) -> ChargeRefused:
        detail = str(problem.get("detail", ""))[:DETAIL_MAX]
        return ChargeRefused(code, status, detail, problem=_problem_of(problem), **extra)


def _path(hold_id: str) -> str:
    return f"/costcenter/v1/charges/{quote(hold_id, safe='')}"


def _card(card: ChargeCard) -> dict[str, str]:
    said = {
        "code": card.code,
        "number": card.number,
        "center_number": card.center_number,
        "card_number": card.card_number,
    }
    return {name: value for name, value in said.items() if value is not None}


def _problem_of(problem: Mapping[str, Any]) -> ChargeProblem | None:
    """What of a problem the cashier needs; None: nothing of it, or not readable."""
    known = {
        name: problem[name] for name in ChargeProblem.model_fields if problem.get(name) is not None
    }
    try:
        return ChargeProblem.model_validate(known) if known else None
    except ValidationError:
        return None


def _parts(parts: Sequence[_VatPart]) -> tuple[VatPart, ...]:
    return tuple(VatPart.model_validate(part.model_dump()) for part in parts)


def _hold_of(reply: _Charged) -> ChargeHold:
    center = reply.center
    return ChargeHold(
        hold_id=reply.hold_id,
        center_id=center.center_id,
        center_number=center.number,
        center_name=center.name,
        address=center.address,
        card_id=reply.card_id,
        card_number=reply.card_number,
        amount=reply.amount,
        parts=_parts(reply.parts),
        expires_at=reply.expires_at,
        subsidies=tuple(
            HeldSubsidy(
                rule_id=each.rule_id,
                name=each.name,
                case=each.case,
                amount=each.amount,
                parts=_parts(each.parts),
            )
            for each in reply.subsidies
        ),
        limits_left=tuple(LimitLeft.model_validate(each.model_dump()) for each in reply.remaining),
        warnings=tuple(each if isinstance(each, str) else each.name for each in reply.warnings),
    )
