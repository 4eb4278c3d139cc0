"""The printer's answers, sorted."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device_gateway.adapters.printer_status import (
    Automatic,
    PaperSensor,
    ProcessDone,
    RealTime,
    StatusParser,
)

# No deadline and no health check by the clock: a busy machine is no fault of the code.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

MIXED = b"\x16" + b"\x37\x22AB7!\x00" + b"\x18\x00\x0c\x00" + b"\x0f" + b"\x12"
SORTED = [
    RealTime(0x16),
    ProcessDone(b"AB7!"),
    Automatic(b"\x18\x00\x0c\x00"),
    PaperSensor(near_end=True, ended=True),
    RealTime(0x12),
]


@UNHURRIED
@given(st.lists(st.integers(min_value=1, max_value=5), max_size=20))
def test_answers_are_told_apart_however_the_network_cuts_them(sizes: list[int]) -> None:
    parser, answers, at = StatusParser(), [], 0
    for size in [*sizes, len(MIXED)]:
        answers += parser.feed(MIXED[at : at + size])
        at += size
    assert answers == SORTED


@UNHURRIED
@given(st.binary(max_size=64))
def test_no_bytes_of_a_printer_break_the_parser(noise: bytes) -> None:
    StatusParser().feed(noise)


def test_paper_that_runs_low_is_not_paper_that_is_out() -> None:
    assert StatusParser().feed(b"\x03") == [PaperSensor(near_end=True, ended=False)]
