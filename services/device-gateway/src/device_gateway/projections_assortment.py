"""Read model: the assortment. A page of the log becomes at most four statements."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from device_gateway.events import ArticleDelisted, ArticleListed
from device_gateway.folding import code_of, folded, words_of
from events import Recorded
from events.projection import names_of

_LISTED = text(
    "INSERT INTO article (sku, folded, words, article_group, document)"
    " SELECT sku, folded, array_to_tsvector(string_to_array(words, ' ')), article_group, document"
    " FROM unnest(CAST(:skus AS text[]), CAST(:folded AS text[]), CAST(:words AS text[]),"
    " CAST(:groups AS text[]), CAST(:documents AS text[]))"
    " AS new(sku, folded, words, article_group, document)"
    " ON CONFLICT (sku) DO UPDATE SET folded = excluded.folded, words = excluded.words,"
    " article_group = excluded.article_group, document = excluded.document"
)
_GONE = text("DELETE FROM article WHERE sku = ANY(CAST(:skus AS text[]))")
_CODES_GONE = text("DELETE FROM article_code WHERE sku = ANY(CAST(:skus AS text[]))")
_CODES = text(
    "INSERT INTO article_code (code, sku)"
    " SELECT * FROM unnest(CAST(:codes AS text[]), CAST(:skus AS text[]))"
    " ON CONFLICT (code) DO UPDATE SET sku = excluded.sku"
)


class AssortmentProjection:
    """A row per article that is sold, and one per code."""

    name = "assortment"
    version = 1
    reads = names_of(ArticleListed, ArticleDelisted)

    async def apply(self, tx: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        last: dict[str, ArticleListed | None] = {}
        for entry in recorded:
            match entry.event:
                case ArticleListed() as listed:
                    last[listed.sku] = listed
                case ArticleDelisted() as gone:
                    last[gone.sku] = None
                case _:
                    continue
        if not last:
            return
        listed_now = [each for each in last.values() if each is not None]
        gone_now = [sku for sku, each in last.items() if each is None]
        await tx.execute(_CODES_GONE, {"skus": list(last)})
        if gone_now:
            await tx.execute(_GONE, {"skus": gone_now})
        if listed_now:
            await self.write(tx, listed_rows(listed_now))

    @staticmethod
    async def write(tx: AsyncConnection, rows: ListedRows) -> None:
        """Rows of articles, each named once, whose earlier codes are gone already."""
        columns, codes = rows
        await tx.execute(_LISTED, columns)
        if codes:
            await tx.execute(_CODES, {"codes": list(codes), "skus": list(codes.values())})


ListedRows = tuple[dict[str, list[str | None]], dict[str, str]]
"""Columns of `article`, and code → sku."""


def listed_rows(listed: Sequence[ArticleListed]) -> ListedRows:
    """What the read model holds of articles."""
    return _columns(listed), {code_of(gtin): each.sku for each in listed for gtin in each.gtins}


def _columns(listed: Sequence[ArticleListed]) -> dict[str, list[str | None]]:
    return {
        "skus": [each.sku for each in listed],
        "folded": [folded(each.name) for each in listed],
        "words": [" ".join(words_of(f"{each.name} {each.sku}")) for each in listed],
        "groups": [each.article_group for each in listed],
        "documents": [each.model_dump_json() for each in listed],
    }
