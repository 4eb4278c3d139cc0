"""The assortment: what is listed, imported, found, and sold by its sku or code.

Decided on the log alone: streams `article-{sku}`, and the unique keys `gtin:{code}` (which article
has it) and `article:{sku}` (the stream exists, so an import need not read it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from device_gateway.commands import NewLine
from device_gateway.decider.article import (
    ARTICLE,
    ArticleRefused,
    ArticleUnknown,
)
from device_gateway.decider.pricing import VOUCHER_VAT
from device_gateway.events import ArticleListed, LineKind, SoldTerms
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.library import AccountLine, written
from device_gateway.handlers.listing import article, article_stream, gtin_claim
from device_gateway.handlers.rights import allowed
from device_gateway.handlers.sales import SentLine
from device_gateway.ports import Place
from device_gateway.ports.assortment import FoundArticles
from events import (
    Ask,
    DomainError,
    state_of,
)
from money import Money

__all__ = ["article", "by_code", "line_for", "lines_for", "resolved", "search"]


class PriceNeeded(DomainError):
    """`sku`: its price is typed at the till."""

    code = "article.price_needed"
    status = 422
    title = "This article has an open price: say what it costs"


class IsFunction(DomainError):
    """`function` says what the key does; it sells nothing."""

    code = "article.is_function"
    status = 422
    title = "This key does something and sells nothing"


class HalfAlone(DomainError):
    """Of the two articles of a voucher only one is listed."""

    code = "article.half_alone"
    title = "The other article of this voucher is not listed"


class AssortmentAway(DomainError):
    code = "assortment.unavailable"
    status = 503
    title = "The search is not there now; scan the article or type its number"


@dataclass(frozen=True, slots=True)
class ListedLine:
    """A line that says only which article is sold, and how many."""

    sku: str | None
    gtin: str | None
    quantity: Decimal
    unit_price: Money | None = None
    """An open price; or another one than the assortment's, with the right to change prices."""


# -- what is listed ------------------------------------------------------------------------------


# -- what is found -------------------------------------------------------------------------------


async def by_code(gateway: Gateway, gtin: str) -> ArticleListed:
    """The article with this GTIN, as the log has it now. Raises `ArticleUnknown`."""
    stream = await gateway.store.owner_of(gtin_claim(gtin))
    if stream is None:
        raise ArticleUnknown(gtin=gtin)
    return await article(gateway, stream.removeprefix("article-"))


async def search(
    gateway: Gateway, q: str, *, group: str | None = None, page: str | None = None
) -> FoundArticles:
    """See `ports.assortment.Assortment`. Raises `AssortmentAway`, `CursorInvalid`."""
    if gateway.assortment is None:
        raise AssortmentAway
    return await gateway.assortment.search(q, group=group, page=page)


# -- what is sold --------------------------------------------------------------------------------

_LINES: Mapping[tuple[str, bool], LineKind] = {
    ("article", False): "article",
    ("deposit", False): "deposit",
    ("voucher_sale", False): "voucher_sale",
    ("voucher_sale", True): "voucher_article_sale",
    ("voucher_redemption", True): "voucher_article_redemption",
}
"""(kind of the article, whether it is half of a pair) → kind of the line. A top-up needs a code, so
its line is sent whole."""


async def line_for(
    gateway: Gateway,
    store_id: str,
    sku: str | None = None,
    quantity: Decimal = Decimal(1),
    unit_price: Money | None = None,
    *,
    gtin: str | None = None,
    till_id: str | None = None,
    approval: str | None = None,
    ask: Ask | None = None,
) -> SentLine:
    """The line that sells an article: name, price, VAT and group come of the assortment.

    Raises `ArticleUnknown`, `PriceNeeded`, `IsFunction`, `HalfAlone`; where the price is another
    than the assortment's, what `allowed(…, "price_change")` raises.
    """
    lines = await lines_for(
        gateway, store_id, ListedLine(sku, gtin, quantity, unit_price),
        till_id=till_id, approval=approval, ask=ask,
    )  # fmt: skip
    return lines[0]


async def lines_for(
    gateway: Gateway,
    store_id: str,
    sold: ListedLine,
    *,
    till_id: str | None = None,
    approval: str | None = None,
    ask: Ask | None = None,
) -> list[SentLine]:
    """As `line_for`, and after it the line of its deposit."""
    if sold.sku is not None:
        found = await article(gateway, sold.sku)
    else:
        assert sold.gtin is not None  # The border asks for one of the two.
        found = await by_code(gateway, sold.gtin)
    if found.kind == "function":
        raise IsFunction(sku=found.sku, function=found.function)
    price = found.price if sold.unit_price is None else sold.unit_price
    if price is None:
        raise PriceNeeded(sku=found.sku)
    if not found.open_price and price != found.price and till_id is not None:
        await allowed(gateway, store_id, till_id, "price_change", approval, ask=ask)
    if found.pair_sku is not None:
        await _paired(gateway, found)
    lines: list[SentLine] = [_line(found, sold, price)]
    if found.deposit_sku is not None:
        deposit = await article(gateway, found.deposit_sku)
        assert deposit.price is not None  # `hangs_together`.
        lines.append(_line(deposit, replace(sold, gtin=None), deposit.price))
    return lines


async def resolved(
    gateway: Gateway,
    place: Place,
    sent: Sequence[SentLine | ListedLine | AccountLine],
    *,
    ask: Ask,
    approval: str | None = None,
) -> list[SentLine]:
    """The lines of a request for `place`'s booking, those that only name an article, or something
    of an account, written out.

    A repeat is answered with what was stored, even where the article has left the assortment since,
    or the fee is settled.
    """
    lines = list[SentLine]()
    store_id, till_id = place.store_id, place.till_id
    try:
        for index, each in enumerate(sent):
            if isinstance(each, ListedLine):
                lines += await lines_for(
                    gateway, store_id, each, till_id=till_id, approval=approval, ask=ask
                )
            elif isinstance(each, AccountLine):
                lines.append(await written(gateway, place, each, key=f"{ask.key}/{index}"))
            else:
                lines.append(each)
    except DomainError:
        if await gateway.store.outcome(ask.key, ask.input_hash) is None:
            raise
        return []
    return lines


async def _paired(gateway: Gateway, found: ArticleListed) -> None:
    assert found.pair_sku is not None
    _, other = await state_of(gateway.store, ARTICLE, article_stream(found.pair_sku))
    if other.listed is None:
        raise HalfAlone(sku=found.sku, missing=found.pair_sku)


def _line(found: ArticleListed, sold: ListedLine, price: Money) -> NewLine:
    kind = _LINES.get((found.kind, found.pair_sku is not None))
    if kind is None:
        raise ArticleRefused(f"{found.sku} is sold with a code: send its line whole")
    terms = None
    if kind == "voucher_sale" and found.vat != VOUCHER_VAT:
        terms = SoldTerms(kind="single_purpose", goods=found.goods or found.name)
    return NewLine(
        kind=kind,
        sku=found.sku,
        name=found.name,
        quantity=sold.quantity,
        unit_price=price,
        vat=found.vat,
        article_group=found.article_group if kind == "article" else None,
        voucher=terms,
        gtin=sold.gtin or next(iter(found.gtins), None),
        paired=found.pair_sku is not None,
    )
