"""The driver of a TSE: from jobs to verdicts."""

from fiscal_signer.handlers.asking import Settings
from fiscal_signer.handlers.driver import TseDriver

__all__ = ["Settings", "TseDriver"]
