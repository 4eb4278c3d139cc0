"""Reports and slips of cash moves → rows of a grid."""

from __future__ import annotations

from device_gateway.receipt.document import Mentioned
from device_gateway.receipt.grid import Grid
from device_gateway.receipt.layout import SIGNATURE_ROWS, mentioned
from device_gateway.receipt.parts import copy_mark, fiscal_part, head, when_and_where
from device_gateway.receipt.report_document import (
    CaseRow,
    CashSlip,
    CorrectionRow,
    ReportDocument,
    VatSum,
)
from device_gateway.receipt.report_words import ReportWords, report_words
from device_gateway.receipt.safe_text import Codepage
from device_gateway.receipt.words import Words, day, instant, percent, plain, with_currency, words


def report_rows(document: ReportDocument, columns: int, codepage: Codepage) -> Grid:
    """The whole report. No data makes it wider than the paper."""
    say, tell = words(document.language), report_words(document.language)
    grid = Grid(columns, codepage)
    head(grid, document, say)
    grid.blank()
    grid.centre(report_title(document, tell), style="big")
    if document.kind == "x":
        grid.centre(tell.x_note, style="bold")
    when_and_where(grid, document, say, name=tell.process if document.number else say.till_report)
    grid.pair(tell.business_day, day(document.business_date, say))
    grid.pair(tell.opened, instant(document.opened_at, document.time_zone, say))
    if document.kind == "z":
        grid.pair(tell.closed, instant(document.issued_at, document.time_zone, say))
        if document.automatic:
            grid.left(tell.automatic, indent=2)
    _cases(grid, document, say, tell)
    _payments(grid, document, say, tell)
    if document.drawer is not None:
        _heading(grid, tell.drawer)
        for name, amount in drawer_rows(document, say, tell):
            grid.pair(name, amount)
    _corrections(grid, document, say, tell)
    _heading(grid, tell.processes)
    for kind, count in document.counts:
        grid.pair(tell.process_kinds.get(kind, kind), str(count))
    grid.pair(tell.grand_total, with_currency(document.grand_total, say))
    if document.kind == "z":
        fiscal_part(grid, document, say)
    copy_mark(grid, document.is_copy, say)
    return grid


def report_title(document: ReportDocument, tell: ReportWords) -> str:
    """`Z-BERICHT 17`."""
    if document.kind == "x":
        return tell.x_report
    return tell.z_report.format(number=document.z_number)


def _heading(grid: Grid, text: str) -> None:
    grid.rule()
    grid.left(text, style="bold")


def _cases(grid: Grid, document: ReportDocument, say: Words, tell: ReportWords) -> None:
    _heading(grid, f"{tell.cases} ({document.turnover.currency})")
    before = None
    for row in document.cases:
        if (row.case, row.name) != before:
            before = (row.case, row.name)
            grid.left(case_name(row))
        grid.pair(rate_and_key(row, say, tell), plain(row.gross, say), indent=2)
    grid.rule("=")
    grid.pair(tell.sum, with_currency(document.turnover, say), style="tall")
    grid.rule("=")
    grid.left(tell.by_rate, style="bold")
    grid.table(
        (say.rate, say.net, say.tax, say.gross),
        [
            (
                f"{percent(row.rate, say)} ({row.dsfinvk_key})",
                plain(row.net, say),
                plain(row.tax, say),
                plain(row.gross, say),
            )
            for row in document.vat
        ],
    )


def case_name(row: CaseRow) -> str:
    """GV_TYP and, where the case has one, GV_NAME."""
    return f"{row.case}: {row.name}" if row.name else row.case


def rate_and_key(row: CaseRow | VatSum, say: Words, tell: ReportWords) -> str:
    """`19% (Schl. 1)`: the UST_SCHLUESSEL tells apart what has no tax."""
    return f"{percent(row.rate, say)} ({tell.key} {row.dsfinvk_key})"


def _payments(grid: Grid, document: ReportDocument, say: Words, tell: ReportWords) -> None:
    _heading(grid, tell.payments)
    for row in document.payments:
        grid.pair(payment_name(row.type, row.name, row.count), plain(row.amount, say))
    grid.pair(tell.sum, with_currency(document.paid, say), style="bold")
    for number, amount in document.typed_cards:
        grid.pair(f"{say.card_receipt} {number}", plain(amount, say), indent=2)


