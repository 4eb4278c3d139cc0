"""The words of a scan: what came in, what it was taken for, what the till may do with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from kassenverbund.kit.chain_codes import CodeTarget

Mode = Literal["idle", "item", "tender_voucher", "tender_center", "customer", "pickup"]
"""What the till waits for."""
MODES: frozenset[str] = frozenset(get_args(Mode))

Source = Literal["serial", "wedge", "camera", "typed", "card"]
"""`card`: a card reader read a uid. The others bring text."""

Kind = Literal[
    "own_voucher", "own_card", "own_center", "own_pickup", "own_damaged", "external", "article",
    "gs1", "url", "ask", "unknown",
]  # fmt: skip

Action = Literal["add_line", "pay", "show", "identify", "pick_up", "ask", "refuse"]
"""What the till may do by itself. `pay` only comes in a tender mode; `show` shows a balance, a
center or an order and changes nothing; `ask`: a person says what it is; `refuse`: tell them why."""

Confidence = Literal["sure", "likely", "open"]
"""`sure`: a check symbol, a symbology or a declared form says so. `likely`: a check digit and what
the till waits for. `open`: nobody knows."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """A scan as it came in. `aim`: the symbology, where the reader named it apart from the text."""

    text: str
    source: Source
    aim: str | None = None

    def __repr__(self) -> str:
        return f"Scanned({self.source}, {len(self.text)} characters)"


@dataclass(frozen=True, slots=True)
class Alternative:
    """What else it may be; a person chooses."""

    kind: Kind
    target: CodeTarget | None = None
    rule: str = "asked"


@dataclass(frozen=True, slots=True)
class Classified:
    """`value` is what the next step needs: a code, a number, a GTIN. With `secret` it must not
    leave the process but to who sent the text."""

    kind: Kind
    value: str
    confidence: Confidence
    rule: str
    action: Action
    target: CodeTarget | None = None
    """What the value of an `external` code is; of an answered question too."""
    secret: bool = True
    label: str = ""
    """What may be shown to anybody at the till: at most four characters of a code."""
    alternatives: tuple[Alternative, ...] = ()
    elements: Mapping[str, str] = field(default_factory=dict)
    """GS1 application identifiers, or `addon` of a book or magazine."""

    def __repr__(self) -> str:
        return f"Classified({self.kind}, {self.rule}, {self.action})"
