"""A till without a line knows a genuine voucher from a forged one."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import date

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from kassenverbund.kit.signed_qr import (
    ALPHABET,
    NO_STORE,
    PREFIX,
    PREFIX_BEFORE,
    TEXT_MAX,
    QrForged,
    VoucherQr,
    issuer_mark,
    key_id,
    looks_signed,
    sign,
    store_mark,
    verify,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEYS = {key_id(KEY.public_key()): KEY.public_key()}
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
CONTENT = VoucherQr(
    code="V0123456789ABCDD",
    serial="GS-ABCD-EFGH-JKMN",
    issuer=issuer_mark("kette"),
    kind="multi_purpose",
    face_minor=5000,
    currency="EUR",
    offline_cap_minor=2000,
    valid_until=date(2029, 12, 31),
    sold_in=store_mark("berlin"),
)
symbols = st.text(ALPHABET, min_size=16, max_size=16)


def test_what_was_signed_is_read_again() -> None:
    assert verify(sign(CONTENT, KEY), KEYS) == CONTENT


@given(symbols, st.integers(0, 2**32 - 1), st.dates(date(1970, 1, 1), date(9999, 12, 31)))
def test_every_voucher_fits_and_comes_back(code: str, face: int, until: date) -> None:
    content = VoucherQr(
        code=code, serial="GS-0000-0000-0001", issuer=issuer_mark("x"), kind="single_purpose",
        face_minor=face, currency="EUR", offline_cap_minor=0, valid_until=until, sold_in=NO_STORE,
    )  # fmt: skip
    assert verify(sign(content, KEY), KEYS) == content


def test_the_text_needs_no_more_than_the_alphanumeric_mode() -> None:
    text = sign(CONTENT, KEY)
    assert set(text) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")
    assert len(text) == 178 <= TEXT_MAX  # All that version 7 of QR codes holds at level M.


@given(st.integers(0, 101), st.integers(0, 7))
def test_a_code_with_any_bit_changed_is_forged(byte: int, bit: int) -> None:
    raw = bytearray(base64.b32decode(_padded(sign(CONTENT, KEY).removeprefix(PREFIX))))
    raw[byte % len(raw)] ^= 1 << bit
    with pytest.raises(QrForged):
        verify(PREFIX + base64.b32encode(bytes(raw)).decode().rstrip("="), KEYS)


def test_another_chains_signature_is_forged() -> None:
    with pytest.raises(QrForged):
        verify(sign(CONTENT, OTHER), KEYS)


def test_another_chains_signature_under_our_key_id_is_forged() -> None:
    theirs = base64.b32decode(_padded(sign(CONTENT, OTHER).removeprefix(PREFIX)))
    mixed = key_id(KEY.public_key()) + theirs[4:]
    with pytest.raises(QrForged):
        verify(PREFIX + base64.b32encode(mixed).decode().rstrip("="), KEYS)


@given(st.text(max_size=300))
def test_anything_else_is_forged_and_never_an_accident(text: str) -> None:
    with pytest.raises(QrForged):
        verify(PREFIX + text, KEYS)


def test_only_one_spelling_is_the_code() -> None:
    text = sign(CONTENT, KEY)
    symbols_32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    twin = text[:-1] + symbols_32[symbols_32.index(text[-1]) ^ 1]
    with pytest.raises(QrForged):
        verify(twin, KEYS)


def test_a_code_on_older_paper_is_still_read() -> None:
    before = replace(CONTENT, sold_in=None)
    text = sign(before, KEY)
    assert text.startswith(PREFIX_BEFORE)
    assert verify(text, KEYS) == before


def test_an_older_code_cannot_be_passed_off_as_a_newer_one() -> None:
    older = sign(replace(CONTENT, sold_in=None), KEY)
    with pytest.raises(QrForged):
        verify(PREFIX + older.removeprefix(PREFIX_BEFORE), KEYS)


def test_a_plain_code_is_not_taken_for_a_signed_one() -> None:
    assert not looks_signed("KV10-0000-0000-0000")
    assert looks_signed(sign(CONTENT, KEY).lower())


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 8)
