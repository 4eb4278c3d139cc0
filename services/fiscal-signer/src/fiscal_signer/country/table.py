"""Country code → package. A package is an entry point: `AT = "somewhere:AUSTRIA"` of the group
`kassenverbund.countries` is all that another country takes, in any distribution."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import entry_points

from fiscal_signer.country.port import Country, CountryNotSupported

GROUP = "kassenverbund.countries"
"""The same name stands in `kassenverbund.countries`, which checks `chain.yaml` without loading a
package."""

COUNTRIES_MAX = 256


@lru_cache(maxsize=COUNTRIES_MAX)
def country_of(code: str) -> Country:
    """The package of a country. Raises `CountryNotSupported` and names those there are."""
    found = {point.name: point for point in entry_points(group=GROUP)}
    if code not in found:
        raise CountryNotSupported(
            f"There is no signing package for {code}; there is one for: "
            f"{', '.join(sorted(found)) or 'none'}",
            country=code,
        )
    country: Country = found[code].load()
    if country.code != code:
        raise TypeError(f"{found[code].value} is a package for {country.code}, not for {code}")
    return country
