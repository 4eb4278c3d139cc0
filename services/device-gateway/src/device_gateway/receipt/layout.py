"""Receipt and voucher slip → rows of a grid. Text preview and printer show these same rows."""

from __future__ import annotations

from decimal import Decimal
from typing import assert_never

from device_gateway.receipt.document import (
    Charge,
    Item,
    Outage,
    Pending,
    ReceiptDocument,
    Signed,
    SinglePurpose,
    Tender,
    VoucherSlip,
)
from device_gateway.receipt.grid import Grid
from device_gateway.receipt.safe_text import Codepage
from device_gateway.receipt.words import (
    Words,
    day,
    instant,
    percent,
    plain,
    quantity,
    tse_time,
    with_currency,
    words,
)

FISCAL_QR_DOTS = 4
"""Half a millimetre at 203 dpi: read by any telephone, and 58 mm paper still holds the code."""
SLIP_QR_DOTS = 8


def receipt_rows(document: ReceiptDocument, columns: int, codepage: Codepage) -> Grid:
    """The whole receipt. No data makes it wider than the paper (tests feed it the worst)."""
    say, grid = words(document.language), Grid(columns, codepage)
    _head(grid, document, say)
    _items(grid, document, say)
    _tenders(grid, document, say)
    _vat(grid, document, say)
    for charge in document.charges:
        _charge(grid, charge, say, signed=document.signature_line)
    _fiscal(grid, document, say)
    if document.footer:
        grid.blank()
        for line in document.footer:
            grid.centre(line)
    _copy_mark(grid, document.is_copy, say)
    return grid


def slip_rows(
    slip: VoucherSlip, code: str, columns: int, codepage: Codepage, *, qr: str | None = None
) -> Grid:
    """The slip of one voucher sold. `code` is the secret: it is shown here and kept nowhere. `qr`
    is what the QR code says, and as secret; None: the code itself."""
    say, grid = words(slip.language), Grid(columns, codepage)
    _copy_mark(grid, slip.is_copy, say)
    grid.centre(slip.store_name, style="bold")
    grid.blank()
    grid.centre(say.slip, style="big")
    grid.centre(with_currency(slip.value, say), style="big")
    if slip.single_purpose is not None:
        for line in single_purpose_words(slip.single_purpose, say):
            grid.centre(line, style="bold")
    grid.blank()
    grid.qr(qr or code, dots=SLIP_QR_DOTS)
    grid.blank()
    grid.centre(say.slip_code)
    grid.centre(code, style="big")
    grid.blank()
    grid.rule()
    grid.pair(say.slip_serial, slip.serial)
    grid.pair(say.slip_sold, day(slip.sold_on, say))
    grid.pair(say.slip_valid, day(slip.valid_until, say))
    grid.rule()
    for line in say.slip_terms:
        grid.left(line)
    grid.blank()
    grid.centre(slip.business.name)
    grid.centre(slip.business.street)
    grid.centre(f"{slip.business.postal_code} {slip.business.city}")
    _copy_mark(grid, slip.is_copy, say)
    return grid


def single_purpose_words(voucher: SinglePurpose, say: Words) -> tuple[str, ...]:
    """What the paper of such a voucher has to say: what it is, for what, and the VAT in it."""
    goods = () if voucher.goods is None else (f"{say.goods} {voucher.goods}",)
    including = say.including.format(rate=percent(voucher.rate, say))
    return (say.single_purpose, *goods, including)


def _copy_mark(grid: Grid, is_copy: bool, say: Words) -> None:
    if is_copy:
        grid.blank()
        grid.centre(f"*** {say.copy} ***", style="tall")
        grid.blank()


def _head(grid: Grid, document: ReceiptDocument, say: Words) -> None:
    business = document.business
    _copy_mark(grid, document.is_copy, say)
    grid.centre(document.store_name, style="big")
    if business.name != document.store_name:
        grid.centre(business.name, style="bold")
    grid.centre(business.street)
    grid.centre(f"{business.postal_code} {business.city}")
    if business.vat_id is not None:
        grid.centre(f"{say.vat_id} {business.vat_id}")
    if business.tax_number is not None:
        grid.centre(f"{say.tax_number} {business.tax_number}")
    grid.blank()
    grid.pair(
        f"{say.receipt} {document.number}",
        instant(document.issued_at, document.time_zone, say),
        style="bold",
    )
    grid.pair(till_label(document, say), document.client_id)


def till_label(document: ReceiptDocument, say: Words) -> str:
    """`Kasse 1`, and not `Kasse Kasse 1` where the chain has named its till so."""
    name = document.till_name
    return name if say.till.lower() in name.lower() else f"{say.till} {name}"


def _items(grid: Grid, document: ReceiptDocument, say: Words) -> None:
    grid.rule()
    grid.row(document.total.currency.rjust(grid.columns - 2))
    for item in document.items:
        _item(grid, item, say)
    grid.rule("=")
    grid.pair(say.total, with_currency(document.total, say), style="tall")
    grid.rule("=")


def _item(grid: Grid, item: Item, say: Words) -> None:
    money = f"{plain(item.amount, say)} {item.letter}"
    if Decimal(item.quantity) == 1:
        grid.pair(item.name, money)
    else:
        grid.left(item.name)
        count = f"{quantity(item.quantity, say)} x {plain(item.unit_price, say)}"
        grid.pair(count, money, indent=2)
    if item.voucher_serial is not None:
        grid.left(f"{say.sold_voucher} {item.voucher_serial}", indent=2)
    for note in item_notes(item, say):
        grid.left(note, indent=2)