def payment_name(kind: str, name: str, count: int) -> str:
    """`Karte (ECKarte) 12 x`."""
    return f"{name if name == kind else f'{name} ({kind})'} {count} x"


def drawer_rows(
    document: ReportDocument, say: Words, tell: ReportWords
) -> tuple[tuple[str, str], ...]:
    """The cash, from the beginning to what stays; while the shift goes on, to what is there."""
    drawer = document.drawer
    if drawer is None:
        return ()
    rows = [
        (tell.opening, with_currency(drawer.opening, say)),
        (tell.expected, with_currency(drawer.expected, say)),
    ]
    if document.kind == "x":
        return tuple(rows)
    if drawer.counted is None:
        rows.append((tell.counted, tell.not_counted))
    else:
        rows.append((tell.counted, with_currency(drawer.counted, say)))
        rows.append((tell.difference, with_currency(drawer.difference, say)))
    if drawer.counted_by is not None:
        rows.append((tell.counted_by, drawer.counted_by))
    if drawer.skimmed is not None:
        rows.append((tell.skimmed, with_currency(drawer.skimmed, say)))
    rows.append((tell.left, with_currency(drawer.left, say)))
    return tuple(rows)


def _corrections(grid: Grid, document: ReportDocument, say: Words, tell: ReportWords) -> None:
    count = len(document.corrections) + document.corrections_left_out
    _heading(grid, f"{tell.corrections}: {count or tell.none}")
    for row in document.corrections:
        name, facts, reason = correction_lines(row, document.time_zone, say, tell)
        grid.pair(name, plain(row.amount, say))
        grid.left(facts, indent=2)
        grid.left(reason, indent=2)
    if document.corrections_left_out:
        grid.left(tell.left_out.format(count=document.corrections_left_out))
    if count and document.corrections_sum is not None:
        grid.pair(tell.sum, with_currency(document.corrections_sum, say), style="bold")


def correction_lines(
    row: CorrectionRow, time_zone: str, say: Words, tell: ReportWords
) -> tuple[str, str, str]:
    """(what, when and by whom, why)."""
    name = tell.correction_kinds.get(row.kind, row.kind)
    what = name if row.number is None else f"{name} ({tell.process} {row.number})"
    if row.name is not None:
        what = f"{what}: {row.name}"
    facts = instant(row.at, time_zone, say)
    if row.person is not None:
        facts = f"{facts} {tell.by} {row.person}"
    if row.approved_by is not None:
        facts = f"{facts}, {tell.approved_by} {row.approved_by}"
    return what, facts, f"{tell.reason}: {row.reason}"


def cash_rows(document: CashSlip, columns: int, codepage: Codepage) -> Grid:
    """The slip of a cash move, with a line to sign on."""
    say, tell = words(document.language), report_words(document.language)
    grid = Grid(columns, codepage)
    head(grid, document, say)
    grid.blank()
    grid.centre(cash_title(document, tell), style="big")
    grid.centre(direction(document, tell))
    when_and_where(grid, document, say, name=tell.process)
    grid.rule("=")
    grid.pair(cash_case(document), with_currency(document.amount, say), style="tall")
    grid.rule("=")
    grid.left(f"{tell.reason}: {document.reason}")
    for line in cash_references(document.references, document.time_zone, say):
        grid.left(line)
    for _ in range(SIGNATURE_ROWS):
        grid.blank()
    grid.row("_" * grid.columns)
    grid.left(tell.signature)
    fiscal_part(grid, document, say)
    copy_mark(grid, document.is_copy, say)
    return grid


def cash_title(document: CashSlip, tell: ReportWords) -> str:
    """What the slip is called."""
    return tell.cash_kinds.get(document.kind, document.case)


def cash_case(document: CashSlip) -> str:
    """GV_TYP, as auditors look it up."""
    return f"{document.case}: {document.case_name}" if document.case_name else document.case


def direction(document: CashSlip, tell: ReportWords) -> str:
    """Into the drawer, or out of it."""
    return tell.out_of if document.amount.amount < 0 else tell.into


def cash_references(
    references: tuple[Mentioned, ...], time_zone: str, say: Words
) -> tuple[str, ...]:
    """What the move belongs to."""
    return tuple(mentioned(each, time_zone, say) for each in references)
