"""How DSFinV-K writes values: `;` between columns, text in `"`, decimal comma, no grouping.

Everything here runs several times per row of millions; money is in minor units (cents), amounts
with five decimals are integers of 1/100,000.
"""

from __future__ import annotations

from datetime import UTC, datetime

FIVE = 1_000
"""Cents → 1/100,000."""


def quoted(text: str, characters_max: int) -> str:
    """Text in its quotes, cut off where the column ends."""
    if not text:
        return '""'
    if len(text) > characters_max:
        text = text[:characters_max]
    if '"' in text:
        text = text.replace('"', '""')
    return f'"{text}"'


def two(minor: int) -> str:
    """1190 → `11,90`."""
    if minor < 0:
        return f"-{-minor // 100},{-minor % 100:02d}"
    return f"{minor // 100},{minor % 100:02d}"


def five(amount: int) -> str:
    """1190000 → `11,90000`."""
    if amount < 0:
        return f"-{-amount // 100_000},{-amount % 100_000:05d}"
    return f"{amount // 100_000},{amount % 100_000:05d}"


def three(quantity: str) -> str:
    """A decimal number as events have it: `2` → `2,000`, `0.5` → `0,500`."""
    whole, _, rest = quantity.partition(".")
    return f"{whole or '0'},{rest[:3]:0<3}"


def instant(text: str) -> str:
    """An instant of an event as UTC with milliseconds: `2026-01-31T12:00:00.000Z`. What is less is
    cut off. Raises ValueError."""
    if text[-1:] == "Z":
        moment, _, rest = text[:-1].partition(".")
        if len(moment) == 19:
            return f"{moment}.{rest[:3]:0<3}Z"
    read = datetime.fromisoformat(text)
    if read.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return read.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def net_of(gross: int, rate: int) -> int:
    """Net of a gross amount, in its unit, as the till rounds it: the tax half away from zero.
    `rate` in basis points."""
    if not rate:
        return gross
    base = 10_000 + rate
    tax = (2 * abs(gross) * rate + base) // (2 * base)
    return gross - tax if gross >= 0 else gross + tax


UNTAXED_KEYS = frozenset({5, 6, 7, 8})
"""VAT keys at 0 %, whatever the goods are taxed at."""


def rate_of(key: int, rate: int) -> int:
    """Basis points that amounts under a VAT key hold."""
    return 0 if key in UNTAXED_KEYS else rate


COUNTRIES = {
    "AT": "AUT", "BE": "BEL", "BG": "BGR", "CH": "CHE", "CY": "CYP", "CZ": "CZE", "DE": "DEU",
    "DK": "DNK", "EE": "EST", "ES": "ESP", "FI": "FIN", "FR": "FRA", "GB": "GBR", "GR": "GRC",
    "HR": "HRV", "HU": "HUN", "IE": "IRL", "IS": "ISL", "IT": "ITA", "LI": "LIE", "LT": "LTU",
    "LU": "LUX", "LV": "LVA", "MT": "MLT", "NL": "NLD", "NO": "NOR", "PL": "POL", "PT": "PRT",
    "RO": "ROU", "SE": "SWE", "SI": "SVN", "SK": "SVK", "US": "USA",
}  # fmt: skip
"""ISO 3166-1 alpha-2 → alpha-3, where businesses of a German chain sit."""


def country(code: str) -> str:
    """alpha-3; a country that is not in the table stays as it is."""
    return COUNTRIES.get(code, code)
