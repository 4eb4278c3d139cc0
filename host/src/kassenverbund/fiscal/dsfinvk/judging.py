"""The rules of single BONs and of a closing's sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from kassenverbund.fiscal.dsfinvk.amounts import CENT, ONE, amount, differs, shown
from kassenverbund.fiscal.dsfinvk.bons import Bon, Line, RowsOf, Three, add, check_arithmetic
from kassenverbund.fiscal.dsfinvk.master import Closing
from kassenverbund.fiscal.dsfinvk.tables import NEVER_TAXED, WITH_REFERENCE
from kassenverbund.fiscal.dsfinvk.tally import Tally

TAX_OFF_MAX: Final = CENT
"""How far a tax may be from what the rate makes of the gross: rounded per BON, shared by lines."""

PRICE_OFF_MAX: Final = CENT // 2
"""Quantity times price is rounded to cents."""

Cases = dict[tuple[str, str, str, int], Three]
"""By GV_TYP, GV_NAME, AGENTUR_ID, UST_SCHLUESSEL."""


def judge_bon(bon: Bon, closing: Closing, tally: Tally) -> None:
    """What can be said of a BON by itself."""
    item = f"{closing.where} {bon.id}"
    _head(bon, closing, item, tally)
    _taxes(bon, closing, item, tally)
    total = sum(three[0] for three in bon.sums.values())
    if total != bon.gross:
        tally.broke("gross", item, differs(total, bon.gross))
    else:
        tally.held("gross")
    if bon.counts:
        paid = sum(payment.base for payment in bon.payments)
        tally.check(paid == bon.gross, "paid", item, differs(paid, bon.gross))
    for terminal in bon.terminals:
        tally.check(terminal in closing.terminals, "terminals_known", item, terminal)
    for number, line in bon.lines.items():
        _line(line, closing, f"{item}/{number}", tally)
    needing = bon.counts and any(line.case in WITH_REFERENCE for line in bon.lines.values())
    if needing:
        tally.check(bon.references > 0, "references_needed", item)
    elif bon.counts and not bon.references and _is_return(bon):
        tally.told(item, "return_without_reference")


def _is_return(bon: Bon) -> bool:
    return any(line.case == "Umsatz" and line.gross < 0 for line in bon.lines.values())


def _head(bon: Bon, closing: Closing, item: str, tally: Tally) -> None:
    if bon.type == "AVSonstige":
        tally.check(bool(bon.name), "bon_named", item)
    storno = bon.storno != "0" or bon.type == "AVBelegstorno"
    tally.check(not storno, "bon_storno", item, bon.type)
    if bon.start > bon.end:
        # As texts they compare wrong where offsets differ; then exactly.
        tally.check(before(bon.start, bon.end), "times_order", item, f"{bon.start} > {bon.end}")
    else:
        tally.held("times_order")
    if bon.end > closing.created and not before(bon.end, closing.created):
        tally.broke("times_order", item, f"{bon.end} > {closing.created}")


def before(one: str, other: str) -> bool:
    """Whether an instant is not after another one; texts that are none are told elsewhere."""
    try:
        return datetime.fromisoformat(one) <= datetime.fromisoformat(other)
    except (ValueError, TypeError):
        return True


def _taxes(bon: Bon, closing: Closing, item: str, tally: Tally) -> None:
    for key, three in bon.sums.items():
        check_arithmetic(three, item, "transactions_vat.csv", tally)
        _rate(key, three, closing, item, tally)
    if bon.sums == bon.line_sums:
        tally.held("vat_of_lines")
        return
    for key in sorted(bon.sums.keys() | bon.line_sums.keys()):
        lines, sums = bon.line_sums.get(key, (0, 0, 0)), bon.sums.get(key, (0, 0, 0))
        if lines != sums:
            detail = ", ".join(differs(one, other) for one, other in zip(lines, sums, strict=True))
            tally.broke("vat_of_lines", item, f"UST_SCHLUESSEL {key}: {detail}")


def _rate(key: int, three: Three, closing: Closing, item: str, tally: Tally) -> None:
    rate = closing.rates.get(key)
    if rate is None:
        tally.broke("vat_keys", item, f"UST_SCHLUESSEL {key}")
        return
    tally.held("vat_keys")
    # The tax that the rate makes is gross × rate / (100 % + rate).
    off = abs(three[2] * (10_000 + rate) - three[0] * rate)
    if off > TAX_OFF_MAX * (10_000 + rate):
        tally.broke("vat_of_rate", item, f"{key}: {shown(three[0])}, {shown(three[2])}")
    else:
        tally.held("vat_of_rate")


def _line(line: Line, closing: Closing, item: str, tally: Tally) -> None:
    if line.case in NEVER_TAXED:
        wrong = [key for key in line.by_key if key != 5]
        tally.check(not wrong, "vat_of_case", item, f"{line.case}: {wrong}")
    for key in line.by_key:
        if key not in closing.rates:
            tally.broke("vat_keys", item, f"UST_SCHLUESSEL {key}")
    if line.agency not in ("", "0"):
        tally.check(line.agency in closing.agencies, "agencies_known", item, line.agency)
    if line.parts is not None:
        for key in line.parts.keys() | line.by_key.keys():
            parts, gross = line.parts.get(key, 0), line.by_key.get(key, 0)
            tally.check(parts == gross, "price_parts", item, differs(parts, gross))
    elif line.price and line.quantity and amount(line.factor or "1") == ONE:
        # Where the price was found in several steps, they say how.
        made = amount(line.quantity) * amount(line.price) // ONE
        if abs(made - line.gross) > PRICE_OFF_MAX:
            tally.broke("prices", item, differs(made, line.gross))
        else:
            tally.held("prices")


def judge_sums(bons: Mapping[str, Bon], closing: Closing, rows_of: RowsOf, tally: Tally) -> None:
    """The closing's own sums over its BONs."""
    cases = _cases(rows_of, closing, tally)
    payments: Counter[tuple[str, str]] = Counter()
    for row in rows_of("payment.csv"):
        payments[row[3], row[4]] += amount(row[5])
    cash: Counter[str] = Counter()
    for row in rows_of("cash_per_currency.csv"):
        cash[row[3]] += amount(row[4])
    counted = [bon for bon in bons.values() if bon.counts]
    bar_paid = any(one.kind == "Bar" for bon in counted for one in bon.payments)
    if cases or payments or cash:
        whole = bool(cases) and bool(payments) and (bool(cash) or not bar_paid)
        tally.check(whole, "closing_tables", closing.where)
        _compare_cases(cases, counted, closing.where, tally)
        _compare_payments(payments, cash, counted, closing, tally)
    total = sum(one.base for bon in counted for one in bon.payments)
    bar = sum(one.base for bon in counted for one in bon.payments if one.kind == "Bar")
    tally.check(
        total == closing.total, "closing_totals", closing.where, differs(closing.total, total)
    )
    tally.check(bar == closing.cash, "closing_totals", closing.where, differs(closing.cash, bar))


