"""How a refusal, a fault or a defect reaches the caller: problem+json (RFC 9457), one stable code.

`install_problem_handlers(app)` is the border of every HTTP application here, in the program and in
a service's own tests alike:

- `DomainError` → its status and code; `Transient` → 503; anything unexpected → 500 `internal` with
  an incident id, whose cause stands in the log and never in the answer;
- a body over `BODY_BYTES_MAX` → 413 (counted while it streams in), one that dawdles → 408;
- U+0000 in path, query or body → 422: `json` columns would store it and then fail;
- a route that streams (`app.state.streamed`: path → bytes at most) gets its body as it arrives,
  with the same limits on size and pace, and looks at the text itself;
- security headers on every answer.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from events import DomainError, LostRace, Transient
from events.store.connection import is_transient
from kassenverbund.kit.limits import BODY_BYTES_MAX as BODY_BYTES_MAX
from kassenverbund.kit.openapi import document_problems

BODY_WAIT_S = 15.0
"""How long a body may take to arrive."""

STREAM_WAIT_S = 300.0
"""How long a streamed body may take as a whole; `BODY_WAIT_S` is for each piece of it."""

RETRY_AFTER_S = 1
"""What a caller is told to wait after a lost race or a passing fault."""

ERRORS_MAX = 20
"""How many faults of one request are named."""

PROBLEM = "application/problem+json"

SECURITY_HEADERS = (
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
)
"""Set where a route has not set its own. Receipts carry inline styles and images, no script."""

_NUL_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

_log = logging.getLogger("kassenverbund.http")

_STATUS_CODES: Mapping[int, tuple[str, str]] = {
    400: ("request.malformed", "The request can't be read"),
    404: ("route.unknown", "There is nothing at this address"),
    405: ("route.method_not_allowed", "This address does not know this method"),
    406: ("request.not_acceptable", "There is no such representation"),
    413: ("request.too_large", "The request is too large"),
    415: ("request.media_type", "The body must be application/json"),
    422: ("request.invalid", "The request does not have the required shape"),
}


class RequestTooLarge(DomainError):
    code = "request.too_large"
    status = 413
    title = "The request is too large"


class RequestTooSlow(DomainError):
    code = "request.too_slow"
    status = 408
    title = "The body did not arrive in time"


class RequestInvalid(DomainError):
    code = "request.invalid"
    status = 422
    title = "The request does not have the required shape"


def problem(
    path: str,
    *,
    status: int,
    code: str,
    title: str,
    detail: str = "",
    instance: str = "",
    extra: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem+json answer. `extra` never overrides the members that RFC 9457 names."""
    document = {
        **(extra or {}),
        "type": f"urn:kassenverbund:problem:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail or title,
        "instance": instance or path,
    }
    # What a caller sent may come back in a path or a detail: lone surrogates can't be encoded.
    text = json.dumps(document, ensure_ascii=False, default=str, allow_nan=False)
    body = text.encode("utf-8", errors="replace")
    return Response(body, status_code=status, headers=dict(headers or {}), media_type=PROBLEM)


def problem_of(path: str, refusal: DomainError) -> Response:
    """The answer for a refusal. `retry_after_s` in its `extra` also becomes `Retry-After`."""
    headers: dict[str, str] = {}
    wait_s = refusal.extra.get("retry_after_s")
    if isinstance(refusal, LostRace) and wait_s is None:
        wait_s = RETRY_AFTER_S
    if isinstance(wait_s, int):
        headers["retry-after"] = str(wait_s)
    if refusal.status == 401:
        headers["www-authenticate"] = "Bearer"
    return problem(
        path,
        status=refusal.status,
        code=refusal.code,
        title=refusal.title,
        detail=refusal.detail,
        extra=refusal.extra,
        headers=headers,
    )


def install_problem_handlers(app: FastAPI, *, body_bytes_max: int = BODY_BYTES_MAX) -> None:
    """Make `app` answer every error as this module promises, and guard its border."""
    app.add_exception_handler(DomainError, _on_refusal)
    app.add_exception_handler(Transient, _on_fault)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.state.streamed = {}
    app.add_middleware(Border, body_bytes_max=body_bytes_max)
    document_problems(app)


async def _on_refusal(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, DomainError)
    return problem_of(request.url.path, exc)


async def _on_fault(request: Request, exc: Exception) -> Response:
    _log.warning("a passing fault at %s: %r", request.url.path, exc)
    return _unavailable(request.url.path)


def _unavailable(path: str) -> Response:
    return problem(
        path,
        status=503,
        code="unavailable",
        title="Something this request needs is away; ask again with the same Idempotency-Key",
        extra={"retry_after_s": RETRY_AFTER_S},
        headers={"retry-after": str(RETRY_AFTER_S)},
    )


