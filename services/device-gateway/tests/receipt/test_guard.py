"""The guard refuses whatever was not ordered."""

from __future__ import annotations

import pytest

from device_gateway.adapters.escpos_guard import JOB_BYTES_MAX, Allowed, UnsafeBytes, checked

HEAD = b"\x1b@\x1bt\x13"
CUT = b"\x1dV\x00"
ALLOWED = Allowed(codepage_number=19, columns=32, dots=384)


def test_an_ordinary_job_passes_unchanged() -> None:
    job = HEAD + b"Hallo\n\x1bd\x06" + CUT
    assert checked(job, ALLOWED) is job


@pytest.mark.parametrize(
    "body",
    [
        b"\x1bp\x00\x19\xfa", b"\x1bp\x0022", b"\x10\x14\x01\x00\x01", b"\x1b@", b"\x1b=\x00",
        b"\x1d(E\x03\x00\x01IN", b"\x1cg1", b"\x1bd\xff", b"\x10\x05\x02", b"\x1bt\x10", b"\x00",
        b"\x7f", b"\x1dV\x00", b"\x1d(H\x06\x0000abcd", b"\x1dv0\x00\x01\x00\x01\x00x", b"\x1b",
        b"\x1d(A\x02\x00\x00\x02", b"\x1d8L", b"\t", b"\r",
        b"\x1d(k\x07\x001P0fake", b"\x1b!\x30", b"\x1dar",
    ],
)  # fmt: skip
def test_what_was_not_ordered_is_refused(body: bytes) -> None:
    with pytest.raises(UnsafeBytes):
        checked(HEAD + body + b"\n" + CUT, ALLOWED)


@pytest.mark.parametrize(
    ("job", "why"),
    [
        (b"Hallo\n" + CUT, "reset"),
        (HEAD + b"Hallo\n", "0 cuts"),
        (HEAD + CUT + b"Hallo\n", "follows the cut"),
        (HEAD + b"x" * 33 + b"\n" + CUT, "wider"),
        (HEAD + b"\x1d!\x10" + b"x" * 17 + b"\n" + CUT, "wider"),
        (HEAD + b"x\n" * JOB_BYTES_MAX + CUT, "too large"),
    ],
)
def test_a_job_that_is_not_whole_is_refused(job: bytes, why: str) -> None:
    with pytest.raises(UnsafeBytes, match=why):
        checked(job, ALLOWED)


def test_a_qr_code_with_another_content_is_refused() -> None:
    allowed = Allowed(codepage_number=19, columns=32, dots=384, qr_contents=("V0;true",))
    with pytest.raises(UnsafeBytes, match="QR"):
        checked(HEAD + b"\x1d(k\x0a\x001P0V0;fake" + CUT, allowed)


def test_an_ordered_pulse_that_is_missing_is_refused() -> None:
    allowed = Allowed(codepage_number=19, columns=32, dots=384, drawer_pulses=1)
    with pytest.raises(UnsafeBytes, match="pulses"):
        checked(HEAD + CUT, allowed)
