"""What a kitchen has to do: an order on paper, large, without prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from device_gateway.events import BookingOrdered, MasterDataChanged, OrderedLine
from device_gateway.receipt.document import DocumentPart, Language
from device_gateway.receipt.grid import Grid
from device_gateway.receipt.parts import copy_mark
from device_gateway.receipt.safe_text import Codepage
from device_gateway.receipt.words import instant, quantity, words


@dataclass(frozen=True, slots=True)
class _Words:
    title: str
    again: str
    taken_back: str
    till: str
    number: str
    for_whom: str


_GERMAN = _Words("BESTELLUNG", "NACHBESTELLUNG", "STORNO", "Kasse", "Nr.", "Tisch")
_ENGLISH = _Words("ORDER", "FURTHER ORDER", "CANCELLED", "Till", "No.", "Table")


class OrderSlipLine(DocumentPart):
    """`taken_back`: it was ordered before and is not wanted any more; `quantity` is above zero."""

    name: str
    quantity: str
    taken_back: bool = False


class OrderSlip(DocumentPart):
    """The part of an order that one printer shows. `group`: the table."""

    language: Language
    time_zone: str
    number: int
    ordered_at: datetime
    till_name: str
    group: str | None = None
    cashier_id: str | None = None
    follows: bool = False
    lines: tuple[OrderSlipLine, ...]
    is_copy: bool = False


def order_slip_of(
    ordered: BookingOrdered,
    lines: Sequence[OrderedLine],
    master_data: MasterDataChanged,
    *,
    is_copy: bool = False,
) -> OrderSlip:
    """The document of `lines`. Pure."""
    return OrderSlip(
        language="en" if master_data.language == "en" else "de",
        time_zone=master_data.time_zone,
        number=ordered.number,
        ordered_at=ordered.recorded_at,
        till_name=ordered.till_name,
        group=ordered.group,
        cashier_id=ordered.cashier_id,
        follows=ordered.order_of is not None,
        lines=tuple(
            OrderSlipLine(
                name=line.name,
                quantity=str(abs(Decimal(line.quantity))),
                taken_back=Decimal(line.quantity) < 0,
            )
            for line in lines
        ),
        is_copy=is_copy,
    )


def order_slip_rows(slip: OrderSlip, columns: int, codepage: Codepage) -> Grid:
    """The slip's rows: read at arm's length, over a stove."""
    say, grid = _ENGLISH if slip.language == "en" else _GERMAN, Grid(columns, codepage)
    general = words(slip.language)
    copy_mark(grid, slip.is_copy, general)
    grid.centre(say.again if slip.follows else say.title, style="big")
    if slip.group is not None:
        grid.blank()
        group = slip.group
        named = group if say.for_whom.lower() in group.lower() else f"{say.for_whom} {group}"
        grid.centre(named, style="big")
    grid.blank()
    grid.pair(f"{say.number} {slip.number}", instant(slip.ordered_at, slip.time_zone, general))
    name = slip.till_name
    till = name if say.till.lower() in name.lower() else f"{say.till} {name}"
    grid.pair(till, slip.cashier_id or "")
    grid.rule("=")
    for line in slip.lines:
        if line.taken_back:
            grid.left(f"*** {say.taken_back} ***", style="tall")
        grid.left(f"{quantity(line.quantity, general)} x {line.name}", style="tall")
        grid.rule()
    copy_mark(grid, slip.is_copy, general)
    return grid
