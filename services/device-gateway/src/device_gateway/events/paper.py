"""The paper that comes of a booking."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from device_gateway.events.parts import Rare
from events import Event, event_type

PaperKind = Literal[
    "receipt", "voucher_slips", "remainder_slips", "center_slip", "order_slip", "rest_slip"
]


@event_type("receipt.queued")
class ReceiptQueued(Event):
    """A print job was handed to the printing desk, or there was nothing to print. `voucher_slips`:
    the codes of sold vouchers; `remainder_slips`: new codes of vouchers that were paid with;
    `center_slip`: what is invoiced later, to be signed; `order_slip`: what a kitchen has to do, on
    each printer that it concerns; `rest_slip`: what is left on vouchers that keep their code."""

    booking_id: str
    store_id: str
    till_id: str
    job_id: str
    document: PaperKind
    queued_at: datetime


@event_type("receipt.printed")
class ReceiptPrinted(Event):
    """The printer has it. `copy`: the paper says KOPIE."""

    booking_id: str
    store_id: str
    till_id: str
    printer_id: str
    job_id: str
    copy_: Annotated[bool, Field(alias="copy")]
    printed_at: datetime

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True
    )


@event_type("drawer.opened")
class DrawerOpened(Event):
    """Somebody had the cash drawer opened without a sale. Stream `till-{till_id}`."""

    store_id: str
    till_id: str
    reason: str
    cashier_id: Rare[str] = None
    approved_by: Rare[str] = None
    """Who lent the right to it."""
    by: Rare[str] = None
    """Who asked, where it was not the till."""
    at: datetime
