"""A sale as it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid5

from device_gateway.commands import NewLine
from device_gateway.events import Reference
from device_gateway.handlers.gateway import IDS
from device_gateway.handlers.taking_back import NOTHING_BACK, GivenBack, RefundKind
from device_gateway.handlers.tendered import TenderedPayment
from events import Ask
from kassenverbund.kit.chain_tills import TillRight


@dataclass(frozen=True, slots=True)
class NewLineWithCode:
    """A line as the till sent it; the code of a printed card, or of a voucher that is topped up,
    stays in memory."""

    line: NewLine
    code: str

    def __repr__(self) -> str:
        return f"NewLineWithCode({self.line})"


SentLine = NewLine | NewLineWithCode


@dataclass(frozen=True, slots=True)
class Sale:
    """A whole sale in one request, or the beginning of one."""

    store_id: str
    till_id: str
    lines: Sequence[SentLine]
    payments: Sequence[TenderedPayment]
    finish: bool
    cashier_id: str | None = None
    back: GivenBack = NOTHING_BACK
    refund: RefundKind = "cash"
    """How money goes out, where more comes back than is bought."""
    card_back: bool = False
    """A terminal has to give it back."""
    training: bool = False
    references: Sequence[Reference] = ()
    approved_by: str | None = None
    """Who lent the right for it."""

    @property
    def needs(self) -> tuple[TillRight, ...]:
        """The rights that it takes, beside selling."""
        found: list[TillRight] = ["training"] if self.training else []
        if any(paid.payer is not None for paid in self.payments):
            found.append("on_account")
        return (*found, "return") if self.back != NOTHING_BACK else tuple(found)


def booking_id_of(ask: Ask) -> str:
    """The same key of the same till always means the same booking."""
    return str(uuid5(IDS, f"booking/{ask.key}"))


def id_of_line(booking_id: str, key: str, index: int) -> str:
    return str(uuid5(UUID(booking_id), f"code/{key}/{index}"))


def new_lines(booking_id: str, sent: Sequence[SentLine], key: str) -> list[NewLine]:
    """The lines without their codes; those that had one get an id of their own."""
    return [
        replace(each.line, own_id=id_of_line(booking_id, key, index))
        if isinstance(each, NewLineWithCode)
        else each
        for index, each in enumerate(sent)
    ]
