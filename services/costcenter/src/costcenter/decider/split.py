"""Amounts split so that the parts are exactly the whole."""

from __future__ import annotations

from collections.abc import Sequence


def in_proportion(minor: int, weights: Sequence[int]) -> tuple[int, ...]:
    """`minor` over the weights (none of them negative), by the largest remainder: whole minor units
    whose sum is `minor`. Of equal remainders the larger weight gets the unit, then the first.

    No part is larger than its weight as long as `minor` is not larger than their sum. Without any
    weight all parts are zero.
    """
    whole = sum(weights)
    if whole <= 0:
        return (0,) * len(weights)
    parts = [minor * weight // whole for weight in weights]
    ranked = sorted(
        range(len(weights)), key=lambda at: (-(minor * weights[at] % whole), -weights[at], at)
    )
    for at in ranked[: minor - sum(parts)]:
        parts[at] += 1
    return tuple(parts)
