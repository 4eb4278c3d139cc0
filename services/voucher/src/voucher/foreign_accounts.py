"""The parts of the gateway's events that accounts, fees and entitlements read."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Discriminator, Field, Tag

from kassenverbund.kit.text import Identifier, SafeName
from money import Money
from voucher.foreign import PARTS_MAX, Part

Settled = Literal["credit", "payment", "waiver"]


class AnyLine(Part):
    """A line of another kind: nobody here reads more of it."""

    kind: str


class LoadLine(Part):
    kind: Literal["account_load"]
    account_id: Identifier
    load_id: Identifier
    amount: Money


class FeeLine(Part):
    kind: Literal["fee"]
    account_id: Identifier
    fee_id: Identifier
    settlement_id: Identifier
    how: Settled
    amount: Money
    reason: SafeName | None = None


class EntitlementLine(Part):
    kind: Literal["entitlement"]
    voucher_id: Identifier
    extension_id: Identifier
    subject_id: Identifier
    old_until: date
    new_until: date
    entitlement: str = ""


KINDS = {"account_load": LoadLine, "fee": FeeLine, "entitlement": EntitlementLine}


def _kind(line: Any) -> str:
    """A line of a kind that is read here must be whole: a broken one parks the booking."""
    kind = line.get("kind") if isinstance(line, dict) else getattr(line, "kind", None)
    return kind if kind in KINDS else "other"


Line = Annotated[
    Annotated[LoadLine, Tag("account_load")]
    | Annotated[FeeLine, Tag("fee")]
    | Annotated[EntitlementLine, Tag("entitlement")]
    | Annotated[AnyLine, Tag("other")],
    Discriminator(_kind),
]


class AccountBooking(Part):
    """booking.recorded v1, as accounts read it."""

    booking_id: Identifier
    store_id: Identifier
    till_id: Identifier
    legal_entity_id: Identifier
    recorded_at: AwareDatetime
    business_date: date | None = None
    lines: Annotated[tuple[Line, ...], Field(max_length=PARTS_MAX)] = ()


class AccountBookingAborted(Part):
    """booking.aborted v1, as accounts read it."""

    booking_id: Identifier
    aborted_at: AwareDatetime
    load_ids: Annotated[tuple[Identifier, ...], Field(max_length=PARTS_MAX)] = ()
    settlement_ids: Annotated[tuple[Identifier, ...], Field(max_length=PARTS_MAX)] = ()
