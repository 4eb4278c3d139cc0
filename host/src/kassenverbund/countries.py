"""Which countries' rules are installed: entry points of the group `kassenverbund.countries`."""

from __future__ import annotations

from importlib.metadata import entry_points

GROUP = "kassenverbund.countries"


def countries() -> frozenset[str]:
    """ISO 3166-1 alpha-2 codes. Nothing is loaded: a check of a file stays quick."""
    return frozenset(point.name for point in entry_points(group=GROUP))
