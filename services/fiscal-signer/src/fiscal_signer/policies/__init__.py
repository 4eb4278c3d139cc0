"""Whenever the gateway says something about a booking: what a TSE has to do about it."""

from fiscal_signer.policies.reactor import Reactor
from fiscal_signer.policies.wishes import HEARD, Assignment

__all__ = ["HEARD", "Assignment", "Reactor"]
