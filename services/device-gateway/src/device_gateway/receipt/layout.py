"""Receipt and voucher slip → rows of a grid. Text preview and printer show these same rows."""

from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

from device_gateway.receipt.document import (
    Charge,
    Item,
    Mentioned,
    ReceiptDocument,
    SinglePurpose,
    Tender,
    VoucherSlip,
)
from device_gateway.receipt.grid import Grid
from device_gateway.receipt.parts import (
    copy_mark,
    fiscal_part,
    head,
    mark,
    when_and_where,
)
from device_gateway.receipt.safe_text import Codepage
from device_gateway.receipt.words import (
    Words,
    day,
    percent,
    plain,
    quantity,
    tse_time,
    with_currency,
    words,
)

SLIP_QR_DOTS = 8


def receipt_rows(document: ReceiptDocument, columns: int, codepage: Codepage) -> Grid:
    """The whole receipt. No data makes it wider than the paper (tests feed it the worst)."""
    say, grid = words(document.language), Grid(columns, codepage)
    _head(grid, document, say)
    _items(grid, document, say)
    _tenders(grid, document, say)
    _vat(grid, document, say)
    for charge in document.charges:
        charge_rows(grid, charge, say, signed=document.signature_line)
    fiscal_part(grid, document, say)
    if document.kind == "training":
        mark(grid, say.training)
    if document.footer:
        grid.blank()
        for line in document.footer:
            grid.centre(line)
    copy_mark(grid, document.is_copy, say)
    return grid


def slip_rows(
    slip: VoucherSlip, code: str, columns: int, codepage: Codepage, *, qr: str | None = None
) -> Grid:
    """The slip of one voucher sold. `code` is the secret: it is shown here and kept nowhere. `qr`
    is what the QR code says, and as secret; None: the code itself."""
    say, grid = words(slip.language), Grid(columns, codepage)
    copy_mark(grid, slip.is_copy, say)
    grid.centre(slip.store_name, style="bold")
    grid.blank()
    grid.centre(slip_title(slip, say), style="big")
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
    grid.pair(say.slip_made if slip.remainder else say.slip_sold, day(slip.sold_on, say))
    grid.pair(say.slip_valid, day(slip.valid_until, say))
    grid.rule()
    for line in slip_terms(slip, say):
        grid.left(line)
    grid.blank()
    grid.centre(slip.business.name)
    grid.centre(slip.business.street)
    grid.centre(f"{slip.business.postal_code} {slip.business.city}")
    copy_mark(grid, slip.is_copy, say)
    return grid


def slip_title(slip: VoucherSlip, say: Words) -> str:
    """What the paper is called."""
    return say.remainder_slip if slip.remainder else say.slip


def slip_terms(slip: VoucherSlip, say: Words) -> tuple[str, ...]:
    """What stands below; of a remainder first that the old paper is worthless."""
    return ((say.remainder_note, *say.slip_terms)) if slip.remainder else say.slip_terms


def single_purpose_words(voucher: SinglePurpose, say: Words) -> tuple[str, ...]:
    """What the paper of such a voucher has to say: what it is, for what, and the VAT in it."""
    goods = () if voucher.goods is None else (f"{say.goods} {voucher.goods}",)
    including = say.including.format(rate=percent(voucher.rate, say))
    return (say.single_purpose, *goods, including)


def _head(grid: Grid, document: ReceiptDocument, say: Words) -> None:
    head(grid, document, say)
    title = say.titles.get(document.kind)
    if document.kind == "training":
        grid.blank()
        grid.centre(f"*** {say.training} ***", style="tall")
    elif title is not None:
        grid.blank()
        grid.centre(title, style="big")
    for line in reference_lines(document, say):
        grid.centre(line)
    when_and_where(grid, document, say, name=say.receipt)
    if document.first_order_at is not None:
        grid.pair(say.first_order, tse_time(document.first_order_at))


def reference_lines(document: ReceiptDocument, say: Words) -> tuple[str, ...]:
    """What the whole receipt refers to."""
    return tuple(mentioned(each, document.time_zone, say) for each in document.references)


