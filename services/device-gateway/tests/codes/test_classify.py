"""Which rule takes a scan, and what it may do: a table, and what holds for every text."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_gateway.codes.classify import answered, classify
from device_gateway.codes.scanned import MODES, Mode, Scanned
from kassenverbund.kit.chain_codes import CodePattern
from kassenverbund.kit.code_format import ALPHABET, center_label, check_symbol

STAFF = CodePattern(
    name="staff", pattern=r"^EMP:(\d{5})$", target="card", examples=("EMP:00815",),
    counter_examples=("EMP:815", "xEMP:00815"),
)  # fmt: skip
OLD = CodePattern(
    name="old", pattern=r"^GS(?P<value>\d{6})$", target="voucher", examples=("GS123456",)
)
RULES = (STAFF, OLD)
EAN = "4006381333931"
GS = "\x1d"


def own(first: str, body: str = "7F3K0Q2M9X4B6D") -> str:
    return first + body + check_symbol(first + body)


VOUCHER = own("V")
SHOWN = "-".join(VOUCHER[at : at + 4] for at in range(0, 16, 4))
DAMAGED = VOUCHER[:-1] + ("0" if VOUCHER[-1] != "0" else "1")
SIGNED = "KV2" + "A" * 170

TABLE = [
    # text, mode, kind, value, rule, action
    (SHOWN.lower(), "idle", "own_voucher", VOUCHER, "own_code", "show"),
    (VOUCHER, "item", "own_voucher", VOUCHER, "own_code", "show"),
    (VOUCHER, "tender_voucher", "own_voucher", VOUCHER, "own_code", "pay"),
    (VOUCHER, "tender_center", "own_voucher", VOUCHER, "own_code", "refuse"),
    ("]Q1" + SIGNED.lower(), "tender_voucher", "own_voucher", SIGNED, "signed_qr", "pay"),
    (own("C"), "customer", "own_card", own("C"), "own_code", "identify"),
    (own("P"), "pickup", "own_pickup", own("P"), "own_code", "pick_up"),
    (DAMAGED, "tender_voucher", "own_damaged", "", "check_symbol", "refuse"),
    (center_label("4711"), "tender_center", "own_center", "4711", "center_label", "pay"),
    (center_label("4711"), "item", "own_center", "4711", "center_label", "show"),
    ("KS-4711-0", "item", "own_damaged", "", "center_label", "refuse"),
    ("EMP:00815", "tender_center", "external", "00815", "staff", "pay"),
    ("EMP:00815", "item", "external", "00815", "staff", "show"),
    ("GS123456", "item", "external", "123456", "old", "show"),
    ("GS123456", "tender_voucher", "external", "123456", "old", "pay"),
    ("]E0" + EAN, "idle", "article", EAN, "ean13", "add_line"),
    ("]E0" + EAN, "tender_voucher", "article", EAN, "ean13", "refuse"),
    (EAN, "item", "article", EAN, "ean13", "add_line"),
    (EAN, "idle", "article", EAN, "ean13", "add_line"),
    ("4006381333932", "idle", "unknown", "", "check_digit", "refuse"),
    ("]E04006381333932", "item", "unknown", "", "check_digit", "refuse"),
    ("978-3-16-148410-0", "item", "article", "9783161484100", "isbn", "add_line"),
    ("3-16-148410-X", "item", "article", "9783161484100", "isbn", "add_line"),
    ("9783161484100", "item", "article", "9783161484100", "isbn", "add_line"),
    ("]E3977147396801212", "item", "article", "9771473968012", "issn", "add_line"),
    ("]E496385074", "item", "article", "96385074", "ean8", "add_line"),
    ("2012345123458", "item", "article", "2012345123458", "ean_in_store", "add_line"),
    (f"]C1010400638133393117251231{GS}10ABC", "item", "gs1", EAN, "gs1", "add_line"),
    (f"010400638133393110A1{GS}21S", "item", "gs1", EAN, "gs1", "add_line"),
    ("]C1" + "25595061000000011234", "item", "gs1", "", "gs1", "refuse"),
    (f"https://id.gs1.org/01/0{EAN}/10/A", "item", "gs1", EAN, "digital_link", "add_line"),
    ("https://example.com/v/1?c=2", "item", "url", "https://example.com/v/1?c=2", "url", "refuse"),
    ("123456", "idle", "ask", "123456", "digits", "ask"),
    ("123456", "item", "ask", "123456", "digits", "ask"),
    ("12345670", "idle", "ask", "12345670", "digits", "ask"),
    ("12345670", "item", "article", "12345670", "ean8", "add_line"),
    ("123456", "tender_center", "own_center", "123456", "mode:tender_center", "pay"),
    ("123456", "tender_voucher", "external", "123456", "mode:tender_voucher", "pay"),
    ("Hello", "idle", "unknown", "Hello", "unknown", "refuse"),
    ("ALT-9X", "tender_voucher", "external", "ALT-9X", "mode:tender_voucher", "pay"),
    ("a\x1b@b", "tender_voucher", "unknown", "", "control_characters", "refuse"),
    ("x" * 513, "item", "unknown", "", "too_long", "refuse"),
    (" \r\n", "item", "unknown", "", "empty", "refuse"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "mode", "kind", "value", "rule", "action"), TABLE)
def test_a_scan_is_what_the_table_says(
    text: str, mode: Mode, kind: str, value: str, rule: str, action: str
) -> None:
    found = classify(Scanned(text, "serial"), mode, RULES)
    assert (found.kind, found.value, found.rule, found.action) == (kind, value, rule, action)


def test_c21_a_staff_card_s_code_is_mapped_to_its_card() -> None:
    found = classify(Scanned("EMP:00815", "camera", aim="]Q1"), "customer", RULES)
    assert (found.kind, found.target, found.value) == ("external", "card", "00815")


def test_thirteen_digits_are_no_article_where_a_voucher_is_waited_for() -> None:
    found = classify(Scanned(EAN, "serial"), "tender_voucher", RULES)
    assert (found.kind, found.target) == ("external", "voucher")


def test_an_add_on_is_told_apart_from_the_number() -> None:
    found = classify(Scanned("]E3977147396801212", "serial"), "item", RULES)
    assert found.elements == {"addon": "12"}


def test_a_uid_is_a_card_and_a_random_one_is_none() -> None:
    card = classify(Scanned("04:a1:b2:c3:d4:e5:80", "card"), "customer")
    assert (card.kind, card.value, card.secret) == ("own_card", "04A1B2C3D4E580", True)
    assert classify(Scanned("08A1B2C3", "card"), "customer").rule == "uid_random"
    assert classify(Scanned("nonsense", "card"), "customer").rule == "uid_damaged"


def test_what_a_person_says_about_open_digits_stands() -> None:
    assert answered("123456", "voucher", "idle").action == "show"
    assert answered("123456", "voucher", "tender_voucher").action == "pay"
    assert answered("123456", "article", "idle").kind == "article"


CODES = st.text(alphabet=ALPHABET, min_size=14, max_size=14)
TEXTS = st.one_of(
    st.text(max_size=40), st.text(alphabet="0123456789", max_size=20),
    CODES.map(lambda body: own("V", body)),
)  # fmt: skip
PLAIN_MODES = st.sampled_from(sorted(MODES - {"tender_voucher", "tender_center"}))


@given(TEXTS, PLAIN_MODES)
def test_nothing_pays_where_the_till_waits_for_something_else(text: str, mode: Mode) -> None:
    assert classify(Scanned(text, "wedge"), mode, RULES).action != "pay"


@given(st.text(alphabet="0123456789", min_size=1, max_size=12), st.sampled_from(["idle"]))
def test_short_digits_are_never_guessed(text: str, mode: Mode) -> None:
    assert classify(Scanned(text, "serial"), mode, RULES).kind == "ask"


@given(CODES, st.integers(0, 14), st.sampled_from(ALPHABET), st.sampled_from(sorted(MODES)))
def test_one_wrong_symbol_of_an_own_code_is_noticed(
    body: str, place: int, symbol: str, mode: Mode
) -> None:
    code = own("V", body)
    wrong = "V" + body[:place] + symbol + body[place + 1 :]
    wrong = (wrong + code[-1])[:16]
    if wrong != code:
        assert classify(Scanned(wrong, "serial"), mode, RULES).kind == "own_damaged"


@given(TEXTS, st.sampled_from(sorted(MODES)))
def test_a_label_never_has_more_than_four_characters_of_a_secret(text: str, mode: Mode) -> None:
    found = classify(Scanned(text, "typed"), mode, RULES)
    if found.secret and found.kind != "url":
        assert len(found.label) <= 5


@given(TEXTS, st.sampled_from(sorted(MODES)))
def test_neither_the_scan_nor_its_result_shows_the_text(text: str, mode: Mode) -> None:
    raw = Scanned(text, "typed")
    if len(text) > 20:
        assert text not in repr(raw) + repr(classify(raw, mode, RULES))


def test_every_mode_is_known() -> None:
    assert frozenset(get_args(Mode)) == MODES
