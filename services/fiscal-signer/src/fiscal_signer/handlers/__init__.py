"""The driver of a TSE, and the way from the gateway's events to it."""

from fiscal_signer.handlers.asking import Settings
from fiscal_signer.handlers.driver import TseDriver
from fiscal_signer.handlers.reactor import Reactor

__all__ = ["Reactor", "Settings", "TseDriver"]
