"""The table of fiscal cases: whole, settled, and the same for who records and who exports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import get_args

import pytest

from kassenverbund.kit.fiscal_cases import (
    BY_NAME,
    DEFAULTS,
    LINE_KINDS,
    MOVE_KINDS,
    PAYMENT_KINDS,
    TABLE,
    CaseChoice,
    ChoiceRefused,
    Choices,
    GvTyp,
    case_of_line,
    case_of_move,
    case_of_payment,
)
from kassenverbund.kit.fiscal_cases.model import GV_NAME_MAX
from money import Money, euro

DAY = date(2026, 11, 22)
FIVE = euro("5.00")
REFUNDED = "fiscal.voucher.multi_purpose.refunded"


@dataclass(frozen=True)
class Line:
    kind: str
    dsfinvk_key: int = 1
    case: str | None = None


@dataclass(frozen=True)
class Payment:
    kind: str
    fiscal: str = "Keine"
    amount: Money = FIVE
    dsfinvk_key: int | None = None
    case: str | None = None


def test_every_business_case_of_dsfinvk_has_a_row() -> None:
    booked = {option.gv_typ for case in TABLE for option in case.options}
    assert booked - {None} == set(get_args(GvTyp))


def test_names_are_unique_and_every_row_names_its_source_and_fits_into_the_export() -> None:
    assert len(BY_NAME) == len(TABLE)
    for case in TABLE:
        assert all((case.source, case.what.en, case.what.de))
        assert len(case.gv_name) <= GV_NAME_MAX
        assert len({option.name for option in case.options}) == len(case.options)


def test_every_kind_that_is_recorded_leads_to_a_row() -> None:
    named = {name for pair in LINE_KINDS.values() for name in pair}
    named |= set(PAYMENT_KINDS.values()) | set(MOVE_KINDS.values())
    assert named <= set(BY_NAME)
    assert all(BY_NAME[name].recorded for name in named)


@pytest.mark.parametrize(
    ("line", "gv_typ"),
    [
        (Line("article"), "Umsatz"),
        (Line("something new"), "Umsatz"),
        (Line("voucher_sale", 5), "MehrzweckgutscheinKauf"),
        (Line("voucher_sale", 2), "EinzweckgutscheinKauf"),
        (Line("voucher_top_up", 5), "MehrzweckgutscheinKauf"),
        (Line("voucher_article_redemption", 5), "MehrzweckgutscheinEinloesung"),
        (Line("voucher_redemption_reversal", 2), "EinzweckgutscheinEinloesung"),
        (Line("discount", 2), "Rabatt"),
        (Line("tip", 5), "TrinkgeldAN"),
        (Line("tip", 1), "TrinkgeldAG"),
        (Line("deposit", 2), "Pfand"),
        (Line("deposit_return", 2), "PfandRueckzahlung"),
        (Line("voucher_payout", 5), "MehrzweckgutscheinEinloesung"),
        (Line("voucher_payout", 2), "EinzweckgutscheinEinloesung"),
        (Line("voucher_sale_reversal", 5), "MehrzweckgutscheinKauf"),
        (Line("return", 2), "Umsatz"),
        (Line("return", 2, case="Pfand"), "Pfand"),
    ],
)
def test_a_line_stands_under_its_business_case(line: Line, gv_typ: str) -> None:
    named = case_of_line(line, on=DAY)
    assert (named.gv_typ, named.dsfinvk_key) == (gv_typ, line.dsfinvk_key)


@pytest.mark.parametrize(
    ("payment", "gv_typ", "payment_type"),
    [
        (Payment("cash", "Bar"), None, "Bar"),
        (Payment("card", "Unbar"), None, "Unbar"),
        (Payment("online", "Unbar"), None, "ElZahlungsdienstleister"),
        (Payment("other", "Bar"), None, "Bar"),
        (Payment("voucher"), "MehrzweckgutscheinEinloesung", "Keine"),
        (Payment("voucher", dsfinvk_key=2), "EinzweckgutscheinEinloesung", "Keine"),
        (Payment("cost_center"), "Forderungsentstehung", "Keine"),
        (Payment("subsidy", case="ZuschussEcht"), "ZuschussEcht", "Keine"),
        (Payment("charge_reversal", case="ZuschussEcht"), "ZuschussEcht", "Keine"),
        (Payment("charge_reversal"), "Forderungsentstehung", "Keine"),
    ],
)
def test_a_payment_is_a_means_of_payment_or_a_business_case(
    payment: Payment, gv_typ: str | None, payment_type: str
) -> None:
    named = case_of_payment(payment, on=DAY)
    assert (named.gv_typ, named.payment_type) == (gv_typ, payment_type)


def test_what_was_recorded_wins_over_what_is_chosen_today() -> None:
    paid = Payment("voucher", amount=-FIVE, case="MehrzweckgutscheinEinloesung")
    chosen = Choices.of([(REFUNDED, CaseChoice(choice="new_sale"))])
    assert case_of_payment(paid, chosen, on=DAY).gv_typ == "MehrzweckgutscheinEinloesung"


def test_a_declared_means_of_payment_names_its_type_itself() -> None:
    named = case_of_payment(Payment("card", "Unbar"), on=DAY, payment_type="ECKarte")
    assert named.payment_type == "ECKarte"


def test_every_cash_move_is_not_taxable_cash() -> None:
    for kind in MOVE_KINDS:
        named = case_of_move(kind)
        assert (named.payment_type, named.dsfinvk_key) == ("Bar", 5)
    assert case_of_move("transit_out").gv_typ == "Geldtransit"
    assert case_of_move("difference").gv_typ == "DifferenzSollIst"


def test_a_choice_holds_from_its_day_on() -> None:
    rows = [(REFUNDED, CaseChoice(choice="new_sale", valid_from=DAY))]
    chosen = Choices.of(rows)
    line = Line("voucher_redemption_reversal", 5)
    before = case_of_line(line, chosen, on=date(2026, 11, 21))
    assert before.gv_typ == "MehrzweckgutscheinEinloesung"
    assert case_of_line(line, chosen, on=DAY).gv_typ == "MehrzweckgutscheinKauf"
    assert [(since, option.name) for since, option in chosen.history(REFUNDED)] == [
        (None, "reversed_redemption"),
        (DAY, "new_sale"),
    ]


def test_without_a_choice_the_default_of_the_table_holds() -> None:
    for case in TABLE:
        assert DEFAULTS.option(case.name, DAY) is case.options[0]


@pytest.mark.parametrize(
    ("case", "choice"), [("fiscal.nothing", "default"), (REFUNDED, "as_we_like_it")]
)
def test_a_choice_that_is_none_is_refused(case: str, choice: str) -> None:
    with pytest.raises(ChoiceRefused):
        Choices.of([(case, CaseChoice(choice=choice))])
