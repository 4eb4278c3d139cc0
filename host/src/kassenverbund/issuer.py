"""The chain's own issuer: tokens for people on one machine, and for services everywhere.

ES256 over one key file that the processes of a chain share. Its public half is served at
`/.well-known/jwks.json`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kassenverbund.kit.limits import ROLES
from kassenverbund.tls import write_secret

ALGORITHM = "ES256"

TOKEN_HOURS_MAX = 24 * 31
"""A token can't be called back, so it does not live longer than a month."""

SERVICE_TOKEN_MINUTES = 15

NOT_BEFORE_SKEW_S = 5


class KeyUnusable(Exception):
    """The issuer's key file is missing where it must be given, or holds no P-256 key."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Signs tokens. `name` is their `iss`."""

    name: str
    audience: str
    key: ec.EllipticCurvePrivateKey
    key_id: str

    @classmethod
    def from_file(cls, path: Path, *, name: str, audience: str, make: bool) -> Issuer:
        """The issuer whose key lies in `path`; `make`: a missing key is made (mode 0600).

        Raises `KeyUnusable`.
        """
        if not path.exists():
            if not make:
                raise KeyUnusable(f"{path} is missing")
            fresh = ec.generate_private_key(ec.SECP256R1())
            pem = fresh.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            write_secret(path, pem)
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except ValueError as exc:
            raise KeyUnusable(f"{path} holds no PEM key") from exc
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise KeyUnusable(f"{path} must hold a P-256 key")
        spki = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return cls(name, audience, key, hashlib.sha256(spki).hexdigest()[:16])

    def person(
        self,
        subject: str,
        roles: Sequence[str],
        *,
        now: datetime,
        valid_for: timedelta,
        store_id: str | None = None,
        company_id: str | None = None,
    ) -> str:
        """A bearer token for a person (or a system that acts like one). Raises `ValueError`."""
        unknown = set(roles) - ROLES
        if unknown or not roles:
            raise ValueError(f"roles are: {', '.join(sorted(ROLES))}")
        if not timedelta(0) < valid_for <= timedelta(hours=TOKEN_HOURS_MAX):
            raise ValueError(f"a token is valid for at most {TOKEN_HOURS_MAX} hours")
        extra = {"store_id": store_id} if store_id else {}
        if company_id:
            extra["company_id"] = company_id
        return self._sign(subject, roles, now, valid_for, {"kind": "person", **extra})

    def service(self, service: str, *, now: datetime) -> str:
        """A token by which one service of this chain calls another."""
        valid_for = timedelta(minutes=SERVICE_TOKEN_MINUTES)
        return self._sign(service, ["service"], now, valid_for, {"kind": "service"})

    def _sign(
        self,
        subject: str,
        roles: Sequence[str],
        now: datetime,
        valid_for: timedelta,
        extra: Mapping[str, str],
    ) -> str:
        claims = {
            "iss": self.name,
            "aud": self.audience,
            "sub": subject,
            "roles": sorted(roles),
            "iat": now,
            "nbf": now - timedelta(seconds=NOT_BEFORE_SKEW_S),
            "exp": now + valid_for,
            "jti": uuid4().hex,
            **extra,
        }
        return jwt.encode(claims, self.key, algorithm=ALGORITHM, headers={"kid": self.key_id})

    def jwks(self) -> dict[str, Any]:
        """The public half, as RFC 7517 has it."""
        numbers = self.key.public_key().public_numbers()
        return {
            "keys": [
                {
                    "kty": "EC", "crv": "P-256", "use": "sig", "alg": ALGORITHM,
                    "kid": self.key_id, "x": _b64(numbers.x), "y": _b64(numbers.y),
                }
            ]
        }  # fmt: skip

    def jwks_json(self) -> bytes:
        return json.dumps(self.jwks()).encode()


def _b64(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()
