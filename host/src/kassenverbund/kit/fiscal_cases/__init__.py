"""One table of fiscal cases: what happens at a till → GV_TYP, GV_NAME, ZAHLART_TYP and VAT key.

Each row of `TABLE` is a named policy with its source and its default; where a tax adviser may
decide otherwise it has further options, and `chain.yaml` chooses (`fiscal_cases`, dated). Whoever
records asks `case_of_line`, `case_of_payment` and `case_of_move`; so does whoever exports events
that are older than these fields. What an event says itself always wins: recorded is recorded.
"""

from __future__ import annotations

from kassenverbund.kit.fiscal_cases.choices import (
    DEFAULTS,
    CaseChoice,
    ChoiceRefused,
    Choices,
    choice_refusal,
)
from kassenverbund.kit.fiscal_cases.model import (
    NOT_TAXABLE,
    UNDETERMINED,
    BonTyp,
    FiscalCase,
    GvTyp,
    KeyRule,
    Option,
    Text,
    ZahlartTyp,
)
from kassenverbund.kit.fiscal_cases.naming import (
    LINE_KINDS,
    MOVE_KINDS,
    PAYMENT_KINDS,
    LineFacts,
    Named,
    PaymentFacts,
    case_of_line,
    case_of_move,
    case_of_payment,
)
from kassenverbund.kit.fiscal_cases.table import BY_NAME, TABLE

__all__ = [
    "BY_NAME",
    "DEFAULTS",
    "LINE_KINDS",
    "MOVE_KINDS",
    "NOT_TAXABLE",
    "PAYMENT_KINDS",
    "TABLE",
    "UNDETERMINED",
    "BonTyp",
    "CaseChoice",
    "ChoiceRefused",
    "Choices",
    "FiscalCase",
    "GvTyp",
    "KeyRule",
    "LineFacts",
    "Named",
    "Option",
    "PaymentFacts",
    "Text",
    "ZahlartTyp",
    "case_of_line",
    "case_of_move",
    "case_of_payment",
    "choice_refusal",
]
