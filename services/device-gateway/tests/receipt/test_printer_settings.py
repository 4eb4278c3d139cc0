"""What a chain sets for a printer, down to the bytes; and no text of any paper is a command."""

from __future__ import annotations

import base64
import sys
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
import zxingcpp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import BaseModel, ValidationError

from device_gateway.adapters.escpos import encode, profile_of
from device_gateway.adapters.logos import HEIGHT_MAX, logo_raster, profiles_with
from device_gateway.adapters.pdf import PdfNotInstalled, grid_pdf, grid_png
from device_gateway.adapters.virtual_printer import (
    CodePage,
    Cut,
    Drawer,
    Judged,
    Overflow,
    Profile,
    Unknown,
    judge,
)
from device_gateway.adapters.virtual_printer import Image as Printed
from device_gateway.events import StorePrinter
from device_gateway.printing.desk import PrintingDesk
from device_gateway.receipt import examples, report_examples
from device_gateway.receipt.build import receipt_of, slip_of
from device_gateway.receipt.grid import Grid
from device_gateway.receipt.layout import receipt_rows, slip_rows
from device_gateway.receipt.order_slip import OrderSlip, OrderSlipLine, order_slip_rows
from device_gateway.receipt.papers import paper_of, paper_rows
from device_gateway.receipt.slip_examples import PAPERS as SLIPS
from device_gateway.receipt.text import grid_text
from kassenverbund.kit.chain_printers import Printer, logo_mark
from money import euro

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=15)
LETTERS = "äöüÄÖÜß €"
BYTES = {
    "CP858": (19, "84 94 81 8E 99 9A E1 20 D5"),
    "CP1252": (16, "E4 F6 FC C4 D6 DC DF 20 80"),
    "ISO-8859-15": (40, "E4 F6 FC C4 D6 DC DF 20 A4"),
}


def declared(**said: Any) -> StorePrinter:
    """A printer as the chain's file declares it."""
    printer = Printer.model_validate({"id": "p", "host": "h", **said})
    return StorePrinter(printer_id=printer.id, **printer.model_dump(exclude={"id", "till", "logo"}))


def picture(width: int, height: int, mode: str = "RGBA") -> bytes:
    out = BytesIO()
    Image.new(mode, (width, height), (0, 0, 0, 255) if mode == "RGBA" else 0).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("codepage", BYTES)
def test_umlauts_and_euro_have_the_bytes_of_the_page_and_are_read_back(codepage: str) -> None:
    number, wanted = BYTES[codepage]
    profile = profile_of(declared(codepage=codepage))
    grid = Grid(48, profile.codepage)
    grid.left(LETTERS)
    job = encode(grid, profile)
    assert bytes.fromhex(wanted) in job
    judged = judge(job)
    assert [page.number for page in judged.of(CodePage) if isinstance(page, CodePage)] == [number]
    assert LETTERS in judged.lines


@pytest.mark.parametrize("codepage", BYTES)
@given(text=st.text(max_size=60))
@settings(UNHURRIED)
def test_every_text_is_strictly_of_its_page(codepage: str, text: str) -> None:
    profile = profile_of(declared(codepage=codepage))
    grid = Grid(48, profile.codepage)
    grid.left(text)
    assert judge(encode(grid, profile)).of(Unknown, Drawer) == ()


def test_paper_of_58_mm_has_32_columns_and_384_dots() -> None:
    printer = declared(columns=32)
    assert (printer.columns, printer.dots) == (32, 384)


def test_a_printer_called_gutscheindruck_needs_nothing_but_its_address() -> None:
    printer = Printer.model_validate({"id": "Gutscheindruck", "host": "10.0.0.9"})
    assert printer.purposes == ("vouchers",)


@pytest.mark.parametrize(
    "said",
    [
        {}, {"host": "h", "virtual": True}, {"host": "h", "device": "/dev/usb/lp0"},
        {"pull": "epson_sdp"}, {"host": "h", "pull_id": "x"}, {"host": "h", "baudrate": 9600},
        {"device": "/etc/passwd"}, {"device": "/dev/../etc/passwd"}, {"host": "a b"},
        {"host": "h", "article_groups": ["x"]}, {"host": "h", "purposes": []},
        {"host": "h", "drawer_pin": 3}, {"host": "h", "codepage": "CP437"},
    ],
)  # fmt: skip
def test_a_printer_that_cannot_be_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Printer.model_validate({"id": "p", **said})


