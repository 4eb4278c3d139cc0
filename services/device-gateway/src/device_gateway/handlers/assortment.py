"""The assortment: what is listed, imported, found, and sold by its sku or code.

Decided on the log alone: streams `article-{sku}`, and the unique keys `gtin:{code}` (which article
has it) and `article:{sku}` (the stream exists, so an import need not read it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from device_gateway.commands import NewLine
from device_gateway.decider.article import (
    ARTICLE,
    Article,
    ArticleRefused,
    ArticleUnknown,
    CodeTaken,
    DelistArticle,
    ListArticle,
    hangs_together,
    others_of,
)
from device_gateway.decider.pricing import VOUCHER_VAT
from device_gateway.decider.refusals import CurrencyUnknown, VatUnknown
from device_gateway.events import ArticleListed, LineKind, SoldTerms
from device_gateway.folding import code_of
from device_gateway.handlers.gateway import Gateway, business_date, rates_on
from device_gateway.handlers.library import AccountLine, written
from device_gateway.handlers.rights import allowed
from device_gateway.handlers.sales import SentLine
from device_gateway.ports import Place
from device_gateway.ports.assortment import FoundArticles
from events import (
    Ask,
    Claim,
    Decision,
    DomainError,
    Event,
    GiveBack,
    Take,
    handle_together,
    state_of,
)
from money import Money

IMPORT_ROWS_MAX = 1_000
"""Articles of one append: all of them or none."""
REFUSED_MAX = 20
"""Rows that a refused import names."""


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


class ImportRefused(DomainError):
    """Nothing of these rows is taken over. `refused`: `row` (from 1), `sku`, `code`, `reason`."""

    code = "articles.refused"
    status = 422
    title = "These articles are not taken over: some of them cannot be"
    first: DomainError | None = None
    """What stands against the first of them."""


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


def article_stream(sku: str) -> str:
    return f"article-{sku}"


def gtin_claim(gtin: str) -> str:
    return f"gtin:{code_of(gtin)}"


# -- what is listed ------------------------------------------------------------------------------


async def list_articles(
    gateway: Gateway, store_id: str, wanted: Sequence[ArticleListed], *, ask: Ask
) -> int:
    """List them, all or none, in one append; how many of them are new or changed.

    `store_id`: whose VAT keys and currency count. Raises `ImportRefused` with the rows.
    """
    await _keep_store(gateway, store_id, wanted)
    batch = {article_stream(each.sku): each for each in wanted}
    beside = {article_stream(sku) for each in wanted for sku in others_of(each)} - batch.keys()
    await _expect_new(gateway, batch)
    await _codes_free(gateway, wanted)

    def decide(states: Mapping[str, Any]) -> Decision:
        events: dict[str, Sequence[Event]] = {}
        after = {stream.removeprefix("article-"): state for stream, state in states.items()}
        refused = _Refused()
        for row, each in enumerate(wanted, start=1):
            with refused.of(row, each.sku):
                new = ARTICLE.decide(ListArticle(each), states[article_stream(each.sku)])
                events[article_stream(each.sku)] = new
                after[each.sku] = Article(each, known=True)
        for row, each in enumerate(wanted, start=1):
            with refused.of(row, each.sku):
                hangs_together(each, after)
        refused.told()
        claims = [
            claim
            for each in wanted
            for claim in _claims(each, states[article_stream(each.sku)], new_only=True)
        ]
        return Decision(events, claims)

    done = await handle_together(
        gateway.store,
        dict.fromkeys(batch, ARTICLE),
        decide,
        ask=ask,
        reads=dict.fromkeys(sorted(beside), ARTICLE),
    )
    return len(done.appended.recorded)


async def list_one(
    gateway: Gateway, store_id: str, wanted: ArticleListed, *, ask: Ask
) -> ArticleListed:
    """As `list_articles`; raises what stands against the one article itself."""
    try:
        await list_articles(gateway, store_id, [wanted], ask=ask)
    except ImportRefused as refused:
        raise (refused.first or refused) from refused
    return await article(gateway, wanted.sku)


async def delist(gateway: Gateway, sku: str, *, ask: Ask) -> None:
    """Raises `ArticleUnknown` for what was never listed."""
    stream = article_stream(sku)
    command = DelistArticle(sku, gateway.clock())

    def decide(states: Mapping[str, Any]) -> Decision:
        known: Article = states[stream]
        gone = () if known.listed is None else known.listed.gtins
        back = [GiveBack(gtin_claim(gtin), stream) for gtin in gone]
        return Decision({stream: ARTICLE.decide(command, known)}, back)

    await handle_together(gateway.store, {stream: ARTICLE}, decide, ask=ask)


def _claims(wanted: ArticleListed, before: Article, *, new_only: bool) -> list[Claim]:
    stream = article_stream(wanted.sku)
    had = set() if before.listed is None else {code_of(gtin) for gtin in before.listed.gtins}
    has = {code_of(gtin) for gtin in wanted.gtins}
    claims: list[Claim] = [GiveBack(f"gtin:{code}", stream) for code in sorted(had - has)]
    claims += [Take(f"gtin:{code}", stream) for code in sorted(has - had if new_only else has)]
    if not before.known:
        claims.append(Take(f"article:{wanted.sku}", stream))
    return claims


async def _keep_store(gateway: Gateway, store_id: str, wanted: Sequence[ArticleListed]) -> None:
    master_data = await gateway.master_data(store_id)
    rates = rates_on(master_data, business_date(master_data, gateway.clock()))
    refused, skus = _Refused(), set[str]()
    for row, each in enumerate(wanted, start=1):
        with refused.of(row, each.sku):
            if each.sku in skus:
                raise ArticleRefused("the same article twice")
            skus.add(each.sku)
            if each.vat not in rates:
                raise VatUnknown(f"there is no VAT key {each.vat}", vat=each.vat)
            if each.price is not None and each.price.currency != master_data.currency:
                raise CurrencyUnknown(f"this chain sells in {master_data.currency}")
    refused.told()


async def _expect_new(gateway: Gateway, streams: Mapping[str, ArticleListed]) -> None:
    """What was never listed need not be read, stream by stream."""
    claims = {f"article:{each.sku}": stream for stream, each in streams.items()}
    owned = await gateway.store.owners_of(list(claims))
    for claim, stream in claims.items():
        if claim not in owned:
            gateway.store.streams.expect_new(stream, ARTICLE.initial)


async def _codes_free(gateway: Gateway, wanted: Sequence[ArticleListed]) -> None:
    """Each code belongs to one article. The claim would say so too, but not which row it is."""
    claims = {gtin_claim(gtin) for each in wanted for gtin in each.gtins}
    owners = await gateway.store.owners_of(sorted(claims))
    refused = _Refused()
    for row, each in enumerate(wanted, start=1):
        own = article_stream(each.sku)
        for gtin in each.gtins:
            with refused.of(row, each.sku):
                if owners.setdefault(gtin_claim(gtin), own) != own:
                    raise CodeTaken(f"{gtin} belongs to another article", gtin=gtin)
    refused.told()


class _Refused:
    """What stands against the rows of an import."""

    def __init__(self) -> None:
        self._rows = list[dict[str, object]]()
        self._first: DomainError | None = None
        self._row, self._sku = 0, ""

    def of(self, row: int, sku: str) -> _Refused:
        self._row, self._sku = row, sku
        return self

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, fault: BaseException | None, __: object) -> bool:
        if not isinstance(fault, DomainError):
            return False
        self._first = self._first or fault
        self._rows.append(
            {"row": self._row, "sku": self._sku, "code": fault.code, "reason": str(fault.detail)}
        )
        return True

    def told(self) -> None:
        """Raises `ImportRefused` where anything was refused."""
        if self._first is None:
            return
        refusal = ImportRefused(
            str(self._first.detail),
            refused=self._rows[:REFUSED_MAX],
            refused_count=len(self._rows),
        )
        refusal.first = self._first
        raise refusal


# -- what is found -------------------------------------------------------------------------------


async def article(gateway: Gateway, sku: str) -> ArticleListed:
    """The article as the log has it now. Raises `ArticleUnknown`."""
    _, found = await state_of(gateway.store, ARTICLE, article_stream(sku))
    if found.listed is None:
        raise ArticleUnknown(sku=sku)
    return found.listed


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
