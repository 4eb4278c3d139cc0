"""Templates, presets and article pairs over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import AfterValidator, Field

from kassenverbund.kit.auth import Caller
from kassenverbund.kit.routes import (
    PAGE_DEFAULT,
    WRITE,
    Answer,
    Body,
    Office,
    PageSize,
    Position,
    Positive,
    as_json,
    chainwide,
    reads,
    within,
)
from kassenverbund.kit.text import Identifier, SafeName
from money import Money
from voucher.decider.catalogue import Template, TemplateUnknown, check_pair
from voucher.events import PRESETS_MAX, ArticlePair, Terms, Validity
from voucher.handlers.catalogue import Catalogue
from voucher.queries_catalogue import CatalogueQueries

VALUE_MINOR_MAX = 1_000_000
"""10,000.00. The chain's own limit for one voucher may be lower; larger is a typing error."""


def _within_limits(amount: Money) -> Money:
    if amount.amount > VALUE_MINOR_MAX:
        raise ValueError(f"a voucher is worth at most {VALUE_MINOR_MAX} minor units")
    return amount


def _not_negative(amount: Money) -> Money:
    if amount.amount < 0:
        raise ValueError("the price must not be negative")
    return amount


Value = Annotated[Positive, AfterValidator(_within_limits)]

Price = Annotated[Money, AfterValidator(_not_negative), AfterValidator(_within_limits)]

Viewer = Annotated[
    Caller, Depends(reads("service", "cashier", "manager", "back_office", "auditor"))
]


class NoSuchTemplate(TemplateUnknown):
    """Asked for by its path."""

    status = 404


class ArticleBody(Body):
    sku: SafeName
    vat: Identifier | None = None
    """Key of its VAT rate; null: it carries none."""


class PairBody(Body):
    sale: ArticleBody
    redeem: ArticleBody

    def pair(self) -> ArticlePair:
        return ArticlePair.model_validate(self.model_dump())


class TemplateBody(Body):
    name: SafeName
    terms: Terms = Terms()
    """`rate` and `dsfinvk_key` of a single-purpose voucher are those of the chain on the day of its
    sale, whatever stands here."""
    validity: Validity = Validity()
    value: Value | None = None
    price: Price | None = None
    articles: PairBody | None = None
    active: bool = True


class PresetsBody(Body):
    values: Annotated[tuple[Value, ...], Field(max_length=PRESETS_MAX)]
    """Empty: the chain's hold (for a store), or none (for the chain)."""
    template_id: Identifier | None = None


class TemplateAnswer(Answer):
    template_id: str
    name: str
    terms: Terms
    validity: Validity
    value: Money | None
    price: Money | None
    articles: ArticlePair | None
    active: bool
    defined_at: datetime


class DefinedAnswer(TemplateAnswer):
    warnings: tuple[str, ...]
    """`validity.below_three_years`: a shorter validity than the law's needs a reason."""
    position: int


class TemplatesAnswer(Answer):
    templates: tuple[TemplateAnswer, ...]
    next: str | None
    """Give this as `after` for the next page."""
    complete: bool
    """False: the effect of `position` does not show yet."""


class PresetsAnswer(Answer):
    scope: str
    values: tuple[Money, ...]
    template_id: str | None
    own: bool
    """False: these are the chain's, the store has none of its own."""


class PresetsSetAnswer(Answer):
    scope: str
    values: tuple[Money, ...]
    template_id: str | None
    position: int


class PairAnswer(Answer):
    consistent: bool = True


def routes(catalogue: Catalogue, queries: CatalogueQueries) -> APIRouter:
    """Routes of the catalogue, below `/voucher`."""
    found = APIRouter()
    _templates(found, catalogue, queries)
    preset_routes(found, catalogue)

    @found.post("/v1/article-pairs/check", response_model=PairAnswer)
    async def check(body: PairBody, caller: Viewer) -> Response:
        """Whether two articles sell and redeem a voucher alike. Reads only.

        422 `voucher.pair_differs` names both where their VAT differs."""
        check_pair(body.pair())
        return as_json(PairAnswer())

    return found


def _templates(routes: APIRouter, catalogue: Catalogue, queries: CatalogueQueries) -> None:
    @routes.put("/v1/templates/{template_id}", response_model=DefinedAnswer, openapi_extra=WRITE)
    async def define(template_id: Identifier, body: TemplateBody, asked: Office) -> Response:
        """Say what a template offers from now on. Issued vouchers keep their terms."""
        chainwide(asked.caller)
        done = await catalogue.define(
            asked.ask,
            template_id=template_id,
            name=body.name,
            terms=body.terms,
            validity=body.validity,
            value=body.value,
            price=body.price,
            articles=None if body.articles is None else body.articles.pair(),
            active=body.active,
        )
        shown = _shown(done.template).model_dump()
        return as_json(DefinedAnswer(**shown, warnings=done.warnings, position=done.position))

    @routes.get("/v1/templates/{template_id}", response_model=TemplateAnswer)
    async def template(template_id: Identifier, caller: Viewer) -> Response:
        """One template as it is now, sold or not."""
        try:
            return as_json(_shown(await catalogue.known(template_id)))
        except TemplateUnknown as unknown:
            raise NoSuchTemplate(template_id) from unknown

    @routes.get("/v1/templates", response_model=TemplatesAnswer)
    async def templates(
        caller: Viewer,
        store: Identifier | None = None,
        withdrawn: bool = False,
        after: Identifier | None = None,
        limit: PageSize = PAGE_DEFAULT,
        position: Position = 0,
    ) -> Response:
        """Templates by id. `store`: only those that it may sell."""
        page = await queries.templates(
            store=store or caller.store_id,
            withdrawn=withdrawn,
            after=after or "",
            limit=limit,
            position=position,
        )
        return as_json(
            TemplatesAnswer(
                templates=tuple(map(_shown, page.templates)),
                next=page.next,
                complete=page.complete,
            )
        )


def preset_routes(routes: APIRouter, catalogue: Catalogue) -> None:
    """The values on the tills' keys."""

    @routes.put("/v1/presets/{scope}", response_model=PresetsSetAnswer, openapi_extra=WRITE)
    async def set_presets(scope: Identifier, body: PresetsBody, asked: Office) -> Response:
        """Set the face values on the tills' keys: of one store, or of all (`chain`). They show at
        once, on every till."""
        within(asked.caller, scope)
        position = await catalogue.set_presets(
            asked.ask, scope=scope, values=body.values, template_id=body.template_id
        )
        return as_json(
            PresetsSetAnswer(
                scope=scope, values=body.values, template_id=body.template_id, position=position
            )
        )

    @routes.get("/v1/presets", response_model=PresetsAnswer)
    async def presets(caller: Viewer, store: Identifier | None = None) -> Response:
        """The face values that a store's tills show now; without a store, the chain's."""
        wanted = store or caller.store_id
        if wanted is None:
            shared = await catalogue.chain_presets()
            return as_json(
                PresetsAnswer(
                    scope="chain", values=shared.values, template_id=shared.template_id, own=True
                )
            )
        within(caller, wanted)
        found = await catalogue.presets(wanted)
        return as_json(
            PresetsAnswer(
                scope=wanted, values=found.values, template_id=found.template_id, own=found.own
            )
        )


def _shown(template: Template) -> TemplateAnswer:
    return TemplateAnswer(
        template_id=template.template_id,
        name=template.name,
        terms=template.terms,
        validity=template.validity,
        value=template.value,
        price=template.price,
        articles=template.articles,
        active=template.active,
        defined_at=template.defined_at,
    )
