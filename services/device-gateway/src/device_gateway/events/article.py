"""What the chain sells, and what the tills' keys show."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from device_gateway.events.parts import LeftOut, Part, Rare
from events import Event, event_type
from money import Money

ArticleKind = Literal[
    "article", "voucher_sale", "voucher_redemption", "voucher_top_up", "deposit", "function"
]
"""`voucher_sale` and `voucher_redemption` with a `pair_sku` are a pair of plain articles (nobody
keeps a balance); a `voucher_sale` without one sells a voucher of the voucher service."""

Function = Literal[
    "pay_by_center_number", "pay_by_customer_card", "redeem_voucher", "order_pickup", "tip"
]
"""What a key of the goods group "Cashierfunctions" does instead of selling something."""


@event_type("article.listed")
class ArticleListed(Event):
    """The article as it is sold from now on, whole. Stream `article-{sku}`; in all stores."""

    sku: str
    name: str
    price: Rare[Money] = None
    """Gross, per unit. None: typed at the till (`open_price`), or nothing is sold (a function)."""
    vat: str
    article_group: Rare[str] = None
    gtins: Annotated[tuple[str, ...], LeftOut] = ()
    kind: ArticleKind = "article"
    open_price: Annotated[bool, LeftOut] = False
    function: Rare[Function] = None
    deposit_sku: Rare[str] = None
    """The deposit (Pfand) that is sold with each unit."""
    pair_sku: Rare[str] = None
    """Voucher articles: the other half, of the same VAT."""
    goods: Rare[str] = None
    """A single-purpose voucher: the kind of goods, for the paper."""
    listed_at: datetime


@event_type("article.delisted")
class ArticleDelisted(Event):
    """It is not sold any more. Stream `article-{sku}`."""

    sku: str
    delisted_at: datetime


class TouchKey(Part):
    """One key: it sells an article, sells a voucher of a preset value, or does something."""

    label: str
    position: int
    sku: Rare[str] = None
    preset: Rare[int] = None
    """Which of the voucher service's values for this store, from 0. Its price is the value."""
    function: Rare[Function] = None
    colour: Rare[str] = None


class TouchPage(Part):
    label: str
    keys: Annotated[tuple[TouchKey, ...], Field(max_length=100)] = ()


@event_type("touch_keys.set")
class TouchKeysSet(Event):
    """The keys of all tills of a scope, whole: a store, or `chain`. Stream `touch-keys-{scope}`.
    Without pages a store shows the chain's again."""

    scope: str
    pages: tuple[TouchPage, ...]
    set_at: datetime
