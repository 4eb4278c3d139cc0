"""GS1 element strings and digital links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import biip

from device_gateway.codes import aim as symbologies

GS = "\x1d"
_LINK_SCHEMES = ("https://", "http://")


@dataclass(frozen=True, slots=True)
class Elements:
    """`gtin`: without leading zeros of the fourteen digits where thirteen are enough."""

    gtin: str | None
    values: Mapping[str, str]
    """Application identifier → value."""


def elements_of(text: str, aim: str | None) -> Elements | None:
    """None: it is not said to be GS1. Without an identifier and without a separator nothing is:
    a plain EAN can be read as an element string too, and with another meaning."""
    if aim not in symbologies.GS1 and not (aim is None and GS in text):
        return None
    try:
        parsed = biip.parse((aim or "]C1") + text)
    except biip.ParseError:
        return None
    if parsed.gs1_message is None:
        return None
    values = {found.ai.ai: found.value for found in parsed.gs1_message.element_strings}
    return Elements(_gtin(values.get("01") or values.get("02")), values) if values else None


def link_of(text: str) -> Elements | None:
    """A GS1 Digital Link with a GTIN. It is read, never followed."""
    if not text.lower().startswith(_LINK_SCHEMES):
        return None
    try:
        parsed = biip.parse(text)
    except biip.ParseError:
        return None
    link = parsed.gs1_digital_link_uri
    if link is None:
        return None
    values = {found.ai.ai: found.value for found in link.element_strings}
    gtin = _gtin(values.get("01"))
    return None if gtin is None else Elements(gtin, values)


def _gtin(value: str | None) -> str | None:
    if value is None:
        return None
    return value[1:] if len(value) == 14 and value.startswith("0") else value
