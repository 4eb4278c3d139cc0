"""The bytes, as an interpreter reads them that was written by somebody else."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Literal

import pytest
import zxingcpp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from device_gateway.adapters.escpos import (
    NoDrawer,
    OpenDrawer,
    PrinterProfile,
    QrTooLarge,
    encode,
    profile_of,
    qr_fit,
)
from device_gateway.adapters.virtual_printer import (
    CodePage,
    Cut,
    Drawer,
    Judged,
    Overflow,
    Profile,
    Qr,
    Unknown,
    judge,
    png,
)
from device_gateway.events import StorePrinter
from device_gateway.ports import ReceiptOrder
from device_gateway.receipt import examples
from device_gateway.receipt.build import receipt_of, slip_of
from device_gateway.receipt.grid import Grid
from device_gateway.receipt.layout import receipt_rows, slip_rows
from device_gateway.receipt.safe_text import clean
from device_gateway.receipt.text import QR_MARK, receipt_text
from money import euro

# No deadline and no health check by the clock: a busy machine is no fault of the code.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

WIDE = PrinterProfile("p", columns=48, dots=576, codepage="CP858", codepage_number=19, qr="native")
MIDDLE = replace(WIDE, columns=42, dots=512)
NARROW = replace(WIDE, columns=32, dots=384)
PAPERS = {"48": WIDE, "42": MIDDLE, "32": NARROW}
PICTURES = {name: replace(profile, qr="image") for name, profile in PAPERS.items()}


def printed(order: ReceiptOrder = examples.ORDER, profile: PrinterProfile = WIDE) -> Judged:
    """What a printer of this profile makes of the receipt."""
    grid = receipt_rows(receipt_of(order), profile.columns, profile.codepage)
    return judge(encode(grid, profile), Profile(dots=profile.dots))


@pytest.fixture(scope="module", params=PAPERS)
def paper(request: pytest.FixtureRequest) -> Judged:
    return printed(profile=PAPERS[request.param])


def test_a_receipt_is_cut_exactly_once(paper: Judged) -> None:
    assert len(paper.of(Cut)) == 1


def test_no_byte_is_unknown_to_the_printer(paper: Judged) -> None:
    assert paper.of(Unknown) == ()


def test_no_line_is_wider_than_the_paper(paper: Judged) -> None:
    assert paper.of(Overflow) == ()


def test_the_drawer_stays_shut_unless_it_is_ordered(paper: Judged) -> None:
    assert paper.of(Drawer) == ()


def test_the_code_page_is_named_once_and_is_the_printers(paper: Judged) -> None:
    assert [page.number for page in paper.of(CodePage) if isinstance(page, CodePage)] == [19]


def test_the_native_qr_code_holds_exactly_what_the_tse_gave(paper: Judged) -> None:
    assert [code.content for code in paper.of(Qr) if isinstance(code, Qr)] == [examples.QR]


@pytest.mark.parametrize("name", PAPERS)
def test_the_paper_says_what_the_preview_says(name: str) -> None:
    profile = PAPERS[name]
    preview = receipt_text(receipt_of(examples.ORDER), columns=profile.columns)
    on_paper = [_squeezed(line) for line in printed(profile=profile).lines]
    missing = [line for line in preview.splitlines() if line.strip() and line.strip() != QR_MARK
               and _squeezed(line) not in on_paper]  # fmt: skip
    assert missing == []


def _squeezed(line: str) -> str:
    return "".join(line.split())


@pytest.mark.parametrize("name", PICTURES)
def test_the_qr_code_as_a_picture_reads_on_every_paper(name: str) -> None:
    assert _read(printed(profile=PICTURES[name])) == examples.QR


@pytest.mark.parametrize("name", PAPERS)
def test_the_native_qr_code_reads_on_every_paper(name: str) -> None:
    assert _read(printed(profile=PAPERS[name])) == examples.QR


def _read(judged: Judged) -> str:
    (paper,) = judged.papers
    found = zxingcpp.read_barcodes(Image.open(BytesIO(png(paper))))
    return found[0].text if found else ""


def test_the_slips_code_reads_from_its_qr_code() -> None:
    slip = slip_of(examples.ORDER, serial="GS-1", value=euro("50.00"), valid_until=None)
    job = encode(slip_rows(slip, "K7QM-4XTR-9WHC-2PLD", 32, "CP858"), NARROW)
    assert _read(judge(job, Profile(dots=384))) == "K7QM-4XTR-9WHC-2PLD"


def test_euro_and_umlauts_arrive_in_a_makers_own_numbering() -> None:
    profile = replace(WIDE, codepage_number=53)
    grid = receipt_rows(receipt_of(examples.ORDER), 48, "CP858")
    judged = judge(encode(grid, profile), Profile(code_pages={53: "cp858"}))
    assert any(line.endswith("94,97 €") for line in judged.lines)


@pytest.mark.parametrize("pin", [2, 5])
def test_the_drawer_opens_once_when_it_is_ordered(pin: Literal[2, 5]) -> None:
    grid = receipt_rows(receipt_of(examples.ORDER), 48, "CP858")
    profile = replace(WIDE, drawer_pin=pin)
    pulses = judge(encode(grid, profile, drawer=OpenDrawer("b-1"))).of(Drawer)
    assert [pulse.pin for pulse in pulses if isinstance(pulse, Drawer)] == [pin]


def test_a_printer_without_a_drawer_gets_no_pulse() -> None:
    grid = receipt_rows(receipt_of(examples.ORDER), 48, "CP858")
    with pytest.raises(NoDrawer):
        encode(grid, WIDE, drawer=OpenDrawer("b-1"))


def test_a_declared_printer_has_no_drawer_by_default() -> None:
    assert profile_of(StorePrinter(printer_id="p", host="h")).drawer_pin is None


def test_a_printer_without_a_blade_feeds_and_does_not_cut() -> None:
    grid = receipt_rows(receipt_of(examples.ORDER), 48, "CP858")
    assert judge(encode(grid, replace(WIDE, cut="none"))).of(Cut) == ()


ANY_TEXT = st.text(st.characters(exclude_categories=()), min_size=1, max_size=80)
COMMANDS = st.sampled_from(
    ["\x1bp\x00\x19\xfa", "\x1dV\x00", "\x1b@", "\x10\x14\x01\x00\x01", "\x1b=\x00", "\x1d(E\x00",
     "\x1cg1", "\x1bd\xff", "\x10\x05\x02", "\x1bt\x10", "\n\n\n", "\x1d(k\x03\x00", "\x00"]
)  # fmt: skip
HOSTILE = st.lists(ANY_TEXT | COMMANDS, min_size=1, max_size=6).map("".join)


@settings(UNHURRIED, max_examples=40)
@given(HOSTILE, HOSTILE, HOSTILE)
def test_no_name_ever_becomes_a_command(name: str, shop: str, footer: str) -> None:
    order = ReceiptOrder(
        booking=examples.booking(
            lines=(examples.line(name, "1.00"), examples.line("x", "2.00", serial=name)),
            payments=(examples.voucher("3.00", remaining="1.00", serial=shop),),
            till_name=shop,
        ),
        verdict=examples.signed(),
        master_data=examples.store(name=shop, footer=(footer,)),
    )
    judged = printed(order, NARROW)
    assert judged.of(Drawer, Unknown, Overflow) == ()
    assert len(judged.of(Cut)) == 1
    assert len(judged.of(CodePage)) == 1
    assert len(judged.of(Qr)) == 1


def test_a_name_full_of_commands_is_printed_as_its_letters() -> None:
    evil = "Name\x1b@\x1dV\x00\x10\x14\x01\x00\x01\x1bp\x00\x19\xfaEnd"
    order = replace(
        examples.ORDER,
        booking=examples.booking(lines=(examples.line(evil, "1.00"),), payments=()),
    )
    assert any(line.startswith("Name@ VpúEnd") for line in printed(order).lines)


@pytest.mark.parametrize(("dots", "size"), [(576, 4), (512, 4), (384, 4), (300, 3)])
def test_the_fiscal_qr_code_is_as_large_as_the_paper_allows(dots: int, size: int) -> None:
    assert qr_fit(examples.QR, wanted=4, dots=dots)[1] == size


def test_a_long_code_gives_up_error_correction_before_it_gives_up() -> None:
    assert qr_fit("x" * 1_200, wanted=4, dots=384)[0] == "l"


def test_a_code_too_large_to_be_read_is_refused() -> None:
    with pytest.raises(QrTooLarge):
        qr_fit("x" * 2_000, wanted=4, dots=384)


def test_a_grid_for_wider_paper_is_refused() -> None:
    with pytest.raises(ValueError, match="other paper"):
        encode(Grid(48, "CP858"), NARROW)


def test_the_printers_text_comes_from_the_choke_point() -> None:
    grid = Grid(48, "CP858")
    grid.left("a\x1bb")
    assert clean("ab", "CP858").encode() + b"\n" in encode(grid, WIDE)


def test_the_library_leaves_neither_log_handlers_nor_folders_nor_a_foreign_pickle(
    tmp_path: Path,
) -> None:
    """In a process of its own: what an import leaves behind shows only where it is the first."""
    trap = tmp_path / "trap"
    trap.mkdir()
    version = sys.version.split()[0]
    (trap / f"{version}.capabilities.pickle").write_bytes(b"cos\nsystem\n(S'exit 3'\ntR.")
    script = (
        "import logging, os; from device_gateway.adapters.escpos_library import dummy_class; "
        "dummy_class()(); "
        "print(len(logging.getLogger().handlers), len(os.listdir(os.environ['TMPDIR'])))"
    )
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"TMPDIR": str(temporary), "ESCPOS_CAPABILITIES_PICKLE_DIR": str(trap)},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["0", "0"]
