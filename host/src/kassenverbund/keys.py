"""The chain's keys: where they lie, and where the program may make them."""

from __future__ import annotations

import secrets as random_source
from pathlib import Path

from kassenverbund.issuer import Issuer
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.secrets import KEY_BYTES, SecretMissing, Secrets
from kassenverbund.settings import Settings
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


def issuer_of(settings: Settings, chain: Chain) -> Issuer:
    """The chain's own issuer. Its key is made only where the program keeps its own keys."""
    return Issuer.from_file(
        settings.issuer_key,
        name=f"urn:kassenverbund:{chain.id}",
        audience=settings.audience,
        make=settings.issuer_key_file is None,
    )


def secrets_of(settings: Settings) -> Secrets:
    """The keys of this chain. The root key is made only where the program keeps its own."""
    return root_secrets(settings.root_key, make=settings.root_key_file is None)
