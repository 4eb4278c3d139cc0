"""What the judge says about bytes that were written by hand from the command table."""

from __future__ import annotations

import ast
from io import BytesIO
from pathlib import Path

import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

import device_gateway.adapters.virtual_printer as package
from device_gateway.adapters.virtual_printer import (
    Asked,
    Barcode,
    CodePage,
    Cut,
    Drawer,
    Image,
    Overflow,
    Profile,
    Qr,
    Text,
    Unknown,
    judge,
    png,
)
from device_gateway.adapters.virtual_printer.commands import Tokenizer

FISCAL_QR = (
    "V0;955002-00;Kassenbeleg-V1;Beleg^0.00_2.55_0.00_0.00_0.00^2.55:Bar;18;112;"
    "2019-07-10T18:41:04.000Z;2019-07-10T18:41:04.000Z;ecdsa-plain-SHA256;unixTime;"
    "MEQCIAy4P9k+7x9saDO0uRZ4El8QwN+qTgYiv1DIaJIMWRiuAiAt+saFDGjK2Yi5Cxgy7PprXQ5O0seRgx4ltdpW9REv"
    "wA==;BHhWOeisRpPBTGQ1W4VUH95TXx2GARf8e2NYZXJoInjtGqnxJ8sZ3CQpYgjI+LYEmW5A37sLWHsyU7nSJUBemyU="
)
CUT = b"\x1dV\x00"


def qr(content: str, *, module: int = 4, level: bytes = b"1") -> bytes:
    """GS ( k: model 2, module size, level, store, print."""
    data = content.encode()
    return (
        b"\x1d(k\x04\x001A2\x00"
        + b"\x1d(k\x03\x001C"
        + bytes([module])
        + b"\x1d(k\x03\x001E"
        + level
        + b"\x1d(k"
        + (len(data) + 3).to_bytes(2, "little")
        + b"1P0"
        + data
        + b"\x1d(k\x03\x001Q0"
    )


def decoded(picture: bytes) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(Pillow.open(BytesIO(picture)))]


def test_a_line_comes_out_as_it_was_sent() -> None:
    assert judge(b"Buch\n" + CUT).lines == ("Buch",)


@pytest.mark.parametrize(
    ("page", "euro"),
    [(19, b"\xd5"), (16, b"\x80"), (40, b"\xa4")],
    ids=["CP858", "CP1252", "ISO-8859-15"],
)
def test_a_euro_sign_is_read_in_the_code_page_that_was_chosen(page: int, euro: bytes) -> None:
    assert judge(b"\x1bt" + bytes([page]) + euro + b"\n").lines == ("€",)


def test_umlauts_of_code_page_437_need_no_choice() -> None:
    assert judge(b"\x84\x94\x81\x8e\x99\x9a\xe1\n").lines == ("äöüÄÖÜß",)


def test_a_code_page_that_the_printer_has_not_is_reported() -> None:
    judged = judge(b"\x1bt\x47Text\n")
    assert judged.of(CodePage) == (CodePage(71, None),)
    assert judged.of(Unknown)


def test_a_code_page_may_have_another_makers_number() -> None:
    other = Profile(code_pages={71: "cp1252"})
    assert judge(b"\x1bt\x47\x80\n", other).lines == ("€",)


def test_a_byte_without_a_character_is_unknown() -> None:
    assert judge(b"\x1bt\x10\x81\n").of(Unknown) == (Unknown(b"\x81", "no character in cp1252"),)


def test_a_control_byte_in_a_text_is_unknown() -> None:
    assert judge(b"a\x07b\n").of(Unknown) == (Unknown(b"\x07", "no command of this printer"),)


def test_a_line_wider_than_the_paper_goes_on_below_and_is_reported() -> None:
    judged = judge(b"x" * 50 + b"\n", Profile(dots=576))
    assert judged.lines == ("x" * 48, "xx")
    assert [fact.text for fact in judged.facts if isinstance(fact, Overflow)] == ["xx"]


def test_double_width_halves_the_columns() -> None:
    assert not judge(b"\x1d!\x10" + b"x" * 24 + b"\n").of(Overflow)
    assert judge(b"\x1d!\x10" + b"x" * 25 + b"\n").of(Overflow)


