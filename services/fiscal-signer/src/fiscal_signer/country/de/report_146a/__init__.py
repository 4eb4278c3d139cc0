"""The report of § 146a (4) AO: which recording systems and which TSEs an establishment uses.

Two files per store: the XML that Mein ELSTER takes as an upload, and a cover sheet with what a
person enters there (taxpayer, tax number, establishment) and what is missing. One report names all
systems of one establishment (AEAO zu § 146a, 1.16: gross method).

The XML: root `Aufzeichnung146a` in the namespace of ELSTER, version 1, as public programs write it;
the tax administration's own schema is not public, so a test checks it against a schema of our own
that was written from these facts.
"""

from __future__ import annotations

from fiscal_signer.country.de.report_146a.facts import READ, establishment_of
from fiscal_signer.country.de.report_146a.model import (
    Device,
    Establishment,
    System,
    gaps_of,
)
from fiscal_signer.country.de.report_146a.papers import cover_of, files_of, xml_of

__all__ = [
    "READ",
    "Device",
    "Establishment",
    "System",
    "cover_of",
    "establishment_of",
    "files_of",
    "gaps_of",
    "xml_of",
]
