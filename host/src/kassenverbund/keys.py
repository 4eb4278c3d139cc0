"""The chain's root key, and who may make one."""

from __future__ import annotations

import secrets as random_source
from pathlib import Path

from kassenverbund.kit.secrets import KEY_BYTES, SecretMissing, Secrets
from kassenverbund.tls import write_secret


def root_secrets(path: Path, *, make: bool) -> Secrets:
    """The keys that hang on the file at `path`; `make`: a missing file is made (mode 0600).

    Raises `SecretMissing`.
    """
    if not path.exists():
        if not make:
            raise SecretMissing(
                f"{path} is missing: mount the chain's root key ({KEY_BYTES} random bytes)"
            )
        write_secret(path, random_source.token_bytes(KEY_BYTES))
    return Secrets.from_file(path)
