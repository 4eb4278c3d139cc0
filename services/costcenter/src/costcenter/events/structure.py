"""Who may charge: companies, groups, centers and cards.

    company (optional)  ── main group 1 "Firma A" ── user groups 1-1 management … 1-6 guests
    center 4711 ── card 4711 (of user group 1-4) books to the center; a center has any number

Persons do not occur here: a card has a number, and whoever hands it out knows to whom.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from events import Event, event_type

Mode = Literal["prepaid", "cost_center", "cash"]
"""How the cards of a user group pay: from a prepaid account, on a cost center, or at once."""

CardKind = Literal["physical", "virtual"]
"""A virtual card has nothing to scan: it is chosen at the till by its center's number."""

Medium = Literal["rfid", "qr", "none"]

ReplaceReason = Literal["lost", "broken", "worn", "other"]


class Part(BaseModel):
    """A piece of an event: frozen, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Address(Part):
    """As printed on the slip."""

    name: str
    lines: Annotated[tuple[str, ...], Field(max_length=4)] = ()
    """Street, floor, … in the order of printing."""
    postal_code: str
    city: str
    country: str = "DE"


# --- companies, stream `company-{company_id}` ---


@event_type("company.registered")
class CompanyRegistered(Event):
    """A company whose people charge: its address stands on their slips and invoices."""

    company_id: str
    name: str
    address: Address
    vat_id: str | None = None
    registered_at: AwareDatetime


@event_type("company.changed")
class CompanyChanged(Event):
    """All fields as they are from now on."""

    company_id: str
    name: str
    address: Address
    vat_id: str | None = None
    changed_at: AwareDatetime


@event_type("company.closed")
class CompanyClosed(Event):
    """Its centers can no longer be charged."""

    company_id: str
    reason: str
    closed_at: AwareDatetime


# --- groups, stream `group-{main_group}`: a main group with the user groups below it ---


@event_type("main_group.opened")
class MainGroupOpened(Event):
    """A main group, one per company in an office complex."""

    main_group: int
    name: str
    company_id: str | None = None
    opened_at: AwareDatetime


@event_type("main_group.changed")
class MainGroupChanged(Event):
    """All fields as they are from now on."""

    main_group: int
    name: str
    company_id: str | None = None
    changed_at: AwareDatetime


@event_type("user_group.added")
class UserGroupAdded(Event):
    """`number` is unique below its main group only: 1-4 and 2-4 are two groups."""

    main_group: int
    number: int
    name: str
    mode: Mode
    added_at: AwareDatetime


@event_type("user_group.changed")
class UserGroupChanged(Event):
    """All fields as they are from now on. Another mode holds from the next charge on."""

    main_group: int
    number: int
    name: str
    mode: Mode
    changed_at: AwareDatetime


# --- centers, stream `center-{center_id}` ---


@event_type("center.opened")
class CenterOpened(Event):
    """A cost center. Needs no more than a number and a name; it cannot be charged before a card
    is assigned to it."""

    center_id: str
    number: str
    """Digits only; `0047` is another one than `47`."""
    name: str
    company_id: str | None = None
    address: Address | None = None
    """Its own, printed instead of the company's."""
    contact_id: str | None = None
    """Whom to ask. Name and address of the person lie outside the log."""
    valid_from: date | None = None
    valid_until: date | None = None
    """Last day, in the time zone of the store that charges."""
    opened_at: AwareDatetime


@event_type("center.changed")
class CenterChanged(Event):
    """All fields as they are from now on. The number never changes: slips carry it."""

    center_id: str
    name: str
    company_id: str | None = None
    address: Address | None = None
    contact_id: str | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    changed_at: AwareDatetime


@event_type("center.blocked")
class CenterBlocked(Event):
    """No card of it can charge until it is unblocked."""

    center_id: str
    reason: str
    blocked_at: AwareDatetime


@event_type("center.unblocked")
class CenterUnblocked(Event):
    """Its cards can charge again."""

    center_id: str
    unblocked_at: AwareDatetime


@event_type("center.closed")
class CenterClosed(Event):
    """For good. What was charged stays and is still invoiced."""

    center_id: str
    reason: str
    closed_at: AwareDatetime


@event_type("center.card_added")
class CenterCardAdded(Event):
    """A card books to this center from now on. Stored together with `card.issued` or
    `card.assigned`, so that both sides always agree."""

    center_id: str
    card_id: str
    number: str
    kind: CardKind
    added_at: AwareDatetime


@event_type("center.card_removed")
class CenterCardRemoved(Event):
    """Moved to another center, or ended. What it charged before stays with this center."""

    center_id: str
    card_id: str
    number: str
    removed_at: AwareDatetime


# --- cards, stream `card-{card_id}` ---


@event_type("card.issued")
class CardIssued(Event):
    """A customer card. Its medium is only an identifier: no balance is kept on it."""

    card_id: str
    number: str
    """Free, unique over all cards; the center's number is a good one for its only card."""
    kind: CardKind
    medium: Medium
    type: str = "customer"
    main_group: int
    user_group: int
    center_id: str | None = None
    """None: a card of a group that does not charge (prepaid, cash); subsidies may be its use."""
    code_hash: str | None = None
    """Keyed hash of the RFID uid or of what the QR code says. None: virtual."""
    hash_key_id: str | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    issued_at: AwareDatetime


@event_type("card.assigned")
class CardAssigned(Event):
    """Books to another center from now on (None: to no center)."""

    card_id: str
    number: str
    center_id: str | None
    before: str | None
    """The center until now; its past charges stay there."""
    assigned_at: AwareDatetime


@event_type("card.regrouped")
class CardRegrouped(Event):
    """Belongs to another user group: mode, limits and subsidies are that group's."""

    card_id: str
    main_group: int
    user_group: int
    regrouped_at: AwareDatetime


@event_type("card.blocked")
class CardBlocked(Event):
    """It cannot pay until it is unblocked. Its limits and its history stay."""

    card_id: str
    reason: str
    blocked_at: AwareDatetime


@event_type("card.unblocked")
class CardUnblocked(Event):
    """It pays again."""

    card_id: str
    unblocked_at: AwareDatetime


@event_type("card.replaced")
class CardReplaced(Event):
    """The medium was lost or broken: the card lives on with a new one, the old one is dead.
    Number, center, group, limits and history stay."""

    card_id: str
    reason: ReplaceReason
    medium: Medium
    code_hash: str
    hash_key_id: str
    former_code_hash: str | None = None
    replaced_at: AwareDatetime


@event_type("card.ended")
class CardEnded(Event):
    """For good."""

    card_id: str
    number: str
    reason: str
    ended_at: AwareDatetime


# --- foreign codes, stream `patterns` ---

Meaning = Literal["card", "center", "voucher"]


@event_type("pattern.declared")
class PatternDeclared(Event):
    """Foreign codes of this form mean one of ours. No two patterns in force overlap."""

    pattern_id: str
    name: str
    expression: str
    """RE2 syntax, matched against the whole code; the group `value` is what is looked up."""
    meaning: Meaning
    length_max: int
    """Longer codes do not match."""
    example: str
    declared_at: AwareDatetime


@event_type("pattern.withdrawn")
class PatternWithdrawn(Event):
    """Codes of this form mean nothing any more."""

    pattern_id: str
    withdrawn_at: AwareDatetime