@pytest.mark.parametrize(("dots", "columns"), [(576, 48), (512, 42), (384, 32)])
def test_the_paper_has_as_many_columns_as_its_dots_hold(dots: int, columns: int) -> None:
    assert not judge(b"x" * columns + b"\n", Profile(dots=dots)).of(Overflow)
    assert judge(b"x" * (columns + 1) + b"\n", Profile(dots=dots)).of(Overflow)


def test_alignment_moves_the_text() -> None:
    judged = judge(b"\x1ba\x01mid\n\x1ba\x02end\n")
    assert judged.lines == (" " * 22 + "mid", " " * 45 + "end")


def test_a_reset_sets_everything_back() -> None:
    judged = judge(b"\x1ba\x01\x1bE\x01\x1d!\x11\x1b@plain\n")
    (line,) = (fact for fact in judged.facts if isinstance(fact, Text))
    assert (line.align, line.runs[0].style.bold, line.runs[0].style.width) == ("left", False, 1)


def test_styles_within_a_line_are_told_apart() -> None:
    (line,) = judge(b"SUMME \x1bE\x019,99\x1bE\x00\n").of(Text)
    assert isinstance(line, Text)
    assert [(run.text, run.style.bold) for run in line.runs] == [("SUMME ", False), ("9,99", True)]


def test_each_cut_ends_a_paper() -> None:
    judged = judge(b"one\n\x1dV\x00two\n\x1dVB\x10three\n")
    assert [paper.lines[0] for paper in judged.papers] == ["one", "two", "three"]
    assert judged.of(Cut) == (Cut(partial=False), Cut(partial=True))


def test_the_bytes_of_the_papers_are_the_bytes_that_were_sent() -> None:
    sent = b"\x1b@one\n\x1dV\x00\x1bt\x13two\n\x1dVB\x10"
    assert b"".join(paper.raw for paper in judge(sent).papers) == sent


def test_a_cut_of_blank_paper_is_a_fact_and_no_paper() -> None:
    judged = judge(b"\x1bp\x00\x32\x32" + CUT)
    assert judged.of(Drawer, Cut) == judged.facts
    assert judged.papers == ()


def test_a_drawer_pulse_is_reported_with_its_pin_and_length() -> None:
    assert judge(b"\x1bp\x00\x32\x32").of(Drawer) == (Drawer(pin=2, on_ms=100, off_ms=100),)
    assert judge(b"\x10\x14\x01\x01\x02").of(Drawer) == (Drawer(pin=5, on_ms=200, off_ms=200),)


@pytest.mark.parametrize(
    "command",
    [b"\x1b=\x00", b"\x1d(E\x03\x00\x01IN", b"\x1cp\x01\x00", b"\x1d(A\x02\x00\x00\x02", b"\x1bL"],
    ids=["mute", "user settings", "stored picture", "test print", "page mode"],
)
def test_what_a_till_must_not_ask_of_a_printer_is_unknown(command: bytes) -> None:
    assert judge(command).of(Unknown)


def test_a_muted_printer_prints_nothing() -> None:
    assert judge(b"\x1b=\x00secret\n" + CUT).papers == ()


def test_a_native_qr_code_is_read_back_from_the_picture_exactly() -> None:
    judged = judge(b"\x1ba\x01" + qr(FISCAL_QR) + CUT)
    assert judged.papers[0].qr_codes == (FISCAL_QR,)
    assert decoded(png(judged.papers[0])) == [FISCAL_QR]


@pytest.mark.parametrize("dots", [576, 384])
def test_a_qr_code_with_umlauts_is_read_back_from_the_picture(dots: int) -> None:
    judged = judge(qr("Gutschein für Köln: 5,00 €", module=3) + CUT, Profile(dots=dots))
    assert decoded(png(judged.papers[0])) == ["Gutschein für Köln: 5,00 €"]


def test_a_qr_code_wider_than_the_paper_is_lost() -> None:
    judged = judge(qr(FISCAL_QR, module=6) + CUT, Profile(dots=384))
    assert judged.of(Overflow)
    assert not judged.of(Qr)


def test_a_printer_without_native_qr_codes_reports_them() -> None:
    assert judge(qr("x"), Profile(native_qr=False)).of(Unknown)