def mentioned(reference: Mentioned, time_zone: str, say: Words) -> str:
    """`zu Beleg 128 vom 21.11.2026`, in the store's time zone."""
    if reference.name is not None:
        text = say.refers_name.format(name=reference.name, number=reference.number)
    else:
        text = say.refers[reference.type].format(number=reference.number)
    if reference.date is not None:
        on = reference.date.astimezone(ZoneInfo(time_zone)).date()
        text = f"{text} {say.refers_on.format(at=day(on, say))}"
    return text


def _items(grid: Grid, document: ReceiptDocument, say: Words) -> None:
    grid.rule()
    grid.row(document.total.currency.rjust(grid.columns - 2))
    for item in document.items:
        _item(grid, item, document, say)
    grid.rule("=")
    grid.pair(say.total, with_currency(document.total, say), style="tall")
    grid.rule("=")


def _item(grid: Grid, item: Item, document: ReceiptDocument, say: Words) -> None:
    money = f"{plain(item.amount, say)} {item.letter}"
    if Decimal(item.quantity) == 1:
        grid.pair(item.name, money)
    else:
        grid.left(item.name)
        count = f"{quantity(item.quantity, say)} x {plain(item.unit_price, say)}"
        grid.pair(count, money, indent=2)
    if item.voucher_serial is not None:
        grid.left(f"{say.sold_voucher} {item.voucher_serial}", indent=2)
    for note in item_notes(item, document, say):
        grid.left(note, indent=2)


def item_notes(item: Item, document: ReceiptDocument, say: Words) -> tuple[str, ...]:
    """What stands below a line: of a single-purpose voucher what it is for, of a discount why, of
    goods that come back where they were sold."""
    notes: list[str] = []
    if item.single_purpose is not None:
        notes.append(", ".join(single_purpose_words(item.single_purpose, say)))
    if item.given_serial_masked is not None:
        notes.append(f"{say.given} {item.given_serial_masked}")
    if item.voucher_serial_masked is not None:
        notes.append(f"{say.payout_of} {item.voucher_serial_masked}")
    if item.of is not None:
        notes.append(mentioned(item.of, document.time_zone, say))
    if item.reason is not None:
        notes.append(item.reason)
    if item.remaining is not None:
        notes.append(f"{say.remaining} {with_currency(item.remaining, say)}")
    return tuple(notes)


def _tenders(grid: Grid, document: ReceiptDocument, say: Words) -> None:
    for tender in document.tenders:
        _tender(grid, tender, say)


def _tender(grid: Grid, tender: Tender, say: Words) -> None:
    name = tender_name(tender, say)
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
    if tender.not_asked:
        grid.left(say.not_asked, indent=2)
    for line in card_notes(tender, say):
        grid.left(line, indent=2)


def card_notes(tender: Tender, say: Words) -> tuple[str, ...]:
    """What stands below a card payment: the terminal's own lines, or its numbers."""
    card = tender.card
    if card is None:
        return ()
    if card.text:
        return tuple(line for line in card.text if line.strip())
    notes = []
    if card.terminal_number is not None:
        notes.append(f"{say.terminal} {card.terminal_number} {card.trace or ''}".rstrip())
    if card.receipt_number is not None:
        notes.append(f"{say.card_receipt} {card.receipt_number}")
    if card.pan_end is not None:
        notes.append(f"{card.card_type or ''} ****{card.pan_end}".lstrip())
    return tuple(notes)


def tender_name(tender: Tender, say: Words) -> str:
    """Of money that goes out: `Bar zurück`."""
    return f"{tender.name} {say.given_back}" if tender.amount.amount < 0 else tender.name


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


def charge_rows(grid: Grid, charge: Charge, say: Words, *, signed: bool) -> None:
    """What will be invoiced to whom, and a line to sign on."""
    grid.rule()
    grid.centre(say.on_account if charge.payer_kind is None else say.delivered, style="tall")
    grid.centre(say.invoice_follows)
    who = say.center if charge.payer_kind is None else say.payers[charge.payer_kind]
    grid.left(f"{who} {charge.center_number}", style="bold")
    for line in (charge.center_name, *charge.address):
        if line:
            grid.left(line, indent=2)
    if charge.card_number:
        grid.pair(say.customer_card, charge.card_number)
    if charge.reference:
        grid.pair(say.payer_reference, charge.reference)
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
