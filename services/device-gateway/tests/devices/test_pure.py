"""Frames, keys, debounce and uids: bytes and key events in, scans out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_gateway.codes.uid import canonical, is_random
from device_gateway.devices.debounce import Debounce
from device_gateway.devices.frames import FRAME_MAX, Frames, text_of
from device_gateway.devices.keys import DOWN, EV_KEY, REPEAT, UP, KeyScans

ENTER, SHIFT, CONTROL, CAPS = 28, 42, 29, 58
LETTER = {letter: code for code, letter in enumerate("qwertyuiop", 16)}
LETTER |= {letter: code for code, letter in enumerate("asdfghjkl", 30)}
LETTER |= {letter: code for code, letter in enumerate("zxcvbnm", 44)}
DIGIT = {digit: code for code, digit in enumerate("1234567890", 2)}


# --- serial ---


@pytest.mark.parametrize("suffix", [b"\r", b"\n", b"\r\n", b"\t"])
def test_a_suffix_ends_a_scan_and_is_no_part_of_it(suffix: bytes) -> None:
    assert Frames().feed(b"4006381333931" + suffix) == [b"4006381333931"]


def test_a_separator_within_a_scan_stays() -> None:
    scan = b"]C1010950600013435210ABC\x1d21X"
    assert Frames().feed(scan + b"\r") == [scan]


def test_without_a_suffix_silence_ends_a_scan() -> None:
    frames = Frames()
    assert (frames.feed(b"12345"), frames.pending) == ([], True)
    assert (frames.flush(), frames.pending) == ([b"12345"], False)


def test_a_scan_that_is_too_long_is_dropped_whole() -> None:
    assert Frames().feed(b"x" * (FRAME_MAX + 1) + b"\rnext\r") == [b"next"]


SCANS = st.lists(st.binary(min_size=1, max_size=30).map(
    lambda raw: bytes(byte for byte in raw if byte not in b"\r\n\t") or b"x"
), max_size=5)  # fmt: skip


@given(SCANS, st.integers(1, 7))
def test_how_the_bytes_are_cut_changes_no_scan(scans: list[bytes], step: int) -> None:
    sent = b"".join(scan + b"\r\n" for scan in scans)
    frames = Frames()
    found = [one for at in range(0, len(sent), step) for one in frames.feed(sent[at : at + step])]
    assert found == scans


def test_a_scan_that_is_no_utf_8_is_read_as_latin_1() -> None:
    assert (text_of("ä".encode()), text_of("ä".encode("latin-1"))) == ("ä", "ä")


# --- keys ---


def typed(keys: KeyScans, *events: tuple[int, int], t: float = 0.0) -> list[str]:
    return [text for code, value in events for text in keys.press(EV_KEY, code, value, t)]


def tap(code: int) -> list[tuple[int, int]]:
    return [(code, DOWN), (code, UP)]


def shifted(code: int, by: int = SHIFT) -> list[tuple[int, int]]:
    return [(by, DOWN), *tap(code), (by, UP)]


@pytest.mark.parametrize(
    ("events", "text"),
    [
        (tap(LETTER["y"]) + tap(LETTER["z"]), "yz"),
        (shifted(LETTER["y"]) + shifted(LETTER["z"]), "YZ"),
        (shifted(LETTER["q"], by=54), "Q"),
        (tap(27) + shifted(LETTER["c"]) + tap(DIGIT["1"]), "]C1"),
        (shifted(12) + tap(12), "_-"),
        (shifted(DIGIT["2"]) + shifted(41) + tap(40), "@~'"),
        ([(CAPS, DOWN), (CAPS, UP), *tap(LETTER["a"]), *shifted(LETTER["b"])], "Ab"),
        ([(LETTER["a"], DOWN), (LETTER["a"], REPEAT), (LETTER["a"], UP)], "a"),
        (tap(79) + tap(80) + tap(83), "12."),
        ([*tap(DIGIT["1"]), (CONTROL, DOWN), *tap(27), (CONTROL, UP), *tap(DIGIT["2"])], "1\x1d2"),
        ([*tap(DIGIT["1"]), *tap(66), *tap(DIGIT["2"])], "1\x1d2"),
        ([(CONTROL, DOWN), *tap(LETTER["c"]), (CONTROL, UP), *tap(LETTER["d"])], "d"),
    ],
)
def test_keys_are_those_of_the_us_layout(events: list[tuple[int, int]], text: str) -> None:
    assert typed(KeyScans(), *events, *tap(ENTER)) == [text]


def test_a_scan_without_enter_ends_with_silence() -> None:
    keys = KeyScans(gap_s=0.1)
    assert typed(keys, *tap(LETTER["a"]), t=1.0) == []
    assert keys.silent(1.05) == []
    assert keys.silent(1.11) == ["a"]


def test_the_next_scan_after_a_silence_is_its_own() -> None:
    keys = KeyScans(gap_s=0.1)
    typed(keys, *tap(LETTER["a"]), t=1.0)
    assert typed(keys, *tap(LETTER["b"]), t=2.0) == ["a"]
    assert typed(keys, *tap(ENTER), t=2.01) == ["b"]


def test_what_is_no_key_is_nothing() -> None:
    assert KeyScans().press(4, 4, 458792, 0.0) == []


@given(st.text(alphabet="abcxyzABCXYZ0123456789", min_size=1, max_size=30))
def test_what_a_scanner_types_is_what_it_read(text: str) -> None:
    events: list[tuple[int, int]] = []
    for letter in text:
        code = DIGIT.get(letter) or LETTER[letter.lower()]
        events += shifted(code) if letter.isupper() else tap(code)
    assert typed(KeyScans(), *events, *tap(ENTER)) == [text]


# --- debounce ---


def test_the_same_scan_within_300_ms_is_one_and_after_a_second_two() -> None:
    debounce = Debounce()
    assert [debounce.admits("a", at) for at in (0.0, 0.3, 1.0)] == [True, False, True]


def test_another_scan_is_never_held_back() -> None:
    debounce = Debounce()
    assert [debounce.admits(text, 0.0) for text in "abab"] == [True, True, True, True]


def test_a_scanner_that_stands_reads_one_code_once_however_long_it_lies_there() -> None:
    standing, held = Debounce(style="sliding"), Debounce()
    seen = [at / 10 for at in range(0, 30, 3)]
    assert sum(standing.admits("a", at) for at in seen) == 1
    assert sum(held.admits("a", at) for at in seen) > 1


# --- uids ---


@pytest.mark.parametrize(
    ("text", "how", "uid"),
    [
        ("04a1b2c3", {}, "04A1B2C3"),
        ("04:A1:B2:C3:D4:E5:80", {}, "04A1B2C3D4E580"),
        ("C3B2A104", {"order": "lsb"}, "04A1B2C3"),
        ("0077705923", {"written": "dec"}, "04A1B2C3"),
        ("3283263748", {"written": "dec", "order": "lsb"}, "04A1B2C3"),
        ("1304175976216960", {"written": "dec", "length": 7}, "04A22421C97980"),
        ("04A1B2", {}, None),
        ("04A1B2C3", {"length": 7}, None),
        ("99999999999", {"written": "dec"}, None),
        ("hello", {}, None),
    ],
)
def test_a_uid_has_one_form_whatever_the_reader_makes_of_it(
    text: str, how: dict[str, str], uid: str | None
) -> None:
    assert canonical(text, **how) == uid  # type: ignore[arg-type]  # a table of options


def test_a_uid_that_a_telephone_draws_is_known() -> None:
    assert is_random("08A1B2C3")
    assert not is_random("04A1B2C3")
    assert not is_random("08A1B2C3D4E5F6")
