"""What the chain sells is listed, changed and taken off the list: decided on the log alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
from device_gateway.decider.refusals import CurrencyUnknown, VatUnknown
from device_gateway.events import ArticleListed
from device_gateway.folding import code_of
from device_gateway.handlers.gateway import Gateway, business_date, rates_on
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

IMPORT_ROWS_MAX = 1_000
"""Articles of one append: all of them or none."""


REFUSED_MAX = 20
"""Rows that a refused import names."""


class ImportRefused(DomainError):
    """Nothing of these rows is taken over. `refused`: `row` (from 1), `sku`, `code`, `reason`."""

    code = "articles.refused"
    status = 422
    title = "These articles are not taken over: some of them cannot be"
    first: DomainError | None = None
    """What stands against the first of them."""


def article_stream(sku: str) -> str:
    return f"article-{sku}"


def gtin_claim(gtin: str) -> str:
    return f"gtin:{code_of(gtin)}"


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


async def article(gateway: Gateway, sku: str) -> ArticleListed:
    """The article as the log has it now. Raises `ArticleUnknown`."""
    _, found = await state_of(gateway.store, ARTICLE, article_stream(sku))
    if found.listed is None:
        raise ArticleUnknown(sku=sku)
    return found.listed
