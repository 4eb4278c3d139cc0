"""What back office asks of companies, groups, centers and cards. `now` is UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from costcenter.events import (
    Address,
    CardKind,
    Limit,
    Medium,
    Mode,
    ReplaceReason,
    Scope,
    SubsidyRule,
)
from money import Money


@dataclass(frozen=True, slots=True)
class SetLimit:
    """New, or another value of the one with this id. The openings count for a new one only."""

    limit: Limit
    opening_used: Money | None
    opening_count: int
    opening_day: date | None
    currency: str
    now: datetime


@dataclass(frozen=True, slots=True)
class LiftLimit:
    limit_id: str
    scope: Scope
    now: datetime


@dataclass(frozen=True, slots=True)
class SetCompany:
    """This is what the company is called from now on."""

    company_id: str
    name: str
    address: Address
    vat_id: str | None
    now: datetime


@dataclass(frozen=True, slots=True)
class CloseCompany:
    reason: str
    now: datetime


@dataclass(frozen=True, slots=True)
class SetMainGroup:
    main_group: int
    name: str
    company_id: str | None
    now: datetime


@dataclass(frozen=True, slots=True)
class SetUserGroup:
    number: int
    name: str
    mode: Mode
    new: bool
    """Refused where there is one of this number."""
    now: datetime


@dataclass(frozen=True, slots=True)
class SetRule:
    rule: SubsidyRule
    currency: str
    now: datetime


@dataclass(frozen=True, slots=True)
class EndRule:
    rule_id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class SetCenter:
    center_id: str
    number: str
    name: str
    company_id: str | None
    address: Address | None
    contact_id: str | None
    valid_from: date | None
    valid_until: date | None
    now: datetime


@dataclass(frozen=True, slots=True)
class BlockCenter:
    reason: str
    now: datetime


@dataclass(frozen=True, slots=True)
class UnblockCenter:
    now: datetime


@dataclass(frozen=True, slots=True)
class CloseCenter:
    reason: str
    now: datetime


@dataclass(frozen=True, slots=True)
class AddCard:
    """The center's half of issuing or moving a card."""

    card_id: str
    number: str
    kind: CardKind
    now: datetime


@dataclass(frozen=True, slots=True)
class RemoveCard:
    """The center's half of moving or ending a card."""

    card_id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class IssueCard:
    card_id: str
    number: str
    kind: CardKind
    medium: Medium
    type: str
    main_group: int
    user_group: int
    center_id: str | None
    code_hash: str | None
    hash_key_id: str | None
    valid_from: date | None
    valid_until: date | None
    now: datetime


@dataclass(frozen=True, slots=True)
class MoveCard:
    center_id: str | None
    now: datetime


@dataclass(frozen=True, slots=True)
class RegroupCard:
    main_group: int
    user_group: int
    now: datetime


@dataclass(frozen=True, slots=True)
class BlockCard:
    reason: str
    now: datetime


@dataclass(frozen=True, slots=True)
class UnblockCard:
    now: datetime


@dataclass(frozen=True, slots=True)
class ReplaceCard:
    reason: ReplaceReason
    medium: Medium
    code_hash: str
    hash_key_id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class EndCard:
    reason: str
    now: datetime


LimitCommand = SetLimit | LiftLimit
CompanyCommand = SetCompany | CloseCompany | LimitCommand
GroupCommand = SetMainGroup | SetUserGroup | SetRule | EndRule | LimitCommand
CenterCommand = (
    SetCenter | BlockCenter | UnblockCenter | CloseCenter | AddCard | RemoveCard | LimitCommand
)
CardCommand = (
    IssueCard
    | MoveCard
    | RegroupCard
    | BlockCard
    | UnblockCard
    | ReplaceCard
    | EndCard
    | LimitCommand
)
