"""Goods that come back. Pure.

They come back at the price at which they were sold. What vouchers, gifts, cost centers and
subsidies settled of a line goes back to them first, never into money: those that named the line
before those for goods of its VAT, and last those for everything. The rest is money. A discount that
somebody gave on them comes back with them, piece by piece.

The booking that takes goods back decides on the original booking as it is, and its stream gets
`booking.taken_back` in the append that records it: no line comes back more often than it was sold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from device_gateway.commands import ReturnedLine
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.giving_back import (
    Source,
    given_back,
    reference_to,
)
from device_gateway.decider.pricing import LINES_MAX, NOT_TAXABLE, PAID_FOR, VOUCHER_VAT
from device_gateway.decider.refusals import (
    BookingTooLarge,
    ReturnNotPossible,
    ReturnTooMuch,
)
from device_gateway.decider.waivers import DISCOUNT
from device_gateway.events import (
    BookingRecorded,
    BookingTakenBack,
    Line,
    LineKind,
    Payment,
    Restored,
    TakenLine,
)
from money import Money, total

RETURNABLE: frozenset[LineKind] = PAID_FOR
"""Of single lines. A voucher comes back with its code only, when its whole booking is cancelled."""


@dataclass(frozen=True, slots=True)
class Back:
    """What a booking takes back of an earlier one, and what that means for those who paid it."""

    lines: tuple[Line, ...]
    """Returned lines, and then what vouchers and gifts get back."""
    payments: tuple[Payment, ...]
    """What cost centers and subsidies get back: one per VAT key and payer, below zero."""
    taken: tuple[TakenLine, ...]
    restored: tuple[Restored, ...]


def sold(original: Booking) -> BookingRecorded:
    """Raises `ReturnNotPossible` for what never was a sale."""
    recorded = original.recorded
    if not isinstance(recorded, BookingRecorded) or recorded.kind != "sale":
        raise ReturnNotPossible(reason="no_sale")
    return recorded


def returned(original: Booking, line_id: str) -> Decimal:
    """How much of a line has come back so far."""
    return sum(
        (
            Decimal(line.quantity)
            for event in original.taken_back
            for line in event.lines
            if line.line_id == line_id
        ),
        Decimal(0),
    )


def take_back(
    original: Booking, wanted: Sequence[ReturnedLine], *, booking_id: str, numbered: int
) -> Back:
    """What comes of returning these lines of one original booking, numbered on from `numbered`.

    Raises `ReturnNotPossible` (`reason`: no_sale, cancelled, article_vouchers, line),
    `ReturnTooMuch` and `BookingTooLarge`.
    """
    recorded = sold(original)
    if any(event.kind == "cancellation" for event in original.taken_back):
        raise ReturnNotPossible(reason="cancelled")
    if any(line.kind == "voucher_article_redemption" for line in recorded.lines):
        # Nobody can say which goods the paper was for: the whole booking comes back, or nothing.
        raise ReturnNotPossible(reason="article_vouchers")
    known = {line.line_id: line for line in recorded.lines}
    before = {each.line_id: returned(original, each.line_id) for each in wanted}
    earlier = [each for event in original.taken_back for each in event.restored]
    lines, taken, restored = list[Line](), list[TakenLine](), list[Restored]()
    for each in wanted:
        line = known.get(each.line_id)
        if line is None or line.kind not in RETURNABLE:
            raise ReturnNotPossible(f"line {each.line_id}", reason="line", line_id=each.line_id)
        done = before[line.line_id]
        goods = _goods(recorded, line, each, done, numbered + len(lines) + 1)
        before[line.line_id] += each.quantity
        lines.append(goods)
        off = _discounts_back(recorded, line, each, done, numbered + len(lines))
        lines += off
        taken.append(TakenLine(line_id=line.line_id, quantity=goods.quantity, amount=-goods.amount))
        cost = -goods.amount - total((one.amount for one in off), currency=recorded.currency)
        restored += _restored(original, line, cost, [*earlier, *restored])
    sources = {
        source.key: source for each in wanted for source in _sources(original, known[each.line_id])
    }
    more, payments = given_back(
        [(sources[each.source], each.amount) for each in restored],
        booking_id=booking_id,
        numbered=numbered + len(lines),
        reference=reference_to(recorded),
    )
    if numbered + len(lines) + len(more) > LINES_MAX:
        raise BookingTooLarge(f"a booking has at most {LINES_MAX} lines", limit=LINES_MAX)
    return Back((*lines, *more), payments, tuple(taken), tuple(restored))


def _goods(
    recorded: BookingRecorded, line: Line, wanted: ReturnedLine, before: Decimal, number: int
) -> Line:
    """The returned line. However a line is returned, its parts are exactly what it cost."""
    after = before + wanted.quantity
    if after > Decimal(line.quantity):
        left = Decimal(line.quantity) - before
        raise ReturnTooMuch(line_id=line.line_id, returnable=_text(left))
    amount = line.unit_price.times(after) - line.unit_price.times(before)
    return line.model_copy(
        update={
            "line_id": str(number),
            "kind": "return",
            "quantity": _text(wanted.quantity),
            "unit_price": -line.unit_price,
            "amount": -amount,
            "reference": reference_to(recorded, line.line_id),
            "reason": wanted.reason,
        }
    )


def _discounts_back(
    recorded: BookingRecorded, line: Line, wanted: ReturnedLine, before: Decimal, numbered: int
) -> list[Line]:
    """What was given off the returned pieces. However they come back, the parts are exactly it."""
    found = list[Line]()
    for discount in recorded.lines:
        minor = sum(each.amount.amount for each in discount.lowers if each.line_id == line.line_id)
        pieces = Decimal(line.quantity)
        share = _share(minor, (before + wanted.quantity) / pieces) - _share(minor, before / pieces)
        if not share:
            continue
        off = Money(amount=share, currency=recorded.currency)
        found.append(
            discount.model_copy(
                update={
                    "line_id": str(numbered + len(found) + 1),
                    "unit_price": off,
                    "amount": off,
                    "lowers": (),
                    "reference": reference_to(recorded, discount.line_id),
                    "reason": wanted.reason,
                }
            )
        )
    return found


def _share(minor: int, part: Decimal) -> int:
    return int((minor * part).quantize(Decimal(1), ROUND_HALF_UP))


def _text(quantity: Decimal) -> str:
    return format(quantity.normalize(), "f")


def _restored(
    original: Booking, line: Line, amount: Money, given: Sequence[Restored]
) -> list[Restored]:
    """Who gets something back for what is returned of one line."""
    left, found = amount.amount, list[Restored]()
    for source in _sources(original, line):
        minor = min(left, _left(source, given, line.line_id))
        if minor > 0:
            left -= minor
            money = Money(amount=minor, currency=amount.currency)
            found.append(Restored(source=source.key, line_id=line.line_id, amount=money))
    return found


def _left(source: Source, given: Iterable[Restored], line_id: str) -> int:
    return source.amount - sum(
        each.amount.amount
        for each in given
        if each.source == source.key and (source.per != "line" or each.line_id == line_id)
    )


_RANKS = {"line": 0, "vat": 1, "all": 2}


def _sources(original: Booking, line: Line) -> Iterator[Source]:
    """In the order in which they get something back for this line."""
    recorded = sold(original)
    owners = {waiver.hold_id: waiver.voucher_id for waiver in recorded.waivers}
    # What a gift covered stands on its payment, and that is in no recorded booking.
    covers = {paid.hold_id: paid for paid in original.payments if paid.waiver and paid.covers}
    gifts = [
        _of_gift(found, owners.get(found.hold_id or ""), covers.get(found.hold_id), line)
        for found in recorded.lines
        if found.kind == "discount" and found.hold_id and found.vat == line.vat
    ]
    payments = [_of_payment(paid, line) for paid in recorded.payments]
    found = [source for source in (*gifts, *payments) if source is not None and source.amount > 0]
    yield from sorted(found, key=lambda source: _RANKS[source.per])


def _of_gift(discount: Line, voucher_id: str | None, paid: Payment | None, line: Line) -> Source:
    source = of_gift(discount, voucher_id)
    return source if paid is None else source.of_line(_covered(paid, line))


def of_gift(discount: Line, voucher_id: str | None) -> Source:
    """What a voucher that was given away took off at one VAT key."""
    assert discount.hold_id is not None
    return Source(
        hold_id=discount.hold_id, amount=-discount.amount.amount, name=DISCOUNT, case=DISCOUNT,
        vat=discount.vat, rate=discount.rate, dsfinvk_key=discount.dsfinvk_key,
        voucher_id=voucher_id, voucher_serial=discount.voucher_serial,
    )  # fmt: skip


def _of_payment(paid: Payment, line: Line) -> Source | None:
    if paid.kind == "voucher":
        source = of_voucher(paid)
        if paid.covers:
            return source.of_line(_covered(paid, line))
        return source if source.per == "all" or source.vat == line.vat else None
    return next((each for each in of_payer(paid) if each.vat == line.vat), None)


def of_voucher(paid: Payment) -> Source:
    """What a voucher paid: single-purpose at its VAT, multi-purpose whatever there was."""
    assert paid.hold_id is not None
    single = paid.rate is not None and paid.vat is not None
    return Source(
        hold_id=paid.hold_id, amount=paid.amount.amount, name=paid.name, case=paid.case,
        vat=paid.vat or VOUCHER_VAT, rate=paid.rate or 0,
        dsfinvk_key=paid.dsfinvk_key or NOT_TAXABLE,
        voucher_id=paid.voucher_id, voucher_serial=paid.voucher_serial,
        per="vat" if single else "all",
    )  # fmt: skip


def of_payer(paid: Payment) -> tuple[Source, ...]:
    """What a cost center, a subsidy or somebody on account owes, by VAT key."""
    owed = paid.payment_id if paid.kind == "on_account" else paid.hold_id
    if owed is None:
        return ()
    return tuple(
        Source(
            hold_id=owed, amount=part.gross.amount, name=paid.name, case=paid.case,
            vat=part.vat, rate=part.rate, dsfinvk_key=part.dsfinvk_key, rule_id=paid.rule_id,
            payment=paid,
        )
        for part in paid.parts
    )  # fmt: skip


def _covered(paid: Payment, line: Line) -> int:
    return sum(each.amount.amount for each in paid.covers if each.line_id == line.line_id)


def wanted_of(lines: Iterable[Line]) -> Mapping[str, Sequence[ReturnedLine]]:
    """Original booking → what is taken back of it, as the lines say."""
    found: dict[str, list[ReturnedLine]] = {}
    for line in lines:
        if line.kind == "return" and line.reference is not None and line.reference.line_id:
            found.setdefault(line.reference.id, []).append(
                ReturnedLine(
                    booking_id=line.reference.id,
                    line_id=line.reference.line_id,
                    quantity=Decimal(line.quantity),
                    reason=line.reason or "",
                )
            )
    return found


def returns_of(
    recorded: BookingRecorded, originals: Mapping[str, Booking]
) -> Mapping[str, BookingTakenBack]:
    """By original booking: what its stream has to say once this booking is recorded. Raises
    `ReturnTooMuch` and `ReturnNotPossible` where the original changed in the meantime."""
    found: dict[str, BookingTakenBack] = {}
    for original_id, wanted in wanted_of(recorded.lines).items():
        back = take_back(originals[original_id], wanted, booking_id=recorded.booking_id, numbered=0)
        if _told(back.lines) != _told(
            line for line in recorded.lines if line.reference and line.reference.id == original_id
        ):
            raise ReturnTooMuch("more of this booking came back in the meantime")
        found[original_id] = BookingTakenBack(
            booking_id=original_id,
            store_id=recorded.store_id,
            by=recorded.booking_id,
            kind="return",
            lines=back.taken,
            restored=back.restored,
            taken_back_at=recorded.recorded_at,
        )
    return found


def _told(lines: Iterable[Line]) -> list[tuple[object, ...]]:
    """What two plans have to agree on, whatever their numbers are."""
    return [(line.kind, line.amount, line.vat, line.hold_id) for line in lines]
