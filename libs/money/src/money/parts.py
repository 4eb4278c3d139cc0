"""One amount over several weights."""

from __future__ import annotations

from collections.abc import Mapping


def parts_of(minor: int, weights: Mapping[str, int]) -> dict[str, int]:
    """`minor` over the weights, in proportion: whole minor units whose sum is `minor`. Of equal
    remainders the larger weight gets the unit, then the first name. Nothing for no weight.

    No part is larger than its weight as long as `minor` is not larger than their sum.
    """
    whole = sum(weights.values())
    if whole <= 0:
        return {}
    parts = {name: minor * weight // whole for name, weight in weights.items()}
    ranked = sorted(
        weights, key=lambda name: (-(minor * weights[name] % whole), -weights[name], name)
    )
    for name in ranked[: minor - sum(parts.values())]:
        parts[name] += 1
    return parts
