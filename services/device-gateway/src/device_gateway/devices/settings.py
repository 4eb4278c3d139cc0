"""What may be set for which kind of device. Texts by name; what is not listed is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping

from device_gateway.devices.debounce import MS_MAX, MS_MIN
from device_gateway.events import DeviceKind

_NUMBER = r"[1-9][0-9]{0,6}"
_DEBOUNCE = {"debounce": r"leading|sliding", "debounce_ms": r"[4-7][0-9]{2}|800"}
assert (MS_MIN, MS_MAX) == (400, 800)
_UIDS = {
    "reads": r"text|uid",
    "uid_format": r"hex|dec",
    "uid_order": r"msb|lsb",
    "uid_length": r"4|7|10",
}
"""`reads` uid: what the device types is the uid of a card, in this writing."""

SETTINGS: dict[DeviceKind, Mapping[str, str]] = {
    "serial_scanner": {"baudrate": _NUMBER, "idle_ms": r"[2-9][0-9]|[1-4][0-9]{2}|500",
                       **_DEBOUNCE, **_UIDS},
    "wedge_scanner": {"idle_ms": r"[2-9][0-9]|[1-4][0-9]{2}|500", **_DEBOUNCE, **_UIDS},
    "card_reader": _DEBOUNCE,
    "card_terminal": {},
}  # fmt: skip
"""Name → pattern of the whole value."""

ADDRESSES: dict[DeviceKind, str] = {
    "serial_scanner": r"/dev/[A-Za-z0-9._:@/+-]{1,200}",
    "wedge_scanner": r"/dev/input/[A-Za-z0-9._:@/+-]{1,200}",
    "card_reader": r"[\x21-\x7e](?:[\x20-\x7e]{0,198}[\x21-\x7e])?",
    "card_terminal": r"[A-Za-z0-9.\[\]:_-]{1,200}:[0-9]{1,5}",
}
"""What an address of this kind looks like."""

NEEDS_TILL: frozenset[DeviceKind] = frozenset({"serial_scanner", "wedge_scanner", "card_reader"})
"""What it reads is read at one till."""


def fault_of(kind: DeviceKind, address: str, settings: Mapping[str, str]) -> str | None:
    """What is wrong with an address or a setting; None: nothing."""
    if not re.fullmatch(ADDRESSES[kind], address) or "/../" in address:
        return "address"
    known = SETTINGS[kind]
    for name, value in settings.items():
        if name not in known or not re.fullmatch(known[name], value):
            return f"settings.{name}"
    return None
