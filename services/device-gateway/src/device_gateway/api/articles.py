"""The assortment and the tills' keys over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from device_gateway.api.article_bodies import (
    ArticleAnswer,
    ArticleBody,
    ArticlesAnswer,
    GroupsAnswer,
    ImportAnswer,
    Sku,
    TouchKeysAnswer,
    TouchKeysBody,
    article_answer,
    keys_answer,
)
from device_gateway.api.article_import import IMPORT_BYTES_MAX, read_rows
from device_gateway.api.bodies import Body
from device_gateway.api.callers import in_store, store_or_reader
from device_gateway.decider.touch_keys import CHAIN
from device_gateway.handlers import assortment, listing, touch_keys
from device_gateway.handlers.assortment import AssortmentAway
from device_gateway.handlers.gateway import Gateway
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.idempotency import AskOf
from kassenverbund.kit.routes import chainwide
from kassenverbund.kit.text import Identifier

IMPORTS_PATH = "/{store_id}/v1/articles/imports"
SEARCH_MAX = 100

Office = Annotated[Caller, Depends(in_store("back_office"))]
OfficeOrManager = Annotated[Caller, Depends(in_store("back_office", "manager"))]
Looks = Annotated[Caller, Depends(store_or_reader)]


class Delisted(BaseModel):
    sku: str
    listed: bool = False


class Nothing(Body):
    pass


def _sent(told: BaseModel) -> Response:
    return Response(told.model_dump_json(), media_type="application/json")


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(tags=["articles"])
    _imports(routes, gateway)
    _reads(routes, gateway)
    _writes(routes, gateway)
    _keys(routes, gateway)
    return routes


def _imports(routes: APIRouter, gateway: Gateway) -> None:
    schema = {"type": "string", "maxLength": IMPORT_BYTES_MAX}
    content = {"text/csv": {"schema": schema}, "application/x-ndjson": {"schema": schema}}

    @routes.post(
        IMPORTS_PATH,
        response_model=ImportAnswer,
        openapi_extra={"requestBody": {"required": True, "content": content}},
    )
    async def imported(
        store_id: Identifier, request: Request, caller: Office, ask: AskOf
    ) -> Response:
        """At most 1,000 articles as CSV or JSON lines: all of them or none. 422 `articles.refused`
        names the rows that stand against it."""
        chainwide(caller)
        master_data = await gateway.master_data(store_id)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        rows = read_rows(
            await request.body(),
            csv_file=kind == "text/csv",
            currency=master_data.currency,
            now=gateway.clock(),
        )
        changed = await listing.list_articles(gateway, store_id, rows, ask=ask)
        return _sent(ImportAnswer(rows=len(rows), changed=changed))


def _reads(routes: APIRouter, gateway: Gateway) -> None:
    @routes.get("/{store_id}/v1/articles", response_model=ArticlesAnswer)
    async def search(
        store_id: Identifier,
        caller: Looks,
        q: Annotated[str, Query(max_length=SEARCH_MAX, pattern=r"^[^\x00]*$")] = "",
        group: Identifier | None = None,
        page: Annotated[str, Query(max_length=1_000)] | None = None,
    ) -> Response:
        """By sku, by code, or by the words of the name as far as they are typed."""
        found = await assortment.search(gateway, q, group=group, page=page)
        articles = tuple(article_answer(each) for each in found.articles)
        return _sent(ArticlesAnswer(articles=articles, next=found.next))

    @routes.get("/{store_id}/v1/article-groups", response_model=GroupsAnswer)
    async def groups(store_id: Identifier, caller: Looks) -> Response:
        if gateway.assortment is None:
            raise AssortmentAway
        return _sent(GroupsAnswer(groups=tuple(await gateway.assortment.groups())))

    @routes.get("/{store_id}/v1/articles/by-code/{gtin}", response_model=ArticleAnswer)
    async def by_code(store_id: Identifier, gtin: Identifier, caller: Looks) -> Response:
        """The article with this GTIN (EAN, ISBN-13), as it is at this moment."""
        return _sent(article_answer(await assortment.by_code(gateway, gtin)))

    @routes.get("/{store_id}/v1/articles/{sku}", response_model=ArticleAnswer)
    async def one(store_id: Identifier, sku: Sku, caller: Looks) -> Response:
        return _sent(article_answer(await assortment.article(gateway, sku)))


def _writes(routes: APIRouter, gateway: Gateway) -> None:
    @routes.put("/{store_id}/v1/articles/{sku}", response_model=ArticleAnswer)
    async def put(
        store_id: Identifier, sku: Sku, body: ArticleBody, caller: Office, ask: AskOf
    ) -> Response:
        """List an article, or change it: in all stores. VAT keys and currency are this store's."""
        chainwide(caller)
        wanted = body.listed(sku, gateway.clock())
        return _sent(article_answer(await listing.list_one(gateway, store_id, wanted, ask=ask)))

    @routes.delete("/{store_id}/v1/articles/{sku}", response_model=Delisted)
    async def delete(store_id: Identifier, sku: Sku, caller: Office, ask: AskOf) -> Response:
        """It is not sold any more, in no store. What was sold stays as it is."""
        chainwide(caller)
        await listing.delist(gateway, sku, ask=ask)
        return _sent(Delisted(sku=sku))


def _keys(routes: APIRouter, gateway: Gateway) -> None:
    @routes.get("/{store_id}/v1/touch-keys", response_model=TouchKeysAnswer)
    async def shown(store_id: Identifier, caller: Looks) -> Response:
        """The store's own keys, else the chain's; with prices and presets as they are now."""
        return _sent(keys_answer(await touch_keys.shown(gateway, store_id)))

    @routes.put("/{store_id}/v1/touch-keys", response_model=TouchKeysAnswer)
    async def own(
        store_id: Identifier, body: TouchKeysBody, caller: OfficeOrManager, ask: AskOf
    ) -> Response:
        await gateway.master_data(store_id)
        await touch_keys.set_keys(gateway, store_id, body.as_pages(), ask=ask)
        return _sent(keys_answer(await touch_keys.shown(gateway, store_id)))

    @routes.put("/{store_id}/v1/touch-keys/chain", response_model=TouchKeysAnswer)
    async def all_stores(
        store_id: Identifier, body: TouchKeysBody, caller: Office, ask: AskOf
    ) -> Response:
        """The keys of all stores that have none of their own."""
        chainwide(caller)
        await touch_keys.set_keys(gateway, CHAIN, body.as_pages(), ask=ask)
        return _sent(keys_answer(await touch_keys.shown(gateway, store_id)))
