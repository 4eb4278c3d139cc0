"""What happens when, at which till: drawn from a seed before the first request is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Literal, get_args

Kind = Literal["cash", "card", "voucher_sale", "voucher", "center", "return", "abort"]

KINDS: tuple[Kind, ...] = get_args(Kind)

MIX: Mapping[Kind, float] = {
    "cash": 45,
    "card": 30,
    "voucher_sale": 5,
    "voucher": 8,
    "center": 5,
    "return": 4,
    "abort": 3,
}
"""Weights of a shop on an ordinary day."""

ACTS_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that a cashier does."""

    number: int
    at_s: float
    """When it is due, from the start."""
    till: int
    kind: Kind
    seed: int
    """Of what is drawn inside it: goods, prices."""


def plan(
    *,
    rate: float,
    duration_s: float,
    tills: int,
    seed: int,
    mix: Mapping[Kind, float] = MIX,
    fixed: bool = False,
) -> tuple[Act, ...]:
    """About `rate * duration_s` acts: by chance (Poisson), or one each `1 / rate` seconds.

    Raises ValueError for a plan that makes no sense or is too long.
    """
    if rate <= 0 or duration_s <= 0 or tills < 1:
        raise ValueError("rate, duration and tills have to be above zero")
    if rate * duration_s > ACTS_MAX:
        raise ValueError(f"more than {ACTS_MAX} acts")
    kinds = [kind for kind in KINDS if mix.get(kind, 0) > 0]
    if not kinds:
        raise ValueError("the mix has no acts")
    weights = [mix[kind] for kind in kinds]
    rng = Random(seed)  # noqa: S311  (a plan, not a secret)
    acts, at_s = list[Act](), 0.0
    while True:
        at_s += 1 / rate if fixed else rng.expovariate(rate)
        if at_s >= duration_s:
            return tuple(acts)
        kind = rng.choices(kinds, weights)[0]
        acts.append(Act(len(acts), at_s, rng.randrange(tills), kind, rng.getrandbits(32)))


def mix_of(text: str) -> Mapping[Kind, float]:
    """`cash=5,card=3`: weights; what is not named does not happen. Raises ValueError."""
    found: dict[Kind, float] = {}
    for part in text.split(","):
        name, _, weight = part.strip().partition("=")
        known = next((kind for kind in KINDS if kind == name), None)
        if known is None:
            raise ValueError(f"{name}: no such act (there are: {', '.join(KINDS)})")
        found[known] = float(weight or 1)
        if not 0 <= found[known] < float("inf"):
            raise ValueError(f"{part}: a weight is a number from zero up")
    return found
