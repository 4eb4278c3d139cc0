"""Who comes for print jobs: HTTP Basic or Digest with a password that is kept nowhere.

The password of a printer is a keyed hash of its store, its id and its `pull_id`: whoever has the
chain's root key can say it again, and a new `pull_id` makes the old one worthless. Digest (RFC
7616) with MD5 or SHA-256, as printers know it; a nonce carries its own time and is good for five
minutes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets as random
from datetime import datetime, timedelta

from kassenverbund.kit.secrets import Secrets

PURPOSE = "device_gateway.pull_printing"
NONCE_PURPOSE = "device_gateway.pull_printing.nonce"
REALM = "printing"
NONCE_VALID = timedelta(minutes=5)
PASSWORD_BYTES = 15
"""120 bits: 24 characters that somebody types into a printer's page once."""
HEADER_MAX = 2_000

_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


class Door:
    """Checks who asks. Pure but for the nonces that it makes."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._nonce_key = secrets.key(NONCE_PURPOSE)

    def password(self, store_id: str, printer_id: str, pull_id: str) -> str:
        """What is typed into the printer."""
        value = "\n".join((store_id, printer_id, pull_id))
        digest = bytes.fromhex(self._secrets.keyed_hash(PURPOSE, value))
        return base64.b32encode(digest[:PASSWORD_BYTES]).decode().lower()

    def challenges(self, now: datetime) -> list[str]:
        """Values of `WWW-Authenticate`. MD5 first: many printers look at the first one alone."""
        nonce = self._nonce(now, random.token_hex(8))
        digest = [
            f'Digest realm="{REALM}", qop="auth", algorithm={name}, nonce="{nonce}"'
            for name in ("MD5", "SHA-256")
        ]
        return [*digest, f'Basic realm="{REALM}"']

    def opens(
        self, header: str, *, user: str, password: str, method: str, uri: str, now: datetime
    ) -> bool:
        """Whether `Authorization: header` is that of `user`. `uri`: path and query as asked."""
        scheme, _, rest = header[:HEADER_MAX].partition(" ")
        match scheme.lower():
            case "basic":
                said = base64.b64encode(f"{user}:{password}".encode()).decode()
                return hmac.compare_digest(rest.strip().encode(), said.encode())
            case "digest":
                return self._digest(rest, user, password, method, uri, now)
            case _:
                return False

    def _digest(
        self, rest: str, user: str, password: str, method: str, uri: str, now: datetime
    ) -> bool:
        said = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(rest)}
        algorithm = _HASHES.get(said.get("algorithm", "MD5").upper())
        nonce, count, own = (said.get(name, "") for name in ("nonce", "nc", "cnonce"))
        if algorithm is None or said.get("qop") != "auth" or said.get("uri") != uri:
            return False
        if said.get("username") != user or said.get("realm") != REALM:
            return False
        if not self._fresh(nonce, now):
            return False

        def hashed(text: str) -> str:
            return algorithm(text.encode()).hexdigest()

        secret = hashed(f"{user}:{REALM}:{password}")
        asked = hashed(f"{method}:{uri}")
        right = hashed(f"{secret}:{nonce}:{count}:{own}:auth:{asked}")
        return hmac.compare_digest(said.get("response", "").lower().encode(), right.encode())

    def _nonce(self, now: datetime, salt: str) -> str:
        at = f"{int(now.timestamp()):x}-{salt}"
        proof = hmac.digest(self._nonce_key, at.encode(), "sha256").hex()[:32]
        return f"{at}-{proof}"

    def _fresh(self, nonce: str, now: datetime) -> bool:
        at, _, proof = nonce.rpartition("-")
        right = hmac.digest(self._nonce_key, at.encode(), "sha256").hex()[:32]
        if not hmac.compare_digest(proof.encode(), right.encode()):
            return False
        age = now.timestamp() - int(at.partition("-")[0], 16)
        return -1 <= age <= NONCE_VALID.total_seconds()
