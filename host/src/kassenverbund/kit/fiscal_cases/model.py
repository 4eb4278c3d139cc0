"""What a row of the table of fiscal cases is made of. Names of types are those of DSFinV-K 2.4."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

GvTyp = Literal[
    "Umsatz",
    "Pfand",
    "PfandRueckzahlung",
    "Rabatt",
    "Aufschlag",
    "ZuschussEcht",
    "ZuschussUnecht",
    "TrinkgeldAG",
    "TrinkgeldAN",
    "EinzweckgutscheinKauf",
    "EinzweckgutscheinEinloesung",
    "MehrzweckgutscheinKauf",
    "MehrzweckgutscheinEinloesung",
    "Forderungsentstehung",
    "Forderungsaufloesung",
    "Anzahlungseinstellung",
    "Anzahlungsaufloesung",
    "Anfangsbestand",
    "Privatentnahme",
    "Privateinlage",
    "Geldtransit",
    "Lohnzahlung",
    "Einzahlung",
    "Auszahlung",
    "DifferenzSollIst",
]
"""All 25 of them."""

ZahlartTyp = Literal[
    "Bar", "Unbar", "ECKarte", "Kreditkarte", "ElZahlungsdienstleister", "Guthabenkarte", "Keine"
]

BonTyp = Literal[
    "Beleg",
    "AVRechnung",
    "AVTransfer",
    "AVBestellung",
    "AVTraining",
    "AVBelegabbruch",
    "AVSachbezug",
    "AVSonstige",
]
"""AVBelegstorno is left out: with a TSE a cancellation is a Beleg with reversed signs."""

KeyRule = Literal["supply", "not_taxable", "undetermined"]
"""Under which UST_SCHLUESSEL it stands: that of the goods, 5, or 7."""

NOT_TAXABLE = 5
UNDETERMINED = 7

_KEYS: dict[KeyRule, int] = {"not_taxable": NOT_TAXABLE, "undetermined": UNDETERMINED}

GV_NAME_MAX = 40
"""Characters that DSFinV-K gives the name of a business case."""


class Text(NamedTuple):
    """The same in both languages."""

    en: str
    de: str


@dataclass(frozen=True, slots=True)
class Option:
    """One way to book a case."""

    name: str
    """What `chain.yaml` writes."""
    gv_typ: GvTyp | None
    """None: a means of payment, or a process that moves nothing."""
    key: KeyRule | None
    """None: it has no VAT key of its own."""
    payment: ZahlartTyp | None
    """None: it is a line, and how it is paid is another matter."""
    means: Text
    bon_typ: BonTyp = "Beleg"

    def key_for(self, goods_key: int) -> int:
        """The UST_SCHLUESSEL where the goods have `goods_key`."""
        return goods_key if self.key is None else _KEYS.get(self.key, goods_key)


@dataclass(frozen=True, slots=True)
class FiscalCase:
    """A named policy."""

    name: str
    """`fiscal.voucher.multi_purpose.sold`. Stable."""
    what: Text
    options: tuple[Option, ...]
    """The first is the default."""
    source: str
    """Law and specification, cited as they are in German."""
    since: date
    """From when on the default is the law, or the rule of the specification."""
    note: Text | None = None
    """What the sources leave open, or where they are silent."""
    gv_name: str = ""
    """GV_NAME, at most 40 characters; empty: none."""
    setting: str = ""
    """The setting of `chain.yaml` that chooses. Empty: `fiscal_cases` does."""
    recorded: bool = True
    """False: the rule is settled, and this version records no such booking."""

    @property
    def default(self) -> Option:
        return self.options[0]

    def option(self, name: str) -> Option | None:
        """The option of that name."""
        return next((one for one in self.options if one.name == name), None)
