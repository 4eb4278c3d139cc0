"""The parts of the gateway's events that this service reads. Unknown fields are ignored."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Discriminator, Field, Tag

from costcenter.events import VatPart
from kassenverbund.kit.text import Identifier
from money import Money

PARTS_MAX = 1_000
"""Lines or payments of one booking that are read; a booking has far fewer."""


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Vat(Part):
    vat: str
    rate: int
    dsfinvk_key: int
    gross: Money

    def as_part(self) -> VatPart:
        return VatPart(vat=self.vat, rate=self.rate, dsfinvk_key=self.dsfinvk_key, gross=self.gross)


Vats = Annotated[tuple[Vat, ...], Field(max_length=PARTS_MAX)]


class Other(Part):
    """A line or payment of another kind: nobody here reads more of it."""

    kind: str


class OnCenter(Part):
    kind: Literal["cost_center"]
    hold_id: Identifier
    amount: Money
    parts: Vats = ()
    center_number: str | None = None
    center_name: str | None = None
    card_number: str | None = None
    card_id: Identifier | None = None
    offline: bool = False
    lease_id: Identifier | None = None


class Subsidy(Part):
    kind: Literal["subsidy"]
    hold_id: Identifier
    rule_id: Identifier
    amount: Money
    case: Literal["ZuschussEcht", "ZuschussUnecht"]
    parts: Vats = ()


class Reversal(Part):
    """Goods that a center or a subsidy paid come back: one part per VAT key and payer. Those with
    one `reversal_id` are one reversal."""

    kind: Literal["charge_reversal"]
    hold_id: Identifier
    reversal_id: Identifier
    rule_id: Identifier | None = None
    """It is the share of this subsidy. None: the center's."""
    amount: Money
    """With or without a minus."""
    vat: str | None = None
    rate: int | None = None
    dsfinvk_key: int | None = None

    @property
    def worth(self) -> Money:
        return max(self.amount, -self.amount)

    def parts(self) -> tuple[VatPart, ...]:
        if self.vat is None or self.rate is None or self.dsfinvk_key is None:
            return ()
        return (
            VatPart(vat=self.vat, rate=self.rate, dsfinvk_key=self.dsfinvk_key, gross=self.worth),
        )


READ = frozenset({"cost_center", "subsidy", "charge_reversal"})


def _kind(part: Any) -> str:
    """What is read here must be whole: a broken one parks the booking."""
    kind = part.get("kind") if isinstance(part, dict) else getattr(part, "kind", None)
    return kind if kind in READ else "other"


Payment = Annotated[
    Annotated[OnCenter, Tag("cost_center")]
    | Annotated[Subsidy, Tag("subsidy")]
    | Annotated[Reversal, Tag("charge_reversal")]
    | Annotated[Other, Tag("other")],
    Discriminator(_kind),
]


class BookingRecorded(Part):
    """booking.recorded: the point of no return."""

    booking_id: Identifier
    store_id: Identifier
    till_id: Identifier
    number: int | None = None
    recorded_at: AwareDatetime
    business_date: date
    lines: Annotated[tuple[Payment, ...], Field(max_length=PARTS_MAX)] = ()
    payments: Annotated[tuple[Payment, ...], Field(max_length=PARTS_MAX)] = ()


class BookingAborted(Part):
    """booking.aborted: nothing of it was charged."""

    booking_id: Identifier
    aborted_at: AwareDatetime
    charge_ids: Annotated[tuple[Identifier, ...], Field(max_length=PARTS_MAX)] = ()
