"""The receipt as one HTML page: no script, nothing loaded from elsewhere, fit for paper and eye.

Jinja2 escapes every value; the only markup that comes from code is the QR code's SVG, which holds
rectangles and no text.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache, partial
from io import BytesIO

import segno
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from device_gateway.receipt.document import (
    Paper,
    ReceiptDocument,
    Signed,
    VoucherSlip,
)
from device_gateway.receipt.layout import (
    card_notes,
    item_notes,
    limits_left_words,
    reference_lines,
    single_purpose_words,
    slip_terms,
    slip_title,
    subsidy_words,
    taxed_before_words,
    tender_name,
)
from device_gateway.receipt.parts import till_label
from device_gateway.receipt.safe_text import printable
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
from money import Money

QUIET_ZONE = 4
"""Modules of white around a QR code (ISO/IEC 18004)."""


def receipt_html(document: ReceiptDocument) -> str:
    """The whole page. Deterministic for a document."""
    say = words(document.language)
    template = environment().get_template("receipt.html.j2")
    return template.render(
        **common_of(document, say),
        name=say.receipt,
        title=say.titles.get(document.kind),
        references=reference_lines(document, say),
        percent=lambda rate: percent(rate, say),
        quantity=lambda text: quantity(text, say),
        notes=lambda item: item_notes(item, document, say),
        tender_name=lambda tender: tender_name(tender, say),
        subsidy=lambda case: subsidy_words(case, say),
        card_notes=lambda tender: card_notes(tender, say),
        limits=lambda charge: limits_left_words(charge, say),
        taxed_before=lambda rate: taxed_before_words(rate, say),
        one=lambda text: Decimal(text) == 1,
    )


def common_of(document: Paper, say: Words) -> dict[str, object]:
    """What every template of a paper needs."""
    fiscal = document.fiscal
    return {
        "doc": document,
        "till": till_label(document, say),
        "issued": instant(document.issued_at, document.time_zone, say),
        "instant": lambda at: instant(at, document.time_zone, say),
        "tse_time": tse_time,
        "qr": fiscal_qr_svg(fiscal.qr) if isinstance(fiscal, Signed) else "",
        **_common(document.language, say, is_copy=document.is_copy),
    }


def slip_html(slip: VoucherSlip, code: str, *, qr: str | None = None) -> str:
    """The voucher's slip with its secret code: given to the customer, cached by nobody."""
    say = words(slip.language)
    return (
        environment()
        .get_template("slip.html.j2")
        .render(
            slip=slip,
            code=code,
            title=slip_title(slip, say),
            terms=slip_terms(slip, say),
            qr=_qr_svg(qr or code),
            single_purpose=lambda voucher: single_purpose_words(voucher, say),
            day=lambda on: day(on, say),
            **_common(slip.language, say, is_copy=slip.is_copy),
        )
    )


def _common(language: str, say: Words, *, is_copy: bool) -> dict[str, object]:
    def money(amount: Money) -> str:
        return with_currency(amount, say)

    return {
        "language": language,
        "say": say,
        "is_copy": is_copy,
        "money": money,
        "plain": partial(plain, say=say),
    }


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The templates of this package."""
    return Environment(
        loader=PackageLoader("device_gateway.receipt"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=_shown,
    )


def _shown(value: object) -> object:
    """Every value on the page passes here: control characters and the like fall out."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable(value)
    return value


@lru_cache(maxsize=256)
def fiscal_qr_svg(content: str) -> Markup:
    """Kept, for a till shows the same receipt several times and the code is most of the work."""
    return _qr_svg(content)


def _qr_svg(content: str) -> Markup:
    code = segno.make(content, error="m", micro=False, boost_error=False)
    out = BytesIO()
    code.save(
        out, kind="svg", border=QUIET_ZONE, xmldecl=False, svgns=True, omitsize=True, nl=False
    )
    svg = out.getvalue().decode()
    # Made by segno from a bit matrix: numbers only, nothing of `content` is in the markup.
    return Markup(svg.replace("<svg ", '<svg role="img" aria-label="QR" ', 1))  # noqa: S704
