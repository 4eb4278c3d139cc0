"""The one program: migrate, open, run, stop in reverse (design.md §2; decision 0007).

Order of start: database → chain and keys → migrations → stores and bus → the services'
`startup` → projections → relays → receivers → tasks → HTTP. A part that crashes stops all of it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from fastapi import FastAPI

from events.store.connection import engine_for
from events.store.migrate import migrate
from kassenverbund import background
from kassenverbund.authentication import Authentication, Outside
from kassenverbund.clients import Clients, Introspection
from kassenverbund.http import application, mount, publish_health, publish_schemas
from kassenverbund.identity import claim_database
from kassenverbund.issuer import Issuer
from kassenverbund.keys import root_secrets
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.secrets import Secrets
from kassenverbund.kit.service import Runtime, Service
from kassenverbund.logs import set_up_telemetry
from kassenverbund.postgres import private_database
from kassenverbund.server import Server, listen, server
from kassenverbund.settings import LOCAL_HOSTS, Settings, url_of
from kassenverbund.supervisor import Supervisor
from kassenverbund.tls import ServerTls, peer_context, server_tls

if TYPE_CHECKING:
    import socket

    from sqlalchemy.ext.asyncio import AsyncEngine

    from events import EventStore

STOP_S = 9.0
"""After this long a stop is no longer waited for. Everything that was promised is on disk."""

GATEWAY = "device-gateway"

TILL_TOKEN = "kvt_"  # noqa: S105  (a prefix, not a token)

EXIT_STUCK = 70

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """The program, ready for callers."""

    base_url: str
    ca: Path | None
    """What callers have to trust; None: nothing special, or plain HTTP."""
    issuer: Issuer
    chain: Chain
    database_url: str
    services: tuple[Service, ...]
    settings: Settings


OnReady = Callable[[Running], Awaitable[None]]


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


def issuer_of(settings: Settings, chain: Chain) -> Issuer:
    """The chain's own issuer. Its key is made only where the program keeps its own keys."""
    return Issuer.from_file(
        settings.issuer_key,
        name=f"urn:kassenverbund:{chain.id}",
        audience=settings.audience,
        make=settings.issuer_key_file is None,
    )


def secrets_of(settings: Settings) -> Secrets:
    return root_secrets(settings.root_key, make=settings.root_key_file is None)


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


async def run_program(
    settings: Settings,
    chain: Chain,
    services: Sequence[Service],
    *,
    supervisor: Supervisor,
    on_ready: OnReady | None = None,
) -> None:
    """Run until `supervisor.stop` is set, then stop in order. `on_ready` runs beside HTTP.

    Raises `ProgramFailed` where a part has crashed; whatever start raises, if it fails.
    """
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(database(settings))
        secrets, issuer = secrets_of(settings), issuer_of(settings, chain)
        await claim_database(url, chain_id=chain.id, secrets=secrets)
        for name, ran in (await migrate_all(url, services, settings)).items():
            if ran:
                _log.info("program.migrated", service=name, files=len(ran))

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
            authentication=authentication,
        )  # fmt: skip
        parts = [await _open(stack, service, url, settings, runtime) for service in services]
        _ask_the_gateway_about_tills(authentication, clients, services)
        for part in parts:
            mount(app, part.service, part.opened)
        publish_health(app, partial(background.unready, parts, bus, settings))
        publish_schemas(app, services)
        names = ",".join(service.name for service in services)
        stack.callback(set_up_telemetry(settings, app, services=names))

        stack.push_async_callback(supervisor.end)
        await background.start(parts, bus, supervisor, settings)
        tls = server_tls(settings)
        opened = listen(settings.host, settings.port)
        running = Running(
            base_url=_base_url(settings, opened, tls),
            ca=tls.ca if tls else None,
            issuer=issuer,
            chain=chain,
            database_url=url,
            services=tuple(services),
            settings=settings,
        )
        await _serve(app, settings, tls, opened, supervisor, running, on_ready)
    if supervisor.failure is not None:
        raise supervisor.failure


