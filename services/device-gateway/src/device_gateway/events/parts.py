"""Pieces that several events are made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

LineKind = Literal["article", "voucher_sale"]
PaymentKind = Literal["cash", "card", "voucher"]
FiscalKind = Literal["Bar", "Unbar", "Keine"]

Quantity = Annotated[str, Field(pattern=r"^[0-9]{1,6}(\.[0-9]{1,3})?$")]
"""A decimal number as text: at most three decimals, never an exponent."""


class Part(BaseModel):
    """A piece of an event: frozen, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
