"""Discounts that people give: lines of kind `discount` that say what they lower. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from device_gateway.commands.acts import GiveDiscount
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.covering import lowered
from device_gateway.decider.edit_rules import (
    DiscountTooMuch,
    LineFixed,
    act_of,
    editable,
    keep_sound,
    keep_within,
    line_in,
    percent_of,
)
from device_gateway.decider.pricing import LINES_MAX
from device_gateway.decider.refusals import BookingTooLarge, CurrencyUnknown
from device_gateway.decider.waivers import DISCOUNT
from device_gateway.events import Act, Cover, Line, LinesAdded
from money import Money, parts_of, total

COVERS_MAX = 1_000
"""In how many parts the discounts of a sale may fall."""
NAME_MAX = 120


def give_discount(command: GiveDiscount, booking: Booking) -> tuple[LinesAdded, ...]:
    """A line of kind `discount` for each VAT key of what it lowers (largest remainder, so the parts
    are exactly it). Raises `LineUnknown`, `LineFixed`, `DiscountTooMuch`, `DiscountOverMax`,
    `HeldAlready`, `PaidAlready`, `BookingTooLarge`."""
    started = editable(booking)
    before = lowered(booking.lines)
    if command.line_id is not None:
        goods = [line_in(booking, command.line_id)]
        if goods[0].kind != "article":
            raise LineFixed
    else:
        goods = [line for line in booking.lines if line.kind == "article"]
    left = {line.line_id: line.amount.amount - before[line.line_id] for line in goods}
    left = {line_id: minor for line_id, minor in left.items() if minor > 0}
    whole = sum(left.values())
    off = _off(command, started.currency, whole)
    # What was lowered before counts, too: other discounts, and another price.
    listed = sum(_listed(line) for line in goods)
    now = sum(line.amount.amount - before[line.line_id] for line in goods)
    keep_within(off + listed - now, listed, command.by)
    lines = _discounts(command, booking, goods, parts_of(off, left))
    if booking.numbered + len(lines) > LINES_MAX:
        raise BookingTooLarge(f"a booking has at most {LINES_MAX} lines", limit=LINES_MAX)
    if sum(len(line.lowers) for line in (*booking.lines, *lines)) > COVERS_MAX:
        raise BookingTooLarge(f"discounts fall in at most {COVERS_MAX} parts", limit=COVERS_MAX)
    given = LinesAdded(
        booking_id=started.booking_id,
        store_id=started.store_id,
        lines=lines,
        added_at=command.now,
        acts=tuple(
            act_of("discount", line, line.amount, command.reason, command.by, command.now)
            for line in lines
        ),
    )
    keep_sound(booking, given)
    return (given,)


def _listed(line: Line) -> int:
    """What it cost before anybody changed the price, where that was more."""
    if line.list_price is None:
        return line.amount.amount
    return max(line.list_price.times(Decimal(line.quantity)).amount, line.amount.amount)


def _off(command: GiveDiscount, currency: str, whole: int) -> int:
    """Minor units that it takes off `whole`."""
    if command.amount is not None:
        if command.amount.currency != currency:
            raise CurrencyUnknown(f"this store sells in {currency}")
        off = command.amount.amount
    else:
        off = percent_of(whole, command.percent or 0)
    if not 0 < off <= whole:
        raise DiscountTooMuch(at_most={"amount": whole, "currency": currency})
    return off


def _discounts(
    command: GiveDiscount, booking: Booking, goods: Sequence[Line], parts: dict[str, int]
) -> tuple[Line, ...]:
    by_vat: defaultdict[tuple[str, int, int], list[Cover]] = defaultdict(list)
    currency = booking.currency
    for line in goods:
        if minor := parts.get(line.line_id, 0):
            cover = Cover(line_id=line.line_id, amount=Money(amount=minor, currency=currency))
            by_vat[line.vat, line.rate, line.dsfinvk_key].append(cover)
    found = list[Line]()
    for (vat, rate, key), covers in sorted(by_vat.items(), key=lambda row: (-row[0][1], row[0])):
        off = -total((cover.amount for cover in covers), currency=currency)
        found.append(
            Line(
                line_id=str(booking.numbered + len(found) + 1),
                kind="discount",
                name=_name(command, goods),
                quantity="1",
                unit_price=off,
                amount=off,
                vat=vat,
                rate=rate,
                dsfinvk_key=key,
                case=DISCOUNT,
                reason=command.reason,
                lowers=tuple(covers),
            )
        )
    return tuple(found)


def _name(command: GiveDiscount, goods: Sequence[Line]) -> str:
    """As the customer reads it: `Rabatt 12,5 %: Buch`."""
    name = DISCOUNT
    if command.percent is not None:
        percent = format((Decimal(command.percent) / 100).normalize(), "f").replace(".", ",")
        name = f"{name} {percent} %"
    if command.line_id is not None:
        name = f"{name}: {goods[0].name}"
    return name[:NAME_MAX]


def acts_of(booking: Booking) -> tuple[Act, ...]:
    """What a closing lists of the sale: a discount counts as it stands now, a line that is gone has
    taken its own with it."""
    now = {line.line_id: line.amount for line in booking.lines if line.lowers}
    found = list[Act]()
    for act in booking.acts:
        if act.kind != "discount":
            found.append(act)
        elif act.line_id in now:
            found.append(act.model_copy(update={"amount": now[act.line_id]}))
    return tuple(found)