async def _serve(
    app: FastAPI,
    settings: Settings,
    tls: ServerTls | None,
    opened: socket.socket,
    supervisor: Supervisor,
    running: Running,
    on_ready: OnReady | None,
) -> None:
    http: Server = server(app, settings, tls)
    serving = asyncio.create_task(http.serve(sockets=[opened]), name="http")
    serving.add_done_callback(partial(_served, supervisor))
    try:
        await _first(http.listens.wait(), supervisor.stop.wait())
        supervisor.started = True
        _log.info(
            "program.ready", url=running.base_url, services=[s.name for s in running.services]
        )
        if on_ready is not None:
            supervisor.group("scene")
            supervisor.start("scene", _as_coroutine(on_ready, running), may_end=True)
        await supervisor.stop.wait()
    finally:
        http.should_exit = True
        with suppress(Exception):  # _served has told it already
            await serving


async def _as_coroutine(on_ready: OnReady, running: Running) -> None:
    await on_ready(running)


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


def _served(supervisor: Supervisor, serving: asyncio.Task[None]) -> None:
    if serving.cancelled():
        supervisor.stop.set()
    elif serving.exception() is not None:
        supervisor.fail("http", serving.exception() or RuntimeError())
    elif not supervisor.stop.is_set():
        supervisor.fail("http", RuntimeError("the server ended, and should not"))


async def _authentication(
    stack: AsyncExitStack, settings: Settings, issuer: Issuer
) -> Authentication:
    import httpx

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
    *,
    chain: Chain,
    clients: Clients,
    secrets: Secrets,
    settings: Settings,
    authentication: Authentication,
) -> Runtime:
    for needed in sorted(service.needs):
        clients.of(service.name)(
            needed
        )  # an address that is missing is found at start, not at noon
    return Runtime(
        chain=chain,
        store=store,
        engine=engine,
        client=clients.of(service.name),
        authenticator=authentication,
        secrets=secrets,
        clock=_now,
        var=_own_folder(settings.var, service),
        sign_within_s=settings.sign_within_s,
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
    runtime: Callable[[Service, EventStore, AsyncEngine], Runtime],
) -> background.Part:
    role = role_of(service) if settings.database_roles else None
    store = await stack.enter_async_context(
        background.open_store(url, service, role=role, pool_max=settings.database_connections_max)
    )
    engine = engine_for(
        url, schema=service.schema, role=role, pool_max=settings.database_connections_max
    )
    stack.push_async_callback(engine.dispose)
    opened = await service.open(runtime(service, store, engine))
    if opened.close is not None:
        stack.push_async_callback(opened.close)
    return background.Part(service, opened, store, engine)


def _base_url(settings: Settings, opened: socket.socket, tls: ServerTls | None) -> str:
    host = settings.host
    if host in LOCAL_HOSTS or host in ("0.0.0.0", "::"):  # noqa: S104  (compared, not bound)
        host = "localhost" if host != "127.0.0.1" else host
    if ":" in host:
        host = f"[{host}]"
    return f"{'https' if tls else 'http'}://{host}:{opened.getsockname()[1]}"


def _now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def stopped_by_signals(supervisor: Supervisor, main: asyncio.Task[None]) -> Iterator[None]:
    """SIGTERM and Ctrl-C end the program in order; a second one, or `STOP_S`, at once."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if supervisor.stop.is_set():
            os._exit(EXIT_STUCK)
        _log.info("program.stopping")
        supervisor.stop.set()
        last = threading.Timer(STOP_S, _give_up)
        last.daemon = True
        last.start()
        if not supervisor.started:
            main.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _give_up() -> None:
    # The private PostgreSQL is told by the kernel when we are gone.
    os.write(2, b"kassenverbund: the stop took too long; leaving at once\n")
    os._exit(EXIT_STUCK)


def run(
    settings: Settings, chain: Chain, services: Sequence[Service], *, on_ready: OnReady | None
) -> None:
    """`run_program` on an event loop of its own, until a signal. Raises as it does."""
    import uvloop

    async def main() -> None:
        supervisor = Supervisor()
        task = asyncio.current_task()
        assert task is not None  # inside a coroutine of a runner
        with stopped_by_signals(supervisor, task):
            try:
                await run_program(
                    settings, chain, services, supervisor=supervisor, on_ready=on_ready
                )
            except asyncio.CancelledError:
                if not supervisor.stop.is_set():
                    raise

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
