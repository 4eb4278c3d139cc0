"""The read model of the assortment: where to look, never what to decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from device_gateway.events import ArticleListed

ARTICLES_PAGE = 50
"""Articles of one page of a search."""

FOUND_MAX = 500
"""As deep as a search is paged through. Whoever looks for more says more words."""


@dataclass(frozen=True, slots=True)
class FoundArticles:
    articles: Sequence[ArticleListed]
    next: str | None = None
    """Ask again with it as `page`; None: these were the last ones."""


class Assortment(Protocol):
    """A moment behind the log."""

    async def search(
        self, q: str, *, group: str | None = None, page: str | None = None
    ) -> FoundArticles:
        """Articles whose sku or code is `q`, or begins with it, and those that have all its words
        in their names, as beginnings of words; umlauts and accents folded. Without words: all, or
        those of the group, by name. Raises `CursorInvalid`."""
        ...

    async def groups(self) -> Sequence[str]:
        """The article groups in use, in order."""
        ...
