"""The demo scene: what `make run` plays once, and `make demo` plays and ends.

The scene itself lives in `kassenverbund.demo.scene`; this module is what the program knows of it.
It works from outside, as a point of sale would: HTTP, tokens, TLS, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from kassenverbund.kit.chain import Chain

ROLES = ("manager", "back_office", "cashier", "auditor", "operator")
"""Whose tokens the scene gets."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the scene is played, and whom it tells."""

    chain: Chain
    ca: Path | None
    """What to trust for HTTPS; None: nothing special."""
    var: Path
    """The program's folder (printed paper lies under `device-gateway`)."""
    tell: Callable[[str], None]
    """A sentence for people."""
    booking: Callable[[Mapping[str, Any]], None]
    """The till API's answer for one booking, as it was (`--json` prints it as one line)."""


class Scene(Protocol):
    async def __call__(self, base_url: str, tokens: Mapping[str, str], stage: Stage) -> None:
        """Play it. Raises where something is not as it must be."""
        ...


async def play(base_url: str, tokens: Mapping[str, str], stage: Stage) -> bool:
    """Play the scene against a running program; False: none is installed.

    `tokens`: a bearer token for each of `ROLES`.
    """
    if find_spec("kassenverbund.demo.scene") is None:
        return False
    scene: Scene = import_module("kassenverbund.demo.scene").play
    await scene(base_url, tokens, stage)
    return True
