"""How a till names a cost center, and a manager's override."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from device_gateway.ports import ChargeAsked, ChargeCard, ChargeOverride
from kassenverbund.kit.auth import Caller, Forbidden
from kassenverbund.kit.text import Identifier, SafeName

CARD_CODE_MAX = 500
"""A foreign QR code may be longer than one of ours."""
NUMBER_MAX = 64
REASON_MAX = 200


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Number = Annotated[SafeName, Field(max_length=NUMBER_MAX)]


class CardBody(_Body):
    """Exactly one of: `code`, what was scanned, or a `scan` of it; `number`, that of a virtual
    card; `center_number`, with `card_number` where the center has several virtual cards."""

    code: Annotated[SafeName, Field(max_length=CARD_CODE_MAX)] | None = None
    number: Number | None = None
    center_number: Number | None = None
    card_number: Number | None = None
    scan: Identifier | None = None

    @model_validator(mode="after")
    def _names_one(self) -> CardBody:
        named = [self.code, self.number, self.center_number, self.scan]
        if sum(one is not None for one in named) != 1:
            raise ValueError(
                "a card is named by `code`, `scan`, `number` or `center_number`, by one"
            )
        if self.card_number is not None and self.center_number is None:
            raise ValueError("`card_number` chooses a card of `center_number`")
        return self


class OverrideBody(_Body):
    """A manager lets the charge pass although a limit is exceeded. Who it is, is said by the header
    `Override-Authorization`."""

    reason: Annotated[SafeName, Field(max_length=REASON_MAX)]


def asked_of(
    card: CardBody, *, exact: bool, override: OverrideBody | None, by: Caller | None
) -> ChargeAsked:
    """Raises `Forbidden` for an override without a manager."""
    if override is not None and by is None:
        raise Forbidden("an override needs the header Override-Authorization of a manager")
    return ChargeAsked(
        card=ChargeCard(card.code, card.number, card.center_number, card.card_number),
        exact=exact,
        override=None if override is None or by is None else ChargeOverride(by.id, override.reason),
    )
