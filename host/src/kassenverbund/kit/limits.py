"""Numbers and names that both the kit and the settings need, without importing anything."""

from __future__ import annotations

BODY_BYTES_MAX = 64 * 1024
"""The largest request body. The program has a setting for it."""

ROLES = frozenset(
    {"cashier", "manager", "back_office", "auditor", "operator", "analyst", "service", "company"}
)
"""What a caller may be. `company`: a person of a customer, who sees that company's own."""