@pytest.mark.parametrize(("cut", "partial"), [("full", [False]), ("partial", [True]), ("none", [])])
def test_the_cut_is_the_one_that_is_set(cut: str, partial: list[bool]) -> None:
    profile = profile_of(declared(cut=cut))
    grid = receipt_rows(receipt_of(examples.ORDER), 48, "CP858")
    cuts = judge(encode(grid, profile)).of(Cut)
    assert [each.partial for each in cuts if isinstance(each, Cut)] == partial


@pytest.mark.parametrize("name", [*SLIPS, *report_examples.ORDERS])
def test_every_paper_with_the_head_of_the_business_has_its_logo(name: str) -> None:
    logo = picture(80, 40)
    mark = logo_mark("park", base64.b64encode(logo).decode())
    printer = declared().model_copy(update={"logo": mark})
    queue: Any = None
    desk = PrintingDesk(queue, clock=queue, profile=profiles_with({mark: logo}))
    order = (SLIPS | report_examples.ORDERS)[name]
    store = order.master_data.model_copy(update={"printers": (printer,)})
    assert len(judge(desk.escpos(replace(order, master_data=store))).of(Printed)) == 1


@pytest.mark.parametrize(("size", "qr"), [((1_000, 600), "native"), ((80, 40), "image")])
def test_a_logo_stands_on_a_receipt_once_and_is_never_too_high(
    size: tuple[int, int], qr: str
) -> None:
    logo = picture(*size)
    mark = logo_mark("park", base64.b64encode(logo).decode())
    printer = declared(qr=qr, columns=32).model_copy(update={"logo": mark})
    queue: Any = None
    desk = PrintingDesk(queue, clock=queue, profile=profiles_with({mark: logo}))
    order = replace(examples.ORDER, master_data=examples.store(printers=(printer,)))
    judged = judge(desk.escpos(order), Profile(dots=384))
    pictures = [each for each in judged.of(Printed) if isinstance(each, Printed)]
    assert len(pictures) == (1 if qr == "native" else 2)
    assert pictures[0].height <= HEIGHT_MAX
    assert judged.of(Unknown, Overflow) == ()
    report = replace(order, booking=report_examples.closing())
    pictured = judge(desk.escpos(report), Profile(dots=384)).of(Printed)
    assert len(pictured) == (1 if qr == "native" else 2)


def test_a_logo_with_glass_in_it_is_white_there() -> None:
    out = BytesIO()
    Image.new("RGBA", (16, 8), (0, 0, 0, 0)).save(out, "PNG")
    assert not any(logo_raster(out.getvalue(), dots=384).bits)


def test_a_printer_whose_logo_is_gone_prints_without() -> None:
    assert profiles_with({})(declared().model_copy(update={"logo": "park:0"})).logo is None


HOSTILE = st.lists(
    st.text(st.characters(exclude_categories=()), min_size=1, max_size=40)
    | st.sampled_from(
        ["\x1bp\x00\x19\xfa", "\x1dV\x00", "\x1b@", "\x10\x14\x01\x00\x01", "\x1b=\x00",
         "\x1d(E\x00", "\x1cg1", "\x1bd\xff", "\x1bt\x10", "\n\n\n", "\x1d(k\x03\x00",
         "\x00", "\x9bp", "\x85"]
    ),
    min_size=1, max_size=5,
).map("".join)  # fmt: skip

FIXED = frozenset(
    {"language", "time_zone", "quantity", "currency", "kind", "state", "type", "qr", "subsidy_case"}
)
"""Texts that are no free text: a value from a list, a number, or what the TSE has signed."""


