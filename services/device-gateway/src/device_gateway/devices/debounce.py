"""The same code twice in a moment is one scan."""

from __future__ import annotations

from typing import Literal

Style = Literal["leading", "sliding"]

MS_MIN, MS_MAX, MS = 400, 800, 600


class Debounce:
    """For one device. `leading`: nothing within the window after the first sighting counts.
    `sliding`: each sighting begins the window anew, for scanners that stand and go on reading."""

    def __init__(self, *, window_ms: int = MS, style: Style = "leading") -> None:
        self._window_s = window_ms / 1000
        self._style = style
        self._last: tuple[str, float] | None = None

    def admits(self, text: str, at: float) -> bool:
        """Whether a scan at `at` (seconds of a clock that only goes forward) is a new one."""
        last = self._last
        repeated = last is not None and last[0] == text and at - last[1] < self._window_s
        if not repeated or self._style == "sliding":
            self._last = (text, at)
        return not repeated
