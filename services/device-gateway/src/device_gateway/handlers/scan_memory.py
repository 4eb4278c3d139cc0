"""What tills wait for, and the secret codes that were scanned there a moment ago.

In memory of this process alone: a code that nobody uses is forgotten, and no table, event or log
line has ever had it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from device_gateway.codes.scanned import Classified, Mode
from events import DomainError
from kassenverbund.kit.chain_codes import CodePattern

KEPT_S = 60.0
"""How long a scan may be used."""
REPEATED_S = 600.0
"""How long the request that used it may be repeated after a lost answer."""
SCANS_MAX = 10_000
"""Kept at once in one process; the oldest goes first."""
TILLS_MAX = 10_000


class ScanUnknown(DomainError):
    """Also for one that another request has used, and for one of another till."""

    code = "scan.unknown"
    status = 410
    title = "This scan is no longer there; scan again"


@dataclass(slots=True)
class _Kept:
    till_id: str
    found: Classified
    until: datetime
    used_by: str | None = None

    def __repr__(self) -> str:
        return f"_Kept({self.till_id})"


class ScanMemory:
    def __init__(self, patterns: Sequence[CodePattern] = ()) -> None:
        self.patterns = tuple(patterns)
        """The chain's foreign codes."""
        self._modes: OrderedDict[str, Mode] = OrderedDict()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def mode_of(self, till_id: str) -> Mode:
        """What the till waits for; after a start of the program nothing in particular."""
        return self._modes.get(till_id, "idle")

    def set_mode(self, till_id: str, mode: Mode) -> None:
        self._modes[till_id] = mode
        self._modes.move_to_end(till_id)
        while len(self._modes) > TILLS_MAX:
            self._modes.popitem(last=False)

    def keep(self, till_id: str, found: Classified, *, now: datetime) -> str:
        """Remember a scan for its till; the id says nothing about the code."""
        self._forget(now)
        scan_id = uuid4().hex
        self._kept[scan_id] = _Kept(till_id, found, now + timedelta(seconds=KEPT_S))
        while len(self._kept) > SCANS_MAX:
            self._kept.popitem(last=False)
        return scan_id

    def look(self, till_id: str, scan_id: str, *, now: datetime) -> Classified:
        """What was scanned, without using it. Raises `ScanUnknown`."""
        return self._of(till_id, scan_id, now).found

    def use(self, till_id: str, scan_id: str, *, by: str, now: datetime) -> Classified:
        """What was scanned, for one request; `by` is its idempotency key, with which it may be
        repeated. Raises `ScanUnknown`."""
        kept = self._of(till_id, scan_id, now)
        if kept.used_by is None:
            kept.used_by = by
            kept.until = now + timedelta(seconds=REPEATED_S)
        elif kept.used_by != by:
            raise ScanUnknown
        return kept.found

    def _of(self, till_id: str, scan_id: str, now: datetime) -> _Kept:
        kept = self._kept.get(scan_id)
        if kept is None or kept.till_id != till_id or kept.until <= now:
            raise ScanUnknown
        return kept

    def _forget(self, now: datetime) -> None:
        """What is over at the old end; a used one there is let be until the limit takes it."""
        while self._kept:
            oldest = next(iter(self._kept))
            if self._kept[oldest].until > now:
                return
            del self._kept[oldest]
