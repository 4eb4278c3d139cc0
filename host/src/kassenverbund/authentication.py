"""Checks bearer tokens: our own JWTs, an outside OIDC issuer's, and tills' device tokens."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
import structlog
from jwt import PyJWK, PyJWKSet

from events import Transient
from kassenverbund.issuer import ALGORITHM, Issuer
from kassenverbund.kit.auth import ROLES, Caller, Unauthenticated

TOKEN_BYTES_MAX = 8 * 1024

CACHE_MAX = 4_096
"""Tokens whose signature was checked a moment ago."""

CACHE_S = 30.0

LEEWAY_S = 10
"""How far the clocks of an issuer and of this machine may be apart."""

OUTSIDE_ALGORITHMS = ("ES256", "ES384", "RS256", "PS256")
"""Never HS256: a public key must not become a shared secret."""

JWKS_KEEP_S = 600.0
JWKS_ASK_AGAIN_S = 15.0
"""A key id that we don't know leads to one fetch per this time at most."""

JWKS_WAIT_S = 5.0
JWKS_BYTES_MAX = 256 * 1024

_log = structlog.get_logger(__name__)

Check = Callable[[str], Awaitable[Caller | None]]


class Outside:
    """The keys of an outside OIDC issuer: fetched, kept for a while, fetched again on rotation."""

    def __init__(self, issuer: str, jwks_url: str | None, fetch: httpx.AsyncClient) -> None:
        self.issuer = issuer
        self._jwks_url = jwks_url
        self._fetch = fetch
        self._keys: dict[str, PyJWK] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._one = asyncio.Lock()

    async def key(self, key_id: str) -> PyJWK:
        """Raises `Unauthenticated` for a key that the issuer does not have; `Transient` when it
        can't be asked and we have no keys at all."""
        now = time.monotonic()
        if now - self._fetched_at > JWKS_KEEP_S or key_id not in self._keys:
            await self._refresh()
        found = self._keys.get(key_id)
        if found is None:
            raise Unauthenticated("the token is signed by a key that its issuer does not have")
        return found

    async def _refresh(self) -> None:
        async with self._one:
            if time.monotonic() - self._tried_at < JWKS_ASK_AGAIN_S:
                return
            self._tried_at = time.monotonic()
            try:
                keys = await self._read()
            except (httpx.HTTPError, jwt.PyJWTError, ValueError, KeyError, TypeError) as exc:
                # The keys we have stay good: an issuer that is away must not stop the tills.
                _log.warning("oidc.keys_not_fetched", issuer=self.issuer, error=repr(exc))
                if not self._keys:
                    raise Transient("the OIDC issuer's keys can't be fetched") from exc
                return
            self._keys = keys
            self._fetched_at = time.monotonic()

    async def _read(self) -> dict[str, PyJWK]:
        url = self._jwks_url
        if url is None:
            document = await self._json(
                f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
            )
            if document["issuer"] != self.issuer:
                raise ValueError("the discovery document names another issuer")
            url = str(document["jwks_uri"])
        if not url.startswith("https://"):
            raise ValueError("keys are fetched by https only")
        found = PyJWKSet.from_dict(await self._json(url))
        return {key.key_id: key for key in found.keys if key.key_id}

    async def _json(self, url: str) -> dict[str, Any]:
        answer = await self._fetch.get(url, timeout=JWKS_WAIT_S)
        answer.raise_for_status()
        if len(answer.content) > JWKS_BYTES_MAX:
            raise ValueError("the answer is too large")
        document: dict[str, Any] = answer.json()
        return document


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    until: float
    """Wall clock, seconds."""


class Authentication:
    """`kassenverbund.kit.auth.Authenticator` of the program."""

    def __init__(
        self,
        issuer: Issuer,
        *,
        outside: Outside | None = None,
        roles_claim: str = "roles",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._issuer = issuer
        self._outside = outside
        self._roles_claim = roles_claim
        self._clock = clock
        self._checks: list[tuple[str, Check]] = []
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    def accept(self, prefix: str, check: Check) -> None:
        """A later check for the same prefix replaces the earlier one (the gateway's own beats the
        question to a distant gateway)."""
        self._checks = [(prefix, check), *(pair for pair in self._checks if pair[0] != prefix)]

    async def caller(self, token: str) -> Caller:
        if len(token) > TOKEN_BYTES_MAX or not token.isascii():
            raise Unauthenticated
        for prefix, check in self._checks:
            if token.startswith(prefix):
                found = await check(token)
                if found is None:
                    raise Unauthenticated("this device token is unknown or revoked")
                return found
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is not None and self._clock() < known.until:
            return known.caller
        claims = await self._verified(token)
        found = self._caller(claims)
        self._keep(digest, found, float(claims["exp"]))
        return found

    def _keep(self, digest: bytes, caller: Caller, expires: float) -> None:
        until = min(self._clock() + CACHE_S, expires)
        self._known[digest] = _Known(caller, until)
        self._known.move_to_end(digest)
        while len(self._known) > CACHE_MAX:
            self._known.popitem(last=False)

    async def _verified(self, token: str) -> Mapping[str, Any]:
        try:
            head = jwt.get_unverified_header(token)
            claimed = jwt.decode(token, options={"verify_signature": False}).get("iss")
            if self._outside is not None and claimed == self._outside.issuer:
                jwk = await self._outside.key(str(head.get("kid", "")))
                return self._decode(token, jwk.key, OUTSIDE_ALGORITHMS, self._outside.issuer)
            public = self._issuer.key.public_key()
            return self._decode(token, public, (ALGORITHM,), self._issuer.name)
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("the token has expired") from None
        except (jwt.PyJWTError, ValueError, TypeError):
            raise Unauthenticated("the token is not valid here") from None

    def _decode(
        self, token: str, key: Any, algorithms: tuple[str, ...], issuer: str
    ) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(algorithms),
            issuer=issuer,
            audience=self._issuer.audience,
            leeway=LEEWAY_S,
            options={"require": ["exp", "iss", "aud", "sub"], "verify_nbf": True},
        )
        return claims

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        own = claims["iss"] == self._issuer.name
        found: Any = claims
        for part in ("roles" if own else self._roles_claim).split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        named = found.split() if isinstance(found, str) else found
        roles = frozenset(named) & ROLES if isinstance(named, list) else frozenset()
        kind = str(claims.get("kind", "person")) if own else "person"
        if own and self._outside is not None and kind != "service":
            raise Unauthenticated("people sign in at the chain's OIDC issuer")
        if kind not in ("person", "service"):
            raise Unauthenticated("the token is of no kind that is known here")
        store, company = claims.get("store_id"), claims.get("company_id")
        return Caller(
            kind=kind,
            id=str(claims["sub"])[:200],
            roles=roles,
            store_id=str(store) if store is not None else None,
            company_id=str(company) if company is not None else None,
        )
