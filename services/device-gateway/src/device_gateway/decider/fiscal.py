"""GV_TYP and ZAHLART_TYP of what is recorded, by the table of fiscal cases. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from device_gateway.events import Line, Payment
from kassenverbund.kit.fiscal_cases import Choices, case_of_line, case_of_payment

SALE = "Umsatz"
"""Not written: most lines are that."""


def named_lines(lines: Iterable[Line], choices: Choices, day: date) -> tuple[Line, ...]:
    return tuple(line if line.kind == "article" else _line(line, choices, day) for line in lines)


def _line(line: Line, choices: Choices, day: date) -> Line:
    named = case_of_line(line, choices, on=day)
    case = line.case or (None if named.gv_typ == SALE else named.gv_typ)
    name = line.case_name or named.gv_name or None
    if (case, name) == (line.case, line.case_name):
        return line
    return line.model_copy(update={"case": case, "case_name": name})


def named_payments(payments: Iterable[Payment], choices: Choices, day: date) -> tuple[Payment, ...]:
    return tuple(_payment(paid, choices, day) for paid in payments)


def _payment(paid: Payment, choices: Choices, day: date) -> Payment:
    named = case_of_payment(paid, choices, on=day, payment_type=paid.payment_type)
    return paid.model_copy(
        update={
            "case": paid.case or named.gv_typ,
            "case_name": paid.case_name or named.gv_name or None,
            "payment_type": named.payment_type,
        }
    )
