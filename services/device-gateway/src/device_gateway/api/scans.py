"""Scans that a screen took itself: typed, by a keyboard scanner, or by the camera."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import Field, StrictBool, model_validator

from device_gateway.api.bodies import Body
from device_gateway.api.callers import own_till
from device_gateway.codes.scanned import Action, Confidence, Kind, Mode, Scanned
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.scans import TillScan, announce, say_what, scan_at
from device_gateway.queries import Answer
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.chain_codes import CodeTarget
from kassenverbund.kit.text import Identifier
from money import Money

TEXT_MAX = 600
"""Longer than any scan that is looked at (512 bytes): what is too long is told as such."""

OwnTill = Annotated[Caller, Depends(own_till)]


class ScanBody(Body):
    """`text`, as it was read; or what a person says an open `scan` `is`. `mode` absent: what the
    till said last."""

    text: Annotated[str, Field(min_length=1, max_length=TEXT_MAX)] | None = None
    aim: Annotated[str, Field(pattern=r"^\][A-Za-z][0-9A-Za-z]$")] | None = None
    source: Literal["wedge", "camera", "typed"] = "typed"
    mode: Mode | None = None
    scan: Identifier | None = None
    is_a: CodeTarget | None = None
    tell: StrictBool = False
    """The till's screens hear of it as of a scanner's scan: the camera has a window of its own."""

    @model_validator(mode="after")
    def _one_of_two(self) -> ScanBody:
        if (self.text is None) == (self.scan is None):
            raise ValueError("a scan is its `text`, or the `scan` that is spoken of")
        if (self.scan is None) != (self.is_a is None):
            raise ValueError("`is_a` says what an open `scan` is")
        return self

    def __repr_args__(self) -> list[tuple[str | None, object]]:
        """Nothing that was read stands in a log line."""
        return [("source", self.source), ("mode", self.mode)]


class ScannedArticle(Answer):
    sku: str
    name: str
    price: Money | None
    open_price: bool


class ScanAnswer(Answer):
    """`value` null: it is secret, and `scan` stands for it in the next request, once, within a
    minute. `action`: what the till may do by itself. `choices`: what to ask for. `command_key`: the
    Idempotency-Key of what comes of it."""

    kind: Kind
    value: str | None
    label: str
    confidence: Confidence
    rule: str
    action: Action
    target: CodeTarget | None
    mode: Mode
    scan: str | None
    command_key: str
    choices: tuple[str, ...]
    elements: dict[str, str]
    article: ScannedArticle | None


class ModeBody(Body):
    mode: Mode


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(prefix="/{store_id}/v1/tills/{till_id}", tags=["scans"])

    @routes.post("/scans", response_model=ScanAnswer)
    async def scan(
        store_id: Identifier, till_id: Identifier, body: ScanBody, caller: OwnTill
    ) -> Response:
        """What this is. Nothing is stored: the same text may be sent again."""
        if body.scan is not None:
            assert body.is_a is not None
            told = await say_what(gateway, till_id, body.scan, body.is_a, mode=body.mode)
        else:
            raw = Scanned(body.text or "", body.source, body.aim)
            told = await scan_at(gateway, till_id, raw, mode=body.mode)
            if body.tell:
                announce(gateway, store_id, till_id, body.source, told)
        return Response(scan_answer(told).model_dump_json(), media_type="application/json")

    @routes.put("/scan-mode", response_model=ModeBody)
    async def mode(
        store_id: Identifier, till_id: Identifier, body: ModeBody, caller: OwnTill
    ) -> ModeBody:
        """What the till waits for, for the scanners that this program reads itself."""
        gateway.scans.set_mode(till_id, body.mode)
        return body

    return routes


def scan_answer(told: TillScan) -> ScanAnswer:
    """A scan as its till may see it."""
    found, article = told.found, told.article
    return ScanAnswer(
        kind=found.kind,
        value=told.value,
        label=found.label,
        confidence=found.confidence,
        rule=found.rule,
        action=found.action,
        target=found.target,
        mode=told.mode,
        scan=told.scan_id,
        command_key=told.command_key,
        choices=tuple(told.kinds),
        elements={} if found.secret else dict(found.elements),
        article=None
        if article is None
        else ScannedArticle(
            sku=article.sku,
            name=article.name,
            price=article.price,
            open_price=article.open_price,
        ),
    )
