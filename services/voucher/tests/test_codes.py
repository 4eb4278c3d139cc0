"""Codes: typing errors are noticed, typing habits are forgiven, the secret is never kept."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kassenverbund.kit.secrets import Secrets
from voucher import codes
from voucher.codes import ALPHABET, CodeMistyped, Kind

# Published in docs/decisions/0011-voucher-codes.md: other programs check theirs against these.
VECTORS = (
    ("V00000000000000", "V000-0000-0000-000K"),
    ("V0123456789ABCD", "V012-3456-789A-BCDD"),
    ("VZZZZZZZZZZZZZZ", "VZZZ-ZZZZ-ZZZZ-ZZZX"),
    ("C7M3K9Q2X5T8W4B", "C7M3-K9Q2-X5T8-W4BK"),
    ("PABCDEFGHJKMNPQ", "PABC-DEFG-HJKM-NPQ1"),
)

bodies = st.text(alphabet=ALPHABET, min_size=14, max_size=14).map(lambda text: "V" + text)
valid = bodies.map(lambda body: body + codes.check_symbol(body))


def _counting(start: int) -> codes.RandomBytes:
    number = start

    def draw(size: int) -> bytes:
        nonlocal number
        number += 0x9E3779B97F4A7C15F39C
        return bytes((number >> (8 * place)) & 255 for place in range(size))

    return draw


@pytest.mark.parametrize(("body", "shown"), VECTORS)
def test_the_published_vectors_hold(body: str, shown: str) -> None:
    assert codes.shown(body + codes.check_symbol(body)) == shown
    assert codes.parse(shown) == body + codes.check_symbol(body)


@given(valid, st.integers(0, 15), st.sampled_from(ALPHABET))
def test_every_single_wrong_symbol_is_noticed(code: str, place: int, wrong: str) -> None:
    if wrong == code[place]:
        return
    with pytest.raises(CodeMistyped):
        codes.parse(code[:place] + wrong + code[place + 1 :])


def test_every_wrong_symbol_at_every_place_of_one_code_is_noticed() -> None:
    code = "V0123456789ABCD" + codes.check_symbol("V0123456789ABCD")
    accepted = 0
    for place in range(16):
        for wrong in ALPHABET:
            try:
                codes.parse(code[:place] + wrong + code[place + 1 :])
                accepted += 1
            except CodeMistyped:
                continue
    assert accepted == 16  # Each place accepts its own symbol, and no other.


@given(valid, st.integers(0, 14))
def test_every_swap_of_neighbours_is_noticed(code: str, place: int) -> None:
    left, right = code[place], code[place + 1]
    if left == right:
        return
    with pytest.raises(CodeMistyped):
        codes.parse(code[:place] + right + left + code[place + 2 :])


@given(valid, st.integers(0, 13))
def test_every_swap_over_one_symbol_is_noticed(code: str, place: int) -> None:
    left, middle, right = code[place], code[place + 1], code[place + 2]
    if left == right:
        return
    with pytest.raises(CodeMistyped):
        codes.parse(code[:place] + right + middle + left + code[place + 3 :])


@given(valid)
def test_lower_case_hyphens_and_look_alikes_are_forgiven(code: str) -> None:
    typed = codes.shown(code).lower().replace("0", "o").replace("1", "l").replace("-", " - ")
    assert codes.parse(typed) == code
    assert codes.parse(code.replace("1", "I")) == code


@pytest.mark.parametrize("typed", ["", "-", "V", "V" * 15, "0" * 17, "Ü" * 16, "x" * 10_000])
def test_what_is_no_code_is_told_apart(typed: str) -> None:
    with pytest.raises(CodeMistyped) as refusal:
        codes.parse(typed)
    assert typed == "" or typed == "-" or typed == "V" or typed not in str(refusal.value)


def test_a_card_is_not_read_as_a_voucher() -> None:
    card = codes.generate(Kind.CARD, _counting(7))
    assert codes.parse(card, kind=Kind.CARD) == card
    with pytest.raises(CodeMistyped):
        codes.parse(card, kind=Kind.VOUCHER)


@given(st.integers(0, 2**72 - 1))
def test_a_generated_code_reads_back_and_is_fit_for_paper(start: int) -> None:
    code = codes.generate(Kind.VOUCHER, _counting(start))
    assert codes.parse(codes.shown(code), kind=Kind.VOUCHER) == code
    runs = Counter(left == right for left, right in pairwise(code))
    assert runs[False] > 0
    assert not any(symbol * (codes.RUN_MAX + 1) in code for symbol in ALPHABET)
    assert not any(word in code for word in codes.BANNED)


def test_all_seventy_random_bits_reach_the_code() -> None:
    drawn = {codes.generate(Kind.VOUCHER, _with_bit(bit)) for bit in range(70)}
    assert len(drawn) == 70


def _with_bit(bit: int) -> codes.RandomBytes:
    """Alternating bits with one of them turned, so that no symbol repeats itself."""
    return lambda size: (int.from_bytes(bytes([0b10110100] * size), "big") ^ (1 << bit)).to_bytes(
        size, "big"
    )


def test_a_source_that_repeats_itself_is_a_defect() -> None:
    with pytest.raises(RuntimeError):
        codes.generate(Kind.VOUCHER, lambda size: bytes(size))


def test_the_hash_depends_on_the_key_and_shows_no_part_of_the_code() -> None:
    code = codes.generate(Kind.VOUCHER, _counting(1))
    one = codes.hashed(code, Secrets(root=b"1" * 32, key_id="one"))
    two = codes.hashed(code, Secrets(root=b"2" * 32, key_id="two"))
    assert one.value != two.value
    assert one.same(one.value)
    assert not one.same(two.value)
    assert code not in one.value.upper()
