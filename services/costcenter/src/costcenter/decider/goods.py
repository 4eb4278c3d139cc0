"""What is in the basket that a charge pays for, and what is left of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from costcenter.commands import Good as Good
from costcenter.decider.split import in_proportion
from costcenter.events import VatPart
from money import Money


def netted(goods: Sequence[Good]) -> tuple[Good, ...]:
    """The goods with the discounts taken off: from those of the same group and VAT key, else from
    those of the same VAT key, else from all, in proportion. Only goods with a price are left."""
    left = [good for good in goods if good.gross.amount > 0]
    for good in goods:
        if good.gross.amount < 0:
            left = _taken_off(left, good)
    return tuple(good for good in left if good.gross.amount > 0)


def _taken_off(left: list[Good], discount: Good) -> list[Good]:
    rest = -discount.gross.amount
    alike = [good.vat == discount.vat for good in left]
    same = [
        vat and good.article_group == discount.article_group
        for vat, good in zip(alike, left, strict=True)
    ]
    for chosen in (same, alike, [True] * len(left)):
        pairs = zip(left, chosen, strict=True)
        weights = [good.gross.amount if fits else 0 for good, fits in pairs]
        now = min(rest, sum(weights))
        parts = in_proportion(now, weights)
        left = [less(good, part) for good, part in zip(left, parts, strict=True)]
        rest -= now
    return left


def less(good: Good, minor: int) -> Good:
    """`minor` of it is paid."""
    if not minor:
        return good
    gross = good.gross
    return replace(good, gross=Money(amount=gross.amount - minor, currency=gross.currency))


def by_vat(goods: Iterable[Good]) -> tuple[VatPart, ...]:
    """One part per VAT key, the highest rate first."""
    sums: dict[str, VatPart] = {}
    for good in goods:
        known = sums.get(good.vat)
        sums[good.vat] = VatPart(
            vat=good.vat,
            rate=good.rate,
            dsfinvk_key=good.dsfinvk_key,
            gross=good.gross if known is None else known.gross + good.gross,
        )
    return tuple(sorted(sums.values(), key=lambda part: (-part.rate, part.vat)))


def parts_of(amount: Money, whole: Sequence[VatPart]) -> tuple[VatPart, ...]:
    """`amount` over the VAT keys of `whole`, in proportion and exact. Keys without a share are
    left out."""
    shares = in_proportion(amount.amount, [part.gross.amount for part in whole])
    return tuple(
        part.model_copy(update={"gross": Money(amount=share, currency=amount.currency)})
        for part, share in zip(whole, shares, strict=True)
        if share
    )
