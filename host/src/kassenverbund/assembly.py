"""Puts a program together, without starting it: database, keys, stores, bus, opened services.

`run_program` starts what is assembled here; a command that only needs a service's handlers (the
retry of a dead letter) assembles too, and starts nothing.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
import structlog
from fastapi import FastAPI

from events import EventStore
from events.bus.contract import Bus
from events.store.connection import engine_for
from events.store.migrate import migrate
from events.store.pool import pool_for
from kassenverbund import background
from kassenverbund.authentication import Authentication, Outside
from kassenverbund.clients import Clients, Introspection
from kassenverbund.http import application, mount
from kassenverbund.identity import claim_database
from kassenverbund.issuer import Issuer
from kassenverbund.keys import issuer_of, secrets_of
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.mail import Mailer, SmtpMailer
from kassenverbund.kit.secrets import Secrets
from kassenverbund.kit.service import FiskalyAccess, Runtime, Service
from kassenverbund.postgres import private_database
from kassenverbund.settings import Settings, url_of
from kassenverbund.tls import peer_context

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

GATEWAY = "device-gateway"

TILL_TOKEN = "kvt_"  # noqa: S105  (a prefix, not a token)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Assembled:
    """All parts, not started."""

    app: FastAPI
    parts: tuple[background.Part, ...]
    bus: Bus
    issuer: Issuer


def role_of(service: Service) -> str:
    """The database role that a service's connections take (SELECT and INSERT on its log)."""
    return f"{service.schema}_service"


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[str]:
    """The address of the database: the given one, or a private server for as long as it is open."""
    if settings.postgres_url is not None:
        yield settings.postgres_url
        return
    async with private_database(settings.var) as private:
        yield private.url


async def migrate_all(
    url: str, services: Sequence[Service], settings: Settings
) -> dict[str, list[str]]:
    """Bring every service's schema up to date; which files ran, by service."""
    ran = {}
    for service in services:
        ran[service.name] = await migrate(
            url,
            schema=service.schema,
            folder=service.migrations,
            role=role_of(service) if settings.database_roles else None,
        )
    return ran


@asynccontextmanager
async def assembled(
    settings: Settings,
    chain: Chain,
    services: Sequence[Service],
    url: str,
    *,
    clock: Callable[[], datetime] | None = None,
) -> AsyncIterator[Assembled]:
    """The services on the database at `url`, migrated and opened, their routes mounted. `clock`:
    what they take for the time; None: the time. Tokens always go by the time."""
    secrets, issuer = secrets_of(settings), issuer_of(settings, chain)
    await claim_database(url, chain_id=chain.id, secrets=secrets)
    for name, ran in (await migrate_all(url, services, settings)).items():
        if ran:
            _log.info("program.migrated", service=name, files=len(ran))
    async with AsyncExitStack() as stack:
        authentication = await _authentication(stack, settings, issuer)
        app = application(settings, authenticator=authentication, issuer=issuer)
        clients = Clients(
            app,
            here=frozenset(service.name for service in services),
            issuer=issuer,
            settings=settings,
            clock=_now,
        )
        stack.push_async_callback(clients.close)
        bus = await stack.enter_async_context(background.open_bus(settings, url))
        runtime = partial(
            _runtime, chain=chain, clients=clients, secrets=secrets, settings=settings,
            authentication=authentication, clock=clock or _now,
        )  # fmt: skip
        parts = [await _open(stack, service, url, settings, runtime) for service in services]
        _ask_the_gateway_about_tills(authentication, clients, services)
        for part in parts:
            mount(app, part.service, part.opened)
        yield Assembled(app, tuple(parts), bus, issuer)


async def _authentication(
    stack: AsyncExitStack, settings: Settings, issuer: Issuer
) -> Authentication:
    outside = None
    if settings.oidc_issuer is not None:
        fetch = await stack.enter_async_context(
            httpx.AsyncClient(verify=peer_context(settings), follow_redirects=False)
        )
        outside = Outside(settings.oidc_issuer, settings.oidc_jwks_url, fetch)
    return Authentication(issuer, outside=outside, roles_claim=settings.oidc_roles_claim)


def _ask_the_gateway_about_tills(
    authentication: Authentication, clients: Clients, services: Sequence[Service]
) -> None:
    """Where the gateway runs elsewhere, a till's token is checked by asking it."""
    if any(service.name == GATEWAY for service in services) or url_of(GATEWAY) is None:
        return
    client = clients.of(services[0].name)(GATEWAY)
    authentication.accept(TILL_TOKEN, Introspection(client, time.monotonic))


def _runtime(
    service: Service,
    store: EventStore,
    engine: AsyncEngine,
    pool: asyncpg.Pool[Any],
    *,
    chain: Chain,
    clients: Clients,
    secrets: Secrets,
    settings: Settings,
    authentication: Authentication,
    clock: Callable[[], datetime],
) -> Runtime:
    for needed in sorted(service.needs):
        clients.of(service.name)(
            needed
        )  # an address that is missing is found at start, not at noon
    return Runtime(
        chain=chain,
        store=store,
        engine=engine,
        pool=pool,
        client=clients.of(service.name),
        authenticator=authentication,
        secrets=secrets,
        clock=clock,
        var=_own_folder(settings.var, service),
        sign_within_s=settings.sign_within_s,
        mailer=_mailer(settings),
        fiskaly=_fiskaly(settings),
        terminal_secrets=settings.terminal_secrets,
    )


def _fiskaly(settings: Settings) -> FiskalyAccess | None:
    if settings.fiskaly_secrets is None:
        return None
    return FiskalyAccess(settings.fiskaly_url, settings.fiskaly_secrets, settings.fiskaly_ca)


def _mailer(settings: Settings) -> Mailer | None:
    if settings.smtp_url is None or settings.smtp_sender is None:
        return None
    return SmtpMailer(
        settings.smtp_url.get_secret_value(), sender=settings.smtp_sender, ca=settings.smtp_ca
    )


def _own_folder(var: Path, service: Service) -> Path:
    folder = var.resolve() / service.name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def _open(
    stack: AsyncExitStack,
    service: Service,
    url: str,
    settings: Settings,
    runtime: Callable[[Service, EventStore, AsyncEngine, asyncpg.Pool[Any]], Runtime],
) -> background.Part:
    role = role_of(service) if settings.database_roles else None
    store = await stack.enter_async_context(
        background.open_store(
            url,
            service,
            role=role,
            pool_max=settings.database_connections_max,
            poll_s=settings.poll_every_s,
        )
    )
    engine = engine_for(
        url, schema=service.schema, role=role, pool_max=settings.database_connections_max
    )
    stack.push_async_callback(engine.dispose)
    pool = await stack.enter_async_context(
        pool_for(url, schema=service.schema, role=role, pool_max=settings.database_connections_max)
    )
    opened = await service.open(runtime(service, store, engine, pool))
    if opened.close is not None:
        stack.push_async_callback(opened.close)
    return background.Part(service, opened, store, engine)


def _now() -> datetime:
    return datetime.now(UTC)