def test_a_raster_image_of_a_qr_code_is_read_back_from_the_picture() -> None:
    bitmap = _qr_as_bitmap("as an image")
    width = bitmap.width // 8
    raster = bytes(byte ^ 0xFF for byte in bitmap.tobytes())
    size = width.to_bytes(2, "little") + bitmap.height.to_bytes(2, "little")
    judged = judge(b"\n\x1dv0\x00" + size + raster + b"\n" + CUT)
    assert judged.of(Image) == (Image(bitmap.width, bitmap.height),)
    assert decoded(png(judged.papers[0])) == ["as an image"]


def test_a_bit_image_in_stripes_joins_to_one_picture() -> None:
    bitmap = _qr_as_bitmap("in stripes").transpose(Pillow.Transpose.TRANSPOSE)
    columns = bytes(byte ^ 0xFF for byte in bitmap.tobytes())
    across = bitmap.height
    deep = bitmap.width // 8
    job = b""
    for stripe in range(deep // 3):
        part = b"".join(
            columns[at * deep + stripe * 3 : at * deep + stripe * 3 + 3] for at in range(across)
        )
        job += b"\x1b*\x21" + across.to_bytes(2, "little") + part + b"\n"
    assert decoded(png(judge(job + CUT).papers[0])) == ["in stripes"]


def test_a_barcode_is_read_back_from_the_picture() -> None:
    judged = judge(b"\x1dw\x03\x1dh\x50\x1dH\x02\x1dk\x02400638133393\x00\n" + CUT)
    assert judged.of(Barcode) == (Barcode("EAN13", "400638133393"),)
    assert decoded(png(judged.papers[0])) == ["4006381333931"]


def test_code_128_data_is_read_without_its_code_sets() -> None:
    assert judge(b"\x1dk\x49\x06{BGS-1").of(Barcode) == (Barcode("CODE128", "GS-1"),)
    assert judge(b"\x1dk\x49\x04{C\x0c\x22").of(Barcode) == (Barcode("CODE128", "1234"),)


def test_status_questions_are_answered_in_the_bytes_of_the_table() -> None:
    judged = judge(b"\x10\x04\x01\x10\x04\x04\x1dr\x01\x1d(H\x06\x0000abcd")
    assert judged.answers == b"\x12\x12\x00\x37\x22abcd\x00"
    assert [fact.command for fact in judged.facts if isinstance(fact, Asked)] == [
        "DLE EOT",
        "DLE EOT",
        "GS r",
        "GS ( H",
    ]


def test_a_command_without_its_end_is_reported() -> None:
    assert judge(b"\x1dv0\x00\x01\x00").of(Unknown)


@given(st.binary(max_size=400), st.lists(st.integers(1, 40), max_size=20))
@settings(max_examples=200, deadline=None)
def test_the_same_bytes_are_the_same_commands_in_chunks_of_any_size(
    data: bytes, sizes: list[int]
) -> None:
    whole = Tokenizer()
    expected = [token.raw for token in whole.feed(data)]
    pieces, at, found = Tokenizer(), 0, []
    for size in [*sizes, len(data)]:
        found += [token.raw for token in pieces.feed(data[at : at + size])]
        at += size
    assert b"".join(found) == b"".join(expected)
    assert pieces.unfinished == whole.unfinished


@given(st.binary(max_size=600))
@settings(max_examples=300, deadline=None)
def test_no_bytes_whatever_break_the_judge(data: bytes) -> None:
    judge(data, Profile(dots=384))


def test_the_judge_never_imports_an_encoder() -> None:
    folder = Path(package.__file__).parent
    for source in folder.glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not [name for name in names if name.split(".")[0] == "escpos"], source.name


def _qr_as_bitmap(content: str) -> Pillow.Image:
    """A QR code as black on white, its sides multiples of 24 dots."""
    import segno

    out = BytesIO()
    segno.make_qr(content).save(out, kind="png", scale=5, border=2)
    drawn = Pillow.open(BytesIO(out.getvalue())).convert("1")
    side = -(-drawn.width // 24) * 24
    bitmap = Pillow.new("1", (side, side), 1)
    bitmap.paste(drawn, (0, 0))
    return bitmap
