"""The parts of the gateway's events that the signer reads. Unknown fields are ignored."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from kassenverbund.kit.text import Identifier
from money import Money, Rate

ClientId = Annotated[str, Field(pattern=r"^[A-Za-z0-9'()+,./:=?-]{1,30}$")]
"""The till's serial number as registered at the TSE: PrintableString, no space."""

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]

LINES_MAX = 2_000
QUANTITY_MAX = 10**9


class _Foreign(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class TillPaired(_Foreign):
    """till.paired v1."""

    store_id: Identifier
    till_id: Identifier
    client_id: ClientId
    tse_id: Identifier


class TillOpened(TillPaired):
    """till.opened v1: from here on the till signs with this TSE, maybe another one than before."""


class BookingStarted(_Foreign):
    """booking.started v1."""

    booking_id: Identifier
    store_id: Identifier
    till_id: Identifier
    tse_id: Identifier
    client_id: ClientId


class Ended(BookingStarted):
    """What every event has that a verdict is due to: a process of the till (Vorgang) is over."""

    sign_by: AwareDatetime


class Line(_Foreign):
    """One line of a recorded booking, as far as VAT goes."""

    kind: str
    amount: Money
    """Gross, the whole line."""
    rate: Rate
    dsfinvk_key: Annotated[int, Field(ge=1)]


class VatPart(_Foreign):
    """A share of a payment that reduces one VAT key."""

    gross: Money
    rate: Rate
    dsfinvk_key: Annotated[int, Field(ge=1)]


class Payment(_Foreign):
    """One payment of a recorded booking."""

    payment_id: str
    kind: str
    fiscal: Literal["Bar", "Unbar", "Keine"]
    amount: Money
    """What it settles; cash is net of change."""
    dsfinvk_key: int | None = None
    """Only for `Keine`: the VAT key that the redemption reduces."""
    rate: Rate | None = None
    """Basis points of that key, where it is not 0."""
    parts: Annotated[tuple[VatPart, ...], Field(max_length=LINES_MAX)] = ()
    """Only for `Keine`: the VAT keys that a receivable or a subsidy reduces. Together `amount`."""


class BookingRecorded(Ended):
    """booking.recorded v1 to v4: later ones have more kinds of bookings, lines and payments, with
    either sign. Each line counts by its amount, each payment by `fiscal`."""

    currency: Currency
    lines: Annotated[tuple[Line, ...], Field(max_length=LINES_MAX)]
    payments: Annotated[tuple[Payment, ...], Field(max_length=LINES_MAX)]


class TrainingRecorded(BookingRecorded):
    """training.recorded v1: the same shape, and no effect on anything."""


class BookingAborted(Ended):
    """booking.aborted v1 and v2."""


class OrderLine(_Foreign):
    """One line of an order."""

    name: str
    quantity: Annotated[Decimal, Field(ge=-QUANTITY_MAX, le=QUANTITY_MAX)]
    """Negative: taken back."""
    unit_price: Money
    """Gross."""


class BookingOrdered(Ended):
    """booking.ordered v1."""

    lines: Annotated[tuple[OrderLine, ...], Field(max_length=LINES_MAX)]


class CashMoved(Ended):
    """cash.moved v1, of any kind."""

    currency: Currency
    amount: Money
    """Plus: into the drawer."""


class CaseTotal(_Foreign):
    """What one business case came to, at one VAT key."""

    case: str
    """GV_TYP of DSFinV-K."""
    gross: Money


class CountedCash(_Foreign):
    """The drawer at a closing."""

    expected: Money
    counted: Money | None = None


class TillClosed(Ended):
    """till.closed v1. Its figures are signed as they stand; whether they are those of its bookings
    is for the export to say, which holds both."""

    z_number: Annotated[int, Field(ge=1)]
    business_date: date
    currency: Currency
    cases: Annotated[tuple[CaseTotal, ...], Field(max_length=LINES_MAX)] = ()
    cash: CountedCash


class TseOnly(_Foreign):
    """Of any event about a booking: to whom it goes."""

    tse_id: Identifier


class Named(_Foreign):
    """The ids of an event whose rest could not be read. Each is empty where it is not an id."""

    booking_id: str = ""
    store_id: str = ""
    till_id: str = ""
    tse_id: str = ""
    client_id: str = ""
    z_number: int | None = None


_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)
_ADAPTERS: dict[str, TypeAdapter[Any]] = {
    **dict.fromkeys(("booking_id", "store_id", "till_id", "tse_id"), _IDENTIFIER),
    "client_id": TypeAdapter(ClientId),
    "z_number": TypeAdapter(Annotated[int, Field(ge=1)]),
}


def named(document: object) -> Named:
    """What can be read of the ids in an event that does not fit. Never raises."""
    if not isinstance(document, dict):
        return Named()
    found = {}
    for name, adapter in _ADAPTERS.items():
        try:
            found[name] = adapter.validate_python(document.get(name), strict=True)
        except ValueError:
            continue
    return Named.model_validate(found)
