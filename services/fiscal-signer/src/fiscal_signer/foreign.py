"""The parts of the gateway's events that the signer reads. Unknown fields are ignored."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from kassenverbund.kit.text import Identifier
from money import Money, Rate

ClientId = Annotated[str, Field(pattern=r"^[A-Za-z0-9'()+,./:=?-]{1,30}$")]
"""The till's serial number as registered at the TSE: PrintableString, no space."""

LINES_MAX = 2_000


class _Foreign(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class TillPaired(_Foreign):
    """till.paired v1."""

    store_id: Identifier
    till_id: Identifier
    client_id: ClientId
    tse_id: Identifier


class BookingStarted(_Foreign):
    """booking.started v1."""

    booking_id: Identifier
    store_id: Identifier
    till_id: Identifier
    tse_id: Identifier
    client_id: ClientId


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


class BookingRecorded(_Foreign):
    """booking.recorded v1 to v3: later ones have more kinds of lines and payments. Each line counts
    by its amount, each payment by `fiscal`."""

    booking_id: Identifier
    store_id: Identifier
    till_id: Identifier
    tse_id: Identifier
    client_id: ClientId
    sign_by: AwareDatetime
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    lines: Annotated[tuple[Line, ...], Field(max_length=LINES_MAX)]
    payments: Annotated[tuple[Payment, ...], Field(max_length=LINES_MAX)]


class BookingAborted(_Foreign):
    """booking.aborted v1."""

    booking_id: Identifier
    store_id: Identifier
    till_id: Identifier
    tse_id: Identifier
    client_id: ClientId
    sign_by: AwareDatetime


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


_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)
_CLIENT_ID: TypeAdapter[str] = TypeAdapter(ClientId)


def named(document: object) -> Named:
    """What can be read of the ids in an event that does not fit. Never raises."""
    if not isinstance(document, dict):
        return Named()
    found = {}
    for name in Named.model_fields:
        adapter = _CLIENT_ID if name == "client_id" else _IDENTIFIER
        try:
            found[name] = adapter.validate_python(document.get(name), strict=True)
        except ValueError:
            continue
    return Named(**found)
