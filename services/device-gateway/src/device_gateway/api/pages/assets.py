"""Style sheets, scripts and pictures of the pages: read once, named by their content.

A page asks for `till.css?v=<digest>`; an asset may be kept for ever, for a changed one has another
address. Nothing is taken from another server.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from events import DomainError

FOLDER = Path(__file__).parent / "assets"
SHOWN_DIGITS = 12
"""Of a digest, in an address."""

FOR_EVER = "public, max-age=31536000, immutable"
GZIP_BYTES_MIN = 1_024

TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".wasm": "application/wasm",
}
"""What is served at all. Licences and lists stay where they are."""


class AssetUnknown(DomainError):
    code = "route.unknown"
    status = 404
    title = "There is nothing at this address"


@dataclass(frozen=True, slots=True)
class Asset:
    name: str
    content: bytes = field(repr=False)
    media_type: str
    digest: str
    packed: bytes | None = field(repr=False, default=None)
    """By gzip, where that is smaller."""


@lru_cache(maxsize=1)
def assets() -> Mapping[str, Asset]:
    """By name. Read at the first call: a name from outside never becomes a path."""
    found = {}
    for path in sorted(FOLDER.iterdir()):
        media_type = TYPES.get(path.suffix)
        if media_type is None:
            continue
        content = path.read_bytes()
        packed = gzip.compress(content, mtime=0) if len(content) >= GZIP_BYTES_MIN else None
        found[path.name] = Asset(
            name=path.name,
            content=content,
            media_type=media_type,
            digest=hashlib.sha256(content).hexdigest(),
            packed=packed if packed is not None and len(packed) < len(content) else None,
        )
    return found


def address_of(name: str, store_id: str) -> str:
    """Raises `KeyError`: a template names what is not there."""
    return f"/stores/{store_id}/till/assets/{name}?v={assets()[name].digest[:SHOWN_DIGITS]}"


def router() -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/{store_id}/till/assets/{name}")
    async def asset(store_id: str, name: str, request: Request) -> Response:
        """Open to all: it says nothing about a store."""
        found = assets().get(name)
        if found is None:
            raise AssetUnknown
        tag = f'"{found.digest[:SHOWN_DIGITS]}"'
        headers = {"cache-control": FOR_EVER, "etag": tag, "vary": "accept-encoding"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        if found.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            return Response(found.packed, media_type=found.media_type, headers=headers)
        return Response(found.content, media_type=found.media_type, headers=headers)

    return routes