def item_notes(item: Item, say: Words) -> tuple[str, ...]:
    """What stands below a line: of a single-purpose voucher what it is for, of a discount why."""
    notes: list[str] = []
    if item.single_purpose is not None:
        notes.append(", ".join(single_purpose_words(item.single_purpose, say)))
    if item.given_serial_masked is not None:
        notes.append(f"{say.given} {item.given_serial_masked}")
    if item.reason is not None:
        notes.append(item.reason)
    return tuple(notes)


def _tenders(grid: Grid, document: ReceiptDocument, say: Words) -> None:
    for tender in document.tenders:
        _tender(grid, tender, say)


def _tender(grid: Grid, tender: Tender, say: Words) -> None:
    name = tender.name
    if tender.voucher_serial_masked is not None:
        name = f"{name} {tender.voucher_serial_masked}"
    # The amount that settled stands beside the name, what was handed over below it (AEAO 2.4.4).
    grid.pair(name, with_currency(tender.amount, say))
    if tender.tendered is not None and tender.change:
        grid.pair(say.tendered, with_currency(tender.tendered, say), indent=2)
        grid.pair(say.change, with_currency(tender.change, say), indent=2)
    if tender.subsidy_case is not None:
        grid.left(subsidy_words(tender.subsidy_case, say), indent=2)
    if tender.taxed_before is not None:
        grid.left(taxed_before_words(tender.taxed_before, say), indent=2)
    if tender.voucher_remaining is not None:
        grid.pair(say.remaining, with_currency(tender.voucher_remaining, say), indent=2)


def subsidy_words(case: str, say: Words) -> str:
    """Under which business case somebody else pays."""
    return say.subsidy_real if case == "ZuschussEcht" else say.subsidy_unreal


LIMITS_SHOWN_MAX = 4


def limits_left_words(charge: Charge, say: Words) -> tuple[tuple[str, str], ...]:
    """(limit, what it leaves), a few of them."""
    return tuple(
        (
            f"{say.left} {limit.name}",
            with_currency(limit.left, say) if limit.left is not None else f"{limit.left_count} x",
        )
        for limit in charge.limits[:LIMITS_SHOWN_MAX]
        if limit.left is not None or limit.left_count is not None
    )


SIGNATURE_ROWS = 2
"""Blank rows above the line to sign on."""


def _charge(grid: Grid, charge: Charge, say: Words, *, signed: bool) -> None:
    grid.rule()
    grid.centre(say.on_account, style="tall")
    grid.centre(say.invoice_follows)
    grid.left(f"{say.center} {charge.center_number}", style="bold")
    grid.left(charge.center_name, indent=2)
    for line in charge.address:
        grid.left(line, indent=2)
    grid.pair(say.customer_card, charge.card_number)
    grid.pair(say.charged, with_currency(charge.amount, say), style="bold")
    for limit, left in limits_left_words(charge, say):
        grid.pair(limit, left)
    if signed:
        for _ in range(SIGNATURE_ROWS):
            grid.blank()
        grid.row("_" * grid.columns)
        grid.left(say.sign_here)


def taxed_before_words(rate: int, say: Words) -> str:
    """Why the VAT table has less than the goods: it was paid with the voucher."""
    return say.taxed_before.format(rate=percent(rate, say))


def _vat(grid: Grid, document: ReceiptDocument, say: Words) -> None:
    grid.blank()
    grid.table(
        (say.rate, say.net, say.tax, say.gross),
        [
            (
                f"{row.letter} {percent(row.rate, say)}",
                plain(row.net, say),
                plain(row.tax, say),
                plain(row.gross, say),
            )
            for row in document.vat
        ],
    )
    for row in document.vat:
        if row.rate == 0 and row.label:
            # § 6 no. 5 KassenSichV: where there is no tax, the receipt says why.
            grid.left(f"{row.letter}: {row.label}")


def _fiscal(grid: Grid, document: ReceiptDocument, say: Words) -> None:
    fiscal = document.fiscal
    grid.rule()
    match fiscal:
        case Signed():
            _signed(grid, fiscal, document, say)
        case Outage():
            grid.centre(f"*** {say.outage} ***", style="tall")
            grid.centre(say.outage_note)
            grid.pair(say.begin, instant(fiscal.start_time, document.time_zone, say))
            grid.pair(say.end, instant(fiscal.end_time, document.time_zone, say))
            grid.pair(say.till_serial, document.client_id)
        case Pending():
            grid.centre(say.pending, style="bold")
        case _:
            assert_never(fiscal)


def _signed(grid: Grid, fiscal: Signed, document: ReceiptDocument, say: Words) -> None:
    if not fiscal.certified:
        grid.centre(say.uncertified, style="bold")
    grid.pair(say.till_serial, document.client_id)
    grid.pair(say.transaction, str(fiscal.transaction_number))
    grid.pair(say.counter, str(fiscal.signature_counter))
    grid.pair(say.begin, tse_time(fiscal.start_time))
    grid.pair(say.end, tse_time(fiscal.end_time))
    grid.left(say.tse + ":")
    grid.exact(fiscal.tse_serial, indent=2)
    grid.left(f"{say.signature}:")
    grid.exact(fiscal.value, indent=2)
    grid.blank()
    grid.qr(fiscal.qr, dots=FISCAL_QR_DOTS)
    grid.blank()
    grid.centre(say.scan_qr)
