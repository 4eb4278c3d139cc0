"""Companies, groups, centers and cards as their events tell them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from costcenter.events import Address, CardKind, Limit, Medium, Mode, SubsidyRule


@dataclass(frozen=True, slots=True)
class Limited:
    """A limit in force, and what a new one found already used in the window of `opening_day`."""

    limit: Limit
    opening_used: int = 0
    """Minor units."""
    opening_count: int = 0
    opening_day: date | None = None


Limits = Mapping[str, Limited]
"""By limit id, in force; those that were lifted are gone."""


@dataclass(frozen=True, slots=True)
class Company:
    """`company_id` None: there is none with this id."""

    company_id: str | None = None
    name: str = ""
    address: Address | None = None
    vat_id: str | None = None
    closed: bool = False
    limits: Limits = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UserGroup:
    number: int
    name: str
    mode: Mode


@dataclass(frozen=True, slots=True)
class MainGroup:
    """With its user groups, the limits of both (`Scope.level` tells whose) and its rules."""

    main_group: int | None = None
    name: str = ""
    company_id: str | None = None
    user_groups: Mapping[int, UserGroup] = field(default_factory=dict)
    limits: Limits = field(default_factory=dict)
    rules: Mapping[str, SubsidyRule] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CenterCard:
    card_id: str
    number: str
    kind: CardKind


@dataclass(frozen=True, slots=True)
class Center:
    center_id: str | None = None
    number: str = ""
    name: str = ""
    company_id: str | None = None
    address: Address | None = None
    contact_id: str | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    blocked: str | None = None
    """The reason."""
    closed: bool = False
    cards: Mapping[str, CenterCard] = field(default_factory=dict)
    """By card id: those that book to it now."""
    limits: Limits = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Card:
    card_id: str | None = None
    number: str = ""
    kind: CardKind = "physical"
    medium: Medium = "none"
    type: str = "customer"
    main_group: int = 0
    user_group: int = 0
    center_id: str | None = None
    code_hash: str | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    blocked: str | None = None
    ended: bool = False
    limits: Limits = field(default_factory=dict)
