"""Keys that never stand in an event or a table: for hashing codes and for encrypting what waits."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path

KEY_BYTES = 32


class SecretMissing(RuntimeError):
    """A key file is missing where it must have been given (a cluster)."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Keys derived from the chain's root key, one per purpose (HKDF-like, HMAC-SHA-256).

    The root key lies in one file (mode 0600, 32 bytes). On one machine the program makes it under
    `var/`; elsewhere it is mounted. Losing it makes every code unreadable: back it up.
    """

    root: bytes
    key_id: str

    def key(self, purpose: str) -> bytes:
        """32 bytes for `purpose` (`voucher.code_hash`). Stable for a root key."""
        return hmac.digest(self.root, b"kassenverbund/" + purpose.encode(), "sha256")

    def keyed_hash(self, purpose: str, value: str) -> str:
        """HMAC-SHA-256 as hex: what an event or an index holds instead of a code."""
        return hmac.digest(self.key(purpose), value.encode(), "sha256").hex()

    @classmethod
    def from_file(cls, path: Path) -> Secrets:
        raw = path.read_bytes()
        if len(raw) != KEY_BYTES:
            raise SecretMissing(f"{path} must hold exactly {KEY_BYTES} bytes")
        return cls(root=raw, key_id=hashlib.sha256(b"id" + raw).hexdigest()[:8])
