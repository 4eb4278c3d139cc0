"""Reports and slips of cash moves as pages, in the same frame as the receipt."""

from __future__ import annotations

from device_gateway.receipt.html import common_of, environment
from device_gateway.receipt.report_document import CashSlip, ReportDocument
from device_gateway.receipt.report_layout import (
    case_name,
    cash_case,
    cash_references,
    cash_title,
    correction_lines,
    direction,
    drawer_rows,
    payment_name,
    rate_and_key,
    report_title,
)
from device_gateway.receipt.report_words import report_words
from device_gateway.receipt.words import day, percent, words


def report_html(document: ReportDocument) -> str:
    """The whole page. Deterministic for a document."""
    say, tell = words(document.language), report_words(document.language)
    template = environment().get_template("report.html.j2")
    return template.render(
        **common_of(document, say),
        tell=tell,
        name=say.till_report if document.number is None else tell.process,
        title=report_title(document, tell),
        business_day=day(document.business_date, say),
        case_name=case_name,
        rate_and_key=lambda row: rate_and_key(row, say, tell),
        payment_name=payment_name,
        percent=lambda rate: percent(rate, say),
        drawer=drawer_rows(document, say, tell),
        correction=lambda row: correction_lines(row, document.time_zone, say, tell),
    )


def cash_html(document: CashSlip) -> str:
    """The same for a cash move."""
    say, tell = words(document.language), report_words(document.language)
    template = environment().get_template("cash.html.j2")
    return template.render(
        **common_of(document, say),
        tell=tell,
        name=tell.process,
        title=cash_title(document, tell),
        direction=direction(document, tell),
        case=cash_case(document),
        references=cash_references(document.references, document.time_zone, say),
    )
