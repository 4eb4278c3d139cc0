"""What the rows of the table have in common."""

from __future__ import annotations

from datetime import date

from kassenverbund.kit.fiscal_cases.model import (
    BonTyp,
    GvTyp,
    KeyRule,
    Option,
    Text,
    ZahlartTyp,
)

TSE_DUTY = date(2020, 1, 1)
"""§ 146a AO, KassenSichV and DSFinV-K came into force."""
VOUCHER_LAW = date(2019, 1, 1)
"""§ 3 (13) to (15) UStG."""

_ONLY = Text("no other choice", "keine andere Wahl")


def only(
    gv_typ: GvTyp | None,
    key: KeyRule | None,
    payment: ZahlartTyp | None = None,
    bon_typ: BonTyp = "Beleg",
) -> tuple[Option, ...]:
    """A case in which there is nothing to choose."""
    return (Option("default", gv_typ, key, payment, _ONLY, bon_typ),)
