"""Pieces that several events are made of."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

LineKind = Literal[
    "article",
    "voucher_sale",
    "voucher_article_sale",
    "voucher_article_redemption",
    "voucher_top_up",
    "discount",
    "return",
    "voucher_payout",
    "voucher_sale_reversal",
    "voucher_redemption_reversal",
    "tip",
    "deposit",
    "deposit_return",
    "fee",
    "fee_waiver",
    "account_load",
    "entitlement",
]
"""Of a line. `discount` is never sent by a till: it comes of a voucher that was given away. The
reversals come of a return or a cancellation. A `fee_waiver` takes a waived `fee` off again."""

VoucherKind = Literal["multi_purpose", "single_purpose"]
"""Multi-purpose: taxed when redeemed, by what is bought. Single-purpose: taxed when sold."""

PaymentKind = Literal[
    "cash", "card", "voucher", "cost_center", "subsidy", "online", "charge_reversal", "on_account",
    "waiver", "account_credit", "other",
]  # fmt: skip
"""`other` is never written: it is what a reader takes a kind for that it does not know. How a
payment counts is said by `FiscalKind`. A `waiver` settles a fee without money and stands in no
recorded booking: its lines do. `account_credit`: credit of the fee's account."""

PAYS_GOODS: frozenset[PaymentKind] = frozenset({"voucher", "cost_center", "subsidy", "on_account"})
"""They pay for goods alone: none of them buys a voucher."""

FiscalKind = Literal["Bar", "Unbar", "Keine"]

ProcessKind = Literal[
    "sale",
    "return",
    "cancellation",
    "payout",
    "training",
    "aborted",
    "order",
    "cash",
    "closing",
]
"""What gets a number of its till (Vorgang): each has a TSE transaction and a row in DSFinV-K."""

BookingKind = Literal["sale", "return", "cancellation", "payout"]

ReferenceType = Literal["Transaktion", "ExterneRechnung", "ExternerLieferschein", "ExterneSonstige"]
"""REF_TYP of DSFinV-K."""

Quantity = Annotated[str, Field(pattern=r"^-?[0-9]{1,6}(\.[0-9]{1,3})?$")]
"""A decimal number as text: at most three decimals, never an exponent. Below zero only in what
takes back."""


def _left_out(value: Any) -> bool:
    return value is None or value is False or value == ()


QuantityAsked = Annotated[str, Field(pattern=r"^[0-9]{1,6}(\.[0-9]{1,3})?$")]
"""As a till says it: never below zero."""

T = TypeVar("T")

LeftOut = Field(exclude_if=_left_out)
"""Not written where it says nothing: most lines and payments have none of it, and a booking has to
fit into the log."""

Rare = Annotated[T | None, LeftOut]
"""A field that few have."""


class Part(BaseModel):
    """A piece of an event: frozen, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Reference(Part):
    """What a process or one of its lines refers to (references.csv of DSFinV-K)."""

    type: ReferenceType
    id: Annotated[str, Field(max_length=40)]
    """The other process' `booking_id`, or a foreign number."""
    name: Rare[str] = None
    date: Rare[datetime] = None
    till_id: Rare[str] = None
    z_number: Rare[int] = None
    line_id: Rare[str] = None
    number: Rare[int] = None
