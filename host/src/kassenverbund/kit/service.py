"""A service as the program sees it, and the program as a service sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
from fastapi import APIRouter

from events import EventStore, Registry
from events.projection import Projection
from events.publication import Publication
from events.reaction import Reaction
from kassenverbund.kit.auth import Authenticator
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.mail import Mailer
from kassenverbund.kit.secrets import Secrets

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


@dataclass(frozen=True, slots=True)
class FiskalyAccess:
    """Where fiskaly is, and where our keys for it lie. The keys themselves are not in here."""

    url: str
    """With the version: `https://…/api/v2`."""
    secrets: Path
    """A folder with the files `api_key`, `api_secret` and `admin_pin.<TSE id>`."""
    ca: Path | None = None
    """PEM; None: the system's."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """What the program hands to a service when it opens it."""

    chain: Chain
    store: EventStore
    engine: AsyncEngine
    """Read models (SQLAlchemy Core). The service's schema is first in the search path."""
    pool: asyncpg.Pool[Any]
    """The same database without SQLAlchemy, for what every sale needs (decision 0015)."""
    client: Callable[[str], httpx.AsyncClient]
    """`client("voucher")`: HTTP to another service as *this* service, base URL set. In one
    process over an ASGI transport, otherwise over TLS. Kept open by the program."""
    authenticator: Authenticator
    secrets: Secrets
    clock: Callable[[], datetime]
    """UTC."""
    var: Path
    """A folder for what is neither event nor table (virtual printers' paper); may be empty."""
    sign_within_s: float
    """How long after its recording a booking may still be signed (`sign_by`)."""
    mailer: Mailer | None = None
    """None: no mail server is set, and nothing is promised to be mailed."""
    fiskaly: FiskalyAccess | None = None
    """None: no key is set, and TSEs of fiskaly are out."""
    terminal_secrets: Path | None = None
    """A folder with the passwords of card terminals; None: all have the usual one."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A running service's parts. The program starts and stops them.

    Order of start: `startup`, projections and reactions, `tasks`, HTTP; stop in reverse. A task
    or projection that ends with an exception stops the process with the reason.
    """

    router: APIRouter
    """Mounted at `/<service name>`, or at `root_path` below."""
    projections: Sequence[Projection] = ()
    reactions: Sequence[Reaction] = ()
    tasks: Sequence[Callable[[], Awaitable[None]]] = ()
    """Loops that run until they are cancelled (expiry of holds, printing)."""
    streamed: Mapping[str, int] = field(default_factory=dict)
    """Routes that read their body as a stream (path below the prefix → bytes at most). All other
    bodies are collected before the route is called, and are small."""
    startup: Callable[[], Awaitable[None]] | None = None
    unready: Callable[[], Awaitable[Sequence[str]]] | None = None
    """Reasons why this service can't serve now; empty or None: ready."""
    alerts: Callable[[], Sequence[Mapping[str, str]]] | None = None
    """What people should look at (`code`, `detail`, `since`): shown beside `/health/ready`, never
    a reason not to be ready."""
    close: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """`SERVICE` in a service's `service.py`."""

    name: str
    """`voucher`, `device-gateway`: entry point, topic, event source. Its schema has `_` for `-`."""
    registry: Registry
    publication: Publication | None
    migrations: Path
    """Folder of numbered plain SQL files (`0001_….sql`), run in order after the log's own."""
    open: Callable[[Runtime], Awaitable[Opened]]
    mount: str | None = None
    """Path prefix of the router. None: `/<name>`. The gateway uses `/stores`."""
    needs: frozenset[str] = field(default_factory=frozenset)
    """Services that this one calls over HTTP."""

    @property
    def schema(self) -> str:
        return self.name.replace("-", "_")
