"""How services reach each other over HTTP: inside one process without a socket, else by TLS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta

import httpx
from starlette.types import ASGIApp

from events import Transient
from kassenverbund.issuer import SERVICE_TOKEN_MINUTES, Issuer
from kassenverbund.kit.auth import Caller
from kassenverbund.settings import Settings, url_of
from kassenverbund.tls import peer_context

CALL_S = 5.0
"""Default limit of one call; callers with a cashier waiting pass a shorter one."""

CONNECTIONS_MAX = 100

RENEW_BEFORE = timedelta(minutes=1)

INTROSPECTION_KEEP_S = 5.0
"""So long a revoked till may still be known to a service that has to ask the gateway."""

INTROSPECTIONS_MAX = 4_096


class PeerUnknown(LookupError):
    """A service that this program needs runs elsewhere, and its address was not told."""


class AsService(httpx.Auth):
    """Signs each call as one service of the chain, with a token that is renewed in time."""

    def __init__(self, issuer: Issuer, service: str, clock: Callable[[], datetime]) -> None:
        self._issuer = issuer
        self._service = service
        self._clock = clock
        self._token = ""
        self._until: datetime | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        now = self._clock()
        if self._until is None or now >= self._until - RENEW_BEFORE:
            self._token = self._issuer.service(self._service, now=now)
            self._until = now + timedelta(minutes=SERVICE_TOKEN_MINUTES)
        request.headers["authorization"] = f"Bearer {self._token}"
        yield request


class InProcess(httpx.AsyncBaseTransport):
    """The program's own application, called without a socket, but within the caller's time-out."""

    def __init__(self, app: ASGIApp) -> None:
        self._inner = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._running: set[asyncio.Future[httpx.Response]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        limits = [
            limit for limit in request.extensions.get("timeout", {}).values() if limit is not None
        ]
        # As over a socket: where the caller gives up, what the callee began is not undone.
        call = asyncio.ensure_future(self._inner.handle_async_request(request))
        self._running.add(call)
        call.add_done_callback(self._running.discard)
        try:
            return await asyncio.wait_for(asyncio.shield(call), max(limits, default=None))
        except TimeoutError:
            raise httpx.ReadTimeout("no answer in time", request=request) from None

    async def aclose(self) -> None:
        await self._inner.aclose()


class Clients:
    """Makes and keeps the clients of one program. `here`: the services that it runs itself."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        here: frozenset[str],
        issuer: Issuer,
        settings: Settings,
        clock: Callable[[], datetime],
    ) -> None:
        self._app = app
        self._here = here
        self._issuer = issuer
        self._settings = settings
        self._clock = clock
        self._open = AsyncExitStack()
        self._kept: dict[tuple[str, str], httpx.AsyncClient] = {}

    def of(self, caller: str) -> Callable[[str], httpx.AsyncClient]:
        """`Runtime.client` of the service `caller`. Raises `PeerUnknown`."""

        def client(service: str) -> httpx.AsyncClient:
            kept = self._kept.get((caller, service))
            if kept is None:
                kept = self._make(caller, service)
                self._kept[caller, service] = kept
                self._open.push_async_callback(kept.aclose)
            return kept

        return client

    def _make(self, caller: str, service: str) -> httpx.AsyncClient:
        auth = AsService(self._issuer, caller, self._clock)
        if service in self._here:
            return httpx.AsyncClient(
                transport=InProcess(self._app),
                base_url="https://kassenverbund.internal",
                auth=auth,
                timeout=CALL_S,
            )
        url = url_of(service)
        if url is None:
            name = service.replace("-", "_").upper()
            raise PeerUnknown(f"{caller} needs {service}: set KASSENVERBUND_URL_{name}")
        return httpx.AsyncClient(
            verify=peer_context(self._settings),
            base_url=url,
            auth=auth,
            timeout=CALL_S,
            limits=httpx.Limits(
                max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX
            ),
        )

    async def close(self) -> None:
        await self._open.aclose()


class Introspection:
    """Asks the gateway who holds a device token, where the gateway runs elsewhere."""

    def __init__(self, client: httpx.AsyncClient, monotonic: Callable[[], float]) -> None:
        self._client = client
        self._monotonic = monotonic
        self._kept: dict[str, tuple[float, Caller | None]] = {}

    async def __call__(self, token: str) -> Caller | None:
        """The till, or None. Raises `Transient` where the gateway does not answer."""
        now = self._monotonic()
        kept = self._kept.get(token)
        if kept is not None and now < kept[0]:
            return kept[1]
        try:
            answer = await self._client.post("/stores/introspections", json={"token": token})
            if answer.status_code not in (200, 401, 404):
                answer.raise_for_status()
        except httpx.HTTPError as exc:
            raise Transient("the gateway can't be asked about a device token") from exc
        caller = None
        if answer.status_code == 200:
            facts = answer.json()
            if facts.get("active", True):
                caller = Caller(
                    kind="till",
                    id=str(facts.get("id") or facts["till_id"]),
                    roles=frozenset(facts.get("roles", ())),
                    store_id=facts["store_id"],
                    till_id=facts["till_id"],
                )
        if len(self._kept) >= INTROSPECTIONS_MAX:
            self._kept.clear()
        self._kept[token] = (now + INTROSPECTION_KEEP_S, caller)
        return caller
