"""Rows of import files. The fields are the columns; what a file leaves out stays as it is.

Described for people in `docs/cost-centers-import.md`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from costcenter.codes import CODE_MAX
from costcenter.events import Address, CardKind, Medium, Mode
from kassenverbund.kit.text import Identifier, SafeName

Kind = Literal["companies", "main-groups", "user-groups", "centers", "cards"]
KINDS: tuple[Kind, ...] = ("companies", "main-groups", "user-groups", "centers", "cards")
"""In the order in which they are imported: each refers to those before it."""

_GERMAN_DAY = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4})")


def _iso(value: object) -> object:
    found = _GERMAN_DAY.fullmatch(value) if isinstance(value, str) else None
    return f"{found[3]}-{found[2]}-{found[1]}" if found else value


DayCell = Annotated[date, BeforeValidator(_iso), Field(ge=date(2000, 1, 1), le=date(2199, 12, 31))]
"""`2026-12-31` or `31.12.2026`."""

Group = Annotated[int, Field(ge=1, le=9_999)]
CardNumber = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,39}$")]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _WithAddress(_Row):
    address_name: SafeName | None = None
    address_1: SafeName | None = None
    address_2: SafeName | None = None
    address_3: SafeName | None = None
    address_4: SafeName | None = None
    postal_code: Annotated[SafeName, Field(max_length=16)] | None = None
    city: SafeName | None = None
    country: Country | None = None

    def address(self, name: str) -> Address | None:
        """None: there is none. Raises KeyError with the column that is missing."""
        lines = (self.address_1, self.address_2, self.address_3, self.address_4)
        cells = (self.address_name, *lines, self.postal_code, self.city)
        if not any(cells):
            return None
        for column in ("postal_code", "city"):
            if getattr(self, column) is None:
                raise KeyError(column)
        assert self.postal_code is not None
        assert self.city is not None
        return Address(
            name=self.address_name or name,
            lines=tuple(line for line in lines if line is not None),
            postal_code=self.postal_code,
            city=self.city,
            country=self.country or "DE",
        )

    @property
    def has_address_columns(self) -> bool:
        return not ADDRESS_COLUMNS.isdisjoint(self.model_fields_set)


ADDRESS_COLUMNS = frozenset(_WithAddress.model_fields)


class CompanyRow(_WithAddress):
    company_id: Identifier
    name: SafeName
    vat_id: Annotated[str, Field(pattern=r"^[A-Z]{2}[A-Z0-9]{2,13}$")] | None = None


class MainGroupRow(_Row):
    main_group: Group
    name: SafeName
    company_id: Identifier | None = None


class UserGroupRow(_Row):
    main_group: Group
    user_group: Group
    name: SafeName
    mode: Mode


class CenterRow(_WithAddress):
    center_id: Identifier | None = None
    number: Annotated[str, Field(min_length=1, max_length=64)]
    name: SafeName
    company_id: Identifier | None = None
    contact_id: Identifier | None = None
    valid_from: DayCell | None = None
    valid_until: DayCell | None = None
    blocked: SafeName | None = None
    """Why; nothing: it is not blocked."""


class CardRow(_Row):
    card_id: Identifier | None = None
    number: CardNumber
    kind: CardKind = "physical"
    medium: Medium | None = None
    type: Identifier | None = None
    main_group: Group
    user_group: Group
    center_number: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    code: Annotated[str, Field(max_length=CODE_MAX)] | None = None
    code_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    hash_key_id: Annotated[str, Field(max_length=16)] | None = None
    valid_from: DayCell | None = None
    valid_until: DayCell | None = None
    blocked: SafeName | None = None

    @property
    def on(self) -> Medium:
        """What carries the code."""
        return self.medium or ("none" if self.kind == "virtual" else "rfid")


Row = CompanyRow | MainGroupRow | UserGroupRow | CenterRow | CardRow

ROWS: Mapping[Kind, type[Row]] = {
    "companies": CompanyRow,
    "main-groups": MainGroupRow,
    "user-groups": UserGroupRow,
    "centers": CenterRow,
    "cards": CardRow,
}

UNIQUE: Mapping[Kind, tuple[tuple[str, ...], ...]] = {
    "companies": (("company_id",),),
    "main-groups": (("main_group",),),
    "user-groups": (("main_group", "user_group"),),
    "centers": (("number",), ("center_id",)),
    "cards": (("number",), ("card_id",), ("code_hash",)),
}
"""What no two rows of a file share."""


def columns_of(kind: Kind) -> tuple[str, ...]:
    """The header of an export; `code` never leaves."""
    return tuple(name for name in ROWS[kind].model_fields if name != "code")


def row_of(kind: Kind, cells: Mapping[str, Any]) -> Row:
    """Raises pydantic's `ValidationError`."""
    return ROWS[kind].model_validate(cells)
