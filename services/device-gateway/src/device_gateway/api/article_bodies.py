"""Articles and touch keys as they are sent, and as tills see them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from device_gateway.api.bodies import LINE_NAME_MAX, SKU_MAX, Body
from device_gateway.events import ArticleKind, ArticleListed, Function, TouchKey, TouchPage
from device_gateway.handlers.touch_keys import ShownKey, ShownKeys
from kassenverbund.kit.text import Identifier, SafeName
from money import Money

GTINS_MAX = 20
PAGES_MAX = 20
KEYS_MAX = 100
LABEL_MAX = 40

Sku = Annotated[SafeName, Field(max_length=SKU_MAX, pattern=r"^[^/]+$")]
Gtin = Annotated[str, Field(pattern=r"^[0-9]{8,14}$")]


class ArticleBody(Body):
    """An article, whole. `price` is gross, per unit; `open_price`: it is typed at the till.

    `deposit_sku` is sold with each unit. `pair_sku` names the other half of a voucher of two plain
    articles; both have the same `vat`.
    """

    name: Annotated[SafeName, Field(max_length=LINE_NAME_MAX)]
    price: Money | None = None
    vat: Identifier
    article_group: Identifier | None = None
    gtins: Annotated[tuple[Gtin, ...], Field(max_length=GTINS_MAX)] = ()
    kind: ArticleKind = "article"
    open_price: StrictBool = False
    function: Function | None = None
    deposit_sku: Sku | None = None
    pair_sku: Sku | None = None
    goods: Annotated[SafeName, Field(max_length=LINE_NAME_MAX)] | None = None

    def listed(self, sku: str, now: datetime) -> ArticleListed:
        fields = self.model_dump(exclude={"gtins"})
        return ArticleListed(
            sku=sku, listed_at=now, gtins=tuple(dict.fromkeys(self.gtins)), **fields
        )


class ImportedArticle(ArticleBody):
    """A line of an import in JSON lines."""

    sku: Sku

    def listed_as_is(self, now: datetime) -> ArticleListed:
        fields = self.model_dump(exclude={"gtins"})
        return ArticleListed(listed_at=now, gtins=tuple(dict.fromkeys(self.gtins)), **fields)


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class ArticleAnswer(Answer):
    """An article as it is sold now."""

    sku: str
    name: str
    price: Money | None
    vat: str
    article_group: str | None
    gtins: tuple[str, ...]
    kind: str
    open_price: bool
    function: str | None
    deposit_sku: str | None
    pair_sku: str | None
    goods: str | None


class ArticlesAnswer(Answer):
    articles: tuple[ArticleAnswer, ...]
    next: str | None
    """Ask again with it as `page`; null: these were the last ones."""


class GroupsAnswer(Answer):
    groups: tuple[str, ...]


class ImportAnswer(Answer):
    """`changed`: those that are new, or other than before."""

    rows: int
    changed: int


class TouchKeyBody(Body):
    """One of `sku`, `preset` (which of the voucher service's values, from 0) and `function`."""

    label: Annotated[SafeName, Field(max_length=LABEL_MAX)]
    position: Annotated[int, Field(ge=0, lt=KEYS_MAX)]
    sku: Sku | None = None
    preset: Annotated[int, Field(ge=0, lt=50)] | None = None
    function: Function | None = None
    colour: Annotated[str, Field(pattern=r"^[a-z]{3,20}$")] | None = None
    """A name of the till's palette."""


class TouchPageBody(Body):
    label: Annotated[SafeName, Field(max_length=LABEL_MAX)]
    keys: Annotated[tuple[TouchKeyBody, ...], Field(max_length=KEYS_MAX)] = ()


class TouchKeysBody(Body):
    """All keys of a scope. Without pages, a store shows the chain's again."""

    pages: Annotated[list[TouchPageBody], Field(max_length=PAGES_MAX)]

    def as_pages(self) -> list[TouchPage]:
        return [
            TouchPage(
                label=page.label, keys=tuple(TouchKey(**key.model_dump()) for key in page.keys)
            )
            for page in self.pages
        ]


class TouchKeyAnswer(Answer):
    label: str
    position: int
    sku: str | None
    function: str | None
    preset: int | None
    colour: str | None
    name: str | None
    price: Money | None
    """Of the article, or the value of the preset. null: typed at the till."""
    open_price: bool
    vat: str | None
    kind: str | None
    """Of the article; of a preset `voucher_sale`."""


class TouchPageAnswer(Answer):
    label: str
    keys: tuple[TouchKeyAnswer, ...]


class TouchKeysAnswer(Answer):
    scope: str
    """Whose keys they are: the store's, or `chain`."""
    pages: tuple[TouchPageAnswer, ...]
    presets: tuple[Money, ...]


def article_answer(listed: ArticleListed) -> ArticleAnswer:
    return ArticleAnswer(**{name: getattr(listed, name) for name in ArticleAnswer.model_fields})


def _key(shown: ShownKey) -> TouchKeyAnswer:
    key, found = shown.key, shown.article
    return TouchKeyAnswer(
        label=key.label,
        position=key.position,
        sku=key.sku,
        function=key.function or (found.function if found else None),
        preset=key.preset,
        colour=key.colour,
        name=found.name if found else None,
        price=found.price if found else shown.value,
        open_price=found.open_price if found else False,
        vat=found.vat if found else ("zero" if shown.value else None),
        kind=found.kind if found else ("voucher_sale" if shown.value else None),
    )


def keys_answer(shown: ShownKeys) -> TouchKeysAnswer:
    return TouchKeysAnswer(
        scope=shown.scope,
        pages=tuple(
            TouchPageAnswer(label=page.label, keys=tuple(_key(key) for key in page.keys))
            for page in shown.pages
        ),
        presets=tuple(shown.presets),
    )