def hostile(model: BaseModel, text: str) -> Any:
    """The same document with `text` in every text of it."""

    def spoilt(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: spoilt(each, name) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [spoilt(each, key) for each in value]
        return text if isinstance(value, str) and key not in FIXED else value

    data = spoilt(model.model_dump(mode="python"))
    # Without validation of times and numbers: they are what they were.
    return type(model).model_validate(data)


SLIP = OrderSlip(
    language="de", time_zone="Europe/Berlin", number=7, ordered_at=examples.STARTED,
    till_name="Kasse 1", group="Tisch 7", cashier_id="p-7", follows=True,
    lines=(OrderSlipLine(name="Jägerschnitzel mit Pommes frites und Salat", quantity="2"),
           OrderSlipLine(name="Suppe", quantity="0.5", taken_back=True)),
)  # fmt: skip

PAPERS = {
    "receipt": paper_of(examples.ORDER),
    "charges": paper_of(examples.DEPARTMENT),
    "outage": paper_of(examples.OUTAGE),
    "z": paper_of(replace(examples.ORDER, booking=report_examples.closing())),
    "cash move": paper_of(replace(examples.ORDER, booking=report_examples.cash_move())),
}


def clean_of(grid: Grid) -> None:
    """Nothing but text, one cut, one code page."""
    printer = declared(columns=32)
    judged: Judged = judge(encode(grid, profile_of(printer)), Profile(dots=384))
    assert judged.of(Drawer, Unknown, Overflow) == ()
    assert (len(judged.of(Cut)), len(judged.of(CodePage))) == (1, 1)


@pytest.mark.parametrize("name", PAPERS)
@settings(UNHURRIED)
@given(text=HOSTILE)
def test_no_text_of_any_paper_becomes_a_command(name: str, text: str) -> None:
    clean_of(paper_rows(hostile(PAPERS[name], text), 32, "CP858"))


@settings(UNHURRIED)
@given(text=HOSTILE)
def test_no_text_of_a_slip_becomes_a_command(text: str) -> None:
    slip = slip_of(examples.ORDER, serial=text, value=euro("50.00"), valid_until=None)
    clean_of(slip_rows(hostile(slip, text), text, 32, "CP858", qr="K7QM"))
    clean_of(order_slip_rows(hostile(SLIP, text), 32, "CP858"))


def test_the_kitchens_slip_looks_as_it_was_approved() -> None:
    assert grid_text(order_slip_rows(SLIP, 32, "CP858")) == (
        "  N A C H B E S T E L L U N G\n"
        "\n"
        "         T i s c h   7\n"
        "\n"
        "Nr. 7        21.11.2026 14:04:57\n"
        "Kasse 1                      p-7\n"
        "================================\n"
        "2 x Jägerschnitzel mit Pommes\n"
        "frites und Salat\n"
        "--------------------------------\n"
        "*** STORNO ***\n"
        "0,5 x Suppe\n"
        "--------------------------------\n"
    )


@pytest.mark.parametrize("columns", [32, 42, 48])
def test_the_pdf_is_the_paper_and_its_code_reads(columns: int) -> None:
    grid = receipt_rows(receipt_of(examples.ORDER), columns, "CP858")
    assert grid_pdf(grid).startswith(b"%PDF")
    with Image.open(BytesIO(grid_png(grid))) as page:
        assert page.width == round({32: 58, 42: 80, 48: 80}[columns] / 25.4 * 203)
        assert [each.text for each in zxingcpp.read_barcodes(page.convert("L"))] == [examples.QR]


def test_the_same_paper_is_the_same_pdf() -> None:
    grid = receipt_rows(receipt_of(examples.ORDER), 48, "CP858")
    assert grid_pdf(grid) == grid_pdf(grid)


def test_no_name_is_source_for_the_typesetter() -> None:
    grid = Grid(48, "CP858")
    for name in ('#panic("x")', '"] #read("/etc/passwd") [', "$ x $ *b* _i_ `r` \\ // @a <b>"):
        grid.left(name)
    assert grid_pdf(grid).startswith(b"%PDF")


def test_an_installation_without_the_typesetter_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(PdfNotInstalled):
        grid_pdf(Grid(48, "CP858"))
