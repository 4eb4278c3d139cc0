"""Which lines payments pay for. Pure.

A voucher for some goods only covers lines, and the voucher service says which. All other payments
are for whatever is left: they take first what no choosy voucher wants, so they never stand in one's
way, and what may still be paid in total is limited by what is open.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from device_gateway.decider.pricing import PAID_FOR, settled_by_vat, taxed_before
from device_gateway.events import BasketPart, Cover, Line, Payment
from money import Money

BASKET_LINES_MAX = 200
"""With more lines, those that are alike to every voucher (group and VAT key) become one part of the
basket: the request has to fit into a body, and its intent into the log."""


def covered(payments: Iterable[Payment]) -> Counter[str]:
    """Line id → minor units that payments cover of it."""
    sums: Counter[str] = Counter()
    for paid in payments:
        for cover in paid.covers:
            sums[cover.line_id] += cover.amount.amount
    return sums


def lowered(lines: Iterable[Line]) -> Counter[str]:
    """Line id → minor units that somebody gave off it."""
    sums: Counter[str] = Counter()
    for line in lines:
        for cover in line.lowers:
            sums[cover.line_id] += cover.amount.amount
    return sums


def uncovered(lines: Iterable[Line], payments: Iterable[Payment]) -> dict[str, int]:
    """Line id → minor units of goods that no payment covers, less what was given off them. Lines
    without any are left out."""
    lines = tuple(lines)
    taken = covered(payments) + lowered(lines)
    return {
        line.line_id: line.amount.amount - taken[line.line_id]
        for line in lines
        if line.kind in PAID_FOR and line.amount.amount > taken[line.line_id]
    }


def goods_left(lines: Iterable[Line], payments: Sequence[Payment]) -> Counter[str]:
    """Minor units of goods by VAT key, less what article vouchers took off, what payments cover and
    what they settle at their VAT."""
    taken = covered(payments)
    left: Counter[str] = Counter()
    for line in lines:
        if line.kind in PAID_FOR or line.kind == "voucher_article_redemption" or line.lowers:
            left[line.vat] += line.amount.amount - taken[line.line_id]
    for vat, _, minor in settled_by_vat(payments):
        left[vat] -= minor
    return left


def overpaid(lines: Sequence[Line], payments: Sequence[Payment]) -> set[str]:
    """The taxed VAT keys at which vouchers pay for more than there is of goods."""
    left = goods_left(lines, payments)
    taxed = {line.vat for line in lines if line.rate}
    return {vat for vat in taxed if left[vat] < 0}


def vat_keys_of(lines: Iterable[Line], payments: Sequence[Payment]) -> set[str]:
    """The VAT keys of the goods that payments are for, of those that are choosy."""
    taken = covered(payments)
    keys = {line.vat for line in lines if taken[line.line_id]}
    keys |= {vat for _, vat, _, _ in taxed_before(payments)}
    return keys | {part.vat for paid in payments for part in paid.parts}


def basket_of(lines: Sequence[Line], payments: Sequence[Payment]) -> tuple[BasketPart, ...]:
    """What a voucher for some goods only may still pay for."""
    left = uncovered(lines, payments)
    goods = [line for line in lines if line.line_id in left]
    if len(goods) > BASKET_LINES_MAX:
        goods = _merged(goods, left)
    found = [_part(line, left[line.line_id], line_id=line.line_id) for line in goods]
    off, keys = _settled(lines, payments)
    currency = lines[0].amount.currency if lines else ""
    found += [
        BasketPart(gross=Money(amount=-minor, currency=currency), vat=vat, dsfinvk_key=keys[vat])
        for vat, minor in sorted(off.items())
        if minor
    ]
    return tuple(found)


def _part(line: Line, minor: int, *, line_id: str) -> BasketPart:
    return BasketPart(
        gross=Money(amount=minor, currency=line.amount.currency),
        vat=line.vat,
        dsfinvk_key=line.dsfinvk_key,
        article_group=line.article_group,
        line_id=line_id,
    )


def _merged(goods: Sequence[Line], left: dict[str, int]) -> list[Line]:
    """The first line of each kind of goods; `left` of it becomes that of all of them."""
    first: dict[tuple[str | None, str], Line] = {}
    for line in goods:
        kept = first.setdefault((line.article_group, line.vat), line)
        if kept is not line:
            left[kept.line_id] += left[line.line_id]
    return list(first.values())


def _settled(
    lines: Iterable[Line], payments: Iterable[Payment]
) -> tuple[Counter[str], dict[str, int]]:
    """VAT key → minor units that are settled somewhere among its goods, and its UST_SCHLUESSEL. An
    untaxed article voucher pays for goods of any key, like money."""
    off: Counter[str] = Counter()
    keys: dict[str, int] = {}
    for line in lines:
        if line.kind == "voucher_article_redemption" and line.rate:
            off[line.vat] -= line.amount.amount
            keys[line.vat] = line.dsfinvk_key
    for vat, key, minor in settled_by_vat(payments):
        off[vat] += minor
        keys.setdefault(vat, key)
    return off, keys


def spread(
    covers: Sequence[Cover], lines: Sequence[Line], left: Mapping[str, int]
) -> tuple[Cover, ...] | None:
    """What the voucher service covers of the basket, over the lines. What is more than the rest of
    the named line is for those that are alike to every voucher. None: there is not so much left."""
    by_id = {line.line_id: line for line in lines}
    alike: dict[tuple[str | None, str], list[str]] = defaultdict(list)
    for line in lines:
        alike[line.article_group, line.vat].append(line.line_id)
    taken: Counter[str] = Counter()
    for cover in covers:
        named, minor = by_id.get(cover.line_id), cover.amount.amount
        if named is None:
            return None
        for line_id in (named.line_id, *alike[named.article_group, named.vat]):
            part = min(minor, left.get(line_id, 0) - taken[line_id])
            taken[line_id] += part
            minor -= part
            if not minor:
                break
        if minor:
            return None
    return tuple(
        Cover(line_id=line_id, amount=Money(amount=minor, currency=by_id[line_id].amount.currency))
        for line_id, minor in taken.items()
        if minor
    )
