"""What back office sends and hears about companies, groups, centers, cards and limits."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field, SecretStr

from costcenter.codes import CODE_MAX
from costcenter.events import (
    Address,
    CardKind,
    Limit,
    Medium,
    Mode,
    OnExceed,
    ReplaceReason,
    Scope,
    Window,
)
from costcenter.queries.structure import CardState, CenterState
from kassenverbund.kit.routes import Answer, Body, Day
from kassenverbund.kit.text import Identifier, SafeName
from money import Money

CardCode = Annotated[SecretStr, Field(min_length=1, max_length=CODE_MAX)]
"""An RFID uid or the text of a QR code. Kept as a keyed hash only."""

CardNumber = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,39}$")]

Reason = SafeName


class AddressBody(Body):
    name: SafeName
    lines: Annotated[tuple[SafeName, ...], Field(max_length=4)] = ()
    postal_code: Annotated[SafeName, Field(max_length=16)]
    city: SafeName
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "DE"

    def address(self) -> Address:
        return Address.model_validate(self.model_dump())


class CompanyBody(Body):
    name: SafeName
    address: AddressBody
    vat_id: Annotated[str, Field(pattern=r"^[A-Z]{2}[A-Z0-9]{2,13}$")] | None = None


class ReasonBody(Body):
    reason: Reason


class MainGroupBody(Body):
    name: SafeName
    company_id: Identifier | None = None


class UserGroupBody(Body):
    name: SafeName
    mode: Mode


class NewUserGroupBody(UserGroupBody):
    number: Annotated[int, Field(ge=1, le=9_999)]


class CenterBody(Body):
    number: Annotated[str, Field(min_length=1, max_length=64)]
    """Digits only; `0047` is another one than `47`."""
    name: SafeName
    company_id: Identifier | None = None
    address: AddressBody | None = None
    contact_id: Identifier | None = None
    valid_from: Day | None = None
    valid_until: Day | None = None


class CardBody(Body):
    number: CardNumber
    kind: CardKind
    medium: Medium = "none"
    """`rfid` or `qr` for a physical card, which has a `code`."""
    code: CardCode | None = None
    type: Identifier = "customer"
    main_group: Annotated[int, Field(ge=1, le=9_999)]
    user_group: Annotated[int, Field(ge=1, le=9_999)]
    center_id: Identifier | None = None
    valid_from: Day | None = None
    valid_until: Day | None = None


class MoveBody(Body):
    center_id: Identifier | None
    """Null: it books to no center any more."""


class RegroupBody(Body):
    main_group: Annotated[int, Field(ge=1, le=9_999)]
    user_group: Annotated[int, Field(ge=1, le=9_999)]


class ReplaceBody(Body):
    reason: ReplaceReason
    medium: Medium
    code: CardCode


class LimitBody(Body):
    """At most `amount`, or `count` charges, in each window."""

    name: SafeName
    window: Window
    amount: Money | None = None
    count: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    on_exceed: OnExceed = "block"
    valid_from: Day | None = None
    valid_until: Day | None = None
    article_groups: Annotated[tuple[Identifier, ...], Field(max_length=100)] = ()
    opening_used: Money | None = None
    """A new limit: what was charged in its current window before."""
    opening_count: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    opening_day: Day | None = None

    def limit(self, limit_id: str, scope: Scope) -> Limit:
        """Raises pydantic's `ValidationError` for what does not hang together."""
        said = self.model_dump(exclude={"opening_used", "opening_count", "opening_day"})
        return Limit.model_validate({**said, "limit_id": limit_id, "scope": scope})


class ContactBody(Body):
    name: SafeName
    phone: Annotated[str, Field(pattern=r"^[+0-9][0-9 ()/.-]{2,39}$")] | None = None
    mail: Annotated[str, Field(pattern=r"^[^@\s]{1,64}@[^@\s]{1,190}$")] | None = None


class ContactAnswer(Answer):
    contact_id: str
    name: str
    phone: str | None
    mail: str | None


class Done(Answer):
    position: int
    """Give this to a list that has to show the effect."""


class CompanyAnswer(Answer):
    company_id: str
    name: str
    address: Address
    vat_id: str | None
    closed: bool


class CompanyDone(CompanyAnswer):
    position: int


class UserGroupAnswer(Answer):
    number: int
    name: str
    mode: Mode


class MainGroupAnswer(Answer):
    main_group: int
    name: str
    company_id: str | None
    groups: tuple[UserGroupAnswer, ...]


class MainGroupDone(MainGroupAnswer):
    position: int


class CenterAnswer(Answer):
    center_id: str
    number: str
    name: str
    company_id: str | None
    company_name: str | None
    address: Address | None
    contact_id: str | None
    valid_from: date | None
    valid_until: date | None
    blocked: str | None
    """Why."""
    state: CenterState
    """`incomplete`: it has no card that may charge it."""
    cards: int


class CenterDone(Answer):
    center_id: str
    number: str
    name: str
    company_id: str | None
    blocked: str | None
    closed: bool
    warnings: tuple[str, ...]
    """`center.number_long`: more digits than the chain recommends."""
    position: int


class CardAnswer(Answer):
    card_id: str
    number: str
    kind: CardKind
    medium: Medium
    type: str
    main_group: int
    user_group: int
    center_id: str | None
    center_number: str | None
    valid_from: date | None
    valid_until: date | None
    blocked: str | None
    state: CardState


class CardDone(Answer):
    card_id: str
    number: str
    kind: CardKind
    medium: Medium
    type: str
    main_group: int
    user_group: int
    center_id: str | None
    blocked: str | None
    ended: bool
    warnings: tuple[str, ...]
    """`card.group_does_not_charge`: its group pays in another way than by cost center."""
    position: int


class CardFact(Answer):
    """One thing that happened to a card."""

    name: str
    at: datetime
    actor: str
    detail: dict[str, Any]
    """The event, without codes' hashes."""


class CardHistory(Answer):
    card: CardDone
    facts: tuple[CardFact, ...]


class LimitAnswer(Answer):
    limit: Limit
    set_at: datetime


class LimitDone(Answer):
    limit: Limit
    position: int


class CenterWithCards(Answer):
    """A center with the cards that book to it now (C15)."""

    center: CenterAnswer
    cards: tuple[CardAnswer, ...]
    next: str | None
    """More cards: `GET /v1/cards?center_id=…&cursor=…`."""
    limits: tuple[LimitAnswer, ...]
    complete: bool


class CompaniesPage(Answer):
    rows: tuple[CompanyAnswer, ...]
    next: str | None
    complete: bool


class GroupsPage(Answer):
    rows: tuple[MainGroupAnswer, ...]
    next: str | None
    complete: bool


class CentersPage(Answer):
    rows: tuple[CenterAnswer, ...]
    next: str | None
    complete: bool


class CardsPage(Answer):
    rows: tuple[CardAnswer, ...]
    next: str | None
    complete: bool


class LimitsPage(Answer):
    rows: tuple[LimitAnswer, ...]
    next: str | None
    """Opaque: the `cursor` of the next page. None: there is none."""
    complete: bool
    """False: the effect of `position` does not show yet."""
