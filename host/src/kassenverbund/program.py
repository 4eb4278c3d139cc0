"""The one program: migrate, open, run, stop in reverse (design.md §2; decision 0007).

Order of start: database → chain and keys → migrations → stores and bus → the services'
`startup` → projections → relays → receivers → tasks → HTTP. A part that crashes stops all of it.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from fastapi import FastAPI

from kassenverbund import background
from kassenverbund.assembly import assembled, database
from kassenverbund.http import publish_health, publish_schemas
from kassenverbund.issuer import Issuer
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.service import Service
from kassenverbund.logs import set_up_telemetry
from kassenverbund.server import Server, listen, server
from kassenverbund.settings import LOCAL_HOSTS, Settings
from kassenverbund.supervisor import Supervisor
from kassenverbund.tls import ServerTls, server_tls
from kassenverbund.vat.source import HttpRateSource
from kassenverbund.vat.watch import VatWatch

if TYPE_CHECKING:
    import socket


GC_THRESHOLD = 20_000
"""Objects made between two collections of the youngest."""

STOP_S = 9.0
"""After this long a stop is no longer waited for. Everything that was promised is on disk."""

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
    end: Callable[[], None]
    """Stop the program in order."""


OnReady = Callable[[Running], Awaitable[None]]


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
        built = await stack.enter_async_context(assembled(settings, chain, services, url))
        app, parts, bus = built.app, built.parts, built.bus
        watch = _vat_watch(chain)
        publish_health(
            app,
            partial(background.unready, parts, bus, settings),
            partial(alerts_of, watch, parts),
        )
        publish_schemas(app, services)
        names = ",".join(service.name for service in services)
        stack.callback(set_up_telemetry(settings, app, services=names))

        stack.push_async_callback(supervisor.end)
        await background.start(parts, bus, supervisor, url)
        if watch is not None:
            supervisor.start("vat source", watch.run())
        tls = server_tls(settings)
        opened = listen(settings.host, settings.port)
        running = Running(
            base_url=_base_url(settings, opened, tls),
            ca=tls.ca if tls else None,
            issuer=built.issuer,
            chain=chain,
            database_url=url,
            services=tuple(services),
            settings=settings,
            end=supervisor.stop.set,
        )
        await _serve(app, settings, tls, opened, supervisor, running, on_ready)
    if supervisor.failure is not None:
        raise supervisor.failure


def alerts_of(
    watch: VatWatch | None, parts: Sequence[background.Part]
) -> Sequence[Mapping[str, str]]:
    """What people should look at, of the program and of its services."""
    found: list[Mapping[str, str]] = list(watch.alerts()) if watch else []
    for part in parts:
        if part.opened.alerts is not None:
            found += part.opened.alerts()
    return found


def _vat_watch(chain: Chain) -> VatWatch | None:
    """None: the chain names nobody who could be asked."""
    if chain.vat_source is None:
        return None
    return VatWatch(
        chain,
        HttpRateSource(chain.vat_source.url),
        every=timedelta(hours=chain.vat_source.every_hours),
        clock=partial(datetime.now, UTC),
    )


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
        if supervisor.stop.is_set():
            return  # a part has failed meanwhile, or somebody has asked us to stop
        supervisor.started = True
        _settle_memory()
        _log.info(
            "program.ready", url=running.base_url, services=[s.name for s in running.services]
        )
        if on_ready is not None:
            supervisor.group("scene")
            supervisor.start("scene", _as_coroutine(on_ready, running), may_end=True)
        await supervisor.stop.wait()
    finally:
        app.state.stopping.set()
        http.should_exit = True
        with suppress(Exception):  # _served has told it already
            await serving


def _settle_memory() -> None:
    """What is loaded by now stays: the collector need not walk over it again and again. Cycles of
    requests are collected as ever, in larger portions."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 100)


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


def _base_url(settings: Settings, opened: socket.socket, tls: ServerTls | None) -> str:
    host = settings.host
    if host in LOCAL_HOSTS or host in ("0.0.0.0", "::"):  # noqa: S104  (compared, not bound)
        host = "localhost" if host != "127.0.0.1" else host
    if ":" in host:
        host = f"[{host}]"
    return f"{'https' if tls else 'http'}://{host}:{opened.getsockname()[1]}"


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