def _cases(rows_of: RowsOf, closing: Closing, tally: Tally) -> Cases:
    cases: Cases = {}
    for row in rows_of("businesscases.csv"):
        key = (row[3], row[4], row[5] or "0", int(row[6]))
        three = (amount(row[7]), amount(row[8]), amount(row[9]))
        add(cases, key, three)
        check_arithmetic(three, closing.where, "businesscases.csv", tally)
        in_rates = key[3] in closing.rates
        tally.check(in_rates, "vat_keys", closing.where, f"businesscases.csv: {key[3]}")
        if key[0] in NEVER_TAXED:
            tally.check(key[3] == 5, "vat_of_case", closing.where, f"{key[0]}: {key[3]}")
    return cases


def _compare_cases(cases: Cases, counted: list[Bon], where: str, tally: Tally) -> None:
    made: Cases = {}
    for bon in counted:
        for case, three in bon.cases.items():
            add(made, case, three)
    for case in sorted(made.keys() | cases.keys()):
        lines, sums = made.get(case, (0, 0, 0)), cases.get(case, (0, 0, 0))
        detail = f"{'/'.join(map(str, case))}: " if lines != sums else ""
        if detail:
            detail += ", ".join(differs(one, other) for one, other in zip(sums, lines, strict=True))
        tally.check(lines == sums, "closing_cases", where, detail)


def _compare_payments(
    payments: Counter[tuple[str, str]], cash: Counter[str], counted: list[Bon], closing: Closing,
    tally: Tally,
) -> None:  # fmt: skip
    made: Counter[tuple[str, str]] = Counter()
    made_cash: Counter[str] = Counter()
    for bon in counted:
        for one in bon.payments:
            made[one.kind, one.name] += one.base
            if one.kind == "Bar":
                made_cash[one.currency] += one.amount
    for key in sorted(made.keys() | payments.keys()):
        same = made[key] == payments[key]
        detail = f"{'/'.join(key)}: {differs(payments[key], made[key])}"
        tally.check(same, "closing_payments", closing.where, "" if same else detail)
    for currency in sorted(made_cash.keys() | cash.keys()):
        same = made_cash[currency] == cash[currency]
        detail = f"{currency}: {differs(cash[currency], made_cash[currency])}"
        tally.check(same, "closing_cash", closing.where, "" if same else detail)
