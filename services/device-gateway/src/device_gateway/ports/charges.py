"""The cost center service, while a cashier waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from device_gateway.events import (
    BasketPart,
    ChargeProblem,
    LimitLeft,
    VatPart,
)
from device_gateway.ports.holds import Holder, ServiceRefused, ServiceUnavailable
from device_gateway.ports.vouchers import Place
from money import Money


@dataclass(frozen=True, slots=True)
class ChargeCard:
    """What stands for the cost center at the till: a scanned card (`code`), a card's number, or a
    center's number, with the number of its card where it has several."""

    code: str | None = None
    number: str | None = None
    center_number: str | None = None
    card_number: str | None = None

    def __repr__(self) -> str:
        """Without the code."""
        return f"ChargeCard({self.number}, {self.center_number}, {self.card_number})"


@dataclass(frozen=True, slots=True)
class ChargeOverride:
    """A manager lets it pass although a limit is exceeded."""

    by: str
    """Person id."""
    reason: str


@dataclass(frozen=True, slots=True)
class ChargeAsked:
    """What of a payment by cost center the till sends with each try and nobody keeps."""

    card: ChargeCard
    exact: bool = True
    """All of the amount or nothing; otherwise as much as the limits leave."""
    override: ChargeOverride | None = None


@dataclass(frozen=True, slots=True)
class HeldSubsidy:
    """What somebody else pays of a charge."""

    rule_id: str
    name: str
    case: str
    """`ZuschussEcht` or `ZuschussUnecht`."""
    amount: Money
    parts: tuple[VatPart, ...]


@dataclass(frozen=True, slots=True)
class ChargeHold:
    """The cost center service's answer to a charge. The VAT keys of all parts are the goods'."""

    hold_id: str
    center_id: str
    center_number: str
    center_name: str
    address: tuple[str, ...]
    """As printed: the center's own, or its company's."""
    card_id: str
    card_number: str
    amount: Money
    """What the center pays: zero where subsidies pay all that is not paid otherwise."""
    parts: tuple[VatPart, ...]
    expires_at: datetime | None
    """None: it was confirmed before and does not expire."""
    subsidies: tuple[HeldSubsidy, ...] = ()
    limits_left: tuple[LimitLeft, ...] = ()
    warnings: tuple[str, ...] = ()


class ChargeUnavailable(ServiceUnavailable):
    code = "costcenter.unavailable"
    title = "The cost centers do not answer; take another means of payment or ask again"


class ChargeRefused(ServiceRefused):
    """The cost center service said no. `problem` stands in the answer to the till, too."""

    def __init__(
        self,
        code: str,
        status: int,
        detail: str,
        *,
        problem: ChargeProblem | None = None,
        **extra: object,
    ) -> None:
        told = {} if problem is None else problem.model_dump(mode="json")
        super().__init__(code, status, detail, **told, **extra)
        self.problem = problem


CardMode = Literal["prepaid", "cost_center", "cash"]
"""How the cards of a group pay: from a prepaid account, on a cost center, or at once."""


class ChargeService(Holder, Protocol):
    """Every call may be repeated with the same id. Raises `ChargeRefused` for an answer that says
    no, `ChargeUnavailable` where no answer came."""

    async def mode_of(self, code: str, *, store_id: str) -> CardMode | None:
        """How the group of a scanned card pays. None: it is no card of a group."""
        ...

    async def charge(
        self,
        hold_id: str,
        asked: ChargeAsked,
        *,
        up_to: Money,
        basket: Sequence[BasketPart],
        place: Place,
    ) -> ChargeHold:
        """Keep an amount on the account of the card's center, within all limits."""
        ...  # fmt: skip