async def _on_invalid(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    errors: Sequence[Mapping[str, object]] = exc.errors()
    malformed = any(error.get("type") == "json_invalid" for error in errors)
    status = 400 if malformed else 422
    code, title = _STATUS_CODES[status]
    return problem(
        request.url.path,
        status=status,
        code=code,
        title=title,
        # The input is not repeated: it may hold a code or a token.
        extra={
            "errors": [
                {"field": _field(error.get("loc")), "message": str(error.get("msg", ""))[:300]}
                for error in errors[:ERRORS_MAX]
            ]
        },
    )


def _field(loc: object) -> str:
    """`("body", "lines", 0, "quantity")` → `lines[0].quantity`."""
    if not isinstance(loc, Iterable):
        return ""
    parts = list(loc)
    if len(parts) > 1 and parts[0] == "body":
        parts = parts[1:]
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f"{'.' if path else ''}{part}"
    return path[:200]


async def _on_http(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    code, title = _STATUS_CODES.get(exc.status_code, (f"http.{exc.status_code}", str(exc.detail)))
    return problem(
        request.url.path, status=exc.status_code, code=code, title=title, headers=exc.headers
    )


class Border:
    """The outermost layer: bodies bounded and read whole, defects caught, headers set (ASGI)."""

    def __init__(self, app: ASGIApp, *, body_bytes_max: int = BODY_BYTES_MAX) -> None:
        self._app = app
        self._body_bytes_max = body_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False
        path: str = scope["path"]
        stream_bytes_max: int | None = scope["app"].state.streamed.get(path)
        streamed = None
        if stream_bytes_max is not None:
            streamed = Streamed(receive, bytes_max=stream_bytes_max)

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                if streamed is not None and not streamed.whole:
                    headers["connection"] = "close"  # The rest of the body stays unread.
                for name, value in SECURITY_HEADERS:
                    headers.setdefault(name, value)
            await send(message)

        try:
            if streamed is not None:
                _declared(scope, streamed.bytes_max)
                _without_nul(scope, b"")
                await self._app(scope, streamed, guarded)
                return
            body = await self._body(scope, receive)
            _without_nul(scope, body)
            await self._app(scope, _replay(body, receive), guarded)
        except ClientGone:
            return
        except DomainError as refusal:
            # The rest of the body stays unread, so the connection can't serve another request.
            answer = problem_of(path, refusal)
            answer.headers["connection"] = "close"
            await answer(scope, receive, guarded)
        except Exception as fault:
            if started:
                raise
            await self._broken(path, fault)(scope, receive, guarded)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        _declared(scope, self._body_bytes_max)
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(BODY_WAIT_S):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGone
                    chunk: bytes = message.get("body", b"")
                    size += len(chunk)
                    if size > self._body_bytes_max:
                        raise RequestTooLarge(f"at most {self._body_bytes_max} bytes")
                    chunks.append(chunk)
                    if not message.get("more_body", False):
                        return b"".join(chunks) if len(chunks) > 1 else chunk
        except TimeoutError:
            raise RequestTooSlow from None

    def _broken(self, path: str, fault: Exception) -> Response:
        if isinstance(fault, Transient) or is_transient(fault):
            _log.warning("a passing fault at %s: %r", path, fault)
            return _unavailable(path)
        incident = uuid4().hex
        _log.error("incident %s at %s", incident, path, exc_info=fault)
        return problem(
            path,
            status=500,
            code="internal",
            title="Something went wrong here; it is recorded",
            instance=f"urn:kassenverbund:incident:{incident}",
            extra={"incident": incident},
        )


class ClientGone(Exception):
    """The caller hung up before its request was whole."""


class Streamed:
    """A body as it arrives (ASGI receive). Raises `RequestTooLarge`, `RequestTooSlow` and
    `ClientGone` where it is read."""

    def __init__(self, receive: Receive, *, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.whole = False
        """All of it was read."""
        self._receive = receive
        self._size = 0
        self._deadline = asyncio.get_running_loop().time() + STREAM_WAIT_S

    async def __call__(self) -> Message:
        if self.whole:
            return await self._receive()
        try:
            now = asyncio.get_running_loop().time()
            async with asyncio.timeout_at(min(self._deadline, now + BODY_WAIT_S)):
                message = await self._receive()
        except TimeoutError:
            raise RequestTooSlow from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        self._size += len(message.get("body", b""))
        if self._size > self.bytes_max:
            raise RequestTooLarge(f"at most {self.bytes_max} bytes")
        self.whole = not message.get("more_body", False)
        return message


def _declared(scope: Scope, bytes_max: int) -> None:
    """Refuse what says itself that it is too large."""
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > bytes_max:
        raise RequestTooLarge(f"at most {bytes_max} bytes")


def _without_nul(scope: Scope, body: bytes) -> None:
    raw_query: bytes = scope.get("query_string", b"")
    if b"\0" in body or "\0" in scope["path"] or b"%00" in raw_query or _NUL_ESCAPE.search(body):
        raise RequestInvalid("the character U+0000 is not allowed")


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def once() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once
