"""ZVT as bytes: the worked exchange of the specification, and whatever else may come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_gateway.adapters.zvt import messages
from device_gateway.adapters.zvt.apdu import (
    ACKNOWLEDGED,
    DATA_MAX,
    Apdu,
    ZvtBroken,
    decoded,
)
from device_gateway.adapters.zvt.fields import (
    LENGTHS,
    encoded_fields,
    fields_of,
    pan_end,
    tags_of,
    text_of,
)

CONTROLS = st.sampled_from([0x0600, 0x0601, 0x060F, 0x061E, 0x040F, 0x04FF, 0x8000, 0x8483])
APDUS = st.builds(Apdu, CONTROLS, st.binary(max_size=700))


def hexed(text: str) -> bytes:
    return bytes.fromhex(text)


# PA00P015 revision 13.06, chapters 2.1 and 2.2, with the exchange of docs/terminals.md.
STATUS = hexed(
    "04 0F 1F 27 00 04 00 00 00 00 28 89 49 09 78 0C 10 30 05 0D 11 22 87 00 42 0B 00 00 77"
    " 29 12 34 56 78"
)


def test_a_registration_has_the_bytes_of_the_specification() -> None:
    asked = messages.registration("000000", "EUR")
    assert asked.encoded() == hexed("06 00 06 00 00 00 BE 09 78")


def test_a_payment_has_the_bytes_of_the_specification() -> None:
    asked = messages.authorisation(2889, "EUR")
    assert asked.encoded() == hexed("06 01 0A 04 00 00 00 00 28 89 49 09 78")


def test_an_acknowledgement_is_three_bytes() -> None:
    assert ACKNOWLEDGED.encoded() == hexed("80 00 00")


def test_a_reversal_names_the_receipt() -> None:
    asked = messages.reversal("123456", "0042", 2889, "EUR").encoded()
    assert asked == hexed("06 30 10 12 34 56 87 00 42 04 00 00 00 00 28 89 49 09 78")


def test_status_information_is_read_as_the_specification_writes_it() -> None:
    found = decoded(STATUS)
    assert found is not None
    assert found[1] == len(STATUS)
    status = messages.status_of(found[0])
    assert (status.ok, status.amount, status.currency) == (True, 2889, "EUR")
    assert (status.receipt_number, status.trace, status.terminal_number) == (
        "0042", "000077", "12345678",
    )  # fmt: skip
    assert (status.time, status.date) == ("103005", "1122")


def test_a_display_text_of_the_terminal_goes_before_its_code() -> None:
    coded = Apdu(0x04FF, hexed("0A 01"))
    worded = Apdu(0x04FF, hexed("0A 01 06 07 24 05 07 03") + b"Hey")
    assert messages.shown(coded) == ("Karte einstecken oder vorhalten", "0A")
    assert messages.shown(worded) == ("Hey", "0A")


def test_the_shops_own_copy_is_not_kept() -> None:
    def block(kind: str) -> Apdu:
        return Apdu(0x06D3, hexed(f"06 0B 1F 07 01 {kind} 25 05 07 03") + b"abc")

    assert messages.printed(block("01")) == ()
    assert messages.printed(block("02")) == ("abc",)


def test_of_a_card_number_four_digits_are_kept() -> None:
    assert pan_end(hexed("67 2E EE EE EE EE EE 12 34")) == "1234"
    assert pan_end(hexed("45 57 12 34 56 78 90 12 3F")) == "0123"
    assert pan_end(hexed("45 57 EE EE EE EE EE EE EE")) is None


def test_a_text_has_no_control_characters() -> None:
    assert text_of(b"Stra\xe1e\x1b@\x1dV\x00rest") == "Straße@V"


@given(APDUS)
def test_what_is_encoded_is_decoded(apdu: Apdu) -> None:
    assert decoded(apdu.encoded() + b"\x80") == (apdu, len(apdu.encoded()))


@given(APDUS, st.data())
def test_a_part_of_an_apdu_is_waited_for(apdu: Apdu, data: st.DataObject) -> None:
    whole = apdu.encoded()
    assert decoded(whole[: data.draw(st.integers(0, len(whole) - 1))]) is None


@pytest.mark.parametrize("said", ["06 0F FF 01 20", "06 D3 FF FF FF"])
def test_what_is_too_long_is_refused_before_it_is_read(said: str) -> None:
    with pytest.raises(ZvtBroken):
        decoded(hexed(said))
    with pytest.raises(ZvtBroken):
        Apdu(0x0600, bytes(DATA_MAX + 1)).encoded()


@given(st.binary(max_size=300))
def test_garbage_is_read_refused_or_waited_for(data: bytes) -> None:
    try:
        found = decoded(data)
    except ZvtBroken:
        return
    if found is not None:
        assert 3 <= found[1] <= len(data)


@given(st.binary(max_size=200))
def test_garbage_inside_never_breaks_anything_else(data: bytes) -> None:
    for read in (messages.status_of, messages.shown, messages.printed):
        try:
            read(Apdu(0x06D3, data))
        except ZvtBroken:
            continue
    list(tags_of(data))


FIXED = [bmp for bmp, length in LENGTHS.items() if length > 0]
COUNTED = [bmp for bmp, length in LENGTHS.items() if length < 0]


@given(
    st.lists(st.sampled_from(FIXED), unique=True, max_size=8),
    st.dictionaries(st.sampled_from(COUNTED), st.binary(max_size=99), max_size=4),
    st.binary(max_size=300),
    st.data(),
)
def test_fields_round_trip(
    fixed: list[int], counted: dict[int, bytes], container: bytes, data: st.DataObject
) -> None:
    fields = {bmp: data.draw(st.binary(min_size=LENGTHS[bmp], max_size=LENGTHS[bmp]))
              for bmp in fixed}  # fmt: skip
    fields |= counted | {0x06: container}
    assert fields_of(encoded_fields(fields)) == fields
