"""The HTML receipt: what it shows, and what it cannot be made to do."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from device_gateway.ports import ReceiptOrder
from device_gateway.receipt import examples
from device_gateway.receipt.build import receipt_of, slip_of
from device_gateway.receipt.html import receipt_html, slip_html
from money import euro

EVIL = "<script>alert(1)</script>\"' onload=x &amp; {{ 7*7 }}\x1b@"


class Page(HTMLParser):
    """Tags, attributes and visible text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.paths: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "path":
            self.paths.append(dict(attrs)["d"] or "")

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(receipt_html(receipt_of(examples.ORDER)))


def test_a_name_with_markup_stays_text() -> None:
    order = ReceiptOrder(
        booking=examples.booking(lines=(examples.line(EVIL, "1.00"),), payments=()),
        verdict=examples.signed(),
        master_data=examples.store(name=EVIL, footer=(EVIL,)),
    )
    evil = Page(receipt_html(receipt_of(order)))
    assert "script" not in evil.tags
    assert "<script>alert(1)</script>" in evil.text
    assert "{{ 7*7 }}" in evil.text


def test_the_page_has_no_script_and_loads_nothing(page: Page) -> None:
    assert not {"script", "img", "link", "iframe", "object", "form"} & set(page.tags)
    names = {name for name, _ in page.attributes}
    assert not {name for name in names if name.startswith("on") or name in ("src", "href")}


def test_control_characters_do_not_reach_the_page() -> None:
    order = ReceiptOrder(
        booking=examples.booking(lines=(examples.line(EVIL, "1.00"),), payments=()),
        verdict=examples.signed(),
        master_data=examples.store(),
    )
    assert "\x1b" not in receipt_html(receipt_of(order))


@pytest.mark.parametrize(
    "shown",
    [
        "Buchkette Beispiel GmbH", "Kastanienallee 12", "DE123456789", "Beleg 128",
        "21.11.2026 14:05:33", "94,97 €", "45,00 €", "****4711", "KV-berlin-1", "4711", "9423",
        examples.VALUE, "2026-11-21T13:05:34.000Z",
    ],
)  # fmt: skip
def test_what_the_law_wants_is_on_the_page(page: Page, shown: str) -> None:
    assert shown in page.text


def test_every_table_has_a_name_and_row_headings(page: Page) -> None:
    named = [value for name, value in page.attributes if name == "aria-labelledby"]
    assert page.tags.count("table") == 3
    assert {"items", "payment", "tax"} <= set(named)


def test_the_qr_code_on_the_page_reads_as_the_tse_gave_it(page: Page) -> None:
    assert _read(page.paths[0]) == examples.QR


def test_a_copy_is_marked_on_the_page() -> None:
    assert "KOPIE" in Page(receipt_html(receipt_of(examples.COPY))).text


def test_the_slips_code_is_on_its_page_as_text_and_as_qr_code() -> None:
    slip = slip_of(examples.ORDER, serial="GS-1", value=euro("50.00"), valid_until=None)
    shown = Page(slip_html(slip, "K7QM-4XTR"))
    assert "K7QM-4XTR" in shown.text
    assert _read(shown.paths[0]) == "K7QM-4XTR"


def test_the_language_of_the_page_is_declared() -> None:
    html = receipt_html(receipt_of(examples.ENGLISH))
    assert '<html lang="en">' in html


def _read(path: str) -> str:
    """Draws segno's path (`M x y h n m dx dy h n …`, one stroke per run of dark modules)."""
    scale, size = 6, 1_200
    picture = Image.new("L", (size, size), 255)
    draw = ImageDraw.Draw(picture)
    x = y = 0.0
    for command, *numbers in _commands(path):
        match command:
            case "M":
                x, y = numbers
            case "m":
                x, y = x + numbers[0], y + numbers[1]
            case "h":
                box = (x * scale, (y - 0.5) * scale, (x + numbers[0]) * scale - 1,
                       (y + 0.5) * scale - 1)  # fmt: skip
                draw.rectangle(box, fill=0)
                x += numbers[0]
    found = zxingcpp.read_barcodes(picture)
    return found[0].text if found else ""


def _commands(path: str) -> list[tuple[str, *tuple[float, ...]]]:
    return [
        (letter, *(float(number) for number in re.findall(r"-?[0-9.]+", rest)))
        for letter, rest in re.findall(r"([Mmh])([^Mmh]*)", path)
    ]


def test_the_page_of_a_charge_names_center_card_and_what_the_limit_leaves() -> None:
    shown = Page(receipt_html(receipt_of(examples.LUNCH))).text
    for said in ("Kostenstelle 4711", "Firma A GmbH", "Kundenkarte", "484,80", "Rechnung folgt",
                 "echter Zuschuss", "Unterschrift"):  # fmt: skip
        assert said in shown


def test_a_center_s_name_with_markup_stays_text() -> None:
    charged = examples.center("9.80", address=(EVIL,))
    booking = examples.booking(
        lines=examples.MEAL, payments=(charged.model_copy(update={"center_name": EVIL}),)
    )
    order = ReceiptOrder(booking=booking, verdict=examples.signed(), master_data=examples.store())
    assert "script" not in Page(receipt_html(receipt_of(order))).tags
