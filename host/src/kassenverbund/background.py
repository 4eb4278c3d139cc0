"""What runs behind the HTTP routes: stores, bus, projections, relays, receivers, tasks."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from events import EventStore, Transient
from events.bus.contract import Bus
from events.bus.kafka import KafkaBus
from events.bus.postgres import PostgresBus
from events.dead_letter_events import DeadLetterDiscarded
from events.lease import PostgresLease
from events.receiver import Receiver
from events.relay import run_relay
from events.store.checkpoints import PostgresCheckpoints
from events.store.dead_letters import PostgresDeadLetters
from events.store.growth import POLL_S
from events.store.postgres import PostgresEventStore
from events.subscription import checkpoint_name, run_projection
from kassenverbund.kit.service import Opened, Service
from kassenverbund.settings import Settings
from kassenverbund.supervisor import Supervisor

BUS_START_S = 3.0
"""How long a start waits for the bus. A line that is half open would keep tills closed."""

_log = structlog.get_logger(__name__)

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


@dataclass(frozen=True, slots=True)
class Part:
    """One service that this program runs."""

    service: Service
    opened: Opened
    store: EventStore
    engine: AsyncEngine


def open_store(
    url: str, service: Service, *, role: str | None, pool_max: int, poll_s: float = POLL_S
) -> AbstractAsyncContextManager[EventStore]:
    """A service's log."""
    return PostgresEventStore.open(
        url,
        service=service.name,
        schema=service.schema,
        registry=service.registry.including(DeadLetterDiscarded),
        role=role,
        pool_max=pool_max,
        poll_s=poll_s,
    )


@asynccontextmanager
async def open_bus(settings: Settings, database_url: str) -> AsyncIterator[Bus]:
    """Apache Kafka where its address is set, otherwise the bus in PostgreSQL."""
    if settings.kafka_bootstrap is not None:
        async with KafkaBus.open(
            settings.kafka_bootstrap, ssl_context=_kafka_tls(settings), client_id="kassenverbund"
        ) as kafka:
            yield kafka
        return
    url = settings.bus_url.get_secret_value() if settings.bus_url else database_url
    async with PostgresBus.open(url, poll_s=settings.poll_every_s) as postgres:
        yield postgres


def _kafka_tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.kafka_ca is None:
        return None
    context = ssl.create_default_context(cafile=str(settings.kafka_ca))
    if settings.kafka_certificate is not None:
        context.load_cert_chain(settings.kafka_certificate, settings.kafka_key)
    return context


async def start(parts: Sequence[Part], bus: Bus, supervisor: Supervisor, url: str) -> None:
    """Start everything, in order. Returns when all of it has begun."""
    topics = {part.service.publication.topic for part in parts if part.service.publication}
    topics |= {reaction.topic for part in parts for reaction in part.opened.reactions}
    try:
        async with asyncio.timeout(BUS_START_S):
            await bus.ensure_topics(sorted(topics))
    except (Transient, TimeoutError) as fault:
        # A broker that is away stops no sale: relays and receivers wait for it.
        _log.warning("program.bus_away", error=str(fault) or "no answer")
    for part in parts:
        if part.opened.startup is not None:
            await part.opened.startup()

    supervisor.group("projections")
    for part in parts:
        for projection in part.opened.projections:
            supervisor.start(
                f"{part.service.name}: projection {projection.name}",
                run_projection(part.store, part.engine, projection, schema=part.service.schema),
            )
    supervisor.group("relays")
    for part in parts:
        if part.service.publication is not None:
            supervisor.start(f"{part.service.name}: relay", _relay(part, bus, url))
    supervisor.group("receivers")
    for part in parts:
        if part.opened.reactions:
            letters = PostgresDeadLetters(part.engine, schema=part.service.schema)
            receiver = Receiver(bus, part.service.name, part.opened.reactions, letters)
            supervisor.start(f"{part.service.name}: receiver", receiver.run())
    supervisor.group("tasks")
    for part in parts:
        for number, task in enumerate(part.opened.tasks, start=1):
            name = getattr(task, "__name__", str(number))
            supervisor.start(f"{part.service.name}: {name}", _run(task), may_end=True)


async def _relay(part: Part, bus: Bus, url: str) -> None:
    service = part.service
    publication = service.publication
    assert publication is not None  # start() has looked
    await run_relay(
        part.store,
        bus,
        publication,
        PostgresCheckpoints(part.engine, schema=service.schema),
        lease=PostgresLease(url, schema=service.schema, name="relay"),
    )


async def _run(task: Callable[[], Awaitable[None]]) -> None:
    await task()


async def unready(parts: Sequence[Part], bus: Bus, settings: Settings) -> list[str]:
    """Why this process can't serve now; empty: it can."""
    reasons: list[str] = []
    if not await bus.healthy():
        reasons.append("bus: away")
    for part in parts:
        name = part.service.name
        try:
            head = await part.store.head()
            checkpoints = PostgresCheckpoints(part.engine, schema=part.service.schema)
            for projection in part.opened.projections:
                behind = head - await checkpoints.load(checkpoint_name(projection))
                if behind > settings.lag_records_max:
                    reasons.append(f"{name}: {projection.name} is {behind} events behind")
            if part.opened.unready is not None:
                reasons.extend(f"{name}: {reason}" for reason in await part.opened.unready())
        except Transient:
            reasons.append(f"{name}: database away")
    return reasons
