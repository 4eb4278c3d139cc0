"""A scan at a till, whoever read it: classified, its article looked up, its secret kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from device_gateway.codes.classify import answered, classify
from device_gateway.codes.scanned import Classified, Mode, Scanned
from device_gateway.decider.article import ArticleUnknown
from device_gateway.events import ArticleListed
from device_gateway.handlers.assortment import article, by_code
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.live import LiveEvent
from events import DomainError, Transient
from kassenverbund.kit.chain_codes import CodeTarget

SKU_MAX = 64


class ScanOther(DomainError):
    """`kind`: what was scanned."""

    code = "scan.other_kind"
    status = 409
    title = "This was scanned, and it is something else"


@dataclass(frozen=True, slots=True)
class TillScan:
    """A scan as its till may see it. `scan_id` None: nothing in it is secret."""

    found: Classified
    mode: Mode
    scan_id: str | None
    command_key: str
    """The idempotency key of whatever the till does with it: done twice, it is done once."""
    article: ArticleListed | None
    length: int
    """Characters that were read."""

    @property
    def value(self) -> str | None:
        """None: it is secret."""
        return None if self.found.secret else self.found.value

    @property
    def kinds(self) -> Sequence[str]:
        """What a person may choose from, where the till has to ask."""
        return [one.target for one in self.found.alternatives if one.target is not None]


async def scan_at(
    gateway: Gateway, till_id: str, raw: Scanned, *, mode: Mode | None = None
) -> TillScan:
    """Take a scan. `mode` None: what the till has said last that it waits for."""
    waits_for = mode or gateway.scans.mode_of(till_id)
    found = classify(raw, waits_for, gateway.scans.patterns)
    return await _kept(gateway, till_id, found, waits_for, len(raw.text))


async def say_what(
    gateway: Gateway, till_id: str, scan_id: str, target: CodeTarget, *, mode: Mode | None = None
) -> TillScan:
    """A person answers what an open scan is. Raises `ScanUnknown`, `ScanOther`."""
    asked = gateway.scans.look(till_id, scan_id, now=gateway.clock())
    if asked.kind not in ("ask", "unknown") or not asked.value:
        raise ScanOther(kind=asked.kind)
    waits_for = mode or gateway.scans.mode_of(till_id)
    found = answered(asked.value, target, waits_for)
    return await _kept(gateway, till_id, found, waits_for, len(asked.value))


async def tell_scan(
    gateway: Gateway, store_id: str, till_id: str, device_id: str, raw: Scanned
) -> None:
    """A device of the till has read something: its screen hears it."""
    announce(gateway, store_id, till_id, device_id, await scan_at(gateway, till_id, raw))


def announce(gateway: Gateway, store_id: str, till_id: str, device_id: str, told: TillScan) -> None:
    """The till's screens hear of a scan; never its secret."""
    found = told.found
    gateway.live.tell(
        store_id,
        till_id,
        LiveEvent(
            "scan",
            {
                "device": device_id,
                "kind": found.kind,
                "value": told.value,
                "label": found.label,
                "rule": found.rule,
                "action": found.action,
                "mode": told.mode,
                "target": found.target,
                "scan": told.scan_id,
                "command_key": told.command_key,
                "length": told.length,
                "choices": ",".join(told.kinds),
                "sku": None if told.article is None else told.article.sku,
                "name": None if told.article is None else told.article.name,
            },
            gateway.clock(),
        ),
    )


def code_of(gateway: Gateway, till_id: str, scan_id: str, *, by: str) -> Classified:
    """What a request's `scan` stands for. `by`: the request's idempotency key, whose repeat finds
    it again. Raises `ScanUnknown`, `ScanOther` for what was not recognized."""
    found = gateway.scans.use(till_id, scan_id, by=by, now=gateway.clock())
    if not found.value:
        raise ScanOther(kind=found.kind)
    return found


async def _kept(
    gateway: Gateway, till_id: str, found: Classified, mode: Mode, length: int
) -> TillScan:
    scan_id = gateway.scans.keep(till_id, found, now=gateway.clock()) if found.secret else None
    return TillScan(
        found, mode, scan_id, f"scan-{uuid4().hex}", await _article(gateway, found), length
    )


async def _article(gateway: Gateway, found: Classified) -> ArticleListed | None:
    """The article of the assortment; None: it has none, or cannot be looked up now."""
    if found.kind not in ("article", "gs1") and found.target != "article":
        return None
    try:
        try:
            return await by_code(gateway, found.value)
        except ArticleUnknown:
            return await article(gateway, found.value) if len(found.value) <= SKU_MAX else None
    except (ArticleUnknown, Transient):
        return None
