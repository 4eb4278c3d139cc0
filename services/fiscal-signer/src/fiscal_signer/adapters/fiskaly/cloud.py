"""HTTP to fiskaly SIGN DE v2: tokens, time-outs, and the pauses that it asks for.

Nothing is repeated blindly here. A call whose fate is unknown becomes a `TseFault`, and the driver
asks the device before it asks for anything again.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from fiscal_signer.adapters.fiskaly.errors import Declined, fault_for
from fiscal_signer.adapters.fiskaly.wire import Token
from fiscal_signer.ports import TseError, TseFault

Answer = TypeVar("Answer", bound=BaseModel)

ANSWER_BYTES_MAX = 4 * 1024 * 1024
RENEW_BEFORE_S = 300.0
"""So long before its end a token is replaced."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who we are towards fiskaly. Never in a log, an event or an exception."""

    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, but for the counts. The document advises 3 to 5 s for transactions."""

    call_s: float = 3.0
    """One call of the interface."""
    wait_max_s: float = 1.0
    """A pause up to this length is waited for; a longer one is told to the caller at once."""
    waits_max: int = 2
    """So many pauses in one call."""
    file_s: float = 30.0
    """Between two pieces of a file."""
    pause_s: float = 1.0
    """The pause where the interface names none."""


def client_for(url: str, ca: Path | None, limits: Limits) -> httpx.AsyncClient:
    """A client for the interface at `url`; `ca`: PEM of another CA than the system's."""
    verify: ssl.SSLContext | bool = True
    if ca is not None:
        verify = ssl.create_default_context(cafile=str(ca))
    return httpx.AsyncClient(
        base_url=url.rstrip("/") + "/",
        verify=verify,
        timeout=limits.call_s,
        follow_redirects=False,
        headers={"user-agent": "kassenverbund"},
    )


