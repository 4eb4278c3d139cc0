"""Requests of the till, and what the terminal's messages say."""

from __future__ import annotations

from device_gateway.adapters.zvt.apdu import Apdu, ZvtBroken
from device_gateway.adapters.zvt.fields import (
    TLV,
    bcd,
    digits_of,
    encoded_fields,
    fields_of,
    pan_end,
    tags_of,
    text_of,
)
from device_gateway.terminal.ports import TerminalStatus

REGISTRATION, AUTHORISATION, LOG_OFF = 0x0600, 0x0601, 0x0602
REPEAT_RECEIPT, REVERSAL, REFUND = 0x0620, 0x0630, 0x0631
END_OF_DAY, DIAGNOSIS, INITIALISATION, ABORT = 0x0650, 0x0670, 0x0693, 0x06B0
STATUS_ENQUIRY = 0x0501
COMPLETION, ABORTED = 0x060F, 0x061E
PRINT_LINE, PRINT_BLOCK = 0x06D1, 0x06D3
STATUS, INTERMEDIATE = 0x040F, 0x04FF

CONFIG = 0xBE
"""The till prints receipts and reports, controls payments and administration, and wants display
texts and print lines."""
CURRENCIES = {"EUR": 978}
LINES_MAX = 60
LINE_MAX = 48
"""Characters that are kept of a line of the terminal's receipt."""
BY_PASSWORD_OR_KEY = 0x6C
"""Result code: aborted by key or after a time."""

CUSTOMER_RECEIPT = 2

CARDS = ("girocard", "JCB", "Mastercard", "American Express", "Visa", "Diners", "andere")
"""Order of the totals in BMP 60."""

TEXTS = {
    0x00: "Betrag bestätigen", 0x01: "Bitte Terminal beachten", 0x02: "Bitte Terminal beachten",
    0x03: "Vorgang nicht möglich", 0x04: "Bitte warten", 0x05: "Storno läuft",
    0x06: "Nachbuchung läuft", 0x07: "Karte nicht zugelassen", 0x08: "Karte unbekannt",
    0x09: "Karte verfallen", 0x0A: "Karte einstecken oder vorhalten", 0x0B: "Karte entnehmen",
    0x0C: "Karte nicht lesbar", 0x0D: "Vorgang abgebrochen", 0x0E: "Bitte warten",
    0x0F: "Kassenschnitt läuft", 0x10: "Karte ungültig", 0x12: "Terminal gestört",
    0x13: "Zahlung nicht möglich", 0x14: "Guthaben reicht nicht", 0x15: "PIN falsch",
    0x16: "Limit reicht nicht", 0x17: "Bitte warten", 0x18: "PIN zu oft falsch",
    0x19: "Kartendaten falsch", 0x1C: "Zahlung erfolgt", 0x1D: "Zahlung abgelehnt",
    0x41: "PIN eingeben",
}  # fmt: skip
"""What the terminal shows, where it sends a code and no text."""


def registration(password: str, currency: str, config: int = CONFIG) -> Apdu:
    return Apdu(REGISTRATION, _password(password) + bytes([config]) + _currency(currency))


def authorisation(amount: int, currency: str) -> Apdu:
    return Apdu(AUTHORISATION, _amount(amount, currency))


def refund(password: str, amount: int, currency: str) -> Apdu:
    return Apdu(REFUND, _password(password) + _amount(amount, currency))


def reversal(password: str, receipt_number: str, amount: int, currency: str) -> Apdu:
    number = encoded_fields({0x87: bcd(int(receipt_number), 2)})
    return Apdu(REVERSAL, _password(password) + number + _amount(amount, currency))


def with_password(control: int, password: str) -> Apdu:
    """End of day, repeat receipt, status enquiry: nothing else is said."""
    return Apdu(control, _password(password))


def _password(password: str) -> bytes:
    if len(password) != 6 or not password.isdigit():
        raise ZvtBroken("the password of a terminal has six digits")
    return bytes.fromhex(password)


def _currency(currency: str) -> bytes:
    if currency not in CURRENCIES:
        raise ZvtBroken(f"no terminal is asked for {currency}")
    return bcd(CURRENCIES[currency], 2)


def _amount(amount: int, currency: str) -> bytes:
    return encoded_fields({0x04: bcd(amount, 6), 0x49: _currency(currency)})


def status_of(apdu: Apdu) -> TerminalStatus:
    """Status information (`04 0F`). Raises `ZvtBroken`."""
    fields = fields_of(apdu.data)
    result = fields.get(0x27, b"\xff")[0]

    def digits(bmp: int) -> str | None:
        return digits_of(fields[bmp]) if bmp in fields else None

    amount, code = digits(0x04), digits(0x49)
    named = {f"{number:04d}": name for name, number in CURRENCIES.items()}
    date = digits(0x0D)
    long_date = digits(0xAA)
    return TerminalStatus(
        ok=result == 0,
        result=f"{result:02X}",
        amount=None if amount is None else int(amount),
        currency=None if code is None else named.get(code, code),
        trace=digits(0x0B),
        receipt_number=digits(0x87),
        terminal_number=digits(0x29),
        card_type=text_of(fields[0x8B])[:LINE_MAX] or None if 0x8B in fields else None,
        pan_end=pan_end(fields[0x22]) if 0x22 in fields else None,
        time=digits(0x0C),
        date=date or (long_date[2:] if long_date else None),
        totals=_totals(fields[0x60]) if 0x60 in fields else (),
    )


def _totals(value: bytes) -> tuple[tuple[str, int, int], ...]:
    """BMP 60: first and last receipt number, then number and sum for each kind of card."""
    found = []
    for index, name in enumerate(CARDS):
        part = value[4 + 7 * index : 11 + 7 * index]
        if len(part) < 7:
            break
        number, minor = part[0], int(digits_of(part[1:]))
        if number or minor:
            found.append((name, number, minor))
    return tuple(found)


def shown(apdu: Apdu) -> tuple[str, str]:
    """What an intermediate status (`04 FF`) shows, and its code."""
    code = apdu.data[0] if apdu.data else 0xFF
    rest = apdu.data[2:]
    texts = []
    if rest[:1] == bytes([TLV]):
        try:
            container = fields_of(rest).get(TLV, b"")
        except ZvtBroken:
            container = b""
        texts = [text_of(value) for tag, value in tags_of(container) if tag == 0x07]
    text = " ".join(each for each in texts if each)
    return text[:120] or TEXTS.get(code, "Bitte Terminal beachten"), f"{code:02X}"


def printed(apdu: Apdu) -> tuple[str, ...]:
    """The lines of `06 D1` and `06 D3`; of a block that is not the customer's: none."""
    if apdu.control == PRINT_LINE:
        return (_short(apdu.data[1:]),)
    try:
        tags = list(tags_of(fields_of(apdu.data).get(TLV, b"")))
    except ZvtBroken:
        return ()
    kinds = [value for tag, value in tags if tag == 0x1F07]
    if kinds and kinds[0][:1] == b"\x01":
        return ()  # The shop's own copy.
    return tuple(_short(value) for tag, value in tags if tag == 0x07)


def _short(value: bytes) -> str:
    return text_of(value)[:LINE_MAX]
