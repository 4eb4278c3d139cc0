"""Data of an APDU: bitmap fields (BMPs) with fixed or counted lengths, and the TLV container."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from device_gateway.adapters.zvt.apdu import ZvtBroken

TLV = 0x06
LLVAR, LLLVAR = -2, -3

LENGTHS: dict[int, int] = {
    0x01: 1, 0x02: 1, 0x03: 1, 0x04: 6, 0x05: 1, 0x0B: 3, 0x0C: 3, 0x0D: 2, 0x0E: 2, 0x17: 2,
    0x19: 1, 0x22: LLVAR, 0x23: LLVAR, 0x24: LLLVAR, 0x27: 1, 0x29: 4, 0x2A: 15, 0x2D: LLVAR,
    0x2E: LLLVAR, 0x37: 3, 0x3A: 2, 0x3B: 8, 0x3C: LLLVAR, 0x3D: 3, 0x49: 2, 0x60: LLLVAR,
    0x87: 2, 0x88: 3, 0x8A: 1, 0x8B: LLVAR, 0x8C: 1, 0x92: LLLVAR, 0x9A: LLLVAR, 0xA0: 1,
    0xA7: LLVAR, 0xAA: 3, 0xAF: LLLVAR, 0xBA: 5, 0xD0: 1, 0xD1: LLVAR, 0xD2: 1, 0xD3: 1,
    0xE0: 1, 0xE1: LLVAR, 0xE2: LLVAR, 0xE3: LLVAR, 0xE4: LLVAR, 0xE5: LLVAR, 0xE6: LLVAR,
    0xE7: LLVAR, 0xE8: LLVAR, 0xE9: 1, 0xEA: 1, 0xEB: 8, 0xF0: 1, 0xF1: LLVAR, 0xF2: LLVAR,
    0xF3: LLVAR, 0xF4: LLVAR, 0xF5: LLVAR, 0xF6: LLVAR, 0xF7: LLVAR, 0xF8: LLVAR, 0xF9: 1,
    0xFA: 1, 0xFB: 1, 0xFC: 1,
}  # fmt: skip
"""BMP → bytes; `LLVAR` and `LLLVAR`: two or three digits `Fx` before say how many."""


def fields_of(data: bytes) -> dict[int, bytes]:
    """BMP → its bytes. After a BMP that nobody knows its end is not known either: what came before
    it is kept. Raises `ZvtBroken` where a known one is cut off."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        bmp, at = data[at], at + 1
        if bmp == TLV:
            size, at = tlv_length(data, at)
        elif (length := LENGTHS.get(bmp)) is None:
            return found
        elif length < 0:
            size, at = _counted(data, at, -length)
        else:
            size = length
        if at + size > len(data):
            raise ZvtBroken(f"field {bmp:02X} is cut off")
        found.setdefault(bmp, data[at : at + size])
        at += size
    return found


def encoded_fields(fields: Mapping[int, bytes]) -> bytes:
    """The other way round. Raises `ZvtBroken` for a length that the field can't have."""
    return b"".join(_encoded(bmp, value) for bmp, value in fields.items())


def _encoded(bmp: int, value: bytes) -> bytes:
    if bmp == TLV:
        return bytes([bmp]) + encoded_length(len(value)) + value
    length = LENGTHS.get(bmp)
    if length is None or (length > 0 and len(value) != length):
        raise ZvtBroken(f"field {bmp:02X} has no {len(value)} bytes")
    if length > 0:
        return bytes([bmp]) + value
    digits = f"{len(value):0{-length}d}"
    if len(digits) > -length:
        raise ZvtBroken(f"field {bmp:02X} has no {len(value)} bytes")
    return bytes([bmp, *(0xF0 | int(digit) for digit in digits)]) + value


def _counted(data: bytes, at: int, digits: int) -> tuple[int, int]:
    counted = data[at : at + digits]
    if len(counted) < digits or any(each >> 4 != 0xF or each & 0xF > 9 for each in counted):
        raise ZvtBroken("a counted field has no length")
    size = 0
    for each in counted:
        size = size * 10 + (each & 0xF)
    return size, at + digits


def tlv_length(data: bytes, at: int) -> tuple[int, int]:
    """Length of a TLV at `at`, and where its value begins (ISO 8825-1, up to two bytes)."""
    if at >= len(data):
        raise ZvtBroken("a TLV has no length")
    first = data[at]
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    if not 1 <= count <= 2 or at + 1 + count > len(data):
        raise ZvtBroken("a TLV has no length")
    return int.from_bytes(data[at + 1 : at + 1 + count], "big"), at + 1 + count


def encoded_length(size: int) -> bytes:
    if size < 0x80:
        return bytes([size])
    if size < 0x100:
        return bytes([0x81, size])
    return b"\x82" + size.to_bytes(2, "big")


def tags_of(value: bytes, *, depth: int = 0) -> Iterator[tuple[int, bytes]]:
    """Each tag in a TLV container with its value; constructed ones are entered, too. What is cut
    off ends it: texts are no reason to lose a payment."""
    at = 0
    while at < len(value):
        tag, at = value[at], at + 1
        if tag & 0x1F == 0x1F:
            if at >= len(value):
                return
            tag, at = tag << 8 | value[at], at + 1
        try:
            size, at = tlv_length(value, at)
        except ZvtBroken:
            return
        inner = value[at : at + size]
        yield tag, inner
        first = tag >> 8 if tag > 0xFF else tag
        if first & 0x20 and depth < 4:
            yield from tags_of(inner, depth=depth + 1)
        at += size


def bcd(number: int, size: int) -> bytes:
    """A number in `size` bytes, two digits each. Raises `ZvtBroken` where it does not fit."""
    digits = f"{number:0{2 * size}d}"
    if number < 0 or len(digits) > 2 * size:
        raise ZvtBroken(f"{number} does not fit into {size} bytes")
    return bytes.fromhex(digits)


def digits_of(value: bytes) -> str:
    """The digits of a BCD field. Raises `ZvtBroken` for nibbles that are none."""
    text = value.hex()
    if not text.isdigit():
        raise ZvtBroken("a number with digits above 9")
    return text


def pan_end(value: bytes) -> str | None:
    """The last four digits of a card number, as far as they are not masked; nothing else of it is
    read. Masks are nibbles `E`, padding is `F`."""
    digits = value.hex().rstrip("f").replace("e", "*")
    end = digits[-4:]
    return end if len(digits) >= 8 and end.isdigit() else None


def text_of(value: bytes) -> str:
    """A text in the default character set of the protocol (CP437), without control characters."""
    plain = value.split(b"\x00", 1)[0].decode("cp437", errors="replace")
    return "".join(letter for letter in plain if letter.isprintable()).rstrip()