class Cloud:
    """One account at fiskaly; shared by its devices."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        access: Access,
        *,
        monotonic: Callable[[], float],
        limits: Limits,
    ) -> None:
        self._client = client
        self._access = access
        self._monotonic = monotonic
        self._limits = limits
        self._signing_in = asyncio.Lock()
        self._token: Token | None = None
        self._renew_at = 0.0
        self._refresh_until = 0.0
        self._not_before: dict[str, float] = {}

    async def ask(
        self,
        answer: type[Answer],
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str | int] | None = None,
        anew: bool = True,
    ) -> Answer:
        """Call the interface. `anew`: whether a 401 means that our token is stale.

        Raises `Declined`: it refuses this call; `TseFault`: the device or the way to it is out.
        """
        return read(answer, await self.fetch(method, path, body=body, query=query, anew=anew))

    async def paced(
        self,
        answer: type[Answer],
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
    ) -> tuple[Answer, float | None]:
        """Like `ask`, with the seconds after which the interface wants to be asked again."""
        response = await self._exchange(method, path, body=None, query=query, anew=True)
        return read(answer, _content(response)), _seconds(response)

    async def stream(self, path: str) -> AsyncIterator[bytes]:
        """A file, in pieces. Raises `TseFault`, also in the middle."""
        await self._hold_back("/".join(path.split("/", 2)[:2]))
        headers = {"authorization": f"Bearer {await self._bearer()}"}
        timeout = httpx.Timeout(self._limits.call_s, read=self._limits.file_s)
        try:
            async with self._client.stream(
                "GET", path, headers=headers, timeout=timeout
            ) as response:
                if not response.is_success:
                    await response.aread()
                    _content(response)
                async for piece in response.aiter_bytes():
                    yield piece
        except httpx.HTTPError as away:
            raise TseFault(TseError.UNREACHABLE, type(away).__name__) from None
        except Declined as declined:
            raise TseFault(TseError.STORAGE_FAILURE, str(declined)) from declined

    async def fetch(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str | int] | None = None,
        anew: bool = True,
    ) -> bytes:
        """Like `ask`, for the bytes of the answer."""
        return _content(await self._exchange(method, path, body=body, query=query, anew=anew))

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str | int] | None,
        anew: bool,
    ) -> httpx.Response:
        scope = "/".join(path.split("/", 2)[:2])
        waits = 0
        while True:
            await self._hold_back(scope)
            token = await self._bearer()
            response = await self._send(method, path, body=body, query=query, token=token)
            if response.status_code == 401 and anew and self._token is not None:
                # It may have been revoked before its time. Asked once more, with a new one.
                self._token, anew = None, False
                continue
            if response.status_code not in (429, 503):
                return response
            self._not_before[scope] = self._monotonic() + self._pause(response)
            if waits >= self._limits.waits_max:
                return response
            waits += 1

    async def _hold_back(self, scope: str) -> None:
        """Wait out a short pause that was asked for; a long one is a fault, without a call."""
        left = self._not_before.get(scope, 0.0) - self._monotonic()
        if left <= 0:
            return
        if left > self._limits.wait_max_s:
            raise TseFault(TseError.BUSY, f"fiskaly asks for a pause of {left:.0f} s")
        await asyncio.sleep(left)

    def _pause(self, response: httpx.Response) -> float:
        named = _seconds(response)
        return self._limits.pause_s if named is None else named

    async def _bearer(self) -> str:
        async with self._signing_in:
            if self._token is None or self._monotonic() >= self._renew_at:
                await self._sign_in()
            assert self._token is not None  # Set right above, or it raised.
            return self._token.access_token

    async def _sign_in(self) -> None:
        """A new token: by the refresh token while that is good, else by key and secret."""
        renewed: Token | None = None
        if self._token is not None and self._monotonic() < self._refresh_until:
            try:
                renewed = await self._auth({"refresh_token": self._token.refresh_token})
            except TseFault as refused:
                if refused.code is not TseError.USER_NOT_AUTHENTICATED:
                    raise
        if renewed is None:
            access = self._access
            renewed = await self._auth({"api_key": access.api_key, "api_secret": access.api_secret})
        now = self._monotonic()
        life = renewed.access_token_expires_in
        self._renew_at = now + max(life - RENEW_BEFORE_S, life / 2)
        self._refresh_until = now + renewed.refresh_token_expires_in
        self._token = renewed

    async def _auth(self, body: Mapping[str, str]) -> Token:
        await self._hold_back("auth")
        response = await self._send("POST", "auth", body=body, query=None, token="")
        if response.status_code in (429, 503):
            self._not_before["auth"] = self._monotonic() + self._pause(response)
        if response.status_code in (400, 401, 403, 404):
            raise TseFault(TseError.USER_NOT_AUTHENTICATED, "fiskaly does not know our key")
        return read(Token, _content(response))

    async def _send(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str | int] | None,
        token: str,
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        try:
            return await self._client.request(
                method, path, json=body, params=dict(query or {}), headers=headers
            )
        except httpx.HTTPError as away:
            # Whether it was done is unknown. The text would hold nothing but the address.
            raise TseFault(TseError.UNREACHABLE, type(away).__name__) from None


def _seconds(response: httpx.Response) -> float | None:
    named = response.headers.get("retry-after", "")
    return float(named) if named.isascii() and named.isdigit() else None


def read(answer: type[Answer], content: bytes) -> Answer:
    """An answer's JSON. Raises `TseFault` for what can't be read."""
    try:
        return answer.model_validate_json(content)
    except ValidationError as broken:
        where = ", ".join(".".join(map(str, one["loc"])) for one in broken.errors()[:3])
        raise TseFault(TseError.UNREACHABLE, f"an unreadable answer: {where}") from None


class _Refusal(BaseModel):
    code: str = ""


def _content(response: httpx.Response) -> bytes:
    if response.is_success and len(response.content) <= ANSWER_BYTES_MAX:
        return response.content
    if response.status_code < 400:
        raise TseFault(TseError.UNREACHABLE, f"an answer with status {response.status_code}")
    try:
        code = _Refusal.model_validate_json(response.content).code
    except ValidationError:
        code = ""
    fault = fault_for(response.status_code, code)
    if fault is not None:
        raise TseFault(fault, f"fiskaly says {response.status_code} {code}".strip())
    raise Declined(response.status_code, code)
