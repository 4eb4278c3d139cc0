"""`chain.yaml`: VAT rates, and who is asked for new ones."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from kassenverbund.kit.chain_policies import Part
from kassenverbund.kit.chain_printers import Printer as Printer
from kassenverbund.kit.text import Identifier, SafeName
from money import Rate

LOCAL_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


class VatRate(Part):
    """One rate from one day on. `vat` is the key that lines carry (`standard`)."""

    vat: Identifier
    rate: Rate
    """Basis points: 1900 is 19 %."""
    valid_from: date
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "DE"
    label: SafeName
    dsfinvk_key: Annotated[int, Field(ge=1, le=9999)]
    """UST_SCHLUESSEL of DSFinV-K; it also fixes the slot in the signed data."""


def _safe_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as broken:
        raise ValueError(f"{url} is not an address: {broken}") from None
    if not host or parts.scheme not in ("https", "http"):
        raise ValueError(f"{url} is not an address like https://rates.example/de.json")
    if parts.scheme == "http" and host not in LOCAL_HOSTS:
        raise ValueError(f"{url}: rates are asked for by https, by http only on this machine")
    if "@" in parts.netloc:
        raise ValueError("no user and no password in an address: the file is no place for secrets")
    return url


class VatSource(Part):
    """An outside service that tells the VAT rates of a country. The table in this file stays in
    force: the service proposes, a person accepts (`kassenverbund vat`)."""

    url: Annotated[
        str, Field(max_length=500, pattern=r"^[\x21-\x7E]+$"), AfterValidator(_safe_address)
    ]
    """https; plain http only on this machine."""
    every_hours: Annotated[int, Field(ge=1, le=168)] = 24
