"""Country code → package."""

from __future__ import annotations

from fiscal_signer.country.de import GERMANY
from fiscal_signer.country.port import Country, CountryNotSupported

_COUNTRIES: dict[str, Country] = {GERMANY.code: GERMANY}


def country_of(code: str) -> Country:
    """The package of a country. Raises `CountryNotSupported` and names those there are."""
    country = _COUNTRIES.get(code)
    if country is None:
        raise CountryNotSupported(
            f"There is no signing package for {code}; there is one for: "
            f"{', '.join(sorted(_COUNTRIES))}",
            country=code,
        )
    return country
