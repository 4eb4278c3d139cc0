"""What all processes of a run know: the chain, and the folder by which faults are switched."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid5

SCHEMA = "fiscal_signer"
TOPIC = "device-gateway"
KEY, SECRET, PIN = "endurance", "not-for-any-log", "123456"
SOFTWARE, FISKALY = "software", "fiskaly"


@dataclass(frozen=True, slots=True)
class Tse:
    tse_id: str
    store_id: str
    kind: str
    curve: str = "P-256"

    @property
    def tss_id(self) -> UUID:
        return uuid5(NAMESPACE_URL, self.tse_id)


TSES = (
    Tse("tse-a1", "a", SOFTWARE),
    Tse("tse-a2", "a", FISKALY),
    Tse("tse-b", "b", SOFTWARE, "brainpoolP384r1"),
    Tse("tse-c", "c", FISKALY),
    Tse("tse-d", "d", SOFTWARE, "P-384"),
)
"""Store `a` has two: its tills change between them at their closings."""

STORES = tuple(dict.fromkeys(tse.store_id for tse in TSES))
TILLS_PER_STORE = 3


@dataclass(frozen=True, slots=True)
class Folder:
    """The run's folder. A file in it switches something; every fault that struck is a line."""

    path: Path

    @property
    def calm(self) -> bool:
        """No more faults: what was lost may come to rest."""
        return (self.path / "calm").exists()

    def be_calm(self) -> None:
        (self.path / "calm").touch()
        for tse in TSES:
            self.away(tse.tse_id, False)

    def is_away(self, tse_id: str) -> bool:
        return (self.path / f"away-{tse_id}").exists()

    def away(self, tse_id: str, away: bool) -> None:
        """A device does not answer, until it is told otherwise."""
        switch = self.path / f"away-{tse_id}"
        if away:
            switch.touch()
        else:
            switch.unlink(missing_ok=True)

    def struck(self, fault: str) -> None:
        """Written at once and whole, so that a kill loses none."""
        line = os.open(self.path / "struck.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            os.write(line, f"{fault}\n".encode())
        finally:
            os.close(line)

    def all_struck(self) -> list[str]:
        log = self.path / "struck.log"
        return log.read_text().splitlines() if log.exists() else []
