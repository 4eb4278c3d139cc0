"""Only callers who ask for us by our name: a page of elsewhere whose name was bent to our address
(DNS rebinding) sends its own name, and gets nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from events import DomainError
from kassenverbund.kit.problems import problem_of

ALWAYS = frozenset({"localhost", "127.0.0.1", "[::1]", "kassenverbund.internal"})
"""The machine itself."""

OPEN_PATHS = ("/health/",)
"""Asked by whatever address a platform knows."""


class HostUnknown(DomainError):
    code = "host.unknown"
    status = 421
    title = "This program is not called by this name"


class HostNames:
    """Refuses requests for other hosts (ASGI)."""

    def __init__(self, app: ASGIApp, *, names: Iterable[str]) -> None:
        self._app = app
        self._names = ALWAYS | {name.lower() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(OPEN_PATHS):
            asked = [value for name, value in scope["headers"] if name == b"host"]
            if len(asked) != 1 or host_of(asked[0].decode("latin-1")) not in self._names:
                await problem_of(scope["path"], HostUnknown())(scope, receive, send)
                return
        await self._app(scope, receive, send)


def host_of(header: str) -> str:
    """`Kasse.example:8443` → `kasse.example`; `[::1]:8443` → `[::1]`."""
    if header.startswith("["):
        return header.partition("]")[0].lower() + "]"
    return header.partition(":")[0].lower().rstrip(".")
