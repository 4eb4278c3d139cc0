"""The parts of the gateway's events that this service reads. Unknown fields are ignored."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from kassenverbund.kit.text import Identifier
from money import Money

PARTS_MAX = 1_000
"""Lines or payments of one booking that are read; a booking has far fewer."""


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Line(Part):
    kind: str
    amount: Money
    voucher_id: Identifier | None = None


class Payment(Part):
    kind: str
    amount: Money
    hold_id: Identifier | None = None
    voucher_id: Identifier | None = None

    @model_validator(mode="after")
    def _by_a_hold(self) -> Payment:
        if self.kind == "voucher" and (self.hold_id is None or self.amount.amount <= 0):
            raise ValueError("a payment by voucher names its hold and a positive amount")
        return self


class BookingRecorded(Part):
    """booking.recorded v1: the point of no return."""

    booking_id: Identifier
    store_id: Identifier
    till_id: Identifier
    legal_entity_id: Identifier
    recorded_at: AwareDatetime
    lines: Annotated[tuple[Line, ...], Field(max_length=PARTS_MAX)] = ()
    payments: Annotated[tuple[Payment, ...], Field(max_length=PARTS_MAX)] = ()


class BookingAborted(Part):
    """booking.aborted v1: nothing of it was sold or paid."""

    booking_id: Identifier
    aborted_at: AwareDatetime
    hold_ids: Annotated[tuple[Identifier, ...], Field(max_length=PARTS_MAX)] = ()
    voucher_ids: Annotated[tuple[Identifier, ...], Field(max_length=PARTS_MAX)] = ()
