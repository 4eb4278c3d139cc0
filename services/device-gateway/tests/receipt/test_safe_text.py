"""Nothing but printable characters of the code page ever becomes a text byte."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device_gateway.receipt.safe_text import Codepage, SafeText, UnsafeText, clean, printable

# No deadline and no health check by the clock: a busy machine is no fault of the code.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=120)
CODEPAGE: st.SearchStrategy[Codepage] = st.sampled_from(["CP858", "CP1252"])


@UNHURRIED
@given(ANY_TEXT, CODEPAGE)
def test_no_text_brings_a_control_byte_to_the_printer(text: str, codepage: Codepage) -> None:
    assert all(byte >= 0x20 and byte != 0x7F for byte in clean(text, codepage).encode())


@UNHURRIED
@given(ANY_TEXT, CODEPAGE)
def test_one_character_is_one_cell(text: str, codepage: Codepage) -> None:
    shown = clean(text, codepage)
    assert len(shown.encode()) == len(shown)


@UNHURRIED
@given(ANY_TEXT, CODEPAGE)
def test_cleaning_twice_changes_nothing(text: str, codepage: Codepage) -> None:
    once = clean(text, codepage).text
    assert clean(once, codepage).text == once


@UNHURRIED
@given(ANY_TEXT, st.integers(min_value=0, max_value=20))
def test_a_text_is_never_longer_than_allowed(text: str, limit: int) -> None:
    assert len(clean(text, "CP858", characters_max=limit)) <= limit


@UNHURRIED
@given(ANY_TEXT)
def test_printable_text_has_no_character_of_the_categories_c(text: str) -> None:
    assert not [sign for sign in printable(text) if unicodedata.category(sign).startswith("C")]


@UNHURRIED
@given(
    st.text(
        st.characters(categories=["Cc"], exclude_characters="\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f\x85"),
        min_size=1,
    )
)
def test_control_characters_vanish(text: str) -> None:
    assert clean(f"a{text}b", "CP858").text == "ab"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Größe ÄÖÜ ß 19,99\u00a0€", "Größe ÄÖÜ ß 19,99 €"),
        ("Mu\u0308ller", "Müller"),
        ("„Köln“ – Straßenkarte…", '"Köln" - Straßenkarte...'),
        ("Łódź & Čapek", "Lódz & Capek"),
        ("ﬁnal №5", "final Nr.5"),
        ("漢字", "??"),
        ("Zeile\neins", "Zeile eins"),
        ("unsicht\u200bbar\u202e", "unsichtbar"),
    ],
)
def test_what_the_code_page_lacks_is_folded(text: str, shown: str) -> None:
    assert clean(text, "CP858").text == shown


def test_german_quotes_survive_where_the_code_page_has_them() -> None:
    assert clean("„Köln“ – 5 €", "CP1252").text == "„Köln“ – 5 €"


def test_replaced_characters_are_counted() -> None:
    assert clean("漢a字", "CP858").replaced == 2


@pytest.mark.parametrize("text", ["\x1bp\x00", "a\nb", "\x7f", "漢", "\u00a0"])
def test_a_safe_text_cannot_be_made_by_hand_from_anything_else(text: str) -> None:
    with pytest.raises(UnsafeText):
        SafeText(text, "CP858")
