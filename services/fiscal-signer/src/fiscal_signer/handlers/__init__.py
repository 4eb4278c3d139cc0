"""The driver of a TSE: from jobs to verdicts; and who looks after the devices."""

from fiscal_signer.handlers.asking import Settings
from fiscal_signer.handlers.breaker import Breaker
from fiscal_signer.handlers.driver import NotNow, TseDriver
from fiscal_signer.handlers.surplus import SurplusReader
from fiscal_signer.handlers.upkeep import Caretaker, UpkeepSettings, share_of
from fiscal_signer.handlers.watch import Ward, Watch

__all__ = [
    "Breaker", "Caretaker", "NotNow", "Settings", "SurplusReader", "TseDriver", "UpkeepSettings",
    "Ward", "Watch", "share_of",
]  # fmt: skip
