"""What a form of a page sent: fields of text, read as strictly as a JSON body."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import TypeAdapter, ValidationError

from device_gateway.api.pages.locales import NoAmount, amount_of
from events import DomainError
from kassenverbund.kit.idempotency import IdempotencyKeyMissing, checked_key
from kassenverbund.kit.problems import RequestInvalid
from kassenverbund.kit.text import Identifier, SafeName
from money import Money

FIELDS_MAX = 200
KEY = "key"
"""The field that carries the idempotency key, made when the form was rendered."""

_MEDIA = "application/x-www-form-urlencoded"
_name = TypeAdapter[str](SafeName)
_identifier = TypeAdapter[str](Identifier)


class FieldInvalid(DomainError):
    """`field` names it; the page shows the text beside it."""

    code = "field.invalid"
    status = 422
    title = "This field has not been filled in as it has to be"


@dataclass(frozen=True, slots=True)
class Form:
    """The first value of each field, and all of those that occur often."""

    fields: Mapping[str, Sequence[str]]

    @property
    def key(self) -> str:
        """Raises `IdempotencyKeyMissing`."""
        found = self.fields.get(KEY)
        if not found:
            raise IdempotencyKeyMissing
        return checked_key(found[0])

    def raw(self, field: str) -> str:
        """As it was sent; empty where it was not. For secrets (PINs, codes): nothing is said about
        the text in a refusal."""
        found = self.fields.get(field)
        return found[0] if found else ""

    def text(self, field: str, *, required: bool = True, max_length: int = 120) -> str:
        """A line as people write it. Raises `FieldInvalid`."""
        given = self.raw(field).strip()
        if not given and not required:
            return ""
        try:
            said = _name.validate_python(given)
        except ValidationError:
            raise FieldInvalid(field=field) from None
        if len(said) > max_length:
            raise FieldInvalid(field=field, length_max=max_length)
        return said

    def identifier(self, field: str, *, required: bool = True) -> str | None:
        """Raises `FieldInvalid`."""
        given = self.raw(field).strip()
        if not given and not required:
            return None
        try:
            return _identifier.validate_python(given)
        except ValidationError:
            raise FieldInvalid(field=field) from None

    def money(self, field: str, currency: str, locale: str) -> Money:
        """An amount, as it was typed. Raises `FieldInvalid`."""
        try:
            return amount_of(self.raw(field), currency, locale)
        except NoAmount:
            raise FieldInvalid(field=field) from None

    def money_or_none(self, field: str, currency: str, locale: str) -> Money | None:
        """None: left empty. Raises `FieldInvalid`."""
        return self.money(field, currency, locale) if self.raw(field).strip() else None

    def whole(self, field: str, *, least: int = 0, most: int = 99_999) -> int:
        """A whole number; an empty field is `least`. Raises `FieldInvalid`."""
        given = self.raw(field).strip() or str(least)
        if not re.fullmatch(r"[0-9]{1,9}", given) or not least <= int(given) <= most:
            raise FieldInvalid(field=field)
        return int(given)

    def yes(self, field: str) -> bool:
        return self.raw(field) in ("on", "yes", "true", "1")


async def read_form(request: Request) -> Form:
    """FastAPI dependency: the form. Raises `RequestInvalid`."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != _MEDIA:
        raise RequestInvalid("a form is sent url-encoded")
    body = await request.body()
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            max_num_fields=FIELDS_MAX,
            errors="strict",
        )
    except (UnicodeError, ValueError):
        raise RequestInvalid from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        if "\0" in value:
            raise RequestInvalid(f"U+0000 in {name[:60]!r}")
        fields.setdefault(name, []).append(value)
    return Form(fields)
