"""An article of the assortment: what may be listed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from device_gateway.events import ArticleDelisted, ArticleEvent, ArticleListed
from events import Decider, DomainError

PRICE_MAX = 100_000_000
"""Minor units, as of a line."""
GTINS_MAX = 20

VOUCHERS = ("voucher_sale", "voucher_redemption", "voucher_top_up")


class ArticleUnknown(DomainError):
    """Also of one that is not sold any more."""

    code = "article.unknown"
    status = 404
    title = "The assortment has no such article"


class ArticleRefused(DomainError):
    code = "article.refused"
    status = 422
    title = "This cannot be an article"


class PairDiffers(DomainError):
    """`sale` and `redemption` name both articles, with the VAT of each."""

    code = "articles.pair_differs"
    status = 422
    title = "The two articles of a voucher have one tax treatment"


class CodeTaken(DomainError):
    """`gtin` belongs to another article."""

    code = "article.code_taken"
    title = "Another article has this code"


@dataclass(frozen=True, slots=True)
class Article:
    listed: ArticleListed | None = None
    known: bool = False
    """It was listed once."""


@dataclass(frozen=True, slots=True)
class ListArticle:
    wanted: ArticleListed


@dataclass(frozen=True, slots=True)
class DelistArticle:
    sku: str
    now: datetime


ArticleCommand = ListArticle | DelistArticle


def list_article(command: ListArticle, article: Article) -> tuple[ArticleEvent, ...]:
    """An event only where it says something new."""
    wanted = command.wanted
    _keep_rules(wanted)
    if article.listed is not None:
        same = article.listed.model_copy(update={"listed_at": wanted.listed_at})
        if same == wanted:
            return ()
    return (wanted,)


def _keep_rules(wanted: ArticleListed) -> None:
    function = wanted.kind == "function"
    if function != (wanted.function is not None):
        raise ArticleRefused("an article of kind function names its `function`; no other does")
    if function and (wanted.price is not None or wanted.open_price):
        raise ArticleRefused("a function sells nothing and has no price")
    if not function and (wanted.price is None) != wanted.open_price:
        raise ArticleRefused("an article has a price, or its price is typed (`open_price`)")
    if wanted.price is not None and not 0 <= wanted.price.amount <= PRICE_MAX:
        raise ArticleRefused(f"a price is 0 to {PRICE_MAX} minor units")
    if wanted.deposit_sku is not None and wanted.kind != "article":
        raise ArticleRefused("only goods have a deposit")
    if wanted.sku in (wanted.deposit_sku, wanted.pair_sku):
        raise ArticleRefused("an article is not its own deposit, nor its own other half")
    if wanted.pair_sku is not None and wanted.kind not in ("voucher_sale", "voucher_redemption"):
        raise ArticleRefused("`pair_sku` belongs to the articles of a voucher")
    if wanted.kind == "voucher_redemption" and wanted.pair_sku is None:
        raise ArticleRefused("who redeems names the article that sells (`pair_sku`)")
    if wanted.goods is not None and wanted.kind != "voucher_sale":
        raise ArticleRefused("`goods` belongs to the sale of a voucher")
    if len(wanted.gtins) > GTINS_MAX:
        raise ArticleRefused(f"an article has at most {GTINS_MAX} codes")


def hangs_together(wanted: ArticleListed, others: Mapping[str, Article]) -> None:
    """Its deposit and the other half of its pair, as they are with this decision.

    Raises `PairDiffers` and `ArticleRefused`. A half whose other one is not listed yet stands
    alone until it is, and is not sold.
    """
    if wanted.deposit_sku is not None:
        deposit = others.get(wanted.deposit_sku, Article()).listed
        if deposit is None or deposit.kind != "deposit" or deposit.price is None:
            raise ArticleRefused(f"{wanted.deposit_sku} is no deposit with a price")
    if wanted.pair_sku is None:
        return
    other = others.get(wanted.pair_sku, Article()).listed
    if other is None:
        return
    kinds = {wanted.kind, other.kind}
    if kinds != {"voucher_sale", "voucher_redemption"} or other.pair_sku != wanted.sku:
        raise ArticleRefused(f"{other.sku} is not the other half of {wanted.sku}")
    if other.vat != wanted.vat:
        sale, redemption = (wanted, other) if wanted.kind == "voucher_sale" else (other, wanted)
        raise PairDiffers(
            f"{sale.sku} has VAT {sale.vat}, {redemption.sku} has VAT {redemption.vat}",
            sale={"sku": sale.sku, "vat": sale.vat},
            redemption={"sku": redemption.sku, "vat": redemption.vat},
        )


def others_of(wanted: ArticleListed) -> Sequence[str]:
    """Articles that have to be looked at with this one."""
    return [sku for sku in (wanted.deposit_sku, wanted.pair_sku) if sku is not None]


def delist(command: DelistArticle, article: Article) -> tuple[ArticleEvent, ...]:
    if article.listed is None:
        if article.known:
            return ()
        raise ArticleUnknown(sku=command.sku)
    return (ArticleDelisted(sku=command.sku, delisted_at=command.now),)


def decide(command: ArticleCommand, article: Article) -> tuple[ArticleEvent, ...]:
    match command:
        case ListArticle():
            return list_article(command, article)
        case DelistArticle():
            return delist(command, article)
        case _:
            assert_never(command)


def evolve(article: Article, event: ArticleEvent) -> Article:
    match event:
        case ArticleListed():
            return Article(listed=event, known=True)
        case ArticleDelisted():
            return Article(known=True)
        case _:
            assert_never(event)


ARTICLE: Decider[ArticleCommand, Article] = Decider(initial=Article(), decide=decide, evolve=evolve)
