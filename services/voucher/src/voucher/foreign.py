"""The parts of the gateway's events that this service reads. Unknown fields are ignored."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from kassenverbund.kit.text import Identifier
from money import Money

PARTS_MAX = 1_000
"""Lines or payments of one booking that are read; a booking has far fewer."""

NEEDS = {
    "voucher_top_up": ("voucher_id", "top_up_id"),
    "voucher_payout": ("hold_id",),
    "voucher_sale_reversal": ("hold_id",),
    "voucher_redemption_reversal": ("hold_id", "reversal_id"),
}
"""What lines of our kinds have to name. A line that does not is poison, like any broken record."""


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Line(Part):
    kind: str
    amount: Money
    voucher_id: Identifier | None = None
    hold_id: Identifier | None = None
    top_up_id: Identifier | None = None
    reversal_id: Identifier | None = None

    @model_validator(mode="after")
    def _whole(self) -> Line:
        missing = [name for name in NEEDS.get(self.kind, ()) if getattr(self, name) is None]
        if missing or (self.kind in NEEDS and not self.amount):
            raise ValueError(
                f"a line {self.kind} names {', '.join(NEEDS[self.kind])} and an amount"
            )
        return self

    @property
    def worth(self) -> Money:
        """The amount without its sign: what is paid out stands in a booking as a minus."""
        return max(self.amount, -self.amount)


class Payment(Part):
    kind: str
    amount: Money
    hold_id: Identifier | None = None
    voucher_id: Identifier | None = None
    voucher_serial: str | None = None
    """All that a store without a line knows of the voucher."""
    offline: bool = False

    @model_validator(mode="after")
    def _by_a_hold(self) -> Payment:
        if self.kind == "voucher" and (self.hold_id is None or self.amount.amount <= 0):
            raise ValueError("a payment by voucher names its hold and a positive amount")
        return self


class Waiver(Part):
    """A voucher that was given away: it lowered the price of the booking and is used up by it."""

    hold_id: Identifier
    voucher_id: Identifier | None = None
    amount: Money

    @model_validator(mode="after")
    def _of_something(self) -> Waiver:
        if self.amount.amount <= 0:
            raise ValueError("a waiver has a positive amount")
        return self


class BookingRecorded(Part):
    """booking.recorded v1 and v2: the point of no return."""

    booking_id: Identifier
    store_id: Identifier
    till_id: Identifier
    legal_entity_id: Identifier
    recorded_at: AwareDatetime
    lines: Annotated[tuple[Line, ...], Field(max_length=PARTS_MAX)] = ()
    payments: Annotated[tuple[Payment, ...], Field(max_length=PARTS_MAX)] = ()
    waivers: Annotated[tuple[Waiver, ...], Field(max_length=PARTS_MAX)] = ()


class BookingAborted(Part):
    """booking.aborted v1: nothing of it was sold or paid."""

    booking_id: Identifier
    aborted_at: AwareDatetime
    hold_ids: Annotated[tuple[Identifier, ...], Field(max_length=PARTS_MAX)] = ()
    voucher_ids: Annotated[tuple[Identifier, ...], Field(max_length=PARTS_MAX)] = ()
    top_up_ids: Annotated[tuple[Identifier, ...], Field(max_length=PARTS_MAX)] = ()
    group_ids: Annotated[tuple[Identifier, ...], Field(max_length=PARTS_MAX)] = ()
