"""What a country demands of a signed booking, behind one small port.

The store's country chooses the package. A country without one is refused when the service opens:
a till must never sell under rules that nobody wrote down.
"""

from fiscal_signer.country.port import (
    NOT_SIGNED_HERE,
    Check,
    Country,
    CountryNotSupported,
    Finished,
    MarkVerdict,
    Process,
    ProcessDataRefused,
)
from fiscal_signer.country.table import country_of

__all__ = [
    "NOT_SIGNED_HERE", "Check", "Country", "CountryNotSupported", "Finished", "MarkVerdict",
    "Process", "ProcessDataRefused", "country_of",
]  # fmt: skip
