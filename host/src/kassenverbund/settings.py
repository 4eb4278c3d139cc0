"""Every setting of the program, with its default. Nothing else reads the environment.

Names are upper case with the prefix `KASSENVERBUND_`; `DATABASE_URL`, `KAFKA_BOOTSTRAP` and
`OTEL_EXPORTER_OTLP_ENDPOINT` go by the names that platforms use. A `.env` file is not read.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from kassenverbund.kit.limits import BODY_BYTES_MAX

URL_PREFIX = "KASSENVERBUND_URL_"

LOCAL_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


class Settings(BaseSettings):
    """Read once, when the program starts."""

    model_config = SettingsConfigDict(
        env_prefix="KASSENVERBUND_", extra="forbid", frozen=True, populate_by_name=True
    )

    chain: Path = Path("chain.yaml")
    """The chain's declaration."""
    var: Path = Path("var")
    """What the program itself keeps: private PostgreSQL, keys, certificates, printed paper."""

    host: str = "127.0.0.1"
    """Address to listen on. Anything but localhost needs TLS."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8443
    """0: any free port (it is printed)."""
    tls: Literal["self-made", "given", "off"] = "self-made"
    """`self-made`: a CA and a certificate under `var/tls`. `off` is refused beyond localhost."""
    tls_certificate: Path | None = None
    """PEM, with its chain (tls=given)."""
    tls_key: Path | None = None
    """PEM (tls=given)."""
    tls_names: Annotated[tuple[str, ...], Field(max_length=20)] = ()
    """More host names and addresses for the self-made certificate (a JSON list)."""
    tls_client_ca: Path | None = None
    """PEM: callers must show a certificate of this CA (store box and cluster)."""
    peer_ca: Path | None = None
    """PEM: the CA of the other services. None: the system's."""
    peer_certificate: Path | None = None
    """PEM: our certificate towards other services."""
    peer_key: Path | None = None

    database_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("database_url", "DATABASE_URL", "KASSENVERBUND_DATABASE_URL"),
    )
    """postgresql://… None: a private PostgreSQL under `var/postgres`."""
    database_connections_max: Annotated[int, Field(ge=2, le=100)] = 8
    """Connections of one service's log, and again of its read models."""
    database_roles: bool = True
    """Each service's connections take a role that can't change its log. False where the database's
    user may neither make nor take roles."""
    poll_s: Annotated[float, Field(gt=0, le=5)] | None = None
    """How soon events of other processes on the same database are seen. None: 0.02, and 0.25 with
    a private PostgreSQL, where there is nobody else. Events of this process are seen at once."""
    bus_url: SecretStr | None = None
    """Database of the PostgreSQL bus. None: `DATABASE_URL`."""
    kafka_bootstrap: str | None = Field(
        default=None,
        validation_alias=AliasChoices(
            "kafka_bootstrap", "KAFKA_BOOTSTRAP", "KASSENVERBUND_KAFKA_BOOTSTRAP"
        ),
    )
    """host:port,… of Apache Kafka. None: the bus is PostgreSQL."""
    kafka_ca: Path | None = None
    """PEM: TLS towards Kafka, with this CA. None: plaintext (only inside one machine or pod)."""
    kafka_certificate: Path | None = None
    kafka_key: Path | None = None

    root_key_file: Path | None = None
    """32 bytes from which all keys come. None: `var/secrets/root.key`, made if there is none."""
    issuer_key_file: Path | None = None
    """PEM, P-256: signs the chain's own tokens. None: `var/secrets/issuer.pem`, made if missing.
    Processes of one chain share it: services call each other with its tokens."""
    audience: str = "kassenverbund"
    """`aud` of every token."""
    oidc_issuer: str | None = None
    """An outside OIDC issuer (https). With one, own tokens are for services only."""
    oidc_jwks_url: str | None = None
    """None: found by the issuer's discovery document."""
    oidc_roles_claim: str = "roles"
    """A dot reaches into objects: `realm_access.roles`."""

    smtp_url: SecretStr | None = None
    """Mail server for vouchers by mail: `smtps://user:password@host:465` or
    `smtp+starttls://…:587`. None: nothing is mailed."""
    smtp_sender: str | None = None
    """The address that mails come from (with `smtp_url`)."""
    smtp_ca: Path | None = None
    """PEM: the CA of the mail server. None: the system's."""

    fiskaly_url: str = "https://kassensichv-middleware.fiskaly.com/api/v2"
    """fiskaly SIGN DE v2, for TSEs of that kind in the chain."""
    fiskaly_secrets: Path | None = None
    """A folder with the files `api_key`, `api_secret` and, for each TSE on which tills are to be
    registered, `admin_pin.<TSE id>`. None: such TSEs are out."""
    fiskaly_ca: Path | None = None
    """PEM: the CA of `fiskaly_url`. None: the system's."""

    terminal_secrets: Path | None = None
    """A folder with the files `password.<device id>` and `password` (for all others) of card
    terminals, six digits each. None: all have the usual one, 000000."""

    host_names: Annotated[tuple[str, ...], Field(max_length=50)] = ()
    """Names by which callers may ask for this program (a JSON list, without ports): against DNS
    rebinding on a store's network. Empty: any. Health, and the machine itself, need none."""
    body_bytes_max: Annotated[int, Field(ge=1024, le=16 * 1024 * 1024)] = BODY_BYTES_MAX
    """The largest request body."""
    connections_max: Annotated[int, Field(ge=10, le=100_000)] = 2_000
    """Open connections; more are answered with 503."""
    sign_within_s: Annotated[float, Field(gt=0, le=3600)] = 10.0
    """How long after its recording a booking may still be signed."""
    lag_records_max: Annotated[int, Field(ge=1)] = 50_000
    """A projection further behind than this makes the process unready."""

    log_format: Literal["auto", "json", "console"] = "auto"
    """`auto`: for people on a terminal, JSON otherwise."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    otlp_endpoint: str | None = Field(
        default=None,
        validation_alias=AliasChoices(
            "otlp_endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT", "KASSENVERBUND_OTLP_ENDPOINT"
        ),
    )
    """Where traces and metrics go (OTLP over HTTP). None: nowhere."""

    @model_validator(mode="after")
    def _hangs_together(self) -> Settings:
        if self.tls == "off" and self.host not in LOCAL_HOSTS:
            raise ValueError(f"plain HTTP only on localhost, not on {self.host}: set TLS")
        if self.tls == "given" and not (self.tls_certificate and self.tls_key):
            raise ValueError("tls=given needs tls_certificate and tls_key")
        if (self.smtp_url is None) != (self.smtp_sender is None):
            raise ValueError("smtp_url and smtp_sender belong together")
        host = urlsplit(self.fiskaly_url).hostname
        if not self.fiskaly_url.startswith("https://") and host not in LOCAL_HOSTS:
            raise ValueError(f"{self.fiskaly_url}: fiskaly is reached by https")
        for url in (self.oidc_issuer, self.oidc_jwks_url):
            if url and not url.startswith("https://"):
                raise ValueError(f"{url}: an OIDC issuer is reached by https")
        return self

    @property
    def postgres_url(self) -> str | None:
        return self.database_url.get_secret_value() if self.database_url else None

    @property
    def poll_every_s(self) -> float:
        return self.poll_s or (0.02 if self.database_url else 0.25)

    @property
    def root_key(self) -> Path:
        return self.root_key_file or self.var / "secrets" / "root.key"

    @property
    def issuer_key(self) -> Path:
        return self.issuer_key_file or self.var / "secrets" / "issuer.pem"


def url_of(service: str) -> str | None:
    """Where another service is found: `KASSENVERBUND_URL_DEVICE_GATEWAY`, or None if not told."""
    return os.environ.get(URL_PREFIX + service.replace("-", "_").upper())
