"""What back office prepares: templates, presets, print runs, imports."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from events import Event, event_type
from money import Money
from voucher.events.terms import Part, Terms

PRESETS_MAX = 12
"""As many keys as a till has room for."""


class Validity(Part):
    """How long a voucher of a template is valid, counted from its sale."""

    kind: Literal["end_of_year", "months", "fixed"] = "end_of_year"
    years: Annotated[int, Field(ge=0, le=30)] = 3
    """`end_of_year`: to 31 December of the n-th year after the year of sale (BGB §§ 195, 199)."""
    months: Annotated[int, Field(ge=1, le=360)] | None = None
    until: date | None = None


class Article(Part):
    """An article of the till. `vat`: the key of its rate; None: it carries none."""

    sku: str
    vat: str | None = None


class ArticlePair(Part):
    """The two articles by which a till sells and takes a voucher. They are taxed alike: a voucher
    that is taxed at its sale is not taxed again at its redemption, and the other way round."""

    sale: Article
    redeem: Article


@event_type("template.defined")
class TemplateDefined(Event):
    """A template has these terms from now on (stream `template-{template_id}`). Vouchers that were
    issued before keep theirs."""

    template_id: str
    name: str
    terms: Terms
    validity: Validity
    value: Money | None = None
    """A fixed face value; None: free."""
    price: Money | None = None
    """What is paid for it; None: the face value."""
    articles: ArticlePair | None = None
    """Articles of the till that stand for it, where the till books by article."""
    active: bool = True
    defined_at: AwareDatetime


@event_type("presets.set")
class PresetsSet(Event):
    """The face values on the tills' keys (stream `presets-{store_id}`, or `presets-chain`)."""

    scope: str
    """A store's id, or `chain`."""
    values: Annotated[tuple[Money, ...], Field(max_length=PRESETS_MAX)]
    """Empty for a store: the chain's hold again."""
    template_id: str | None = None
    set_at: AwareDatetime


@event_type("batch.ordered")
class BatchOrdered(Event):
    """A print run of blank cards, or an import (stream `batch-{batch_id}`)."""

    batch_id: str
    kind: Literal["cards", "import"]
    legal_entity_id: str
    cards: Annotated[int, Field(ge=1)]
    terms: Terms
    value: Money | None = None
    """Fixed value of the cards; None: chosen at the till."""
    total: Money | None = None
    """An import: the sum of the opening balances, as the file's owner gave it."""
    ordered_at: AwareDatetime


@event_type("batch.progressed")
class BatchProgressed(Event):
    """So many of its vouchers are in the log now."""

    batch_id: str
    done: int
    progressed_at: AwareDatetime


@event_type("batch.completed")
class BatchCompleted(Event):
    """All of its vouchers are in the log."""

    batch_id: str
    cards: int
    total: Money | None = None
    """An import: the sum that was taken over."""
    completed_at: AwareDatetime


@event_type("batch.exported")
class BatchExported(Event):
    """The codes were handed out for print, once. They are wiped here."""

    batch_id: str
    cards: int
    digest: str
    """SHA-256 of the file, hex."""
    exported_at: AwareDatetime


@event_type("batch.voided")
class BatchVoided(Event):
    """Cards of the run that were never sold open nothing any more."""

    batch_id: str
    reason: str
    voided_at: AwareDatetime
