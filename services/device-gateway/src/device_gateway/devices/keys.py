"""Keys of a scanner that types → scans. Pure: `(type, code, value, t)` in, text out.

A keyboard sends positions, not characters. The scanner is set to the US layout, and so is this
table, whatever the layout of the computer: Y and Z, `]` and the separator GS come out right.
Codes are those of `linux/input-event-codes.h`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

EV_KEY = 1
UP, DOWN, REPEAT = 0, 1, 2

SHIFTS = frozenset({42, 54})
CONTROLS = frozenset({29, 97})
CAPS_LOCK = 58
ENDS = frozenset({28, 96, 15})
"""Enter, the keypad's Enter, Tab."""
F8 = 66
"""Some scanners send it for GS."""

GAP_S = 0.1
"""Scanners without a suffix, and over Bluetooth: after this silence a scan is complete."""
TEXT_MAX = 512
GS = "\x1d"

_LETTERS: Mapping[int, str] = {
    **dict(zip(range(16, 26), "qwertyuiop", strict=True)),
    **dict(zip(range(30, 39), "asdfghjkl", strict=True)),
    **dict(zip(range(44, 51), "zxcvbnm", strict=True)),
}
_OTHERS: Mapping[int, tuple[str, str]] = {
    **{
        code: (plain, shifted)
        for code, plain, shifted in zip(range(2, 14), "1234567890-=", "!@#$%^&*()_+", strict=True)
    },
    26: ("[", "{"), 27: ("]", "}"), 39: (";", ":"), 40: ("'", '"'), 41: ("`", "~"),
    43: ("\\", "|"), 51: (",", "<"), 52: (".", ">"), 53: ("/", "?"), 57: (" ", " "),
}  # fmt: skip
_KEYPAD: Mapping[int, str] = {
    71: "7", 72: "8", 73: "9", 74: "-", 75: "4", 76: "5", 77: "6", 78: "+", 79: "1", 80: "2",
    81: "3", 82: "0", 83: ".", 55: "*", 98: "/",
}  # fmt: skip
BRACKET = 27


@dataclass(slots=True)
class KeyScans:
    """Assembles scans. `t` is in seconds, of a clock that only goes forward."""

    gap_s: float = GAP_S
    _text: str = ""
    _last_t: float = 0.0
    _shift: int = 0
    _control: int = 0
    _caps: bool = False
    _too_long: bool = False

    @property
    def pending(self) -> bool:
        return bool(self._text) or self._too_long

    def press(self, kind: int, code: int, value: int, t: float) -> list[str]:
        """The scans that are complete with this event."""
        if kind != EV_KEY:
            return []
        done = self.silent(t)
        if code in SHIFTS or code in CONTROLS:
            self._hold(code, value)
            return done
        if value != DOWN:
            # The end of a key, or its repetition: a scanner presses each key by itself.
            return done
        self._last_t = t
        if code in ENDS:
            return done + self._flush()
        if code == CAPS_LOCK:
            self._caps = not self._caps
            return done
        character = self._character(code)
        if len(self._text) >= TEXT_MAX:
            self._too_long = True
        elif character is not None:
            self._text += character
        return done

    def silent(self, t: float) -> list[str]:
        """The scan that is complete because nothing has been typed for `gap_s`."""
        return self._flush() if self.pending and t - self._last_t >= self.gap_s else []

    def _hold(self, code: int, value: int) -> None:
        bit = 1 << (code % 32)
        if code in SHIFTS:
            self._shift = self._shift & ~bit if value == UP else self._shift | bit
        else:
            self._control = self._control & ~bit if value == UP else self._control | bit

    def _character(self, code: int) -> str | None:
        if code == F8 or (self._control and code == BRACKET):
            return GS
        if self._control:
            return None
        if code in _LETTERS:
            upper = bool(self._shift) != self._caps
            return _LETTERS[code].upper() if upper else _LETTERS[code]
        if code in _OTHERS:
            return _OTHERS[code][1 if self._shift else 0]
        return _KEYPAD.get(code)

    def _flush(self) -> list[str]:
        text, dropped = self._text, self._too_long
        self._text, self._too_long = "", False
        return [text] if text and not dropped else []
