"""Names of streams and unique keys."""

from __future__ import annotations


def company_stream(company_id: str) -> str:
    return f"company-{company_id}"


def group_stream(main_group: int) -> str:
    return f"group-{main_group}"


def center_stream(center_id: str) -> str:
    return f"center-{center_id}"


def card_stream(card_id: str) -> str:
    return f"card-{card_id}"


def month_stream(center_id: str, month: str) -> str:
    """`month`: `2026-10`."""
    return f"month-{center_id}-{month}"


def allowance_stream(rule_id: str, card_id: str, month: str) -> str:
    return f"allowance-{rule_id}-{card_id}-{month}"


def lease_stream(lease_id: str) -> str:
    return f"lease-{lease_id}"


PATTERNS = "patterns"
"""The stream of the chain's foreign codes."""


def center_number_claim(number: str) -> str:
    """→ `center_stream`."""
    return f"center_number:{number}"


def card_number_claim(number: str) -> str:
    """→ `card_stream`."""
    return f"card_number:{number}"


def code_claim(code_hash: str) -> str:
    """→ `card_stream`."""
    return f"code:{code_hash}"


def hold_claim(charge_id: str) -> str:
    """→ `month_stream` that the charge stands in, or `TOMBSTONE`."""
    return f"hold:{charge_id}"


def reversal_claim(reversal_id: str) -> str:
    return f"reversal:{reversal_id}"


def limit_claim(limit_id: str) -> str:
    """→ the stream the limit stands in."""
    return f"limit:{limit_id}"


def rule_claim(rule_id: str) -> str:
    """→ the stream of the main group that the subsidy rule stands in."""
    return f"rule:{rule_id}"


TOMBSTONE = "released"
"""Owner of a hold that was released before it arrived: it is refused when it comes."""
