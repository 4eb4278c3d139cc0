"""What a mailed voucher says, in German and English, as text and as HTML with its QR code."""

from __future__ import annotations

import html
import io

import segno
from babel.dates import format_date
from babel.numbers import format_currency

from kassenverbund.kit.mail import Mail, Picture
from voucher import codes
from voucher.decider import Issued
from voucher.ports import MailOrder

QR_SCALE = 5
"""Pixels per module: sharp on a telephone, and when printed at home."""

CID = "code"

_WORDS = {
    "de": {
        "subject": "Ihr Gutschein über {value}",
        "heading": "Gutschein über {value}",
        "from": "Ein Geschenk von {name}",
        "code": "Code",
        "serial": "Nummer",
        "valid": "Einlösbar bis {day} in allen Filialen von {issuer}.",
        "keep": "Dieser Code ist so gut wie Geld: Wer ihn kennt, kann ihn einlösen.",
        "single": "Einzweck-Gutschein für {goods} ({rate} % MwSt. enthalten)",
        "locale": "de_DE",
    },
    "en": {
        "subject": "Your voucher for {value}",
        "heading": "Voucher for {value}",
        "from": "A present from {name}",
        "code": "Code",
        "serial": "Number",
        "valid": "Can be used until {day} in all stores of {issuer}.",
        "keep": "This code is as good as money: whoever knows it can use it.",
        "single": "Single-purpose voucher for {goods} ({rate} % VAT included)",
        "locale": "en_GB",
    },
}


def mail_of(order: MailOrder, voucher: Issued, *, code: str, qr: str, issuer: str) -> Mail:
    """The whole message. The same order gives the same message id, whenever it is written."""
    words = _WORDS[order.language]
    value = format_currency(
        voucher.value.as_decimal(), voucher.value.currency, locale=words["locale"]
    )
    lines = _lines(order, voucher, words, issuer=issuer)
    shown = codes.shown(code)
    heading = words["heading"].format(value=value)
    greeting = order.greeting.splitlines() if order.greeting else []
    return Mail(
        message_id=f"{voucher.serial.lower()}.{voucher.voucher_id}@voucher.invalid",
        to=order.to,
        subject=words["subject"].format(value=value),
        text="\n".join(
            (
                heading, "", *greeting, *([""] if greeting else []), *lines, "",
                f"{words['code']}: {shown}", f"{words['serial']}: {voucher.serial}", "",
                words["keep"], "",
            )
        ),
        html=_html(heading, greeting, lines, shown, voucher.serial, words),
        pictures=(Picture(CID, _picture(qr)),),
    )  # fmt: skip


def _lines(order: MailOrder, voucher: Issued, words: dict[str, str], *, issuer: str) -> list[str]:
    lines = []
    if order.from_name:
        lines.append(words["from"].format(name=order.from_name))
    terms = voucher.terms
    if terms.kind == "single_purpose" and terms.rate is not None:
        rate = f"{terms.rate / 100:g}".replace(".", "," if order.language == "de" else ".")
        lines.append(words["single"].format(goods=terms.goods or "", rate=rate))
    if voucher.valid_until is not None:
        day = format_date(voucher.valid_until, "long", locale=words["locale"])
        lines.append(words["valid"].format(day=day, issuer=issuer))
    return lines


def _picture(qr: str) -> bytes:
    picture = io.BytesIO()
    segno.make(qr, error="m", micro=False).save(picture, kind="png", scale=QR_SCALE)
    return picture.getvalue()


def _html(
    heading: str,
    greeting: list[str],
    lines: list[str],
    code: str,
    serial: str,
    words: dict[str, str],
) -> str:
    said = "".join(f"<p style='margin:0 0 4px'>{html.escape(line)}</p>" for line in greeting)
    told = "".join(f"<p style='margin:0 0 8px'>{html.escape(line)}</p>" for line in lines)
    return (
        "<!doctype html><html><body style='margin:0;padding:24px;background:#f4f4f2;"
        "font-family:Helvetica,Arial,sans-serif;color:#222'>"
        "<div style='max-width:480px;margin:0 auto;padding:32px;background:#fff;"
        "border:1px solid #ddd;border-radius:8px;text-align:center'>"
        f"<h1 style='font-size:24px;margin:0 0 16px'>{html.escape(heading)}</h1>"
        f"<div style='font-style:italic;margin-bottom:16px'>{said}</div>"
        f"<img src='cid:{CID}' alt='{html.escape(words['code'])}' width='220' height='220' "
        "style='image-rendering:pixelated'>"
        "<p style='font-family:Menlo,Consolas,monospace;font-size:20px;letter-spacing:1px;"
        f"margin:12px 0 4px'>{html.escape(code)}</p>"
        f"<p style='font-size:12px;color:#777;margin:0 0 20px'>{html.escape(words['serial'])} "
        f"{html.escape(serial)}</p>{told}"
        f"<p style='font-size:12px;color:#777;margin:16px 0 0'>{html.escape(words['keep'])}</p>"
        "</div></body></html>"
    )
